"""How a calculation failed, told to its author: his own lines, never the platform's."""

from __future__ import annotations

import errno
import json
import os
import traceback
from dataclasses import dataclass

from mecapy import _places

CODE_FILE = "calc.py"

_MAX_MESSAGE = 4000  # characters
_MAX_TRACEBACK = 32000
_RUNTIME = os.path.dirname(os.path.abspath(__file__)) + os.sep
_LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep


@dataclass(eq=False)
class Failure(Exception):
    """One failure, as it goes into the failure frame.

    Attributes
    ----------
    kind : str
        invalid_code, user_error, invalid_result, out_of_memory, disk_limit, process_limit or
        output_limit.
    message : str
        One sentence for the author.
    traceback : str
        From the author's first line on; empty when there is none.
    line, column : int or None
        In the author's file, from 1.
    """

    kind: str
    message: str
    traceback: str = ""
    line: int | None = None
    column: int | None = None

    def to_json(self) -> bytes:
        """The frame's payload."""
        return json.dumps(
            {
                "kind": self.kind,
                "message": _clean(shorten(self.message, _MAX_MESSAGE)),
                "traceback": _clean(shorten(self.traceback, _MAX_TRACEBACK)),
                "line": self.line,
                "column": self.column,
            },
            ensure_ascii=False,
        ).encode("utf-8", "replace")


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def shorten(text: str, most: int) -> str:
    """`text` in at most `most` characters: its beginning and its end, which say most."""
    if len(text) <= most:
        return text
    half = (most - 16) // 2
    return f"{text[:half]}\n[...]\n{text[-half:]}"


def from_syntax(error: BaseException) -> Failure:
    """The failure of code that does not compile."""
    if isinstance(error, SyntaxError):
        where = f"line {error.lineno}: " if error.lineno else ""
        column = error.offset if error.offset and error.offset > 0 else None
        name = type(error).__name__
        line = error.lineno or None
        shown = _syntax_line(error.text or "", line, column)
        return Failure("invalid_code", f"{name}: {where}{error.msg}", shown, line, column)
    if isinstance(error, ValueError):
        return Failure("invalid_code", f"the code cannot be read: {error}")
    return Failure("invalid_code", f"the code is too large or too deeply nested ({_name(error)})")


def _syntax_line(text: str, line: int | None, column: int | None) -> str:
    """A line that does not compile, as `python` shows it; empty when it is not known."""
    code = text.strip()
    if not code or line is None:
        return ""
    shown = f'  File "{CODE_FILE}", line {line}\n    {code}\n'
    indent = len(text) - len(text.lstrip())
    return shown if column is None else shown + " " * (4 + max(0, column - 1 - indent)) + "^"


def from_exception(error: BaseException) -> Failure:
    """The failure of a calculation that raised."""
    # The author's exceptions may do anything when they are looked at.
    try:
        text, line = _author_traceback(error)
        message = _message(error)
    except BaseException as second:
        text, line, message = "", None, f"{_name(error)} (not shown: {_name(second)})"
    try:
        kind = _kind(error)
    except BaseException:
        kind = "user_error"
    return Failure(kind, message, text, line)


def show(value: object) -> str:
    """`repr`, whatever the author made of it."""
    try:
        return repr(value)
    except BaseException:
        return object.__repr__(value)


def print_exception(error: BaseException) -> str:
    """What `python` would print for `error`, with the author's frames only."""
    return from_exception(error).traceback


def _name(error: BaseException) -> str:
    name: str = type.__dict__["__name__"].__get__(type(error))  # not what a metaclass says
    return name


def _kind(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "out_of_memory"
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return "disk_limit"
        if error.errno == errno.EAGAIN:
            return "process_limit"
    if isinstance(error, RuntimeError) and error.args == ("can't start new thread",):
        return "process_limit"
    return "user_error"


def _message(error: BaseException) -> str:
    lines = list(traceback.TracebackException(type(error), error, None).format_exception_only())
    said = lines[-1].strip() if isinstance(error, SyntaxError) else "".join(lines).strip()
    hint = _hint(error)
    return f"{said} ({hint})" if hint else said


def _hint(error: BaseException) -> str:
    """What an author may not know about where his code runs; empty when nothing is to be said."""
    if isinstance(error, ModuleNotFoundError):
        return (
            "there are the standard library, numpy, scipy, pandas and matplotlib; modules of your "
            "own go into the one file"
        )
    chain = [error, error.__cause__, error.__context__]
    if any(one is not None and _name(one) == "gaierror" for one in chain):
        return "a calculation has no network"
    if isinstance(error, PermissionError):
        frames = traceback.extract_tb(error.__traceback__)
        files = {os.path.basename(frame.filename) for frame in frames}
        for file, hint in _REFUSED.items():
            if file in files:
                return hint
    return ""


# What the kernel refuses, by the file of the standard library that asked for it.
_REFUSED = {
    "socket.py": "a calculation has no network",
    "subprocess.py": "a calculation cannot start other programs",
}


def _author_traceback(error: BaseException) -> tuple[str, int | None]:
    shown = traceback.TracebackException(type(error), error, error.__traceback__, compact=True)
    lines = [frame.lineno for frame in shown.stack if frame.filename == CODE_FILE]
    _clean_stacks(shown, set())
    return "".join(shown.format()), lines[-1] if lines else None


def _clean_stacks(shown: traceback.TracebackException, seen: set[int]) -> None:
    if id(shown) in seen:
        return
    seen.add(id(shown))
    shown.stack = _author_frames(shown.stack)
    chained = [shown.__cause__, shown.__context__, *(shown.exceptions or [])]
    for other in chained:
        if other is not None:
            _clean_stacks(other, seen)


def _author_frames(stack: traceback.StackSummary) -> traceback.StackSummary:
    kept = traceback.StackSummary()
    for frame in stack:
        if frame.filename.startswith(_RUNTIME):
            continue
        for folder, name in ((f"{_places.packages}/", "site-packages/"), (_LIBRARY, "python/")):
            if frame.filename.startswith(folder):
                _ = frame.line  # read the source while the name is still a path
                frame.filename = name + frame.filename.removeprefix(folder)
        kept.append(frame)
    return kept
