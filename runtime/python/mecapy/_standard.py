"""Values of the standard library, and of pandas what is like them, as JSON values."""

from __future__ import annotations

import datetime
import pathlib
import sys
import uuid
from decimal import Decimal
from fractions import Fraction
from typing import Any

from mecapy._entries import EncodingError, base64_text, part, place_name


def _zone(value: Any) -> dict[str, str]:
    """The name of the place whose time it is; its offset alone would be another's in summer."""
    name = place_name(value.tzinfo)
    return {} if name is None else {"zone": name}


def _time(value: datetime.time) -> Any:
    zone = _zone(value)
    if value.tzinfo is not None and not zone and value.utcoffset() is None:
        raise EncodingError("is a time of a zone that has no name")
    written = value.replace(tzinfo=None) if zone else value
    return {"$type": "time", "value": written.isoformat(), **zone}


def _pandas_timedelta(value: Any) -> Any:
    lasting = value.to_timedelta64()
    count = int(lasting.astype("int64"))
    return {"$type": "timedelta64", "dtype": lasting.dtype.name, "value": count, "pandas": True}


def standard(value: Any, depth: int) -> Any:
    """The JSON of a value of the standard library that holds no others; None of another value."""
    del depth
    pandas = sys.modules.get("pandas")
    if pandas is not None and value is not pandas.NaT:
        if isinstance(value, pandas.Timestamp):
            return {"$type": "timestamp", "value": value.isoformat(), **_zone(value)}
        if isinstance(value, pandas.Timedelta):
            return _pandas_timedelta(value)
    if pandas is not None and value is pandas.NaT:
        return {"$type": "nat"}
    if isinstance(value, complex):
        return {"$type": "complex", "value": [part(value.real), part(value.imag)]}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$type": "bytes", "value": base64_text(value)}
    if isinstance(value, datetime.datetime):
        return {"$type": "datetime", "value": value.isoformat(), **_zone(value)}
    if isinstance(value, datetime.date):
        return {"$type": "date", "value": value.isoformat()}
    if isinstance(value, datetime.time):
        return _time(value)
    if isinstance(value, datetime.timedelta):
        return {"$type": "timedelta", "microseconds": value // datetime.timedelta(microseconds=1)}
    if isinstance(value, Decimal):
        return {"$type": "decimal", "value": str(value)}
    if isinstance(value, Fraction):
        return {"$type": "fraction", "value": str(value)}
    if isinstance(value, (pathlib.PurePath, uuid.UUID)):
        return str(value)
    return None


def describe(value: Any) -> str:
    """What a value without encoding is, in words that follow its place."""
    if callable(value) and hasattr(value, "__name__"):
        return "a class" if isinstance(value, type) else "a function"
    if hasattr(value, "cr_await"):
        return "a coroutine: calculate must not be async"
    name = type(value).__name__
    module = type(value).__module__
    if module.startswith("scipy.sparse"):
        return f"a sparse matrix ({name}): return its toarray()"
    where = "" if module in ("builtins", "calc") else f"{module}."
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {where}{name}, which has no encoding"
