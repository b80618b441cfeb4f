"""The encoding, value by value and both ways; needs no sandbox."""

from __future__ import annotations

import contextlib
import datetime
import enum
import importlib
import json
import math
import pathlib
import sys
import tracemalloc
import uuid
import zoneinfo
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from mecapy._decoding import decode
from mecapy._encoding import EncodingError, encode
from numpy.typing import NDArray

pd: Any = importlib.import_module("pandas")  # untyped here: its stubs are not installed


def plain(value: Any) -> Any:
    return json.loads(encode(value))


def around(value: Any) -> Any:
    return decode(encode(value))


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass
class Bolt:
    diameter: float
    grades: list[str]


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2.5, "é", None, True]}, '{"a":[1,2.5,"é",null,true]}'),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e300, "1e+300"),
        ((1, (2, 3)), "[1,[2,3]]"),
        (float("nan"), '{"$type":"float","value":"nan"}'),
        ([float("-inf"), 1.0], '[{"$type":"float","value":"-inf"},1.0]'),
        (3 + 4j, '{"$type":"complex","value":[3.0,4.0]}'),
        (np.float64(1.5), "1.5"),
        (np.float32(0.5), "0.5"),
        (np.int8(-3), "-3"),
        (np.bool_(True), "true"),
        (np.str_("x"), '"x"'),
        (np.float64("inf"), '{"$type":"float","value":"inf"}'),
        (np.complex64(1j), '{"$type":"complex","value":[0.0,1.0]}'),
        (b"\x00\xff", '{"$type":"bytes","value":"AP8="}'),
        ({2, 1}, '{"$type":"set","value":[1,2]}'),
        (frozenset(), '{"$type":"frozenset","value":[]}'),
        ({1: "a"}, '{"$type":"dict","items":[[1,"a"]]}'),
        ({"$type": "x"}, '{"$type":"dict","items":[["$type","x"]]}'),
        (Decimal("1.10"), '{"$type":"decimal","value":"1.10"}'),
        (Fraction(1, 3), '{"$type":"fraction","value":"1/3"}'),
        (Colour.RED, '"red"'),
        (Level.HIGH, "3"),
        (Bolt(8.0, ["8.8"]), '{"diameter":8.0,"grades":["8.8"]}'),
        (Point(1, 2), "[1,2]"),
        (pathlib.Path("a/b"), '"a/b"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (range(3), "[0,1,2]"),
        ({"a": 1}.keys(), '["a"]'),
        (OrderedDict(b=1, a=2), '{"b":1,"a":2}'),
        (datetime.date(2026, 11, 23), '{"$type":"date","value":"2026-11-23"}'),
        (datetime.timedelta(seconds=1), '{"$type":"timedelta","microseconds":1000000}'),
        (np.datetime64("2026-01-01"), None),
    ],
)
def test_each_value_has_its_text(value: Any, text: str | None) -> None:
    expected = text or '{"$type":"datetime64","dtype":"datetime64[D]","value":"2026-01-01"}'
    assert encode(value).decode() == expected


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, "é", None, True, {"b": []}]},
        3 - 4j,
        complex(math.inf, -1),
        b"bytes",
        {1, 2},
        frozenset({(1, 2)}),
        {(1, 2): "tuple key", None: 1, 2.5: 3},
        {"$type": "mine", "x": {"$type": 3}},
        Decimal("1.10"),
        Fraction(-1, 3),
        datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=datetime.UTC),
        datetime.date(2026, 1, 2),
        datetime.time(1, 2),
        datetime.timedelta(days=-1, microseconds=7),
        np.datetime64("2026-01-01T10:00", "s"),
        np.timedelta64(5, "ms"),
    ],
)
def test_value_comes_back(value: Any) -> None:
    assert around(value) == value


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.int32).reshape(2, 3),
        np.array([[1.5, math.nan], [math.inf, -math.inf]]),
        np.array([0.1], dtype=np.float32),
        np.array([1 + 2j, complex(math.nan, math.inf)]),
        np.array([True, False]),
        np.array(["a", "bcd"]),
        np.array([b"a", b"\xff"]),
        np.array(["2026-01-01", "NaT"], dtype="datetime64[D]"),
        np.array([5, "NaT"], dtype="timedelta64[s]"),
        np.zeros((0, 3)),
        np.array(7.0),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(10.0)[::3],
        np.array([1, 2], dtype=">i4"),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_array_comes_back(array: NDArray[Any]) -> None:
    back = around(array)
    assert back.shape == array.shape
    assert back.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(back, array)


