"""`mecapy worker` alone, as a container runs it, as a process of its own."""

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx

from support.server import binary, environment


class Worker:
    """One worker on a free port of loopback, with a folder for its objects."""

    def __init__(self, folder: Path, **settings: object) -> None:
        """Keyword arguments are settings; returns when it says that it is ready."""
        self.data_dir = folder / "data"
        self._process = subprocess.Popen(
            [str(binary()), "worker", "--port", "0", "--data-dir", str(self.data_dir)],
            env=environment({f"MECAPY_{k.upper()}": str(v) for k, v in settings.items()}),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("MecaPy worker is ready at "), line
        self.url = line.split()[-1]
        self.http = httpx.Client(base_url=self.url, timeout=30)

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._process.pid

    def put_object(self, key: str, text: str) -> None:
        """Put an object where the worker's user can read it."""
        path = self.data_dir / "objects" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.parent.chmod(0o755)
        path.chmod(0o644)

    def stored_result(self, answer: dict[str, Any]) -> Any:
        """The result an answer names by its key."""
        return json.loads(self.stored(answer["result_key"]))

    def stored(self, key: str) -> str:
        """The text of an object."""
        return (self.data_dir / "objects" / key).read_text()

    @property
    def running(self) -> bool:
        """Whether the process that was started still runs."""
        return self._process.poll() is None

    def terminate(self) -> None:
        """SIGTERM, and no more."""
        self._process.terminate()

    def wait(self) -> int:
        """Wait until it has ended by itself; the exit status."""
        return self._process.wait(timeout=30)

    def kill(self) -> None:
        """SIGKILL to the process that was started, and wait for it."""
        self.http.close()
        self._process.kill()
        self._process.wait(timeout=30)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.http.close()
        self._process.terminate()
        return self._process.wait(timeout=30)
