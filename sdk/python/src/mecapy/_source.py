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
a number, text, list, array  its value now
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
import copy
import dataclasses
import dis
import enum
import functools
import inspect
import linecache
import re
import sys
import sysconfig
import textwrap
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mecapy._errors import SourceError
from mecapy._literal import DECODE, NoLiteral, literal

# Of one value that is taken along; what is larger belongs into the inputs.
_LARGEST_VALUE = 256 * 1024
_BY_NAME = "_mecapy_by_name"


@dataclass
class _Piece:
    """Source of a function, class or statement, and where it stands."""

    file: str
    line: int
    text: str


@dataclass
class _Module:
    """What has been taken along so far."""

    pieces: dict[str, _Piece] = field(default_factory=dict)  # by the name it defines
    header: dict[str, str] = field(default_factory=dict)  # by the name it defines
    origins: dict[str, object] = field(default_factory=dict)  # what each name is
    complete: bool = True  # whether every name must be defined by now


def calculation_of(function: Callable[..., Any]) -> str:
    """A module of Python source that defines ``calculate(inputs)`` and calls `function`.

    Its inputs are the function's arguments, by their names. A function of one argument that is
    called ``calculate(inputs)`` is the calculation itself.

    Raises
    ------
    SourceError
        It cannot be taken along; says what stands in the way.
    """
    function = unwrapped(function)
    _check_kind(function)
    module = _Module()
    _take_piece(module, function.__name__, function)
    return _text(module, function)


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
    _take_piece(_Module(complete=False), function.__name__, function)


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
    if inner.__closure__:
        names = ", ".join(inner.__code__.co_freevars)
        raise SourceError(
            f"{name} uses {names} of the function around it: make it an argument, "
            "or a name at the top of the file"
        )
    if "." in inner.__qualname__.rpartition("<locals>.")[2]:
        raise SourceError(f"{name} is a method: a calculation is a function at the top of a file")
    _lines_of(inner, name)


def _said(value: Any) -> str:
    return getattr(value, "__name__", None) or type(value).__name__


def _lines_of(thing: Any, name: str) -> tuple[list[str], int, str]:
    """Lines of source, number of the first, file."""
    try:
        lines, line = inspect.getsourcelines(thing)
        file = inspect.getsourcefile(thing) or "?"
    except (OSError, TypeError) as error:
        raise SourceError(
            f"the source of {name} cannot be found: write it in a file or a notebook's cell"
        ) from error
    return lines, max(line, 1), file


# What is taken along


def _take(module: _Module, name: str, scope: dict[str, Any], user: str) -> None:
    """Take along what `name` is in `scope`; `user` needs it."""
    if name.startswith("__") and name.endswith("__"):  # the module's own
        return
    if name not in scope:
        if hasattr(builtins, name):
            return
        if module.complete:
            raise SourceError(f"{user} needs {name}, which is not defined")
        return
    value = unwrapped(scope[name])
    if name in module.origins:
        if module.origins[name] is not value and not _same_constant(module, name, value):
            raise SourceError(f"two different things are called {name}: rename one of them")
        return
    module.origins[name] = value
    if isinstance(value, types.ModuleType):
        module.header[name] = _import_module(name, value, user)
    elif _is_installed(value):
        module.header[name] = _import_member(name, value, user)
    elif _has_source(value):
        _take_piece(module, name, value)
    elif _is_made_by_statement(value):
        _take_statement(module, name, value, scope, user)
    else:
        module.header[name] = _constant(name, value, user)


def _same_constant(module: _Module, name: str, value: Any) -> bool:
    try:
        return module.header.get(name) == f"{name} = {literal(value)}"
    except NoLiteral:
        return False


def _import_module(name: str, value: types.ModuleType, user: str) -> str:
    if not _comes_with_packages(value.__name__):
        file = getattr(value, "__file__", None) or value.__name__
        raise SourceError(
            f"{user} needs {name}, a file of yours ({Path(str(file)).name}): a calculation is one "
            f"file, so import the names themselves (from {value.__name__} import ...)"
        )
    top, _, rest = value.__name__.partition(".")
    if not rest and top == name:
        return f"import {name}"
    return f"import {value.__name__} as {name}" if name != top else f"import {value.__name__}"


def _import_member(name: str, value: Any, user: str) -> str:
    member = str(getattr(value, "__qualname__", value.__name__))
    module = _home(str(value.__module__), member, value)
    if member.startswith("_") or "." in member or not hasattr(sys.modules.get(module), member):
        raise SourceError(f"{user} needs {name}, which cannot be imported from {module}")
    return f"from {module} import {member}" + ("" if member == name else f" as {name}")