def test_object_array_and_mask_come_back() -> None:
    back = around(np.array([{"a": 1}, None, 2.5], dtype=object))
    assert back.tolist() == [{"a": 1}, None, 2.5]
    masked = around(np.ma.MaskedArray([1.0, 2.0], mask=[False, True]))
    assert masked.mask.tolist() == [False, True]
    assert masked.data.tolist() == [1.0, 2.0]


def test_dataframe_comes_back() -> None:
    frame = pd.DataFrame(
        {
            "x": [1.5, math.nan],
            "n": [1, 2],
            "s": ["a", "b"],
            "t": pd.to_datetime(["2026-01-01", None]),
            "i": pd.array([1, None], dtype="Int64"),
        },
        index=pd.Index(["r1", "r2"], name="row"),
    )
    pd.testing.assert_frame_equal(around(frame), frame, check_column_type=False)


def test_frames_with_odd_labels_come_back() -> None:
    index = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", "n"])
    frame = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], index=index, columns=["same", "same"])
    pd.testing.assert_frame_equal(around(frame), frame, check_column_type=False)
    assert around(pd.DataFrame()).shape == (0, 0)


def test_series_and_timestamps_come_back() -> None:
    index = pd.date_range("2026-01-01", periods=2, tz="UTC")
    series = pd.Series([1.0, 2.0], index=index, name="load")
    pd.testing.assert_series_equal(around(series), series)
    assert around(pd.Timestamp("2026-01-01T00:00:00.123456789")).nanosecond == 789
    assert around([pd.NaT, pd.NA]) == [pd.NaT, pd.NA] or around(pd.NaT) is pd.NaT


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [0, len]}, "result['a'][1] is a function"),
        ([object()], "result[0] is an object, which has no encoding"),
        ({"a": int}, "result['a'] is a class"),
        ((x for x in "ab"), "result is a generator, which has no encoding"),
        ("\ud800", "result holds text that is not Unicode (a lone surrogate)"),
        (np.zeros(1, dtype=[("a", "f8")]), "result is a structured numpy array"),
    ],
)
def test_what_cannot_be_encoded_is_named(value: Any, message: str) -> None:
    with pytest.raises(EncodingError) as raised:
        encode(value)
    assert str(raised.value).startswith(message)


def test_integer_with_too_many_digits_is_named() -> None:
    with pytest.raises(EncodingError, match="a number that is too large"):
        encode(10**5000)


def test_depth_is_bounded_and_cycles_are_named() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    assert encode(deep) == b"[" * 100 + b"1" + b"]" * 100
    with pytest.raises(EncodingError, match="nested deeper than 100 levels"):
        encode([deep])
    cycle: dict[str, Any] = {}
    cycle["self"] = [cycle]
    with pytest.raises(EncodingError, match="^result contains itself$"):
        encode(cycle)


def test_figure_without_a_place_for_it_is_named() -> None:
    from matplotlib.figure import Figure

    with pytest.raises(EncodingError, match="Figure, which has no encoding"):
        encode(Figure())
    assert plain_figure(Figure()) == {"$type": "artifact", "name": "figure-7.png"}


def plain_figure(figure: Any) -> Any:
    return json.loads(encode(figure, lambda _: "figure-7.png"))


@pytest.mark.parametrize(
    "text",
    [b'{"$type": "nothing"}', b'{"$type": 3}', b'{"$type": "complex"}', b'{"$type": "ndarray"}'],
)
def test_unknown_or_malformed_type_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"\$type"):
        decode(text)


def test_an_error_says_what_was_to_be_encoded() -> None:
    with pytest.raises(EncodingError, match=r"^inputs\['a'\] is a function$"):
        encode({"a": print}, root="inputs")
    with pytest.raises(EncodingError, match="^inputs holds text that is not Unicode"):
        encode("\ud800", root="inputs")
    with pytest.raises(EncodingError, match="^result holds a number that is too large"):
        encode(10**5000)


