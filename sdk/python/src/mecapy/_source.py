"""A function on its way to the platform: its source, and the module-level names it needs.

What is taken along is one module of Python source. Functions and classes of the function's own file
keep their lines, so that a traceback there names the line as it is here; what they need besides
(imports, constants) stands in the first line.

===========================  ==================================================================
a name that is               becomes
===========================  ==================================================================
a module                     its import, unless it is a file of yours
a function or class of yours its source, and what that needs
one of an installed package  its import
a number, text, list, array  its value now; functions and classes in it by their names
a lambda, named tuple, type  the statement that made it
alias, compiled pattern
anything else                a `SourceError`
===========================  ==================================================================
"""

from __future__ import annotations
import __future__

import ast
import builtins
import contextlib
import dataclasses
import dis
import enum
import functools
import importlib.util
import inspect
import re
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mecapy._errors import SourceError
from mecapy._faithful import check_bound_once, check_class, check_runs_as_written, may_give
from mecapy._imports import comes_with_packages, import_member, import_of, is_installed
from mecapy._literal import NoLiteral, Refer, literal
from mecapy._origin import Stretch
from mecapy._taken import Piece, Taken
from mecapy._written import binds, cells, is_of_cells, lines_of, source_of, tree_of

# Of one value that is taken along; what is larger belongs into the inputs.
_LARGEST_VALUE = 256 * 1024


class Place(NamedTuple):
    """Where a name is used: its module's names, and the file."""

    scope: dict[str, Any]
    file: str


def calculation_of(function: Callable[..., Any]) -> str:
    """A module of Python source that defines ``calculate(inputs)`` and calls `function`.

    Its inputs are the function's arguments, by their names. A function of one argument that is
    called ``calculate(inputs)`` is the calculation itself.

    Raises
    ------
    SourceError
        It cannot be taken along; says what stands in the way.
    """
    return written_of(function)[0]


def written_of(function: Callable[..., Any]) -> tuple[str, tuple[Stretch, ...]]:
    """The same, and where its lines stand.

    Raises
    ------
    SourceError
        See `calculation_of`.
    """
    function = unwrapped(function)
    _check_kind(function)
    taken = Taken()
    _take_piece(taken, function.__name__, function)
    return taken.text(function), tuple(taken.stretches)


def unwrapped(function: Any) -> Callable[..., Any]:
    """The function a decorated one was made of, where decorators tell."""
    inner = getattr(function, "_mecapy_function", function)
    return inner if inner is function else unwrapped(inner)


def check(function: Callable[..., Any]) -> None:
    """Whether a function can be taken along, as far as can be told while its file is being read.

    Names that are not defined yet may be later.

    Raises
    ------
    SourceError
        It cannot.
    """
    _check_kind(function)
    _take_piece(Taken(complete=False), function.__name__, function)


def _check_kind(function: Callable[..., Any]) -> None:
    inner = inspect.unwrap(function)
    if not isinstance(inner, types.FunctionType):
        raise SourceError(f"{_said(function)} is no plain function: write one with def")
    name = inner.__name__
    if name == "<lambda>":
        raise SourceError("a lambda has no name: write the calculation with def")
    if inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner):
        raise SourceError(f"{name} is async: a calculation is a plain function")
    if inspect.isgeneratorfunction(inner):
        raise SourceError(f"{name} is a generator: return a list instead")
    if "." in inner.__qualname__.rpartition("<locals>.")[2]:
        raise SourceError(f"{name} is a method: a calculation is a function at the top of a file")
    _lines_of(inner, name)


def _said(value: Any) -> str:
    return getattr(value, "__name__", None) or type(value).__name__


def _lines_of(thing: Any, name: str) -> tuple[list[str], int, str]:
    """Lines of source, number of the first, file."""
    try:
        return lines_of(thing)
    except (OSError, TypeError) as error:
        raise SourceError(
            f"the source of {name} cannot be found: write it in a file or a notebook's cell"
        ) from error


# What is taken along


