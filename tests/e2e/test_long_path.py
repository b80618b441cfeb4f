"""Runs that are long or large get a machine of their own, here by the placer of this machine."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api import Json, expect
from support.long_runs import ended, read, running, worker_of, workers_at_home
from support.metrics import free_port, scrape
from support.person import Person
from support.server import DEV_TOKEN, Server, run_mecapy
from support.waiting import wait_until

STRESS = """
import pathlib, time

def calculate(inputs):
    print("begins")
    time.sleep(inputs.get("seconds", 0))
    pathlib.Path("note.txt").write_text("kept")
    return {"stress": inputs["force"] / 10}
"""
LARGE = """
def calculate(inputs):
    open("large.bin", "wb").write(bytes(range(256)) * 4 * 2048)
    print("x" * 100_000)
    return {"back": inputs["text"] + "!", "long": "y" * 100_000}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One machine at most, which runs here; a short backend of five seconds."""
    one = Server(
        machines_placers="local",
        machines_capacity=1,
        limits_max_timeout_s=5,
        limits_max_cpu_s=40,
        router_default_duration_s=1,
    )
    try:
        yield one.start()
    finally:
        one.remove()


def begin(server: Server, inputs: Json, seconds: float | None = 3600, code: str = STRESS) -> str:
    body: Json = {"code": code, "inputs": inputs, "limits": {"timeout_s": 120}}
    if seconds is not None:
        body["estimated_duration_s"] = seconds
    return str(expect(server.api().post("/api/tasks/execute", body), 202)["run_id"])


def rows_of(person: Person, run_id: str) -> dict[str, str]:
    """What the command line shows of a run."""
    lines = person.does("runs", run_id).stdout.splitlines()
    return {name: rest for name, rest in (re.split(r" {2,}", line, maxsplit=1) for line in lines)}


def nothing_left(server: Server) -> None:
    folder = server.data_dir / "machines"
    wait_until("no machine is left", lambda: not any(folder.iterdir()), 30)
    assert not [file for file in workers_at_home() if file.startswith(str(server.data_dir))]


def test_a_long_run_has_a_machine_of_its_own(server: Server) -> None:
    run = ended(server, begin(server, {"force": 1000}))
    assert run["status"] == "completed", run
    assert run["result"] == {"stress": 100.0}
    assert (run["backend"], run["attempt"]) == ("dedicated_instance", 1)
    assert run["estimate"] == {"duration_s": 120, "source": "caller"}
    [note] = run["artifacts"]
    assert server.api().get(note["url"]).text == "kept"
    assert server.api().get(f"/api/runs/{run['id']}/logs").text == "begins\n"
    nothing_left(server)


def test_who_says_at_the_command_line_how_long_a_run_takes_is_believed(
    server: Server, tmp_path: Path
) -> None:
    person = Person(tmp_path, server.url, DEV_TOKEN)
    file = person.file(STRESS)
    person.does("task", "create", file, "--name", "stress-cli", "-i", "force=10")
    for _ in range(2):  # enough of a history
        person.does("task", "run", "stress-cli")
    said = ("--seconds", "3600", "--json")
    runs = [
        person.gets("task", "run", "stress-cli", *said),
        person.gets("run", file, "-i", "force=10", "--remote", *said),
    ]
    for run in runs:
        assert run["backend"] == "dedicated_instance", run
        assert run["estimate"]["source"] == "caller", run
    assert rows_of(person, runs[0]["id"])["expected"].endswith("as you say")
    nothing_left(server)


def test_graphics_processors_are_refused_where_there_are_none(server: Server) -> None:
    body = {"code": STRESS, "limits": {"gpus": 1}, "estimated_duration_s": 1}
    [problem] = expect(server.api().post("/api/tasks/execute", body), 422)["errors"]
    assert problem["pointer"] == "/limits/gpus"
    assert problem["detail"] == "1 GPU is over the ceiling of 0 GPU"


def test_graphics_processors_without_their_driver_stop_the_start() -> None:
    one = Server(machines_placers="local", machines_local_gpus=1)
    try:
        with pytest.raises(
            AssertionError, match="machines.local_gpus: /dev/nvidiactl is no device"
        ):
            one.start()
    finally:
        one.remove()


def test_a_short_run_does_not(server: Server) -> None:
    run = ended(server, begin(server, {"force": 10}, seconds=1))
    assert run["result"] == {"stress": 1.0}
    assert run["backend"] == "local"


def test_what_the_cache_answers_asks_for_no_history(server: Server) -> None:
    task = {"name": "stress", "code": STRESS, "inputs": {"force": 10}, "cache": {"ttl": 600}}
    task_id = expect(server.api().post("/api/tasks", task), 201)["id"]

    def execute(**headers: str) -> Json:
        path = f"/api/tasks/{task_id}/execute"
        begun = server.api().http.post(path, json={}, headers=headers)
        return ended(server, expect(begun, 202)["run_id"])

    assert execute()["estimate"]["source"] == "default"
    again = execute(**{"Cache-Control": "no-cache"})
    assert ("cached_from" in again, again["estimate"]["source"]) == (False, "history")
    cached = execute()
    assert ("cached_from" in cached, cached["estimate"]["source"]) == (True, "default")


def test_what_is_large_goes_there_and_comes_back(server: Server) -> None:
    text = "é" * 40_000
    run = ended(server, begin(server, {"text": text}, code=LARGE))
    assert run["status"] == "completed", run
    assert run["result"] == {"back": text + "!", "long": "y" * 100_000}
    [large] = run["artifacts"]
    assert server.api().get(large["url"]).content == bytes(range(256)) * 4 * 2048
    assert len(server.api().get(f"/api/runs/{run['id']}/logs").text) == 100_001


def test_a_run_that_outlives_its_backend_is_moved_once_and_says_so(
    server: Server, tmp_path: Path
) -> None:
    run = ended(server, begin(server, {"force": 10, "seconds": 6}, seconds=None))
    assert run["status"] == "completed", run
    assert (run["moved_from"], run["backend"]) == ("local", "dedicated_instance")
    assert run["attempt"] == 2
    assert run["estimate"]["source"] == "default"
    shown = rows_of(Person(tmp_path, server.url, DEV_TOKEN), run["id"])
    assert shown["moved from"] == "local"
    assert shown["expected"] == "1.0 s, as nobody knows better"
    assert {"cpu", "memory"} <= shown.keys()


def test_its_own_limit_still_ends_it_there(server: Server) -> None:
    body = {"code": STRESS, "inputs": {"force": 1, "seconds": 60}, "limits": {"timeout_s": 7}}
    begun = expect(server.api().post("/api/tasks/execute", body), 202)
    run = ended(server, begun["run_id"])
    assert (run["status"], run["error"]["code"]) == ("failed", "timeout")
    assert run["moved_from"] == "local"


def test_full_means_queued_visibly_and_a_cancel_takes_the_machine_away(
    server: Server, tmp_path: Path
) -> None:
    person = Person(tmp_path, server.url, DEV_TOKEN)
    first = begin(server, {"force": 1, "seconds": 60})
    running(server, first)
    second = begin(server, {"force": 1, "seconds": 60})
    full = "1 of 1 machines are in use"
    wait_until("the second waits", lambda: read(server, second).get("waiting") == full)
    shown = rows_of(person, second)
    assert shown["waiting"] == full
    assert shown["backend"] == "dedicated_instance"
    assert shown["expected"] == "2 min 0 s, as you say"
    terminal = person.at_terminal("logs", "-f", second)
    terminal.expect(f"queued  {full}  0:")
    terminal.types("\x03")
    assert terminal.ends() == 130
    for run_id in (second, first):
        expect(server.api().post(f"/api/runs/{run_id}/cancel"), 200)
    assert ended(server, second, 5)["status"] == "cancelled"
    shown = rows_of(person, second)
    assert shown["status"] == "cancelled"
    assert not {"waiting", "cpu", "memory"} & shown.keys()  # nothing was measured
    # The worker hears of it when it next calls.
    assert ended(server, first)["status"] == "cancelled"
    nothing_left(server)


def test_log_and_progress_are_seen_as_it_runs(server: Server) -> None:
    code = (
        "from mecapy import progress\nimport time\n"
        "def calculate(inputs):\n    print('first', flush=True)\n    progress(0.5, 'half')\n"
        "    time.sleep(60)\n"
    )
    run_id = begin(server, {}, code=code)
    running(server, run_id)
    log = f"/api/runs/{run_id}/logs"
    wait_until("its log is here", lambda: server.api().get(log).text == "first\n")
    told = server.api().read(f"/api/runs/{run_id}")
    assert told["progress"] == {"fraction": 0.5, "message": "half"}
    expect(server.api().post(f"/api/runs/{run_id}/cancel"), 200)
    ended(server, run_id)


def test_a_worker_that_dies_is_replaced(server: Server) -> None:
    run_id = begin(server, {"force": 20, "seconds": 3})
    running(server, run_id)
    os.kill(worker_of(server), signal.SIGKILL)
    run = ended(server, run_id)
    assert (run["status"], run["attempt"]) == ("completed", 2)
    nothing_left(server)


def test_a_worker_that_is_told_to_stop_costs_its_run_an_attempt_and_no_more(
    server: Server,
) -> None:
    run_id = begin(server, {"force": 30, "seconds": 4})
    running(server, run_id)
    os.kill(worker_of(server), signal.SIGTERM)
    wait_until("it waits again", lambda: read(server, run_id)["status"] == "queued", 20)
    waits = server.api().read(f"/api/runs/{run_id}")
    assert waits["error"]["message"] == "its machine was ended", waits
    run = ended(server, run_id)
    assert (run["status"], run["attempt"]) == ("completed", 2), run
    assert run["result"] == {"stress": 3.0}
    nothing_left(server)


def test_a_killed_server_finds_its_runs_again() -> None:
    server = Server(machines_placers="local", limits_max_timeout_s=5)
    try:
        server.start()
        run_id = begin(server, {"force": 20, "seconds": 2})
        running(server, run_id)
        server.kill()
        server.start()
        run = ended(server, run_id)
        assert (run["status"], run["result"]) == ("completed", {"stress": 2.0})
        nothing_left(server)
    finally:
        server.remove()


def test_metrics_and_doctor_tell_of_machines_and_of_what_could_not_be_removed() -> None:
    port = free_port()
    settings = {"machines_placers": "local", "limits_max_timeout_s": "5"}
    server = Server(machines_reap_grace_s=0, machines_reap_s=1, metrics_port=port, **settings)

    def doctor() -> "subprocess.CompletedProcess[str]":
        own = {f"MECAPY_{name.upper()}": value for name, value in settings.items()}
        return run_mecapy("doctor", "--data-dir", str(server.data_dir), settings=own)

    kind = {"placer": "local", "type": "process"}
    ward = {"placer": f"local at {socket.gethostname()}"}
    try:
        server.start()
        run_id = begin(server, {"force": 20, "seconds": 60})
        running(server, run_id)
        at_work = {"state": "working", **kind}
        wait_until("it is told", lambda: scrape(port).value("mecapy_machines", **at_work) == 1, 15)
        told = scrape(port)
        assert told.value("mecapy_machines_oldest_seconds", **kind) > 0
        assert told.value("mecapy_machines_unpriced", **kind) == 0
        assert told.value("mecapy_machine_placings_total", placer="local", answer="placed") == 1
        compared = told.value("mecapy_machines_compared_timestamp_seconds", **ward)
        assert abs(compared - time.time()) < 60
        said = doctor().stdout
        assert "machines: 1, EUR so far: 0\n" in said, said
        assert re.search(rf"local process +working +\d+ s ago +0 +{run_id}", said), said
        # What cannot be removed: a folder of somebody else's.
        left = server.data_dir / "machines" / "0190a0a0-0000-7000-8000-000000000000"
        left.mkdir()
        (left / "token").write_text("0" * 64)
        leftovers = "mecapy_machine_leftovers"
        wait_until("it is told", lambda: scrape(port).value(leftovers, **ward) == 1, 15)
        done = doctor()
        assert f"folder {left.name} belongs to no run, could not be removed" in done.stdout, done
        assert "not now: its folder: Permission denied" in done.stdout, done
        assert done.returncode == 69, done
        os.chown(left, *(lambda owner: (owner.st_uid, owner.st_gid))(left.parent.stat()))
        wait_until("it is gone", lambda: scrape(port).value(leftovers, **ward) == 0, 15)
        assert not left.exists()
        assert scrape(port).value("mecapy_machine_removals_total", **ward) == 1
        expect(server.api().post(f"/api/runs/{run_id}/cancel"), 200)
        ended(server, run_id)
        wait_until("none is told", lambda: scrape(port).sum("mecapy_machines") == 0, 15)
        done = doctor()
        assert "machines: none is there" in done.stdout, done
        assert f"{ward['placer']}: compared with the machines" in done.stdout, done
        assert done.returncode == 0, done
    finally:
        server.remove()


def test_what_a_dead_server_left_behind_is_removed_at_the_next_start() -> None:
    server = Server(machines_placers="local", machines_reap_grace_s=0, limits_max_timeout_s=5)
    try:
        server.start()
        run_id = begin(server, {"force": 20, "seconds": 60})
        running(server, run_id)
        left = server.data_dir / "machines" / "0190a0a0-0000-7000-8000-000000000000"
        left.mkdir()
        owner = (server.data_dir / "machines").stat()
        os.chown(left, owner.st_uid, owner.st_gid)
        (left / "token").write_text("0" * 64)
        [machine] = [f.name for f in (server.data_dir / "machines").iterdir() if f != left]
        server.kill()
        server.start()
        wait_until("it is gone", lambda: not left.exists(), 20)
        expect(server.api().post(f"/api/runs/{run_id}/cancel"), 200)
        ended(server, run_id)
        nothing_left(server)
        removed = [line for line in server.errors().splitlines() if "no run owns" in line]
        assert [left.name in line for line in removed] == [True], (machine, removed)
    finally:
        server.remove()


def test_home_has_nothing_for_strangers(server: Server) -> None:
    for token in ("wrong", DEV_TOKEN, "0" * 64):
        headers = {"Authorization": f"Bearer {token}"}
        for method, path in [
            ("POST", "/home/job?taker=1"),
            ("POST", "/home/lines?from=0"),
            ("GET", "/home/objects/inputs/x.json"),
            ("PUT", "/home/objects/results/x.json?offset=0"),
        ]:
            answer = server.api().http.request(method, path, headers=headers)
            assert answer.status_code == 401, (path, answer.text)
    assert server.api().post("/home/other").status_code == 404
    assert server.api().get("/home/job").status_code == 405


def test_without_placers_there_is_no_home(tmp_path: Path) -> None:
    server = Server()
    try:
        server.start()
        assert server.api().post("/home/job").status_code == 404
    finally:
        server.remove()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"machines_placers": "moon"}, "there is no placer moon"),
        ({"router_rules": "duration:local"}, "duration:local.* is no rule"),
        ({"machines_placers": "local", "machines_home_url": "http://a.b"}, "use https://"),
    ],
)
def test_wrong_settings_are_told(settings: dict[str, str], words: str) -> None:
    server = Server(**settings)
    try:
        with pytest.raises(AssertionError, match=words):
            server.start()
    finally:
        server.remove()
