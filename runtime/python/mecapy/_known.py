"""What an expression in a function surely is when it is evaluated, as far as that is written there.

Known are plain values (texts, numbers, None, tuples of them), what follows from them, and what
follows from an input that is not there. Who asks goes through loops over known values turn by turn.
"""

from __future__ import annotations

import ast
import builtins
import operator
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from mecapy._scope import (
    Loop,
    Seen,
    goes_through,
    iterated,
    loop_that_binds,
    target_of,
)

UNKNOWN = object()
_MOST_TURNS = 200
_DEEPEST = 20  # names that stand for one another
_TYPES = ("bool", "bytes", "complex", "dict", "float", "int", "list", "set", "str", "tuple")
_TAKE_ALL = ("dict", "frozenset", "list", "max", "min", "set", "sorted", "sum", "tuple")
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class TooMuch(Exception):  # noqa: N818
    """To know more would take too long."""


class Around(Protocol):
    """The module around a function."""

    def constant(self, name: str) -> Any:
        """The plain value that a name of the module surely has, or UNKNOWN."""

    def keys(self, name: str) -> tuple[Any, ...] | None:
        """Those of a dict of the module that nothing changes."""

    def is_builtin(self, name: str) -> bool:
        """Whether nothing in the module binds a name."""

    def spend(self, steps: int = 1) -> None:
        """Raise TooMuch after too many."""


