"""numpy, imported when it is first used: a calculation that never needs it does not pay for it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any


class _Numpy:
    def __getattr__(self, name: str) -> Any:
        import numpy

        return getattr(numpy, name)


if TYPE_CHECKING:
    import numpy as np
else:
    np = _Numpy()


def is_loaded() -> bool:
    """Whether a value can be numpy's at all."""
    return "numpy" in sys.modules


STATE_WORDS = 624  # of numpy's global generator, MT19937; behind them the position, an int


def state_address() -> int:
    """Where numpy's global generator keeps its state in memory; 0 when numpy is not loaded.

    ``numpy.random.seed()`` in each run would copy 150 pages of the template; a few words written
    there are one page (src/zygote/interpreter.cc).

    Raises
    ------
    RuntimeError
        The state there is not laid out as expected.
    """
    if "numpy.random" not in sys.modules:
        return 0
    import ctypes

    generator = np.random.mtrand._rand._bit_generator
    address = int(generator.ctypes.state_address)
    words = (ctypes.c_uint32 * (STATE_WORDS + 1)).from_address(address)
    state = generator.state["state"]
    if list(words) != [*state["key"].tolist(), state["pos"]]:
        raise RuntimeError("numpy keeps the state of its generator in another way")
    return address


__all__ = ["STATE_WORDS", "is_loaded", "np", "state_address"]
