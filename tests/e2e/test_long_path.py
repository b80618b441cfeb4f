"""Runs that are long or large get a machine of their own, here by the placer of this machine."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api import Json, expect
from support.server import DEV_TOKEN, Server
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


def read(server: Server, run_id: str) -> Json:
    return server.api().read(f"/api/runs/{run_id}/results")


def ended(server: Server, run_id: str, timeout_s: float = 60) -> Json:
    ends = ("completed", "failed", "cancelled")
    wait_until("the end", lambda: read(server, run_id)["status"] in ends, timeout_s)
    return read(server, run_id)


def running(server: Server, run_id: str) -> None:
    wait_until("the run runs", lambda: read(server, run_id)["status"] == "running", 30)


def workers_at_home() -> dict[str, int]:
    """Workers that have called home, by the folder of their machine."""
    found = {}
    for process in Path("/proc").iterdir():
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if process.name.isdigit() and b"--token-file" in words:
            found[words[words.index(b"--token-file") + 1].decode()] = int(process.name)
    return found


def worker_of(server: Server) -> int:
    [pid] = [
        pid for file, pid in workers_at_home().items() if file.startswith(str(server.data_dir))
    ]
    return pid


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


def test_a_short_run_does_not(server: Server) -> None:
    run = ended(server, begin(server, {"force": 10}, seconds=1))
    assert run["result"] == {"stress": 1.0}
    assert run["backend"] == "local"


def test_what_is_large_goes_there_and_comes_back(server: Server) -> None:
    text = "é" * 40_000
    run = ended(server, begin(server, {"text": text}, code=LARGE))
    assert run["status"] == "completed", run
    assert run["result"] == {"back": text + "!", "long": "y" * 100_000}
    [large] = run["artifacts"]
    assert server.api().get(large["url"]).content == bytes(range(256)) * 4 * 2048
    assert len(server.api().get(f"/api/runs/{run['id']}/logs").text) == 100_001


def test_a_run_that_outlives_its_backend_is_moved_once_and_says_so(server: Server) -> None:
    run = ended(server, begin(server, {"force": 10, "seconds": 6}, seconds=None))
    assert run["status"] == "completed", run
    assert (run["moved_from"], run["backend"]) == ("local", "dedicated_instance")
    assert run["attempt"] == 2
    assert run["estimate"]["source"] == "default"


def test_its_own_limit_still_ends_it_there(server: Server) -> None:
    body = {"code": STRESS, "inputs": {"force": 1, "seconds": 60}, "limits": {"timeout_s": 7}}
    begun = expect(server.api().post("/api/tasks/execute", body), 202)
    run = ended(server, begun["run_id"])
    assert (run["status"], run["error"]["code"]) == ("failed", "timeout")
    assert run["moved_from"] == "local"


def test_full_means_queued_visibly_and_a_cancel_takes_the_machine_away(server: Server) -> None:
    first = begin(server, {"force": 1, "seconds": 60})
    running(server, first)
    second = begin(server, {"force": 1, "seconds": 60})
    full = "1 of 1 machines are in use"
    wait_until("the second waits", lambda: read(server, second).get("waiting") == full)
    for run_id in (second, first):
        expect(server.api().post(f"/api/runs/{run_id}/cancel"), 200)
    assert ended(server, second, 5)["status"] == "cancelled"
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
