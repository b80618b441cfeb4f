"""Names that come from installed packages: how they are imported elsewhere."""

from __future__ import annotations

import ast
import functools
import importlib.util
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mecapy._errors import SourceError
from mecapy._written import source_of, tree_of


def import_of(name: str, value: Any, file: str) -> list[str] | None:
    """How `file` imports `name` from an installed package; None when it does not.

    There are several statements when they make one package of several modules.
    """
    whole = []
    for node in _imports(file):
        if isinstance(node, ast.Import):
            whole += [text for alias in node.names if (text := _module(alias, name, value))]
        elif node.level == 0 and node.module and comes_with_packages(node.module):
            held = sys.modules.get(node.module)
            for alias in node.names:
                if alias.name == "*" and getattr(held, name, None) is value:
                    return [f"from {node.module} import {name}"]
                if (alias.asname or alias.name) == name and _gives(held, alias.name, value):
                    return [f"from {node.module} import {alias.name}" + _renamed(alias)]
    return whole or _import_itself(name, value)


def _gives(module: Any, member: str, value: Any) -> bool:
    whole = f"{getattr(module, '__name__', '')}.{member}"
    return getattr(module, member, None) is value or sys.modules.get(whole) is value


def _renamed(alias: ast.alias) -> str:
    return f" as {alias.asname}" if alias.asname else ""


def _module(alias: ast.alias, name: str, value: Any) -> str | None:
    top = alias.name.partition(".")[0]
    bound = sys.modules.get(alias.name if alias.asname else top)
    if (alias.asname or top) != name or bound is not value or not comes_with_packages(top):
        return None
    return f"import {alias.name}" + _renamed(alias)


def _import_itself(name: str, value: Any) -> list[str] | None:
    """A module whose import stands in no file that can be read, as in a notebook's cell before."""
    if not isinstance(value, types.ModuleType) or not comes_with_packages(value.__name__):
        return None
    own = value.__name__
    return [f"import {own}" if own == name else f"import {own} as {name}"]


def _imports(file: str) -> Iterator[ast.Import | ast.ImportFrom]:
    try:
        tree = tree_of(source_of(file))
    except SyntaxError:
        return
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            waiting += list(ast.iter_child_nodes(node))
        elif isinstance(node, ast.ExceptHandler):
            waiting += node.body


def import_member(name: str, value: Any, user: str) -> str:
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


def is_installed(value: Any) -> bool:
    """Whether it is a function or class of an installed package: importable there, too."""
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not (isinstance(module, str) and isinstance(name, str) and callable(value)):
        return False
    if not comes_with_packages(module):
        return False
    return isinstance(value, type) or getattr(sys.modules.get(module), name, None) is value


@functools.cache
def comes_with_packages(module: str) -> bool:
    """Whether a module is the standard library's or an installed package's, not a file of yours."""
    top = module.partition(".")[0]
    if top in ("__main__", "builtins"):
        return top == "builtins"
    if top == "mecapy":
        return True
    file = _file_of(top)
    if file is None:
        return top in sys.stdlib_module_names or top in sys.modules
    homes = [sysconfig.get_path(key) for key in ("purelib", "platlib", "stdlib", "platstdlib")]
    homes += [part for part in sys.path if part.endswith(("site-packages", "dist-packages"))]
    place = Path(str(file)).resolve()
    return any(place.is_relative_to(Path(home).resolve()) for home in homes if home)


def _file_of(top: str) -> str | None:
    """Where a top-level module is, loaded or not; None where there is no file, or no module."""
    found = sys.modules.get(top)
    if found is not None:
        file = getattr(found, "__file__", None) or next(iter(getattr(found, "__path__", [])), None)
        return None if file is None else str(file)
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin in ("built-in", "frozen"):
        return None
    return spec.origin or next(iter(spec.submodule_search_locations or []), None)
