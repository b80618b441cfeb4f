"""Where an attack ends otherwise in the profile `container`, and why: all others end as in `host`.

AS_ONE_USER has what is other again in a real container, where all runs are the worker's user.

Every reason is in docs/security.md, "The profile container", in these words (test_contained.py).
ANY stands for what differs by machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from unittest.mock import ANY

from security.attack import Attack, Verdict, at_the_wall, fails, returns
from security.profile import HOST, Profile


@dataclass(frozen=True)
class Difference:
    """The one end there; `limits` only let it come sooner. Artifacts and log where they differ."""

    ends: Verdict
    why: str
    limits: Mapping[str, float] = field(default_factory=dict)
    artifacts: tuple[str, ...] | None = None
    log: str | None = None


def _no_proc(name: str) -> Verdict:
    return fails("user_error", f"PermissionError: .*'/proc/self/{name}'")


_NO_MEMORY = fails("user_error", r"OSError: \[Errno 12\] Cannot allocate memory")
_NUMBERS = "which numbers processes have"
_NO_PROC = "sees nothing of `/proc`"
_LOOKED_AT = "ended by the limit's name where `host` refuses"
_ADDRESSES = "One process stops at RLIMIT_AS"
_KERNEL = "Memory that the kernel keeps for a run is not seen"

DIFFERENCES: dict[str, Difference] = {
    # What there is to see.
    "looks for other processes": Difference(returns([[], ANY]), _NUMBERS),
    "looks for the machine's files": Difference(returns(ANY), "A run sees that a path exists"),
    "its group of limits": Difference(_no_proc("cgroup"), _NO_PROC),
    "a shared hand on the template": Difference(_no_proc("maps"), _NO_PROC),
    "mounts that others could write through": Difference(
        fails("user_error", "FileNotFoundError: .*'/mecapy/env'"),
        "user, mount, pid namespace around files | Landlock",
    ),
    "opens the machine's files": Difference(
        returns(["/dev/tty"]),
        "a run can set the times of what all may write",
    ),
    "loads a library it wrote": Difference(
        returns([False, "done"]), "The working folder is not mounted noexec"
    ),
    # Processes and files: ended, where a cgroup or a tmpfs refuses.
    "ends while its threads fork": Difference(
        returns(1), _LOOKED_AT, {"processes": 256, "memory_mb": 1024}
    ),
    "forks without end and swallows the errors": Difference(
        fails("process_limit", "at most 16"), _LOOKED_AT
    ),
    "is ended while it fills every place": Difference(
        fails("disk_limit"), _LOOKED_AT, {"timeout_s": 20}
    ),
    "fills every writable place: they share one size": Difference(fails("disk_limit"), _LOOKED_AT),
    "folders in folders until no name is left": Difference(
        fails("disk_limit"), "Folders nested deeper than 64 count as a full disk"
    ),
    "claims a limit that was not reached: process_limit": Difference(
        fails("process_limit", "mine"), "A run that says it was refused a process is believed"
    ),
    # Memory: two bounds, and neither is a cgroup's.
    "a tebibyte of address space that is never touched": Difference(_NO_MEMORY, _ADDRESSES),
    "page tables for memory it never fills": Difference(_NO_MEMORY, _ADDRESSES),
    "a text of a gigabyte": Difference(
        fails("user_error", r"^MemoryError \(the memory limit is 128 MiB\)$"), _ADDRESSES
    ),
    "files and memory together": Difference(
        fails("disk_limit"), "files in the working folder do not count as memory", {"disk_mb": 128}
    ),
    # With room for the processes themselves: it is what the pipes hold that nobody sees.
    "pipes full of unread bytes, in many processes": Difference(
        fails("timeout"), _KERNEL, at_the_wall(1) | {"memory_mb": 1024}
    ),
    "socket pairs full of unread bytes, in many processes": Difference(
        fails("timeout"), _KERNEL, at_the_wall(1) | {"memory_mb": 1024}
    ),
}


_NO_MODES = "`chmod` and `utime` are told done and do nothing"
AS_ONE_USER: dict[str, Difference] = {
    "opens the machine's files": Difference(returns([]), _NO_MODES),
    "a file nobody may read": Difference(returns(1), _NO_MODES, artifacts=("closed", "ok"), log=""),
    "a working folder nobody may read": Difference(returns(1), _NO_MODES, log=""),
}


def difference(attack: Attack, profile: Profile) -> Difference | None:
    """What is other about this attack there."""
    if profile is HOST:
        return None
    other = AS_ONE_USER.get(attack.name) if profile.one_user else None
    return other or DIFFERENCES.get(attack.name)
