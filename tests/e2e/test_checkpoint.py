"""A run that saves its state is taken up from it, and nothing else is given it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.api import Json, expect
from support.long_runs import begin, ended, kill_worker, read, running, token_of
from support.person import Person
from support.server import DEV_TOKEN, ROOT, Server
from support.waiting import wait_until

EXAMPLE = (ROOT / "examples" / "crack-growth" / "calc.py").read_text()
INPUTS = json.loads((ROOT / "examples" / "crack-growth" / "inputs.json").read_text())
FINE = INPUTS | {"step_cycles": 0.025, "save_every": "0.2 s"}

# Saves what it was given, and one more; then waits for the end, or until it is the second attempt.
COUNTS = """
import time
from mecapy import checkpoint

def calculate(inputs):
    before = checkpoint.load({"attempts": 0})
    print("had", before["attempts"], flush=True)
    checkpoint.save({"attempts": before["attempts"] + 1, "filler": "x" * inputs.get("size", 0)})
    time.sleep(60 if before["attempts"] == 0 else inputs.get("again_s", 0))
    return before["attempts"]
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A short backend of five seconds, and machines that run here."""
    one = Server(
        machines_placers="local",
        machines_capacity=2,
        limits_max_timeout_s=5,
        router_default_duration_s=1,
        dispatcher_backoff_ms=10,
    )
    try:
        yield one.start()
    finally:
        one.remove()


def saved(server: Server, run_id: str, number: int = 1) -> Json:
    """The checkpoint that the run tells, once it has saved as many."""
    folder = server.data_dir / "objects" / "checkpoints"

    def there() -> bool:
        names = [file.name for file in folder.glob(f"{run_id}*/*")]
        return "checkpoint" in read(server, run_id) and any(int(n) >= number for n in names)

    wait_until("a checkpoint is kept", there, 30)
    return dict(read(server, run_id)["checkpoint"])


def objects(server: Server, run_id: str) -> list[Path]:
    folder = server.data_dir / "objects" / "checkpoints"
    return [file for file in folder.glob(f"{run_id}*/*") if file.is_file()]


def log(server: Server, run_id: str) -> str:
    return server.api().get(f"/api/runs/{run_id}/logs").text


@pytest.fixture(scope="module")
def whole(server: Server) -> Json:
    """The example, undisturbed."""
    run = ended(server, begin(server, EXAMPLE, FINE, long=True), 90)
    assert run["status"] == "completed", run
    assert "resumed_from" not in run
    return dict(run["result"])


def test_a_machine_that_dies_half_way_costs_little_and_no_bit(server: Server, whole: Json) -> None:
    run_id = begin(server, EXAMPLE, FINE, long=True)
    told = saved(server, run_id, 4)
    assert told["attempt"] == 1
    assert told["bytes"] > 100
    kill_worker(server, long=True)
    run = ended(server, run_id, 90)
    assert (run["status"], run["attempt"], run["resumed_from"]) == ("completed", 2, 1), run
    assert run["result"] == whole
    began = int(re.findall(r"begins at step (\d+)", log(server, run_id))[0])
    assert 0 < began < whole["steps"], "nothing of the first attempt was of use"

    def gone() -> bool:
        # What the worker had put when it died, and not told yet, is the janitor's: it tells news
        # every 0.25 s.
        left = objects(server, run_id)
        return len(left) <= 3 and all(file.parent.name == run_id for file in left)

    wait_until("its checkpoints are gone", gone)
    assert "checkpoint" not in run


@pytest.mark.parametrize("long", [False, True], ids=["local", "machine"])
def test_the_next_attempt_is_given_what_the_one_before_saved(
    server: Server, tmp_path: Path, long: bool
) -> None:
    run_id = begin(server, COUNTS, {"again_s": 2}, long=long)
    saved(server, run_id)
    person = Person(tmp_path, server.url, DEV_TOKEN)
    shown = person.does("runs", run_id).stdout
    assert re.search(r"^checkpoint +\d+ B, saved \d+ s ago by attempt 1$", shown, re.M), shown
    kill_worker(server, long=long)
    words = "taken up from the checkpoint of attempt 1"

    def told() -> bool:
        run = server.api().read(f"/api/runs/{run_id}")
        return bool(run.get("progress", {}).get("message") == words)

    wait_until("it is told", told, 30)
    run = ended(server, run_id)
    assert (run["status"], run["result"], run["resumed_from"]) == ("completed", 1, 1), run
    shown = person.does("runs", run_id).stdout
    assert re.search(r"^taken up from +the checkpoint of attempt 1$", shown, re.M), shown


def test_a_run_that_is_moved_keeps_it(server: Server) -> None:
    run_id = begin(server, COUNTS, {}, long=False)
    run = ended(server, run_id)
    assert (run["status"], run["result"]) == ("completed", 1), run
    assert (run["moved_from"], run["backend"]) == ("local", "dedicated_instance")
    assert run["resumed_from"] == 1
    wait_until("its checkpoints are gone", lambda: not objects(server, run_id))


def test_what_was_saved_before_is_not_kept(server: Server) -> None:
    code = """
