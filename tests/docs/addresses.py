"""What stands at the addresses that pages name: real services, by these names and with TLS."""

import asyncio
import contextlib
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from docs.machine import Machine
from docs.page import Reader
from support import services
from support.server import ROOT
from support.services import Services
from support.waiting import wait_until

# By address, the names that lead there.
HOSTS = {
    "127.0.0.1": "HOST",
    "127.0.0.2": "s3.fr-par.scw.cloud bucket.s3.fr-par.scw.cloud",
    "127.0.0.3": "mecapy.example.org",
}
NAMES = "IP:127.0.0.1,DNS:localhost,DNS:mecapy.localhost,DNS:HOST,DNS:mecapy.example.org"
OF_S3 = ",DNS:s3.fr-par.scw.cloud,DNS:*.s3.fr-par.scw.cloud"


class Front:
    """TLS at an address of a machine, before a server at `url`."""

    def __init__(
        self, machine: Machine, address: str, folder: Path, url: str, ca: str = "", *,
        there: bool = False,
    ) -> None:  # fmt: skip
        """With the certificate in this folder. The server is of the machine beneath, trusted by
        `ca` when its address is https, or is `there`, in the machine's own network.
        """
        self._server = urlsplit(url)
        self._within = machine if there else None
        self._ca = ca
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        listener = machine.listen(address, 443)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        serving = asyncio.start_server(self._pass_on, sock=listener, ssl=own)
        self._listening = asyncio.run_coroutine_threadsafe(serving, self._loop).result(30)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        trust = ssl.create_default_context(cafile=self._ca) if self._ca else None
        host, port = self._server.hostname, self._server.port
        assert host is not None
        assert port is not None
        if self._within is not None:
            joined = await asyncio.to_thread(self._within.connect, host, port)
            there, back = await asyncio.open_connection(sock=joined)
        else:
            there, back = await asyncio.open_connection(host, port, ssl=trust)
        await asyncio.gather(_copy(reader, back), _copy(there, writer))

    def close(self) -> None:
        """Listen no more."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    async def _end(self) -> None:
        self._listening.close()
        passing = asyncio.all_tasks() - {asyncio.current_task()}
        for one in passing:
            one.cancel()
        await asyncio.gather(*passing, return_exceptions=True)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while piece := await source.read(65536):
            target.write(piece)
            await target.drain()
    target.close()


def certificate(folder: Path, days: int = 2, names: str = NAMES + OF_S3) -> None:
    """A certificate by all the names, which is its own authority."""
    folder.mkdir(exist_ok=True)
    key = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days)]
    called = ["-subj", "/CN=mecapy-docs", "-addext", f"subjectAltName={names}"]
    no_authority = ["-addext", "basicConstraints=critical,CA:FALSE"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*key, *called, *no_authority, *files], check=True, capture_output=True)


@contextlib.contextmanager
def alone(reader: Reader, network: str = "own") -> Iterator[Machine]:
    """A machine with nothing else."""
    folder = Path(tempfile.mkdtemp(prefix="machine-", dir=reader.folder))
    machine = Machine(folder, network)
    try:
        with reader.on(machine):
            yield machine
    finally:
        machine.close()


def on_the_network(reader: Reader) -> contextlib.AbstractContextManager[Machine]:
    """One that reaches what this one does."""
    return alone(reader, "shared")


@contextlib.contextmanager
def named(reader: Reader) -> Iterator[Machine]:
    """One that knows the names, and trusts the certificate."""
    tls = reader.folder / "tls"
    certificate(tls)
    hosts = "".join(f"{address} {names}\n" for address, names in HOSTS.items())
    trusted = "/etc/ssl/certs/ca-certificates.crt"
    with alone(reader) as machine:
        machine.does(
            f'printf %s "$HOSTS" >>/etc/hosts; cat {tls}/cert.pem >>{trusted}', HOSTS=hosts
        )
        yield machine


@contextlib.contextmanager
def a_server(reader: Reader) -> Iterator[None]:
    """https://mecapy.example.org is the server that the page's reader has."""
    with named(reader) as machine:
        url = reader.environment["MECAPY_URL"]
        front = Front(machine, "127.0.0.3", reader.folder / "tls", url)
        try:
            yield
        finally:
            front.close()


@contextlib.contextmanager
def managed_services(reader: Reader) -> Iterator[None]:
    """PostgreSQL, Redis, S3 and Keycloak as README names them."""
    tls = reader.folder / "tls"
    with named(reader) as machine, contextlib.ExitStack() as ends:
        folder = ends.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm"))
        own = Services(Path(folder))
        own.folder.chmod(0o755)
        for name, port in (("postgres", 5432), ("redis", 6379)):
            (own.folder / name).mkdir(parents=True)
            (own.folder / name / "url").write_text(f"127.0.0.1:{port}")  # the script keeps a port
            for file in ("cert.pem", "key.pem"):
                shutil.copy2(tls / file, own.folder / name)
        ends.callback(own.stop)
        machine.does(
            f"{ROOT}/tools/services.sh start postgres redis", MECAPY_SERVICES=str(own.folder)
        )
        machine.does(USERS, POSTGRES=own.told("postgres"), REDIS=of_redis(own), RIGHTS=rights())
        machine.does(
            "mkdir -p /etc/mecapy; cp $TLS/cert.pem /etc/mecapy/db.pem; "
            "cp $TLS/cert.pem /etc/mecapy/redis.pem",
            TLS=str(tls),
        )
        ends.callback(a_bucket(machine, reader.folder / "s3", tls).terminate)
        ca = services.FOLDER / "keycloak/cert.pem"
        front = Front(machine, "127.0.0.1", tls, services.told("keycloak"), str(ca))
        ends.callback(front.close)
        yield


# Those of README's addresses.
USERS = """
psql "$POSTGRES" -q -c "CREATE ROLE \\"USER\\" LOGIN PASSWORD 'PASSWORD'" \
  -c 'CREATE DATABASE mecapy OWNER "USER"'
test "$(redis-cli $REDIS ACL SETUSER USER on $RIGHTS)" = OK
"""


def of_redis(own: Services) -> str:
    """How redis-cli reaches it as a user who may do all."""
    url = own.told("redis", "tests_url").partition("?")[0]
    return f"--no-auth-warning --cacert {own.folder}/redis/cert.pem -u {url}"


def rights() -> str:
    """Those that docs/operations.md gives a user of Redis, and its password."""
    page = (ROOT / "docs/operations.md").read_text()
    [words] = re.findall(r"^user mecapy on (>PASSWORD .*)$", page, re.MULTILINE)
    return str(words)


def a_bucket(
    machine: Machine, folder: Path, tls: Path, address: str = "127.0.0.2"
) -> "subprocess.Popen[bytes]":
    """An S3 server with one bucket, at an address of the machine, by the keys of README."""
    (folder / "buckets" / "bucket").mkdir(parents=True)
    (folder / "users").mkdir()
    command = machine.command(
        folder, services.FOLDER / "versitygw.program", "--port", f"{address}:443",
        "--region", "fr-par", "--virtual-domain", "s3.fr-par.scw.cloud",
        "--cert", tls / "cert.pem", "--key", tls / "key.pem", "--iam-dir", folder / "users",
        "posix", folder / "buckets",
    )  # fmt: skip
    keys = {"ROOT_ACCESS_KEY": "...", "ROOT_SECRET_KEY": "..."}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, env=os.environ | keys, stdout=log, stderr=log)
    wait_until("the S3 server listens", lambda: "listening" in (folder / "log").read_text(), 30)
    return server
