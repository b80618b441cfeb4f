"""Numbers, bytes and the entries of arrays as JSON values."""

from __future__ import annotations

import base64
import datetime
import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from mecapy._numpy import np


class EncodingError(Exception):
    """A value that has no encoding; says where in the result it is.

    Parameters
    ----------
    problem : str
        What is wrong, in words that follow the place: ``"is a function"``.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.parts: list[str] = []  # the place, innermost first
        self.root = "result"
        self.cycle: int | None = None  # id of the container that contains itself

    def __str__(self) -> str:
        return f"{self.root}{''.join(reversed(self.parts))} {self.problem}"


# pandas' own dtypes that travel; its parser takes more, some of which open files.
PANDAS_DTYPE = re.compile(
    r"U?Int(8|16|32|64)|Float(32|64)|boolean|string|str"
    r"|datetime64\[(?P<unit>s|ms|us|ns), (?P<zone>[A-Za-z0-9_+:/-]{1,80})\]"
)


def dtype_name(dtype: Any) -> str:
    """The dtype's name without byte order and text width.

    Raises
    ------
    EncodingError
        It does not travel.
    """
    name = _name_of(dtype)
    if name is None:
        raise EncodingError(f"is of dtype {dtype}, which has no encoding: convert it")
    return name


def _name_of(dtype: Any) -> str | None:
    if not isinstance(dtype, np.dtype):
        name = str(dtype)
        if hasattr(dtype, "tz"):
            zone = place_name(dtype.tz) or _offset_name(dtype.tz)
            name = f"datetime64[{dtype.unit}, {zone}]" if zone else ""
        return name if PANDAS_DTYPE.fullmatch(name) else None
    if dtype.kind == "U":
        return "str"
    if dtype.kind == "S":
        return "bytes"
    if dtype.kind == "V" or dtype.itemsize > {"f": 8, "c": 16}.get(dtype.kind, dtype.itemsize):
        return None  # fields, and long doubles, which are this machine's alone
    return str(dtype.name)


def place_name(zone: Any) -> str | None:
    """The name of a zone that is a place's: ``"Europe/Paris"``; None of others."""
    for attribute in ("key", "zone"):  # of zoneinfo, of pytz
        name = getattr(zone, attribute, None)
        if isinstance(name, str):
            return name
    return None


def _offset_name(zone: Any) -> str | None:
    offset = zone.utcoffset(None)
    return None if offset is None else str(datetime.timezone(offset))


def special(value: float) -> Any:
    return {"$type": "float", "value": special_text(value)}


def special_text(value: float) -> str:
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def part(value: float) -> Any:
    return value if math.isfinite(value) else special_text(value)


def base64_text(value: Any) -> str:
    return base64.b64encode(bytes(value)).decode("ascii")


def array_entries(flat: Any) -> list[Any]:
    """The entries of a one-dimensional array as JSON values, at C speed where they are plain."""
    kind = flat.dtype.kind
    if kind == "f":
        return float_entries(flat.astype(np.float64, copy=False))
    if kind == "c":
        wide = flat.astype(np.complex128, copy=False)
        parts = zip(float_entries(wide.real), float_entries(wide.imag), strict=True)
        return [list(pair) for pair in parts]
    if kind == "M":
        texts = np.datetime_as_string(flat).tolist()
        return [None if text == "NaT" else text for text in texts]
    if kind == "m":
        missing = np.isnat(flat).tolist()
        counts = flat.astype(np.int64).tolist()
        return [None if no else count for no, count in zip(missing, counts, strict=True)]
    if kind == "S":
        return [base64_text(entry) for entry in flat.tolist()]
    plain: list[Any] = flat.tolist()
    return plain


def float_entries(flat: Any) -> list[Any]:
    entries: list[Any] = flat.tolist()
    for i in np.flatnonzero(~np.isfinite(flat)).tolist():
        entries[i] = special_text(entries[i])
    return entries


def json_encoder(default: Callable[[Any], Any] | None) -> json.JSONEncoder:
    """Of JSON as the platform writes it; `default` writes what is none."""
    return json.JSONEncoder(
        ensure_ascii=False,
        allow_nan=False,
        check_circular=False,
        separators=(",", ":"),
        default=default,
    )


_JSON = json_encoder(None)

# Entries of an array that are encoded at a time, where that is asked for.
SLICE = 8192


class Pieces:
    """JSON in pieces of bytes, which are made anew each time they are asked for."""

    def __init__(self, texts: list[bytes], arrays: list[Sliced]) -> None:
        self._texts = texts
        self._arrays = arrays
        self._size: int | None = None

    def __len__(self) -> int:
        """Bytes in all; the first time everything is encoded once for it."""
        if self._size is None:
            self._size = sum(map(len, self))
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        yield self._texts[0]
        for array, text in zip(self._arrays, self._texts[1:], strict=True):
            yield from array.pieces()
            yield text


class Sliced:
    """The entries of a large array, or a long list of numbers, that are encoded later."""

    def __init__(self, entries: Any) -> None:
        self._entries = entries

    def pieces(self) -> Iterator[bytes]:
        before = b"["
        for begin in range(0, len(self._entries), SLICE):
            some = self._entries[begin : begin + SLICE]
            plain = some if isinstance(some, (list, tuple)) else array_entries(some)
            yield before + _JSON.encode(plain)[1:-1].encode()
            before = b","
        yield b"]"
