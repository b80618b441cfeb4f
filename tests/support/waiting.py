"""The one bounded wait, for what announces itself by no event (a process that has gone)."""

import time
from collections.abc import Callable


def wait_until(what: str, condition: Callable[[], bool], timeout_s: float = 10) -> None:
    """Return as soon as `condition` holds; fail with `what` when it does not within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        time.sleep(0.02)
