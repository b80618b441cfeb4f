"""The way into a calculation that is a function of several arguments."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

# Bits of a code object's flags (the inspect module's, which takes long to import).
_VARARGS = 4
_VARKEYWORDS = 8


def by_name(function: Callable[..., Any]) -> Callable[[dict[str, Any]], Any]:
    """Make a calculation of `function`: each member of its inputs is the argument of that name.

    What ``*names`` takes is one member, a list; what ``**names`` takes is one, an object. An
    argument that has a default may be missing.
    """
    inner: Any = function
    while hasattr(inner, "__wrapped__"):  # behind decorators
        inner = inner.__wrapped__
    code: types.CodeType = inner.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    further = list(code.co_varnames[count:])  # of * before of **
    rest = [further.pop(0)] if code.co_flags & _VARARGS else []
    named = further[:1] if code.co_flags & _VARKEYWORDS else []
    placed = code.co_varnames[: code.co_argcount if rest else code.co_posonlyargcount]

    def calculate(inputs: dict[str, Any]) -> Any:
        left = dict(inputs)
        first = [left.pop(name) for name in placed if name in left]
        for name in rest:
            first += left.pop(name, [])
        for name in named:
            left |= left.pop(name, {})
        return function(*first, **left)

    return calculate
