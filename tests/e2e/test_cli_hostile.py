"""The command line at a server that means no good: names, bytes and words of its making."""

import json
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import contract
from support.hostile import BYTES, RUN, Hostile, hostile_server
from support.person import Person
from support.server import run_mecapy


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    """The server."""
    with hostile_server() as server:
        yield server


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
        usage={"wall_ms": 1e300, "cpu_ms": 1e300, "peak_memory_mb": 1e300},
        attempt=2**40,
        version=2**62,
        backend=evil,
        estimate={"duration_s": 1e300, "source": evil, "samples": 2**62},
        waiting=evil,
        moved_from=evil,
        checkpoint={"saved_at": evil, "attempt": 2**40, "bytes": 2**62},
        resumed_from=7,
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


def test_no_node_leads_out_of_the_folder(hostile: Hostile, person: Person) -> None:
    hostile.artifact("x.txt")
    status, body = hostile.answers[f"/api/runs/{RUN}"]
    hostile.answers[f"/api/runs/{RUN}"] = (
        status,
        json.dumps(json.loads(body) | {"artifact_count": 1}).encode(),
    )

    def result_of(name: str, status: int) -> str:
        node = {"name": name, "status": "completed", "run_id": RUN}
        run = {"id": RUN, "workflow_id": RUN, "status": "completed", "nodes": [node]}
        for path in ("", "/results"):
            answer = (200, json.dumps(run).encode())
            hostile.answers[f"/api/workflow-runs/{RUN}{path}"] = answer
        words = ("workflow", "result", RUN, "--timeout", "0", "-o", "in/kept")
        return person.does(*words, status=status).stderr

    for name in ("..", "../..", "/tmp", "a/../../b", "", "a\x00b", "."):
        assert "cannot be the name of a folder" in result_of(name, 64)
    assert list((person.home / "in").rglob("*")) == [person.home / "in" / "kept"]
    result_of("fine", 0)
    assert (person.home / "in" / "kept" / "fine" / "x.txt").read_bytes() == BYTES


def test_words_about_workflows_have_no_power_over_a_terminal(
    hostile: Hostile, person: Person
) -> None:
    evil = "\x1b]0;owned\x07\x9b2J\u202e"
    error = {"node": evil, "code": evil, "message": evil, "run_id": evil, "element": -(2**62)}
    node = {
        "name": evil,
        "task_id": "../" + evil,
        "version": 2**62,
        "status": "failed",
        "elements": 2**62,
        "ended": -(2**62),
        "failed": 2**62,
        "reused": 2**62,
        "error": error,
        "started_at": evil,
        "finished_at": evil,
    }
    other = {"name": "other" + evil, "status": evil, "error": error, "reused_from": evil}
    run = {
        "id": RUN,
        "workflow_run_id": RUN,
        "workflow_id": RUN,
        "status": "failed",
        "error": error,
        "nodes": [node, other, evil],
        "result": evil,
        "queued_at": evil,
        "finished_at": evil,
        "attempt": 2**40,
    }
    source = {"node": evil}
    workflow = {
        "id": RUN,
        "name": evil,
        "description": evil,
        "inputs": {evil: {}},
        "nodes": {evil: {"inputs": {evil: source}}, "b": {"for_each": source}},
        "outputs": {evil: source},
        "updated_at": evil,
    }
    problem = json.dumps({"code": "conflict", "detail": evil, "errors": [{"detail": evil}]})
    for path, answer in (
        ("/api/workflows", {"items": [workflow]}),
        (f"/api/workflows/{RUN}", workflow),
        ("/api/workflow-runs", {"items": [run]}),
        (f"/api/workflow-runs/{RUN}", run),
        (f"/api/workflow-runs/{RUN}/results", run),
        (f"/api/workflow-runs/{RUN}/cancel", run),
        (f"/api/workflows/{RUN}/execute", run),
        ("/api/workflows/check", {"nodes": evil, "order": [evil], "estimate": {"eur": 1e300}}),
        ("/api/tasks", {"items": [{"id": evil, "name": evil}]}),
    ):
        hostile.answers[path] = (200, json.dumps(answer).encode())
    hostile.answers[f"/api/workflow-runs/{RUN}/resume"] = (409, problem.encode())
    told = b"".join(
        b"event: %s\ndata: %s\n\n" % (kind, json.dumps(data).encode())
        for kind, data in ((b"node", node), (b"node", {}), (b"status", {"status": "failed"}))
    )
    hostile.streams = [told] * 2
    (person.home / "w.json").write_text(json.dumps({"nodes": {evil: {"task": RUN}}}))
    (person.home / "bad.json").write_text(json.dumps({"nodes": {evil: {"task": evil}}}))
    commands = [
        ("list",),
        ("runs",),
        ("show", RUN),
        ("show", "last"),
        ("show", "last", "--mermaid"),
        ("show", "last", "--svg"),
        ("show", "w.json"),
        ("show", RUN, "--json"),
        ("run", RUN),
        ("result", RUN),
        ("cancel", RUN),
        ("resume", RUN),
        ("resume", RUN, "--version", f"{evil}=latest"),
        ("check", "w.json"),
        ("check", "bad.json"),
    ]
    for words in commands:
        terminal = person.at_terminal("workflow", *words, NO_COLOR="1")
        terminal.ends()
        assert terminal.shown.strip(), words
        shown = terminal.shown.replace("\r\x1b[K", "")
        for power in ("\x1b", "\x07", "\x9b", "\u202e"):
            assert power not in shown, (words, shown)
    assert not any("owned" in path for path in hostile.asked)
    assert not hostile.streams


