"""Machines that really boot: processes of this machine, each with a layer of disk of its own.

What a machine is given is read as cloud-init reads it, and what it says is done (machine/init.py
says what is replaced). Needs root, as `mecapy worker` on a machine has it.
"""

import json
import random
import re
import shlex
import shutil
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import yaml

from clouds.cloud import Computer

IMAGE = "registry.example/mecapy-worker:1"
ROOT = Path(__file__).resolve().parents[2]
CHASSIS = Path(__file__).parent / "machine" / "chassis.py"
# What cloud-init is told here, of all it knows: a word that is not played is not passed over.
KNOWN = {"bootcmd": list, "write_files": list, "runcmd": list}
KNOWN_OF_FILES = {"path", "permissions", "encoding", "content"}
FATES = (
    *("never_boots", "boots_slowly", "two_at_once"),
    *("dies_half_way", "hangs_half_way", "boots_twice"),
)
FATES_OF_CLOUDS = ("", "fails", "stops_in_place")  # which their simulators see to
SLOW_BOOT_S = 3.0
HALF_WAY_S = (0.05, 3.0)


def read_cloud_config(user_data: bytes) -> dict[str, object]:
    """What it says. ValueError when there is a word that is not played, or none is read."""
    if not user_data.startswith(b"#cloud-config\n"):
        raise ValueError("it does not begin with #cloud-config")
    config = yaml.safe_load(user_data)
    if not isinstance(config, dict) or not config.keys() <= KNOWN.keys():
        raise ValueError(f"of {config!r} only {sorted(KNOWN)} are played")
    for name, value in config.items():
        if not isinstance(value, KNOWN[name]):
            raise ValueError(f"{name} is no {KNOWN[name]}")
    for file in config.get("write_files", []):
        if not {"path", "content"} <= file.keys() <= KNOWN_OF_FILES:
            raise ValueError(f"a file has {sorted(file)}")
        if not re.fullmatch(r"0[0-7]{3}", file.get("permissions", "0644")):
            raise ValueError("permissions are no text of an octal number")
        if file.get("encoding", "b64") != "b64" or not isinstance(file["content"], str):
            raise ValueError(f"the content of {file['path']} is none")
    return config


