"""A reader who follows one page, block by block, on a machine of his own."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docs.blocks import Block
from docs.machine import Machine
from support import services
from support.person import Terminal
from support.server import ROOT, binary, environment

# Parts of a clone that pages write into; the others are links.
COPIED = {"deploy"}
SERVE = Path(__file__).with_name("serve.py")
PROGRAM = """#!/bin/sh
# These go on while the reader opens another terminal.
case $1 in serve | worker) exec {python} {serve} {binary} "$@" ;; esac
exec {binary} "$@"
"""
SAVE = '\nenv -0 >"$READER_STATE"; pwd >"$READER_STATE.folder"\n'
SHELLS = {
    "sh": ("bash", "-aeuo", "pipefail", "-c"),
    "zsh": ("zsh", "-feuc"),  # what stands in ~/.zshrc
}
COMPINIT = "autoload -Uz compinit; compinit -D\n"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Reader:
    """Folders, shell and Python of one who reads a page."""

    def __init__(
        self, there: Mapping[str, str], here: Mapping[str, str], *,
        alone: bool = False, builds: bool = False,
    ) -> None:  # fmt: skip
        """`there` says which server is there already, and who calls it; `here` what stands for
        the addresses of the page. One who is `alone` will have a machine of his own, where all
        that a page names is as it names it. One who `builds` has files in his clone, not links to
        them, and time.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="mecapy-docs-", dir="/tmp"))
        self.folder.chmod(0o755)  # serve gives root up and must still reach its data below
        self.clone = self._clone(builds)
        self._patience_s = 3000 if builds else 240
        self.empty = self.folder / "empty"
        self.empty.mkdir()
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700)
        self.state = self.folder / "state"
        self.port = free_port()
        self.machine: Machine | None = None
        # What a page says of a machine of one's own, and what it is here.
        self.here = {
            "127.0.0.1:8080": f"127.0.0.1:{self.port}",
            "--port 8081": f"--port {self.port}",
            "/var/lib/mecapy": str(self.data),
            "/backup": str(self.folder / "backup"),
            "9464": str(free_port()),
        } | dict(here)
        (self.folder / "backup").mkdir()
        own = {
            "ROOT": str(ROOT),
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "PATH": f"{self.clone / 'build'}:{os.environ['PATH']}",
            "READER_SERVE": str(self.folder / "other-terminal"),
            "READER_STATE": str(self.state),
            "READER_STOP": f"{sys.executable} {SERVE} stop",  # ends `mecapy serve`
            "PYTHONDONTWRITEBYTECODE": "1",
            "PIP_CACHE_DIR": str(Path.home() / ".cache/pip"),  # what pip fetched for others, too
            "PIP_NO_COMPILE": "1",
        }
        places = {"MECAPY_SERVER_PORT": str(self.port), "MECAPY_DATA_DIR": str(self.data)}
        self.environment = environment(own | ({} if alone else places) | dict(there))
        self.place = self.empty
        self._python: subprocess.Popen[str] | None = None

    def _clone(self, whole: bool) -> Path:
        clone = self.folder / "mecapy"
        (clone / "build").mkdir(parents=True)
        if whole:
            files = subprocess.run(
                ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
            ).stdout.split("\0")
            for name in filter(None, files):
                (clone / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, clone / name)
        for path in () if whole else ROOT.iterdir():
            if path.name in COPIED:
                shutil.copytree(path, clone / path.name)
            elif not path.name.startswith((".", "build")):
                (clone / path.name).symlink_to(path)
        (clone / "build" / "services").symlink_to(services.FOLDER)
        words = {"python": sys.executable, "serve": SERVE, "binary": binary()}
        program = clone / "build" / "mecapy"
        program.write_text(PROGRAM.format(**words))
        program.chmod(0o755)
        return clone

    def begin_in_clone(self) -> None:
        """For pages that are read in the clone."""
        self.place = self.clone

    @contextlib.contextmanager
    def on(self, machine: Machine) -> Iterator[None]:
        """The shell is there meanwhile."""
        before, self.machine = self.machine, machine
        try:
            yield
        finally:
            self.machine = before

    def act(self, page: Path, text: str) -> None:
        """Shell that stands nowhere on the page."""
        self.follow(Block(page, 0, "sh", text))

    def follow(self, block: Block, typed: str = "") -> str:
        """Do what a block says; what it printed on standard output. `typed` is what the reader
        types at a terminal, once he is asked.
        """
        text = block.text
        if self.machine is None:
            for said, real in self.here.items():
                text = text.replace(said, real)
        if block.language == "python":
            return self._py(block, text)
        return self._shell(block, text, typed)

    def _shell(self, block: Block, text: str, typed: str) -> str:
        text = (COMPINIT if block.language == "zsh" else "") + text + SAVE
        command = [*SHELLS[block.language], text]
        if self.machine is not None:
            command = self.machine.command(self.place, *command)
        printed = self._at_terminal(command, typed) if typed else self._piped(block, command)
        pairs = (one.split("=", 1) for one in self.state.read_text().split("\0") if "=" in one)
        self.environment = dict((name, value) for name, value in pairs)
        self.place = Path(self.state.with_name("state.folder").read_text().rstrip("\n"))
        return printed

    def _piped(self, block: Block, command: list[str]) -> str:
        done = subprocess.run(
            command, env=self.environment, cwd=self.place, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=self._patience_s,
        )  # fmt: skip
        assert done.returncode == 0, f"{block.place}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def _at_terminal(self, command: list[str], typed: str) -> str:
        with tempfile.TemporaryFile("w+") as out:
            terminal = Terminal(command, self.environment, self.place, out.fileno())
            terminal.expect(": ")  # asks
            terminal.types(typed + "\n")
            status = terminal.ends()
            assert status == 0, terminal.shown
            out.seek(0)
            return out.read()

    def _py(self, block: Block, text: str) -> str:
        if self._python is None:
            self._python = self._start_python()
        path = self.folder / f"{block.page.stem}_{block.line}.py"
        path.write_text(text + "\n")
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        self._python.stdin.write(f"{path}\n")
        self._python.stdin.flush()
        answer: dict[str, Any] = json.loads(self._python.stdout.readline())
        assert answer["error"] is None, f"{block.place}: {answer['error']}"
        return str(answer["printed"])

    def _start_python(self) -> "subprocess.Popen[str]":
        own = self.place / "env" / "bin" / "python"  # the page made one
        around = dict(self.environment)
        if not own.exists():
            own = ROOT / "build/sdk-venv/bin/python"
            around["PYTHONPATH"] = str(ROOT / "sdk/python/src")
        return subprocess.Popen(
            [str(own), str(Path(__file__).with_name("session.py"))],
            env=around, cwd=self.place, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def end(self) -> None:
        """End what was started."""
        if self._python is not None:
            assert self._python.stdin is not None
            self._python.stdin.close()
            self._python.wait(30)
        if Path(self.environment["READER_SERVE"]).exists():
            subprocess.run(
                [sys.executable, SERVE, "stop"], env=self.environment, check=True, timeout=60
            )

    def leave(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder)


def settings_named(text: str) -> set[str]:
    """The variables of MecaPy that a block names."""
    return set(re.findall(r"\bMECAPY_[A-Z_]*[A-Z]\b", text))
