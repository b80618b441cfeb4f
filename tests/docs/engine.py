"""Docker's engine on a machine of a reader's own, with what he would have from its registry."""

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from docs.addresses import Front, a_bucket, alone, certificate
from docs.machine import Machine
from docs.page import Reader
from support import services
from support.server import ROOT
from support.waiting import wait_until

# Kept for the next time: what was built once, by its content.
KEPT = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mecapy/docker-engine"
DOCKER = services.FOLDER / "docker"  # Debian's, as tools/install.sh unpacked it
IMAGES = Path(__file__).with_name("images")
CA = Path("/etc/ssl/certs/ca-certificates.crt")  # whom this machine trusts
# Addresses of the machine, which containers reach, too.
WORKER, S3, NAMES = "10.99.0.1", "10.99.0.2", "10.99.0.3"
# What the registry has by these names: a file of IMAGES, and what lies beside it there.
REGISTRY = {
    "debian:bookworm-slim": ("base", ("bundle.crt", "names.crt")),
    "postgres:15": ("postgres", ()),
    "redis:7": ("redis", ()),
    "versity/versitygw:v1.7.0": ("versitygw", ("versitygw",)),
    "keycloak/keycloak:26.4.0": ("keycloak", ("keycloak.zip",)),
}
START = """
dockerd --data-root "$KEPT/data" --exec-root "$FOLDER/exec" --pidfile "$FOLDER/pid" \\
  --host "unix://$FOLDER/socket" --dns {names} >"$FOLDER/log" 2>&1 &
dnsmasq --keep-in-foreground --user=root --pid-file= --bind-interfaces --no-hosts --cache-size=0 \\
  --listen-address={names} --address=/HOST/{worker} --address=/s3.fr-par.scw.cloud/{s3} \\
  >"$FOLDER/names.log" 2>&1 &
echo $!
"""


class Engine:
    """Until it is ended, `docker` of the reader's shell reaches it."""

    def __init__(self, reader: Reader, machine: Machine) -> None:
        self.folder = reader.folder / "engine"
        self.folder.mkdir()
        self._machine = machine
        path = f"{DOCKER}/usr/bin:{DOCKER}/usr/sbin:{reader.environment['PATH']}"
        reader.environment |= {
            "PATH": path,
            "DOCKER_HOST": f"unix://{self.folder}/socket",
            "DOCKER_BUILDKIT": "1",  # as it is without a word in Docker 23 and later
        }
        plugins = reader.folder / ".docker/cli-plugins"
        plugins.mkdir(parents=True)
        (plugins / "docker-compose").symlink_to(services.FOLDER / "docker-compose.program")
        self._around = reader.environment | {"KEPT": str(KEPT), "FOLDER": str(self.folder)}
        for address in (WORKER, S3, NAMES):
            machine.does(f"ip address add {address}/32 dev lo")
        start = START.format(names=NAMES, worker=WORKER, s3=S3)
        self._names = int(self.does(start))
        log = self.folder / "log"
        wait_until("the engine listens", lambda: "API listen" in log.read_text(), 60)
        self._leave_nothing()  # of one that was killed

    def does(self, text: str, **variables: str) -> str:
        """What a shell there prints, which has the engine."""
        return self._machine.does(text, 1500, **self._around, **variables)

    def fill(self, tls: Path) -> None:
        """Have the images that a registry would have. Their base trusts whom this machine does,
        and the names.
        """
        beside = self.folder / "beside"
        beside.mkdir()
        shutil.copyfile(CA, beside / "bundle.crt")
        shutil.copyfile(tls / "cert.pem", beside / "names.crt")
        shutil.copyfile(services.FOLDER / "versitygw.program", beside / "versitygw")
        shutil.copyfile(services.FOLDER / "keycloak.program", beside / "keycloak.zip")
        if not self.does("docker images -q mecapy-docs-base:1"):
            archive = self.folder / "base.tar"
            command = [str(ROOT / "tools/images.sh"), "base", str(archive), "mecapy-docs-base:1"]
            subprocess.run(command, check=True, timeout=300, capture_output=True)
            self.does(f"docker load -q -i {archive}")
        for name, (file, needed) in REGISTRY.items():
            context = self.folder / file
            context.mkdir()
            for one in needed:
                (beside / one).rename(context / one)
            self.does(f"docker build -q -f {IMAGES / file}.Dockerfile -t {name} {context}")

    def _leave_nothing(self) -> None:
        self.does(
            "docker ps -aq | xargs -r docker rm -fv; "
            "docker volume ls -q | xargs -r docker volume rm; docker image prune -f"
        )

    def end(self) -> None:
        """With all that runs in it."""
        self._leave_nothing()
        self.does("docker builder prune -f --keep-storage 8GB")
        self.does(f"kill $(cat $FOLDER/pid) {self._names}")
        gone = self.folder / "pid"
        wait_until("the engine ends", lambda: not gone.exists(), 60)


@contextlib.contextmanager
def docker_engine(reader: Reader, hosts: str = "") -> Iterator[Engine]:
    """A machine with an engine that nothing runs in, a bucket, and TLS before the worker's port.
    The engine knows these names, too, as lines of /etc/hosts.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    tls = KEPT / "tls"
    with (
        (KEPT / "lock").open("w") as lock,
        alone(reader) as machine,
        contextlib.ExitStack() as ends,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tls.exists():
            certificate(tls, days=3650)  # as long as what is built on it
        ends.enter_context(machine.reaching_out())
        machine.does('printf %s "$HOSTS" >>/etc/hosts', HOSTS=hosts)  # Go reads it again 5 s later
        engine = Engine(reader, machine)
        ends.callback(engine.end)
        engine.fill(tls)
        ends.callback(a_bucket(machine, reader.folder / "s3", tls, S3).terminate)
        front = Front(machine, WORKER, tls, "http://127.0.0.1:8081", there=True)
        ends.callback(front.close)
        yield engine
