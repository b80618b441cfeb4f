"""The command line at a server that means no good: names, bytes and words of its making."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.person import Person

RUN = "01a2184d-5c10-7001-bd4d-bcb3065cf335"
BYTES = b"what the server sends"


class Hostile(ThreadingHTTPServer):
    """Answers what a test wants it to; anything else is 404."""

    def __init__(self) -> None:
        """Listen on loopback."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []

    def run(self, **members: object) -> None:
        """Have one run, with an artifact or other members."""
        run = {"id": RUN, "run_id": RUN, "status": "completed", "result": 1} | members
        body = json.dumps(run).encode()
        for path in ("", "/results"):
            self.answers[f"/api/runs/{RUN}{path}"] = (200, body)

    def artifact(self, name: str, sha256: str = "", size: int = len(BYTES)) -> None:
        """Have a run with this one."""
        right = hashlib.sha256(BYTES).hexdigest()
        self.run(artifacts=[{"name": name, "size": size, "sha256": sha256 or right}])
        self.answers[f"/api/runs/{RUN}/artifacts/{name}"] = (200, BYTES)


class _Handler(BaseHTTPRequestHandler):
    server: Hostile

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status, body = self.server.answers.get(self.path.partition("?")[0], (404, b"{}"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    """The server."""
    server = Hostile()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def person(hostile: Hostile, tmp_path: Path) -> Person:
    """Somebody who works there."""
    (tmp_path / "work").mkdir()
    return Person(tmp_path, f"http://127.0.0.1:{hostile.server_address[1]}", "token")


def test_what_is_right_is_kept(hostile: Hostile, person: Person) -> None:
    hostile.artifact("a.txt")
    person.does("download", RUN, "-o", "work")
    assert (person.home / "work/a.txt").read_bytes() == BYTES


@pytest.mark.parametrize(
    "name", ["../evil", "/tmp/evil", "a/../../evil", "..", ".", "", "a//b", ".bashrc", "a\x1b[2J"]
)
def test_a_name_that_leads_elsewhere_is_refused(
    hostile: Hostile, person: Person, name: str
) -> None:
    before = sorted(person.home.rglob("*"))
    hostile.artifact(name)
    for words in (("download", RUN), ("result", RUN)):
        done = person.does(*words, "-o", "work", status=64)
        assert "no name of a file" in done.stderr
        assert "\x1b" not in done.stderr
    assert sorted(person.home.rglob("*")) == before
    assert not any("artifacts" in path for path in hostile.asked)


@pytest.mark.parametrize(
    ("sha256", "size"), [("0" * 64, len(BYTES)), ("", 5), ("", 500)], ids=["hash", "more", "less"]
)
def test_other_bytes_than_the_runs_are_not_kept(
    hostile: Hostile, person: Person, sha256: str, size: int
) -> None:
    (person.home / "work/a.txt").write_text("mine")
    hostile.artifact("a.txt", sha256, size)
    done = person.does("download", RUN, "-o", "work", "--force", status=69)
    assert "SHA-256" in done.stderr
    assert (person.home / "work/a.txt").read_text() == "mine"
    assert [one.name for one in (person.home / "work").iterdir()] == ["a.txt"]


def test_words_of_a_server_have_no_power_over_a_terminal(hostile: Hostile, person: Person) -> None:
    evil = "\x1b]0;owned\x07\x9b2J\u202e"
    hostile.run(
        status="failed",
        error={"code": evil, "message": evil, "traceback": evil, "fault": evil},
        task_id=evil,
        cached_from=evil,
        queued_at=evil,
        progress={"message": evil},
        artifacts=[{"name": evil, "size": 1, "sha256": "x"}],
    )
    items = json.dumps({"items": [{"id": RUN, "status": evil, "name": evil, "tags": [evil]}]})
    problem = json.dumps({"code": "conflict", "detail": evil, "errors": [{"detail": evil}]})
    hostile.answers["/api/runs"] = hostile.answers["/api/tasks"] = (200, items.encode())
    hostile.answers["/api/me"] = (200, json.dumps({"user": evil}).encode())
    hostile.answers[f"/api/tasks/{RUN}"] = (409, problem.encode())
    hostile.answers[f"/api/runs/{RUN}/logs"] = (200, evil.encode())
    commands = [
        ("runs",),
        ("runs", RUN),
        ("runs", RUN, "--json"),
        ("runs", "--json"),
        ("result", RUN, "--timeout", "0"),
        ("task", "list"),
        ("task", "show", RUN),
        ("whoami",),
        ("whoami", "--json"),
        ("logs", RUN),
        ("download", RUN),
    ]
    for words in commands:
        terminal = person.at_terminal(*words, NO_COLOR="1")
        terminal.ends()
        assert terminal.shown.strip(), words
        shown = terminal.shown.replace("\r\x1b[K", "")
        for power in ("\x1b", "\x07", "\x9b", "\u202e"):
            assert power not in shown, (words, shown)


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"id":', b"\xff", b"null"])
def test_an_answer_that_is_none_is_the_servers_fault(
    hostile: Hostile, person: Person, body: bytes
) -> None:
    hostile.answers[f"/api/runs/{RUN}"] = hostile.answers["/api/runs"] = (200, body)
    for words in (("runs",), ("runs", RUN), ("result", RUN, "--timeout", "0"), ("cancel", "last")):
        assert "cannot be read" in person.does(*words, status=69).stderr


def test_ids_of_a_server_are_no_paths(hostile: Hostile, person: Person) -> None:
    items = json.dumps({"items": [{"id": "../../x?", "name": "bolt", "status": "completed"}]})
    hostile.answers["/api/tasks"] = hostile.answers["/api/runs"] = (200, items.encode())
    person.does("task", "show", "bolt", status=66)
    person.does("result", "last", status=69)
    assert all(path.startswith(("/api/tasks?", "/api/runs?")) for path in hostile.asked)


def test_a_server_that_calls_itself_another_gets_no_login(hostile: Hostile, person: Person) -> None:
    told = {"resource": "https://mecapy.example.org", "authorization_servers": []}
    hostile.answers["/.well-known/oauth-protected-resource"] = (200, json.dumps(told).encode())
    done = person.does("login", stdin="token", status=64)
    assert "calls itself" in done.stderr
    assert hostile.asked == ["/.well-known/oauth-protected-resource"]