class Machine:
    """One that is on. Its methods return at once."""

    def __init__(self, folder: Path, keep: list[str], when_off: Callable[[], None]) -> None:
        """Boot it."""
        self._process = subprocess.Popen(
            ["unshare", "--mount", sys.executable, "-I", "-S", str(CHASSIS), str(folder), *keep],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "console.txt").open("ab"),
        )
        self._when_off = when_off
        self._order(b"on\n")
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        if b"off" in self._process.stdout.readline():
            self._when_off()
        self._order(b"off\n")
        self._process.wait()

    def _order(self, order: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(order)
            self._process.stdin.flush()
        except OSError:
            pass  # it is over

    def cut_off(self) -> None:
        """See Computer."""
        self._order(b"off\n")

    def reset(self) -> None:
        """Its power is cut, and comes back."""
        self._order(b"reset\n")

    @property
    def runs(self) -> bool:
        """Whether anything of it runs."""
        return self._process.poll() is None


class Several:
    """What is done with one machine is done with each of these."""

    def __init__(self) -> None:
        """None yet."""
        self.machines: list[Machine] = []
        self.off = False

    def cut_off(self) -> None:
        """See Computer."""
        self.off = True
        for machine in self.machines:
            machine.cut_off()

    def die(self, when_off: Callable[[], None]) -> None:
        """Their power is cut, and the cloud knows."""
        self.cut_off()
        when_off()

    def reset(self) -> None:
        """Their power is cut, and comes back."""
        for machine in self.machines:
            machine.reset()


class ProcessBoots:
    """Turns machines on, and does to them what is their fate."""

    def __init__(
        self, folder: Path, program: Path, seed: int, clock: float = 1.0, keep: Path = ROOT
    ) -> None:
        """Machines' folders go below `folder`; timers on them run by `clock` times their length.

        `program` is what their image has, and `keep` a folder that they share with this machine.
        """
        self._folder = folder
        self._clock = clock
        self._keep = sorted({str(ROOT), str(program.resolve().parent), str(folder), str(keep)})
        self.half_way_s = HALF_WAY_S
        # Told of each machine that came to its fate, and whether it was on then.
        self.told: Callable[[str, str, bool], None] = lambda _machine, _fate, _on: None
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._on: dict[str, Several] = {}
        self.wrong: list[str] = []
        self.booted = 0
        image = folder / "image"
        image.mkdir(parents=True)
        (image / "name").write_text(IMAGE)
        (image / "program").write_text(str(program))
        (image / "environment").write_text(_image_environment())

    def start(
        self, machine: str, user_data: bytes, fate: str, when_off: Callable[[], None]
    ) -> Computer:
        """See Boots."""
        if fate not in (*FATES, *FATES_OF_CLOUDS):
            raise ValueError(f"no machine here meets the fate {fate}")
        several = Several()
        try:
            config = read_cloud_config(user_data)
        except (ValueError, yaml.YAMLError) as error:
            self.wrong.append(f"cloud-init of {machine}: {error}")
            return several
        if fate == "never_boots":
            self._later(0.0, lambda: self.told(machine, fate, True))
            return several
        config["clock"] = self._clock
        with self._lock:
            half_way = self._chance.uniform(*self.half_way_s)
            self._on[machine] = several
        count = 2 if fate == "two_at_once" else 1
        left = [count]

        def one_is_off() -> None:
            with self._lock:
                left[0] -= 1
                last = left[0] == 0
            if last:
                when_off()

        def boot() -> None:
            for number in range(count):
                if several.off:
                    return
                self.booted += 1
                folder = self._folder / f"{machine}-{number}-{self.booted}"
                (folder / "disk").mkdir(parents=True)
                (folder / "cloud-config.json").write_text(json.dumps(config))
                several.machines.append(Machine(folder, self._keep, one_is_off))
            if fate in ("boots_slowly", "two_at_once"):
                self.told(machine, fate, True)

        def strike(act: Callable[[], None]) -> None:
            on = any(one.runs for one in several.machines) and not several.off
            act()
            self.told(machine, fate, on)

        self._later(SLOW_BOOT_S if fate == "boots_slowly" else 0.0, boot)
        match fate:
            case "dies_half_way":
                self._later(half_way, lambda: strike(lambda: several.die(when_off)))
            case "hangs_half_way":
                self._later(half_way, lambda: strike(several.cut_off))
            case "boots_twice":
                self._later(half_way, lambda: strike(several.reset))
        return several

    def _later(self, seconds: float, act: Callable[[], object]) -> None:
        """On a thread of its own; that it fails is noted."""

        def guarded() -> None:
            try:
                act()
            except Exception:
                self.wrong.append(traceback.format_exc())

        timer = threading.Timer(seconds, guarded)
        timer.daemon = True
        timer.start()

    def running(self) -> list[str]:
        """See Boots."""
        with self._lock:
            return [
                name
                for name, several in self._on.items()
                if any(machine.runs for machine in several.machines)
            ]

    def consoles(self) -> str:
        """What all machines said."""
        return "\n".join(
            f"--- {file.parent.name}\n{file.read_text(errors='replace')[-4000:]}"
            for file in sorted(self._folder.glob("*/console.txt"))
        )

    def close(self) -> None:
        """Cut all off, and forget what they wrote."""
        for several in self._on.values():
            several.cut_off()
        shutil.rmtree(self._folder, ignore_errors=True)


def _image_environment() -> str:
    """What deploy/worker.Dockerfile sets, as lines of a shell."""
    text = (ROOT / "deploy" / "worker.Dockerfile").read_text().replace("\\\n", " ")
    words = [
        word for line in re.findall(r"^ENV (.*)$", text, re.MULTILINE) for word in shlex.split(line)
    ]
    assert words
    return "".join(f"export {shlex.quote(word)}\n" for word in words)
