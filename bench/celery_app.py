"""The peer's application: the bench's calculation as a task of Celery's.

It runs in build/bench-venv. Task and result go through one database of a Redis, which the
environment names.
"""

import os
import runpy
from pathlib import Path

import numpy  # noqa: F401 (imported ahead: the worker's processes are forks of one that has it)
from celery import Celery

_URL = os.environ["BENCH_CELERY_REDIS_URL"]

app = Celery("bench", broker=_URL, backend=_URL)
calculate = app.task(name="calculate")(
    runpy.run_path(str(Path(__file__).parent / "calculations" / "bolt.py"))["calculate"]
)


def add_one(n: int) -> int:
    """A calculation that costs nothing."""
    return n + 1


step = app.task(name="step")(add_one)  # of a chain
