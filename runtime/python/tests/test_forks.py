"""What modules register for forks: kept from the zygote's, given to the calculation's."""

from __future__ import annotations

import subprocess
import sys


def answer(code: str) -> list[str]:
    """What a fresh interpreter prints: hooks cannot be taken back."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


HOOKS = """
import os
from mecapy import _forks

said = []

def hooks(name):
    def of(phase):
        return lambda: said.append(f"{name}-{phase}")
    return of

with _forks.kept_back():
    lock, cache = hooks("lock"), hooks("cache")
    os.register_at_fork(before=lock("before"), after_in_child=lock("child"),
                        after_in_parent=lock("parent"))
    os.register_at_fork(after_in_child=cache("child"))

def fork():
    said.clear()
    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, " ".join(said).encode())
        os._exit(0)
    os.wait()
    os.close(write)
    print("child", os.read(read, 1000).decode(), "parent", *said)
"""


def test_a_fork_before_the_release_runs_none_of_them():
    assert answer(HOOKS + "fork()") == ["child", "parent"]


def test_what_needs_no_preparation_is_done_once_in_the_zygote():
    assert answer(HOOKS + "_forks.settle(); print(*said)") == ["cache-child"]


def test_the_first_fork_after_the_release_and_all_others_run_them_all():
    whole = [
        "child",
        "lock-before",
        "lock-child",
        "cache-child",
        "parent",
        "lock-before",
        "lock-parent",
    ]
    assert answer(HOOKS + "_forks.release_at_fork(); fork(); fork()") == whole * 2


def test_what_is_registered_later_is_not_kept():
    late = "os.register_at_fork(after_in_child=lambda: said.append('late'))\nfork()"
    assert answer(HOOKS + late) == ["child", "late", "parent"]
