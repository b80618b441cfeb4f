"""What of a function is taken along, and what is told when something cannot be."""

import collections
import functools
import math
import re
import sys
import threading
from dataclasses import dataclass
from enum import Enum, IntEnum
from pathlib import Path
from typing import ClassVar

import authors_file
import numpy as np
import pytest
from authors_file import STEEL, Section, area
from numpy.linalg import norm
from running import run

from mecapy import EncodingError, MecaPy, SourceError
from mecapy._source import calculation_of

client = MecaPy(token="never-sent")

GRAVITY = 9.81
TABLE = {"M12": 84.3e-6, "M16": 157e-6}
STRESSES = np.array([1.0, np.nan, 3.0])
Point = collections.namedtuple("Point", "x y")
Pattern = re.compile(r"M(\d+)")
double = lambda x: 2 * x  # noqa: E731
LOCK = threading.Lock()
UNSENDABLE = threading.Thread


def weight(mass):
    return mass * GRAVITY


def total_weight(masses, factor=1.0):
    return factor * sum(weight(m) for m in masses)


def even(n):
    return True if n == 0 else odd(n - 1)


def odd(n):
    return False if n == 0 else even(n - 1)


@dataclass
class Bolt:
    size: str
    grade: float = 8.8

    def area(self) -> float:
        return TABLE[self.size]


def clamp(size):
    return Bolt(size).area() * STEEL


def uses_everything(d):
    match = Pattern.match("M12")
    return {
        "area": area(d),
        "section": Section(d).area(),
        "norm": float(norm([3.0, 4.0])),
        "point": Point(1, 2).y,
        "double": double(4),
        "mean": float(np.nanmean(STRESSES)),
        "pi": math.pi,
        "size": match.group(1),
    }


def test_a_function_that_needs_nothing() -> None:
    def stress(force, section=10):
        return force / section

    assert run(calculation_of(stress), force=1000) == 100


def test_functions_constants_and_their_needs_are_taken_along() -> None:
    assert run(calculation_of(total_weight), masses=[1, 2], factor=2) == pytest.approx(58.86)
    assert run(calculation_of(even), n=10) is True
    assert run(calculation_of(clamp), size="M12") == pytest.approx(84.3e-6 * 210e9)


def test_everything_that_can_be_needed() -> None:
    found = run(calculation_of(uses_everything), d=2.0)
    assert found == {
        "area": math.pi,
        "section": math.pi,
        "norm": 5.0,
        "point": 2,
        "double": 8,
        "mean": 2.0,
        "pi": math.pi,
        "size": "12",
    }


def test_lines_are_those_of_the_file() -> None:
    def fails(x):
        return 1 / x  # HERE

    source = calculation_of(fails).splitlines()
    lines = Path(__file__).read_text().splitlines()
    here = next(i for i, text in enumerate(lines) if text.endswith("# HERE"))
    assert source[here].endswith("# HERE")


surface = area


def uses_alias(d):
    return surface(d)


def test_another_name_for_a_function_goes_along() -> None:
    assert run(calculation_of(uses_alias), d=2.0) == math.pi


def uses_what_nobody_has_loaded():
    import xdrlib  # noqa: F401 - the standard library's

    import trove_classifiers  # noqa: F401 - installed, and imported by nothing else here


def uses_a_file_by_itself():
    import scripted  # noqa: F401 - a file beside this one


def test_imports_within_a_function_are_looked_at() -> None:
    assert not {"trove_classifiers", "xdrlib"} & set(sys.modules)
    assert "import trove_classifiers" in calculation_of(uses_what_nobody_has_loaded)
    with pytest.raises(SourceError, match="imports scripted, a file of yours"):
        calculation_of(uses_a_file_by_itself)


def test_our_decorator_stays_here_and_others_go_along() -> None:
    @client.task(memory="1 GiB")
    @functools.lru_cache
    def square(x):
        return x * x

    text = square.source
    assert "client" not in text
    assert "lru_cache" in text
    assert run(text, x=3) == 9
    assert square(3) == 9


@client.task
def quarter(x):
    return x / 4


def eighth(x):
    return quarter(x) / 2


def test_a_calculation_that_another_one_calls_goes_along_as_a_function() -> None:
    assert run(calculation_of(eighth), x=8) == 1


def test_arguments_of_every_kind() -> None:
    def collect(a, /, b, *rest, c=3, **named):
        return [a, b, rest, c, named]

    made = client.task(collect)
    inputs = made._inputs((1, 2, 5, 6), {"c": 4, "d": 7})
    assert run(made.source, **inputs) == collect(1, 2, 5, 6, c=4, d=7)
    assert run(made.source, a=1, b=2) == collect(1, 2)


def test_a_function_called_calculate_is_the_calculation_itself() -> None:
    def calculate(inputs):
        return inputs["x"]

    source = calculation_of(calculate)
    assert source.count("def calculate") == 1
    assert run(source, x=5) == 5


