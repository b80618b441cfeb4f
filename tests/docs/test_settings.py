"""Tables of settings that people write: each `machines.*` is in one, what they name exists."""

import json
import re

from support.server import ROOT, run_mecapy

PAGES = [ROOT / "docs" / "long-runs.md", *sorted((ROOT / "docs" / "backends").glob("*.md"))]


def in_tables() -> set[str]:
    """Those named in the first cell of a row."""
    cells = re.findall(r"^\|([^|]*)\|", "\n".join(page.read_text() for page in PAGES), re.MULTILINE)
    return set(re.findall(r"`(machines\.\w+)`", " ".join(cells)))


def test_each_setting_of_machines_is_in_a_table_and_none_else() -> None:
    there = {row["name"] for row in json.loads(run_mecapy("config", "--json").stdout)}
    assert in_tables() == {name for name in there if name.startswith("machines.")}
