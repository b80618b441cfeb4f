"""An author's file as it stands: its text, its tree, its code; each made once for the same text."""

from __future__ import annotations

import ast
import functools
import linecache
import types


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
