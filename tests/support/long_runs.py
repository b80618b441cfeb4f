"""Runs on machines that are processes of this one: begun, watched, and their workers found."""

import os
import signal
from pathlib import Path

from support.api import Json, expect
from support.server import Server
from support.waiting import wait_until


def begin(server: Server, code: str, inputs: Json, *, long: bool, **limits: float) -> str:
    """An ad-hoc run that is expected to be long, or not."""
    body: Json = {"code": code, "inputs": inputs, "limits": {"timeout_s": 90} | limits}
    body["estimated_duration_s"] = 3600 if long else 1
    return str(expect(server.api().post("/api/tasks/execute", body), 202)["run_id"])


def read(server: Server, run_id: str) -> Json:
    """The run, with its result when it has one."""
    return server.api().read(f"/api/runs/{run_id}/results")


def ended(server: Server, run_id: str, timeout_s: float = 60) -> Json:
    """The run, once it has ended."""
    ends = ("completed", "failed", "cancelled")
    wait_until("the end", lambda: read(server, run_id)["status"] in ends, timeout_s)
    return read(server, run_id)


def running(server: Server, run_id: str) -> None:
    """Return when it runs."""
    wait_until("the run runs", lambda: read(server, run_id)["status"] == "running", 30)


def workers_at_home() -> dict[str, int]:
    """Workers that have called home, by the file of their machine's token: their fronts."""
    found: dict[int, tuple[str, int]] = {}
    for process in Path("/proc").iterdir():
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if process.name.isdigit() and b"--token-file" in words:
            file = words[words.index(b"--token-file") + 1].decode()
            found[int(process.name)] = (file, parent)
    # A supervisor is a child of its front, with the same words.
    return {file: pid for pid, (file, parent) in found.items() if parent not in found}


def worker_of(server: Server) -> int:
    """The process of its one worker on a machine."""
    [pid] = [
        pid for file, pid in workers_at_home().items() if file.startswith(str(server.data_dir))
    ]
    return pid


def kill_worker(server: Server, *, long: bool) -> None:
    """The worker on its one machine, or the one beside it."""
    pid = worker_of(server) if long else server.process("worker").pid
    os.kill(pid, signal.SIGKILL)


def token_of(server: Server) -> dict[str, str]:
    """What the worker on the one machine that is there says who it is by."""
    folder = str(server.data_dir)

    def files() -> list[str]:
        return [name for name in workers_at_home() if name.startswith(folder)]

    wait_until("one is there", lambda: len(files()) == 1, 30)
    return {"Authorization": f"Bearer {Path(files()[0]).read_text().strip()}"}
