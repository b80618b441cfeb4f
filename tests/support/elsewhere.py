"""A server whose runs go elsewhere: bucket, worker, the gateway before it, and the API."""

import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from support.gateway import Gateway
from support.server import Server
from support.services import Managed
from support.worker import Worker

TOKEN = "a-worker's-token"


class Elsewhere:
    """All of them, started; `remove` ends them."""

    def __init__(self) -> None:
        """Start one after the other."""
        self._folder = tempfile.TemporaryDirectory(prefix="mecapy-e2e-", dir="/tmp")
        self.folder = Path(self._folder.name)
        self.folder.chmod(0o755)
        self.managed = Managed()
        self.objects = {k: v for k, v in self.managed.settings.items() if k.startswith("objects_")}
        # The container's program has the objects, and neither database nor queue.
        self.worker = Worker(self.folder, worker_token=TOKEN, **self.objects)
        self.gateway = Gateway(self.worker.url, self.folder)
        self.server = self.api_server(f"{self.gateway.url}?concurrency=4").start()

    def api_server(self, worker_url: str) -> Server:
        """A server with this bucket, not started; the caller removes it."""
        return Server(
            **self.objects,
            worker_url=worker_url,
            worker_ca=self.gateway.ca,
            worker_token=TOKEN,
            dispatcher_lease_s=2,
            dispatcher_backoff_ms=10,
        )

    def lose_worker(self) -> None:
        """Kill it; the gateway has another one from then on."""
        self.worker.kill()
        self.worker = Worker(self.folder, worker_token=TOKEN, **self.objects)
        self.gateway.worker = urlsplit(self.worker.url)

    def remove(self) -> int:
        """End them; the worker's exit status."""
        self.server.remove()
        self.gateway.close()
        status = self.worker.stop()
        self.managed.remove()
        self._folder.cleanup()
        return status