import time
from mecapy import checkpoint

def calculate(inputs):
    for i in range(4):
        checkpoint.save(i)
    time.sleep(60)
"""
    run_id = begin(server, code, {}, long=True)
    saved(server, run_id, 4)
    wait_until("one is left", lambda: [f.name for f in objects(server, run_id)] == ["4"])
    expect(server.api().post(f"/api/runs/{run_id}/cancel"), 200)
    assert ended(server, run_id)["status"] == "cancelled"


def test_one_that_is_damaged_is_told_and_the_run_begins_anew(server: Server) -> None:
    run_id = begin(server, COUNTS, {}, long=True)
    saved(server, run_id)
    [file] = objects(server, run_id)
    file.chmod(0o644)
    file.write_bytes(b"{}" + file.read_bytes()[2:])
    kill_worker(server, long=True)
    running_again(server, run_id)
    first = "mecapy: the checkpoint of attempt 1 cannot be used, it is damaged: from the beginning"
    wait_until("it is told", lambda: log(server, run_id).splitlines()[:2] == [first, "had 0"])
    assert "resumed_from" not in read(server, run_id)
    expect(server.api().post(f"/api/runs/{run_id}/cancel"), 200)
    ended(server, run_id)


def running_again(server: Server, run_id: str) -> None:
    def again() -> bool:
        run = read(server, run_id)
        return bool(run["status"] == "running" and run["attempt"] == 2)

    wait_until("it runs again", again, 30)


def test_another_run_of_the_same_is_given_nothing(server: Server) -> None:
    first = begin(server, COUNTS, {}, long=True)
    saved(server, first)
    second = begin(server, COUNTS, {}, long=True)
    running(server, second)
    wait_until("it has said so", lambda: log(server, second) == "had 0\n", 30)
    for run_id in (first, second):
        expect(server.api().post(f"/api/runs/{run_id}/cancel"), 200)
        ended(server, run_id)


def test_one_that_is_too_large_is_told_to_its_author(server: Server) -> None:
    run_id = begin(server, COUNTS, {"size": 2 << 20}, long=False, checkpoint_mb=1)
    run = ended(server, run_id)
    assert (run["status"], run["error"]["code"]) == ("failed", "user_error")
    words = "checkpoint too large: 2.00002 MiB of at most 1 MiB (the limit checkpoint_mb)"
    assert words in run["error"]["message"]


@pytest.mark.parametrize(
    ("frames", "code", "words"),
    [
        ("C", "invalid_result", "without a size"),
        ('C{"size": -1}', "invalid_result", "without a size"),
        ('C{"size": 1048577}', "output_limit", "checkpoint too large: more than 1 MiB"),
        ('C{"size": 1}\nC{"size": 1}', "invalid_result", "inside a checkpoint"),
        ('C{"size": 1}\nKab', "invalid_result", "longer than it declared"),
        ('C{"size": 1}\nK', "invalid_result", "a piece without bytes"),
        ('C{"size": 1}\nS', "invalid_result", "shorter than it declared"),
        ("Kab", "invalid_result", "outside a checkpoint"),
        ("S", "invalid_result", "the end of no checkpoint"),
    ],
)
def test_forged_frames_end_the_run(server: Server, frames: str, code: str, words: str) -> None:
    forger = """
