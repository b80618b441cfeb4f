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


__all__ = ["is_loaded", "np"]
