"""What stands in a tree of Python: whose names are whose, and what is done in any case.

What looks at branches within branches (`surely`, `falls_off`) calls itself: where they are too many
that is a RecursionError. All else goes through a tree of any depth.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

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


def assigned(statement: ast.AST) -> ast.expr | None:
    """What a statement gives one name and nothing else."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        return statement.value
    return statement.value if isinstance(statement, ast.AnnAssign) else None


def text_of(node: ast.expr) -> str | None:
    """The text that is written there."""
    held = node.value if isinstance(node, ast.Constant) else None
    return held if isinstance(held, str) else None


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


class _Surely(NamedTuple):
    names: set[str]  # that were needed when it is over, without an exception
    returns: bool  # whether it may end the function


def surely(body: list[ast.stmt], needed_by: dict[ast.AST, set[str]]) -> _Surely:
    """What these statements need, whichever way they are gone through."""
    names: set[str] = set()
    for statement in body:
        if isinstance(statement, ast.If):
            one = surely(statement.body, needed_by)
            other = surely(statement.orelse, needed_by)
            names |= _evaluated(statement.test, needed_by) | (one.names & other.names)
            returns = one.returns or other.returns
        else:
            names |= _evaluated(statement, needed_by)
            returns = any(isinstance(node, ast.Return) for node in own([statement]))
        if returns:
            return _Surely(names, True)
    return _Surely(names, False)


def _evaluated(node: ast.AST, needed_by: dict[ast.AST, set[str]]) -> set[str]:
    names: set[str] = set()
    waiting = [node]
    while waiting:
        part = waiting.pop()
        names |= needed_by.get(part, set())
        waiting += _first(part)
    return names


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
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
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
