"""The machine as root sees it, and what of it no attack may change."""

import hashlib
import os
import re
from pathlib import Path

from security.around import Around, Folders, Member, Namespaces
from security.profile import HOST, Profile
from support.processes import Process
from support.server import Server
from support.waiting import wait_until

# Of one supervisor: its zygotes' user, then one for each sandbox it can have (sandbox/sandbox.h).
_USERS = 1 + 3 * (os.cpu_count() or 1) + 4
# Old enough that it is no init being born, which looks like its zygote for a moment.
_GROWN_S = 1
# Of one process, beside those it had at the start: what sandboxes and clients need meanwhile. Each
# class sends some hundred runs.
_MORE_DESCRIPTORS = 32
# Where a file would be that got out of a sandbox.
_PUBLIC_PLACES = ("/", "/tmp", "/dev/shm", "/var/tmp", "/run", "/dev/mqueue")
# The data folder's own (main/data_folder.h), and an object's place in it.
_OWN_FILES = {"objects", "token", "tokens", "worker.sock", "serve.json", "serve.lock"} | {
    "mecapy.db" + ending for ending in ("", "-wal", "-shm", ".lock")
}
_OBJECT = re.compile(r"objects/(?:inputs|results|logs|artifacts)/([0-9a-f-]{36})[./].+")