class Known:
    """What is known in one function, of arguments some of which are known, as of the inputs."""

    def __init__(
        self, around: Around, seen: Seen, inputs: set[str], arguments: dict[str, Any]
    ) -> None:
        self.seen = seen
        self.inputs = inputs  # names of the dict of inputs
        self.absent: str | None = None  # an input that is supposed not to be there
        self._around = around
        self._arguments = arguments
        self._turns: dict[Loop, Any] = {}  # loops that are gone through, at which element
        self._wanted: Loop | None = None  # a loop whose turn decided, had it one
        self._used: set[Loop] = set()  # loops whose turns decided
        self._depth = 0

    # Turns

    def every(self, asked: list[ast.expr]) -> Iterator[list[Any]]:
        """What expressions are together, at each turn of the loops over known values around."""
        self._wanted = None
        values = [self.value(one) for one in asked]
        loop = self._wanted
        elements = () if loop is None else self._elements(iterated(loop))
        if loop is None or not elements:
            yield values
            return
        for element in elements:
            outer, self._turns = self._turns, self._turns | {loop: element}
            yield from self.every(asked)
            self._turns = outer

    def turns(self, node: ast.AST) -> Iterator[None]:
        """Each turn of a loop that surely has these; none, where that is not sure."""
        if not isinstance(node, Loop):
            return
        whole = goes_through(node)
        if whole is None or isinstance(node, ast.GeneratorExp) and not self._taken(node):
            return
        for element in self._elements(whole):
            outer, self._turns = self._turns, self._turns | {node: element}
            yield
            self._turns = outer

    def _elements(self, iterable: ast.expr) -> tuple[Any, ...]:
        """What a loop goes through; nothing, where that is not known."""
        if isinstance(iterable, (ast.List, ast.Set)):
            iterable = ast.Tuple(elts=iterable.elts, ctx=ast.Load())
        held = self.value(iterable)
        return held if isinstance(held, tuple) and len(held) <= _MOST_TURNS else ()

    def _taken(self, made: ast.GeneratorExp) -> bool:
        """Whether all that is generated is surely taken."""
        parent = self.seen.parents[made]
        if isinstance(parent, ast.Assign):
            return all(isinstance(one, (ast.Tuple, ast.List)) for one in parent.targets)
        if not isinstance(parent, ast.Call) or not isinstance(parent.func, ast.Name):
            return False
        name = parent.func.id
        return name in _TAKE_ALL and parent.args == [made] and self._is_builtin(name)

    # Values

    def truth(self, node: ast.expr) -> bool | None:
        """Whether an expression is surely true, or surely false."""
        self._around.spend()
        if isinstance(node, ast.BoolOp):
            found = [self.truth(one) for one in node.values]
            ends = isinstance(node.op, ast.Or)
            if ends in found:
                return ends
            return None if None in found else not ends
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            turned = self.truth(node.operand)
            return None if turned is None else not turned
        value = self.value(node)
        return None if value is UNKNOWN else bool(value)

    def value(self, node: ast.expr) -> Any:
        """What an expression is, or UNKNOWN."""
        self._around.spend()
        if isinstance(node, ast.Constant):
            return UNKNOWN if node.value is Ellipsis else node.value
        if isinstance(node, ast.Tuple):
            starred = any(isinstance(one, ast.Starred) for one in node.elts)
            return UNKNOWN if starred else tuple(self.value(one) for one in node.elts)
        if isinstance(node, ast.Name):
            return self._of_name(node)
        if isinstance(node, ast.NamedExpr):
            return self.value(node.value)
        if isinstance(node, (ast.BoolOp, ast.UnaryOp)):
            truth = self.truth(node) if isinstance(getattr(node, "op", None), ast.Not) else None
            return UNKNOWN if truth is None else truth
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self._compared(node.left, node.ops[0], node.comparators[0])
        return self._called(node) if isinstance(node, ast.Call) else UNKNOWN

    def _of_name(self, node: ast.Name) -> Any:
        name = node.id
        if name.startswith("__"):  # a class gives it another name
            return UNKNOWN
        loop, bound = loop_that_binds(self.seen, node, self._around.spend)
        if bound:
            return UNKNOWN if loop is None else self._at_turn(loop, name)
        if self.seen.bound[name] == 0:
            return self._around.constant(name)
        if self.seen.bound[name] == 1 and name in self._arguments:
            return self._arguments[name]
        return self._made(node)

    def _at_turn(self, loop: Loop, name: str) -> Any:
        if loop not in self._turns:
            self._wanted = loop
            return UNKNOWN
        self._used.add(loop)
        return _part(target_of(loop), name, self._turns[loop])

    def _made(self, use: ast.Name) -> Any:
        """What a variable is that is bound at one place only."""
        made = self.seen.made_by(use.id)
        if not isinstance(made, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) or made.value is None:
            return UNKNOWN
        if self._depth >= _DEEPEST:
            return UNKNOWN
        used, self._used = self._used, set()
        self._depth += 1
        value = self._assigned(made, use.id)
        self._depth -= 1
        fresh = all(self._is_of_this_turn(made, use, loop) for loop in self._used)
        self._used |= used
        return value if fresh else UNKNOWN

    def _assigned(self, made: ast.Assign | ast.AnnAssign | ast.NamedExpr, name: str) -> Any:
        given: Any = made.value
        targets = made.targets if isinstance(made, ast.Assign) else [made.target]
        for target in targets:
            if isinstance(target, ast.Name) and target.id == name:
                return self.value(given)
            if isinstance(target, ast.Tuple) and isinstance(given, ast.Tuple):
                return self._unpacked(target, given, name)
        return UNKNOWN

    def _unpacked(self, target: ast.Tuple, given: ast.Tuple, name: str) -> Any:
        parts = [*target.elts, *given.elts]
        if len(target.elts) != len(given.elts) or any(isinstance(p, ast.Starred) for p in parts):
            return UNKNOWN
        for one, value in zip(target.elts, given.elts, strict=True):
            if isinstance(one, ast.Name) and one.id == name:
                return self.value(value)
        return UNKNOWN

    def _is_of_this_turn(self, made: ast.AST, use: ast.Name, loop: Loop) -> bool:
        """Whether a variable was surely bound in the turn of a loop in which it is used."""
        if not isinstance(made, (ast.Assign, ast.AnnAssign)) or not isinstance(loop, ast.For):
            return False
        before = (made.lineno, made.col_offset) < (use.lineno, use.col_offset)
        return made in loop.body and before

    def _compared(self, left: ast.expr, how: ast.cmpop, right: ast.expr) -> Any:
        value = self.value(left)
        if value is UNKNOWN:
            return UNKNOWN
        if isinstance(how, (ast.In, ast.NotIn)):
            found = self._is_in(value, right)
            return UNKNOWN if found is None else found is isinstance(how, ast.In)
        other = self.value(right)
        if isinstance(how, (ast.Is, ast.IsNot)):
            same = value is None if other is None else UNKNOWN
            return UNKNOWN if same is UNKNOWN else same is isinstance(how, ast.Is)
        plain = other is not UNKNOWN and not isinstance(value, tuple) and type(how) in _COMPARED
        if not plain or isinstance(other, tuple):
            return UNKNOWN
        return _COMPARED[type(how)](value, other)

    def _is_in(self, value: Any, place: ast.expr) -> bool | None:
        if isinstance(place, ast.Name) and place.id in self.inputs:
            return False if value == self.absent and isinstance(value, str) else None
        held: Any = None
        if isinstance(place, ast.Name) and self.seen.bound[place.id] == 0:
            held = self._around.keys(place.id)
        if held is None:
            held = self._elements(place) or None
        if held is None or isinstance(value, tuple):
            return None
        if any(value == one for one in held if one is not UNKNOWN):
            return True
        return None if UNKNOWN in held else False

    def _called(self, call: ast.Call) -> Any:
        if call.keywords or any(isinstance(one, ast.Starred) for one in call.args):
            return UNKNOWN
        of = call.func
        if isinstance(of, ast.Attribute) and isinstance(of.value, ast.Name):
            if of.attr != "get" or of.value.id not in self.inputs or len(call.args) not in (1, 2):
                return UNKNOWN
            if self.absent is None or self.value(call.args[0]) != self.absent:
                return UNKNOWN
            return self.value(call.args[1]) if len(call.args) == 2 else None
        if isinstance(of, ast.Name) and of.id == "isinstance" and self._is_builtin(of.id):
            types = self._types(call.args[1]) if len(call.args) == 2 else None
            value = UNKNOWN if types is None else self.value(call.args[0])
            return UNKNOWN if types is None or value is UNKNOWN else isinstance(value, types)
        return UNKNOWN

    def _types(self, node: ast.expr) -> tuple[type, ...] | None:
        """The types of an `isinstance`."""
        self._around.spend()
        if isinstance(node, ast.Name) and node.id in _TYPES and self._is_builtin(node.id):
            return (getattr(builtins, node.id),)
        if isinstance(node, ast.Tuple):
            parts = node.elts
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            parts = [node.left, node.right]
        else:
            return None
        found = [self._types(one) for one in parts]
        known = [types for types in found if types is not None]
        return sum(known, ()) if len(known) == len(found) else None

    def _is_builtin(self, name: str) -> bool:
        return self.seen.bound[name] == 0 and self._around.is_builtin(name)


def _part(target: ast.expr, name: str, value: Any) -> Any:
    """What a name has of a value that is given to a target."""
    if isinstance(target, ast.Name):
        return value if target.id == name else UNKNOWN
    if not isinstance(target, ast.Tuple) or not isinstance(value, tuple):
        return UNKNOWN
    if len(target.elts) != len(value) or any(isinstance(p, ast.Starred) for p in target.elts):
        return UNKNOWN
    pairs = zip(target.elts, value, strict=True)
    return next((v for t, v in pairs if isinstance(t, ast.Name) and t.id == name), UNKNOWN)
