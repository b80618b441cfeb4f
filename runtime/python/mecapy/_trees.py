"""What stands in a tree of Python: whose names are whose, and what is done in any case.

What looks at branches within branches (`surely`, `falls_off`) calls itself: where they are too many
that is a RecursionError. All else goes through a tree of any depth.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def own(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of one scope; of what is defined in it, only what is evaluated in it."""
    waiting = list(body)[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += list(_within(node))[::-1]


def _within(node: ast.AST) -> Iterator[ast.AST]:
    """The children of a node, but for the body of what it defines."""
    if not isinstance(node, _DEFINITIONS):
        yield from ast.iter_child_nodes(node)
        return
    for name, value in ast.iter_fields(node):
        if name != "body":
            parts = value if isinstance(value, list) else [value]
            yield from (part for part in parts if isinstance(part, ast.AST))


def top(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that are surely done once: also those under ``if True``, as the SDK writes."""
    for statement in body:
        test = statement.test if isinstance(statement, ast.If) else None
        if isinstance(test, ast.Constant) and test.value is True:
            yield from statement.body  # type: ignore[attr-defined]
        else:
            yield statement


def bound_by(node: ast.AST) -> Iterable[str]:
    """The names that a node binds or declares, in its scope or in another."""
    if isinstance(node, ast.Name):
        return () if isinstance(node.ctx, ast.Load) else (node.id,)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return (node.name,)
    if isinstance(node, ast.arg):
        return (node.arg,)
    if isinstance(node, ast.alias):
        return (node.asname or node.name.partition(".")[0],)
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        return node.names
    if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        return (node.name,) if node.name else ()
    if isinstance(node, ast.MatchMapping):
        return (node.rest,) if node.rest else ()
    return ()


def bound_by_statement(statement: ast.stmt) -> Iterator[str]:
    """The names that a definition, an import or a plain assignment binds."""
    yield from bound_by(statement)
    if isinstance(statement, ast.ImportFrom):
        for alias in statement.names:
            yield from bound_by(alias)
    elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        yield from bound_by(statement.targets[0])
    elif isinstance(statement, ast.AnnAssign) and statement.value:
        yield from bound_by(statement.target)


def assigned(statement: ast.AST | None) -> ast.expr | None:
    """What a statement gives one name and nothing else."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        return statement.value
    return statement.value if isinstance(statement, ast.AnnAssign) else None


def text_of(node: ast.expr) -> str | None:
    """The text that is written there."""
    held = node.value if isinstance(node, ast.Constant) else None
    return held if isinstance(held, str) else None


def plain_value(node: ast.expr, unknown: object) -> Any:
    """The constant that is written there, or a tuple of such; `unknown` for all else."""
    if isinstance(node, ast.Constant):
        return unknown if node.value is Ellipsis else node.value
    if not isinstance(node, ast.Tuple) or any(isinstance(one, ast.Starred) for one in node.elts):
        return unknown
    return tuple(plain_value(one, unknown) for one in node.elts)


def keys_of(node: ast.expr | None) -> list[str] | None:
    """Those of a dict that is written out; None: it is none, or not all are known."""
    if not isinstance(node, ast.Dict):
        return None
    found = [None if key is None else text_of(key) for key in node.keys]
    known = [key for key in found if key is not None]
    return known if len(known) == len(found) else None


def arguments_of(arguments: ast.arguments) -> dict[str, bool]:
    """Its named arguments, and whether each must be given."""
    placed = [*arguments.posonlyargs, *arguments.args]
    needed = len(placed) - len(arguments.defaults)
    told = {one.arg: place < needed for place, one in enumerate(placed)}
    by_name = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return told | {one.arg: default is None for one, default in by_name}


# What is surely done


class Way(Protocol):
    """What is known of what is gone through."""

    @property
    def absent(self) -> str | None:
        """A name that is supposed not to be there: who needs it fails."""

    def needs(self, node: ast.AST) -> Iterable[str]:
        """The names without which a node alone fails."""

    def truth(self, test: ast.expr) -> bool | None:
        """Which way a condition surely goes."""

    def turns(self, node: ast.AST) -> Iterator[None]:
        """Each turn that a loop surely does to its end, while it is asked for; or none."""


class Surely(NamedTuple):
    names: set[str]  # that were needed when it is over, without an exception
    returns: bool = False  # whether it may end the function
    never: bool = False  # whether it surely ends by an exception


def surely(body: list[ast.stmt], way: Way) -> Surely:
    """What these statements need, whichever way they are gone through."""
    names: set[str] = set()
    for statement in body:
        found = _of_statement(statement, way)
        names |= found.names
        if found.never or way.absent in names:
            return Surely(names, never=True)
        if found.returns:
            return Surely(names, returns=True)
    return Surely(names)


def _of_statement(statement: ast.stmt, way: Way) -> Surely:
    if isinstance(statement, ast.If):
        return _of_branches(statement, way)
    names = _evaluated(statement, way)
    if isinstance(statement, ast.For):
        for _ in way.turns(statement):
            turn = surely(statement.body, way)
            names |= turn.names
            if turn.never:
                return Surely(names, never=True)
    returns = any(isinstance(node, ast.Return) for node in own([statement]))
    return Surely(names, returns, isinstance(statement, ast.Raise))


def _of_branches(statement: ast.If, way: Way) -> Surely:
    names = _evaluated(statement.test, way)
    goes = way.truth(statement.test)
    if goes is not None:
        taken = surely(statement.body if goes else statement.orelse, way)
        return taken._replace(names=names | taken.names)
    one = surely(statement.body, way)
    other = surely(statement.orelse, way)
    if one.never or other.never:
        left = other if one.never else one
        return left._replace(names=names | left.names)
    return Surely(names | (one.names & other.names), one.returns or other.returns)


def _evaluated(node: ast.AST, way: Way) -> set[str]:
    names: set[str] = set()
    waiting = [node]
    while waiting:
        part = waiting.pop()
        names.update(way.needs(part))
        waiting += _first(part)
        if isinstance(part, ast.IfExp) and (goes := way.truth(part.test)) is not None:
            waiting.append(part.body if goes else part.orelse)
        for _ in way.turns(part) if isinstance(part, _COMPREHENSIONS) else ():
            for made in _made_by(part):
                names |= _evaluated(made, way)
    return names


def _made_by(node: ast.AST) -> list[ast.expr]:
    """What a comprehension evaluates at each turn."""
    if isinstance(node, ast.DictComp):
        return [node.key, node.value]
    return [node.elt] if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)) else []


