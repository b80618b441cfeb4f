"""The number of BLAS threads, when a run is granted more than one CPU."""

from __future__ import annotations

import os

_SETTERS = (
    "scipy_openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "openblas_set_num_threads",
)


def set_threads(count: int) -> None:
    """Let the loaded OpenBLAS, and those still to be loaded, use `count` threads."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = str(count)
    if count <= 1:
        return  # what the zygote started with
    import ctypes

    for path in _loaded_libraries():
        library = ctypes.CDLL(path)
        for setter in _SETTERS:
            if hasattr(library, setter):
                getattr(library, setter)(ctypes.c_int(count))
                break


def _loaded_libraries() -> set[str]:
    with open("/proc/self/maps") as maps:
        paths = {line.split(maxsplit=5)[-1].strip() for line in maps if "openblas" in line}
    return {path for path in paths if path.startswith("/")}
