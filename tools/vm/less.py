"""With a controller missing, doctor says so, and limits are named or nothing runs."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """A calculation, what it asks for, and the exit status of the outcome it must have."""

    name: str
    body: str
    limit: str
    status: int


CASES = (
    Case("honest", "return 1", "timeout_s=60", 0),
    Case(
        "out_of_memory",
        "blocks = []\n    while True: blocks.append(bytearray(1 << 24))",
        "memory_mb=256",
        21,
    ),
    Case("cpu_limit", "while True: pass", "cpu_s=0.5", 22),
    Case("timeout", "time.sleep(60)", "timeout_s=0.5", 20),
)


def mecapy(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """One command of the program, to its end."""
    return subprocess.run(
        ["build/mecapy", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def layer_is_told() -> tuple[bool, bool]:
    """Whether doctor names a cgroup layer that is not enforced, and whether it lets runs start."""
    done = mecapy("doctor")
    print(done.stdout, done.stderr, sep="", end="")
    layers = [line for line in done.stdout.splitlines() if line.startswith("cgroup ")]
    told = any(" missing " in line or " refused " in line for line in layers)
    return told, done.returncode == 0


def ends(case: Case, folder: Path, *, may_start: bool) -> bool:
    """Whether the case ended as it must; says how it did."""
    code = folder / f"{case.name}.py"
    code.write_text(f"import os, time\n\n\ndef calculate(inputs):\n    {case.body}\n")
    done = mecapy("run", str(code), "-l", case.limit)
    refused = "isolation layer not available in the profile host: cgroup" in done.stderr
    held = done.returncode == case.status if may_start else refused
    print(f"{case.name}: {'held' if held else 'FAILED'}, exit status {done.returncode}")
    print("   ", "\n    ".join(done.stderr.splitlines()))
    return held


def main() -> int:
    """1 when something did not hold."""
    told, may_start = layer_is_told()
    with tempfile.TemporaryDirectory(prefix="mecapy-vm-") as name:
        Path(name).chmod(0o755)
        held = [ends(case, Path(name), may_start=may_start) for case in CASES]
    return 0 if told and all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