def _home(module: str, member: str, value: Any) -> str:
    """The outermost package that has `value` as `member`: what it is meant to be imported from."""
    parts = module.split(".")
    for count in range(1, len(parts)):
        outer = ".".join(parts[:count])
        if getattr(sys.modules.get(outer), member, None) is value:
            return outer
    return module


def _is_installed(value: Any) -> bool:
    """Whether it is a function or class of an installed package: importable there, too."""
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not (isinstance(module, str) and isinstance(name, str) and callable(value)):
        return False
    if not _comes_with_packages(module):
        return False
    return isinstance(value, type) or getattr(sys.modules.get(module), name, None) is value


@functools.cache
def _comes_with_packages(module: str) -> bool:
    """Whether a module is the standard library's or an installed package's, not a file of yours."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names and top != "__main__":
        return True
    if top == "mecapy":
        return True
    found = sys.modules.get(top)
    file = getattr(found, "__file__", None) or next(iter(getattr(found, "__path__", [])), None)
    if file is None:
        return found is not None and top != "__main__" and not _is_notebook(top)
    homes = [sysconfig.get_path(key) for key in ("purelib", "platlib", "stdlib")]
    homes += [part for part in sys.path if part.endswith(("site-packages", "dist-packages"))]
    place = Path(str(file)).resolve()
    return any(place.is_relative_to(Path(home).resolve()) for home in homes if home)


def _is_notebook(top: str) -> bool:
    return top in ("__main__", "builtins")


def _has_source(value: Any) -> bool:
    """Whether it is a function, decorated or not, or a class, written as such."""
    inner = value if isinstance(value, type) or not callable(value) else inspect.unwrap(value)
    if not isinstance(inner, (types.FunctionType, type)) or inner.__name__ == "<lambda>":
        return False
    try:
        inspect.getsourcelines(inner)
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


def _constant(name: str, value: Any, user: str) -> str:
    try:
        text = literal(value)
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
    return f"{name} = {text}"


def _take_piece(module: _Module, name: str, value: Any) -> None:
    inner = value if isinstance(value, type) else inspect.unwrap(value)
    if getattr(value, "__name__", name) != name:
        own = value.__name__
        raise SourceError(f"{own} is called {name} where it is used: use one name for it")
    if isinstance(inner, types.FunctionType):
        _check_runs_as_written(inner)
    lines, line, file = _lines_of(inner, name)
    scope = dict(getattr(inner, "__globals__", None) or vars(sys.modules[value.__module__]))
    text = "".join(lines)
    if text[:1].isspace():
        text = textwrap.dedent(text)
    try:
        text, dropped = _without_our_decorators(text, scope)
    except SyntaxError:
        raise SourceError(
            f"the lines of {name} cannot be cut out: write it at the top of a file"
        ) from None
    module.origins[name] = value
    _take_text(module, name, _Piece(file, line + dropped, text), scope)


def _take_statement(
    module: _Module, name: str, value: Any, scope: dict[str, Any], user: str
) -> None:
    for file, source in _sources(value, scope):
        found = [node for node in ast.walk(ast.parse(source)) if _binds(node) == name]
        top = [node for node in ast.parse(source).body if _binds(node) == name]
        if len(found) > 1:
            raise SourceError(f"{user} needs {name}, which is defined more than once")
        if top:
            text = (ast.get_source_segment(source, top[0]) or "") + "\n"
            return _take_text(module, name, _Piece(file, top[0].lineno, text), scope)
    raise SourceError(f"{user} needs {name}, and the line that defines it cannot be found")


def _take_text(module: _Module, name: str, piece: _Piece, scope: dict[str, Any]) -> None:
    """Take along a piece that defines `name`, and what it needs; for annotations what there is."""
    module.pieces[name] = piece
    names = _names_of(piece.text, piece.file, __future__.annotations.compiler_flag)
    for needed in names:
        if needed != name:
            _take(module, needed, scope, name)
    for annotated in _names_of(piece.text, piece.file, 0):
        if annotated not in names and annotated in scope and annotated not in module.origins:
            trial = copy.copy(module)
            trial.pieces, trial.header = dict(module.pieces), dict(module.header)
            trial.origins = dict(module.origins)
            with contextlib.suppress(SourceError):  # nothing but a dataclass looks at it
                _take(trial, annotated, scope, name)
                module.pieces, module.header = trial.pieces, trial.header
                module.origins = trial.origins


def _check_runs_as_written(function: types.FunctionType) -> None:
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
    source = "".join(linecache.getlines(function.__code__.co_filename))
    try:
        waiting = [compile(source, function.__code__.co_filename, "exec", dont_inherit=True)]
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


def _shape(code: types.CodeType) -> tuple[Any, ...]:
    consts = [c if not isinstance(c, types.CodeType) else _shape(c) for c in code.co_consts]
    return code.co_code, code.co_names, code.co_varnames, repr(consts)


def _check_defaults(function: types.FunctionType, source: str) -> None:
    now = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for node in ast.walk(ast.parse(source)):
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


def _sources(value: Any, scope: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Files in which the statement may stand: the function's, then that of the module."""
    code = getattr(value, "__code__", None)
    files = [getattr(code, "co_filename", None), scope.get("__file__")]
    files += [part.__code__.co_filename for part in list(scope.values()) if _is_function(part)]
    for file in dict.fromkeys(f for f in files if isinstance(f, str)):
        source = "".join(linecache.getlines(file))
        if source:
            yield file, source


