"""What the platform knows, before it runs, of a function that was taken along."""

import ast
import functools
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from authors_file import area

from mecapy import MecaPy
from mecapy._source import calculation_of

RUNTIME = Path(__file__).resolve().parents[3] / "runtime/python/mecapy"
client = MecaPy(token="never-sent")


@pytest.fixture(scope="module")
def facts_of() -> Iterator[Callable[[ast.Module], Any]]:
    """What the runtime tells; the package here has no such module."""
    with pytest.MonkeyPatch.context() as patch:
        for part in ("_trees", "_scope", "_known", "_reads", "_facts"):
            name = f"mecapy.{part}"
            spec = importlib.util.spec_from_file_location(name, RUNTIME / f"{part}.py")
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            patch.setitem(sys.modules, name, module)
            spec.loader.exec_module(module)
        yield module.facts_of


FACTOR = 1.5


@client.task(memory="1 GiB")
def stress(force, diameter, *, factor=FACTOR):
    out = {"stress": factor * force / area(diameter)}
    if factor > 1:
        out["safe"] = False
    return out


def _checked(force: float) -> dict[str, float]:
    return {"force": force}


@client.task
def load(force: float) -> dict[str, float]:
    return _checked(force)


@client.task
def several(force, *further):
    return [force, *further]


@client.task
def any_of(**named):
    return {"count": len(named)}


@client.task
@functools.lru_cache
def kept(force):
    return {"force": force}


UNITS = (("force", "N"), ("width", "mm"))


def _number(given, name, unit):
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name}: expected a number in {unit}")
    return value


@client.task
def calculate(inputs):
    force, width = (_number(inputs, name, unit) for name, unit in UNITS)
    return {"stress": force / width / inputs.get("height", 1)}


def within() -> Any:
    @client.task
    def inner(force):
        return {"force": force}

    return inner


@pytest.mark.parametrize(
    ("function", "inputs", "results"),
    [
        (stress, {"force": True, "diameter": True, "factor": False}, ["stress", "safe"]),
        (load, {"force": True}, ["force"]),
        (several, {"force": False, "further": False}, None),
        (any_of, None, ["count"]),
        (kept, None, None),
        (calculate, {"force": True, "width": True, "height": False}, ["stress"]),
        (within(), {"force": True}, ["force"]),
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_arguments_are_inputs_and_returns_are_results(
    facts_of: Callable[[ast.Module], Any], function: Any, inputs: Any, results: Any
) -> None:
    assert facts_of(ast.parse(calculation_of(function))) == (inputs, results)
