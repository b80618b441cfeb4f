"""What goes on in another terminal: starts it, waits until it is ready, and leaves it there.

serve.py PROGRAM serve ... | serve.py PROGRAM worker ... | serve.py stop; one at a time, whose files
begin with READER_SERVE.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

RUNNING = Path(os.environ["READER_SERVE"])  # holds its process id
SAID = RUNNING.with_suffix(".said")


def alive(pid: int) -> bool:
    """Whether it has not ended; init, or whoever adopts it, collects it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def stop() -> None:
    """End the one that runs."""
    if not RUNNING.exists():
        return
    pid = int(RUNNING.read_text())
    if alive(pid):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while alive(pid):
        assert time.monotonic() < deadline, "serve does not end"
        time.sleep(0.02)
    RUNNING.unlink()


def start(command: list[str]) -> None:
    """Start it, and wait until it is ready; what it says is in the other terminal."""
    with SAID.open("w") as said, SAID.with_suffix(".errors").open("w") as errors:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=errors, start_new_session=True
        )
    RUNNING.write_text(str(server.pid))
    deadline = time.monotonic() + 30
    while " is ready at " not in SAID.read_text():
        if server.poll() is not None or time.monotonic() > deadline:
            sys.exit(SAID.read_text() + SAID.with_suffix(".errors").read_text())
        time.sleep(0.02)


stop()
if sys.argv[1] != "stop":
    start(sys.argv[1:])
