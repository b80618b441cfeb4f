"""Constants as Python expressions that give the same value, of the same type, elsewhere."""

from __future__ import annotations

import collections
import datetime
import logging
import math
import pathlib
import sys
import types
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from mecapy import _encoding

DECODE = "_mecapy_decode"

Refer = Callable[[Any], "str | None"]

_ATOMS = (bool, int, str, bytes, type(None))
_STANDARD = (
    datetime.datetime,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    Decimal,
    Fraction,
)
_NAMED = (types.FunctionType, types.BuiltinFunctionType, type)


class NoLiteral(Exception):
    """A value that no expression gives back as it is; says what it is."""


def literal(value: Any, refer: Refer = lambda _: None) -> str:
    """An expression for `value`; what it needs besides builtins is called `DECODE`.

    Parameters
    ----------
    value : object
        What the expression is to give.
    refer : callable, optional
        The name under which a function or class within `value` is known there; None where it is
        not.

    Raises
    ------
    NoLiteral
        There is none.
    """
    kind = type(value)  # a subclass, an Enum say, is another thing
    if kind in _ATOMS or (kind is float and math.isfinite(value)):
        return repr(value)
    write = _WRITERS.get(kind)
    if write is not None:
        return write(value, lambda inner: literal(inner, refer))
    if kind in (float, complex, *_STANDARD) or _is_data(kind):
        return f"{DECODE}({_encoded(value)!r})"
    if _is_scalar(value):
        numpy = sys.modules["numpy"]
        return f"{DECODE}({_encoded(numpy.asarray(value))!r})[()]"
    if isinstance(value, _NAMED) or _is_ufunc(value):
        name = refer(value)
        if name is not None:
            return name
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


def _is_ufunc(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ufunc)


# Writers of a kind: the value, and what writes a value within it


Inner = Callable[[Any], str]


def _tuple(value: tuple[Any, ...], inner: Inner) -> str:
    parts = ", ".join(map(inner, value))
    return f"({parts},)" if len(value) == 1 else f"({parts})"


def _dict(value: dict[Any, Any], inner: Inner) -> str:
    return "{" + ", ".join(f"{inner(k)}: {inner(v)}" for k, v in value.items()) + "}"


def _set(value: set[Any], inner: Inner) -> str:
    return "{" + ", ".join(map(inner, value)) + "}" if value else "set()"


def _slice(value: slice, inner: Inner) -> str:
    return f"slice({inner(value.start)}, {inner(value.stop)}, {inner(value.step)})"


def _deque(value: collections.deque[Any], inner: Inner) -> str:
    return f"{_of('collections', 'deque')}({inner(list(value))}, {value.maxlen})"


def _defaultdict(value: collections.defaultdict[Any, Any], inner: Inner) -> str:
    factory = value.default_factory
    if factory is not None and factory not in (int, float, complex, str, list, dict, set, tuple):
        raise NoLiteral("is a defaultdict whose defaults are made by a function")
    name = "None" if factory is None else factory.__name__
    return f"{_of('collections', 'defaultdict')}({name}, {_dict(value, inner)})"


def _logger(value: logging.Logger, inner: Inner) -> str:
    return f"{_of('logging', 'getLogger')}({inner(value.name)})"


def _path(value: pathlib.PurePath, inner: Inner) -> str:
    if value.is_absolute():
        raise NoLiteral("is a path of this machine")
    kind = "Path" if isinstance(value, pathlib.Path) else "PurePath"
    return f"{_of('pathlib', kind)}({inner(value.as_posix())})"


def _of(module: str, member: str) -> str:
    return f"__import__({module!r}).{member}"


def _called(module: str, member: str, inside: Callable[[Any, Inner], str]) -> Any:
    return lambda value, inner: f"{_of(module, member)}({inside(value, inner)})"


_WRITERS: dict[type, Callable[[Any, Inner], str]] = {
    list: lambda value, inner: "[" + ", ".join(map(inner, value)) + "]",
    tuple: _tuple,
    dict: _dict,
    set: _set,
    frozenset: lambda value, inner: f"frozenset({_set(set(value), inner)})",
    range: lambda value, _: repr(value),
    bytearray: lambda value, _: repr(value),
    slice: _slice,
    collections.deque: _deque,
    collections.defaultdict: _defaultdict,
    collections.Counter: _called("collections", "Counter", _dict),
    collections.OrderedDict: _called("collections", "OrderedDict", _dict),
    types.MappingProxyType: _called("types", "MappingProxyType", _dict),
    types.SimpleNamespace: lambda value, inner: (
        f"{_of('types', 'SimpleNamespace')}(**{_dict(vars(value), inner)})"
    ),
    logging.Logger: _logger,
    **{
        kind: _path
        for kind in (
            pathlib.PosixPath,
            pathlib.WindowsPath,
            pathlib.PurePosixPath,
            pathlib.PureWindowsPath,
        )
    },
}
