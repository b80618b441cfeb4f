"""The command line at what answers well and is no MecaPy: proxies that want a login, portals."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.hostile import RUN, Hostile, hostile_server
from support.person import Person

COMMANDS = [
    ("whoami",),
    ("whoami", "--json"),
    ("runs",),
    ("runs", RUN),
    ("runs", RUN, "--json"),
    ("result", RUN),
    ("result", RUN, "--timeout", "0", "--json"),
    ("logs", RUN),
    ("logs", "-f", RUN),
    ("cancel", RUN),
    ("download", RUN),
    ("task", "list"),
    ("task", "show", RUN),
    ("task", "show", RUN, "--json"),
    ("task", "create", "calc.py"),
    ("task", "create", "calc.py", "--json"),
    ("task", "update", RUN, "--name", "x", "--json"),
    ("task", "delete", RUN),
    ("task", "run", RUN),
    ("run", "calc.py", "--remote"),
    ("run", "calc.py", "--remote", "--detach", "--json"),
]
ELSEWHERE = {"Location": "https://sso.example/login", "Content-Type": "application/json"}
PORTAL = b"<html>Welcome to our hotel</html>\n"


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    """The server."""
    with hostile_server() as server:
        yield server


@pytest.fixture
def person(hostile: Hostile, tmp_path: Path) -> Person:
    """Somebody who works there."""
    return Person(tmp_path, hostile.url, "token")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_redirect_is_no_success_and_is_not_followed(
    hostile: Hostile, person: Person, words: tuple[str, ...]
) -> None:
    (person.home / "calc.py").write_text("def calculate(inputs): return 1\n")
    hostile.everywhere = (302, ELSEWHERE, b"{}")
    done = person.does(*words, status=64)
    assert "answers 302 and names https://sso.example/login, which is not followed" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("media", ["text/html; charset=utf-8", "", "application/jsonish"])
def test_a_page_is_no_success(
    hostile: Hostile, person: Person, words: tuple[str, ...], media: str
) -> None:
    (person.home / "calc.py").write_text("def calculate(inputs): return 1\n")
    hostile.everywhere = (200, {"Content-Type": media} if media else {}, PORTAL)
    done = person.does(*words, status=69)
    assert "no answer of MecaPy" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("body", [b"", PORTAL, b'{"answer":"yes"}', b"[]", b"null"])
def test_what_does_not_tell_its_status_is_not_well(
    hostile: Hostile, person: Person, body: bytes
) -> None:
    hostile.everywhere = (200, {"Content-Type": "application/json"}, body)
    done = person.does("health", hostile.url, status=69)
    assert f"no answer of MecaPy came from {hostile.url}/health/ready" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("words", [one for one in COMMANDS if one[0] != "logs"], ids=" ".join)
def test_other_json_is_no_success(hostile: Hostile, person: Person, words: tuple[str, ...]) -> None:
    (person.home / "calc.py").write_text("def calculate(inputs): return 1\n")
    hostile.everywhere = (200, {"Content-Type": "application/json"}, b'{"answer":"yes"}')
    done = person.does(*words, status=None)
    lists = words[0:2] == ("task", "list") or words == ("runs",)
    assert done.returncode == (0 if lists else 69), done.stderr  # a list of nothing
    assert done.stdout == ""


@pytest.mark.parametrize(
    "answer",
    [
        (302, ELSEWHERE, b"{}"),
        (200, {"Content-Type": "text/html"}, PORTAL),
        (200, {"Content-Type": "application/json"}, b"{}"),
        (200, {"Content-Type": "application/json"}, b'{"user":""}'),
    ],
)
def test_who_is_no_mecapy_gets_no_login_saved(
    hostile: Hostile, person: Person, answer: tuple[int, dict[str, str], bytes]
) -> None:
    hostile.everywhere = answer
    for words in (("login", hostile.url, "-"), ("login", hostile.url)):
        done = person.does(*words, stdin="secret", status=None)
        assert done.returncode != 0
        assert not person.login_file.exists()
