"""The reading side of the encoding of `mecapy._encoding`: inputs come this way."""

from __future__ import annotations

import base64
import datetime
import importlib
import json
import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from mecapy._entries import PANDAS_DTYPE
from mecapy._numpy import np

Reviver = Callable[[dict[str, Any]], Any]

# What all arrays of texts of one value may take: each of their entries is as wide as the widest.
_MOST_OF_TEXTS = 256 << 20
# Members of a set, keys or labels that may share one hash: each is compared with all of them.
_MOST_OF_A_HASH = 100


class _Room:
    """Memory that the arrays of texts of one value may still take."""

    def __init__(self) -> None:
        self._left = _MOST_OF_TEXTS

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ValueError("arrays of texts that would take more than 256 MiB")


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
    room = _Room()
    return json.loads(text, object_hook=lambda item: _revive(item, artifact, room))


def _pandas() -> Any:
    return importlib.import_module("pandas")  # only when an input needs it


def _pandas_is_old() -> bool:
    return int(_pandas().__version__.partition(".")[0]) < 3


def _revive(item: dict[str, Any], artifact: Reviver | None, room: _Room) -> Any:
    kind = item.get("$type")
    if kind is None:
        return item
    if kind == "artifact" and artifact is not None:
        return artifact(item)
    revive = _REVIVERS.get(kind) if isinstance(kind, str) else None
    if revive is None:
        raise ValueError(f"unknown $type {kind!r}")
    try:
        return revive(item, room)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"malformed $type {kind!r}: {error!r}") from error


def _revive_array(item: dict[str, Any], room: _Room) -> Any:
    data = _array_of(item["data"], item["dtype"], room)
    array = data.reshape(item["shape"])
    if "mask" in item:
        mask = _array_of(item["mask"], "bool", room).reshape(item["shape"])
        return np.ma.MaskedArray(array, mask=mask)
    return array


# A text that names one of `numpy`'s own dtypes of numbers or times: others have a width that a few
# letters can make as large as one likes.
_DTYPE = re.compile(
    r"bool|u?int(8|16|32|64)|float(16|32|64)|complex(64|128)"
    r"|(datetime|timedelta)64(\[\d{0,9}[A-Za-z]{1,7}\])?"
)
# What the entries of an array of each kind of dtype are.
_ENTRIES: dict[str, frozenset[type]] = {
    "b": frozenset({bool, int}),
    "i": frozenset({int, bool, float}),
    "u": frozenset({int, bool, float}),
    "f": frozenset({float, int, bool, str, type(None)}),
    "c": frozenset({list}),
    "M": frozenset({str, int, type(None)}),
    "m": frozenset({int, type(None)}),
}


def _flat(data: Any, kinds: frozenset[type]) -> list[Any]:
    """`data`, when it is one list of such entries: of lists numpy makes arrays of its own shape."""
    if type(data) is not list or not kinds.issuperset(map(type, data)):
        raise ValueError("an array whose data is not one flat list of its entries")
    return data


def _texts(data: list[Any], kind: Any, width: int, room: _Room) -> Any:
    room.take(len(data) * max(map(len, data), default=0) * width)
    return np.array(data, dtype=kind)


def _array_of(data: Any, dtype: Any, room: _Room) -> Any:
    if dtype == "str":
        return _texts(_flat(data, frozenset({str})), np.str_, 4, room)
    if dtype == "bytes":
        texts = _flat(data, frozenset({str}))
        return _texts([base64.b64decode(entry) for entry in texts], np.bytes_, 1, room)
    if dtype == "object":
        return _objects(data)
    if not isinstance(dtype, str) or not _DTYPE.fullmatch(dtype):
        raise ValueError(f"unknown dtype {str(dtype)[:80]!r}")
    kind = np.dtype(dtype).kind
    entries = _flat(data, _ENTRIES[kind])
    if kind == "c":
        return np.array([complex(float(re), float(im)) for re, im in entries], dtype=dtype)
    if kind in "Mm":
        return np.array(["NaT" if entry is None else entry for entry in entries], dtype=dtype)
    if kind == "f":
        return np.array(entries, dtype=float).astype(dtype)
    return np.array(entries, dtype=dtype)


