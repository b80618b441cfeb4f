"""A machine whose token does what its worker never would: the server and other runs do not mind."""

import json
import os
import signal
import threading
from collections.abc import Iterator

import httpx
import pytest

from support.long_runs import begin, read, running, token_of, worker_of
from support.server import Server
from support.waiting import wait_until

SLEEP = "import time\ndef calculate(inputs):\n    time.sleep(60)\n    return 1\n"
END = json.dumps({"type": "end", "status": "completed", "result": 1}) + "\n"
MIB = 1 << 20


class Machine:
    """A run of its own on a machine whose worker stands still, and what its token can call."""

    def __init__(self, server: Server) -> None:
        """Begin the run, and stop its worker as soon as it has it."""
        self.run = begin(server, SLEEP, {}, long=True)
        running(server, self.run)
        os.kill(worker_of(server), signal.SIGSTOP)
        self._http = httpx.Client(base_url=server.url, headers=token_of(server), timeout=60)

    def lines(self, body: str, at: int = 0) -> httpx.Response:
        """Tell lines."""
        return self._http.post(f"/home/lines?from={at}", content=body)

    def put(self, key: str, body: bytes) -> httpx.Response:
        """Write a whole object."""
        return self._http.put(f"/home/objects/{key}?offset=0&last=1", content=body)


@pytest.fixture
def server() -> Iterator[Server]:
    """One machine at most, which runs here; a short backend of five seconds."""
    one = Server(
        machines_placers="local",
        machines_capacity=1,
        limits_max_timeout_s=5,
        limits_max_cpu_s=600,
    )
    try:
        yield one.start()
    finally:
        one.remove()


def test_an_end_while_other_calls_are_in_flight(server: Server) -> None:
    machine = Machine(server)
    over = threading.Event()
    seen: set[int] = set()

    def write(name: str) -> None:
        for number in range(200):
            if over.is_set():
                return
            key = f"artifacts/{machine.run}/{name}{number}"
            try:
                seen.add(machine.put(key, b"x" * (4 * MIB)).status_code)
            except httpx.TransportError:
                return

    def save() -> None:
        line = {"type": "checkpoint", "number": 1, "bytes": 5, "sha256": "a" * 64}
        for _ in range(200):
            if over.is_set():
                return
            try:
                seen.add(machine.lines((json.dumps(line) + "\n") * 4000).status_code)
            except httpx.TransportError:
                return

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    threads += [threading.Thread(target=save) for _ in range(2)]
    for thread in threads:
        thread.start()
    answers: list[int] = []
    while not answers or answers[-1] == 429:  # other lines are being taken
        answers.append(machine.lines(END).status_code)
    late = [machine.lines(END).status_code for _ in range(5)]
    over.set()
    for thread in threads:
        thread.join()
    assert server.running, server.errors()[-3000:]
    assert answers[-1] == 200
    assert set(late) == {401}
    assert seen <= {200, 401, 409, 413, 429}, seen
    assert read(server, machine.run)["status"] == "completed"


def test_a_token_ends_with_its_run(server: Server) -> None:
    machine = Machine(server)
    key = f"artifacts/{machine.run}/late.bin"
    assert machine.lines(END).json()["recorded"] is True
    assert machine.put(key, b"late").status_code == 401
    assert machine.lines("").status_code == 401
    assert read(server, machine.run)["status"] == "completed"


def test_what_lines_hold_is_bounded(server: Server) -> None:
    machine = Machine(server)
    log = json.dumps({"type": "log", "text": "x" * (600 << 10)}) + "\n"
    assert machine.lines(log).json()["log"] == 600 << 10
    assert machine.lines(log, 600 << 10).status_code == 413
    assert machine.lines(log, (1 << 63) - 1).status_code == 413
    assert machine.lines('{"type":"anew"}\n' * 100_000).status_code == 413
    for progress in ("x" * 5_000_000, {"fraction": 0.5, "message": "x" * 5000}, {"a": 1}, 3):
        told = json.dumps({"type": "progress", "progress": progress}) + "\n"
        assert machine.lines(told).status_code == 400, str(progress)[:40]
    long = {"type": "end", "status": "completed", "result": 1, "log": "x" * (2 << 20)}
    assert machine.lines(json.dumps(long)).status_code == 413
    long = {"type": "end", "status": "completed", "result": "x" * (9 << 20)}
    assert machine.lines(json.dumps(long)).status_code == 413
    failure = {"code": "user_error", "message": "m", "traceback": "x" * MIB}
    failed = {"type": "end", "status": "failed", "error": failure}
    assert machine.lines(json.dumps(failed)).status_code == 413
    assert read(server, machine.run)["status"] == "running"
    assert server.running


def test_checkpoints_never_told_of_do_not_pile_up(server: Server) -> None:
    machine = Machine(server)
    for number in range(1, 9):
        answer = machine.put(f"checkpoints/{machine.run}/{number}", b"state")
        assert answer.status_code == 200, answer.text

    def there() -> list[str]:
        folders = server.data_dir.glob(f"**/checkpoints/{machine.run}")
        return sorted(file.name for folder in folders for file in folder.iterdir())

    assert there() == ["5", "6", "7", "8"]
    assert machine.lines(END).json()["recorded"] is True
    wait_until("none is there", lambda: there() == [], 15)
