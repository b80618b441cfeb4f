"""Functions of several arguments as calculations."""

import functools
from typing import Any

import pytest
from mecapy._entry import by_name


def plain(a: int, b: int = 2) -> Any:
    return a, b


def every(a: int, /, b: int, *rest: int, c: int = 3, **named: int) -> Any:
    return a, b, rest, c, named


def only_named(*, c: int = 1, **named: int) -> Any:
    return c, named


@functools.lru_cache
def kept(a: int) -> int:
    return a


@pytest.mark.parametrize(
    ("function", "inputs", "result"),
    [
        (plain, {"a": 1}, (1, 2)),
        (plain, {"b": 1, "a": 3}, (3, 1)),
        (every, {"a": 1, "b": 2}, (1, 2, (), 3, {})),
        (every, {"a": 1, "b": 2, "rest": [5, 6], "c": 4, "named": {"d": 7}},
         (1, 2, (5, 6), 4, {"d": 7})),
        (only_named, {"named": {"x": 2}}, (1, {"x": 2})),
        (kept, {"a": 4}, 4),
    ],
)  # fmt: skip
def test_each_member_is_the_argument_of_its_name(
    function: Any, inputs: dict[str, Any], result: Any
) -> None:
    before = dict(inputs)
    assert by_name(function)(inputs) == result
    assert inputs == before


def test_an_argument_too_many_or_too_few_is_told() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'c'"):
        by_name(plain)({"a": 1, "c": 2})
    with pytest.raises(TypeError, match="missing 1 required"):
        by_name(plain)({})
