"""The fenced blocks of a page of Markdown, with what stands beside them."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

_MARK = re.compile(r"^\s*<!-- not run: (?P<reason>[a-z]+) -->$")
_OPEN = re.compile(r"^(?P<indent>\s*)```(?P<language>\w*)$")


@dataclass(frozen=True)
class Block:
    """One fenced block.

    `skipped` is the reason of a `<!-- not run: REASON -->` on the line before it, and `output` what
    a block ```output right after it says that it prints; `...` there stands for anything.
    """

    page: Path
    line: int  # of its first line of text, 1-based
    language: str
    text: str
    skipped: str | None = None
    output: str | None = None

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.page.name}:{self.line}"

    @property
    def first(self) -> str:
        """Its first line."""
        return self.text.partition("\n")[0]


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page, in order; those that say what another prints are a part of that one."""
    lines = page.read_text().split("\n")
    found: list[Block] = []
    ends: list[int] = []  # the line after each
    at = 0
    while at < len(lines):
        opened = _OPEN.match(lines[at])
        if not opened:
            at += 1
            continue
        end = lines.index(opened["indent"] + "```", at + 1)
        text = textwrap.dedent("\n".join(lines[at + 1 : end]))
        if opened["language"] == "output":
            last = found[-1]
            assert (ends[-1], last.output) == (at, None), f"{page}:{at + 1}: the output of nothing"
            found[-1] = Block(last.page, last.line, last.language, last.text, last.skipped, text)
        else:
            mark = _MARK.match(lines[at - 1]) if at else None
            reason = mark["reason"] if mark else None
            found.append(Block(page, at + 2, opened["language"], text, reason))
            ends.append(end + 1)
        at = end + 1
    return found


def fits(expected: str, printed: str) -> bool:
    """Whether what was printed is what a page says; `...` stands for anything."""
    pattern = ".*".join(re.escape(piece) for piece in expected.strip().split("..."))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None
