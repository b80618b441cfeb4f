"""Somebody at the command line: with a home of his own, a server, and sometimes a terminal."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.server import binary, environment


class Person:
    """Runs commands of the program as one user of one server would."""

    def __init__(self, home: Path, url: str = "", token: str = "") -> None:
        """Without `url` or `token` nothing is said about them."""
        self.home = home
        self.variables = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
        said = {"MECAPY_URL": url, "MECAPY_TOKEN": token, "MECAPY_DATA_DIR": str(home / "data")}
        self.settings = {name: value for name, value in said.items() if value}

    @property
    def login_file(self) -> Path:
        """Where the login is saved."""
        return self.home / "config" / "mecapy" / "login.json"

    def file(self, code: str, name: str = "calc.py") -> str:
        """A file with this code, by its name in the folder where the commands are done."""
        (self.home / name).write_text(code)
        return name

    def environment(self, **more: str) -> dict[str, str]:
        """What the program is started with."""
        return environment(self.settings) | self.variables | more

    def does(
        self, *words: str, stdin: str = "", status: int | None = 0, timeout_s: float = 40
    ) -> subprocess.CompletedProcess[str]:
        """One command to its end, which must have this status."""
        done = subprocess.run(
            [str(binary()), *words],
            env=self.environment(),
            cwd=self.home,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert status is None or done.returncode == status, (done.returncode, done)
        return done

    def gets(self, *words: str, stdin: str = "") -> Any:
        """The JSON that one command prints."""
        return json.loads(self.does(*words, stdin=stdin).stdout)

    def begins(self, *words: str) -> "subprocess.Popen[str]":
        """One command, whose end is the caller's to see to; it has no terminal."""
        return subprocess.Popen(
            [str(binary()), *words],
            env=self.environment(),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def at_terminal(self, *words: str, **more: str) -> "Terminal":
        """One command on a terminal of its own."""
        variables = self.environment(**({"TERM": "xterm"} | more))
        return Terminal([str(binary()), *words], variables, self.home)

    def at_terminal_into(self, out: int, *words: str) -> "Terminal":
        """The same, with its standard output elsewhere."""
        variables = self.environment(TERM="xterm")
        return Terminal([str(binary()), *words], variables, self.home, out)


class Terminal:
    """A program on a pseudo-terminal, which is its only one."""

    def __init__(
        self,
        command: list[str],
        variables: Mapping[str, str],
        folder: Path,
        out: int | None = None,
    ) -> None:
        """Start it; its standard output is `out` when the terminal is not."""
        self._ours, theirs = os.openpty()
        self.shown = ""

        def login() -> None:
            os.login_tty(theirs)
            if out is not None:
                os.dup2(out, 1)

        self._process = subprocess.Popen(
            command,
            env=variables,
            cwd=folder,
            preexec_fn=login,
            pass_fds=(theirs, *([] if out is None else [out])),
        )
        os.close(theirs)

    def expect(self, text: str, timeout_s: float = 20) -> str:
        """Wait until `text` is shown, behind what was expected before; what stands between."""
        deadline = time.monotonic() + timeout_s
        while text not in self.shown:
            assert self._read(deadline), f"{text!r} is not in {self.shown!r}"
        before, _, self.shown = self.shown.partition(text)
        return before

    def settles(self, silence_s: float = 0.3) -> None:
        """Wait until nothing more is shown for a while; a shell reads what it completes itself."""
        while self._read(time.monotonic() + silence_s):
            pass

    def types(self, text: str) -> None:
        """Type this; "\\x03" is Ctrl-C."""
        os.write(self._ours, text.encode())

    def ends(self, timeout_s: float = 20) -> int:
        """Wait for its end; its exit status. `shown` has what came since the last expectation."""
        deadline = time.monotonic() + timeout_s
        while self._read(deadline):
            pass
        try:
            return self._process.wait(max(0.1, deadline - time.monotonic()))
        finally:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            os.close(self._ours)

    def _read(self, deadline: float) -> bool:
        """Whether more was shown; not at its end, and not after the deadline."""
        ready, _, _ = select.select([self._ours], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            piece = os.read(self._ours, 65_536)
        except OSError:  # the other side is closed
            return False
        self.shown += piece.decode(errors="replace")
        return bool(piece)
