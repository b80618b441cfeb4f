"""A real `mecapy serve` that makes machines in the simulated clouds, and is killed while it does.

The database itself notes every end that is recorded, and every change of an ended run.
"""

import contextlib
import queue
import random
import re
import shutil
import socket
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from clouds import openstack_things, scaleway_things
from clouds.boot import IMAGE, ProcessBoots
from clouds.cloud import Cloud
from clouds.fault_table import TABLE, Order
from clouds.simulate import open_clouds
from clouds.web import Json
from support.api import expect
from support.server import Server, binary
from support.services import Managed, Services
from support.waiting import wait_until

# So that no life waits for the patience that real clouds need.
SETTINGS: dict[str, object] = {
    "machines_placers": "scaleway openstack",
    "machines_capacity": 16,
    "machines_tries": 30,
    "machines_boot_s": 12,
    "machines_lease_s": 5,
    "machines_care_s": 3,
    "dispatcher_max_attempts": 12,
    "dispatcher_lease_s": 2,
    # Nothing here runs on anything else.
    "machines_reap_s": 4,
    "machines_reap_grace_s": 2,
    "router_rules": "*:dedicated_instance",
    "worker_url": "http://127.0.0.1:1",
}
# No timer of `serve` that a cloud could be waited for is longer than all of these together.
LONGEST_WAIT_S = float(
    sum(
        int(str(SETTINGS[name]))
        for name in (
            "machines_boot_s",
            "machines_lease_s",
            "machines_reap_s",
            "machines_reap_grace_s",
        )
    )
)
SCALE = 0.01
CODE = """
import time

def calculate(inputs):
    time.sleep(inputs["seconds"])
    return {"stress": inputs["force"] / 10}
"""
# What a placer asks of each cloud.
OPERATIONS = {
    "scaleway": (
        *("images", "create_address", "create", "tag_volume", "user_data", "poweron", "get"),
        *("terminate", "delete", "get_volume", "delete_volume", "get_address", "delete_address"),
        *("list", "list_volumes", "list_addresses"),
    ),
    "openstack": ("token", "create", "get", "list", "delete"),
}
_RECORDER = {
    "sqlite": """
        CREATE TABLE recorded (run_id TEXT NOT NULL, was TEXT NOT NULL, became TEXT NOT NULL);
        CREATE TRIGGER record AFTER UPDATE OF status ON runs
        WHEN NEW.status NOT IN ('queued', 'running') OR OLD.status NOT IN ('queued', 'running')
        BEGIN INSERT INTO recorded VALUES (OLD.id, OLD.status, NEW.status); END;
    """,
    "postgresql": """
        CREATE TABLE recorded (run_id TEXT NOT NULL, was TEXT NOT NULL, became TEXT NOT NULL);
        CREATE FUNCTION record() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          INSERT INTO recorded VALUES (OLD.id, OLD.status, NEW.status); RETURN NULL; END $$;
        CREATE TRIGGER record AFTER UPDATE OF status ON runs FOR EACH ROW
          WHEN (NEW.status NOT IN ('queued', 'running') OR OLD.status NOT IN ('queued', 'running'))
          EXECUTE FUNCTION record();
    """,
}


def cloud_settings(urls: dict[str, str]) -> dict[str, object]:
    """Of the placers; many kinds of machine, as one that was refused is not asked for at once."""
    id, secret = openstack_things.CREDENTIAL
    kinds = [name for name in scaleway_things.TYPES if name.startswith(("DEV1", "GP1", "PRO2"))]
    flavors = [f"b2-{number}:2:4096={id}" for number, id in enumerate(openstack_things.FLAVORS)]
    return {
        "machines_worker_image": IMAGE,
        "machines_scaleway_api_url": urls["scaleway"],
        "machines_scaleway_secret_key": scaleway_things.TOKEN,
        "machines_scaleway_project": scaleway_things.PROJECT,
        "machines_scaleway_zones": " ".join(scaleway_things.ZONES[:4]),
        "machines_scaleway_types": " ".join(f"{name}:2:2048" for name in kinds),
        "machines_openstack_auth_url": urls["openstack"] + "/v3",
        "machines_openstack_region": openstack_things.REGION,
        "machines_openstack_credential_id": id,
        "machines_openstack_credential_secret": secret,
        "machines_openstack_image": openstack_things.IMAGE,
        "machines_openstack_network": openstack_things.NETWORK,
        "machines_openstack_flavors": " ".join(flavors),
    }


