"""Two servers on services of their own, with a network between that can be broken."""

import contextlib
import random
import re
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from support.api import Api
from support.processes import Process, find_process
from support.proxy import FINE, Proxy
from support.server import DEV_TOKEN, Server
from support.services import Managed, Services
from support.waiting import wait_until

LEASE_S = 1.0
ATTEMPTS = 8  # a fault of seconds must not use them up
AT_ONCE = 4  # runs at each door: some sleep
INLINE_LIMIT = 1000  # bytes: what is larger goes through the objects
PARTS = ("postgres", "redis", "s3")
_URL_OF = {"postgres": "database_url", "redis": "redis_url", "s3": "objects_url"}
_PORT = re.compile(r"127\.0\.0\.1:\d+")

# What the database itself notes: every end that is recorded, every change of an ended run but of
# what it cost (its machine is gone later), and every attempt that begins.
_RECORDER = """
CREATE TABLE recorded (run_id TEXT NOT NULL, was TEXT NOT NULL, became TEXT NOT NULL);
CREATE FUNCTION record() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO recorded VALUES (OLD.id, OLD.status, NEW.status); RETURN NULL; END $$;
CREATE TRIGGER record AFTER UPDATE OF status, finished_at, result, result_key ON runs FOR EACH ROW
  WHEN (NEW.status NOT IN ('queued', 'running') OR OLD.status NOT IN ('queued', 'running'))
  EXECUTE FUNCTION record();
CREATE TABLE claimed (run_id TEXT NOT NULL, attempt INTEGER NOT NULL, at TIMESTAMPTZ NOT NULL);
CREATE FUNCTION claim() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO claimed VALUES (NEW.id, NEW.attempt, clock_timestamp()); RETURN NULL; END $$;
CREATE TRIGGER claim AFTER UPDATE ON runs FOR EACH ROW WHEN (NEW.attempt > OLD.attempt)
  EXECUTE FUNCTION claim();
"""


class Door:
    """One server, and its own network to each service."""

    def __init__(self, services: Services, managed: Managed, chance: random.Random) -> None:
        """Not started yet."""
        self.proxies = {
            part: Proxy(lambda part=part: services.port(part), chance)  # type: ignore[misc]
            for part in PARTS
        }
        self.settings = managed.settings | {
            "dispatcher_lease_s": LEASE_S,
            "dispatcher_max_attempts": ATTEMPTS,
            "objects_inline_limit": INLINE_LIMIT,
            "worker_concurrency": AT_ONCE,
        }
        for part, name in _URL_OF.items():
            there = f"127.0.0.1:{self.proxies[part].port}"
            self.settings[name] = _PORT.sub(there, str(self.settings[name]))
        self.server = Server(**self.settings)

    def set(self, settings: dict[str, object]) -> None:
        """Settings of the server from its next start on."""
        for name, value in settings.items():
            self.server.set(name, value)

    def unready(self) -> str:
        """Which part the server says is not there; empty when all are."""
        try:
            answer = httpx.get(f"{self.server.url}/health/ready", timeout=4, trust_env=False)
        except httpx.TransportError as error:
            return repr(error)
        fine = answer.status_code == 200 and answer.json()["status"] == "ready"
        return "" if fine else answer.text

    def family(self) -> list[Process]:
        """The processes of the server that runs."""
        return [self.server.main, *self.server.main.descendants()] if self.server.running else []

    def remove(self) -> None:
        """End all of it."""
        self.server.remove()
        for proxy in self.proxies.values():
            proxy.close()


