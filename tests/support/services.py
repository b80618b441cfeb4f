"""The services of tools/services.sh, and settings that stand on them, empty."""

import os
import re
import secrets
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "services"
_PG_BIN = Path("/usr/lib/postgresql/15/bin")
_PORT = re.compile(r"127\.0\.0\.1:(\d+)")


class Services:
    """Those of one folder."""

    def __init__(self, folder: Path) -> None:
        """Start none."""
        self.folder = folder

    def start(self, *names: str) -> list[str]:
        """Have these running; all, when none is named. The lines it prints: `settings`."""
        return self._call("start", *names)

    def settings(self) -> list[str]:
        """Lines for a shell, one for each part that runs, and words for people."""
        return self._call("settings")

    def stop(self) -> None:
        """End all of them."""
        self._call("stop")

    def _call(self, *arguments: str) -> list[str]:
        done = subprocess.run(
            [ROOT / "tools" / "services.sh", *arguments],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"MECAPY_SERVICES": str(self.folder)},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def told(self, service: str, name: str = "url") -> str:
        """What the script wrote down of a service."""
        return (self.folder / service / name).read_text().strip()

    def pid(self, service: str) -> int:
        """The service's process."""
        return int(self.told(service, "pid").split()[0])

    def port(self, service: str) -> int:
        """Where it listens, which a start may change. ConnectionError while it starts."""
        found = _PORT.search(self.told(service))
        if not found:
            raise ConnectionError(f"{service} has not said yet where it listens")
        return int(found[1])

    def sql(self, statement: str, url: str | None = None) -> str:
        """What psql prints of one statement, unaligned."""
        done = subprocess.run(
            [_PG_BIN / "psql", url or self.told("postgres"), "-qtAc", statement],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=os.environ | {"PGCONNECT_TIMEOUT": "10"},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def redis(self, *command: str, database: int = 1, commands: str | None = None) -> str:
        """What redis-cli prints of one command, or of the lines of `commands`, to a user who may
        do more than the servers' own.
        """
        password = self.told("redis", "tests_url").removeprefix("rediss://tests:").split("@")[0]
        port = str(self.port("redis"))
        certificate = str(self.folder / "redis" / "cert.pem")
        server = ["--tls", "--cacert", certificate, "--user", "tests"]
        done = subprocess.run(
            ["redis-cli", *server, "-h", "127.0.0.1", "-p", port, "-n", str(database), *command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=os.environ | {"REDISCLI_AUTH": password},
            input=commands or "",
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


_shared = Services(FOLDER)
told = _shared.told
pid = _shared.pid
sql = _shared.sql
redis = _shared.redis
settings = _shared.settings


@cache
def start(*names: str) -> None:
    """Have these shared ones running; all, when none is named."""
    _shared.start(*names)


class Managed:
    """A database, a Redis database and a folder of a bucket of one's own."""

    def __init__(self, services: Services | None = None) -> None:
        """Make them, on the shared services or on those given; those of Redis are emptied."""
        if services is None:
            start("postgres", "redis", "s3")
        self._services = services or _shared
        self.name = "t" + secrets.token_hex(6)
        self._services.sql(f"CREATE ROLE {self.name} LOGIN PASSWORD '{self.name}'")
        self._services.sql(f"CREATE DATABASE {self.name} OWNER {self.name}")
        self._services.redis("FLUSHDB")

    @property
    def settings(self) -> dict[str, object]:
        """For `mecapy serve`."""
        told = self._services.told
        server = told("postgres").partition("@")[2].replace("/postgres?", f"/{self.name}?")
        access, secret = told("s3", "keys").split()
        return {
            "database_url": f"postgresql://{self.name}:{self.name}@{server}",
            "redis_url": told("redis").replace("/0?", "/1?"),
            "objects_url": told("s3").replace("?", f"/{self.name}?", 1),
            "objects_access_key": access,
            "objects_secret_key": secret,
        }

    @property
    def objects(self) -> Path:
        """The folder in which the S3 service keeps them."""
        return self._services.folder / "s3" / "buckets" / "mecapy" / self.name

    def remove(self) -> None:
        """Take the database away; the bucket goes with the service's folder."""
        self._services.sql(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
        self._services.sql(f"DROP ROLE IF EXISTS {self.name}")
