"""What a calculation may ask of the platform that runs it.

A calculation is a function ``calculate(inputs)``. It needs nothing from here; ``progress`` is for
those that run long enough to be watched, ``checkpoint`` for those that should not begin again.
"""

from mecapy import checkpoint
from mecapy._progress import progress

__all__ = ["checkpoint", "progress"]
