"""From the start of a container to its first result, and where the time goes.

`tools/container_test.sh` runs it. Making a container is told apart: with the storage driver vfs it
copies the whole image, which no serverless host does.
"""

import os
import re
import statistics
import time
from datetime import datetime
from typing import Any

import httpx

from support.images import ContainedWorker

TIMES = 9
PATIENCE_S = 30
CALCULATION = "import numpy as np\nreturn float(np.linalg.solve(np.eye(3), np.ones(3)).sum())"
STAGES = {
    "container made": "podman create",
    "first process": "podman start to the first process",
    "ready": "the program: first process to ready, says its log",
    "first result": "the program: ready to the first result of numpy",
    "of the program": "the program: first process to first result",
    "in all": "podman start to first result",
}


def first_answer(worker: ContainedWorker) -> dict[str, Any]:
    """The answer to a calculation that is sent as soon as anybody listens."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return worker.calculate(CALCULATION)
        except httpx.ConnectError:
            assert time.monotonic() < deadline, worker.logs()
            time.sleep(0.002)


def when(text: str) -> float:
    """Seconds since the epoch of a time as podman writes it: UTC, with up to nine decimals."""
    found = re.match(r"(\S{10})[T ](\d\d:\d\d:\d\d)(\.\d+)?", text)
    assert found is not None, text
    day, clock, part = found.groups("0")
    return datetime.fromisoformat(f"{day}T{clock}+00:00").timestamp() + float(part)


def one_start() -> dict[str, float]:
    """One container, from nothing to its first result: seconds of each of STAGES."""
    begun = time.time()
    worker = ContainedWorker()
    try:
        made = time.time()
        worker.begin()
        answer = first_answer(worker)
        done = time.time()
        assert answer["result"] == 3, answer
        started = when(worker.inspect("{{.State.StartedAt}}"))
        ready = when(worker.logs("--timestamps").split()[0])
    finally:
        worker.remove()
    times = (
        made - begun,
        started - made,
        ready - started,
        done - ready,
        done - started,
        done - made,
    )
    return dict(zip(STAGES, times, strict=True))


def main() -> None:
    """Print the median and the spread of each stage."""
    one_start()  # the image comes into the page cache
    starts = [one_start() for _ in range(TIMES)]
    load, cpus = os.getloadavg()[0], os.cpu_count()
    print(f"cold start, {TIMES} times, {cpus} CPUs, load {load:.1f}:")
    print(f"{'median':>8} {'least':>8} {'most':>8}  ms")
    for stage, meaning in STAGES.items():
        found = [1000 * start[stage] for start in starts]
        figures = (statistics.median(found), min(found), max(found))
        print(*(f"{figure:8.0f}" for figure in figures), f" {meaning}")


if __name__ == "__main__":
    main()
