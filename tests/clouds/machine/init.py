"""The first process of a simulated machine: what cloud-init and systemd are on a real one.

It does what the machine's #cloud-config says, in the order of cloud-init: `bootcmd` at each boot,
files and `runcmd` at the first, enabled units at each. What is replaced is in shims/: systemctl,
systemd-run, shutdown and poweroff tell this process; apt-get puts docker in its place; docker
starts a command with the environment of the image, whose program is the one under test.
"""

import base64
import configparser
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

FIFO = Path("/run/machine")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STOP_S = 5.0  # for units to end, before what is left of them is killed


def say(*words: object) -> None:
    """On the console."""
    print(f"{time.monotonic():.2f}", *words, file=sys.stderr, flush=True)


class Machine:
    """One boot."""

    def __init__(self, folder: Path, boot: int) -> None:
        """Nothing has run yet."""
        self._folder = folder
        self._boot = boot
        self._config: dict[str, Any] = json.loads((folder / "cloud-config.json").read_text())
        self._clock = float(self._config.pop("clock"))
        self._enabled = folder / "enabled"
        self._units: list[subprocess.Popen[bytes]] = []
        image = str(folder.parent / "image")
        self._env = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "MACHINE_IMAGE": image}
        self._from_now: list[tuple[float, list[str], threading.Timer]] = []
        self.over = threading.Event()

    def run(self) -> None:
        """Until it is powered off."""
        Path("/run/lock").mkdir(mode=0o1777, exist_ok=True)
        FIFO.unlink(missing_ok=True)
        os.mkfifo(FIFO)
        self._orders = os.open(FIFO, os.O_RDWR)
        threading.Thread(target=self._listen, daemon=True).start()
        for command in self._config.get("bootcmd", []):
            self._command(command)
        if self._boot == 1:
            for file in self._config.get("write_files", []):
                self._write(file)
            for command in self._config.get("runcmd", []):
                self._command(command)
        elif self._enabled.exists():
            for unit in self._enabled.read_text().split():
                self._start(unit)
        self.over.wait()
        for unit_ in self._units:
            if unit_.poll() is None:
                os.killpg(unit_.pid, signal.SIGTERM)
        ends = time.monotonic() + STOP_S
        for unit_ in self._units:
            try:
                unit_.wait(max(0.0, ends - time.monotonic()))
            except subprocess.TimeoutExpired:
                say("a unit did not end")

    def _write(self, file: dict[str, Any]) -> None:
        path = Path(file["path"])
        path.parent.mkdir(parents=True, exist_ok=True)
        content = file["content"]
        data = base64.b64decode(content) if file.get("encoding") == "b64" else content.encode()
        path.touch(mode=0o600)
        path.chmod(int(file.get("permissions", "0644"), 8))
        path.write_bytes(data)

    def _command(self, command: str | list[str]) -> None:
        words = ["sh", "-c", command] if isinstance(command, str) else command
        status = subprocess.run(words, env=self._env, check=False).returncode
        say(words[0], "ended", status)

    def _start(self, unit: str) -> None:
        text = Path("/etc/systemd/system", unit).read_text()
        parser = configparser.RawConfigParser(strict=False, interpolation=None)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(text)
        service = parser["Service"]
        words = shlex.split(service["ExecStart"])
        process = subprocess.Popen(
            words, env=self._env, start_new_session=True, stdin=subprocess.DEVNULL
        )
        self._units.append(process)

        def await_end() -> None:
            say(unit, "ended", process.wait())
            if "ExecStopPost" in service:
                self._command(shlex.split(service["ExecStopPost"]))

        threading.Thread(target=await_end, daemon=True).start()

    # ---- what the shims tell

    def _listen(self) -> None:
        with os.fdopen(self._orders, "rb") as orders:
            for line in orders:
                words = line.decode().rstrip("\n").split("\x1f")[:-1]
                say(*words)
                try:
                    self._obey(words)
                except (ValueError, KeyError, IndexError, OSError) as error:
                    say("WRONG", *words, repr(error))

    def _obey(self, words: list[str]) -> None:
        match words:
            case ["systemctl", "daemon-reload"]:
                self._reload()
            case ["systemctl", "enable", *options, unit] if set(options) <= {"--now", "--no-block"}:
                with self._enabled.open("a") as file:
                    file.write(unit + "\n")
                if "--now" in options:
                    self._start(unit)
            case ["systemctl", *options, "poweroff"] if set(options) <= {"--no-block"}:
                self.over.set()
            case ["systemctl", "poweroff", "--force"] | ["poweroff", "-f"]:
                # Units are not asked to end.
                os._exit(0)
            case ["shutdown", "-P", delay] if delay.startswith("+"):
                self._later(60 * float(delay[1:]), ["systemctl", "poweroff"])
            case ["systemd-run", *options]:
                self._run_later(options)
            case ["apt-get", *_]:
                self._reload()  # as packages with units ask for
            case ["docker", *_]:
                pass
            case _:
                raise ValueError("it is not known what that does")

    def _run_later(self, options: list[str]) -> None:
        """systemd-run with a timer: reckoned from now, from the boot, or both."""
        named = dict(o.rsplit("=", 1) for o in options if o.startswith("--") and "=" in o)
        command = options[next(i for i, o in enumerate(options) if not o.startswith("--")) :]
        active, boot = "--on-active", "--timer-property=OnBootSec"
        if not named.keys() & {active, boot}:
            raise ValueError("it has no timer")
        if active in named:
            length = float(named[active])
            self._from_now.append((length, command, self._later(length, command)))
        if boot in named:
            up = float(Path("/proc/uptime").read_text().split()[0])
            self._later(float(named[boot]) - up, command)

    def _reload(self) -> None:
        """systemd begins OnActiveSec anew (seen with 252)."""
        for number, (length, command, timer) in enumerate(self._from_now):
            timer.cancel()
            self._from_now[number] = (length, command, self._later(length, command))

    def _later(self, seconds: float, command: list[str]) -> threading.Timer:
        timer = threading.Timer(max(seconds, 0) * self._clock, self._command, (command,))
        timer.daemon = True
        timer.start()
        return timer


def main(folder: str, boot: str) -> None:
    """Until the machine is off."""
    machine = Machine(Path(folder), int(boot))
    machine.run()
    say("off")
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
