"""The run's end of the channel: the job in, frames out (src/sandbox/channel.h)."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from typing import Any

MIB = 1024 * 1024
_ANSWERS = (b"R", b"F")  # the result, the failure: the last frame


@dataclass(frozen=True)
class Job:
    """What the front asks of this process. Sizes are in bytes where the name says so."""

    kind: str
    code: bytes
    inputs: bytes
    checkpoint: bytes  # what an attempt before saved; empty for none
    result_bytes: int
    artifacts_bytes: int
    most_checkpoint_bytes: int
    memory_mb: float
    disk_mb: float
    processes: float
    cpus: float


class Channel:
    """A stream socket, used by the process that opened it only.

    A forked child of the calculation holds the descriptor too, but its writes would damage the
    parent's frames: `send` does nothing there. Nothing is sent after the answer, whatever imports
    and reports there still are while the interpreter ends.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._answered = False

    def is_mine(self) -> bool:
        """Whether this is the process the channel was given to."""
        return os.getpid() == self._pid

    def read_job(self) -> Job:
        """Read the one job, which comes before anything else."""
        size = int.from_bytes(self._read(4), "little")
        header: dict[str, Any] = json.loads(self._read(size))
        code = self._read(header.pop("code_bytes"))
        inputs = self._read(header.pop("inputs_bytes"))
        checkpoint = self._read(header.pop("checkpoint_bytes"))
        return Job(code=code, inputs=inputs, checkpoint=checkpoint, **header)

    def send(self, kind: bytes, payload: bytes = b"", *, droppable: bool = False) -> None:
        """Send one frame whole. A front that hung up is not the calculation's concern.

        A droppable frame is not sent while another is: a signal handler may report progress in the
        middle of one.
        """
        if not self.is_mine() or not self._lock.acquire(blocking=not droppable):
            return
        try:
            if self._answered:
                return
            self._answered = kind in _ANSWERS
            head = kind + len(payload).to_bytes(4, "little")
            if len(payload) < 65536:
                self._write(memoryview(head + payload))
            else:
                self._write(memoryview(head))
                self._write(memoryview(payload))
        except OSError:
            pass
        finally:
            self._lock.release()

    def _write(self, rest: memoryview) -> None:
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def _read(self, size: int) -> bytes:
        parts = []
        while size > 0:
            part = os.read(self._fd, min(size, MIB))
            if not part:
                raise EOFError("the channel closed before the job was whole")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
