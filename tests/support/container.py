"""Real containers without capabilities, on a host that refuses namespaces: podman and runc.

The image and the host's seccomp profiles are made by tools/container_test.sh.
"""

import os
import signal
import subprocess
from pathlib import Path

from support.processes import Process, find_process
from support.server import ROOT, Server

MECAPY = "/opt/mecapy/mecapy"
EXAMPLES = "/examples"  # in the container
NOBODY = ("--user", "1000", "--cap-drop", "all")
ROOT_AS_USUAL = ("--user", "0")  # with podman's default capabilities
_PODMAN = ("podman", "--cgroup-manager", "cgroupfs")


def podman(*arguments: str, timeout_s: float = 120) -> "subprocess.CompletedProcess[str]":
    """One podman command, to its end."""
    return subprocess.run(
        [*_PODMAN, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def run_flags(who: tuple[str, ...] = NOBODY, host: str = "MECAPY_SECCOMP") -> list[str]:
    """How the container is started, on a host with the seccomp profile that `host` names."""
    return [
        *("--network=host", "--runtime", "runc", "--ulimit", "nofile=1024:4096"),
        *("--ulimit", "nproc=4096:4096", "--memory", "1g", *who),
        *("--security-opt", f"seccomp={os.environ[host]}"),
        *("-v", f"{ROOT / 'examples'}:{EXAMPLES}:ro", "--no-healthcheck"),
    ]


def once(*command: str, flags: list[str] | None = None) -> "subprocess.CompletedProcess[str]":
    """One command in a container of its own."""
    return podman("run", "--rm", *(flags or run_flags()), os.environ["MECAPY_IMAGE"], *command)


def run_mecapy_contained(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """One command of the program, in a container of its own."""
    return once(MECAPY, *arguments)


class ContainedServer(Server):
    """`mecapy serve` in a container; its folders are also the machine's, under the same names.

    The process that was started is podman; the server's first process is the container's.
    """

    def _command(self) -> list[str]:
        folders = [self.folder, Path(self._settings["MECAPY_WORKER_SCRATCH"])]
        for folder in folders:
            os.chown(folder, 1000, 1000)
        return [
            *(*_PODMAN, "run", "--rm", "--name", self._name, *run_flags()),
            *(flag for folder in folders for flag in ("-v", f"{folder}:{folder}")),
            *(f"--env={name}={value}" for name, value in self._settings.items()),
            *(os.environ["MECAPY_IMAGE"], MECAPY, *self._arguments()),
        ]

    @property
    def _name(self) -> str:
        return self.folder.name

    @property
    def main(self) -> Process:
        """The container's first process, as the machine numbers it."""
        told = podman("inspect", "--format", "{{.State.Pid}}", self._name)
        assert told.returncode == 0, told.stderr
        return find_process(int(told.stdout))

    def process(self, role: str) -> Process:
        """The process whose number inside is `role`_pid in serve.json."""
        inside = str(self.state()[f"{role}_pid"])
        family = self.main.descendants()
        [found] = [p for p in family if p.alive and p.status("NSpid")[-1] == inside]
        return found

    def remove(self) -> None:
        """End the container, whatever its state, and remove its folder."""
        if self.running:
            self.signal(signal.SIGTERM)
            try:
                self.wait(20)
            except subprocess.TimeoutExpired:
                podman("kill", self._name)
        super().remove()
