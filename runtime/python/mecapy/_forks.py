"""What modules want done at a fork: kept back from the zygote's forks, given to a run's own.

`threading` and `logging` make their locks anew in a forked child, `random` its seed, and matplotlib
forgets its open font files. A run is a copy of a zygote that has one thread, holds no lock and has
forgotten what is to be forgotten, so it needs none of this, and running it would touch, and so
copy, some 300 pages of the template in each run. What a calculation forks itself is another matter.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_Hooks = dict[str, Callable[[], object]]
_kept: list[_Hooks] = []


@contextmanager
def kept_back() -> Iterator[None]:
    """Keep what is registered with ``os.register_at_fork`` meanwhile, until the first fork."""
    register = os.register_at_fork

    def keep(**hooks: Callable[[], object]) -> None:
        _kept.append(hooks)

    os.register_at_fork = keep  # type: ignore[assignment]
    try:
        yield
    finally:
        os.register_at_fork = register


def settle() -> None:
    """In the zygote, when all is imported: do once what its copies would do after the fork.

    What has something to do before a fork, too, holds a lock meanwhile: nobody does here.
    """
    for hooks in _kept:
        if "before" not in hooks and "after_in_child" in hooks:
            hooks["after_in_child"]()


def release_at_fork() -> None:
    """Give back what was kept when the calculation forks. Called after the last import."""
    os.register_at_fork(before=_release)


def _release() -> None:
    kept = list(_kept)
    _kept.clear()
    for hooks in kept:
        os.register_at_fork(**hooks)
    for hooks in reversed(kept):  # this fork has begun: those registered now are for the next ones
        if "before" in hooks:
            hooks["before"]()
