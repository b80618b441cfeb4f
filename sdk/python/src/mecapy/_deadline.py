"""Points in time until which something may take."""

from __future__ import annotations

import time


class Deadline:
    """A point in time; None is never."""

    def __init__(self, timeout: float | None) -> None:
        self._at = None if timeout is None else time.monotonic() + timeout

    @property
    def over(self) -> bool:
        """Whether it has passed."""
        return self.left(1) <= 0

    def left(self, most: float) -> float:
        """Seconds until then, from 0 to `most`."""
        if self._at is None:
            return most
        return min(most, max(0.0, self._at - time.monotonic()))

    def later(self, seconds: float) -> Deadline:
        """The point in time so much later."""
        other = Deadline(None)
        other._at = None if self._at is None else self._at + seconds
        return other


NEVER = Deadline(None)
