"""Runs that get a machine of their own, by the placer of this machine."""

import os
import signal
from collections.abc import Iterator

import pytest
from support.processes import find_processes
from support.server import Server
from support.waiting import wait_until

WAITS = """
import pathlib, time

def calculate(inputs):
    print("begins")
    time.sleep(inputs.get("seconds", 0))
    pathlib.Path("note.txt").write_text("kept")
    return {"stress": inputs["force"] / 10}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Two machines at most, which run here."""
    one = Server(machines_placers="local", machines_capacity=2, limits_max_timeout_s=5)
    try:
        yield one.start()
    finally:
        one.remove()


def run_of(server: Server, code: str, inputs: dict, seconds: float, **more) -> dict:
    body = {"code": code, "inputs": inputs, "limits": {"timeout_s": 120}}
    return server.api().post("/api/tasks/execute", {**body, "estimated_duration_s": seconds, **more})


def ended(server: Server, run_id: str, seconds: float = 60) -> dict:
    def look():
        run = server.api().get(f"/api/runs/{run_id}/results")
        return run if run["status"] in ("completed", "failed", "cancelled") else None

    return wait_until(look, seconds)


def test_a_long_run_has_a_machine_of_its_own(server: Server) -> None:
    begun = run_of(server, WAITS, {"force": 1000}, 3600)
    run = ended(server, begun["run_id"])
    assert run["status"] == "completed", run
    assert run["result"] == {"stress": 100.0}
    assert run["backend"] == "dedicated_instance"
