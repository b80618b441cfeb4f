"""Progress of a calculation, told to whoever watches it."""

from __future__ import annotations

import json
import math
import sys
import time
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mecapy._channel import Channel

_MAX_TEXT = 200  # bytes of UTF-8
_MIN_PERIOD = 0.05  # seconds between two reports that are sent, in the long run
_BURST = 20  # reports that may follow each other at once after a pause

_ROUNDING = 1e-6  # what a sum of steps may be beside 0 or 1

_channel: Channel | None = None
_spent_until = -math.inf  # each report that is sent moves this on by a period
_warned = False  # of a fraction outside 0 to 1
_pending: bytes | None = None  # the newest report, not sent yet


def connect(channel: Channel) -> None:
    """Send what `progress` says over `channel` from now on."""
    global _channel
    _channel = channel


def cut(text: str, size: int) -> str:
    """`text` in at most `size` bytes of UTF-8, cut between characters."""
    return text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore")


def progress(fraction: float | None = None, message: str = "") -> None:
    """Say how far the calculation is.

    Parameters
    ----------
    fraction : float, optional
        Done part of the work, from 0 to 1; values outside are moved to the nearer end, and a
        warning says so once. None when it is not known.
    message : str, optional
        What is being done, up to 200 bytes; longer text is cut.

    Notes
    -----
    A tight loop may call it freely: some twenty calls in a row are sent at once, further ones one
    in 50 ms; the last step (1.0) and the newest call before the end always are. Outside the
    platform a line goes to standard error.
    """
    global _pending, _spent_until, _warned
    if fraction is not None:
        fraction = float(fraction)
        if not _warned and (fraction < -_ROUNDING or fraction > 1 + _ROUNDING):
            _warned = True
            warnings.warn(f"progress is from 0 to 1, not {fraction:g}", stacklevel=2)
        fraction = None if math.isnan(fraction) else min(1.0, max(0.0, fraction))
    text = cut(str(message), _MAX_TEXT)
    if _channel is None:
        done = "" if fraction is None else f"{fraction:.0%} "
        print(f"progress: {done}{text}".rstrip(), file=sys.stderr)
        return
    _pending = json.dumps({"fraction": fraction, "message": text}).encode()
    now = time.monotonic()
    spent_until = max(_spent_until, now - _BURST * _MIN_PERIOD)
    if spent_until + _MIN_PERIOD > now and fraction != 1.0:
        return
    _spent_until = spent_until + _MIN_PERIOD
    flush()


def flush() -> None:
    """Send the newest report if it has not been."""
    global _pending
    frame, _pending = _pending, None
    if _channel is not None and frame is not None:
        _channel.send(b"P", frame, droppable=True)
