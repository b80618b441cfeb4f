"""Every block of code in README, the SDK's README and docs/ does what its page says, in order."""

import configparser
import json
import os
import re
import shlex
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from docs.blocks import Block, blocks_of, fits
from docs.page import Reader, settings_named
from docs.scenes import ALWAYS, CONTAINERS, KEYCLOAK, OPERATIONS, SCENES, Scene
from support import services
from support.server import DEV_TOKEN, ROOT, Server, binary, environment, run_mecapy
from support.services import Managed

# Why a block is not run, by the word in its `<!-- not run: WORD -->`, and how many there are. The
# shell must be able to read each, and the settings that it names must exist.
NOT_RUN = {
    "address": ("addresses of services you have: the settings are loaded instead", 9),
    "compose": ("Docker's engine; tests/container/test_compose.py has the file loaded, no more", 2),
    "docker": ("Docker's engine; `make container-test` has both images made and run by podman", 3),
    "machine": (
        "installs onto the machine, from an address that each repository has of its own",
        2,
    ),
    "make": ("builds, or plays other tests: each is a target of Makefile", 6),
    "zsh": ("zsh reads it, in tests/e2e/test_cli_completion.py", 1),
}
# The same of examples that come from the table of commands, by page and first line.
EXAMPLES_NOT_RUN = {
    ("docs/cli.md", "mecapy login https://mecapy.example.org"): "asks for a token on a terminal",
    ("docs/cli.md", "mecapy worker --port 8080"): "goes on; in tests/e2e/test_worker.py",
}
# Variables of programs of ours that are no settings of `mecapy`.
OTHER_VARIABLES = {"MECAPY_URL", "MECAPY_TOKEN", "MECAPY_CA", "MECAPY_WORKER_SECRET", "MECAPY_PORT"}
RUN = {"sh", "python"}
READ = {"toml", "json", "ini"}
DRAWN = {"mermaid"}  # a picture, which src/machines/life_test.cc holds to the code
PAGES = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / name for name in ("README.md", "README.fr.md", "sdk/python/README.md")),
        *(ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "examples/README.md")),
    ]
)
# Read by one who has logged in before, as the first calculation ends.
LOGGED_IN = "docs/guides/"
# Read in the clone; the others in an empty folder.
IN_CLONE = {"README.md", "README.fr.md", KEYCLOAK, CONTAINERS}


def name_of(page: Path) -> str:
    """A page's place in the repository."""
    return str(page.relative_to(ROOT))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [p for p in PAGES if blocks_of(p)], ids=name_of)
def test_what_a_page_says_works(page: Path, request: pytest.FixtureRequest) -> None:
    there, here = surroundings(page, request)
    reader = Reader(there, here)
    try:
        if name_of(page) in IN_CLONE:
            reader.begin_in_clone()
        if name_of(page).startswith(LOGGED_IN):
            log_in(reader, page)
        for block in blocks_of(page):
            follow(reader, block)
    finally:
        reader.leave()


def surroundings(
    page: Path, request: pytest.FixtureRequest
) -> tuple[dict[str, str], dict[str, str]]:
    """What is there before a reader of this page comes, and what stands for its addresses."""
    name = name_of(page)
    if name == KEYCLOAK:
        request.getfixturevalue("keycloak")
        return {}, {}
    if name == OPERATIONS:
        return on_services(request.getfixturevalue("managed"))
    if name not in ALWAYS and any("mecapy serve" in block.text for block in blocks_of(page)):
        return {}, {}
    server: Server = request.getfixturevalue("server")
    return {"MECAPY_URL": server.url, "MECAPY_TOKEN": DEV_TOKEN}, {}


