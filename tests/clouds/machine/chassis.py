"""A simulated machine: `unshare --mount chassis.py FOLDER`, in a mount namespace of its own.

Its disk is that of this machine, with a layer over it that goes with it. Each boot is a PID
namespace, whose first process is init.py beside this file. Orders come as lines on standard input:
`on`, `reset` (its power is cut and comes back), `off` (its power is cut). It says `off` when it has
powered off by itself, and ends with its input.
"""

import os
import select
import subprocess
import sys
from pathlib import Path

LAYERED = ("/etc", "/opt", "/usr/local", "/var/lib")
SHIMS = Path(__file__).with_name("shims")
SHIMMED = ("/usr/bin", "/usr/sbin")
PROGRAMS = (*SHIMMED, "/usr/local/bin", "/usr/local/sbin")
HIDDEN = ("docker",)  # of this machine's
EMPTY = ("/tmp", "/var/tmp", "/run", "/dev/shm", "/dev/mqueue")


def mount(*words: str) -> None:
    """Or end with what mount says."""
    subprocess.run(["mount", *words], check=True)


def build(folder: Path, keep: list[str]) -> None:
    """Layers over what is here; folders in `keep` stay to be seen, wherever they are."""
    kept = [(name, os.open(name, os.O_PATH)) for name in keep]
    mount("-t", "tmpfs", "-o", "mode=0755", "layers", str(folder / "disk"))
    for place in (*LAYERED, *SHIMMED):
        upper, work = (folder / "disk" / kind / place[1:] for kind in ("upper", "work"))
        upper.mkdir(parents=True)
        work.mkdir(parents=True)
        lower = f"{SHIMS}:{place}" if place in SHIMMED else place
        mount(
            "-t", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", "o", place
        )
    for name in HIDDEN:
        for place in PROGRAMS:
            Path(place, name).unlink(missing_ok=True)
    own = os.open(folder, os.O_PATH)
    for place in EMPTY:
        if Path(place).is_dir():
            mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", place)
    for name, fd in [*kept, (str(folder), own)]:
        if not Path(name).exists():
            Path(name).mkdir(parents=True)
            # Not by its name, which leads to nothing any more.
            mount("--no-canonicalize", "--rbind", f"/proc/{os.getpid()}/fd/{fd}", name)


class Chassis:
    """The power of one machine."""

    def __init__(self, folder: str) -> None:
        """Off."""
        self._folder = folder
        self._boot: subprocess.Popen[bytes] | None = None
        self._boots = 0

    def on(self) -> None:
        """Boot it."""
        self._boots += 1
        init = str(Path(__file__).with_name("init.py"))
        boot = ["unshare", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc"]
        self._boot = subprocess.Popen(
            [*boot, sys.executable, "-I", "-S", init, self._folder, str(self._boots)],
            stdin=subprocess.DEVNULL,
            stdout=2,
        )

    def cut(self) -> None:
        """Its power is gone: nothing of it runs any more when this returns."""
        if self._boot is not None:
            self._boot.kill()
            self._boot.wait()
            self._boot = None

    @property
    def is_over(self) -> bool:
        """It was on, and has powered off."""
        return self._boot is not None and self._boot.poll() is not None


def main(folder: str, keep: list[str]) -> None:
    """Until standard input ends."""
    build(Path(folder), keep)
    chassis = Chassis(folder)
    told = False
    while True:
        ready, _, _ = select.select([0], [], [], 0.05)  # a child's end comes by no file
        if ready:
            order = os.read(0, 64).decode()
            if "reset" in order:
                chassis.cut()
                chassis.on()
            elif "on" in order:
                chassis.on()
            if not order or "off" in order:
                chassis.cut()
                return
        if chassis.is_over and not told:
            told = True
            print("off", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
