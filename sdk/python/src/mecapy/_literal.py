"""Constants as Python expressions that give the same value, of the same type, elsewhere."""

from __future__ import annotations

import datetime
import math
import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from mecapy import _encoding

DECODE = "_mecapy_decode"

_ATOMS = (bool, int, str, bytes, type(None))
_STANDARD = (
    datetime.datetime,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    Decimal,
    Fraction,
    bytearray,
)


class NoLiteral(Exception):
    """A value that no expression gives back as it is; says what it is."""


def literal(value: Any) -> str:
    """An expression for `value`; what it needs besides builtins is called `DECODE`.

    Raises
    ------
    NoLiteral
        There is none.
    """
    kind = type(value)  # a subclass, an Enum say, is another thing
    if kind in _ATOMS or (kind is float and math.isfinite(value)):
        return repr(value)
    write = _CONTAINERS.get(kind)
    if write is not None:
        return write(value)
    if kind in (float, complex, *_STANDARD) or _is_data(kind):
        return f"{DECODE}({_encoded(value)!r})"
    if _is_scalar(value):
        numpy = sys.modules["numpy"]
        return f"{DECODE}({_encoded(numpy.asarray(value))!r})[()]"
    raise NoLiteral(f"is a {kind.__module__}.{kind.__qualname__}")


def _encoded(value: Any) -> bytes:
    try:
        return _encoding.encode(value)
    except _encoding.EncodingError as error:
        raise NoLiteral(error.problem) from None


def _is_data(kind: type) -> bool:
    """Whether the encoding gives it back exactly: arrays and tables."""
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    kinds: list[type] = [] if numpy is None else [numpy.ndarray, numpy.ma.MaskedArray]
    kinds += [] if pandas is None else [pandas.DataFrame, pandas.Series]
    return kind in kinds


def _is_scalar(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.generic)


def _tuple(value: tuple[Any, ...]) -> str:
    inner = ", ".join(map(literal, value))
    return f"({inner},)" if len(value) == 1 else f"({inner})"


def _dict(value: dict[Any, Any]) -> str:
    return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"


def _set(value: set[Any]) -> str:
    return "{" + ", ".join(map(literal, value)) + "}" if value else "set()"


_CONTAINERS: dict[type, Callable[[Any], str]] = {
    list: lambda value: "[" + ", ".join(map(literal, value)) + "]",
    tuple: _tuple,
    dict: _dict,
    set: _set,
    frozenset: lambda value: f"frozenset({_set(set(value))})",
    range: repr,
    slice: lambda value: (
        f"slice({literal(value.start)}, {literal(value.stop)}, {literal(value.step)})"
    ),
}
