"""Inputs and results, both ways through a real server: each value comes back as it was."""

import asyncio
import datetime
import uuid
import zoneinfo
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.server import DEV_TOKEN, Server

from mecapy import AsyncMecaPy, EncodingError, MecaPy

VALUES = {
    "float": 0.1 + 0.2,
    "nan": float("nan"),
    "inf": float("-inf"),
    "complex": complex(1.5, float("inf")),
    "int": 2**80,
    "text": "Größe ≥ 3 \u2028 \x00",
    "none": None,
    "nested": {"a": [1, {"b": ()}]},
    "array": np.linspace(0, 1, 7).reshape(7, 1) / 3,
    "float32": np.array([1 / 3, np.nan], dtype=np.float32),
    "ints": np.arange(6, dtype=np.int16).reshape(2, 3),
    "complexes": np.array([1 + 2j, complex(np.nan, 0)]),
    "bools": np.array([True, False]),
    "empty": np.zeros((0, 3)),
    "texts": np.array(["a", "bcd"]),
    "days": np.array(["2026-01-01", "NaT"], dtype="datetime64[D]"),
    "scalar": np.float64(1 / 3),
    "small": np.float32(1 / 3),
    "when": datetime.datetime(2026, 11, 26, 13, 50, 9, 123456, tzinfo=datetime.timezone.utc),
    "paris": datetime.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")),
    "paris of pandas": pd.Timestamp("2026-07-01", tz="Europe/Paris"),
    "paris in a table": pd.DataFrame(
        {"t": pd.date_range("2026-03-28", periods=3, tz="Europe/Paris")}
    ),
    "summer's end": datetime.datetime(
        2026, 10, 25, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")
    ),
    "time": datetime.time(1, 2, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")),
    "stepped": pd.Series(range(3), pd.date_range("2026-03-28", periods=3, freq="D")),
    "naive": datetime.datetime(2026, 11, 26),
    "date": datetime.date(2026, 11, 26),
    "lasting": datetime.timedelta(microseconds=-1),
    "bytes": b"\x00\xff",
    "set": {1, 2},
    "frame": pd.DataFrame(
        {"force": [1.5, float("nan")], "size": ["M12", "M16"], "n": [1, 2]}, index=["a", "b"]
    ),
    "timed": pd.DataFrame(
        {"t": pd.to_datetime(["2026-01-01", "2026-01-02"]), "v": [1.0, 2.0]}
    ).set_index("t"),
    "index": pd.Index(["a", None], name="size"),
    "index of times": pd.date_range("2026-03-28", periods=3, freq="D", tz="Europe/Paris"),
    "index of levels": pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None]),
    "index of steps": pd.to_timedelta([1, 2], unit="h"),
    "index of categories": pd.CategoricalIndex(["a", "b", "a"], ordered=True),
    "lasting of pandas": pd.Timedelta("1 day 2 ns"),
    "lasting seconds": pd.Timedelta(5, "s").as_unit("s"),
    "series": pd.Series([1, 2], name="load", dtype="int64"),
}


def same(one: object, other: object) -> bool:
    """Whether `other` is `one` in kind and value; of a numpy scalar, the plain number it is."""
    if isinstance(one, np.generic):
        one = one.item()
    assert type(one) is type(other)
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
        return True
    if isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other)
        return True
    if isinstance(one, pd.Index):
        pd.testing.assert_index_equal(one, other, exact=True)
        return getattr(one, "freq", None) == getattr(other, "freq", None)
    if isinstance(one, pd.Timedelta):
        return bool(one == other and one.unit == other.unit)
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        return bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fcM"))
    if isinstance(one, datetime.datetime):
        later = datetime.timedelta(days=180)
        assert str(one.tzinfo) == str(other.tzinfo)
        assert (one + later).utcoffset() == (other + later).utcoffset()
    if isinstance(one, float) and one != one:
        return other != other
    return bool(one == other)


@pytest.fixture(scope="module")
def echo(client: MecaPy):
    return client.tasks.create("echo", "def calculate(inputs): return inputs['value']")


@pytest.mark.parametrize("name", VALUES)
def test_values_come_back_as_they_were(echo, name: str) -> None:
    value = VALUES[name]
    back = echo.execute({"value": value})
    if name == "nested":
        assert back == {"a": [1, {"b": []}]}  # tuples travel as lists
    else:
        assert same(value, back), back


