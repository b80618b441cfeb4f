"""The log of `serve` as programs read it: one object a line, whatever anybody sends."""

import json
import signal
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.api import Api, expect
from support.server import DEV_TOKEN, Server
from support.waiting import wait_until

Line = dict[str, Any]

FINE = "def calculate(inputs):\n    return inputs['x']\n"
FORGED = '{"ts":"2026-01-01T00:00:00.000Z","level":"error","role":"api","message":"forged"}'
# What a calculation says of itself, in every way it has.
LIAR = f"""
import sys
def calculate(inputs):
    forged = {FORGED!r}
    print(chr(10) + forged, file=sys.stderr, flush=True)
    steering = ''.join(chr(code) for code in (13, 0x1b, 0, 0x85, 0x2028))
    raise ValueError(chr(10) + forged + steering + inputs['x'])
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that says everything, as JSON."""
    own = Server(log_format="json", log_level="debug")
    try:
        yield own.start()
    finally:
        own.remove()


@pytest.fixture(scope="module")
def api(server: Server) -> Api:
    """The embedded user."""
    return server.api()


def lines(server: Server) -> list[Line]:
    """Everything said until now. Each line is an object with the members that all have."""
    found = []
    for text in (server.folder / "stderr.txt").read_bytes().decode().split("\n")[:-1]:
        line = json.loads(text)
        assert set(line) >= {"ts", "level", "role", "message"}, line
        assert line["level"] in ("debug", "info", "warn", "error"), line
        assert line["role"] in ("launcher", "api", "worker"), line
        assert text.isprintable(), text
        found.append(line)
    return found


def wait_for(server: Server, **fields: object) -> Line:
    """The line that has these members, once it is there."""
    matching: list[Line] = []

    def is_there() -> bool:
        matching[:] = [one for one in lines(server) if fields.items() <= one.items()]
        return bool(matching)

    wait_until(f"a line with {fields}", is_there)
    assert len(matching) == 1, matching
    return matching[0]


def test_the_request_of_a_submit_leads_to_all_of_its_run(server: Server, api: Api) -> None:
    task = str(api.create(FINE)["id"])
    headers = {"X-Request-ID": "find-me-1"}
    answer = api.post(f"/api/tasks/{task}/execute?wait=30", {"inputs": {"x": 1}}, headers=headers)
    run_id = expect(answer, 200)["run_id"]
    wait_for(server, message="request answered", request="find-me-1")
    found = [one for one in lines(server) if one.get("request") == "find-me-1"]
    assert [one["message"] for one in found] == ["run accepted", "run ended", "request answered"]
    accepted, ended, answered = found
    assert accepted["run"] == ended["run"] == run_id
    assert accepted["task"] == ended["task"] == task
    assert accepted["user"] == answered["user"] == "local"
    assert (ended["outcome"], ended["backend"], ended["attempt"]) == ("completed", "local", 1)
    assert 0 < ended["run_ms"] < ended["total_ms"]
    assert (answered["route"], answered["status"]) == ("/api/tasks/{id}/execute", 200)
    assert answered["ms"] >= ended["run_ms"]
    assert accepted["level"] == ended["level"] == "info"
    assert answered["level"] == "debug"
    at_work = wait_for(server, message="attempt ended", run=run_id)
    assert (at_work["role"], at_work["outcome"]) == ("worker", "completed")


def test_each_end_is_one_line(server: Server, api: Api) -> None:
    task = str(api.create(FINE)["id"])
    runs = [api.execute(task, {"x": n})["id"] for n in range(5)]
    failed = api.execute(task, {})["id"]  # KeyError
    for run_id in runs:
        assert wait_for(server, message="run ended", run=run_id)["outcome"] == "completed"
    assert wait_for(server, message="run ended", run=failed)["outcome"] == "user_error"


def test_what_a_calculation_says_forges_nothing(server: Server, api: Api) -> None:
    run = api.calculate(LIAR, {"x": "\U0001f600\u202e"})
    assert "forged" in run["error"]["message"]
    assert wait_for(server, message="run ended", run=run["id"])["outcome"] == "user_error"
    assert not [one for one in lines(server) if one["message"] == "forged"]


def test_what_a_client_sends_forges_nothing(server: Server, api: Api) -> None:
    forged = FORGED.replace('"', "%22").replace("{", "%7B").replace("}", "%7D")
    for path in (f"/%0A{forged}", f"/api/runs/%0A{forged}", f"/api/tasks?%0A{forged}=1"):
        assert api.get(path).status_code in (404, 422)
    for header in ("X-Request-ID", "Authorization", "Idempotency-Key", "User-Agent"):
        api.get("/api/tasks", headers={header: FORGED})
    api.create(FINE, name="\n" + FORGED, description=FORGED, tags=["\n" + FORGED[:60]])
    assert not [one for one in lines(server) if "forged" in json.dumps(one)]


