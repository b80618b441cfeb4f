"""Numbers, bytes and the entries of arrays as JSON values."""

from __future__ import annotations

import base64
import datetime
import math
import re
from typing import Any

from mecapy._numpy import np

# pandas' own dtypes that travel; its parser takes more, some of which open files.
PANDAS_DTYPE = re.compile(
    r"U?Int(8|16|32|64)|Float(32|64)|boolean|string|str"
    r"|datetime64\[(?P<unit>s|ms|us|ns), (?P<zone>[A-Za-z0-9_+:/-]{1,80})\]"
)


def dtype_name(dtype: Any) -> str | None:
    """The dtype's name without byte order and text width; None for one that does not travel."""
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
