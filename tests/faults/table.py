"""Every fault, as one table: what is done, for how long, and how soon all is normal again."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from faults.elsewhere import answers_lost, worker_killed, works_elsewhere
from faults.house import PARTS, Door, House
from faults.stops import SLOW_S, answered_late, stopped_amid_runs
from support.processes import Process
from support.proxy import FINE, Network
from support.waiting import wait_until

# The fault is there within the context.
Act = Callable[[House], AbstractContextManager[None]]

CLOCKS_APART_S = 60
_FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
_DISK = "16m"


@dataclass(frozen=True)
class Fault:
    """One row. `stage` is how the house is from before the load until all was judged."""

    name: str
    act: Act
    hold_s: float
    normal_s: float  # from the end of the fault until both doors are ready and a run goes through
    may_repeat: bool = True  # a run may need another attempt
    stage: Act = lambda _: contextlib.nullcontext()
    slow_s: float = 0  # so long sleep some runs of the load


def _victims(house: House, door: int, role: str) -> list[Process]:
    server = house.doors[door].server
    if role == "main":
        return [server.main]
    return [server.supervisor() if role == "supervisor" else server.process(role)]


def killed(role: str) -> Act:
    """SIGKILL to a process of one server; one that ends with it is started again."""

    @contextlib.contextmanager
    def act(house: House) -> Iterator[None]:
        door = house.chance.randrange(2)
        [victim] = _victims(house, door, role)
        victim.send(signal.SIGKILL)
        wait_until(f"{role} ends", lambda: not victim.alive)
        yield
        if role in ("main", "api"):
            wait_until("the server ends", lambda: not house.doors[door].server.running)
        house.ensure_open(door)

    return act


def stopped(role: str) -> Act:
    """SIGSTOP to a process of one server, and SIGCONT."""

    def act(house: House) -> AbstractContextManager[None]:
        door = house.chance.randrange(2)
        return house.stopped(lambda: _victims(house, door, role))

    return act


def service_killed(name: str) -> Act:
    """SIGKILL to all processes of a service, which is started again."""

    @contextlib.contextmanager
    def act(house: House) -> Iterator[None]:
        house.kill_service(name)
        yield
        house.services.start(name)

    return act


def service_stopped(name: str) -> Act:
    """SIGSTOP to all processes of a service, and SIGCONT."""
    return lambda house: house.stopped(lambda: house.service_family(name))


@contextlib.contextmanager
def postgres_restarted(house: House) -> Iterator[None]:
    """Immediate shutdowns amid commits, each with a new start."""
    for _ in range(3):
        [main, *_] = house.service_family("postgres")
        main.send(signal.SIGQUIT)
        wait_until("PostgreSQL ends", lambda main=main: not main.alive)  # type: ignore[misc]
        house.services.start("postgres")
    yield


def repeatedly(what: Callable[[House], None]) -> Act:
    """Something that is done again and again."""

    @contextlib.contextmanager
    def act(house: House) -> Iterator[None]:
        stop = threading.Event()

        def work() -> int:
            times = 0
            while not stop.wait(0.1):
                what(house)
                times += 1
            return times

        with ThreadPoolExecutor() as pool:
            working = pool.submit(work)
            try:
                yield
            finally:
                stop.set()
            assert working.result(), "it was not done once"

    return act


def flush(house: House) -> None:
    """Empty Redis."""
    house.services.redis("FLUSHALL")


def deliver_again(house: House) -> None:
    """A second and third message for runs that wait, run, or have ended a moment ago."""
    ids = house.sql("SELECT id FROM runs ORDER BY id DESC LIMIT 30").split()
    lines = [f"XADD mecapy:jobs * run {run_id}" for run_id in ids for _ in range(2)]
    answers = house.services.redis(commands="\n".join(lines)).split()
    assert len(answers) == len(lines), answers  # an entry's id for each


def network(state: Network, *parts: str, doors: int = 2) -> Act:
    """A network that is so, between some services and one door or both."""

    @contextlib.contextmanager
    def act(house: House) -> Iterator[None]:
        first = house.chance.randrange(2)
        hit = [house.doors[(first + n) % 2] for n in range(doors)]
        proxies = [door.proxies[part] for door in hit for part in parts or PARTS]
        before = sum(proxy.resets for proxy in proxies)
        for proxy in proxies:
            proxy.set(state)
        try:
            yield
        finally:
            for proxy in proxies:
                proxy.set(FINE)
        broken = sum(proxy.resets for proxy in proxies) - before
        assert broken or not (state.reset_after or state.lose), "no connection was broken"

    return act


def together(*acts: Act) -> Act:
    """Several faults at once; the last is over first."""

    @contextlib.contextmanager
    def act(house: House) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for one in acts:
                stack.enter_context(one(house))
            yield

    return act


def nothing(_: House) -> AbstractContextManager[None]:
    """No fault but the stage."""
    return contextlib.nullcontext()


def made_at(uuid7: str) -> float:
    """When its maker thought it was, in seconds since 1970."""
    return int(uuid7.replace("-", "")[:12], 16) / 1000


@contextlib.contextmanager
def clocks_apart(house: House) -> Iterator[None]:
    """The second server's clock is a minute ahead of the first's and of the services'."""
    assert _FAKETIME.is_file(), "install libfaketime"
    server = house.doors[1].server
    surroundings = {
        "LD_PRELOAD": str(_FAKETIME),
        "FAKETIME": f"+{CLOCKS_APART_S}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    server.terminate()
    server.surroundings = surroundings
    server.start()
    try:
        for role in ("api", "worker"):
            maps = Path(f"/proc/{server.process(role).pid}/maps").read_text()
            assert str(_FAKETIME) in maps, f"the {role} process has the clock of all others"
        with house.api(1, "ann") as api:
            made = api.create("def calculate(inputs):\n    return 1\n")
        ahead_s = made_at(made["id"]) - time.time()
        assert abs(ahead_s - CLOCKS_APART_S) < 5, f"the clock is {ahead_s:.0f} s ahead"
        yield
    finally:
        server.terminate()
        server.surroundings = {}
        server.start()


@contextlib.contextmanager
def objects_on_a_small_disk(house: House) -> Iterator[None]:
    """Both servers keep their objects in one folder, which is a small disk."""
    disk = house.folder / "disk"
    disk.mkdir()
    owner = house.doors[0].server.data_dir.stat()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK},mode=1777", "tmpfs", str(disk)]
    subprocess.run(mount, check=True)
    (disk / "objects").mkdir()
    os.chown(disk / "objects", owner.st_uid, owner.st_gid)
    try:
        with house.settings(lambda _: {"objects_url": f"file://{disk}/objects"}):
            yield
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
        disk.rmdir()