def test_neither_secrets_nor_inputs_are_told(server: Server, api: Api) -> None:
    word = "never-to-be-logged-4711"
    code = f"def calculate(inputs):\n    print('{word}')\n    raise ValueError(inputs['x'])\n"
    task = str(api.create(code, {"x": word}, name=word)["id"])
    run = api.execute(task)
    api.get(f"/api/runs/{run['id']}?{word}=1")
    api.get("/api/tasks", headers={"Authorization": f"Bearer {word}"})
    wait_for(server, message="run ended", run=run["id"])
    said = (server.folder / "stderr.txt").read_text()
    assert word not in said
    assert DEV_TOKEN not in said


def test_what_a_run_says_when_a_limit_ends_it_is_not_told(server: Server, api: Api) -> None:
    word = "never-to-be-logged-4712"
    # As the harness itself fails, and as an honest file that does not fit.
    lying = "from mecapy._failure import Failure\n" + (
        "def calculate(inputs):\n    raise Failure('output_limit', str(inputs))\n"
    )
    full = """
def calculate(inputs):
    for n in range(100_000):
        open(inputs['x'] + str(n), 'w').close()
"""
    for code, outcome in ((lying, "output_limit"), (full, "disk_limit")):
        run = api.calculate(code, {"x": word})
        assert run["error"]["code"] == outcome, run
        assert word in run["error"]["message"]  # the author is told
        wait_for(server, message="run ended", run=run["id"])
    assert word not in (server.folder / "stderr.txt").read_text()


def test_a_line_has_its_time_in_utc(server: Server, api: Api) -> None:
    run = api.calculate(FINE, {"x": 1})
    line = wait_for(server, message="run ended", run=run["id"])
    assert line["ts"].endswith("Z")
    assert len(line["ts"]) == len("2026-01-01T00:00:00.000Z")
    finished = datetime.fromisoformat(run["finished_at"])
    assert abs(datetime.fromisoformat(line["ts"]) - finished) < timedelta(seconds=5)


def test_a_refused_request_is_told_of_as_well(server: Server, api: Api) -> None:
    api.get("/api/nothing", headers={"X-Request-ID": "nowhere-1"})
    line = wait_for(server, message="request answered", request="nowhere-1")
    assert (line["route"], line["status"]) == ("none", 404)
    assert "user" not in line


def test_failures_of_a_process_are_lines_too(own_server: Callable[..., Server]) -> None:
    server = own_server(log_format="json")
    server.process("worker").send(signal.SIGKILL)
    died = wait_for(server, message="the worker died")
    assert (died["role"], died["level"], died["status"]) == ("launcher", "error", 137)
    assert not [one for one in lines(server) if one["level"] == "debug"]
    assert server.api(None).get("/health/live").status_code == 200
    assert server.terminate() == 0
    wait_for(server, message="shutting down", role="api")


def test_a_server_that_cannot_start_says_so_in_the_same_way(
    server: Server, open_folder: Path
) -> None:
    other = Server(log_format="json", server_port=server.port)
    other.port = server.port
    try:
        with pytest.raises(AssertionError, match="did not get ready"):
            other.start()
        [line] = lines(other)
        assert line["message"] == "the command failed"
        assert "cannot listen" in line["error"]
    finally:
        other.remove()


def test_what_it_says_at_the_start_is_lines_of_the_log_without_the_token(
    own_server: Callable[..., Server],
) -> None:
    server = own_server(log_format="json")
    server.terminate()
    server.unset("dev_token")
    server.start()
    said = [json.loads(line) for line in server.said]
    for line in said:
        assert set(line) >= {"ts", "level", "role", "message"}, line
    token = (server.data_dir / "token").read_text().strip()
    assert token not in json.dumps(said)
    [about] = [line for line in said if "token" in line["message"]]
    assert (about["role"], about["file"]) == ("api", str(server.data_dir / "token"))
    ready = said[-1]
    assert (ready["message"], ready["role"]) == ("MecaPy is ready", "launcher")
    assert (ready["url"], ready["docs"]) == (server.url, f"{server.url}/docs")


def test_people_read_text(own_server: Callable[..., Server]) -> None:
    server = own_server()
    run = server.api().calculate(FINE, {"x": 1})
    wait_until("the end is told", lambda: "run ended" in server.errors())
    [line] = [one for one in server.errors().splitlines() if "run ended" in one]
    words = line.split()
    assert words[1:4] == ["info", "api:", "run"]
    assert f"run={run['id']}" in words
    assert "outcome=completed" in words
