"""Where what runs there was written here, and which inputs it was given: told in its errors."""

from __future__ import annotations

import ast
import difflib
import re
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_MOST_NAMES = 20  # that a message tells

# A frame of a traceback; there every calculation is this file.
_FRAME = re.compile(r'^([ |]*File )"calc\.py", line (\d+)', re.MULTILINE)
_KEY_ERROR = re.compile(r"KeyError: ('[^'\n]*'|\"[^\"\n]*\")")


@dataclass(frozen=True)
class Stretch:
    """Lines of what was sent, from `begin` to before `end` (None: all), 1-based.

    `begin` is the line `line` of `file`.
    """

    begin: int
    end: int | None
    file: str
    line: int


@dataclass(frozen=True)
class Origin:
    """What is known here of a calculation.

    Attributes
    ----------
    stretches : tuple of Stretch
        Where its lines stand; of others nothing is known.
    inputs : tuple of str or None
        The names of what ``calculate(inputs)`` receives; None when that is not known.
    """

    stretches: tuple[Stretch, ...] = ()
    inputs: tuple[str, ...] | None = None

    def placed(self, failure: Json) -> Json:
        """A failure as the server tells it, with the author's own file and line."""
        told = dict(failure)
        if failure.get("traceback"):
            told["traceback"] = _FRAME.sub(self._frame, str(failure["traceback"]))
        line = failure.get("line")
        found = self._place(line) if isinstance(line, int) else None
        return told if found is None else told | {"line": found[1]}

    def _frame(self, frame: re.Match[str]) -> str:
        found = self._place(int(frame[2]))
        return frame[0] if found is None else f'{frame[1]}"{found[0]}", line {found[1]}'

    def _place(self, line: int) -> tuple[str, int] | None:
        for one in self.stretches:
            if one.begin <= line and (one.end is None or line < one.end):
                return one.file, one.line + line - one.begin
        return None

    def hint(self, message: str, traceback: str) -> str:
        """Of a KeyError of ``inputs``: what there is instead; empty for other failures."""
        found = _KEY_ERROR.fullmatch(message)
        last = traceback.rpartition('File "')[2]
        if self.inputs is None or found is None or not re.search(r"\binputs\b", last):
            return ""
        key = str(ast.literal_eval(found[1]))
        if key in self.inputs:
            return ""
        near = difflib.get_close_matches(key, self.inputs, 1)
        shown = [*self.inputs[:_MOST_NAMES], *(["..."] if self.inputs[_MOST_NAMES:] else [])]
        given = f"; inputs given: {', '.join(shown) or 'none'}"
        return given + (f"; did you mean {near[0]}?" if near else "")


UNKNOWN = Origin()