def _first(node: ast.AST) -> Iterable[ast.AST]:
    """Those children of a node that are always evaluated, and whose exceptions nobody catches."""
    if isinstance(node, (ast.stmt, ast.excepthandler)):
        return _first_of_statement(node)
    if isinstance(node, ast.BoolOp):
        return node.values[:1]
    if isinstance(node, ast.IfExp):
        return (node.test,)
    if isinstance(node, ast.Compare):
        return (node.left, node.comparators[0])
    if isinstance(node, _COMPREHENSIONS):
        return (node.generators[0].iter,)
    return () if isinstance(node, ast.Lambda) else ast.iter_child_nodes(node)


def _first_of_statement(node: ast.AST) -> Iterable[ast.AST]:
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.Return, ast.Expr, ast.Raise, ast.Delete)):
        return ast.iter_child_nodes(node)
    if isinstance(node, ast.AnnAssign):
        return (node.value,) if node.value else ()
    if isinstance(node, (ast.While, ast.Assert)):
        return (node.test,)
    if isinstance(node, ast.For):
        return (node.iter,)
    if isinstance(node, ast.With):
        return (node.items[0].context_expr,)
    return (node.subject,) if isinstance(node, ast.Match) else ()


def falls_off(body: list[ast.stmt]) -> bool:
    """Whether what stands behind these statements may be reached."""
    last = body[-1] if body else None
    if isinstance(last, (ast.Return, ast.Raise)):
        return False
    if isinstance(last, ast.If):
        return falls_off(last.body) or falls_off(last.orelse)
    if isinstance(last, ast.Try):
        if last.finalbody and not falls_off(last.finalbody):
            return False
        ways = [last.orelse or last.body, *(handler.body for handler in last.handlers)]
        return any(falls_off(way) for way in ways)
    if isinstance(last, ast.While):
        endless = isinstance(last.test, ast.Constant) and last.test.value is True
        return not endless or any(isinstance(node, ast.Break) for node in own(last.body))
    return True