def _objects(data: Any) -> Any:
    if type(data) is not list:
        raise ValueError("an array whose data is no list")
    array = np.empty(len(data), dtype=object)
    for i, entry in enumerate(data):
        array[i] = entry
    return array


def _revive_nat_scalar(item: dict[str, Any], room: _Room) -> Any:
    value = _array_of([item["value"]], item["dtype"], room)[0]
    return _pandas().Timedelta(value) if item.get("pandas") is True else value


def _index(item: dict[str, Any], room: _Room) -> Any:
    labels, names = item["index"], item.get("index_names", [None])
    if "index_dtype" not in item:
        return _labels(labels, names)
    if item["index_dtype"] == "object":
        labels = _spread(labels)
    index = _pandas().Index(
        _column_of(labels, item["index_dtype"], room), name=names[0], tupleize_cols=False
    )
    if "index_freq" in item:
        index.freq = _frequency(item["index_freq"])
    return index


def _frequency(text: str) -> Any:
    """The step of an index of times; None where this pandas has another name for it."""
    if not re.fullmatch(r"[A-Za-z0-9-]{1,40}", text):
        raise ValueError(f"malformed frequency {text[:40]!r}")
    try:
        return _pandas().tseries.frequencies.to_offset(text)
    except ValueError:
        return None


def _labels(labels: list[Any], names: list[Any]) -> Any:
    keys = _spread(labels)
    if len(names) > 1:
        return _pandas().MultiIndex.from_tuples(keys, names=names)
    data = _objects(keys) if any(isinstance(key, tuple) for key in keys) else keys
    return _pandas().Index(data, name=names[0] if names else None, tupleize_cols=False)


_MISSING = frozenset({type(None), float})


def _column_of(data: Any, dtype: Any, room: _Room) -> Any:
    if isinstance(dtype, dict):
        categories = _column_of(dtype["categories"], dtype["dtype"], room)
        _spread(dtype["categories"])
        return _pandas().Categorical(_spread(data), categories, ordered=dtype["ordered"])
    found = PANDAS_DTYPE.fullmatch(dtype)
    if dtype == "str" and _pandas_is_old():
        return _objects(_flat(data, _MISSING | {str}))  # object before pandas 3
    if dtype == "bytes":
        raise ValueError("a column of dtype bytes, which pandas has not")
    if found is None:
        return _array_of(data, dtype, room)
    missing = _MISSING | {type(_pandas().NA)}
    if found["zone"] is not None:
        entries = _flat(data, missing | {_pandas().Timestamp, type(_pandas().NaT)})
        kind = _pandas().DatetimeTZDtype(found["unit"], _zone_of_column(found["zone"]))
        return _pandas().array(entries, dtype=kind)
    texts = dtype in ("str", "string")
    entries = _flat(data, missing | ({str} if texts else {int, bool}))
    return _pandas().array(entries, dtype=dtype)


def _revive_series(item: dict[str, Any], room: _Room) -> Any:
    index = _index(item, room)
    column = _column_of(item["data"], item["dtype"], room)
    return _pandas().Series(column, index=index, name=_hashable(item["name"]))


def _revive_frame(item: dict[str, Any], room: _Room) -> Any:
    index = _index(item, room)
    columns = [
        _pandas().Series(_column_of(data, dtype, room), index=index)
        for data, dtype in zip(item["data"], item["dtypes"], strict=True)
    ]
    if not columns:
        return _pandas().DataFrame(index=index)
    frame = _pandas().concat(columns, axis=1)
    frame.columns = _labels(item["columns"], item.get("column_names", [None]))
    return frame


