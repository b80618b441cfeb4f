"""Progress of a calculation, told to whoever watches it."""

from __future__ import annotations

import json
import math
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mecapy._channel import Channel

_MAX_TEXT = 200  # bytes of UTF-8
_MIN_PERIOD = 0.05  # seconds between two reports that are sent

_channel: Channel | None = None
_last_sent = -math.inf


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
        Done part of the work, from 0 to 1; values outside are moved to the nearer end. None when it
        is not known.
    message : str, optional
        What is being done, up to 200 bytes; longer text is cut.

    Notes
    -----
    Calls that follow each other within 50 ms are dropped, except the last step (1.0): a tight loop
    may call it freely. Outside the platform a line goes to standard error.
    """
    global _last_sent
    if fraction is not None:
        fraction = float(fraction)
        fraction = None if math.isnan(fraction) else min(1.0, max(0.0, fraction))
    text = cut(str(message), _MAX_TEXT)
    if _channel is None:
        done = "" if fraction is None else f"{fraction:.0%} "
        print(f"progress: {done}{text}".rstrip(), file=sys.stderr)
        return
    now = time.monotonic()
    if now - _last_sent < _MIN_PERIOD and fraction != 1.0:
        return
    _last_sent = now
    frame = json.dumps({"fraction": fraction, "message": text}).encode()
    _channel.send(b"P", frame, droppable=True)
