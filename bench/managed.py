"""PostgreSQL, Redis and S3 for the bench, and a server of its own that stands on them."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from serve import Serve

from support.services import ROOT, Managed, redis, sql, start

NAMES = ("postgres", "redis", "s3")
_SCRIPT = ROOT / "tools" / "services.sh"


@contextlib.contextmanager
def services() -> Iterator[dict[str, str]]:
    """Have them all run. What a write to them means."""
    with running(*NAMES):
        yield _promises()


@contextlib.contextmanager
def running(*names: str) -> Iterator[None]:
    """Have these services run; those that did not before are ended."""
    there = subprocess.run(
        [_SCRIPT, "urls"], capture_output=True, check=True, text=True, timeout=60
    )
    before = {line.split()[0] for line in there.stdout.splitlines()}
    try:
        start(*names)
        yield
    finally:
        if ours := [name for name in names if name not in before]:
            subprocess.run([_SCRIPT, "stop", *ours], check=True, timeout=60)


@contextlib.contextmanager
def serve_on_services(binary: Path, **settings: object) -> Iterator[Serve]:
    """A server on an empty database, Redis database and folder of the bucket."""
    own = Managed()
    try:
        together = own.settings | settings
        variables = {f"MECAPY_{name.upper()}": str(value) for name, value in together.items()}
        with Serve(binary, **variables) as serve:
            yield serve
    finally:
        own.remove()


def _promises() -> dict[str, str]:
    """Versions, and what is on disk when a write is answered."""
    version = redis("INFO", "server").partition("redis_version:")[2].split()[0]
    return {
        "postgres": sql("SHOW server_version").split()[0],
        "postgres fsync": sql("SHOW fsync"),
        "postgres synchronous_commit": sql("SHOW synchronous_commit"),
        "redis": version,
        "redis appendonly": redis("CONFIG", "GET", "appendonly").split()[-1],
    }