class Host:
    """The processes, groups, mounts and files around one server."""

    def __init__(self, server: Server, profile: Profile, scratch: Path) -> None:
        self._server = server
        self._profile = profile
        self._scratch = scratch
        self.supervisor = server.supervisor()
        # Init and run of a spare have the zygote's name, but users of a higher number.
        named = [p for p in self.supervisor.children() if p.name == "mecapy-zygote"]
        first = min(int(process.status("Uid")[0]) for process in named)
        self.users = range(first, first + (1 if profile.one_user else _USERS))

    def note_the_start(self) -> None:
        """What is there now is what is to be there after each attack."""
        self._zygotes: dict[int, Process] = {}
        wait_until("a zygote is there", self._note_zygotes)
        self._roles = {role: self._server.process(role) for role in ("api", "worker")}
        self._around: Around = (
            Namespaces(self.supervisor, self._zygotes)
            if self._profile is HOST
            else Folders(self._scratch)
        )
        # As in the container, when the server is in one.
        self._root = f"/proc/{self.supervisor.pid}/root"
        self._public = self._public_files()
        self._descriptors = self._count_descriptors()

    def expect_unchanged(self, runs: set[str]) -> None:
        """After an attack: all is as it was, but for the objects of `runs`."""
        wait_until("every process that ran an author's code is gone", self._nothing_runs)
        assert self._server.supervisor() == self.supervisor
        for role, process in self._roles.items():
            assert self._server.process(role) == process, role
        assert all(zygote.alive for zygote in self._zygotes.values())
        self._note_zygotes()
        self._around.expect_unchanged()
        assert self._public_files() == self._public
        # What was being written is removed on a thread of its own.
        wait_until("half-written objects go", lambda: not self._half_written())
        assert not self._unexpected_data(runs)

    def expect_no_descriptor_kept(self) -> None:
        """After many runs: none of the platform's processes holds something of each."""
        for process, count in self._count_descriptors().items():
            assert count <= self._descriptors[process] + _MORE_DESCRIPTORS, process.name

    def memory_of_zygotes(self) -> dict[int, str]:
        """For each zygote a digest of the memory that all its forks share."""
        self._note_zygotes()
        return {pid: _shared_memory(pid) for pid in self._zygotes}

    def expect_same_memory(self, before: dict[int, str]) -> None:
        """The templates of these zygotes are byte for byte what they were."""
        for pid, digest in before.items():
            assert _shared_memory(pid) == digest, f"the template of zygote {pid} changed"

    def ranges(self, template: bool) -> list[tuple[int, int]]:
        """Where the zygotes have readable memory, or that of the template: so have their forks."""
        return [
            (begin, end)
            for pid in self._zygotes
            for begin, end, rest in _mappings(pid)
            if ("memfd:template" in rest if template else rest[0] == "r" and "[v" not in rest)
        ]

    def _note_zygotes(self) -> bool:
        """Add those that are new; whether there is one."""
        for child in self.supervisor.children():
            try:
                if self._is_zygote(child) and child.age_s > _GROWN_S and child.alive:
                    self._zygotes.setdefault(child.pid, child)
            except (OSError, KeyError):
                continue
        return bool(self._zygotes)

    def _nothing_runs(self) -> bool:
        self._note_zygotes()
        ours = self._our_members()
        spare = max(m.filters for m in ours if m.pid in self._zygotes)
        # What filled a zygote's caches and has ended is taken away at its next clone.
        others = [m for m in ours if m.pid not in self._zygotes]
        members = [m for m in others if m.ended_of not in self._zygotes]
        return all(m.filters <= spare for m in members) and self._around.is_idle(members)

    def _our_members(self) -> list[Member]:
        """The zygotes and all that came of them."""
        members = [m for m in _members() if m.user in self.users]
        if not self._profile.one_user:
            return members
        # The users of runs are nobody else's; this one may be somebody's.
        platform = {process.pid for process in self._platform()}
        space = os.readlink(f"/proc/{self.supervisor.pid}/ns/pid")
        return [m for m in members if m.namespace == space and m.pid not in platform]

    def _platform(self) -> list[Process]:
        worker = self._server.process("worker")
        return [self._server.main, self._server.process("api"), worker, self.supervisor]

    def _count_descriptors(self) -> dict[Process, int]:
        return {one: len(os.listdir(f"/proc/{one.pid}/fd")) for one in self._platform()}

    def _is_zygote(self, child: Process) -> bool:
        """An init is of the same program: it is the first process of a namespace, or has a folder.

        Both have one socket, the zygote that to the supervisor, an init that to the front.
        """
        own_namespace = len(child.status("NSpid")) > len(self.supervisor.status("NSpid"))
        return (
            child.name == "mecapy-zygote"
            and not own_namespace
            and int(child.status("Uid")[0]) == self.users.start
            and os.readlink(f"/proc/{child.pid}/fd/3").startswith("socket:")
            and not os.path.lexists(f"/proc/{child.pid}/fd/5")
        )

    def _public_files(self) -> set[str]:
        found = set()
        for place in (self._root + place for place in _PUBLIC_PLACES):
            for name in os.listdir(place) if os.path.isdir(place) else ():
                path = os.path.join(place, name)
                try:
                    user = os.lstat(path).st_uid
                except FileNotFoundError:
                    continue
                if user in self.users:
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
            namespace = os.readlink(f"/proc/{name}/ns/pid")
        except OSError:
            continue
        rows = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
        filters = int(rows.get("Seccomp_filters", "0"))
        inner = tuple(map(int, rows.get("NSpid", "").split()[1:]))
        user = int(rows["Uid"].split()[1])
        ended_of = int(rows["PPid"]) if rows["State"].startswith("Z") else None
        found.append(Member(int(name), user, filters, inner, namespace, ended_of))
    return found


def _mappings(pid: int) -> list[tuple[int, int, str]]:
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    spans = [(line.partition(" ")[0].split("-"), line.partition(" ")[2]) for line in lines]
    return [(int(begin, 16), int(end, 16), rest) for (begin, end), rest in spans]


def _shared_memory(pid: int) -> str:
    """The sealed file that the zygote's memory is mapped from (zygote/remap.h)."""
    digest = hashlib.sha256()
    shared = 0
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for begin, end, rest in _mappings(pid):
            if "memfd:template" not in rest:
                continue
            memory.seek(begin)
            digest.update(memory.read(end - begin))
            shared += end - begin
    assert shared, f"zygote {pid} shares no memory"
    return digest.hexdigest()