class Killer:
    """Kills `serve` at steps of what it asks of clouds, each step once: before it, and after it.

    Before it, the cloud has the request and does nothing; after it, all is done and nobody is told.
    """

    def __init__(self, kill: Callable[[], None], steps: Sequence[tuple[str, bool]]) -> None:
        """A step is an operation of a cloud, and whether it is done."""
        self._kill = kill
        self._steps = list(steps)
        self._lock = threading.Lock()
        self._armed = -1  # requests until it is; less than none: it is not
        self.killed: list[tuple[str, bool]] = []
        self.news: queue.Queue[tuple[str, bool]] = queue.Queue()

    def tap(self, operation: str, answered: bool) -> bool:
        """See cloud.Tap."""
        step = (operation, answered)
        with self._lock:
            self._armed = max(self._armed - 1, 0) if self._armed >= 0 else -1
            if self._armed != 0 or step not in self._steps:
                return False
            self._steps.remove(step)
            self._armed = -1
            self._kill()
            self.killed.append(step)
        self.news.put(step)
        return True

    def strike(self) -> None:
        """Kill it now, if it is up to be."""
        with self._lock:
            if self._armed < 0:
                return
            self._armed = -1
            self._kill()
            self.killed.append(("any moment", False))
        self.news.put(self.killed[-1])

    def arm(self, after: int) -> None:
        """After so many requests the next step that is listed is its last one."""
        with self._lock:
            self._armed = 2 * after + 1

    def disarm(self) -> None:
        """It lives."""
        with self._lock:
            self._armed = -1

    @property
    def left(self) -> list[tuple[str, bool]]:
        """Steps at which it was not killed."""
        with self._lock:
            return list(self._steps)


