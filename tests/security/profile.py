"""The profiles of the worker that every attack is played in, and what a run finds in each."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.server import Server


@dataclass(frozen=True)
class Profile:
    """What an honest run finds where it is kept in this way."""

    name: str
    processes: list[str] | None  # what /proc lists; nothing where it is closed
    places: dict[str, list[str] | None]  # what lies in each before the run; nothing: closed
    user: int | None  # inside; nothing: one of the users of runs


HOST = Profile("host", ["2"], {"work": [], "tmp": [], "shm": []}, 1000)
CONTAINER = Profile("container", None, {"work": [], "tmp": [], "shm": None}, None)
PROFILES = (HOST, CONTAINER)


@contextmanager
def opened(profile: Profile) -> Iterator[tuple[Server, Path]]:
    """A server whose worker has this profile, and where it makes the folders of runs.

    At its end nothing is left there.
    """
    scratch = Path(tempfile.mkdtemp(prefix="mecapy-scratch-", dir="/tmp"))
    scratch.chmod(0o755)  # runs pass through it to their own
    server = Server(worker_profile=profile.name, worker_scratch=scratch)
    try:
        yield server.start(), scratch
    finally:
        server.remove()
        left = list(scratch.iterdir())
        shutil.rmtree(scratch)
    assert not left
