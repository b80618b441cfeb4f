"""Clients of the Celery worker: `celery_clients.py CLIENTS RUNS INPUTS EXPECTED`, JSON on stdout.

Each is a process, as those of load.py are, that submits a task and waits for its result with
`get`. Its connections are made, by two runs that do not count, before the clock starts.
"""

import json
import signal
import sys
from importlib.metadata import version

from celery_app import calculate
from load import Run, run_together


def main() -> None:
    """Run them all and tell the times."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    clients, runs = int(sys.argv[1]), int(sys.argv[2])
    inputs, expected = json.loads(sys.argv[3]), json.loads(sys.argv[4])

    def run() -> tuple[float, ...]:
        result = calculate.delay(inputs).get(timeout=30)
        if result != expected:
            raise RuntimeError(f"Celery answered {result!r}")
        return ()

    def connect() -> Run:
        run()
        run()
        return run

    found, total_s = run_together(connect, clients, runs)
    versions = {"celery": version("celery"), "its redis client": version("redis")}
    json.dump({"ms": [ms for (ms,) in found], "total_s": total_s, "versions": versions}, sys.stdout)


if __name__ == "__main__":
    main()