class House:
    """One server, its store, both clouds and their machines."""

    def __init__(self, store: str, seed: int, rate: float = 0.0, clock: float = 1.0) -> None:
        """Start all; faults by chance come at `rate` times what their table says.

        Timers on machines run by `clock` times their length.
        """
        self.store = store
        self.seed = seed
        self.chance = random.Random(seed)
        self.folder = Path(tempfile.mkdtemp(prefix="mecapy-lives-", dir="/tmp"))
        self.folder.chmod(0o755)
        with contextlib.ExitStack() as undo:
            undo.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.boots = ProcessBoots(self.folder / "machines", binary(), seed, clock)
            undo.callback(self.boots.close)
            self.met = 0  # fates that came
            self.boots.told = self._met_its_fate
            opened = open_clouds(["scaleway", "openstack"], SCALE, self.boots, seed, rate)
            for _, listener in opened.values():
                undo.callback(listener.close)
            self.clouds: dict[str, Cloud] = {name: cloud for name, (cloud, _) in opened.items()}
            urls = {name: listener.url for name, (_, listener) in opened.items()}
            settings = SETTINGS | cloud_settings(urls)
            if store == "sqlite":
                objects = self.folder / "objects"
                objects.mkdir(mode=0o777)
                objects.chmod(0o777)  # serve is no root
                settings |= {"objects_url": f"file://{objects}"}
            else:
                self.services = Services(self.folder)
                undo.callback(self.services.stop)
                self.services.start("postgres", "redis", "s3")
                self.managed = Managed(self.services)
                settings |= self.managed.settings
            self.server = Server(**settings)
            undo.callback(self.server.remove)
            self._open()
            self.api = self.server.api()
            self._undo = undo.pop_all()

    def _open(self) -> None:
        """Start the server where machines can reach it, with a database that notes the ends."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.server.port = free.getsockname()[1]
        self.server.set("machines_home_url", self.server.url)
        self.server.start()
        self.server.terminate()
        self.sql(_RECORDER[self.store], script=True)
        self.server.start()

    def close(self) -> None:
        """End all."""
        self._undo.close()

    def sql(self, statement: str, script: bool = False) -> list[list[str]]:
        """The rows of a statement on the server's database."""
        if self.store == "postgresql":
            told = self.services.sql(statement, str(self.managed.settings["database_url"]))
            return [line.split("|") for line in told.splitlines()]
        [file] = self.server.data_dir.glob("*.db")
        with contextlib.closing(sqlite3.connect(file, timeout=20)) as database:
            if script:
                database.executescript(statement)
                return []
            return [[str(value) for value in row] for row in database.execute(statement)]

    # ---- faults

    def _met_its_fate(self, server: str, fate: str, on: bool) -> None:
        """It counts when it was on, and its run waits for it still."""
        for cloud in self.clouds.values():
            if not any(server in one.get("path", "") for one in list(cloud.requests)):
                continue  # it is the other's
            names = [one["name"] for one in cloud.state()["servers"] if one["id"] == server]
            wanted = any(self._is_wanted(name.removeprefix("mecapy-")) for name in names)
            cloud.faults.met(fate, bit=on and wanted)
            self.met += 1

    def _is_wanted(self, machine: str) -> bool:
        """Whether its run has not ended, and has no later machine."""
        rows = self.sql(
            "SELECT COUNT(*) FROM machines m JOIN runs r ON r.id = m.run_id"
            f" WHERE m.id = '{machine}' AND r.status IN ('queued', 'running') AND NOT EXISTS"
            " (SELECT 1 FROM machines x WHERE x.run_id = m.run_id AND x.made_at > m.made_at)"
        )
        return int(rows[0][0]) == 1

    def order_each_fault(self, first: int) -> None:
        """Of each cloud each fault of the table, where it hurts most and at one more operation.

        It comes after less than `first` times of what it befalls.
        """
        for name, cloud in self.clouds.items():
            cloud.faults.slow_s, cloud.faults.patience_s = 0.3, 1.0
            for fault in TABLE:
                if name not in fault.apis:
                    continue
                on = [operation for operation in fault.on if operation in OPERATIONS[name]]
                for operation in (on[0], self.chance.choice(on)):
                    after = self.chance.randrange(first)
                    cloud.faults.order([Order(fault, operation, 1, after)])

    @staticmethod
    def steps() -> list[tuple[str, bool]]:
        """What is asked of either cloud while a machine is made and taken away."""
        return [
            (f"{cloud} {operation}", answered)
            for cloud, operations in OPERATIONS.items()
            for operation in operations
            for answered in (False, True)
        ]

    def listen_in(self, killer: Killer) -> None:
        """Have it told of all requests."""
        for name, cloud in self.clouds.items():

            def tap(operation: str, answered: bool, name: str = name) -> bool:
                return killer.tap(f"{name} {operation}", answered)

            cloud.tap = tap

    def calm(self) -> None:
        """The clouds work well from now on."""
        for cloud in self.clouds.values():
            cloud.faults.forget()

    # ---- runs

    def submit(
        self, number: int, seconds: float, memory_mb: int = 256, patience_s: float = 0
    ) -> str:
        """A run that wants a machine; its id. It is `number` whose stress is asked for.

        What is large goes where larger machines are: over 1 GiB to the other cloud. While the
        server is away it is asked again, for so long.
        """
        body: Json = {
            "code": CODE,
            "inputs": {"force": number, "seconds": seconds},
            "limits": {"timeout_s": 60, "memory_mb": memory_mb},
        }
        headers = {"Idempotency-Key": f"life-{number}"}
        deadline = time.monotonic() + patience_s
        while True:
            try:
                answer = self.api.post("/api/tasks/execute", body, headers=headers)
                return str(expect(answer, 202)["run_id"])
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)  # nothing announces to a client that a server is back

    def read(self, run_id: str) -> Json:
        """One run, with its result."""
        return self.api.read(f"/api/runs/{run_id}/results")

    def unfinished(self) -> int:
        """How many runs wait or run."""
        return int(
            self.sql("SELECT COUNT(*) FROM runs WHERE status IN ('queued', 'running')")[0][0]
        )

    def left(self) -> dict[str, Any]:
        """What is there of machines, in clouds, here and in the store; empty when all is gone."""
        found: dict[str, Any] = {}
        for name, cloud in self.clouds.items():
            state = cloud.state()
            for kind in ("servers", "volumes", "addresses", "pending"):
                if state[kind]:
                    found[f"{name} {kind}"] = state[kind]
        if running := self.boots.running():
            found["running"] = running
        rows = self.sql("SELECT id, state, parts, said FROM machines WHERE state <> 'gone'")
        if rows:
            found["rows"] = rows
        return found

    def history(self, text: str) -> str:
        """The requests that named a machine which is named in `text`, or a part of it."""
        machines = set(re.findall(r"mecapy-machine['=: ]+([0-9a-f-]{36})", text))
        machines |= {row[0] for row in self.sql("SELECT id FROM machines WHERE state <> 'gone'")}
        lines = []
        for machine in sorted(machines):
            lines.append(machine)
            ids = {machine}
            for cloud in self.clouds.values():
                for one in cloud.requests:
                    asked = f"{one['path']} {one['query']} {one['body']}"
                    if any(id in asked for id in ids):
                        came = f"{one['status']} {one['fault']}"
                        lines.append(f"  {one['operation']} {one['path'][-60:]} {came}")
                        ids |= set(re.findall(r"/(?:servers|volumes|ips)/([0-9a-f-]{36})", asked))
        return "\n".join(lines[:200])

    def played(self) -> Counter[str]:
        """Faults, by name, of both clouds."""
        return sum((cloud.faults.played for cloud in self.clouds.values()), Counter[str]())

    def wrong(self) -> list[str]:
        """What they were told that the facts do not know, and where a simulator failed."""
        found = [
            f"{name}: {one}"
            for name, cloud in self.clouds.items()
            for one in cloud.state()["violations"] + cloud.state()["crashes"]
        ]
        consoles = self.boots.consoles()
        return (
            found + self.boots.wrong + [line for line in consoles.splitlines() if " WRONG " in line]
        )


def none_left(house: House, timeout_s: float) -> None:
    """Wait until nothing is; tell of what stays what was asked for it."""
    try:
        wait_until("nothing is left", lambda: not house.left(), timeout_s)
    except AssertionError as late:
        left = house.left()
        raise AssertionError(f"{late}: {left}\n{house.history(str(left))}") from late
