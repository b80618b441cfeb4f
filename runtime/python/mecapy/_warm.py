"""What the zygote does before its first fork: imports that every run would pay for, and order."""

from __future__ import annotations

import gc
import io
import sys


def warm() -> None:
    """Make the interpreter ready to be copied.

    The garbage collector is off until the run turns it on: a collection in a copy would touch, and
    so copy, every page of the template.
    """
    gc.disable()
    _add_site_builtins()
    import numpy
    import numpy.fft
    import numpy.linalg
    import numpy.ma
    import numpy.random  # noqa: F401

    import mecapy._fonts
    import mecapy._harness

    # First use of the linear algebra sets up its buffers; a matrix this small starts no thread.
    numpy.linalg.solve(numpy.eye(3), numpy.ones(3))
    mecapy._harness.rehearse()
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, io.TextIOWrapper)
        stream.reconfigure(line_buffering=True)
    gc.collect()
    gc.freeze()
    mecapy._fonts.fill_cache()


def _add_site_builtins() -> None:
    """Give `exit`, `quit`, `copyright` and `help`, and nothing else of `site`: no path, no .pth."""
    import site

    site.setquit()
    site.setcopyright()
    site.sethelper()
