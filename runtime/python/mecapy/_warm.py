"""What a zygote does before its first fork: imports that its runs would pay for, and order."""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import os
import sys
from collections.abc import Iterator

from mecapy import _forks, _places


def warm(modules: str, packages: str, cache: str) -> None:
    """Make the interpreter ready to be copied, so that a copy has as little as can be to do.

    All there is then is kept from the garbage collector: a collection in a copy would touch, and so
    copy, every page of the template.

    Parameters
    ----------
    modules : str
        What to import, separated by spaces.
    packages : str
        The folder of the environment's packages.
    cache : str
        A folder that the zygote may write and its runs read.
    """
    gc.disable()
    os.environ.pop("LD_BIND_NOW", None)  # the loader has read it; no run should see it
    _places.set_for_all(packages, cache)
    _add_site_builtins()
    names = modules.split()
    with _forks.kept_back():
        import mecapy._entry  # of functions that the SDK takes along
        import mecapy._harness

        with _own_matplotlib_folder():
            for name in names:
                importlib.import_module(name)
            if "numpy" in names:
                _use_numpy()
            if "matplotlib.pyplot" in names:
                _use_matplotlib()
        mecapy._harness.rehearse()
    _forks.settle()
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, io.TextIOWrapper)
        stream.reconfigure(line_buffering=True)
    gc.collect()
    gc.freeze()
    gc.enable()
    if names and "matplotlib.pyplot" not in names:
        import mecapy._fonts

        mecapy._fonts.fill_cache()
    sys.path.insert(0, _places.work)  # the author's own files, as beside a script


def _use_numpy() -> None:
    # First use of the linear algebra sets up its buffers; a matrix this small starts no thread.
    import numpy

    numpy.linalg.solve(numpy.eye(3), numpy.ones(3))


def _use_matplotlib() -> None:
    # The first figure with text and a formula reads fonts and builds the parser of formulas.
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    axes.plot([0.0, 1.0], [0.0, 1.0], label="a")
    axes.set_title(r"$\sigma_{yy} = \frac{F}{A}$")
    axes.legend()
    figure.savefig(io.BytesIO(), format="png")
    pyplot.close(figure)


@contextlib.contextmanager
def _own_matplotlib_folder() -> Iterator[None]:
    """Let matplotlib keep its list of fonts where the zygote may write."""
    folder = f"{_places.cache}/zygote"
    if not os.access(os.path.dirname(folder), os.W_OK):
        yield
        return
    before = os.environ.get("MPLCONFIGDIR")
    os.environ["MPLCONFIGDIR"] = folder
    try:
        yield
    finally:
        if before is None:
            del os.environ["MPLCONFIGDIR"]
        else:
            os.environ["MPLCONFIGDIR"] = before


def _add_site_builtins() -> None:
    """Give `exit`, `quit`, `copyright` and `help`, and nothing else of `site`: no path, no .pth."""
    import site

    site.setquit()
    site.setcopyright()
    site.sethelper()
