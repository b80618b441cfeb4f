"""The user of Redis that we tell people to make: it may do what the code asks for, and no more."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.server import ROOT, Server
from support.services import Managed, redis, start
from support.waiting import wait_until

_USES_REDIS = ("redis", "queue", "cache", "feed")  # rooms of src
# A word of a command, and the one behind it, which may be a part of its name.
_WORDS = re.compile(r"""["']([A-Z]{3,})["'](?=(?:,\s*["']([A-Z]+)["'])?)""")
DOUBLES = "def calculate(inputs):\n    return inputs['x'] * 2\n"


def rights_in(text: str) -> list[str]:
    """Keys, channels and commands, in the order in which a text gives them."""
    found = re.findall(r"(?:~|&)mecapy:\*|-@all|\+[a-z|]+(?=[\s\"']|$)", text)
    assert found, text
    return found


@pytest.fixture(scope="module")
def rights() -> list[str]:
    """Those of the tests' services."""
    text = (ROOT / "tools" / "services.sh").read_text()
    return rights_in(text.partition("REDIS_RIGHTS='")[2].partition("'")[0])


def sources() -> Iterator[Path]:
    """What is not a test in the rooms that speak to Redis."""
    for room in _USES_REDIS:
        for path in (ROOT / "src" / room).glob("*.cc"):
            if not path.stem.endswith("_test"):
                yield path


def test_the_commands_are_those_of_the_code(rights: list[str]) -> None:
    start("redis")
    known = set(redis("COMMAND", "LIST").split())
    subcommands = set(redis("COMMAND", "LIST", "FILTERBY", "PATTERN", "*|*").split())
    used = set()
    for path in sources():
        for word, next_word in _WORDS.findall(path.read_text()):
            whole, first = f"{word}|{next_word}".lower(), word.lower()
            if whole in known | subcommands:
                used.add(whole)
            elif first in known:
                used.add(first)
    used.remove("auth")  # of everybody
    allowed = [right for right in rights if right.startswith("+")]
    assert len(set(allowed)) == len(allowed)
    assert {right.removeprefix("+") for right in allowed} == used


@pytest.mark.parametrize("place", ["docs/operations.md", "deploy/compose.yaml"])
def test_all_places_name_the_same_rights(rights: list[str], place: str) -> None:
    text = (ROOT / place).read_text()
    assert rights_in(text[text.index("~mecapy:*") :].partition("REDISCLI_AUTH")[0]) == rights


def test_the_servers_of_the_tests_are_this_user(rights: list[str]) -> None:
    """Redis says itself what it is allowed."""
    managed = Managed()
    try:
        assert "//mecapy:" in str(managed.settings["redis_url"])
    finally:
        managed.remove()
    told = redis("ACL", "GETUSER", "mecapy").split()
    commands = told[told.index("commands") + 1 : told.index("keys")]
    assert set(commands) == {right for right in rights if right[0] in "+-"}
    assert told[told.index("keys") + 1] == "~mecapy:*"
    assert told[told.index("channels") + 1] == "&mecapy:*"


def test_a_user_who_may_do_too_little_is_told_by_readiness() -> None:
    managed = Managed()
    server = Server(**managed.settings)
    try:
        api = server.start().api()
        redis("ACL", "SETUSER", "mecapy", "-eval")

        def queue() -> dict[str, str]:
            return dict(api.read("/health/ready")["parts"]["queue"])

        wait_until("it is told", lambda: "NOPERM" in queue().get("why", ""), 20)
        assert queue()["status"] == "degraded"
        assert api.calculate(DOUBLES, {"x": 2})["result"] == 4
        redis("ACL", "SETUSER", "mecapy", "+eval")
        wait_until("it is ready", lambda: queue() == {"status": "ok"}, 20)
    finally:
        redis("ACL", "SETUSER", "mecapy", "+eval")
        server.remove()
        managed.remove()