def test_what_stands_for_an_artifact_is_made_by_who_reads() -> None:
    text = b'[{"$type": "artifact", "name": "a.png"}, {"$type": "float", "value": "inf"}]'
    assert decode(text, artifact=lambda item: item["name"]) == ["a.png", float("inf")]
    assert decode(text)[0] == {"$type": "artifact", "name": "a.png"}


class Nameless(datetime.tzinfo):
    """A zone whose offset depends on the day, and which has no name."""

    def utcoffset(self, when: datetime.datetime | None) -> datetime.timedelta | None:
        return None if when is None else datetime.timedelta(hours=when.month)


def array_text(data: Any, dtype: str = "str", kind: str = "ndarray") -> bytes:
    item = {"$type": kind, "dtype": dtype, "shape": [-1], "data": data, "name": None}
    return json.dumps(item | {"index": list(range(len(data)))}).encode()


WIDE = ["a" * 200_000, *[""] * 999]


@pytest.mark.parametrize("kind", ["ndarray", "series"])
@pytest.mark.parametrize(
    "dtype",
    ["str", "bytes", "bool", "int8", "float64", "complex128", "datetime64[s]", "timedelta64[s]",
     "object", "Int64", "Float64", "boolean", "string", "datetime64[ns, UTC]"],
)  # fmt: skip
@pytest.mark.parametrize("data", [WIDE, [WIDE], [WIDE, 1], [json.loads(array_text([""]))]])
def test_two_hundred_kilobytes_do_not_become_gigabytes(
    kind: str, dtype: str, data: list[Any]
) -> None:
    text = array_text(data, dtype, kind)
    tracemalloc.start()
    with contextlib.suppress(ValueError):
        decode(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 << 20


def test_what_many_arrays_of_texts_take_is_bounded_together() -> None:
    one = array_text(["a" * 16_000, *[""] * 1000])  # 64 MiB
    assert decode(b"[" + b",".join([one] * 3) + b"]")[2].shape == (1001,)
    with pytest.raises(ValueError, match="more than 256 MiB"):
        decode(b"[" + b",".join([one] * 5) + b"]")


@pytest.mark.parametrize(
    "data",
    [["a", ["b"]], "ab", {"0": "a"}, [{"$type": "na"}], None],
)
def test_an_array_is_one_flat_list(data: Any) -> None:
    for dtype in ("str", "bytes", "int64", "float64", "datetime64[s]"):
        with pytest.raises(ValueError, match="flat list|malformed"):
            decode(json.dumps(json.loads(array_text([])) | {"data": data, "dtype": dtype}).encode())


@pytest.mark.parametrize("collection", ["set", "frozenset", "dict", "series"])
def test_members_of_one_hash_are_bounded(collection: str) -> None:
    alike = [i * (2**61 - 1) for i in range(1, 102)]
    name = "items" if collection == "dict" else "value"
    value: list[Any] = [[one, 0] for one in alike] if collection == "dict" else alike
    item: dict[str, Any] = {"$type": collection, name: value}
    if collection == "series":
        item |= {"name": None, "data": alike, "dtype": "object"}
        item |= {"index": alike, "index_names": [None], "index_dtype": "object"}
    with pytest.raises(ValueError, match="one hash"):
        decode(json.dumps(item).encode())
    assert len(decode(json.dumps({"$type": "set", "value": alike[:100]}).encode())) == 100
    labels = pd.Series(range(600), ["a", "b", "c"] * 200)
    assert around(labels).index.tolist() == ["a", "b", "c"] * 200


@pytest.mark.parametrize(
    "item",
    [
        {"$type": "timestamp", "value": "2020-01-01T00:00:00+00:00", "zone": "dateutil/{}"},
        {"$type": "timestamp", "value": "2020-01-01T00:00:00+00:00", "zone": "{}"},
        {"$type": "timestamp", "value": "2020-01-01 00:00 dateutil/{}"},
        {"$type": "datetime", "value": "2020-01-01T00:00:00+00:00", "zone": "{}"},
        {"$type": "datetime", "value": "2020-01-01T00:00:00+00:00", "zone": "../../../../..{}"},
        {"$type": "time", "value": "00:00:00", "zone": "{}"},
        *[
            {"$type": "series", "name": None, "index": [0], "data": [None], "dtype": dtype}
            for dtype in (
                "datetime64[ns, dateutil/{}]", "datetime64[ns, {}]", "datetime64[ns, None]",
                "period[D]", "interval[int64, right]", "Sparse[float64]", "string[pyarrow]",
                "int64[pyarrow]", "category", "O", "object_", "float128", "V8", "S9", "f8,f8",
            )
        ],
    ],
    ids=str,
)  # fmt: skip
def test_neither_zone_nor_dtype_opens_a_file(item: dict[str, Any], tmp_path: pathlib.Path) -> None:
    import importlib.resources

    pd.Timestamp("2020-01-01", tz="Europe/Paris")  # what is opened for the first zone is open now
    wanted = tmp_path / "zone"
    paris = importlib.resources.files("tzdata.zoneinfo.Europe").joinpath("Paris").read_bytes()
    wanted.write_bytes(paris)  # one that would do
    text = json.dumps(item).replace("{}", str(wanted))
    opened: list[str] = []
    watching = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event == "open":
            opened.append(str(arguments[0]))

    sys.addaudithook(watch)
    try:
        with pytest.raises(ValueError, match="malformed|unknown|zone|ZoneInfo"):
            decode(text.encode())
    finally:
        watching = False
    assert not [one for one in opened if str(tmp_path) in one]


@pytest.mark.parametrize(
    "value",
    [
        np.longdouble(1) / 3,
        np.clongdouble(1),
        np.array([1], dtype=np.longdouble),
        pd.Series(np.array([1], dtype=np.longdouble)),
        pd.Series(pd.arrays.SparseArray([0.0, 1.0])),
        datetime.time(1, 2, tzinfo=Nameless()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_lose_something_is_refused(value: Any) -> None:
    with pytest.raises(EncodingError, match="no encoding|no name"):
        encode(value)


@pytest.mark.parametrize(
    "zone", [zoneinfo.ZoneInfo("Europe/Paris"), datetime.timezone(datetime.timedelta(hours=1))]
)
def test_a_time_with_a_zone_keeps_it(zone: datetime.tzinfo) -> None:
    back = around(datetime.time(1, 2, 3, 4, tzinfo=zone))
    assert (back, back.tzinfo) == (datetime.time(1, 2, 3, 4, tzinfo=zone), zone)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "+01:00", "-03:30"])
@pytest.mark.parametrize("unit", ["s", "ns"])
def test_columns_of_times_keep_their_zone(zone: str, unit: str) -> None:
    times = pd.to_datetime(["2026-01-01", None, "2026-07-01"]).tz_localize(zone).as_unit(unit)
    pd.testing.assert_series_equal(around(pd.Series(times)), pd.Series(times))


@pytest.mark.parametrize("freq", ["D", "h", "15min", "MS", "W-SUN", "-1D", "B"])
@pytest.mark.parametrize("zone", [None, "Europe/Paris"])
def test_an_index_of_times_keeps_its_step(freq: str, zone: str | None) -> None:
    index = pd.date_range("2026-03-20", periods=20, freq=freq, tz=zone)
    back = around(pd.Series(range(20), index))
    pd.testing.assert_series_equal(back, pd.Series(range(20), index), check_freq=True)
    assert back.index.freq == index.freq
    steps = pd.timedelta_range("1s", periods=3)
    assert around(pd.DataFrame({"a": range(3)}, steps)).index.freq == steps.freq


def test_a_step_without_a_name_is_left_here() -> None:
    for freq in (pd.DateOffset(months=1, days=2), pd.offsets.CDay(holidays=["2026-01-06"])):
        index = pd.date_range("2026-01-01", periods=4, freq=freq)
        pd.testing.assert_series_equal(
            around(pd.Series(range(4), index)), pd.Series(range(4), index), check_freq=False
        )


def test_columns_of_lists_and_labels_of_tuples_come_back() -> None:
    lists = pd.Series([[1, 2], [3, 4]])
    assert around(lists).tolist() == [[1, 2], [3, 4]]
    index = pd.Index([("a", 1), ("b", 2)], tupleize_cols=False, name="n")
    back = around(pd.Series([1, 2], index, name=("a", 1)))
    assert (back.index.tolist(), back.index.nlevels, back.name) == (index.tolist(), 1, ("a", 1))


@pytest.mark.parametrize(
    "item",
    [
        '{"$type": "fraction", "value": "1e999999999"}',
        '{"$type": "ndarray", "dtype": "U1000000000", "shape": [1], "data": ["a"]}',
        '{"$type": "ndarray", "dtype": "V1000000000", "shape": [1], "data": [1]}',
        '{"$type": "ndarray", "dtype": "str", "shape": [10001], "data": ["'
        + "x" * 10_000
        + '"'
        + ', "y"' * 10_000
        + "]}",
        '{"$type": "series", "name": "a", "index": [0], "data": ["a"], "dtype": "S1000000000"}',
    ],
    ids=["fraction", "texts", "voids", "one wide text", "column"],
)
def test_a_few_letters_do_not_become_gigabytes(item: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        decode(item.encode())


PANDAS = {
    "categories": lambda pd: pd.Series(pd.Categorical(["a", None], ["b", "a"], ordered=True)),
    "categories of numbers": lambda pd: pd.Series(pd.Categorical([2, 1, 2])),
    "texts with a gap": lambda pd: pd.Series(["a", None]),
    "texts": lambda pd: pd.Series(["a", None], dtype="string"),
    "integers with a gap": lambda pd: pd.Series([1, None], dtype="Int64"),
    "truths with a gap": lambda pd: pd.Series([True, None], dtype="boolean"),
    "durations": lambda pd: pd.Series(pd.to_timedelta(["1s", "2min"])),
    "complex": lambda pd: pd.Series([1 + 2j, complex("nan")]),
    "mixed": lambda pd: pd.Series([1, "a", None, 2.5], dtype=object),
    "times of a place": lambda pd: pd.Series(
        pd.to_datetime(["2026-01-01", "2026-07-01"]).tz_localize("Europe/Paris")
    ),
    "by times": lambda pd: pd.Series([1, 2], pd.date_range("2026-01-01", periods=2)),
    "by times of a place": lambda pd: pd.Series(
        [1, 2], pd.date_range("2026-01-01", periods=2, tz="Europe/Paris")
    ),
    "by small integers": lambda pd: pd.Series([1], pd.Index([1], dtype="int8", name="n")),
    "by numbers with a gap": lambda pd: pd.Series([1, 2], [0.1, float("nan")]),
    "by two levels": lambda pd: pd.Series(
        [1, 2], pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", None])
    ),
    "nothing": lambda pd: pd.Series([], dtype="float32"),
}


@pytest.mark.parametrize("name", PANDAS)
def test_what_pandas_holds_comes_back_as_it_was(name: str) -> None:
    pd = importlib.import_module("pandas")
    series = PANDAS[name](pd)
    pd.testing.assert_series_equal(decode(encode(series)), series)
    frame = pd.DataFrame({"a": series, "b": series})
    pd.testing.assert_frame_equal(decode(encode(frame)), frame)


@pytest.mark.parametrize("month", [1, 7, 10])
def test_times_of_a_place_stay_there(month: int) -> None:
    pd = importlib.import_module("pandas")
    paris = zoneinfo.ZoneInfo("Europe/Paris")
    for time in (
        datetime.datetime(2026, month, 25, 2, 30, tzinfo=paris, fold=1),
        pd.Timestamp(f"2026-{month:02}-25 00:30:00.123456789", tz="Europe/Paris"),
    ):
        back = decode(encode(time))
        assert (back, back.tzinfo, back.utcoffset()) == (time, paris, time.utcoffset())
        assert back + datetime.timedelta(days=200) == time + datetime.timedelta(days=200)


@pytest.mark.parametrize("zone", ["../../etc/passwd", "/etc/passwd", "Nowhere/At", 1])
def test_a_zone_that_is_none_is_told(zone: object) -> None:
    text = json.dumps({"$type": "datetime", "value": "2026-01-01T00:00:00+01:00", "zone": zone})
    with pytest.raises((ValueError, KeyError)):
        decode(text.encode())
