"""The registry of an account, as it would be at the names that pages give it."""

import contextlib
import json
import os
import signal
from collections.abc import Iterator

from docs.addresses import certificate
from docs.cloud_scenes import PASSWORD, REGISTRIES
from docs.engine import Engine
from docs.page import Reader
from support import services
from support.waiting import wait_until

PROGRAM = services.FOLDER / "docker-registry/usr/bin/docker-registry"  # Debian's, unpacked
ADDRESS = "10.99.0.4"  # no loopback: Docker would not look at a certificate there
HOSTS = f"{ADDRESS} {' '.join(REGISTRIES)}\n"
# Its users, and that Docker trusts it by its names.
START = """
cd "$STORE"
for user in $USERS; do
  echo "$user:$(perl -e 'print crypt(shift, q($2b$05$abcdefghijklmnopqrstuu))' $PASSWORD)"
done >users
ip address add $ADDRESS/32 dev lo
for name in $NAMES; do
  mkdir -p /etc/docker/certs.d/$name
  cp cert.pem /etc/docker/certs.d/$name/ca.crt
done
"$PROGRAM" serve config.yml >log 2>&1 &
echo $!
"""


@contextlib.contextmanager
def registry(reader: Reader, engine: Engine) -> Iterator[None]:
    """It lets nobody in who has not logged in. The engine knows HOSTS."""
    store = reader.folder / "registry"
    certificate(store, names=",".join(f"DNS:{name}" for name in REGISTRIES))
    config = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(store / "images")}},
        "auth": {"htpasswd": {"realm": "account", "path": str(store / "users")}},
        "http": {
            "addr": f"{ADDRESS}:443",
            "tls": {"certificate": str(store / "cert.pem"), "key": str(store / "key.pem")},
        },
    }
    (store / "config.yml").write_text(json.dumps(config))  # which is YAML
    started = engine.does(
        START, STORE=str(store), PROGRAM=str(PROGRAM), ADDRESS=ADDRESS, PASSWORD=PASSWORD,
        NAMES=" ".join(REGISTRIES), USERS=" ".join(REGISTRIES.values()),
    )  # fmt: skip
    try:
        log = store / "log"
        wait_until("the registry listens", lambda: "listening on" in log.read_text(), 30)
        yield
    finally:
        os.kill(int(started), signal.SIGTERM)
