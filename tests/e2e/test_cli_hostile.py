"""The command line at a server that means no good: names, bytes and words of its making."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support import contract
from support.person import Person
from support.server import run_mecapy

RUN = "01a2184d-5c10-7001-bd4d-bcb3065cf335"
BYTES = b"what the server sends"


class Hostile(ThreadingHTTPServer):
    """Answers what a test wants it to; anything else is 404."""

    def __init__(self) -> None:
        """Listen on loopback."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        self.tokens: list[str] = []  # that were sent with each GET
        self.grants: list[tuple[int, bytes]] = []  # answers to each POST
        self.posts: list[tuple[str, float]] = []
        self.meanwhile: Callable[[], object] = lambda: None  # done before each POST is answered
        self.streams: list[bytes] = []  # of events, each of which then ends

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

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
        if proof := self.headers["Authorization"]:
            self.server.tokens.append(proof.removeprefix("Bearer "))
        if self.path.endswith("/events") and self.server.streams:
            self._send(200, self.server.streams.pop(0))
        else:
            self._send(*self.server.answers.get(self.path.partition("?")[0], (404, b"{}")))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, time.monotonic()))
        self.server.meanwhile()
        self._send(*self.server.grants.pop(0))

    def _send(self, status: int, body: bytes) -> None:
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
    return Person(tmp_path, hostile.url, "token")


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


def test_a_quiet_run_is_followed_however_often_its_connection_is_cut(
    hostile: Hostile, person: Person
) -> None:
    hostile.streams = [b": still here\n\n"] * 12
    hostile.streams.append(b'id: 1.3.0\nevent: status\ndata: {"status":"completed"}\n\n')
    person.does("logs", "-f", RUN)
    assert hostile.streams == []


def test_a_stream_that_tells_nothing_is_given_up(hostile: Hostile, person: Person) -> None:
    hostile.answers[f"/api/runs/{RUN}/events"] = (200, b"")
    done = person.does("logs", "-f", RUN, status=69)
    assert "break off again and again" in done.stderr


# ---- whose fault: every code there is


def statuses() -> list[tuple[str, int]]:
    """Each code of the table of exit statuses."""
    table = run_mecapy("help", "exit-codes").stdout
    found = re.findall(r"^(\d+) +([a-z_]+) ", table, re.MULTILINE)
    return [(code, int(status)) for status, code in found]


def test_every_end_of_a_run_has_its_exit_status(hostile: Hostile, person: Person) -> None:
    ends = [(code, status) for code, status in statuses() if status < 40]
    assert {code for code, _ in ends} == contract.outcomes()
    for code, status in ends:
        hostile.run(status="failed", error={"code": code, "message": "why"})
        done = person.does("result", RUN, status=status)
        assert f"mecapy: {code}: why" in done.stderr
    hostile.run(status="failed", error={"code": "of a later version", "message": "why"})
    assert "of a later version: why" in person.does("result", RUN, status=33).stderr
    hostile.run(status="cancelled")
    person.does("result", RUN, status=130)


def test_every_error_of_the_api_has_its_exit_status(hostile: Hostile, person: Person) -> None:
    errors = [(code, status) for code, status in statuses() if status >= 64]
    assert len(errors) > 18
    for code, status in errors:
        if code in ("usage", "sandbox"):  # of programs here, never a server's
            continue
        problem = json.dumps({"code": code, "detail": "why"}).encode()
        hostile.answers[f"/api/runs/{RUN}"] = (400, problem)
        assert "mecapy: why" in person.does("runs", RUN, status=status).stderr


# ---- a provider that has its ways


