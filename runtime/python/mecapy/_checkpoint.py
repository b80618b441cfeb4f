"""The state that a calculation keeps for its next attempt."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from mecapy._decoding import decode
from mecapy._duration import seconds
from mecapy._encoding import EncodingError, encode

if TYPE_CHECKING:
    from mecapy._channel import Channel

_MIB = 1024 * 1024
_CHUNK = 256 * 1024
_FILE = "MECAPY_CHECKPOINT"  # where there is no platform


class _Keeper:
    """Where the state goes: to the platform, to a file, or nowhere."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._given: bytes | None = None  # what the attempt before saved
        self._most: int | None = None  # bytes
        self._saved_at = time.monotonic()  # or began
        self._saving = threading.Lock()

    def connect(self, channel: Channel, given: bytes, most: int) -> None:
        self._channel = channel
        self._given = given or None
        self._most = most
        self._saved_at = time.monotonic()

    def load(self, default: Any) -> Any:
        text = self._given if self._channel is not None else _read()
        if text is None:
            return default
        try:
            return decode(text)
        except (ValueError, RecursionError) as error:
            print(f"checkpoint: it cannot be read, {error}: from the beginning", file=sys.stderr)
            return default

    def save(self, state: Any, every: float | str | datetime.timedelta | None) -> bool:
        if every is not None and time.monotonic() - self._saved_at < seconds("every", every):
            return False
        forked = self._channel is not None and not self._channel.is_mine()
        if forked or not self._saving.acquire(blocking=False):
            return False
        try:
            text = _encoded(state)
            if self._most is not None and len(text) > self._most:
                size, most = len(text) / _MIB, self._most / _MIB
                told = f"{size:.6g} MiB of at most {most:.6g} MiB (the limit checkpoint_mb)"
                raise ValueError(f"checkpoint too large: {told}")
            self._keep(text)
            self._saved_at = time.monotonic()
        finally:
            self._saving.release()
        return True

    def _keep(self, text: bytes) -> None:
        if self._channel is None:
            _write(text)
            return
        self._channel.send(b"C", json.dumps({"size": len(text)}).encode())
        for at in range(0, len(text), _CHUNK):
            self._channel.send(b"K", text[at : at + _CHUNK])
        self._channel.send(b"S")
        self._given = text


def _encoded(state: Any) -> bytes:
    try:
        return encode(state, root="checkpoint")
    except EncodingError as error:
        raise TypeError(str(error)) from None


def _read() -> bytes | None:
    path = os.environ.get(_FILE)
    if not path:
        return None
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _write(text: bytes) -> None:
    """Replace the file, whole: whoever is stopped meanwhile finds the state before."""
    path = os.environ.get(_FILE)
    if not path:
        return
    beside = f"{path}.{os.getpid()}.new"
    try:
        with open(beside, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


_keeper = _Keeper()
connect = _keeper.connect


def load(default: Any = None) -> Any:
    """The state that was saved last, by this attempt of the run or by one before it.

    Parameters
    ----------
    default : Any, optional
        What is given when there is none: the state to begin with.

    Notes
    -----
    It comes back as inputs and results do: arrays and numbers exactly, tuples as lists. A state
    that cannot be read is told on standard error, and `default` is given.
    """
    return _keeper.load(default)


def save(state: Any, every: float | str | datetime.timedelta | None = None) -> bool:
    """Keep `state` for the next attempt, in place of what was saved before.

    Parameters
    ----------
    state : Any
        Whatever a calculation may return, but for figures. It is written down before this returns:
        it may be changed afterwards.
    every : float, str or timedelta, optional
        Save only when as long has passed since the last one was saved, or the calculation began:
        ``"1 min"``, or seconds.

    Returns
    -------
    bool
        Whether it was saved. False when `every` is not over, while another thread saves, and in a
        process that the calculation has forked.

    Raises
    ------
    TypeError
        A part of it has no encoding; it says which.
    ValueError
        Its encoding is larger than the limit ``checkpoint_mb`` allows, or `every` cannot be read.

    Notes
    -----
    A save that is cut off leaves the one before. The platform takes five at once, then one in a
    second, and 8 MiB in a second of large ones; a calculation that saves more often waits.
    """
    return _keeper.save(state, every)
