"""Words of the code that pages name: each `machines.*` is in a table; what they name exists."""

import json
import re

from support.contract import contract, outcomes
from support.server import ROOT, run_mecapy

BACKENDS = sorted((ROOT / "docs" / "backends").glob("*.md"))
PAGES = [ROOT / "docs" / "long-runs.md", *BACKENDS]
# An argument of the SDK, and a word of OpenStack's.
ELSEWHERE = {"estimated_duration", "key_name"}


def settings() -> set[str]:
    """Their names, as `mecapy config` tells them."""
    return {row["name"] for row in json.loads(run_mecapy("config", "--json").stdout)}


def in_tables() -> set[str]:
    """Those named in the first cell of a row."""
    cells = re.findall(r"^\|([^|]*)\|", "\n".join(page.read_text() for page in PAGES), re.MULTILINE)
    return set(re.findall(r"`(machines\.\w+)`", " ".join(cells)))


def test_each_setting_of_machines_is_in_a_table_and_none_else() -> None:
    assert in_tables() == {name for name in settings() if name.startswith("machines.")}


def test_codes_and_fields_that_the_pages_of_backends_name_are_there() -> None:
    schemas = contract()["openapi"]["components"]["schemas"].values()
    fields = {name for schema in schemas for name in schema.get("properties", ())}
    leaves = {name.rpartition(".")[2] for name in settings()}
    named = re.findall(r"`([a-z]+(?:_[a-z]+)+)`", "\n".join(page.read_text() for page in BACKENDS))
    assert {"worker_lost", "backend_unavailable"} <= set(named)
    assert set(named) <= outcomes() | fields | leaves | ELSEWHERE