def _is_function(value: Any) -> bool:
    return isinstance(value, types.FunctionType)


def _binds(statement: ast.AST) -> str | None:
    """The one name that an assignment at the top of a file gives a value."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target: ast.expr = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target = statement.target
    else:
        return None
    return target.id if isinstance(target, ast.Name) else None


def _without_our_decorators(text: str, scope: dict[str, Any]) -> tuple[str, int]:
    """Source without ``@client.task`` and what stands above it, and how many lines that were."""
    node = ast.parse(text).body[0]
    ours = [i for i, d in enumerate(getattr(node, "decorator_list", [])) if _is_ours(d, scope)]
    if not ours:
        return text, 0
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    kept = node.decorator_list[ours[-1] + 1 :]
    first = (kept[0].lineno if kept else node.lineno) - 1
    lines = text.splitlines(keepends=True)
    if kept:  # the @ is in the line of its expression
        while not lines[first].lstrip().startswith("@"):
            first -= 1
    return "".join(lines[first:]), first


def _is_ours(decorator: ast.expr, scope: dict[str, Any]) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    if not isinstance(called, ast.Attribute) or called.attr != "task":
        return False
    owner = scope.get(called.value.id) if isinstance(called.value, ast.Name) else None
    return owner is None or type(owner).__module__.partition(".")[0] == "mecapy"


def _names_of(text: str, file: str, flags: int) -> list[str]:
    """The global names that source uses, each once."""
    module = compile(text, file, "exec", flags=flags, dont_inherit=True)
    seen: dict[str, None] = {}
    waiting = [module]
    while waiting:
        part = waiting.pop()
        waiting += [c for c in part.co_consts if isinstance(c, types.CodeType)]
        steps = list(dis.get_instructions(part))
        own = {step.argval for step in steps if step.opname == "STORE_NAME"}  # of a class
        for step in steps:
            loads = step.opname.startswith(("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOB"))
            if loads and not (part is not module and step.argval in own):
                seen[str(step.argval)] = None
    return list(seen)


# The module


def _text(module: _Module, function: Callable[..., Any]) -> str:
    """The pieces in the order of their files' lines, the calculation's own file last."""
    name = function.__name__
    if "calculate" in {*module.pieces, *module.header} and not is_calculation(function):
        raise SourceError(f"calculate is the platform's own name for {name}: use another one")
    home = module.pieces[name].file
    files = [f for f in dict.fromkeys(p.file for p in module.pieces.values()) if f != home]
    header = ["from __future__ import annotations"]  # nobody's annotations are needed there
    if not is_calculation(function):
        header.append(f"from mecapy._entry import by_name as {_BY_NAME}")
    if any(f"{DECODE}(" in text for text in module.header.values()):
        header.append(f"from mecapy._decoding import decode as {DECODE}")
    header += sorted(
        module.header.values(), key=lambda text: not text.startswith(("import", "from"))
    )
    lines = ["; ".join(header)] if header else []
    for file in [*files, home]:
        pieces = [p for p in module.pieces.values() if p.file == file]
        for piece in sorted(pieces, key=lambda p: p.line):
            if file == home:  # at its own line, where that is free
                lines += [""] * (piece.line - 1 - len(lines))
            lines += piece.text.rstrip("\n").split("\n")
    if not is_calculation(function):
        lines += ["", "", f"calculate = {_BY_NAME}({name})"]
    return "\n".join(lines) + "\n"


def is_calculation(function: Callable[..., Any]) -> bool:
    """Whether it is a calculation as it is: ``calculate(inputs)``."""
    names = list(inspect.signature(function).parameters)
    return function.__name__ == "calculate" and names == ["inputs"]
