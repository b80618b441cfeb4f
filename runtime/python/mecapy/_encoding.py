"""The one JSON encoding of inputs and results, both ways.

Plain JSON stays what it is. Everything else is an object with a ``"$type"``:

==================  =============================================================================
value               JSON
==================  =============================================================================
nan, inf, -inf      ``{"$type": "float", "value": "nan" | "inf" | "-inf"}``
complex             ``{"$type": "complex", "value": [re, im]}``, a part not finite as that text
ndarray             ``{"$type": "ndarray", "dtype": "float64", "shape": [2, 3], "data": [...]}``:
                    flat, C order; nan and infinities are texts, complex entries ``[re, im]``,
                    datetime64 ISO texts, timedelta64 counts of the dtype's unit (NaT: null),
                    bytes base64; a masked array has ``"mask"`` as well
datetime64          ``{"$type": "datetime64", "dtype": "datetime64[s]", "value": ISO text | null}``
timedelta64         ``{"$type": "timedelta64", "dtype": "timedelta64[s]", "value": count | null}``;
                    a Timedelta of pandas has ``"pandas": true`` as well
DataFrame           ``{"$type": "dataframe", "columns": [...], "index": [...], "data": [[...], ...],
                    "dtypes": [...], "column_names": [...], "index_names": [...],
                    "index_dtype": ...}``; ``data`` holds one array per column; an index of
                    several levels has no ``index_dtype``, one of times in steps has its
                    ``"index_freq"``, ``"D"``
Series              ``{"$type": "series", "name": ..., "index": [...], "data": [...], "dtype": ...,
                    "index_names": [...], "index_dtype": ...}``
Index               ``{"$type": "index", "index": [...], "index_names": [...],
                    "index_dtype": ...}``, as that of a DataFrame
dtype of categories ``{"categories": [...], "dtype": ..., "ordered": false}``
pandas Timestamp    ``{"$type": "timestamp", "value": ISO text}``; at a place ``"zone"`` as well
pandas NaT, NA      ``{"$type": "nat"}``, ``{"$type": "na"}``
datetime and kin    ``{"$type": "datetime" | "date" | "time", "value": ISO text}``; a datetime or
                    time at a place has its ``"zone"``, ``"Europe/Paris"``, as well
timedelta           ``{"$type": "timedelta", "microseconds": count}``
bytes               ``{"$type": "bytes", "value": base64}``
set, frozenset      ``{"$type": "set" | "frozenset", "value": [...]}``
Decimal, Fraction   ``{"$type": "decimal" | "fraction", "value": text}``
other dict          ``{"$type": "dict", "items": [[key, value], ...]}``: keys that are not text,
                    or a key ``"$type"``
figure              ``{"$type": "artifact", "name": file name}``
==================  =============================================================================

numpy scalars become plain numbers, tuples and ranges arrays, dataclasses objects, enums their
value, paths and UUIDs text. Numbers are written with ``repr``: the shortest text that reads back
the same.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mecapy import _numpy
from mecapy._entries import (
    SLICE,
    EncodingError,
    Pieces,
    Sliced,
    array_entries,
    dtype_name,
    json_encoder,
    special,
)
from mecapy._numpy import np
from mecapy._standard import describe, standard

MAX_DEPTH = 100

_ATOMS = frozenset({str, int, bool, type(None)})
_ATOMS_AND_FLOAT = _ATOMS | {float}

FigureNamer = Callable[[Any], str]


def encode(value: Any, name_figure: FigureNamer | None = None, *, root: str = "result") -> bytes:
    """The JSON of `value`, UTF-8.

    Parameters
    ----------
    value : Any
        What a calculation returned.
    name_figure : callable, optional
        Keeps a matplotlib figure as a file and gives its name. Without it a figure has no encoding.
    root : str
        What `value` is, for the words of an error.

    Raises
    ------
    EncodingError
        Naming the place of the value that cannot be encoded, a value that contains itself, or
        nesting deeper than 100 levels.
    """
    return _text(_Encoder(name_figure, sliced=False), value, root, None)


def encode_in_pieces(value: Any, *, root: str) -> Pieces:
    """The JSON of `value` in pieces, of whose large arrays one slice at a time is encoded.

    The arrays are read again each time: who changes them meanwhile gets something else.

    Raises
    ------
    EncodingError
        As `encode`, and at once.
    """
    mark = os.urandom(16).hex()  # no text holds it
    later: list[Sliced] = []

    def put_off(entries: Sliced) -> str:
        later.append(entries)
        return mark

    text = _text(_Encoder(None, sliced=True), value, root, put_off)
    return Pieces(text.split(f'"{mark}"'.encode()), later)


def _text(
    encoder: _Encoder, value: Any, root: str, default: Callable[[Sliced], str] | None
) -> bytes:
    try:
        plain = encoder.encode(value, 0)
    except EncodingError as error:
        error.root = root
        raise
    try:
        return json_encoder(default).encode(plain).encode()
    except UnicodeEncodeError as error:
        raise _of_all(root, "holds text that is not Unicode (a lone surrogate)") from error
    except ValueError as error:  # int -> text is bounded: sys.set_int_max_str_digits
        raise _of_all(root, f"holds a number that is too large: {error}") from error


def _of_all(root: str, problem: str) -> EncodingError:
    error = EncodingError(problem)
    error.root = root
    return error


class _Encoder:
    def __init__(self, name_figure: FigureNamer | None, *, sliced: bool) -> None:
        self._name_figure = name_figure
        self._sliced = sliced
        self._open: list[int] = []  # ids of the containers around the value

    def encode(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in _ATOMS:
            return value
        if kind is float:
            return value if math.isfinite(value) else special(value)
        if depth >= MAX_DEPTH:
            raise self._too_deep()
        if isinstance(value, dict):
            return self._inside(value, depth, self._dict)
        if isinstance(value, (list, tuple)):
            return self._inside(value, depth, self._list)
        return self._other(value, depth)

    def _too_deep(self) -> EncodingError:
        for position, container in enumerate(self._open):
            if container in self._open[position + 1 :]:
                error = EncodingError("contains itself")
                error.cycle = container
                return error
        return EncodingError(f"is nested deeper than {MAX_DEPTH} levels")

    def _inside(self, value: Any, depth: int, encode: Callable[[Any, int], Any]) -> Any:
        self._open.append(id(value))
        try:
            return encode(value, depth + 1)
        except EncodingError as error:
            if error.cycle == id(value):
                error.parts.clear()  # the way round the cycle is of no use
            raise
        finally:
            self._open.pop()

    def _at(self, part: str, value: Any, depth: int) -> Any:
        try:
            return self.encode(value, depth)
        except EncodingError as error:
            error.parts.append(part)
            raise

    def _list(self, value: Iterable[Any], depth: int) -> Any:
        # The types of a long list of numbers are collected at C speed.
        items = value if isinstance(value, (list, tuple)) else list(value)
        kinds = set(map(type, items))
        if kinds <= _ATOMS:
            return items
        if kinds == {float} and all(map(math.isfinite, items)):
            return Sliced(items) if self._sliced and len(items) > SLICE else items
        return [self._at(f"[{i}]", item, depth) for i, item in enumerate(items)]

    def _dict(self, value: Mapping[Any, Any], depth: int) -> Any:
        if "$type" not in value and all(isinstance(key, str) for key in value):
            return {str(k): self._at(f"[{k!r}]", v, depth) for k, v in value.items()}
        items = [
            [self._at(f" key {key!r}", key, depth), self._at(f"[{key!r}]", item, depth)]
            for key, item in value.items()
        ]
        return {"$type": "dict", "items": items}

    def _set(self, value: Iterable[Any], depth: int) -> Any:
        try:
            ordered = sorted(value)  # the same set, the same text
        except TypeError:
            ordered = list(value)
        return self._list(ordered, depth)

    def _other(self, value: Any, depth: int) -> Any:
        if _numpy.is_loaded() and isinstance(value, np.generic):
            return self._scalar(value, depth)
        if _numpy.is_loaded() and isinstance(value, np.ndarray):
            return self._inside(value, depth, self._array)
        for encode in (standard, self._container, self._pandas, self._figure):
            found = encode(value, depth)
            if found is not None:
                return found
        raise EncodingError(f"is {describe(value)}")

    def _container(self, value: Any, depth: int) -> Any:
        if isinstance(value, enum.Enum):
            # IntEnum and StrEnum come here too: their members are not of an atomic type.
            return {"": self.encode(value.value, depth)}[""]
        if isinstance(value, (set, frozenset)):
            kind = "frozenset" if isinstance(value, frozenset) else "set"
            return {"$type": kind, "value": self._inside(value, depth, self._set)}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in dataclasses.fields(value)]
            fields = {name: getattr(value, name) for name in names}
            return self._inside(value, depth, lambda _, d: self._dict(fields, d))
        if isinstance(value, (range, type({}.keys()), type({}.values()), type({}.items()))):
            return self._inside(value, depth, self._list)
        if isinstance(value, str):
            return str(value)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return self.encode(float(value), depth)
        return None

    def _scalar(self, value: Any, depth: int) -> Any:
        kind = value.dtype.kind
        if kind in "fc":
            dtype_name(value.dtype)
        if kind in "Mm":
            name = "datetime64" if kind == "M" else "timedelta64"
            text = array_entries(value.reshape(1))[0]
            return {"$type": name, "dtype": value.dtype.name, "value": text}
        if kind == "f":
            return self.encode(float(value), depth)
        if kind == "c":
            return self.encode(complex(value), depth)
        if kind == "V":
            raise EncodingError("is a structured numpy value; return its fields by name")
        return self.encode(value.item(), depth)

    def _array(self, value: Any, depth: int) -> Any:
        if value.dtype.names is not None or value.dtype.kind == "V":
            raise EncodingError("is a structured numpy array; return its fields by name")
        encoded: dict[str, Any] = {
            "$type": "ndarray",
            "dtype": dtype_name(value.dtype),
            "shape": list(value.shape),
        }
        flat = np.asarray(np.ma.getdata(value)).reshape(-1)  # a matrix is never flat
        if value.dtype.kind == "O":
            encoded["data"] = [self._at(f"[{i}]", item, depth) for i, item in enumerate(flat)]
        else:
            encoded["data"] = self._entries(flat)
        if isinstance(value, np.ma.MaskedArray):
            encoded["mask"] = self._entries(np.ma.getmaskarray(value).reshape(-1))
        return encoded

    def _entries(self, flat: Any) -> Any:
        if self._sliced and len(flat) > SLICE and flat.dtype.kind in "biufcMm":
            return Sliced(flat)
        return array_entries(flat)

    def _pandas(self, value: Any, depth: int) -> Any:
        pandas = sys.modules.get("pandas")
        if pandas is None:
            return None
        if value is pandas.NaT:
            return {"$type": "nat"}
        if value is pandas.NA:
            return {"$type": "na"}
        if isinstance(value, pandas.Index):
            return {"$type": "index", **self._inside(value, depth, self._index)}
        if isinstance(value, pandas.Series):
            return self._inside(value, depth, self._series)
        if isinstance(value, pandas.DataFrame):
            return self._inside(value, depth, self._frame)
        return None

    def _series(self, value: Any, depth: int) -> Any:
        return {
            "$type": "series",
            "name": self.encode(value.name, depth),
            **self._index(value.index, depth),
            "data": self._column(value, depth),
            "dtype": self._column_dtype(value.dtype, depth),
        }

    def _frame(self, value: Any, depth: int) -> Any:
        columns = [value.iloc[:, i] for i in range(value.shape[1])]
        return {
            "$type": "dataframe",
            "columns": self._list(list(value.columns), depth),
            "column_names": self._list(list(value.columns.names), depth),
            **self._index(value.index, depth),
            "data": [self._at(f"[{c.name!r}]", c, depth)["data"] for c in columns],
            "dtypes": [self._column_dtype(column.dtype, depth) for column in columns],
        }

    def _index(self, index: Any, depth: int) -> dict[str, Any]:
        names = {"index_names": self._list(list(index.names), depth)}
        if index.nlevels > 1:
            return {"index": self._list(list(index), depth), **names}
        column = index.to_series(index=range(len(index)))
        dtype = self._column_dtype(index.dtype, depth)
        freq = {"index_freq": index.freqstr} if _is_named(getattr(index, "freq", None)) else {}
        return {"index": self._column(column, depth), **names, "index_dtype": dtype, **freq}

    def _column_dtype(self, dtype: Any, depth: int) -> Any:
        if str(dtype) != "category":
            return dtype_name(dtype)
        categories = dtype.categories.to_series(index=range(len(dtype.categories)))
        return {
            "categories": self._column(categories, depth),
            "dtype": dtype_name(categories.dtype),
            "ordered": bool(dtype.ordered),
        }

    def _column(self, column: Any, depth: int) -> Any:
        if isinstance(column.dtype, np.dtype) and column.dtype.kind != "O":
            return self._entries(column.to_numpy())
        return self._list(column.astype(object).tolist(), depth)

    def _figure(self, value: Any, depth: int) -> Any:
        del depth
        figures = sys.modules.get("matplotlib.figure")
        if figures is None or self._name_figure is None:
            return None
        if not isinstance(value, figures.Figure):
            return None
        return {"$type": "artifact", "name": self._name_figure(value)}


def _is_named(freq: Any) -> bool:
    """Whether the step of an index of times is one that its name gives back."""
    if freq is None:
        return False
    offset: Any = sys.modules["pandas"].tseries.frequencies.to_offset
    try:
        return bool(offset(freq.freqstr) == freq)
    except ValueError:  # a DateOffset of several parts
        return False


__all__ = ["MAX_DEPTH", "EncodingError", "FigureNamer", "Pieces", "encode", "encode_in_pieces"]
