"""Calculations written by chance: what reads inputs in ways that a look can follow, and cannot."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

NAMES = ("a", "b", "c")
CONDITIONS = (
    "{v} is None",
    "{v} is not None",
    "not {v}",
    "isinstance({v}, bool) or not isinstance({v}, int | float)",
    "not isinstance({v}, (int, str))",
    "{v} not in TABLE",
    "{v} in ('a', 'b', None)",
    "{k} == 'a'",
    "{k} in {i}",
    "{k} not in {i}",
    "{k} not in {i} and {v} is None",
    "{k} in {i} or not {v}",
    "(w := {i}.get({k})) is None",
    "FLAG",
    "not strict",
)
SIMPLE = (
    "{v} = {i}.get({k})",
    "{v} = {i}.get({k}, 1)",
    "{v} = {i}.get({k}, None)",
    "{v}, u = {i}.get({k}), 2",
    "{v} = {i}[{k}]",
    "{v} = {v}",
    "k = {k}",
    "w = {v}",
    "{v} = [{i}[n] for n in {names}]",
    "{v} = list({i}[n] for n in {names})",
    "{v} = ({i}[n] for n in {names})",
    "{v} = [{i}[n] for n in {names} if n != 'a']",
    "p, q = ({i}[n] for n in ('a', 'b'))",
    "{v} = {i}[{k}] if {c} else 2",
    "{v} = {c}",
    "{v} = one({i}, {k})",
    "{v} = two({i}, name={k})",
    "{v} = two({i}, {k}, strict={c})",
    "{v} = three({k}, {i})",
    "{v} = three({k}, {i}, given)",
    "{v} = three({k}, given={i}, values={i})",
    "{v} = demand({v}, {k})",
    "{v} = demand({i}.get({k}), {k})",
    "{v} = lambda: {i}[{k}]",
    "given = {i}",
    "raise ValueError",
    "return {v}",
    "break",
    "continue",
    "del {v}",
)
BLOCKS = (
    "if {c}:",
    "if {c}:",
    "if {c}:",
    "for k in {names}:",
    "for k, u in (('a', 1), ('b', 2)):",
    "for {v} in range(2):",
    "while not {v}:",
    "try:",
    "with suppress(KeyError, ValueError, TypeError, UnboundLocalError):",
)
HEAD = """
from contextlib import suppress
WANTED = ("a", "b")
FLAG = True
TABLE = {"a": 1, "x": 2}
"""
HELPERS = (
    "def one(values, name, strict=True):",
    "def two(values, name='b', *rest, strict=False, **more):",
    "def three(name, values, given={}):",
    "def demand(v, name, values={}):",
    "def calculate(inputs, name='c', strict=True):",
)


class Writer:
    """Writes one code."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._callable: list[str] = []  # so that each code ends

    def code(self) -> str:
        functions = []
        for head in HELPERS:
            body = self._body("inputs" if "inputs" in head else "values")
            functions.append("\n".join([head, *body]))
            self._callable.append(head[4 : head.index("(") + 1])
        return HEAD + "\n".join(functions) + "\n"

    def _body(self, inputs: str) -> Iterator[str]:
        if self._chance.random() < 0.7:
            yield "    v = w = None"
        for _ in range(self._chance.randint(1, 4)):
            yield from self._statement(inputs, "    ", 0, looped=False)
        if self._chance.random() < 0.7:
            yield "    return {}"

    def _statement(self, inputs: str, indent: str, depth: int, *, looped: bool) -> Iterator[str]:
        if depth > 2 or self._chance.random() < 0.6:
            line = self._chance.choice(SIMPLE)
            calls = re.search(r"(one|two|three|demand)\(", line)
            if calls and calls[0] not in self._callable:
                line = "{v} = {i}.get({k})"
            outside = line in ("break", "continue") and not looped
            yield indent + ("pass" if outside else self._filled(line, inputs))
            return
        head = self._filled(self._chance.choice(BLOCKS), inputs)
        yield indent + head
        looped = (looped or head.startswith("for")) and not head.startswith("while")
        inner = indent + "    "
        for _ in range(self._chance.randint(1, 3)):
            yield from self._statement(inputs, inner, depth + 1, looped=looped)
        if head.startswith("while"):
            yield inner + "break"
        if head == "try:":
            yield indent + "except (KeyError, ValueError):"
            yield from self._statement(inputs, inner, depth + 1, looped=looped)
        if head.startswith("if") and self._chance.random() < 0.4:
            yield indent + "else:"
            yield from self._statement(inputs, inner, depth + 1, looped=looped)

    def _filled(self, line: str, inputs: str) -> str:
        pick = self._chance.choice
        words = {
            "i": inputs if self._chance.random() < 0.9 else "given",
            "k": pick(("'a'", "'b'", "'c'", "name", "k", "KEY")),
            "v": pick(("v", "v", "w", "x")),
            "names": pick(("('a', 'b')", "['b', 'c']", "WANTED", "('a', 'c', 'a')")),
        }
        condition = pick(CONDITIONS).format(**words)
        return line.format(**words, c=condition).replace("KEY", "'b'")
