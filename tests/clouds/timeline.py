"""What happens later in a simulated cloud: one thread, one list of moments."""

import heapq
import itertools
import threading
import time
import traceback
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


class Timeline:
    """Delays are the clouds' own, in seconds, and are multiplied by `scale`."""

    def __init__(self, scale: float) -> None:
        """Begin."""
        self.scale = scale
        self.crashes: list[str] = []  # of the simulators' own: whoever looks finds them
        self._moments: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._held = False
        threading.Thread(target=self._run, daemon=True).start()

    def later(self, delay_s: float, act: Callable[[], None]) -> None:
        """Have `act` called once, on the thread of this."""
        with self._changed:
            at = time.monotonic() + delay_s * self.scale
            heapq.heappush(self._moments, (at, next(self._order), act))
            self._changed.notify()

    def hold(self, held: bool) -> None:
        """While it is held, nothing happens; what was due in the meantime happens after it."""
        with self._changed:
            self._held = held
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while (wait := self._wait()) is None or wait > 0:
                    self._changed.wait(wait)
                act = heapq.heappop(self._moments)[2]
            self.guard(act, None)

    def guard(self, act: Callable[[], _T], otherwise: _T) -> _T:
        """What `act` returns; that the simulator fails at it is kept, and ends nothing else."""
        try:
            return act()
        except Exception:
            self.crashes.append(traceback.format_exc())
            return otherwise

    def _wait(self) -> float | None:
        """Seconds until the next moment; nothing when there is none to wait for."""
        if self._held or not self._moments:
            return None
        return self._moments[0][0] - time.monotonic()