def test_annotations_that_are_not_defined_there_do_no_harm() -> None:
    def typed(x: "Missing") -> "Missing":  # noqa: F821
        return x

    assert run(calculation_of(typed), x=1) == 1


def needs_lock():
    with LOCK:
        return 1


def needs_module():
    return authors_file.area(1)


def needs_nothing_known():
    return nowhere_defined  # noqa: F821


def needs_client():
    return client.base_url


def yields():
    yield 1


async def waits():
    return 1


BIG = np.zeros(300_000)


def needs_big():
    return BIG.sum()


class Methods:
    def method(self, x):
        return x


REFUSED = [
    (needs_lock, "needs LOCK, which is a _thread.lock: make it an argument"),
    (needs_module, "from authors_file import"),
    (needs_nothing_known, "needs nowhere_defined, which is not defined"),
    (needs_client, "needs client"),
    (needs_big, "make it an argument"),
    (yields, "is a generator"),
    (waits, "is async"),
    (lambda x: x, "a lambda has no name"),
    (math.sqrt, "is no plain function"),
    (Methods.method, "is a method"),
]


@pytest.mark.parametrize(("function", "words"), REFUSED, ids=lambda value: str(value)[:30])
def test_what_cannot_be_taken_along_is_told(function, words) -> None:
    with pytest.raises(SourceError, match=re.escape(words)):
        calculation_of(function)


def test_what_is_defined_already_is_looked_at_at_once_and_the_rest_later() -> None:
    with pytest.raises(SourceError, match="needs LOCK"):
        client.task(needs_lock)
    client.task(needs_nothing_known)  # it may be defined below


class Mode(Enum):
    FAST = "fast"


class Level(IntEnum):
    HIGH = 3


@dataclass(frozen=True)
class Material:
    young: float
    nu: float = 0.3
    count: ClassVar[float] = 7.0


MODE = Mode.FAST
LEVEL = Level.HIGH
ALLOY = Material(210e9)
INDEX = (0, 1)
PLACES = {"a": (1,), "b": [2, (3,)], "c": {4}, "d": range(3), "e": slice(1, None)}
SCALAR = np.float32(0.1)


def uses_typed_constants(table: np.ndarray) -> Material:
    return [
        MODE is Mode.FAST,
        LEVEL is Level.HIGH,
        ALLOY.young * ALLOY.nu * Material.count,
        table[INDEX],
        PLACES["a"] == (1,) and PLACES["b"] == [2, (3,)] and list(PLACES["d"]) == [0, 1, 2],
        "abc"[PLACES["e"]],
        type(SCALAR).__name__,
    ]


def test_constants_keep_their_kind() -> None:
    table = np.array([[1, 2], [3, 4]])
    expected = [True, True, 210e9 * 0.3 * 7, 2, True, "bc", "float32"]
    assert uses_typed_constants(table) == expected
    assert run(calculation_of(uses_typed_constants), table=table) == expected


class Doubled:
    base = 2
    twice = base * 2

    @property
    def value(self):
        return self._value

    @value.setter
    def value(self, new):
        self._value = new + self.twice


def uses_class():
    one = Doubled()
    one.value = 1
    return one.value


def calls_quarter_too(x):
    return quarter(x) + eighth(x)


def blanks():
    text = """a
   
b"""  # noqa: W291, W293
    return text


def test_what_stands_in_a_class_is_its_own() -> None:
    assert run(calculation_of(uses_class)) == 5


def test_a_calculation_that_is_used_twice_is_one() -> None:
    assert run(calculation_of(calls_quarter_too), x=8) == 3


@client.task(
    name="two lines, ab",
)
def described(x):
    return x + 1


def test_lines_are_counted_as_python_does() -> None:
    assert run(calculation_of(described), x=1) == 2


def test_texts_stay_as_they_are() -> None:
    assert run(calculation_of(blanks)) == blanks() == "a\n   \nb"


def test_a_default_goes_along_as_the_value_it_has() -> None:
    assert client.task(total_weight)._inputs(([2],), {}) == {"masses": [2], "factor": 1.0}


@pytest.mark.parametrize(
    ("argument", "words"),
    [(Mode.FAST, "Enum"), ([ALLOY], "dataclass"), ({"a": Point(1, 2)}, "named tuple")],
)
def test_an_argument_that_would_come_as_something_else_is_refused(argument, words) -> None:
    with pytest.raises(EncodingError, match=f"x is a.* {words}"):
        client.task(eighth)._inputs((argument,), {})


def test_the_token_never_goes_along() -> None:
    @client.task
    def harmless(x):
        return x

    assert "never-sent" not in harmless.source


def test_an_option_that_is_none_is_told_with_the_nearest() -> None:
    with pytest.raises(TypeError, match="no option memroy: did you mean memory"):
        client.task(memroy="1 GiB")
    with pytest.raises(
        TypeError, match="no option colour; there are name, cache, estimated_duration, timeout"
    ):
        client.task(colour="red")
