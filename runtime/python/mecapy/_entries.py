"""Numbers, bytes and the entries of arrays as JSON values."""

from __future__ import annotations

import base64
import math
from typing import Any

from mecapy._numpy import np


def dtype_name(dtype: Any) -> str:
    """The dtype's name without byte order, text width and long double: this machine's alone."""
    if not isinstance(dtype, np.dtype):
        return str(dtype)
    if dtype.kind == "U":
        return "str"
    if dtype.kind == "S":
        return "bytes"
    if dtype.kind == "f" and dtype.itemsize > 8:
        return "float64"
    if dtype.kind == "c" and dtype.itemsize > 16:
        return "complex128"
    return str(dtype.name)


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