def _take(taken: Taken, name: str, place: Place, user: str) -> None:
    """Take along what `name` is at `place`; `user` needs it."""
    scope = place.scope
    if name.startswith("__") and name.endswith("__"):  # the module's own
        return
    if name not in scope:
        if hasattr(builtins, name):
            return
        if taken.complete:
            raise SourceError(f"{user} needs {name}, which is not defined")
        return
    value = unwrapped(scope[name])
    if name in taken.origins:
        if taken.origins[name] is not value and not _same_constant(taken, name, value):
            raise SourceError(f"two different things are called {name}: rename one of them")
        return
    taken.origins[name] = value
    as_written = import_of(name, value, place.file)
    if as_written is not None:
        taken.imports[name] = as_written
    elif isinstance(value, types.ModuleType):
        raise SourceError(
            f"{user} needs {name}, a file of yours ({_file_of(value)}): a calculation is one "
            f"file, so import the names themselves (from {value.__name__} import ...)"
        )
    elif is_installed(value):
        taken.imports[name] = [import_member(name, value, user)]
    elif _has_source(value) and value.__name__ != name:  # import ... as, or another name for it
        taken.aliases[name] = value.__name__
        _take(taken, value.__name__, Place({**scope, value.__name__: value}, place.file), user)
    elif _has_source(value):
        _take_piece(taken, name, value)
    elif _is_made_by_statement(value):
        _take_statement(taken, name, value, scope, user)
    else:
        _take_constant(taken, name, place, user)


def _same_constant(taken: Taken, name: str, value: Any) -> bool:
    try:
        return taken.constants.get(name) == literal(value)
    except NoLiteral:
        return False


def _file_of(module: types.ModuleType) -> str:
    return Path(str(getattr(module, "__file__", None) or module.__name__)).name


def _has_source(value: Any) -> bool:
    """Whether it is a function, decorated or not, or a class, written as such."""
    inner = value if isinstance(value, type) or not callable(value) else inspect.unwrap(value)
    if not isinstance(inner, (types.FunctionType, type)) or inner.__name__ == "<lambda>":
        return False
    try:
        lines_of(inner)
    except (OSError, TypeError):
        return False
    return True


def _is_made_by_statement(value: Any) -> bool:
    """Whether it is best taken along as the statement that made it, which is free of effects."""
    kinds: tuple[Any, ...] = (type, types.FunctionType, types.GenericAlias, types.UnionType)
    return (
        isinstance(value, (*kinds, re.Pattern, functools.partial, enum.Enum))
        or dataclasses.is_dataclass(value)
        or (isinstance(value, tuple) and hasattr(value, "_fields"))
        or type(value).__module__ == "typing"
    )


def _take_constant(taken: Taken, name: str, place: Place, user: str) -> None:
    """Take along a value as it is now; functions and classes in it as names."""
    if taken.annotating:
        raise SourceError(f"{name} is a value, which no annotation needs")
    named: list[str] = []

    def refer(value: Any) -> str | None:
        value = unwrapped(value)
        own = str(value.__name__)
        if own == "<lambda>":
            raise NoLiteral("has a lambda in it, which has no name: write it with def")
        if getattr(builtins, own, None) is value:
            return own
        if not (is_installed(value) or _has_source(value)):
            return None
        _take(taken, own, Place({**place.scope, own: value}, place.file), name)
        named.append(own)
        return own

    text = _expression(name, place.scope[name], refer, user)
    if not named:
        taken.constants[name] = text
        return
    needed = [taken.pieces[one] for one in named if one in taken.pieces]
    line = max([one.end for one in needed if one.file == place.file], default=0)
    taken.pieces[name] = Piece(place.file, line, f"{name} = {text}\n")
    taken.order.append(name)


def _expression(name: str, value: Any, refer: Refer, user: str) -> str:
    try:
        text = literal(value, refer)
    except RecursionError:
        raise SourceError(f"{user} needs {name}, which contains itself") from None
    except NoLiteral as error:
        raise SourceError(
            f"{user} needs {name}, which {error}: make it an argument, or make it inside the "
            "function"
        ) from None
    if len(text) > _LARGEST_VALUE:
        size = f"{len(text) / 1024:.0f} of at most {_LARGEST_VALUE // 1024} KiB"
        raise SourceError(f"{user} needs {name}, which is large ({size}): make it an argument")
    return text


def _take_piece(taken: Taken, name: str, value: Any) -> None:
    inner = value if isinstance(value, type) else inspect.unwrap(value)
    if isinstance(inner, types.FunctionType):
        check_runs_as_written(inner)
    else:
        check_class(inner)
    if len(getattr(value, "registry", ())) > 1:
        raise SourceError(f"{name} has further versions by type, which would stay here")
    lines, line, file = _lines_of(inner, name)
    scope = dict(getattr(inner, "__globals__", None) or vars(sys.modules[value.__module__]))
    text = "".join(lines)
    if text[:1].isspace():  # as it stands: what is in texts has its own spaces
        text, line = "if True:\n" + text, line - 1
    try:
        text, dropped = _without_our_decorators(text, scope)
    except SyntaxError:
        raise SourceError(
            f"the lines of {name} cannot be cut out: write it at the top of a file"
        ) from None
    check_bound_once(name, value, file)
    taken.origins[name] = value
    _take_text(taken, name, Piece(file, line + dropped, text), scope)


