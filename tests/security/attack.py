"""An attack as one row: its name, how it must end, its code; beside them inputs and limits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Small enough that every limit is reached in well under a second.
LIMITS: dict[str, float] = {
    "timeout_s": 20,
    "cpu_s": 60,
    "memory_mb": 128,
    "processes": 16,
    "disk_mb": 8,
    "log_kb": 64,
    "artifacts_mb": 8,
    "result_mb": 1,
}

# What every attack has at hand. WORK and TMP are its folders, PLACES all that it may write to;
# `refused(act, ...)` is the name of the error, or "done"; `changes(act, path, ...)` whether it
# changed the mode or the times, be it told done or not; `call` a raw system call that raises
# OSError, its arguments 64 bits wide; `frame` writes a frame into the result channel.
PRELUDE = """\
import ctypes, errno, os, sys, time
WORK, TMP = os.getcwd(), os.environ['TMPDIR']
PLACES = (WORK, TMP, '/dev/shm') if WORK == '/work' else (WORK, TMP)
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *arguments):
    wide = [a if hasattr(a, '_obj') or isinstance(a, ctypes.Array) else ctypes.c_uint64(a)
            for a in arguments]
    got = libc.syscall(ctypes.c_long(number), *wide)
    if got < 0: raise OSError(ctypes.get_errno(), 'refused')
    return got
# The run; in a pid namespace of its own, where it is 2, also what holds its memory.
OWN = {os.getpid(), 3} if os.getpid() == 2 else {os.getpid()}
def refused(act, *arguments, **named):
    try: act(*arguments, **named)
    except OSError as error: return errno.errorcode.get(error.errno, type(error).__name__)
    return 'done'
def changes(act, path, *arguments):
    def seen():
        info = os.stat(path)
        return info.st_mode, info.st_mtime_ns
    try: before = seen()
    except OSError: return False  # no way leads there
    refused(act, path, *arguments)
    return seen() != before
def frame(kind, payload=b''):
    rest = kind + len(payload).to_bytes(4, 'little') + payload
    while rest: rest = rest[os.write(3, rest):]
def calculate(inputs):
"""


@dataclass(frozen=True)
class Verdict:
    """The one end an attack must have."""

    status: str
    code: str | None = None
    message: str = ""  # a pattern found in the error's message
    result: Any = None

    def judge(self, run: Mapping[str, Any]) -> None:
        """Fail with the run when it ended in another way."""
        assert run["status"] == self.status, run.get("error", run)
        assert run["attempt"] == 1, run
        if self.code is None:
            assert run["result"] == self.result, run["result"]
            return
        error = run["error"]
        assert error["code"] == self.code, error
        assert re.search(self.message, error["message"]), error
        assert "result" not in run


def returns(result: Any) -> Verdict:
    """The run goes on and completes: what it tried was denied, as its result tells exactly."""
    return Verdict("completed", result=result)


def fails(code: str, message: str = "") -> Verdict:
    """The run fails with this outcome code."""
    return Verdict("failed", code, message)


@dataclass(frozen=True)
class Attack:
    """One attack. `code` is the body of calculate(inputs), after PRELUDE; `module` a whole file."""

    name: str
    ends: Verdict
    code: str = ""
    limits: Mapping[str, float] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    module: str = ""
    artifacts: tuple[str, ...] = ()  # the names kept, in order
    log: str | None = None  # a pattern found in the whole log
    memory: str = ""  # whose addresses are its input `ranges`: "template", or "all" of a zygote

    @property
    def source(self) -> str:
        """The calculation's code."""
        if self.module:
            return self.module
        lines = self.code.strip("\n").splitlines()
        return PRELUDE + "\n".join(f"    {line}" for line in lines) + "\n"


def at_the_wall(seconds: float = 0.4) -> dict[str, float]:
    """Limits of an attack that does not end by itself."""
    return {"timeout_s": seconds}