def provider(hostile: Hostile) -> None:
    """Have it log people in, too; its code is good for 30 seconds, and to be asked for each."""
    told = {
        "resource": hostile.url,
        "authorization_servers": [hostile.url],
        "mecapy_client_id": "sdk",
    }
    found = {
        "issuer": hostile.url,
        "device_authorization_endpoint": f"{hostile.url}/device",
        "token_endpoint": f"{hostile.url}/token",
    }
    code = {"device_code": "d", "user_code": "ABCD", "verification_uri": "https://i.example/\x1b"}
    for path, answer in (("oauth-protected-resource", told), ("openid-configuration", found)):
        hostile.answers[f"/.well-known/{path}"] = (200, json.dumps(answer).encode())
    hostile.grants.append((200, json.dumps(code | {"interval": 1, "expires_in": 30}).encode()))
    hostile.answers["/api/me"] = (200, b'{"user":"ada"}')


def grant(**members: object) -> bytes:
    """An answer of the token endpoint."""
    return json.dumps(members).encode()


def test_the_device_flow_goes_as_slowly_as_it_is_told(hostile: Hostile, person: Person) -> None:
    provider(hostile)
    hostile.grants += [
        (400, grant(error="authorization_pending")),
        (400, grant(error="slow_down")),
        (200, grant(access_token="a", expires_in=300, refresh_token="r")),
    ]
    done = person.does("login", hostile.url)
    assert "There type the code ABCD" in done.stderr
    assert "https://i.example/\\x1b" in done.stderr
    assert "Logged in as ada" in done.stderr
    device, first, second, third = (when for _, when in hostile.posts)
    assert first - device >= 0.9
    assert 0.9 <= second - first < 5
    assert third - second >= 5.9  # RFC 8628, section 3.5: five more from now on
    assert json.loads(person.login_file.read_text())["refresh_token"] == "r"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        ("access_denied", 77, "refused in the browser"),
        ("expired_token", 75, "nobody agreed"),
        ("invalid_client", 77, "invalid_client"),
    ],
)
def test_a_login_that_comes_to_nothing_says_why(
    hostile: Hostile, person: Person, error: str, status: int, said: str
) -> None:
    provider(hostile)
    hostile.grants.append((400, grant(error=error)))
    assert said in person.does("login", hostile.url, status=status).stderr
    assert not person.login_file.exists()


@pytest.mark.parametrize("place", ["device_authorization_endpoint", "token_endpoint"])
def test_no_secret_goes_to_a_provider_without_tls(
    hostile: Hostile, person: Person, place: str
) -> None:
    provider(hostile)
    path = "/.well-known/openid-configuration"
    found = json.loads(hostile.answers[path][1]) | {place: "http://10.0.0.1/x"}
    hostile.answers[path] = (200, json.dumps(found).encode())
    done = person.does("login", hostile.url, status=69)
    assert "no login for programs" in done.stderr
    assert hostile.posts == []


# ---- the saved login


@pytest.mark.parametrize("done", ["login elsewhere", "login here", "logout"])
def test_a_renewal_leaves_what_was_done_with_the_login_meanwhile(
    hostile: Hostile, person: Person, done: str
) -> None:
    def saves(login: dict[str, object] | None) -> None:
        person.login_file.unlink(missing_ok=True)
        if login is not None:
            person.login_file.parent.mkdir(parents=True, exist_ok=True)
            person.login_file.touch(mode=0o600)
            person.login_file.write_text(json.dumps(login))

    old = {
        "url": hostile.url,
        "token": "old",
        "expires_at": 1,
        "refresh_token": "r1",
        "token_endpoint": f"{hostile.url}/token",
        "client_id": "sdk",
    }
    after = {
        "login elsewhere": {"url": "https://b.example", "token": "of-another-server"},
        "login here": {"url": hostile.url, "token": "of-somebody-else-here"},
        "logout": None,
    }[done]
    del person.settings["MECAPY_TOKEN"], person.settings["MECAPY_URL"]
    saves(old)
    hostile.meanwhile = lambda: saves(after)
    hostile.grants = [(200, grant(access_token="new", expires_in=300, refresh_token="r2"))]
    hostile.answers["/api/me"] = (200, b'{"user":"ada"}')
    person.does("whoami")
    there = json.loads(person.login_file.read_text()) if person.login_file.exists() else None
    assert there == after
    assert hostile.tokens == ["new"]
