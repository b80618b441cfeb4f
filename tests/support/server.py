"""The real `mecapy serve` as a process of its own, with a data folder that can outlive it."""

import contextlib
import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.api import Api
from support.processes import Process, find_process
from support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
DEV_TOKEN = "e2e-token-of-the-local-user"
# A login shell's bound on open files, whatever the one of the tests is.
_USUAL_FILE_LIMIT = ("prlimit", "--nofile=1024:")
# As people read it, or a line of a log of JSON; it listens, whether or not a part is away.
_READY = re.compile(r"MecaPy (?:is ready|listens)(?: at |\b.*\"url\":\")http://127\.0\.0\.1:(\d+)")


def binary() -> Path:
    """The program under test: MECAPY_BINARY, else the build's."""
    path = Path(os.environ.get("MECAPY_BINARY") or ROOT / "build" / "mecapy")
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not built; run make build, or set MECAPY_BINARY")
    return path


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `settings` as its only MECAPY_ variables."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MECAPY_")}
    return kept | dict(settings)


def run_mecapy(
    *arguments: str, settings: Mapping[str, str] | None = None, timeout_s: float = 60
) -> subprocess.CompletedProcess[str]:
    """One command of the program, to its end."""
    return subprocess.run(
        [str(binary()), *arguments],
        env=environment(settings or {}),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        stdin=subprocess.DEVNULL,
    )


class Server:
    """`mecapy serve` on a data folder below a folder of its own in /tmp.

    It can be started again after it was stopped or killed: the data folder stays until `remove`.
    """

    def __init__(self, **settings: object) -> None:
        """Keyword arguments are settings: `limits_max_cpus=1` is MECAPY_LIMITS_MAX_CPUS=1."""
        self.folder = Path(tempfile.mkdtemp(prefix="mecapy-e2e-", dir="/tmp"))
        self.folder.chmod(0o755)  # serve gives root up and must still reach its data below
        self.data_dir = self.folder / "data"
        self.port = 0
        self._settings = {"MECAPY_DEV_TOKEN": DEV_TOKEN}
        for name, value in settings.items():
            self.set(name, value)
        self.surroundings: dict[str, str] = {}  # of its environment, beside the settings
        self.said: list[str] = []  # lines of standard output, of every start
        self._process: subprocess.Popen[str] | None = None
        self._clients: list[Api] = []

    def set(self, setting: str, value: object) -> None:
        """Change a setting for the next start."""
        self._settings[f"MECAPY_{setting.upper()}"] = str(value)

    def unset(self, setting: str) -> None:
        """Leave a setting to its default at the next start."""
        del self._settings[f"MECAPY_{setting.upper()}"]

    def start(self, timeout_s: float = 30) -> "Server":
        """Start it and return when it says that it is ready, on the same port as the last time."""
        with (self.folder / "stderr.txt").open("a") as errors:
            self._process = subprocess.Popen(
                self._command(),
                env=environment(self._settings) | self.surroundings,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        lines: queue.Queue[str | None] = queue.Queue()
        reading = (self._process, lines, self.said)
        threading.Thread(target=_read_lines, args=reading, daemon=True).start()
        self.port = self._await_ready(lines, timeout_s)
        return self

    def _command(self) -> list[str]:
        return [*_USUAL_FILE_LIMIT, str(binary()), *self._arguments()]

    def _arguments(self) -> list[str]:
        return ["serve", "--port", str(self.port), "--data-dir", str(self.data_dir)]

    def _await_ready(self, lines: "queue.Queue[str | None]", timeout_s: float) -> int:
        said = []
        try:
            while (line := lines.get(timeout=timeout_s)) is not None:
                said.append(line)
                if match := _READY.search(line):
                    return int(match[1])
        except queue.Empty:
            pass
        raise AssertionError(f"serve did not get ready; it said {said!r} and {self.errors()}")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def main(self) -> Process:
        """The process that was started."""
        assert self._process is not None
        return find_process(self._process.pid)

    def state(self) -> dict[str, Any]:
        """What serve.json says: pid, api_pid, worker_pid, port."""
        return dict(json.loads((self.data_dir / "serve.json").read_text()))

    def process(self, role: str) -> Process:
        """The process named by `role`_pid in serve.json: api or worker."""
        return find_process(int(self.state()[f"{role}_pid"]))

    def supervisor(self) -> Process:
        """The worker's part that has the privileges."""
        [found] = [p for p in self.process("worker").children() if p.name == "mecapy-superv"]
        return found

    def worker_listens(self) -> bool:
        """Whether the worker takes calls now; readiness remembers its answer for two seconds."""
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.data_dir / "worker.sock")) == 0

    def zygote(self) -> Process | None:
        """The process that holds CPython and waits to be cloned; nothing while there is none."""
        for one in self.supervisor().children():
            # An init has the name, too, but is the first process of a namespace of its own.
            with contextlib.suppress(OSError, KeyError):
                if one.name == "mecapy-zygote" and len(one.status("NSpid")) == 1 and one.alive:
                    return one
        return None

    def api_peak_mib(self) -> float:
        """The most the API process had in memory until now."""
        return int(self.process("api").status("VmHWM")[0]) / 1024

    def errors(self) -> str:
        """The last of what it wrote to standard error, of every start."""
        return (self.folder / "stderr.txt").read_text(errors="replace")[-20_000:]

    def api(self, token: str | None = DEV_TOKEN) -> Api:
        """A client with this token, closed with the server."""
        client = Api(self.url, token)
        self._clients.append(client)
        return client

    def add_user(self, name: str) -> str:
        """A new token of the user `name`."""
        done = run_mecapy("token", name, "--data-dir", str(self.data_dir))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def signal(self, number: signal.Signals) -> None:
        """Signal the process that was started."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, timeout_s: float = 30) -> int:
        """Wait until it has ended; its exit status."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    @property
    def running(self) -> bool:
        """Whether the process that was started still runs."""
        return self._process is not None and self._process.poll() is None

    def terminate(self, timeout_s: float = 30) -> int:
        """Ask it to end, and wait; its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def kill(self) -> None:
        """SIGKILL to the process that was started, and wait until all it had started has gone."""
        family = [self.main, *self.main.descendants()]
        self.signal(signal.SIGKILL)
        self.wait()
        wait_until("all processes of serve end", lambda: not any(p.alive for p in family))

    def remove(self) -> None:
        """End it, whatever its state, and remove its folder."""
        for client in self._clients:
            client.close()
        if self.running:
            family = self.main.descendants()
            self.signal(signal.SIGTERM)
            try:
                self.wait(10)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
                self.wait()
                for process in family:
                    process.send(signal.SIGKILL)
        shutil.rmtree(self.folder)


def _read_lines(
    process: "subprocess.Popen[str]", lines: "queue.Queue[str | None]", said: list[str]
) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        lines.put(line)
    lines.put(None)
