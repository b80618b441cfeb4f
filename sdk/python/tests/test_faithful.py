"""What would mean something else there than here is refused."""

import importlib
import linecache
import re

import numpy as np
import pytest
from running import run

from mecapy import MecaPy, SourceError
from mecapy._source import calculation_of

client = MecaPy(token="never-sent")


def make_scaled(factor):
    def scaled(x):
        return factor * x

    return scaled


factor = 1000
scaled = make_scaled(3)
triple = lambda x: 2 * x  # noqa: E731
triple = lambda x: 3 * x  # noqa: E731
BASE = 9.81


def falls(mass, g=BASE):
    return mass * g


BASE = 1.62


@np.vectorize
def clip(x):
    return 7 if x > 0 else 0


def calculate(n):
    return 1 if n == 0 else n * calculate(n - 1)


def needs_scaled():
    return scaled(2)


def needs_triple():
    return triple(2)


def needs_clip():
    return clip([1])


def needs_falls():
    return falls(1)


WOULD_CHANGE = [
    (needs_scaled, "uses factor of the function around it"),
    (needs_triple, "triple, which is defined more than once"),
    (needs_clip, "needs clip, which is a numpy.vectorize"),
    (needs_falls, "a default of falls, BASE, would be another value there"),
    (calculate, "calculate is the platform's own name"),
]


@pytest.mark.parametrize(("function", "words"), WOULD_CHANGE, ids=lambda v: str(v)[:30])
def test_what_would_mean_something_else_there_is_refused(function, words) -> None:
    with pytest.raises(SourceError, match=re.escape(words)):
        calculation_of(function)


def test_a_file_that_changed_since_it_was_imported_is_told(tmp_path, monkeypatch) -> None:
    path = tmp_path / "changing_calculation.py"
    path.write_text("def shift(x):\n    return x + 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    shift = importlib.import_module("changing_calculation").shift
    assert run(calculation_of(shift), x=1) == 2
    path.write_text("def shift(x):\n    return x + 100000\n")
    linecache.checkcache()
    with pytest.raises(SourceError, match="has changed since it was imported"):
        calculation_of(shift)


def test_a_variable_of_the_function_around_is_told() -> None:
    factor = 3

    def scaled(x):
        return factor * x

    with pytest.raises(SourceError, match="uses factor of the function around it"):
        client.task(scaled)
