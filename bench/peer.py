"""The peers: what one would do without MecaPy, a fresh Python for each calculation, as it is or in
a sandbox of bubblewrap's."""

import json
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

PROGRAM = """
import json, sys
inputs = json.loads(sys.argv[2])
namespace = {}
exec(sys.argv[1], namespace)
print(json.dumps(namespace['calculate'](inputs)))
"""


def fresh_python(python: Path) -> list[str]:
    """The command of a fresh interpreter; a program and its arguments follow."""
    return [str(python), "-c"]


def bubblewrapped_python(python: Path) -> list[str]:
    """The same with every namespace bubblewrap knows, and a root, /proc and tmpfs of its own."""
    venv = str(python.absolute().parent.parent)
    root = ["--ro-bind", "/usr", "/usr", "--ro-bind", venv, venv]
    links = ["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"]
    own = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/work"]
    user = ["--uid", "1000", "--gid", "1000", "--cap-drop", "ALL", "--new-session"]
    # The packages last: they may lie below a folder that is made anew in here.
    confined = ["bwrap", "--unshare-all", "--die-with-parent", *user, *links, *own, *root]
    return [*confined, "--chdir", "/work", f"{venv}/bin/{python.name}", "-c"]


def measure_peer(
    command: list[str], code: str, inputs: dict[str, Any], expected: dict[str, Any], times: int
) -> dict[str, float]:
    """Milliseconds from starting it to having its result, warm caches.

    The answer must hold what `expected` does. When it tells CLOCK_MONOTONIC in the code's first
    line (``first_line_ns``), the time to there is told, too.
    """
    found = []
    first_line = []
    for _ in range(times + 2):
        begin = time.monotonic_ns()
        done = subprocess.run(
            [*command, PROGRAM, code, json.dumps(inputs)],
            capture_output=True,
            check=True,
            text=True,
            timeout=60,
        )
        found.append((time.monotonic_ns() - begin) / 1e6)
        answer = json.loads(done.stdout)
        if answer | expected != answer:
            raise RuntimeError(f"{command[0]} answered {done.stdout!r}")
        if "first_line_ns" in answer:
            first_line.append((answer["first_line_ns"] - begin) / 1e6)
    found = found[2:]  # the first two fill the file cache
    figures = {"p50": round(statistics.median(found), 1), "min": round(min(found), 1)}
    if first_line:
        figures["first_line_p50"] = round(statistics.median(first_line[2:]), 1)
    return figures
