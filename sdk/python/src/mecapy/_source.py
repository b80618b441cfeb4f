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
import dis
import functools
import inspect
import re
import sys
import sysconfig
import textwrap
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mecapy import _encoding
from mecapy._errors import SourceError

# Of one value that is taken along; what is larger belongs into the inputs.
_LARGEST_VALUE = 256 * 1024
_DECODE = "_mecapy_decode"
_BY_NAME = "_mecapy_by_name"


@dataclass
class _Piece:
    """Source of a function, class or statement, and the names it needs."""

    file: str
    line: int
    text: str
    names: list[str]
    scope: dict[str, Any]


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
    if name.startswith("__"):  # the module's own
        return
    if name not in scope:
        if hasattr(builtins, name):
            return
        if module.complete:
            raise SourceError(f"{user} needs {name}, which is not defined")
        return
    value = scope[name]
    if name in module.origins:
        if module.origins[name] is not value:
            raise SourceError(f"two different things are called {name}: rename one of them")
        return
    module.origins[name] = value
    value = unwrapped(value)
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
    module = getattr(value, "__module__", None)
    named = isinstance(getattr(value, "__name__", None), str)
    return isinstance(module, str) and named and callable(value) and _comes_with_packages(module)


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
    aliases = (types.GenericAlias, getattr(types, "UnionType", types.GenericAlias))
    return (
        isinstance(value, (type, types.FunctionType, re.Pattern, functools.partial, *aliases))
        or type(value).__module__ in ("typing", "numpy.lib.function_base")
        or isinstance(value, typing.TypeVar)
    )


def _constant(name: str, value: Any, user: str) -> str:
    try:
        text = _encoding.encode(value, root=name)
    except _encoding.EncodingError as error:
        raise SourceError(
            f"{user} needs {error}; make it an argument, or make it inside the function"
        ) from None
    if len(text) > _LARGEST_VALUE:
        size = f"{len(text) / 1024:.0f} of at most {_LARGEST_VALUE // 1024} KiB"
        raise SourceError(f"{user} needs {name}, which is large ({size}): make it an argument")
    if isinstance(value, (bool, int, float, str, type(None))) and b"$type" not in text:
        return f"{name} = {value!r}"
    return f"{name} = {_DECODE}({text!r})"


def _take_piece(module: _Module, name: str, value: Any) -> None:
    inner = value if isinstance(value, type) else inspect.unwrap(value)
    lines, line, file = _lines_of(inner, name)
    scope = dict(getattr(inner, "__globals__", None) or vars(sys.modules[value.__module__]))
    text = textwrap.dedent("".join(lines))
    text, dropped = _without_our_decorators(text, scope)
    if getattr(value, "__name__", name) != name:
        own = value.__name__
        raise SourceError(f"{own} is called {name} where it is used: use one name for it")
    module.origins[name] = value
    names = list(_names_of(text, file))
    module.pieces[name] = _Piece(file, line + dropped, text, names, scope)
    for needed in names:
        if needed != name:
            _take(module, needed, scope, name)


def _take_statement(
    module: _Module, name: str, value: Any, scope: dict[str, Any], user: str
) -> None:
    for file, source in _sources(value, scope):
        for statement in ast.parse(source).body:
            if _binds(statement) == name:
                text = ast.get_source_segment(source, statement) or ""
                names = list(_names_of(text, file))
                module.pieces[name] = _Piece(file, statement.lineno, text + "\n", names, scope)
                for needed in names:
                    if needed != name:
                        _take(module, needed, scope, name)
                return
    raise SourceError(f"{user} needs {name}, and the line that defines it cannot be found")


def _sources(value: Any, scope: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Files in which the statement may stand: the function's, then that of the module."""
    import linecache

    code = getattr(value, "__code__", None)
    files = [getattr(code, "co_filename", None), scope.get("__file__")]
    files += [part.__code__.co_filename for part in list(scope.values()) if _is_function(part)]
    for file in dict.fromkeys(f for f in files if isinstance(f, str)):
        source = "".join(linecache.getlines(file))
        if source:
            yield file, source


def _is_function(value: Any) -> bool:
    return isinstance(value, types.FunctionType)


def _binds(statement: ast.stmt) -> str | None:
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


def _names_of(text: str, file: str) -> Iterator[str]:
    """The global names that source uses, each once."""
    flags = __future__.annotations.compiler_flag
    code = compile(text, file, "exec", flags=flags, dont_inherit=True)
    seen: set[str] = set()
    waiting = [code]
    while waiting:
        part = waiting.pop()
        waiting += [c for c in part.co_consts if isinstance(c, types.CodeType)]
        for step in dis.get_instructions(part):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") and step.argval not in seen:
                seen.add(step.argval)
                yield str(step.argval)


# The module


def _text(module: _Module, function: Callable[..., Any]) -> str:
    """The pieces in the order of their files' lines, the calculation's own file last."""
    name = function.__name__
    home = module.pieces[name].file
    files = [f for f in dict.fromkeys(p.file for p in module.pieces.values()) if f != home]
    header = ["from __future__ import annotations"] if _has_lazy_annotations(function) else []
    if not is_calculation(function):
        header.append(f"from mecapy._entry import by_name as {_BY_NAME}")
    if any(f" = {_DECODE}(" in text for text in module.header.values()):
        header.append(f"from mecapy._decoding import decode as {_DECODE}")
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


def _has_lazy_annotations(function: Callable[..., Any]) -> bool:
    code = inspect.unwrap(function).__code__
    return bool(code.co_flags & __future__.annotations.compiler_flag)


def is_calculation(function: Callable[..., Any]) -> bool:
    """Whether it is a calculation as it is: ``calculate(inputs)``."""
    names = list(inspect.signature(function).parameters)
    return function.__name__ == "calculate" and names == ["inputs"]
