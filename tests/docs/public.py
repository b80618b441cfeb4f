"""A machine with a name in the DNS, and the authority that gives it a certificate for that."""

import contextlib
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from docs.addresses import alone
from docs.machine import Machine
from docs.page import Reader
from support import services
from support.waiting import wait_until

CADDY = services.FOLDER / "caddy/usr/bin/caddy"  # Debian's, as tools/install.sh unpacked it
NAME, ADDRESS = "mecapy.example.org", "10.98.0.1"
# Whom Caddy asks for certificates unless it is told another. Here it is a Caddy as well.
AUTHORITY, ITS_ADDRESS = "acme-v02.api.letsencrypt.org", "10.98.0.2"
HOSTS = f"{ADDRESS} {NAME}\n{ITS_ADDRESS} {AUTHORITY}\n"
AS_AUTHORITY = f"""
{{
	admin off
	auto_https disable_redirects
	skip_install_trust
}}
{AUTHORITY} {{
	tls internal
	rewrite /directory /acme/local/directory
	acme_server
}}
"""
UNITS = Path(__file__).with_name("units.py")
# Services of packages are started, by what is in the place of systemd.
WITH_SERVICES = f"""
rm /usr/sbin/policy-rc.d
rm -f /usr/bin/systemctl
printf '#!/bin/sh\\nexec {shlex.quote(sys.executable)} {shlex.quote(str(UNITS))} "$@"\\n' \\
  >/usr/bin/systemctl
chmod +x /usr/bin/systemctl
"""


@contextlib.contextmanager
def authority(machine: Machine, folder: Path) -> Iterator[Path]:
    """A certificate authority that the machine reaches, and that asks it what it serves before it
    certifies its name (ACME, RFC 8555); whom to trust then.
    """
    itself = Machine(Path(tempfile.mkdtemp(prefix="machine-", dir=folder)))
    try:
        machine.meet(itself, ADDRESS, ITS_ADDRESS)
        for one in (machine, itself):
            one.does('printf %s "$HOSTS" >>/etc/hosts', HOSTS=HOSTS)
        (folder / "Caddyfile").write_text(AS_AUTHORITY)
        command = itself.command(folder, CADDY, "run", "--config", "Caddyfile")
        own = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log)
        try:
            root = folder / "caddy/pki/authorities/local/root.crt"
            asks = f"curl -sf -o {folder}/answer --cacert {root} https://{AUTHORITY}/directory"
            wait_until("the authority answers", lambda: answers(machine, asks), 60)
            yield root
        finally:
            server.terminate()
            server.wait(30)
    finally:
        itself.close()


def answers(machine: Machine, command: str) -> bool:
    """Whether a command succeeds there."""
    return subprocess.run(machine.command(Path("/"), "sh", "-c", command)).returncode == 0


@contextlib.contextmanager
def public_machine(reader: Reader) -> Iterator[None]:
    """It has packages of Debian's, and what they start."""
    folder = reader.folder / "authority"
    folder.mkdir()
    with alone(reader) as machine, machine.reaching_out(), authority(machine, folder) as root:
        machine.does(f"cat {root} >>/etc/ssl/certs/ca-certificates.crt; {WITH_SERVICES}")
        try:
            yield
        finally:
            machine.does("systemctl stop caddy")
