"""What three modules want done at a fork: kept back from the zygote's forks, given to a run's own.

`threading` and `logging` make their locks anew in a forked child, `random` its seed. A run is a
copy of a zygote that has one thread and holds no lock, so it needs none of this, and running it
would touch, and so copy, about 150 pages of the template in each run. What a calculation forks
itself is another matter, and so is what others want done: matplotlib forgets its open font files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_KEPT_BACK = {"threading", "logging", "random"}

_Hooks = dict[str, Callable[[], object]]
_kept: list[_Hooks] = []


@contextmanager
def kept_back() -> Iterator[None]:
    """Keep what these modules register with ``os.register_at_fork`` meanwhile, until `release`."""
    register = os.register_at_fork

    def keep(**hooks: Callable[[], object]) -> None:
        if {getattr(hook, "__module__", None) for hook in hooks.values()} <= _KEPT_BACK:
            _kept.append(hooks)
        else:
            register(**hooks)

    os.register_at_fork = keep  # type: ignore[assignment]
    try:
        yield
    finally:
        os.register_at_fork = register


def release() -> None:
    """In the run: register what was kept back, for the forks of the calculation."""
    for hooks in _kept:
        os.register_at_fork(**hooks)
    _kept.clear()
    if "random" in sys.modules:
        import random

        random.seed()  # the one hook that a run needs itself
