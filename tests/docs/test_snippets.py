"""Every block of code in README, the SDK's README and docs/ does what its page says, in order."""

import configparser
import dataclasses
import json
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from docs.blocks import Block, blocks_of, fits
from docs.page import Reader, settings_named
from support.server import DEV_TOKEN, ROOT, Server, binary, environment, run_mecapy

# Why a block is not run, by the word in its `<!-- not run: WORD -->`, and how many there are. The
# shell must be able to read each, and the settings that it names must exist.
NOT_RUN = {
    "address": ("addresses of services you have: the settings are loaded instead", 9),
    "docker": ("Docker's engine; `make container-test` runs the images with podman", 5),
    "keycloak": ("Keycloak's realm; tests/e2e/test_oidc.py asks it for the same tokens", 5),
    "machine": (
        "installs onto the machine, from an address that each repository has of its own",
        2,
    ),
    "make": ("what the tests and the demo are started by", 5),
    "shells": ("one line for each shell, in tests/e2e/test_cli_completion.py", 1),
    "terminal": ("asks for a token on a terminal, in tests/e2e/test_cli_remote.py", 1),
    "service": ("PostgreSQL and Redis of your own, which would be emptied", 2),
}
# The same of examples that come from the table of commands, by page and first line.
EXAMPLES_NOT_RUN = {
    ("docs/cli.md", "mecapy login https://mecapy.example.org"): "asks for a token on a terminal",
    ("docs/cli.md", "mecapy worker --port 8080"): "goes on; in tests/e2e/test_worker.py",
}
# What a page takes for granted before each of its blocks, as the reader has it.
SCENES = {
    "docs/cli.md": """
cat >calc.py <<'END'
def calculate(inputs):
    open("table.csv", "w").write("1")
    return inputs["force"] / inputs["section"]
END
echo '{"force": 1000, "section": 10}' >inputs.json
rm -rf out table.csv
bolts='import json, sys; print(*(t["id"] for t in json.load(sys.stdin) if t["name"] == "bolt"))'
for id in $(mecapy task list --json | python3 -c "$bolts"); do mecapy task delete "$id"; done
mecapy task create calc.py --name bolt -i @inputs.json
mecapy task run bolt -i @inputs.json
"""
}
SLOW = """
echo 'def calculate(inputs): import time; time.sleep(60)' >slow.py
mecapy run slow.py --remote --detach
"""
# The same before one of its blocks.
BEFORE = {("docs/cli.md", "mecapy cancel last"): SLOW}
# Variables of programs of ours that are no settings of `mecapy`.
OTHER_VARIABLES = {"MECAPY_URL", "MECAPY_TOKEN", "MECAPY_CA", "MECAPY_WORKER_SECRET", "MECAPY_PORT"}
RUN = {"sh", "python"}
READ = {"toml", "json", "ini"}
PAGES = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / name for name in ("README.md", "README.fr.md", "sdk/python/README.md")),
    ]
)
IN_CLONE = {"README.md", "README.fr.md"}  # read in the clone; the others in an empty folder


def name_of(page: Path) -> str:
    """A page's place in the repository."""
    return str(page.relative_to(ROOT))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [p for p in PAGES if blocks_of(p)], ids=name_of)
def test_what_a_page_says_works(page: Path, server: Server) -> None:
    blocks = blocks_of(page)
    serves = name_of(page) not in SCENES and any("mecapy serve" in b.text for b in blocks)
    there = {} if serves else {"MECAPY_URL": server.url, "MECAPY_TOKEN": DEV_TOKEN}
    reader = Reader(there)
    try:
        if name_of(page) in IN_CLONE:
            reader.begin_in_clone()
        for block in blocks:
            if (scene := SCENES.get(name_of(page))) and block.language == "sh":
                scene += BEFORE.get((name_of(page), block.first), "")
                reader.follow(dataclasses.replace(block, text=scene))
            follow(reader, block)
    finally:
        reader.leave()


def follow(reader: Reader, block: Block) -> None:
    """Run a block, or have it read by what reads its like."""
    if block.skipped is not None or (name_of(block.page), block.first) in EXAMPLES_NOT_RUN:
        read_shell(block)
    elif block.language in RUN:
        printed = reader.follow(block)
        if block.output is not None:
            assert fits(block.output, printed), f"{block.place} printed\n{printed}"
    elif block.language in READ:
        read_file(block, reader.folder)
    else:
        assert not block.language, f"{block.place}: nothing here runs {block.language!r}"


def read_shell(block: Block) -> None:
    """A block that is not run: the shell can read it, and its settings exist."""
    done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True)
    assert done.returncode == 0, f"{block.place}: {done.stderr}"
    settings = {row["environment"] for row in json.loads(run_mecapy("config", "--json").stdout)}
    unknown = settings_named(block.text) - settings - OTHER_VARIABLES
    assert not unknown, f"{block.place} names settings that do not exist: {unknown}"
    if block.skipped == "address":
        command = f'set -a\n{block.text}\nexec "{binary()}" config >/dev/null'
        done = subprocess.run(
            ["bash", "-euc", command], env=environment({}), capture_output=True, text=True
        )
        assert done.returncode == 0, f"{block.place}: {done.stderr}"


def read_file(block: Block, folder: Path) -> None:
    """A file that the page shows."""
    if block.language == "json":
        json.loads(block.text)
    elif block.language == "ini":
        configparser.ConfigParser(strict=False).read_string(block.text)
    else:
        tomllib.loads(block.text)
        path = folder / "mecapy.toml"
        path.write_text(block.text)
        done = run_mecapy("config", "--config", str(path))
        assert done.returncode == 0, f"{block.place}: {done.stderr}"


def test_what_is_not_run_is_in_the_table() -> None:
    counted = Counter(b.skipped for page in PAGES for b in blocks_of(page) if b.skipped)
    assert counted == {word: number for word, (_, number) in NOT_RUN.items()}
    begun = {(name_of(page), b.first) for page in PAGES for b in blocks_of(page)}
    assert set(EXAMPLES_NOT_RUN) <= begun


@pytest.mark.parametrize(
    ("page", "translated"),
    [
        ("README.md", "README.fr.md"),
        ("docs/first-calculation.md", "docs/fr/premier-calcul.md"),
    ],
)
def test_a_translation_has_what_the_page_has(page: str, translated: str) -> None:
    pages = ROOT / page, ROOT / translated
    kinds = [[(b.language, b.skipped, b.output is None) for b in blocks_of(p)] for p in pages]
    assert kinds[0] == kinds[1]
    heads = [[line for line in p.read_text().split("\n") if line.startswith("## ")] for p in pages]
    assert len(heads[0]) == len(heads[1])
    settings = [settings_named(p.read_text()) for p in pages]
    assert settings[0] == settings[1]


def test_a_page_that_lies_is_found() -> None:
    assert fits("100.0\n...\nend", "100.0\na\nb\nend\n")
    assert not fits("100.0", "100.0\n1\n")
    assert not fits("a...b", "a")
