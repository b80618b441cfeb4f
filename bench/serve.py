"""A `mecapy serve` of the bench's own, and what its processes hold in memory."""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any


class Serve:
    """Runs from `with` to its end, on a free port and an empty data folder.

    `settings` are variables of its environment. It can be killed and started again meanwhile.
    """

    def __init__(self, binary: Path, **settings: str) -> None:
        self._binary = binary
        self._settings = settings
        self.token = secrets.token_hex(16)

    def __enter__(self) -> "Serve":
        self._folder = Path(tempfile.mkdtemp(prefix="mecapy-bench-", dir="/tmp"))
        self._folder.chmod(0o755)  # serve gives root up and must still reach its data below
        self.data_dir = self._folder / "data"
        begin = time.perf_counter()
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        self.start_to_ready_ms = (time.perf_counter() - begin) * 1e3
        return self

    def _start(self) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MECAPY_")}
        self._process = subprocess.Popen(
            [str(self._binary), "serve", "--port", "0", "--data-dir", str(self.data_dir)],
            env=kept | self._settings | {"MECAPY_DEV_TOKEN": self.token},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.port = self._await_ready()

    def api_pid(self) -> int:
        """The process that answers."""
        return int(json.loads((self.data_dir / "serve.json").read_text())["api_pid"])

    def kill_api(self) -> None:
        """SIGKILL to the process that answers, which ends all; then start it again, elsewhere."""
        os.kill(self.api_pid(), signal.SIGKILL)
        self._process.wait(30)
        self._start()

    def add_user(self, name: str) -> str:
        """A token of a new user."""
        command = [str(self._binary), "token", name, "--data-dir", str(self.data_dir)]
        done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=30)
        return done.stdout.strip()

    def _await_ready(self) -> int:
        """The port it tells; its silence is ended after 30 s."""
        assert self._process.stdout is not None
        watchdog = threading.Timer(30, self._process.kill)
        watchdog.start()
        try:
            for line in self._process.stdout:
                if match := re.search(r"ready at http://127\.0\.0\.1:(\d+)", line):
                    return int(match[1])
        finally:
            watchdog.cancel()
        raise RuntimeError("serve did not get ready")

    def __exit__(self, *unused: object) -> None:
        self._process.send_signal(signal.SIGTERM)  # nothing when it has ended
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder)

    def create_task(self, name: str, code: str, inputs: dict[str, Any]) -> str:
        """The new task's id."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/tasks",
            json.dumps({"name": name, "code": code, "inputs": inputs}).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as response:
            return str(json.load(response)["id"])

    def processes(self) -> dict[str, list[int]]:
        """Its living processes by what they do."""
        state = json.loads((self.data_dir / "serve.json").read_text())
        roles = {
            state["pid"]: "launcher",
            state["api_pid"]: "api",
            state["worker_pid"]: "worker front",
        }
        found: dict[str, list[int]] = {}
        for pid in _family(self._process.pid):
            try:
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                other = _zygote_role(pid) if "zygote" in name else "supervisor"
            except OSError:
                continue  # a run that has just ended
            found.setdefault(roles.get(pid, other), []).append(pid)
        return found

    def memory_mb(self) -> dict[str, dict[str, float]]:
        """PSS and RSS in MiB by what the process does, and the sum."""
        found = {}
        for role, pids in self.processes().items():
            rollups = [_read(f"/proc/{pid}/smaps_rollup") for pid in pids]
            found[role] = {
                key: sum(_kilobytes(rollup, key.capitalize()) for rollup in rollups) / 1024
                for key in ("pss", "rss")
            }
        found["all"] = {key: sum(sums[key] for sums in found.values()) for key in ("pss", "rss")}
        return {
            role: {key: round(value, 1) for key, value in sums.items()}
            for role, sums in found.items()
        }


def _zygote_role(pid: int) -> str:
    """Its kind is its first argument; sandboxes are in pid namespaces of their own."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    if len(words) < 2:  # it is being taken down
        return "prepared sandboxes"
    kind = words[1].decode() or "bare"
    own = re.search(r"^NSpid:\s+\d+$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return f"zygote {kind}" if own else "prepared sandboxes"


def _read(path: str) -> str:
    """Nothing of a process that has ended."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _kilobytes(rollup: str, field: str) -> int:
    match = re.search(rf"^{field}:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(match[1]) if match else 0


def _family(pid: int) -> list[int]:
    """The process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        try:
            stat = Path(f"/proc/{entry}/stat").read_text() if entry.isdigit() else ""
        except OSError:
            continue
        if stat:
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found
