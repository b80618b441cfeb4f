"""The worker of both servers behind one gateway, over HTTPS, in place of their own."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from faults.house import AT_ONCE, INLINE_LIMIT, House
from support.gateway import Gateway
from support.processes import find_process
from support.waiting import wait_until
from support.worker import Worker

_TOKEN = "a-worker's-token"
_LEAST_CALLS = 18  # while answers are lost, six of them so
# What befalls calls one after the other: few enough that no run uses up its attempts.
_TROUBLE = (
    "lost",
    "",
    "",
    "half",
    "",
    "",
    "504",
    "",
    "",
    503,
    "",
    "",
    "reset",
    "",
    "",
    502,
    "",
    "",
)


class Elsewhere:
    """A worker, and the gateway before it; the worker can be killed."""

    def __init__(self, folder: Path, objects: dict[str, object]) -> None:
        """Start both. `objects` are the settings of where the worker keeps what it makes."""
        self._folder = folder
        self._settings = objects | {
            "worker_token": _TOKEN,
            "objects_inline_limit": INLINE_LIMIT,
            "worker_concurrency": 2 * AT_ONCE,
        }
        self.worker = Worker(folder, **self._settings)
        self.gateway = Gateway(self.worker.url, folder)

    @property
    def settings(self) -> dict[str, object]:
        """Of a server that sends its runs here."""
        return {
            "worker_url": f"{self.gateway.url}?concurrency={AT_ONCE}",
            "worker_ca": self.gateway.ca,
            "worker_token": _TOKEN,
        }

    def kill_worker(self) -> None:
        """SIGKILL to the worker; all it had started goes with it."""
        main = find_process(self.worker.pid)
        family = [main, *main.descendants()]
        self.worker.kill()
        wait_until("the worker ends", lambda: not any(one.alive for one in family))

    def start_worker(self) -> None:
        """Another one, at another port."""
        self.worker = Worker(self._folder, **self._settings)
        self.gateway.worker = urlsplit(self.worker.url)

    def remove(self) -> None:
        """End both."""
        self.gateway.close()
        self.worker.stop()


@contextlib.contextmanager
def works_elsewhere(house: House) -> Iterator[None]:
    """Both servers have no worker of their own."""
    folder = house.folder / "elsewhere"
    folder.mkdir(mode=0o755, exist_ok=True)
    managed = house.managed.settings
    own = Elsewhere(folder, {k: v for k, v in managed.items() if k.startswith("objects_")})
    house.elsewhere = own
    try:
        with house.settings(lambda _: own.settings):
            yield
    finally:
        house.elsewhere = None
        own.remove()


def _elsewhere(house: House) -> Elsewhere:
    assert isinstance(house.elsewhere, Elsewhere), "runs are not sent elsewhere"
    return house.elsewhere


@contextlib.contextmanager
def worker_killed(house: House) -> Iterator[None]:
    """SIGKILL to the worker elsewhere; after a while its gateway has another."""
    own = _elsewhere(house)
    own.kill_worker()
    yield
    own.start_worker()


@contextlib.contextmanager
def answers_lost(house: House) -> Iterator[None]:
    """The gateway loses calls and answers, breaks them off, and answers for its worker."""
    gateway = _elsewhere(house).gateway
    gateway.faults.extend(4 * _TROUBLE)
    put = len(gateway.faults)
    yield
    met = put - len(gateway.faults)
    gateway.faults.clear()
    assert met >= _LEAST_CALLS, f"{met} calls came to the gateway"
