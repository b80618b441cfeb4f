"""Processes as /proc shows them: a pid may be used again, so one is known by pid and birth."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One process: its pid and its start time in clock ticks since boot."""

    pid: int
    born: int

    @property
    def alive(self) -> bool:
        """Whether it, or a thread of it, still runs: its files and locks are its own until then."""
        fields = _stat(self.pid)
        if fields is None or int(fields[19]) != self.born:
            return False
        return fields[0] != "Z" or int(fields[17]) > 1

    @property
    def age_s(self) -> float:
        """For how long it has been there."""
        up = float(Path("/proc/uptime").read_text().split()[0])
        return up - self.born / os.sysconf("SC_CLK_TCK")

    @property
    def name(self) -> str:
        """The program's short name, empty when it has gone."""
        try:
            return Path(f"/proc/{self.pid}/comm").read_text().strip()
        except OSError:
            return ""

    def status(self, field: str) -> list[str]:
        """The words of one line of /proc/PID/status."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return line.split()[1:]
        raise KeyError(field)

    def children(self) -> list["Process"]:
        """Those it is the parent of now."""
        return [p for p in _everyone() if _parent(p.pid) == self.pid]

    def descendants(self) -> list["Process"]:
        """Its children and theirs, itself not included."""
        everyone = _everyone()
        parents = {p.pid: _parent(p.pid) for p in everyone}
        family = {self.pid}
        grown = True
        while grown:
            more = {pid for pid, parent in parents.items() if parent in family} - family
            family |= more
            grown = bool(more)
        return [p for p in everyone if p.pid in family and p.pid != self.pid]

    def send(self, number: signal.Signals) -> None:
        """Signal it, when it is still the one that was found."""
        if self.alive:
            os.kill(self.pid, number)


def find_process(pid: int) -> Process:
    """The process that has this number now."""
    fields = _stat(pid)
    if fields is None:
        raise ProcessLookupError(pid)
    return Process(pid, int(fields[19]))


def _stat(pid: int) -> list[str] | None:
    """After the name: state 0, parent 1, number of threads 17, start time 19."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _everyone() -> list[Process]:
    found = []
    for entry in os.listdir("/proc"):
        fields = _stat(int(entry)) if entry.isdigit() else None
        if fields:
            found.append(Process(int(entry), int(fields[19])))
    return found
