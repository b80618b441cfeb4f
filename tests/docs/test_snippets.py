"""Every block of code in README, the SDK's README and docs/ does what its page says, in order."""

import contextlib
import itertools
import os
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest

from docs.addresses import managed_services
from docs.blocks import blocks_of, fits
from docs.cloud_scenes import CLOUDS
from docs.page import Reader, settings_named
from docs.playing import RUN, follow, is_run, name_of, needs_engine
from docs.scenes import (
    ALWAYS,
    CONTAINERS,
    IN_README,
    KEYCLOAK,
    OPERATIONS,
    READMES,
    SCENES,
    SLURM,
)
from support import services
from support.server import DEV_TOKEN, ROOT, Server, binary
from support.services import Managed
from support.slurm import USER, Cluster

# Why a block is not run, by the word in its `<!-- not run: WORD -->`, and how many there are. The
# shell must be able to read each, and the settings that it names must exist.
NOT_RUN = {
    "suite": ("whole suites of tests, and what changes the tree: make says what it would do", 6),
}
PAGES = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / name for name in ("README.md", "README.fr.md", "sdk/python/README.md")),
        *(ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "examples/README.md")),
    ]
)
# Read by one who has logged in before, as the first calculation ends.
LOGGED_IN = "docs/guides/"
OF_EXAMPLES = {"docs/guides/joint-workflow.md", "docs/guides/shaft-workflow.md"}
# Read in the clone; the others in an empty folder.
IN_CLONE = {*READMES, KEYCLOAK, *OF_EXAMPLES}
# Played by tests/container/test_docker.py, with Docker's engine; of other pages what needs it.
ELSEWHERE = {CONTAINERS}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "page", [p for p in PAGES if blocks_of(p) and name_of(p) not in ELSEWHERE], ids=name_of
)
def test_what_a_page_says_works(page: Path, request: pytest.FixtureRequest) -> None:
    there, here = surroundings(page, request)
    alone = name_of(page) in READMES
    reader = Reader(there, here, alone=alone)
    around = contextlib.ExitStack()
    try:
        if alone:
            around.enter_context(managed_services(reader))
        if name_of(page) in IN_CLONE:
            reader.begin_in_clone()
        if name_of(page).startswith(LOGGED_IN):
            log_in(reader, page)
        for block in itertools.filterfalse(needs_engine, blocks_of(page)):
            follow(reader, block)
    finally:
        reader.end()
        around.close()
        reader.leave()


SAVING = [p for p in PAGES if name_of(p).startswith(LOGGED_IN) and ".save(" in p.read_text()]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("page", SAVING, ids=name_of)
def test_a_guide_that_saves_can_be_followed_again(
    page: Path, request: pytest.FixtureRequest
) -> None:
    reader = Reader(*surroundings(page, request))
    try:
        if name_of(page) in IN_CLONE:
            reader.begin_in_clone()
        log_in(reader, page)
        for block in blocks_of(page) * 2:
            follow(reader, block)
    finally:
        reader.end()
        reader.leave()


def surroundings(
    page: Path, request: pytest.FixtureRequest
) -> tuple[dict[str, str], dict[str, str]]:
    """What is there before a reader of this page comes, and what stands for its addresses."""
    name = name_of(page)
    if name in READMES or name == KEYCLOAK:
        request.getfixturevalue("keycloak")
        return {}, {}
    if name == OPERATIONS:
        return on_services(request.getfixturevalue("managed"))
    if name == SLURM:
        cluster: Cluster = request.getfixturevalue("cluster")
        return {"SLURM_CONF": cluster.conf}, {
            "/shared/mecapy": str(cluster.folder / "shared"),
            "/opt/mecapy/mecapy": str(binary()),
            "runuser -u mecapy": f"runuser -u {USER}",
        }
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


def test_what_is_not_run_is_in_the_table() -> None:
    counted = Counter(b.skipped for page in PAGES for b in blocks_of(page) if b.skipped)
    assert counted == {word: number for word, (_, number) in NOT_RUN.items()}
    begun = {(name_of(page), b.first) for page in PAGES for b in blocks_of(page)}
    assert set(SCENES) <= begun
    assert len([page for page, _ in SCENES if page in READMES]) == 2 * len(IN_README)


def test_what_needs_the_engine_is_played_with_it() -> None:
    needed = {name_of(page) for page in PAGES if any(map(needs_engine, blocks_of(page)))}
    assert needed == {*ELSEWHERE, *CLOUDS}


def test_every_page_of_the_site_is_played() -> None:
    text = (ROOT / "tools/docs_hooks.py").read_text()
    named = re.findall(r'^    "([\w./]+)": "repository/', text, re.MULTILINE)
    assert len(named) == 5
    assert {ROOT / name for name in named} <= set(PAGES)


def test_contributing_says_how_much_is_run() -> None:
    blocks = [b for page in PAGES for b in blocks_of(page) if b.language in RUN]
    run = sum(map(is_run, blocks))
    said = f"Of {len(blocks)} blocks of commands and Python the tests run {run}."
    text = " ".join((ROOT / "CONTRIBUTING.md").read_text().split())
    assert said in text, f"CONTRIBUTING.md is to say: {said}"
    behind = text.partition(said)[2].partition("## ")[0]
    others = [int(number) for number in re.findall(r"\((\d+)\)", behind)]
    assert sorted(others) == sorted(number for _, number in NOT_RUN.values())
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