def _take_statement(taken: Taken, name: str, value: Any, scope: dict[str, Any], user: str) -> None:
    for file, source in _sources(value, scope):
        try:
            tree = tree_of(source)
        except SyntaxError:  # a cell with words of its own
            continue
        found = [node for node in ast.walk(tree) if binds(node) == name]
        top = [node for node in tree.body if binds(node) == name and may_give(node, value)]
        if len(found) > 1:
            raise SourceError(f"{user} needs {name}, which is defined more than once")
        if top:
            text = (ast.get_source_segment(source, top[0]) or "") + "\n"
            return _take_text(taken, name, Piece(file, top[0].lineno, text), scope)
    raise SourceError(f"{user} needs {name}, and the line that defines it cannot be found")


def _take_text(taken: Taken, name: str, piece: Piece, scope: dict[str, Any]) -> None:
    """Take along a piece that defines `name`, and what it needs; for annotations what there is."""
    taken.pieces[name] = piece
    names, imports = _names_of(piece.text, piece.file, __future__.annotations.compiler_flag)
    for imported in imports:
        _check_import(imported, name)
    for needed in names:
        if needed != name:
            _take(taken, needed, Place(scope, piece.file), name)
    for annotated in _names_of(piece.text, piece.file, 0)[0]:
        if annotated not in names and annotated in scope and annotated not in taken.origins:
            trial = taken.copy()
            trial.annotating = True
            with contextlib.suppress(SourceError):  # nothing but a dataclass looks at it
                _take(trial, annotated, Place(scope, piece.file), name)
                vars(taken).update({**vars(trial), "annotating": taken.annotating})
    taken.order.append(name)


def _check_import(imported: str, user: str) -> None:
    """Refuse an import within a function that would find nothing there: of a file of yours."""
    top = imported.partition(".")[0]
    try:
        here = top in sys.modules or importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        here = False
    if here and not comes_with_packages(top):
        raise SourceError(
            f"{user} imports {top}, a file of yours, by itself: import the names at the top of "
            "its file"
        )


def _sources(value: Any, scope: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Files in which the statement may stand: the function's, then those of the module."""
    code = getattr(value, "__code__", None)
    files = [getattr(code, "co_filename", None), scope.get("__file__")]
    if is_of_cells(str(scope.get("__name__"))):
        files += cells()
    files += [part.__code__.co_filename for part in list(scope.values()) if _is_function(part)]
    for file in dict.fromkeys(f for f in files if isinstance(f, str)):
        source = source_of(file)
        if source:
            yield file, source


def _is_function(value: Any) -> bool:
    return isinstance(value, types.FunctionType)


def _without_our_decorators(text: str, scope: dict[str, Any]) -> tuple[str, int]:
    """Source without ``@client.task`` and what stands above it, and how many lines that were."""
    node = ast.parse(text).body[0]
    above = "if True:\n" if isinstance(node, ast.If) else ""
    node = node.body[0] if isinstance(node, ast.If) else node
    ours = [i for i, d in enumerate(getattr(node, "decorator_list", [])) if _is_ours(d, scope)]
    if not ours:
        return text, 0
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    kept = node.decorator_list[ours[-1] + 1 :]
    first = (kept[0].lineno if kept else node.lineno) - 1
    lines = text.split("\n")  # as Python counts them
    if kept:  # the @ is in the line of its expression
        while not lines[first].lstrip().startswith("@"):
            first -= 1
    return above + "\n".join(lines[first:]), first - above.count("\n")


def _is_ours(decorator: ast.expr, scope: dict[str, Any]) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    if not isinstance(called, ast.Attribute) or called.attr != "task":
        return False
    owner = scope.get(called.value.id) if isinstance(called.value, ast.Name) else None
    return owner is None or type(owner).__module__.partition(".")[0] == "mecapy"


def _names_of(text: str, file: str, flags: int) -> tuple[list[str], list[str]]:
    """The global names that source uses, each once, and the modules that it imports."""
    module = compile(text, file, "exec", flags=flags, dont_inherit=True)
    seen: dict[str, None] = {}
    imports: list[str] = []
    waiting = [module]
    while waiting:
        part = waiting.pop()
        waiting += [c for c in part.co_consts if isinstance(c, types.CodeType)]
        steps = list(dis.get_instructions(part))
        own = {step.argval for step in steps if step.opname == "STORE_NAME"}  # of a class
        imports += [str(step.argval) for step in steps if step.opname == "IMPORT_NAME"]
        for step in steps:
            loads = step.opname.startswith(("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOB"))
            if loads and not (part is not module and step.argval in own):
                seen[str(step.argval)] = None
    return list(seen), imports