@contextlib.contextmanager
def disk_full(house: House) -> Iterator[None]:
    """No byte more fits under the objects folder."""
    ballast = house.folder / "disk" / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    yield
    assert shutil.disk_usage(ballast.parent).free == 0, "something made room"
    ballast.unlink()


@contextlib.contextmanager
def postgres_in_plain_text(house: House) -> Iterator[None]:
    """Both servers speak to PostgreSQL without TLS, so that its answers can be told apart."""

    def plain(door: Door) -> str:
        return str(door.settings["database_url"]).partition("?")[0] + "?sslmode=disable"

    with house.settings(lambda door: {"database_url": plain(door)}):
        yield


CUT = Network(cut=True)
SLOW = Network(delay_s=0.05)
BREAKS = Network(reset_after=6000)

FORGETS = Network(lose=b"COMMIT\0", lose_share=0.2)

SINGLE = (
    Fault("api killed", killed("api"), 1, 10),
    Fault("launcher killed", killed("main"), 1, 10),
    Fault("worker killed", killed("worker"), 1, 10),
    Fault("supervisor killed", killed("supervisor"), 1, 10),
    Fault("api stopped", stopped("api"), 2.5, 10),
    Fault("worker stopped", stopped("worker"), 2.5, 10),
    Fault("supervisor stopped", stopped("supervisor"), 2.5, 10),
    Fault("server stopped amid runs", stopped_amid_runs, 2.5, 10),
    Fault("api stopped: it answers after its leases", answered_late, 0.5, 10, slow_s=SLOW_S),
    Fault("postgres killed", service_killed("postgres"), 1, 15),
    Fault("postgres stopped", service_stopped("postgres"), 2.5, 15),
    Fault("postgres restarted amid commits", postgres_restarted, 0, 15),
    Fault(
        "answers to commits lost",
        network(FORGETS, "postgres"),
        2.5,
        10,
        stage=postgres_in_plain_text,
    ),
    Fault("redis killed", service_killed("redis"), 1, 10),
    Fault("redis stopped", service_stopped("redis"), 2.5, 10),
    Fault("redis flushed", repeatedly(flush), 2, 10),
    Fault("messages delivered again", repeatedly(deliver_again), 2, 10, may_repeat=False),
    Fault("s3 killed", service_killed("s3"), 1, 10),
    Fault("s3 stopped", service_stopped("s3"), 2.5, 10),
    Fault("disk full under the objects", disk_full, 1, 10, stage=objects_on_a_small_disk),
    Fault("one door cut off", network(CUT, doors=1), 2.5, 15),
    *(Fault(f"{part} cut off", network(CUT, part), 2.5, 15) for part in PARTS),
    *(Fault(f"{part} slow", network(SLOW, part), 2.5, 10) for part in PARTS),
    *(Fault(f"{part} breaks half-way", network(BREAKS, part), 2.5, 10) for part in PARTS),
    Fault("worker elsewhere killed", worker_killed, 1, 15, stage=works_elsewhere),
    Fault("answers from elsewhere lost", answers_lost, 2, 15, stage=works_elsewhere),
    Fault("clocks a minute apart", nothing, 2.5, 10, may_repeat=False, stage=clocks_apart),
)

TOGETHER = (
    Fault("redis flushed, worker killed", together(repeatedly(flush), killed("worker")), 1, 10),
    Fault(
        "api killed, postgres killed", together(killed("api"), service_killed("postgres")), 1, 15
    ),
    Fault(
        "s3 breaks, redis cut off", together(network(BREAKS, "s3"), network(CUT, "redis")), 2, 15
    ),
    Fault("clocks apart, a server stopped", stopped_amid_runs, 2.5, 10, stage=clocks_apart),
)

FAULTS = (*SINGLE, *TOGETHER)
