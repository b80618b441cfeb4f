"""The profiles of the worker that every attack is played in, and what a run finds in each."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from support.container import ContainedServer, run_mecapy_contained
from support.server import Server, run_mecapy


@dataclass(frozen=True)
class Profile:
    """What an honest run finds where it is kept in this way."""

    name: str
    setting: str  # the worker's profile
    processes: list[str] | None  # what /proc lists; nothing where it is closed
    places: dict[str, list[str] | None]  # what lies in each before the run; nothing: closed
    user: int | None  # inside; nothing: one of the users of runs
    server: type[Server] = Server
    command: Callable[..., "CompletedProcess[str]"] = run_mecapy
    one_user: bool = False  # the worker's own is that of all runs
    refused: frozenset[str] = frozenset()  # layers that the profile does without there


_CLOSED: dict[str, list[str] | None] = {"work": [], "tmp": [], "shm": None}
HOST = Profile("host", "host", ["2"], {"work": [], "tmp": [], "shm": []}, 1000)
CONTAINER = Profile("container", "container", None, _CLOSED, None)
# In a real container, as a user without capabilities: played by `make container-test` alone.
UNPRIVILEGED = Profile(
    "container_unprivileged",
    "container",
    None,
    _CLOSED,
    None,
    ContainedServer,
    run_mecapy_contained,
    one_user=True,
    refused=frozenset({"user ids", "a user per run"}),
)
PROFILES = (HOST, CONTAINER)
EVERY_PROFILE = (*PROFILES, UNPRIVILEGED)


@contextmanager
def opened(profile: Profile) -> Iterator[tuple[Server, Path]]:
    """A server whose worker has this profile, and where it makes the folders of runs.

    At its end nothing is left there.
    """
    scratch = Path(tempfile.mkdtemp(prefix="mecapy-scratch-", dir="/tmp"))
    scratch.chmod(0o755)  # runs pass through it to their own
    server = profile.server(worker_profile=profile.setting, worker_scratch=scratch)
    try:
        yield server.start(), scratch
    finally:
        server.remove()
        left = list(scratch.iterdir())
        shutil.rmtree(scratch)
    assert not left
