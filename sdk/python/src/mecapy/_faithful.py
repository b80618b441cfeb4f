"""Whether source, run elsewhere, means what it means here; where it would not, it is refused."""

from __future__ import annotations

import ast
import re
import textwrap
import types
from collections.abc import Iterator
from typing import Any

from mecapy._errors import SourceError
from mecapy._written import binds, changed, code_of, lines_of, source_of, tree_of


def check_runs_as_written(function: types.FunctionType) -> None:
    """Whether what stands in the file now is what runs here.

    Raises
    ------
    SourceError
        The file has changed, a value of a function around it is used, or a default would be
        another one there.
    """
    name = function.__name__
    if function.__closure__ and function.__code__.co_freevars != ("__class__",):
        names = ", ".join(function.__code__.co_freevars)
        raise SourceError(
            f"{name} uses {names} of the function around it: make it an argument, "
            "or a name at the top of the file"
        )
    source = source_of(function.__code__.co_filename)
    try:
        waiting = [code_of(source, function.__code__.co_filename)]
    except (SyntaxError, ValueError):
        return  # a notebook's cell with words of its own; its lines are those that ran
    same = []
    while waiting:
        code = waiting.pop()
        waiting += [c for c in code.co_consts if isinstance(c, types.CodeType)]
        if code.co_name == name and code.co_firstlineno == function.__code__.co_firstlineno:
            same.append(code)
    if not any(_shape(code) == _shape(function.__code__) for code in same):
        raise SourceError(f"the file of {name} has changed since it was imported: import it again")
    _check_defaults(function, source)


def check_class(kind: type) -> None:
    """Whether a class is what its lines say: methods as written, attributes as they were set."""
    lines, _, file = lines_of(kind)
    for value in vars(kind).values():
        parts = (value.fget, value.fset) if isinstance(value, property) else (value,)
        for part in parts:
            method = getattr(part, "__func__", part)
            if isinstance(method, types.FunctionType) and _is_of(method, kind, file):
                check_runs_as_written(method)
    node = ast.parse(textwrap.dedent("".join(lines))).body[0]
    name = changed(node, kind)
    if name is not None:
        now = vars(kind)[name]
        raise SourceError(f"{kind.__name__}.{name} is not what its class says: {now!r}")


def _is_of(method: types.FunctionType, kind: type, file: str | None) -> bool:
    own = method.__qualname__ == f"{kind.__qualname__}.{method.__name__}"
    own = own and not method.__name__.startswith("__annotate")  # Python's own, from 3.14 on
    return own and method.__code__.co_filename == file  # what a dataclass makes has none


def check_bound_once(name: str, value: Any, file: str) -> None:
    """Refuse a name that the top of its file gives several meanings."""
    if "<locals>" in getattr(value, "__qualname__", ""):
        return
    try:
        tree = tree_of(source_of(file))
    except SyntaxError:
        return
    if sum(bound == name for bound in _bound_at_top(tree.body)) > 1:
        raise SourceError(f"{name} is defined more than once: use one name for each")


def _bound_at_top(body: list[ast.stmt]) -> Iterator[str | None]:
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            yield statement.name
        for part in ("body", "orelse", "handlers", "finalbody"):
            inner = getattr(statement, part, [])
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield from _bound_at_top(inner)
        yield binds(statement)


def _shape(code: types.CodeType) -> tuple[Any, ...]:
    consts = [c if not isinstance(c, types.CodeType) else _shape(c) for c in code.co_consts]
    return code.co_code, code.co_names, code.co_varnames, repr(consts)


def _check_defaults(function: types.FunctionType, source: str) -> None:
    now = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for node in ast.walk(tree_of(source)):
        if not isinstance(node, ast.FunctionDef) or node.name != function.__name__:
            continue
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        if first != function.__code__.co_firstlineno:
            continue
        written = [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
        for expression, value in zip(written, now, strict=False):
            if not _gives(expression, value, function.__globals__):
                raise SourceError(
                    f"a default of {function.__name__}, {ast.unparse(expression)}, would be "
                    "another value there: give it as an argument, or write it out"
                )


def _gives(expression: ast.expr, value: Any, scope: dict[str, Any]) -> bool:
    """Whether a default's expression still gives the value that it gave."""
    if not isinstance(expression, (ast.Name, ast.Attribute, ast.BinOp, ast.UnaryOp)):
        return True  # written out, or made anew by a call
    try:
        again = eval(compile(ast.Expression(expression), "<default>", "eval"), scope)
        return again is value or bool(type(again) is type(value) and again == value)
    except Exception:
        return False


def may_give(statement: ast.AST, value: Any) -> bool:
    """Whether an assignment, which another cell may have made again, may be that of a pattern."""
    call = getattr(statement, "value", None)
    if not isinstance(value, re.Pattern) or not isinstance(call, ast.Call) or not call.args:
        return True
    written = call.args[0]
    return not isinstance(written, ast.Constant) or written.value == value.pattern
