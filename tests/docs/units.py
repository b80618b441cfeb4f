"""`systemctl` on a machine without systemd: it does with services what the units of packages say.

systemctl [--OPTION ...] VERB [--] UNIT, with one of VERBS.
"""

import configparser
import os
import pwd
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

UNITS, WANTS = Path("/lib/systemd/system"), Path("/etc/systemd/system")
STATE = Path("/var/lib/units")  # NAME.pid of each that was started, NAME.log of what it said
PATIENCE_S = 60


def said_of(unit: str, section: str) -> Mapping[str, str]:
    """A section of the unit's file."""
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((UNITS / unit).read_text())
    return parser[section]


def pid_of(unit: str) -> int | None:
    """The process of a service, while it runs."""
    try:
        pid = int((STATE / f"{unit}.pid").read_text())
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return None
    return None if state == "Z" else pid


def begin(unit: str, words: str, **more: str) -> "subprocess.Popen[bytes]":
    """A command of the unit, as its user and with what that may do."""
    service = said_of(unit, "Service")
    user = pwd.getpwnam(service.get("User", "root"))
    command = ["setpriv", f"--reuid={user.pw_name}", f"--regid={user.pw_gid}", "--init-groups"]
    for capability in service.get("AmbientCapabilities", "").split():
        name = capability.removeprefix("CAP_").lower()
        command += [f"--inh-caps=+{name}", f"--ambient-caps=+{name}"]
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    around = {"PATH": path, "HOME": user.pw_dir, "USER": user.pw_name} | more
    with (STATE / f"{unit}.log").open("ab") as log:
        return subprocess.Popen(
            [*command, *shlex.split(words)], env=around, cwd="/", start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip


def start(unit: str) -> int:
    """Until it says that it is ready (sd_notify)."""
    STATE.mkdir(exist_ok=True)
    address = STATE / f"{unit}.notify"
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(address))
        address.chmod(0o777)
        told.settimeout(PATIENCE_S)
        service = begin(unit, said_of(unit, "Service")["ExecStart"], NOTIFY_SOCKET=str(address))
        (STATE / f"{unit}.pid").write_text(str(service.pid))
        while b"READY=1" not in told.recv(4096).split(b"\n"):
            pass
    return 0


def reload(unit: str) -> int:
    """Have it read its settings again."""
    if pid_of(unit) is None:
        print(f"{unit} is not active, cannot reload.", file=sys.stderr)
        return 1
    return begin(unit, said_of(unit, "Service")["ExecReload"]).wait(PATIENCE_S)


def stop(unit: str) -> int:
    """Until it has ended."""
    if (pid := pid_of(unit)) is not None:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while pid_of(unit) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    return 0 if pid_of(unit) is None else 1


def preset(unit: str) -> int:
    """Enable it, as Debian does with what is new."""
    for wanting in said_of(unit, "Install")["WantedBy"].split():
        folder = WANTS / f"{wanting}.wants"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / unit).symlink_to(UNITS / unit)
    return 0


def is_enabled(unit: str) -> int:
    """Whether something wants it at boot."""
    wanted = any(WANTS.glob(f"*.wants/{unit}"))
    print("enabled" if wanted else "disabled")
    return 0 if wanted else 1


def is_active(unit: str) -> int:
    """Whether it runs."""
    return 0 if pid_of(unit) is not None else 3


VERBS = {
    "start": start,
    "reload": reload,
    "stop": stop,
    "preset": preset,
    "is-enabled": is_enabled,
    "is-active": is_active,
}


def main() -> int:
    """Of one unit."""
    verb, unit = (word for word in sys.argv[1:] if not word.startswith("--"))
    return VERBS[verb](unit if unit.endswith(".service") else f"{unit}.service")


sys.exit(main())