CHANGED = {
    "tuple": ((1, 2), [1, 2]),
    "range": (range(3), [0, 1, 2]),
    "keys": ({"a": 1}.keys(), ["a"]),
    "number of numpy": (np.float32(0.5), 0.5),
    "truth of numpy": (np.bool_(True), True),
    "other byte order": (np.array([1, 2], dtype=">i4"), np.array([1, 2], dtype="i4")),
    "matrix": (np.array([[1, 2], [3, 4]]).view(np.matrix), np.array([[1, 2], [3, 4]])),
    "RangeIndex": (pd.RangeIndex(2), pd.Index([0, 1])),
    "path": (Path("a/b"), "a/b"),
    "uuid": (uuid.UUID(int=1), str(uuid.UUID(int=1))),
    "bytearray": (bytearray(b"a"), b"a"),
    "OrderedDict": (OrderedDict(a=1), {"a": 1}),
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_changes_its_kind_is_what_the_guide_to_tables_says(echo, name: str) -> None:
    given, expected = CHANGED[name]
    assert same(expected, echo.execute({"value": given}))


def test_what_has_a_class_of_the_authors_comes_back_without_it(client: MecaPy) -> None:
    @client.task
    def made():
        import collections
        import dataclasses
        import enum

        plate = dataclasses.make_dataclass("Plate", ["width"])
        grade = enum.Enum("Grade", {"S355": 355})
        return [plate(2.5), grade.S355, collections.namedtuple("Point", "x y")(1, 2)]

    assert made.remote() == [{"width": 2.5}, 355, [1, 2]]


def test_the_inputs_that_a_task_keeps_are_shown_as_they_were(client: MecaPy) -> None:
    inputs = {"a": np.arange(3), "when": datetime.date(2026, 11, 26), "n": 1}
    made = client.tasks.create("kept", "def calculate(inputs): return inputs", inputs)
    listed = next(one for one in client.tasks.list() if one.id == made.id)
    for task in (made, client.tasks.get(made.id), listed, made.update(name="renamed")):
        assert same(inputs["a"], task.inputs["a"])
        assert (task.inputs["when"], task.inputs["n"]) == (inputs["when"], 1)


def test_large_inputs_come_back_exactly(echo) -> None:
    value = np.random.default_rng(1).standard_normal(200_000)
    assert np.array_equal(echo.execute({"value": value}), value)


@pytest.mark.parametrize("value", [np.float32(1 / 3), VALUES["paris"], np.float64(1.0)], ids=repr)
def test_a_row_above_can_fail(value: object) -> None:
    others = [1 / 3, np.float32(1 / 3), 1, VALUES["paris"].astimezone(datetime.timezone.utc)]
    for other in others:
        with pytest.raises(AssertionError):
            assert same(value, other)


TASK = """
def calculate(inputs):
    return {name: f"{type(one).__module__}.{type(one).__name__}" for name, one in inputs.items()}
"""


def test_the_inputs_of_a_task_are_values_and_can_be_given_back(client: MecaPy) -> None:
    inputs = {name: value for name, value in VALUES.items() if name != "nested"}
    created = client.tasks.create("kinds", TASK, inputs)
    expected = created.execute()
    got = client.tasks.get(created.id)
    listed = next(one for one in client.tasks.list() if one.id == created.id)
    for task in (created, got, listed, got.update(name="same kinds")):
        assert all(same(inputs[name], one) for name, one in task.inputs.items())
        assert task.inputs.keys() == inputs.keys()
    assert got.execute(got.inputs) == expected
    assert got.update(inputs=got.inputs).execute() == expected
    assert all(same(inputs[name], one) for name, one in got.inputs.items())
    assert client.run(TASK, got.inputs) == expected


def test_the_inputs_of_a_task_are_values_for_who_awaits_too(server: Server) -> None:
    async def story() -> None:
        async with AsyncMecaPy(token=DEV_TOKEN, base_url=server.url) as client:
            task = await client.tasks.create("kinds", TASK, {"a": np.arange(3)})
            again = await client.tasks.get(task.id)
            assert again.inputs["a"].tolist() == task.inputs["a"].tolist() == [0, 1, 2]
            assert await again.execute(again.inputs) == {"a": "numpy.ndarray"}
            assert [one.inputs async for one in client.tasks.list(limit=1)] == [None]

    asyncio.run(story())


def test_an_input_without_encoding_is_told_by_its_place(client: MecaPy) -> None:
    with pytest.raises(EncodingError, match=r"inputs\['a'\]\[1\] is a function"):
        client.run("def calculate(inputs): return 1", {"a": [1, print]})
    with pytest.raises(TypeError):
        client.run("def calculate(inputs): return 1", {1: 2})