def on_services(managed: Managed) -> tuple[dict[str, str], dict[str, str]]:
    """Settings that a page takes at its second half, and the addresses that it names."""
    lines = (
        f"export MECAPY_{k.upper()}={shlex.quote(str(v))}" for k, v in managed.settings.items()
    )
    redis = services.told("redis", "tests_url").replace("/0?", "/1?")
    return {"ON_SERVICES": "\n".join(lines)}, {
        "rediss://ADMIN:PASSWORD@HOST:6379/0": redis.partition("?")[0],
        "/etc/mecapy/redis.pem": str(services.FOLDER / "redis/cert.pem"),
    }


def log_in(reader: Reader, page: Path) -> None:
    """Have the token saved, in the place of one in the environment."""
    url, token = (reader.environment.pop(name) for name in ("MECAPY_URL", "MECAPY_TOKEN"))
    reader.act(page, f"mecapy login {url} - <<<{token}")


def is_run(block: Block) -> bool:
    """Whether it does what it says here, and is not only read."""
    left_out = block.skipped is not None or (name_of(block.page), block.first) in EXAMPLES_NOT_RUN
    return block.language in RUN and not left_out


def follow(reader: Reader, block: Block) -> None:
    """Run a block, or have it read by what reads its like."""
    if is_run(block):
        play(reader, block)
    elif block.language in RUN:
        read_shell(block)
    elif block.language in READ:
        read_file(block, reader.folder)
    elif block.language not in DRAWN:
        assert not block.language, f"{block.place}: nothing here runs {block.language!r}"


def play(reader: Reader, block: Block) -> None:
    """Run a block within its scene; it prints what its page says, and nothing more."""
    page = name_of(block.page)
    scene = SCENES.get((page, block.first), Scene())
    if block.language == "sh" and (before := ALWAYS.get(page, "") + scene.before):
        reader.act(block.page, before)
    if scene.meanwhile is not None:
        scene.meanwhile(reader)
    printed = reader.follow(block)
    said = block.output if block.output is not None else scene.prints or ""
    assert fits(said, printed), f"{block.place} printed\n{printed}\nand its page says\n{said}"
    if scene.after:
        reader.act(block.page, scene.after)


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
    assert set(EXAMPLES_NOT_RUN) | set(SCENES) <= begun


def test_what_is_not_run_as_it_is_made_is_a_target_of_make() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for block in blocks_of(page):
            if block.skipped == "make":
                assert set(re.findall(r"^make ([a-z0-9-]+)", block.text, re.MULTILINE)) <= targets


def test_every_page_of_the_site_is_played() -> None:
    text = (ROOT / "tools/docs_hooks.py").read_text()
    named = re.findall(r'^    "([\w./]+)": "repository/', text, re.MULTILINE)
    assert len(named) == 5
    assert {ROOT / name for name in named} <= set(PAGES)


def test_the_first_page_says_how_much_is_run() -> None:
    blocks = [b for page in PAGES for b in blocks_of(page) if b.language in RUN]
    run = sum(map(is_run, blocks))
    said = f"Of {len(blocks)} blocks of commands and Python the tests run {run}."
    text = " ".join((ROOT / "docs/index.md").read_text().split())
    assert said in text, f"docs/index.md is to say: {said}"
    others = [int(number) for number in re.findall(r"\((\d+)\)", text.partition(said)[2])]
    numbers = [number for _, number in NOT_RUN.values()] + [len(EXAMPLES_NOT_RUN)]
    assert sorted(others) == sorted(numbers)
    assert run + sum(others) == len(blocks)


TRANSLATED = [p for p in PAGES if p.parent.name == "fr" or p.name.endswith(".fr.md")]


@pytest.mark.parametrize("translated", TRANSLATED, ids=name_of)
def test_a_translation_has_what_the_page_has(translated: Path) -> None:
    [original] = re.findall(r"^\W*In English.*\((\S+\.md)\)", translated.read_text(), re.MULTILINE)
    page = (translated.parent / original).resolve()
    assert os.path.relpath(translated, page.parent) in page.read_text(), "nothing leads to it"
    pages = page, translated
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
