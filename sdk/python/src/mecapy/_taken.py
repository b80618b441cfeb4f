"""A module of Python source while it is put together from what is taken along.

Its first line holds imports and constants, so that functions and classes of the calculation's own
file keep their lines. A constant that names some of them stands behind those.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mecapy._errors import SourceError
from mecapy._literal import DECODE
from mecapy._origin import Stretch

BY_NAME = "_mecapy_by_name"


@dataclass
class Piece:
    """Source of a function, class or statement, and where it stands."""

    file: str
    line: int
    text: str

    @property
    def end(self) -> int:
        """The line behind it."""
        return self.line + self.text.rstrip("\n").count("\n") + 1


@dataclass
class Taken:
    """What has been taken along so far."""

    pieces: dict[str, Piece] = field(default_factory=dict)  # by the name it defines
    imports: dict[str, list[str]] = field(default_factory=dict)  # by the name they define
    constants: dict[str, str] = field(default_factory=dict)  # expressions, by name
    origins: dict[str, object] = field(default_factory=dict)  # what each name is
    order: list[str] = field(default_factory=list)  # of pieces, each behind what it needs
    aliases: dict[str, str] = field(default_factory=dict)  # further names of pieces
    complete: bool = True  # whether every name must be defined by now
    annotating: bool = False  # what is taken stands in an annotation only
    stretches: list[Stretch] = field(default_factory=list)  # where the lines of `text` stand

    def copy(self) -> Taken:
        """The same so far."""
        return Taken(
            dict(self.pieces),
            dict(self.imports),
            dict(self.constants),
            dict(self.origins),
            list(self.order),
            dict(self.aliases),
            self.complete,
            self.annotating,
        )

    def text(self, function: Callable[..., Any]) -> str:
        """The module, of which `function` is the calculation.

        Raises
        ------
        SourceError
            Something else is called ``calculate``.
        """
        name = function.__name__
        itself = is_calculation(function)
        if not itself and "calculate" in self.origins:
            raise SourceError(f"calculate is the platform's own name for {name}: use another one")
        lines = ["; ".join(self._first_line(itself))]
        home = self.pieces[name].file
        self.stretches = []
        for piece in (self.pieces[one] for one in self.order):
            if piece.file != home:
                self._add(lines, piece)
        own = [piece for piece in self.pieces.values() if piece.file == home]
        for piece in sorted(own, key=lambda piece: piece.line):  # at its line, where that is free
            lines += [""] * (piece.line - 1 - len(lines))
            self._add(lines, piece)
        lines += [f"{alias} = {own}" for alias, own in self.aliases.items()]
        if not itself:
            lines += ["", "", f"calculate = {BY_NAME}({name})"]
        return "\n".join(lines) + "\n"

    def _add(self, lines: list[str], piece: Piece) -> None:
        begin = len(lines) + 1
        lines += piece.text.rstrip("\n").split("\n")
        if os.path.isfile(piece.file):  # a notebook's cell has no name that says anything
            self.stretches.append(Stretch(begin, len(lines) + 1, piece.file, piece.line))

    def _first_line(self, itself: bool) -> Iterator[str]:
        yield "from __future__ import annotations"  # nobody's annotations are needed there
        if not itself:
            yield f"from mecapy._entry import by_name as {BY_NAME}"
        pieces = [piece.text for piece in self.pieces.values()]
        if any(f"{DECODE}(" in text for text in (*self.constants.values(), *pieces)):
            yield f"from mecapy._decoding import decode as {DECODE}"
        yield from dict.fromkeys(one for imports in self.imports.values() for one in imports)
        for constant, written in self.constants.items():
            yield f"{constant} = {written}"


def is_calculation(function: Callable[..., Any]) -> bool:
    """Whether it is a calculation as it is: ``calculate(inputs)``."""
    names = list(inspect.signature(function).parameters)
    return function.__name__ == "calculate" and names == ["inputs"]
