"""The reading side of the encoding of `mecapy._encoding`: inputs come this way."""

from __future__ import annotations

import base64
import datetime
import importlib
import json
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from mecapy._numpy import np

Reviver = Callable[[dict[str, Any]], Any]


def decode(text: bytes, artifact: Reviver | None = None) -> Any:
    """The value of an encoded JSON text; plain JSON costs nothing more than ``json.loads``.

    Parameters
    ----------
    text : bytes
        UTF-8.
    artifact : callable, optional
        Makes what stands for ``{"$type": "artifact", "name": ...}``, which is left as it is
        without.

    Raises
    ------
    ValueError
        The text is not JSON, or an object has an unknown or malformed ``"$type"``.
    """
    if b'"$type"' not in text:
        return json.loads(text)
    return json.loads(text, object_hook=lambda item: _revive(item, artifact))


def _pandas() -> Any:
    return importlib.import_module("pandas")  # only when an input needs it


def _revive(item: dict[str, Any], artifact: Reviver | None) -> Any:
    kind = item.get("$type")
    if kind is None:
        return item
    if kind == "artifact" and artifact is not None:
        return artifact(item)
    revive = _REVIVERS.get(kind) if isinstance(kind, str) else None
    if revive is None:
        raise ValueError(f"unknown $type {kind!r}")
    try:
        return revive(item)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"malformed $type {kind!r}: {error!r}") from error


def _revive_array(item: dict[str, Any]) -> Any:
    data = _array_of(item["data"], item["dtype"])
    array = data.reshape(item["shape"])
    if "mask" in item:
        mask = np.array(item["mask"], dtype=bool).reshape(item["shape"])
        return np.ma.MaskedArray(array, mask=mask)
    return array


# A text that names one of `numpy`'s own dtypes of numbers or times: others have a width that a few
# letters can make as large as one likes.
_DTYPE = re.compile(
    r"bool|object|u?int(8|16|32|64)|float(16|32|64)|complex(64|128)"
    r"|(datetime|timedelta)64(\[\d{0,9}[A-Za-z]{1,7}\])?"
)
# Of an array of texts, each of whose entries is as wide as the widest.
_WIDEST_TEXTS = 256 << 20


def _texts(data: list[Any], kind: Any, width: int) -> Any:
    if len(data) * max(map(len, data), default=0) * width > _WIDEST_TEXTS:
        raise ValueError("an array of texts that would take more than 256 MiB")
    return np.array(data, dtype=kind)


def _array_of(data: list[Any], dtype: str) -> Any:
    if dtype == "str":
        return _texts(data, np.str_, 4)
    if dtype == "bytes":
        return _texts([base64.b64decode(entry) for entry in data], np.bytes_, 1)
    if not _DTYPE.fullmatch(dtype):
        raise ValueError(f"unknown dtype {dtype!r}")
    if dtype == "object":
        array = np.empty(len(data), dtype=object)
        for i, entry in enumerate(data):
            array[i] = entry
        return array
    kind = np.dtype(dtype).kind
    if kind == "c":
        parts = [complex(float(re), float(im)) for re, im in data]
        return np.array(parts, dtype=dtype)
    if kind in "Mm":
        return np.array(["NaT" if entry is None else entry for entry in data], dtype=dtype)
    return np.array(data, dtype=dtype) if kind != "f" else np.array(data, dtype=float).astype(dtype)


def _revive_nat_scalar(item: dict[str, Any]) -> Any:
    return _array_of([item["value"]], item["dtype"])[0]


def _index(item: dict[str, Any]) -> Any:
    labels, names = item["index"], item.get("index_names", [None])
    if "index_dtype" in item:
        return _pandas().Index(_column_of(labels, item["index_dtype"]), name=names[0])
    return _labels(labels, names)


def _labels(labels: list[Any], names: list[Any]) -> Any:
    if len(names) > 1:
        return _pandas().MultiIndex.from_tuples([tuple(label) for label in labels], names=names)
    return _pandas().Index(labels, name=names[0] if names else None)


def _column_of(data: list[Any], dtype: Any) -> Any:
    if isinstance(dtype, dict):
        categories = _column_of(dtype["categories"], dtype["dtype"])
        return _pandas().Categorical(data, categories=categories, ordered=dtype["ordered"])
    if dtype == "object":
        return np.array(data, dtype=object)
    if dtype == "str":  # pandas' own, which has missing values, and is object before pandas 3
        if int(_pandas().__version__.partition(".")[0]) >= 3:
            return _pandas().array(data, dtype="str")
        return np.array(data, dtype=object)
    try:
        np.dtype(dtype)
    except TypeError:
        return _pandas().array(data, dtype=dtype)  # a pandas dtype: Int64, string, UTC, ...
    return _array_of(data, dtype)


def _revive_series(item: dict[str, Any]) -> Any:
    index = _index(item)
    return _pandas().Series(_column_of(item["data"], item["dtype"]), index=index, name=item["name"])


def _revive_frame(item: dict[str, Any]) -> Any:
    index = _index(item)
    columns = [
        _pandas().Series(_column_of(data, dtype), index=index)
        for data, dtype in zip(item["data"], item["dtypes"], strict=True)
    ]
    if not columns:
        return _pandas().DataFrame(index=index)
    frame = _pandas().concat(columns, axis=1)
    frame.columns = _labels(item["columns"], item.get("column_names", [None]))
    return frame


def _revive_timestamp(item: dict[str, Any]) -> Any:
    time = _pandas().Timestamp(item["value"])
    return time.tz_convert(item["zone"]) if "zone" in item else time


def _revive_datetime(item: dict[str, Any]) -> datetime.datetime:
    time = datetime.datetime.fromisoformat(item["value"])
    if "zone" not in item:
        return time
    import zoneinfo

    return time.astimezone(zoneinfo.ZoneInfo(item["zone"]))


def _pandas_constant(name: str) -> Any:
    return getattr(_pandas(), name)


def _fraction(text: str) -> Fraction:
    if not re.fullmatch(r"-?\d+(/\d+)?", text):  # "1e999999999" is one, too, to Fraction itself
        raise ValueError(f"malformed fraction {text[:40]!r}")
    return Fraction(text)


def _hashable(key: Any) -> Any:
    """A key as it was: tuples travel as arrays."""
    return tuple(_hashable(part) for part in key) if isinstance(key, list) else key


_REVIVERS: dict[str, Reviver] = {
    "float": lambda item: float(item["value"]),
    "complex": lambda item: complex(*map(float, item["value"])),
    "ndarray": _revive_array,
    "datetime64": _revive_nat_scalar,
    "timedelta64": _revive_nat_scalar,
    "dataframe": _revive_frame,
    "series": _revive_series,
    "timestamp": _revive_timestamp,
    "nat": lambda _: _pandas_constant("NaT"),
    "na": lambda _: _pandas_constant("NA"),
    "datetime": _revive_datetime,
    "date": lambda item: datetime.date.fromisoformat(item["value"]),
    "time": lambda item: datetime.time.fromisoformat(item["value"]),
    "timedelta": lambda item: datetime.timedelta(microseconds=item["microseconds"]),
    "bytes": lambda item: base64.b64decode(item["value"], validate=True),
    "set": lambda item: {_hashable(entry) for entry in item["value"]},
    "frozenset": lambda item: frozenset(_hashable(entry) for entry in item["value"]),
    "decimal": lambda item: Decimal(item["value"]),
    "fraction": lambda item: _fraction(item["value"]),
    "dict": lambda item: {_hashable(key): value for key, value in item["items"]},
    "artifact": lambda item: item,
}
