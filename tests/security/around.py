"""What holds the sandboxes of a worker together, seen from outside: it differs by profile."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from support.processes import Process, find_process
from support.waiting import wait_until

_MOST_OF_A_SPARE = 2  # processes: init and the prepared run


@dataclass(frozen=True)
class Member:
    """A process. A spare sandbox's has the zygote's filter only; a run's has its own as well."""

    pid: int
    user: int
    filters: int
    inner_pids: tuple[int, ...]  # of the namespaces below the machine's, outermost first
    namespace: str  # of processes
    ended_of: int | None  # the parent that has yet to take it away


class Around(Protocol):
    """The part of the machine that one profile uses."""

    def is_idle(self, members: list[Member]) -> bool:
        """Whether of the members, zygotes aside, no sandbox has more than a spare has."""

    def expect_unchanged(self) -> None:
        """Nothing is there that was not at the start, and the other way round."""


class Namespaces:
    """Profile host: groups of limits, and mounts."""

    def __init__(self, supervisor: Process, zygotes: dict[int, Process]) -> None:
        self._supervisor = supervisor
        self._groups = _find_groups(supervisor)
        assert self._groups, "no cgroup is there to look at"
        self._mounts = _own_mounts()
        self._template_mounts = {pid: _mounts(str(pid)) for pid in zygotes}

    def is_idle(self, members: list[Member]) -> bool:
        """Each process is in the groups of its sandbox, and no other is; no run is in a spare.

        No group is new; one is not there for a moment, while it is made anew.
        """
        if any(m.inner_pids and m.inner_pids[-1] > _MOST_OF_A_SPARE for m in members):
            return False
        grouped = {pid: group for group in self._groups for pid in _group_pids(group)}
        known = {m.pid for m in members}
        crowded = [g for g in self._groups if len(_group_pids(g)) > _MOST_OF_A_SPARE]
        strays = [pid for pid in grouped if pid not in known and _exists(pid)]
        return not (crowded or strays) and _find_groups(self._supervisor) == self._groups

    def expect_unchanged(self) -> None:
        """No mount is new, none of a template is another one."""
        assert _own_mounts() <= self._mounts
        for pid, before in self._template_mounts.items():
            assert _mounts(str(pid)) == before


class Folders:
    """Profile container: a folder for each sandbox, where its run is, beside its init."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        [self._own] = scratch.iterdir()
        ready = self._own / "cache" / "ready"
        wait_until("the cache of fonts is there", ready.exists, 60)
        self._cache = self._look_at_cache()

    def is_idle(self, members: list[Member]) -> bool:
        """In each folder one process waits, its user has no more than spares have."""
        waiting: dict[int, list[Path]] = {}
        for member in members:
            folder = self._folder_of(member.pid)
            waiting.setdefault(member.user, []).extend([folder] if folder else [])
        users = [m.user for m in members]
        crowded = any(users.count(u) > _MOST_OF_A_SPARE * len(f) for u, f in waiting.items())
        folders = [folder for of_user in waiting.values() for folder in of_user]
        return not crowded and sorted(self._own.glob("run-*")) == sorted(folders)

    def expect_unchanged(self) -> None:
        """The folders are those of spares, empty; what is beside them is as it was."""
        assert list(self._scratch.iterdir()) == [self._own]
        wait_until("folders are those of spares", self._only_spares)
        assert self._look_at_cache() == self._cache

    def _only_spares(self) -> bool:
        names = {path.name for path in self._own.iterdir()}
        other = {name for name in names if not name.startswith("run-")}
        assert other == {"cache"}, other
        inside = (path.relative_to(self._own) for path in self._own.glob("run-*/**/*"))
        return {str(Path(*path.parts[1:])) for path in inside} <= {"work", "tmp"}

    def _folder_of(self, pid: int) -> Path | None:
        try:
            folder = Path(os.readlink(f"/proc/{pid}/cwd")).parent
        except OSError:
            return None
        return folder if folder.parent == self._own else None

    def _look_at_cache(self) -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = []
        for path in sorted((self._own / "cache").rglob("*")):
            info = path.lstat()
            data = path.read_bytes() if path.is_file() else b""
            digest = hashlib.sha256(data).hexdigest()
            found.append((path, info.st_mode, info.st_uid, info.st_mtime_ns, digest))
        return found


def _find_groups(supervisor: Process) -> list[Path]:
    name = f"mecapy-{supervisor.pid}"
    folders = (Path(folder) for folder, _, _ in os.walk("/sys/fs/cgroup"))
    return sorted(folder for folder in folders if folder.parent.name == name)


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
    # A file of the machine that is replaced (/etc/ld.so.cache) stays in a template as it was.
    lines = Path(f"/proc/{pid}/mountinfo").read_text().replace("//deleted ", " ").splitlines()
    return {" ".join(line.split()[3:]) for line in lines}


def _own_mounts() -> set[str]:
    """Of what is mounted on the machine, what is of a sandbox by its name: others mount as well."""
    return {line for line in _mounts("self") if "mecapy" in line}
