"""Values on their way to a real server and back."""

import datetime
import zoneinfo

import numpy as np
import pandas as pd
import pytest

from mecapy import EncodingError, MecaPy

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
    "series": pd.Series([1, 2], name="load", dtype="int64"),
}


def same(one: object, other: object) -> bool:
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_freq=False)
        return True
    if isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other)
        return True
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        return bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fcM"))
    if isinstance(one, float) and one != one:
        return isinstance(other, float) and other != other
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


def test_an_input_without_encoding_is_told_by_its_place(client: MecaPy) -> None:
    with pytest.raises(EncodingError, match=r"inputs\['a'\]\[1\] is a function"):
        client.run("def calculate(inputs): return 1", {"a": [1, print]})
    with pytest.raises(TypeError):
        client.run("def calculate(inputs): return 1", {1: 2})
