"""A machine of a reader's own: what is written to its system is thrown away with it."""

import contextlib
import ctypes
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SYSTEM = "usr etc var"  # what packages, settings and services write into
SET_UP = f"""
set -e
mount -t tmpfs tmpfs "$1"
for part in {SYSTEM}; do
  mkdir "$1/$part" "$1/$part.work"
  mount -t overlay overlay -o "lowerdir=/$part,upperdir=$1/$part,workdir=$1/$part.work" "/$part"
done
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d  # no package starts a service
chmod +x /usr/sbin/policy-rc.d
[ "$2" = shared ] || ip link set lo up
echo made
read -r _ || true
"""
_CLONE_NEWNET = 0x40000000  # linux/sched.h


class Machine:
    """Namespaces of mounts and, unless `network` is "shared", of a network with loopback alone.

    Processes, `/tmp` and the clone are those of the machine beneath.
    """

    def __init__(self, folder: Path, network: str = "own") -> None:
        """What it writes to its system is in this folder, and seen in it alone."""
        kinds = ["--mount", *(["--net"] if network == "own" else [])]
        self._enter = [kind.replace("--mount", "-m").replace("--net", "-n") for kind in kinds]
        self._holder = subprocess.Popen(
            ["unshare", *kinds, "sh", "-c", SET_UP, "sh", str(folder), network],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "made\n"

    def command(self, folder: Path, *words: str | Path) -> list[str]:
        """What does `words` there, in this folder."""
        there = ["nsenter", "-t", str(self._holder.pid), *self._enter]
        into = ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", str(folder)]
        return [*there, *into, *map(str, words)]

    def does(self, text: str, patience_s: float = 120, **variables: str) -> str:
        """What a shell prints there."""
        done = subprocess.run(
            self.command(Path("/"), "bash", "-euc", text), env=os.environ | variables,
            capture_output=True, text=True, timeout=patience_s,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def listen(self, address: str, port: int) -> socket.socket:
        """A socket that listens in its network, and is served from the one beneath."""

        return self._in_network(lambda: socket.create_server((address, port)))

    def connect(self, address: str, port: int) -> socket.socket:
        """A socket that is connected to a server in its network."""
        return self._in_network(lambda: socket.create_connection((address, port)))

    def _in_network(self, make: Callable[[], socket.socket]) -> socket.socket:
        def there() -> socket.socket:
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/proc/{self._holder.pid}/ns/net") as network:
                assert libc.setns(network.fileno(), _CLONE_NEWNET) == 0, ctypes.get_errno()
            return make()

        with ThreadPoolExecutor(1) as thread:  # it alone is there, and ends with this
            return thread.submit(there).result()

    def meet(self, other: "Machine", address: str, its: str) -> None:
        """Join the networks of both by a cable; each has one address on it."""
        self.does(
            f"ip link add cable type veth peer name cable netns {other._holder.pid}; "
            f"ip address add {address} peer {its} dev cable; ip link set cable up"
        )
        other.does(f"ip address add {its} peer {address} dev cable; ip link set cable up")

    @contextlib.contextmanager
    def reaching_out(self) -> Iterator[None]:
        """Its network leads to what the machine beneath reaches, and not to that one's loopback."""
        command = ["slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback"]
        ready, told = os.pipe()
        carrier = subprocess.Popen(
            [*command, f"--ready-fd={told}", str(self._holder.pid), "tap0"],
            pass_fds=[told], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(told)
        try:
            assert os.read(ready, 1), "no way out of the machine's network"
            yield
        finally:
            os.close(ready)
            carrier.terminate()
            carrier.wait(30)

    def close(self) -> None:
        """Leave it; it is gone with the last process in it."""
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        self._holder.wait(30)
