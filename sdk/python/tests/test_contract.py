"""What the package knows of the platform is what the platform's tables and contract say."""

import dataclasses
import html
import inspect
import json
import re
import subprocess
import sys
import types
import typing
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from support.server import Server, binary

import mecapy
from mecapy import (
    Artifact,
    AsyncMecaPy,
    CostComponent,
    CostSum,
    Estimate,
    Failure,
    Limits,
    MecaPy,
    MecaPyError,
    Progress,
    Usage,
    _notebook,
    _outcome,
    _session,
    _values,
)
from mecapy import _errors as errors
from mecapy._decoding import _REVIVERS

Json = dict[str, Any]


@pytest.fixture(scope="module")
def contract() -> Json:
    """The tables of the program that is the server."""
    told = subprocess.run([binary(), "contract"], capture_output=True, check=True, timeout=30)
    return json.loads(told.stdout)


@pytest.fixture(scope="module")
def schemas(contract: Json) -> dict[str, Json]:
    return contract["openapi"]["components"]["schemas"]


# Limits

AMOUNTS = {"s": ("1 min", 60), "MiB": ("1 GiB", 1024), "KiB": ("1 MiB", 1024), "": (3, 3)}
OURS = {"cpu": "cpu_time"}  # where it is another name than the platform's without its unit


def our_name(limit: str) -> str:
    """What the package calls a limit."""
    stem = re.sub(r"_(s|mb|kb)$", "", limit)
    return OURS.get(stem, stem)


def test_limits_are_those_of_the_platform_in_its_units(contract: Json) -> None:
    rows = {row["name"]: AMOUNTS.get(row["unit"], AMOUNTS[""]) for row in contract["limits"]}
    given = {our_name(name): amount for name, (amount, _) in rows.items()}
    assert {field.name for field in dataclasses.fields(Limits)} == set(given)
    assert Limits(**given).record() == {name: told for name, (_, told) in rows.items()}
    assert {row["name"]: row["default"] for row in contract["limits"]} == _values.DEFAULT_LIMITS
    for name, (amount, told) in rows.items():  # each by itself: none stands for another
        assert Limits(**{our_name(name): amount}).record() == {name: told}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="overloads are not kept")
@pytest.mark.parametrize("client", [MecaPy, AsyncMecaPy])
def test_the_decorator_takes_every_limit(client: type) -> None:
    limits = {field.name for field in dataclasses.fields(Limits)}
    _, options = typing.get_overloads(client.task)
    shown, typed = (inspect.signature(one).parameters for one in (client.task, options))
    assert list(shown) == list(typed)  # what help() tells
    for name in limits | {"name", "cache"}:
        assert (shown[name].kind, shown[name].annotation) == (
            typed[name].kind, typed[name].annotation,
        )  # fmt: skip
    assert set(inspect.signature(options).parameters) == limits | {
        "self", "function", "name", "cache", "estimated_duration",
    }  # fmt: skip


# What comes

JSON_TYPES = {"number": {float}, "integer": {int}, "string": {str}}


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (Usage, "Usage"),
        (Failure, "RunError"),
        (Progress, "Progress"),
        (Estimate, "Estimate"),
        (CostComponent, "CostComponent"),
        (CostSum, "CostSum"),
    ],
)
def test_what_comes_has_the_members_of_the_contract(
    kind: type, schema: str, schemas: dict[str, Json]
) -> None:
    told = schemas[schema]
    fields = {field.name: field for field in dataclasses.fields(kind)}
    assert set(fields) == set(told["properties"])
    needed = {name for name, one in fields.items() if one.default is dataclasses.MISSING}
    assert needed == set(told["required"])
    types_of = typing.get_type_hints(kind)
    for name, member in told["properties"].items():
        if "type" in member:
            hint = types_of[name]
            parts = set(typing.get_args(hint)) if typing.get_origin(hint) else {hint}
            known = {str} if hint is typing.get_type_hints(Failure)["fault"] else parts
            assert known - {types.NoneType} == JSON_TYPES[member["type"]], name
    assert documented(kind) == set(fields)


def test_lines_of_a_cost_have_the_names_and_units_of_the_contract(
    schemas: dict[str, Json],
) -> None:
    text = inspect.getdoc(CostComponent) or ""
    for member in ("name", "unit"):
        told = schemas["CostComponent"]["properties"][member]["description"]
        said = re.search(rf"^{member} : str\n(.*)", text, re.MULTILINE)
        quoted = re.sub(r"(\S+?)(,| or |$)", r"``\1``\2", told)
        assert said is not None
        assert said[1].strip() == quoted + "."


def documented(kind: type) -> set[str]:
    """The attributes that a docstring names."""
    _, _, text = inspect.getdoc(kind).partition("Attributes\n----------\n")
    names = re.findall(r"^(\w[\w, ]*) : ", text, re.MULTILINE)
    return {name for line in names for name in line.split(", ")}


