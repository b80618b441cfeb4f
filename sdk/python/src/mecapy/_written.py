"""What an author wrote, as it stands: text, tree and code of a file or of a notebook's cell.

Tree and code are made once for the same text.
"""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import sys
import types
from typing import Any


def source_of(file: str) -> str:
    """The text of a file, or of a notebook's cell; "" where there is none."""
    return "".join(linecache.getlines(file))


@functools.lru_cache(maxsize=32)
def tree_of(source: str) -> ast.Module:
    """The tree of a text; it is shared, and nobody changes it.

    Raises
    ------
    SyntaxError
        It is no Python, as a notebook's cell with words of its own.
    """
    return ast.parse(source)


@functools.lru_cache(maxsize=32)
def code_of(source: str, file: str) -> types.CodeType:
    """The code of a text.

    Raises
    ------
    SyntaxError, ValueError
        It is no Python.
    """
    return compile(source, file, "exec", dont_inherit=True)


def cells() -> list[str]:
    """The cells of a notebook, or of a prompt, by the names of their files; the newest first."""
    found = [name for name, entry in linecache.cache.items() if len(entry) == 4 and not entry[1]]
    return found[::-1]


def is_of_cells(module: str) -> bool:
    """Whether a module was not read from a file: the ``__main__`` of a notebook."""
    held = sys.modules.get(module)
    return held is not None and module == "__main__" and not hasattr(held, "__file__")


def lines_of(thing: Any) -> tuple[list[str], int, str]:
    """Lines of a function or class, the number of the first, and the file.

    Raises
    ------
    OSError, TypeError
        They cannot be found.
    """
    if isinstance(thing, type) and is_of_cells(thing.__module__):
        return _lines_of_class(thing)
    lines, line = inspect.getsourcelines(thing)
    return lines, max(line, 1), inspect.getsourcefile(thing) or "?"


def _lines_of_class(kind: type) -> tuple[list[str], int, str]:
    """Of a class of a notebook, which Python itself cannot place."""
    own = [getattr(part, "__code__", None) for part in vars(kind).values()]
    files = [code.co_filename for code in own if code and source_of(code.co_filename)]
    found = [
        (node, file)
        for file in dict.fromkeys([*files, *cells()])
        for node in _classes(source_of(file), kind.__qualname__)
        if _has_parts(node, kind)
    ]
    if not found:
        raise OSError(f"the cell of {kind.__name__} cannot be found")
    node, file = next((one for one in found if not changed(one[0], kind)), found[0])
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    lines = source_of(file).splitlines(keepends=True)[first - 1 : node.end_lineno]
    return lines, first, file


def _classes(source: str, name: str) -> list[ast.ClassDef]:
    """The classes of a name in a text, the last one first."""
    try:
        tree = tree_of(source)
    except SyntaxError:
        return []
    own = name.rpartition(".")[2]
    found = [one for one in ast.walk(tree) if isinstance(one, ast.ClassDef) and one.name == own]
    return found[::-1]


def _has_parts(node: ast.ClassDef, kind: type) -> bool:
    """Whether a class has what is written: another cell may have another class of its name."""
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef):
            names = [statement.name]
        elif isinstance(statement, ast.Assign):
            names = [one.id for one in statement.targets if isinstance(one, ast.Name)]
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            named, held = statement.target.id, getattr(kind, "__annotations__", {})
            names = [] if named in held else [named]
        else:
            continue
        if not all(hasattr(kind, name) for name in names):
            return False
    return True


def changed(written: ast.AST, kind: type) -> str | None:
    """The attribute of a class whose number or text is not the one written; None where all are."""
    for statement in getattr(written, "body", []):
        name, value = binds(statement), getattr(statement, "value", None)
        if name is None or not isinstance(value, ast.Constant):
            continue
        now = vars(kind).get(name, value.value)
        if type(now) in (int, float, str, bool) and now != value.value:
            return name
    return None


def binds(statement: ast.AST) -> str | None:
    """The one name that an assignment at the top of a file gives a value."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target: ast.expr = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target = statement.target
    else:
        return None
    return target.id if isinstance(target, ast.Name) else None
