"""The machine as root sees it, and what of it no attack may change."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from support.processes import Process, find_process
from support.server import Server
from support.waiting import wait_until

# Of one supervisor: its zygotes' user, then one for each sandbox it can have (sandbox/sandbox.h).
_USERS = 1 + 3 * (os.cpu_count() or 1) + 4
# Where a file would be that got out of a sandbox.
_PUBLIC_PLACES = ("/", "/tmp", "/dev/shm", "/var/tmp", "/run", "/dev/mqueue")
# The data folder's own (main/data_folder.h), and an object's place in it.
_OWN_FILES = {"objects", "token", "tokens", "worker.sock", "serve.json", "serve.lock"} | {
    "mecapy.db" + ending for ending in ("", "-wal", "-shm", ".lock")
}
_OBJECT = re.compile(r"objects/(?:inputs|results|logs|artifacts)/([0-9a-f-]{36})[./].+")


@dataclass(frozen=True)
class Member:
    """A process. A spare sandbox's has the zygote's filter only; a run's has its own as well."""

    pid: int
    user: int
    filters: int
    inner_pids: tuple[int, ...]  # outermost namespace first


class Host:
    """The processes, groups, mounts and files around one server, as they were at its start."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.supervisor = server.supervisor()
        zygote = server.zygote()
        assert zygote is not None
        first = int(zygote.status("Uid")[0])
        self._users = range(first, first + _USERS)
        self._zygotes: dict[int, Process] = {}
        self._note_zygotes()
        self._roles = {role: server.process(role) for role in ("api", "worker")}
        self._groups = self._find_groups()
        assert self._groups, "no cgroup is there to look at"
        self._mounts = _own_mounts()
        self._template_mounts = {pid: _mounts(str(pid)) for pid in self._zygotes}
        self._public = self._public_files()

    def expect_unchanged(self, runs: set[str]) -> None:
        """After an attack: all is as it was, but for the objects of `runs`."""
        wait_until("every process that ran an author's code is gone", self._nothing_runs)
        assert self._server.supervisor() == self.supervisor
        for role, process in self._roles.items():
            assert self._server.process(role) == process, role
        assert all(zygote.alive for zygote in self._zygotes.values())
        self._note_zygotes()
        assert _own_mounts() <= self._mounts
        for pid, before in self._template_mounts.items():
            assert _mounts(str(pid)) == before
        assert self._public_files() == self._public
        # What was being written is removed on a thread of its own.
        wait_until("half-written objects go", lambda: not self._half_written())
        assert not self._unexpected_data(runs)

    def memory_of_zygotes(self) -> dict[int, str]:
        """For each zygote a digest of the memory that all its forks share."""
        self._note_zygotes()
        return {pid: _shared_memory(pid) for pid in self._zygotes}

    def expect_same_memory(self, before: dict[int, str]) -> None:
        """The templates of these zygotes are byte for byte what they were."""
        for pid, digest in before.items():
            assert _shared_memory(pid) == digest, f"the template of zygote {pid} changed"

    def _note_zygotes(self) -> None:
        for child in self.supervisor.children():
            try:
                first_of_all = len(child.status("NSpid")) == 1 and child.name == "mecapy-zygote"
            except (OSError, KeyError):
                continue
            if first_of_all and child.alive:
                self._zygotes.setdefault(child.pid, child)

    def _nothing_runs(self) -> bool:
        members = [m for m in _members() if m.user in self._users and m.pid not in self._zygotes]
        running = [m for m in members if m.filters > 1 or (m.inner_pids and m.inner_pids[-1] > 2)]
        grouped = {pid: group for group in self._groups for pid in _group_pids(group)}
        known = {m.pid for m in members}
        # Init and the prepared run: a spare has two processes, each in every group of its slot.
        crowded = [g for g in self._groups if len(_group_pids(g)) > 2]
        strays = [pid for pid in grouped if pid not in known and _exists(pid)]
        return not (running or crowded or strays)

    def _find_groups(self) -> list[Path]:
        name = f"mecapy-{self.supervisor.pid}"
        found = [
            Path(folder)
            for folder, _, _ in os.walk("/sys/fs/cgroup")
            if Path(folder).parent.name == name
        ]
        return sorted(found)

    def _public_files(self) -> set[str]:
        found = set()
        for place in _PUBLIC_PLACES:
            for name in os.listdir(place) if os.path.isdir(place) else ():
                path = os.path.join(place, name)
                try:
                    user = os.lstat(path).st_uid
                except FileNotFoundError:
                    continue
                if user in self._users:
                    found.add(path)
        return found

    def _half_written(self) -> list[Path]:
        return list((self._server.data_dir / "objects" / ".tmp").iterdir())

    def _unexpected_data(self, runs: set[str]) -> list[str]:
        unexpected = []
        for path in self._server.data_dir.rglob("*"):
            name = str(path.relative_to(self._server.data_dir))
            if name.startswith("objects/") and path.is_dir() and not path.is_symlink():
                continue
            object_of = _OBJECT.fullmatch(name)
            if name not in _OWN_FILES and not (object_of and object_of[1] in runs):
                unexpected.append(name)
        return unexpected


def _members() -> list[Member]:
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            text = Path(f"/proc/{name}/status").read_text()
        except OSError:
            continue
        rows = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
        filters = int(rows.get("Seccomp_filters", "0"))
        inner = tuple(map(int, rows.get("NSpid", "").split()[1:]))
        found.append(Member(int(name), int(rows["Uid"].split()[1]), filters, inner))
    return found


def _group_pids(group: Path) -> list[int]:
    try:
        return [int(line) for line in (group / "cgroup.procs").read_text().split()]
    except OSError:  # made anew for the next spare
        return []


def _exists(pid: int) -> bool:
    try:
        return find_process(pid).alive
    except ProcessLookupError:
        return False


def _mounts(pid: str) -> set[str]:
    lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    return {" ".join(line.split()[3:]) for line in lines}


def _own_mounts() -> set[str]:
    """Of what is mounted on the machine, what is of a sandbox by its name: others mount as well."""
    return {line for line in _mounts("self") if "mecapy" in line}


def _shared_memory(pid: int) -> str:
    """The sealed file that the zygote's memory is mapped from (zygote/remap.h)."""
    digest = hashlib.sha256()
    shared = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            if "memfd:template" not in line:
                continue
            begin, end = (int(part, 16) for part in line.split()[0].split("-"))
            memory.seek(begin)
            digest.update(memory.read(end - begin))
            shared += end - begin
    assert shared, f"zygote {pid} shares no memory"
    return digest.hexdigest()