from mecapy import _progress

def calculate(inputs):
    for frame in inputs["frames"].splitlines():
        _progress._channel.send(frame[:1].encode(), frame[1:].encode())
    return 1
"""
    run_id = begin(server, forger, {"frames": frames}, long=False, checkpoint_mb=1)
    run = ended(server, run_id)
    assert (run["status"], run["error"]["code"]) == ("failed", code), run
    assert words in run["error"]["message"]
    assert not objects(server, run_id)


def test_who_saves_without_end_is_made_to_wait(server: Server) -> None:
    code = """
import time
from mecapy import checkpoint

def calculate(inputs):
    until = time.monotonic() + 3
    count = 0
    while time.monotonic() < until:
        checkpoint.save("x" * 200_000)
        count += 1
    return count
"""
    run = ended(server, begin(server, code, {}, long=False))
    assert run["status"] == "completed", run
    # Five at once, then one in a second; what the socket holds beside.
    assert 5 <= run["result"] <= 12


def test_a_cut_off_save_leaves_the_one_before(server: Server) -> None:
    code = """
import time
from mecapy import _progress, checkpoint

def calculate(inputs):
    before = checkpoint.load()
    if before is not None:
        return before
    checkpoint.save("whole")
    _progress._channel.send(b"C", b'{"size": 100}')
    _progress._channel.send(b"K", b"cut")
    time.sleep(60)
"""
    run_id = begin(server, code, {}, long=True)
    saved(server, run_id)
    kill_worker(server, long=True)
    assert ended(server, run_id)["result"] == "whole"


def test_a_worker_reaches_the_checkpoints_of_its_run_and_attempt_only(server: Server) -> None:
    other = begin(server, COUNTS, {}, long=True)
    saved(server, other)
    stale = token_of(server)
    kill_worker(server, long=True)
    assert ended(server, other)["result"] == 1
    run_id = begin(server, COUNTS, {}, long=True)
    saved(server, run_id)
    now = token_of(server)
    with httpx.Client(base_url=server.url, timeout=10) as http:

        def put(key: str, headers: dict[str, str]) -> int:
            path = f"/home/objects/checkpoints/{key}?offset=0&last=1"
            return http.put(path, content=b"1", headers=headers).status_code

        def tell(headers: dict[str, str], number: int) -> int:
            line = {"type": "checkpoint", "number": number, "bytes": 1, "sha256": "0" * 64}
            told = http.post("/home/lines?from=0", content=json.dumps(line), headers=headers)
            return told.status_code

        # Of an attempt that is over.
        assert put(f"{other}/7", stale) == 401
        assert tell(stale, 7) == 401
        # Of another run, of another attempt, of another name.
        for key in (f"{other}/7", f"{run_id}.2/7", f"{run_id}/x", f"{run_id}/1/2", f"{run_id}/"):
            assert put(key, now) in (404, 400), key
        get = "/home/objects/checkpoints/"
        assert http.get(f"{get}{other}/1", headers=now).status_code == 404
        assert http.get(f"{get}{run_id}/1", headers=now).status_code == 200
        # One that is not what the line says; one that is not there changes nothing.
        assert put(f"{run_id}/8", now) == 200
        assert tell(now, 9) == 200
        assert read(server, run_id)["checkpoint"]["bytes"] > 1
        line = {"type": "checkpoint", "number": 8, "bytes": 2, "sha256": "0" * 64}
        told = http.post("/home/lines?from=0", content=json.dumps(line), headers=now)
        assert told.status_code == 400
    expect(server.api().post(f"/api/runs/{run_id}/cancel"), 200)
    ended(server, run_id)
