"""The services of tools/services.sh, and settings that stand on them, empty."""

import os
import secrets
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "services"
_PG_BIN = Path("/usr/lib/postgresql/15/bin")


@cache
def start(*names: str) -> None:
    """Have these running; all, when none is named."""
    done = subprocess.run(
        [ROOT / "tools" / "services.sh", "start", *names],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr


def told(service: str, name: str = "url") -> str:
    """What the script wrote down of a service."""
    return (FOLDER / service / name).read_text().strip()


def pid(service: str) -> int:
    """The service's process."""
    return int(told(service, "pid").split()[0])


def sql(statement: str, url: str | None = None) -> str:
    """What psql prints of one statement, unaligned."""
    done = subprocess.run(
        [_PG_BIN / "psql", url or told("postgres"), "-qtAc", statement],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PGCONNECT_TIMEOUT": "10"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def redis(*command: str, database: int = 1) -> str:
    """What redis-cli prints of one command."""
    url = told("redis")
    password, rest = url.removeprefix("rediss://mecapy:").split("@")
    port = rest.split(":")[1].split("/")[0]
    certificate = str(FOLDER / "redis" / "cert.pem")
    server = ["--tls", "--cacert", certificate, "--user", "mecapy", "-h", "127.0.0.1", "-p", port]
    done = subprocess.run(
        ["redis-cli", *server, "-n", str(database), *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"REDISCLI_AUTH": password},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class Managed:
    """A database, a Redis database and a folder of a bucket of one's own."""

    def __init__(self) -> None:
        """Make them; those of Redis are emptied."""
        start("postgres", "redis", "s3")
        self.name = "t" + secrets.token_hex(6)
        sql(f"CREATE ROLE {self.name} LOGIN PASSWORD '{self.name}'")
        sql(f"CREATE DATABASE {self.name} OWNER {self.name}")
        redis("FLUSHDB")

    @property
    def settings(self) -> dict[str, object]:
        """For `mecapy serve`."""
        server = told("postgres").partition("@")[2].replace("/postgres?", f"/{self.name}?")
        access, secret = told("s3", "keys").split()
        return {
            "database_url": f"postgresql://{self.name}:{self.name}@{server}",
            "redis_url": told("redis").replace("/0?", "/1?"),
            "objects_url": told("s3").replace("?", f"/{self.name}?", 1),
            "objects_access_key": access,
            "objects_secret_key": secret,
        }

    def remove(self) -> None:
        """Take the database away; the bucket goes with the service's folder."""
        sql(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
        sql(f"DROP ROLE IF EXISTS {self.name}")