def test_why_a_run_waits_is_one_harmless_line_of_the_terminals_width(
    hostile: Hostile, person: Person
) -> None:
    hostile.run(status="queued", waiting="\x1b]0;owned\x07\n\u202e" + "no machine " * 30)
    hostile.streams = [b'id: 0.1.0\nevent: status\ndata: {"status":"queued"}\n\n']
    hostile.streams += [b": still here\n\n"] * 10_000
    terminal = person.at_terminal("logs", "-f", RUN, NO_COLOR="1")
    terminal.expect("queued  \\x1b]0;owned\\x07")
    line = terminal.expect("\u2026  0:0")
    terminal.types("\x03")
    assert terminal.ends() == 130
    assert len("queued  \\x1b]0;owned\\x07" + line + "\u2026  0:00") == 79
    assert "no machine no machine" in line
    for power in ("\x1b", "\x07", "\n", "\u202e"):
        assert power not in line


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"id":', b"\xff", b"null"])
def test_an_answer_that_is_none_is_the_servers_fault(
    hostile: Hostile, person: Person, body: bytes
) -> None:
    for path in ("runs", "workflow-runs", "workflows"):
        hostile.answers[f"/api/{path}/{RUN}"] = hostile.answers[f"/api/{path}"] = (200, body)
    for words in (
        ("runs",),
        ("runs", RUN),
        ("result", RUN, "--timeout", "0"),
        ("cancel", "last"),
        ("workflow", "list"),
        ("workflow", "runs"),
        ("workflow", "show", RUN),
        ("workflow", "result", RUN),
        ("workflow", "run", "w"),
    ):
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


def test_lines_that_are_no_events_keep_no_one_waiting(hostile: Hostile, person: Person) -> None:
    """A page with the type of events is given up like a stream that tells nothing."""
    hostile.answers[f"/api/runs/{RUN}/events"] = (200, b"<html>hello</html>\n")
    assert "break off again and again" in person.does("logs", "-f", RUN, status=69).stderr
    assert len(hostile.asked) == 9


def test_an_event_that_is_too_large_ends_the_wait(hostile: Hostile, person: Person) -> None:
    line = b"data: " + b"x" * 1_000_000 + b"\n"
    hostile.streams = [b"event: log\n" + 5 * line + b"\n"]
    assert "too large" in person.does("logs", "-f", RUN, status=65).stderr


def test_a_signal_while_the_run_is_being_cancelled_leaves_at_once(
    hostile: Hostile, person: Person
) -> None:
    (person.home / "calc.py").write_text("def calculate(inputs): return 1\n")
    asked, answered = threading.Event(), threading.Event()

    def hold_back() -> None:
        if hostile.posts[-1][0].endswith("/cancel"):
            asked.set()
            answered.wait(60)

    hostile.meanwhile = hold_back
    hostile.streams = [b'event: log\ndata: {"text":"begun\\n"}\n\n', *[b": still here\n\n"] * 500]
    hostile.answers["/api/tasks/execute"] = (202, json.dumps({"run_id": RUN}).encode())
    process = person.begins("run", "calc.py", "--remote")
    try:
        assert process.stderr is not None
        assert any("begun" in line for line in iter(process.stderr.readline, ""))
        process.send_signal(signal.SIGINT)
        assert asked.wait(10)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
    finally:
        answered.set()
        process.kill()
    assert process.returncode == 130
    assert f"left run {RUN}" in said


# ---- ids


@pytest.mark.parametrize("name", ["\x1b]0;owned\x07\x9b2J\u202e", "../x", "", 7])
def test_an_id_that_is_none_is_the_servers_fault(
    hostile: Hostile, person: Person, name: object
) -> None:
    (person.home / "calc.py").write_text("def calculate(inputs): return 1\n")
    hostile.run(id=name, artifacts=[{"name": "a", "size": 1, "sha256": "x"}])
    task = json.dumps({"id": name, "name": "bolt", "version": 1}).encode()
    hostile.answers["/api/tasks"] = hostile.answers[f"/api/tasks/{RUN}"] = (200, task)
    for words in (
        ("task", "create", "calc.py"),
        ("task", "update", RUN, "--name", "x"),
        ("task", "show", RUN),
        ("result", RUN, "--timeout", "0"),
        ("runs", RUN),
        ("download", RUN),
    ):
        terminal = person.at_terminal(*words, NO_COLOR="1")
        assert terminal.ends() == 69, words
        assert "cannot be read" in terminal.shown
        shown = terminal.shown.replace("\r\x1b[K", "")
        for power in ("\x1b", "\x07", "\x9b", "\u202e"):
            assert power not in shown, (words, shown)


def test_the_event_ids_of_a_server_say_nothing_in_a_header(
    hostile: Hostile, person: Person
) -> None:
    hostile.streams = [
        b'id: 1.2.0\nevent: log\ndata: {"text":"a"}\n\n',
        b'id: 1\rX-Evil: 1\nevent: log\ndata: {"text":"b"}\n\n',
        b'event: status\ndata: {"status":"completed"}\n\n',
    ]
    assert person.does("logs", "-f", RUN).stdout == "ab"
    assert hostile.went_on == ["1.2.0", "1.2.0"]


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
