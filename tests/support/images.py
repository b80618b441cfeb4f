"""Containers that run the commands of the images as they are, told by $PORT where to listen."""

import base64
import os
import socket
import uuid
from typing import Any, Self

import httpx

from support.api import Api
from support.container import podman, run_flags
from support.waiting import wait_until


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Contained:
    """One container of an image, made and not yet started."""

    def __init__(self, image: str, settings: dict[str, object], flags: list[str]) -> None:
        """`image` is the variable that names it; `flags` are podman's."""
        self.port = free_port()
        variables = {f"MECAPY_{name.upper()}": value for name, value in settings.items()}
        told = [f"--env={name}={value}" for name, value in variables.items()]
        made = podman(*("create", *flags, *told, f"--env=PORT={self.port}"), os.environ[image])
        assert made.returncode == 0, made.stderr
        self.name = made.stdout.strip()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Until it is ready; also another time."""
        before = self._times_ready()
        self.begin()
        wait_until("it is ready", lambda: self._times_ready() > before, 30)
        return self

    def _times_ready(self) -> int:
        return self.logs().count("is ready at")

    def begin(self) -> None:
        """Without waiting for it."""
        started = podman("start", self.name)
        assert started.returncode == 0, started.stderr

    def stop(self) -> int:
        """SIGTERM, and wait: the exit status."""
        stopped = podman("stop", "-t", "30", self.name)
        assert stopped.returncode == 0, stopped.stderr
        return int(self.inspect("{{.State.ExitCode}}"))

    def healthy(self) -> bool:
        """Whether the image's own health probe passes."""
        return podman("healthcheck", "run", self.name).returncode == 0

    def logs(self, *flags: str) -> str:
        """What it has said so far on standard output."""
        return podman("logs", *flags, self.name).stdout

    def shell(self, script: str) -> str:
        """What a script in the container prints."""
        return podman("exec", self.name, "sh", "-c", script).stdout.strip()

    def inspect(self, template: str) -> str:
        """What podman knows of it."""
        told = podman("inspect", "--format", template, self.name)
        assert told.returncode == 0, told.stderr
        return told.stdout.strip()

    def remove(self) -> None:
        """Stop it, as a host does."""
        podman("rm", "-f", "-t", "10", self.name)


class ContainedWorker(Contained):
    """The worker's image."""

    TOKEN = "token-of-the-contained-worker"

    def __init__(self, *flags: str, usual: list[str] | None = None, **settings: object) -> None:
        """`flags` are podman's, beside `usual` ones; further keyword arguments are settings."""
        everything = [*(usual or run_flags()), *flags]
        super().__init__("MECAPY_IMAGE", {"worker_token": self.TOKEN} | settings, everything)
        self.http = httpx.Client(
            base_url=self.url, headers={"X-Auth-Token": self.TOKEN}, timeout=30
        )

    def request(self, body: str, **limits: float) -> dict[str, Any]:
        """What /execute takes, with `body` indented into calculate(inputs)."""
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        code = f"import os, sys, time, ctypes\ndef calculate(inputs):\n{lines}"
        return {
            "task_id": str(uuid.uuid4()),
            "run_id": str(uuid.uuid4()),
            "code": base64.b64encode(code.encode()).decode(),
            "user_id": "u",
            "inputs": {},
            "limits": {"timeout_s": 10, "memory_mb": 256, "disk_mb": 32, "processes": 16} | limits,
        }

    def calculate(self, body: str, **limits: float) -> dict[str, Any]:
        """The answer of /execute to `body`."""
        return dict(self.http.post("/execute", json=self.request(body, **limits)).json())

    def remove(self) -> None:
        """Stop it, as a host does."""
        self.http.close()
        super().remove()


class ContainedApi(Contained):
    """The API's image, with embedded store and queue, for workers elsewhere."""

    TOKEN = "token-of-the-contained-api"

    def __init__(self, *flags: str, **settings: object) -> None:
        everything = [*run_flags(), *flags]
        super().__init__("MECAPY_API_IMAGE", {"dev_token": self.TOKEN} | settings, everything)
        self.client = Api(self.url, self.TOKEN)

    def remove(self) -> None:
        """Stop it, as a host does."""
        self.client.close()
        super().remove()
