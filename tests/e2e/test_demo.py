"""`make demo` without its build: a first calculation, told stage by stage, and nothing left."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.server import ROOT, binary, environment

# Adopts what the demo leaves running (prctl(2), PR_SET_CHILD_SUBREAPER), ends with the last of it;
# what is dying has two seconds.
ADOPT = """
import ctypes, os, signal, subprocess, sys
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0
status = subprocess.run(sys.argv[1:]).returncode
signal.alarm(2)
try:
    while True:
        os.wait()
except ChildProcessError:
    sys.exit(status)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the demo makes its temporary folder; every user may enter."""
    path = Path(tempfile.mkdtemp(prefix="mecapy-e2e-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


# With a /run of its own, where no other server is seen; what is left there is told last.
ALONE = (
    'mount -t tmpfs tmpfs /run && "$@"; status=$?; echo "left in /run:" $(ls -A /run); exit $status'
)


def demo(folder: Path, program: Path) -> subprocess.CompletedProcess[str]:
    """Run the demo; its status is -SIGALRM when something it started does not end with it."""
    demo = [sys.executable, "-c", ADOPT, str(ROOT / "tools" / "demo.sh")]
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", ALONE, "sh", *demo],
        env=environment({"MECAPY_BINARY": str(program), "TMPDIR": str(folder)}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_demo_gives_the_result_tells_its_stages_and_leaves_nothing(folder: Path) -> None:
    done = demo(folder, binary())
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines.count('{"stress": 100}') == 1
    stages = [float(ms) for ms in re.findall(r"^    \S.* (-?\d+\.\d) ms$", done.stdout, re.M)]
    assert len(stages) == 6
    assert all(ms >= 0 for ms in stages), stages
    assert sum(stages[:-1]) == pytest.approx(stages[-1], abs=0.5)  # the parts are the whole
    assert lines.index("How to go on:") > lines.index('{"stress": 100}')
    for word in (
        "mecapy serve",
        ":8080/docs/contract ",
        "examples/bolt-stress/calc.py",
        "make help",
    ):
        assert any(word in line for line in lines[lines.index("How to go on:") :]), word
    assert os.listdir(folder) == []
    assert lines[-1] == "left in /run:"


def test_a_demo_that_cannot_start_says_why_and_leaves_nothing(folder: Path) -> None:
    program = folder / "mecapy"
    program.write_text("#!/bin/sh\necho 'no sandbox here' >&2\nexit 71\n")
    program.chmod(0o755)
    done = demo(folder, program)
    assert done.returncode == 1
    assert "no sandbox here" in done.stderr
    assert "How to go on" not in done.stdout
    assert os.listdir(folder) == ["mecapy"]
