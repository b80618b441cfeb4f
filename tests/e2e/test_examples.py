"""Each folder of examples/ through the public door, compared with what its sources publish."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from support.api import Api
from support.server import ROOT

FOLDERS = sorted(path.parent for path in (ROOT / "examples").glob("*/calc.py"))


def test_there_are_eight_examples_at_least() -> None:
    assert len(FOLDERS) >= 8


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_an_example_is_told_with_its_formula_and_source(folder: Path) -> None:
    title, told = (folder / "README.md").read_text().split("\n", 1)
    assert re.fullmatch(r"# \S.+", title)
    formula = re.search(r"^    \S.* = .*\S", told, re.MULTILINE)
    assert formula, "no formula, indented, before the reference"
    reference = re.search(
        r"^\*\*Reference( and comparison)?\.\*\*(.*)", told, re.MULTILINE | re.DOTALL
    )
    assert reference, "no paragraph **Reference.**"
    assert formula.start() < reference.start()
    assert reference[1] or "\n**Comparison.**" in told, "no comparison with the reference"
    expected = json.loads((folder / "expected.json").read_text())
    checks = [check for case in cases_of(expected) for check in case["checks"]]
    assert all(check.get("source") for check in checks), "a value without its source"
    publishers = {publisher_of(check["source"]) for check in checks}
    assert [name for name in publishers if name not in reference[2]] == []


def cases_of(expected: dict[str, Any]) -> list[dict[str, Any]]:
    """The case of ``inputs.json`` and, with inputs of their own, the further ones."""
    return [{"checks": expected["checks"]}, *expected.get("cases", [])]


def publisher_of(source: str) -> str:
    """The first name in a source; empty for a definition and for what nobody published."""
    name = re.search(r"[A-Z][A-Za-z]+", source)
    return name[0] if name and not source.startswith("not published") else ""


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_an_example_gives_its_published_values(api: Api, folder: Path) -> None:
    expected = json.loads((folder / "expected.json").read_text())
    task = api.create(
        (folder / "calc.py").read_text(),
        json.loads((folder / "inputs.json").read_text()),
        name=folder.name,
    )
    for case in cases_of(expected):
        run = api.execute(task["id"], case.get("inputs"))
        assert run["status"] == "completed", (run.get("error"), api.log(run["id"]))
        assert case["checks"]
        for check in case["checks"]:
            found = at_pointer(run["result"], check["pointer"])
            assert_close(found, check, folder.name)
        names = [artifact["name"] for artifact in run["artifacts"]]
        for name in expected.get("artifacts", []):
            assert name in names
            assert api.get(f"/api/runs/{run['id']}/artifacts/{name}").content


def assert_close(found: Any, check: dict[str, Any], example: str) -> None:
    """Numbers within the tolerance that the example states; anything else equal."""
    told = f"{example} {check['pointer']}: {found} is not {check['value']} ({check.get('source')})"
    if isinstance(check["value"], bool | str | list):
        assert found == check["value"], told
    else:
        tolerances = {"rel_tol": check.get("rel_tol", 0.0), "abs_tol": check.get("abs_tol", 0.0)}
        assert any(tolerances.values()), f"{example} {check['pointer']} states no tolerance"
        assert math.isclose(found, check["value"], **tolerances), told


def at_pointer(value: Any, pointer: str) -> Any:
    """The value at an RFC 6901 pointer."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value
