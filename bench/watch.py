"""What a server holds of its machine: processes, memory, descriptors, mounts, groups, files."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from serve import Serve

PLACES_FOR_FILES = ("/tmp", "/var/tmp", "/dev/shm")


@dataclass(frozen=True)
class Holding:
    """All processes of one role together."""

    processes: int
    pss_mb: float
    descriptors: int


@dataclass(frozen=True)
class Snapshot:
    """One look at a server at rest."""

    roles: dict[str, Holding]
    mounts: int  # of ours that the whole machine sees
    zygote_mounts: int  # of its templates together
    cgroups: int
    stray_files: int  # of the server's users, outside its data folder
    data_files: int  # without the objects and the database
    objects: int
    object_mb: float
    database_mb: float
    probe_ms: list[float] = field(default_factory=list)


def at_rest(serve: Serve, timeout_s: float = 30) -> None:
    """Return once no process of the server has come or gone for a second."""
    until = time.monotonic() + timeout_s
    before: dict[str, list[int]] = {}
    same = 0
    while same < 5:
        if time.monotonic() > until:
            raise RuntimeError("the server did not come to rest")
        time.sleep(0.25)
        now = serve.processes()
        same = same + 1 if now == before else 0
        before = now


def look(serve: Serve, uids: range, probe_ms: list[float]) -> Snapshot:
    """All figures; `uids` are the server's and its sandboxes' own."""
    by_role = serve.processes()
    memory = serve.memory_mb()
    grouped: dict[str, list[str]] = {}
    for role in by_role:
        grouped.setdefault("zygotes" if role.startswith("zygote") else role, []).append(role)
    roles = {
        group: Holding(
            processes=sum(len(by_role[role]) for role in members),
            pss_mb=sum(memory[role]["pss"] for role in members if role in memory),
            descriptors=sum(_descriptors(pid) for role in members for pid in by_role[role]),
        )
        for group, members in grouped.items()
    }
    zygotes = [pid for role in grouped.get("zygotes", []) for pid in by_role[role]]
    objects = [path for path in (serve.data_dir / "objects").rglob("*") if path.is_file()]
    others = [
        path
        for path in serve.data_dir.iterdir()
        if path.name != "objects" and not path.name.startswith("mecapy.db")
    ]
    return Snapshot(
        roles=roles,
        mounts=count_machine_mounts(),
        zygote_mounts=sum(_mounts(pid) for pid in zygotes),
        cgroups=count_cgroups(by_role["supervisor"][0]),
        stray_files=count_stray_files(uids),
        data_files=len(others),
        objects=len(objects),
        object_mb=sum(path.stat().st_size for path in objects) / 2**20,
        database_mb=sum(p.stat().st_size for p in serve.data_dir.glob("mecapy.db*")) / 2**20,
        probe_ms=probe_ms,
    )


def count_machine_mounts() -> int:
    """Mounts of MecaPy's in this process's namespace, where there should be none."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return sum(line.partition(" - ")[2].split()[1] == "mecapy" for line in lines)


def _descriptors(pid: int) -> int:
    return _count(lambda: len(os.listdir(f"/proc/{pid}/fd")))


def _mounts(pid: int) -> int:
    return _count(lambda: len(Path(f"/proc/{pid}/mountinfo").read_text().splitlines()))


def _count(counted: Callable[[], int]) -> int:
    try:
        return counted()
    except OSError:
        return 0  # it has ended meanwhile


def count_cgroups(supervisor: int) -> int:
    """Groups that the supervisor made, over all hierarchies, living or not."""
    found = 0
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if not after.startswith("cgroup"):
            continue
        for folder, names, _ in os.walk(before.split()[4]):
            if f"mecapy-{supervisor}" in Path(folder).parts:
                found += 1
            elif f"mecapy-{supervisor}" in names:
                names[:] = [f"mecapy-{supervisor}"]
    return found


def count_stray_files(uids: range) -> int:
    """Files of these users where programs leave things behind."""
    found = 0
    for place in PLACES_FOR_FILES:
        if Path(place).is_dir():
            found += sum(entry.lstat().st_uid in uids for entry in Path(place).iterdir())
    return found