def _place(zone: str) -> datetime.tzinfo:
    """The zone of a name, of the tables of zones and of nowhere else: pandas would open any file.

    Raises
    ------
    ValueError
        There is none.
    """
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(zone)
    except (OSError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise ValueError(f"unknown zone {zone[:80]!r}") from error


def _place_of_pandas(zone: str) -> datetime.tzinfo:
    """The zone as this pandas has it: one of pytz before pandas 3."""
    place = _place(zone)
    if not _pandas_is_old():
        return place
    old: datetime.tzinfo = importlib.import_module("pytz").timezone(zone)
    return old


_OFFSET = re.compile(r"UTC(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?")


def _zone_of_column(zone: str) -> datetime.tzinfo:
    """The zone of a dtype's text: an offset, or a place."""
    offset = _OFFSET.fullmatch(zone)
    if offset is None:
        return _place_of_pandas(zone)
    sign = -1 if offset[1] == "-" else 1
    hours, minutes, seconds = (sign * int(part or 0) for part in offset.groups()[1:])
    return datetime.timezone(datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds))


_MOMENT = re.compile(
    r"-?\d{4,6}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?(Z|[+-]\d\d:\d\d(:\d\d)?)?"
)


def _revive_timestamp(item: dict[str, Any], _: _Room) -> Any:
    if not _MOMENT.fullmatch(item["value"]):
        raise ValueError(f"malformed timestamp {item['value'][:80]!r}")
    time = _pandas().Timestamp(item["value"])
    return time.tz_convert(_place_of_pandas(item["zone"])) if "zone" in item else time


def _revive_datetime(item: dict[str, Any], _: _Room) -> datetime.datetime:
    time = datetime.datetime.fromisoformat(item["value"])
    return time.astimezone(_place(item["zone"])) if "zone" in item else time


def _revive_time(item: dict[str, Any], _: _Room) -> datetime.time:
    time = datetime.time.fromisoformat(item["value"])
    return time.replace(tzinfo=_place(item["zone"])) if "zone" in item else time


def _pandas_constant(name: str) -> Any:
    return getattr(_pandas(), name)


def _fraction(text: str) -> Fraction:
    if not re.fullmatch(r"-?\d+(/\d+)?", text):  # "1e999999999" is one, too, to Fraction itself
        raise ValueError(f"malformed fraction {text[:40]!r}")
    return Fraction(text)


def _hashable(key: Any) -> Any:
    """A key as it was: tuples travel as arrays."""
    return tuple(_hashable(part) for part in key) if isinstance(key, list) else key


def _spread(keys: list[Any]) -> list[Any]:
    """Keys as they were, when few of them have the same hash.

    Raises
    ------
    ValueError
        So many have that to tell them apart would take a time of their number's square.
    """
    made = [_hashable(key) for key in keys]
    crowded = {one for one, count in Counter(map(hash, made)).items() if count > _MOST_OF_A_HASH}
    if crowded:  # the same one again and again costs nothing
        different = {(hash(key), repr(key)) for key in made if hash(key) in crowded}
        if max(Counter(one for one, _ in different).values()) > _MOST_OF_A_HASH:
            raise ValueError("too many members of a set, keys or labels with one hash")
    return made


def _revive_dict(items: list[Any]) -> dict[Any, Any]:
    keys = _spread([key for key, _ in items])
    return dict(zip(keys, (value for _, value in items), strict=True))


_REVIVERS: dict[str, Callable[[dict[str, Any], _Room], Any]] = {
    "float": lambda item, _: float(item["value"]),
    "complex": lambda item, _: complex(*map(float, item["value"])),
    "ndarray": _revive_array,
    "datetime64": _revive_nat_scalar,
    "timedelta64": _revive_nat_scalar,
    "dataframe": _revive_frame,
    "series": _revive_series,
    "index": _index,
    "timestamp": _revive_timestamp,
    "nat": lambda *_: _pandas_constant("NaT"),
    "na": lambda *_: _pandas_constant("NA"),
    "datetime": _revive_datetime,
    "date": lambda item, _: datetime.date.fromisoformat(item["value"]),
    "time": _revive_time,
    "timedelta": lambda item, _: datetime.timedelta(microseconds=item["microseconds"]),
    "bytes": lambda item, _: base64.b64decode(item["value"], validate=True),
    "set": lambda item, _: set(_spread(item["value"])),
    "frozenset": lambda item, _: frozenset(_spread(item["value"])),
    "decimal": lambda item, _: Decimal(item["value"]),
    "fraction": lambda item, _: _fraction(item["value"]),
    "dict": lambda item, _: _revive_dict(item["items"]),
    "artifact": lambda item, _: item,
}