def test_an_artifact_has_the_members_of_the_contract(schemas: dict[str, Json]) -> None:
    record = {"name": "a", "size": 1, "content_type": "text/plain", "sha256": "0"}
    assert set(schemas["Artifact"]["required"]) == set(record)
    assert set(schemas["Artifact"]["properties"]) == {*record, "url"}  # which the package makes
    one = Artifact(None, "r", record)
    shown = {name: value for name, value in vars(one).items() if not name.startswith("_")}
    assert shown == {**record, "run_id": "r"}
    assert documented(Artifact) == set(shown)


# What the platform tells of a run or task and the package does not show by that name.
UNSHOWN_RUN = {
    "run_id", "artifact_count", "version", "cancel_requested", "log_truncated",
    "environment",
}  # fmt: skip
SHOWN_OTHERWISE = {"estimated_duration_s": "estimated_duration"}


@pytest.mark.parametrize(
    ("kinds", "schema", "unshown"),
    [
        (("Run", "AsyncRun"), "Run", UNSHOWN_RUN),
        (("Task", "AsyncTask"), "Task", set()),
    ],
)
def test_handles_show_what_the_contract_tells(
    kinds: tuple[str, str], schema: str, unshown: set[str], schemas: dict[str, Json]
) -> None:
    members = {SHOWN_OTHERWISE.get(name, name) for name in schemas[schema]["properties"]}
    for kind in kinds:
        assert {name for name in members if not hasattr(getattr(mecapy, kind), name)} == unshown


@pytest.mark.parametrize(
    ("method", "schema"),
    [
        (mecapy.Tasks.create, "TaskCreate"),
        (mecapy.AsyncTasks.create, "TaskCreate"),
        (mecapy.Task.update, "TaskUpdate"),
        (mecapy.AsyncTask.update, "TaskUpdate"),
    ],
)
def test_a_task_is_made_and_changed_by_the_members_of_the_contract(
    method: Callable[..., Any], schema: str, schemas: dict[str, Json]
) -> None:
    members = {SHOWN_OTHERWISE.get(name, name) for name in schemas[schema]["properties"]}
    assert set(inspect.signature(method).parameters) - {"self"} == members


def test_statuses_are_those_of_the_contract(schemas: dict[str, Json]) -> None:
    told = schemas["Run"]["properties"]["status"]["enum"]
    assert list(typing.get_args(_values.Status)) == told
    assert set(told) - {"queued", "running"} == _values.ENDS
    assert set(_notebook._COLOURS) == set(told)


# Exceptions


def codes_of(kind: type) -> set[str]:
    """The codes that the docstring of an exception names."""
    _, _, text = inspect.getdoc(kind).partition("`code`")
    return set(re.findall(r"``(\w+)``", text))


def test_each_outcome_is_raised_as_the_exception_that_names_it(contract: Json) -> None:
    assert {row["fault"] for row in contract["outcomes"]} == set(typing.get_args(_values.Fault))
    named: dict[type, set[str]] = {}
    for row in contract["outcomes"]:
        failure = {"code": row["code"], "fault": row["fault"], "message": "m"}
        error = _outcome.failure_to_raise({"id": "r", "status": "failed", "error": failure})
        expected = {"calculation": "CalculationError", "limit": "LimitError"}
        assert type(error).__name__ == expected.get(row["fault"], "PlatformError")
        named.setdefault(type(error), set()).add(row["code"])
    for kind, codes in named.items():
        assert codes_of(kind) == codes, kind


def test_codes_have_the_fault_of_the_contract(contract: Json) -> None:
    told = {row["code"]: row["fault"] for row in contract["outcomes"]}
    assert {code for code, fault in told.items() if fault != "platform"} == set(_outcome._FAULTS)
    assert {code: told[code] for code in _outcome._FAULTS} == _outcome._FAULTS


def test_each_status_of_an_answer_has_its_exception(contract: Json) -> None:
    told = {row["http_status"] for row in contract["errors"] if row["in_answers"]}
    assert {status for status in told if status < 500} - set(_session._KINDS) == set()


def test_the_tree_of_exceptions_is_drawn_as_it_is() -> None:
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in errors.__doc__.partition("::\n")[2].splitlines():
        match = re.match(r"    ([│├└─ ]*)(\w+)", line)
        if match:
            depth = len(match[1]) // 4
            above[depth:] = [match[2]]
            drawn[match[2]] = above[depth - 1] if depth else "Exception"
    kinds = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
    real = {n: k.__bases__[0].__name__ for n, k in kinds.items() if issubclass(k, MecaPyError)}
    assert drawn == real
    assert set(real) <= set(mecapy.__all__)


# Values


def kinds_named(text: str) -> set[str]:
    """The names that stand behind a ``"$type":``."""
    lists = re.findall(r'"\$type": ("\w+"(?: \| "\w+")*)', text)
    return {name for one in lists for name in re.findall(r"\w+", one)}


def test_values_are_those_of_the_contracts_page(server: Server) -> None:
    with urllib.request.urlopen(f"{server.url}/docs/contract", timeout=30) as page:
        told = kinds_named(html.unescape(page.read().decode()))
    assert told == set(_REVIVERS)
    assert kinds_named(mecapy._encoding.__doc__) == set(_REVIVERS)