class House:
    """The services, two doors, and two users known at both."""

    def __init__(self, chance: random.Random, origin: str) -> None:
        """Start all. `origin` says where the chances come from."""
        self.origin = origin
        self.folder = Path(tempfile.mkdtemp(prefix="mecapy-faults-", dir="/tmp"))
        self.folder.chmod(0o755)  # PostgreSQL and Redis have users of their own
        self.chance = chance
        self.seen: set[Process] = set()
        self.elsewhere: object = None  # the worker of both, when it is not their own
        self._in_order = True
        with contextlib.ExitStack() as undo:
            undo.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.services = Services(self.folder)
            undo.callback(self.services.stop)
            self.services.start(*PARTS)
            self.managed = Managed(self.services)
            self.doors: list[Door] = []
            for _ in range(2):
                self.doors.append(Door(self.services, self.managed, chance))
                undo.callback(self.doors[-1].remove)
            self.users = {"ann": DEV_TOKEN, "bob": self._open_doors()}
            self.services.sql(_RECORDER, self.database_url)
            self._undo = undo.pop_all()

    def _open_doors(self) -> str:
        """Start both; the token of a second user."""
        one, two = (door.server for door in self.doors)
        one.start()
        token = one.add_user("bob")
        two.data_dir.mkdir()
        shutil.copy(one.data_dir / "tokens", two.data_dir / "tokens")
        two.start()
        return token

    def remove(self) -> None:
        """End all."""
        self._undo.close()

    @property
    def database_url(self) -> str:
        """Without a proxy between."""
        return str(self.managed.settings["database_url"])

    def sql(self, statement: str) -> str:
        """What psql prints of a statement on the servers' database."""
        return self.services.sql(statement, self.database_url)

    def api(self, door: int, user: str) -> Api:
        """A client of one door, whose patience is short."""
        client = Api(self.doors[door].server.url, self.users[user])
        client.http.timeout = httpx.Timeout(3)
        return client

    def note_processes(self) -> None:
        """Remember who is there, to know later who stayed."""
        for door in self.doors:
            self.seen.update(door.family())

    def left_over(self) -> list[Process]:
        """Processes of a server that are alive and belong to none any more."""
        family = {process for door in self.doors for process in door.family()}
        return [process for process in self.seen - family if process.alive]

    def kill_service(self, name: str) -> None:
        """SIGKILL to all processes of a service."""
        family = self.service_family(name)
        for process in family:
            process.send(signal.SIGKILL)
        wait_until(f"{name} ends", lambda: not any(p.alive for p in family))
        if name == "postgres":
            # Names a process that may be there still, as a zombie, which the next takes for alive.
            (self.folder / "postgres" / "data" / "postmaster.pid").unlink()

    @contextlib.contextmanager
    def stopped(self, find: Callable[[], list[Process]]) -> Iterator[None]:
        """SIGSTOP to processes, for a while."""
        processes = find()
        assert processes
        try:
            for process in processes:
                process.send(signal.SIGSTOP)
            yield
        finally:
            for process in processes:
                process.send(signal.SIGCONT)

    def service_family(self, name: str) -> list[Process]:
        """All processes of a service."""
        main = find_process(self.services.pid(name))
        return [main, *main.descendants()]

    @contextlib.contextmanager
    def settings(self, change: Callable[[Door], dict[str, object]]) -> Iterator[None]:
        """Both servers with other settings, for a while."""
        for door in self.doors:
            door.set(change(door))
        self._reopen()
        try:
            yield
        finally:
            for door in self.doors:
                for name in change(door).keys() - door.settings.keys():
                    door.server.unset(name)
                door.set(door.settings)
            self._reopen()

    def _reopen(self) -> None:
        for door in self.doors:
            door.server.terminate()
            door.server.start()

    @contextlib.contextmanager
    def in_order(self) -> Iterator[None]:
        """All is as it should be, also after a fault that was not over as it should."""
        if not self._in_order:
            self._repair()
        self._in_order = False
        yield
        self._in_order = True

    def _repair(self) -> None:
        for door in self.doors:
            for proxy in door.proxies.values():
                proxy.set(FINE)
        self.services.start(*PARTS)
        for number in range(len(self.doors)):
            self.ensure_open(number)

    def ensure_open(self, door: int) -> None:
        """Start a server that has ended, as whoever watches over services does."""
        server = self.doors[door].server
        if not server.running:
            server.start()
