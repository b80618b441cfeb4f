"""Measure MecaPy through its public door and its sandbox alone, and beside them what others do.

    python bench/bench.py --binary build/mecapy --output build/bench.json

It starts a server of its own on an empty data folder, then a sandbox without a server
(sandbox_alone.py), prints tables, writes the same as JSON, and says of each mark (marks.py) whether
it was met. It ends with 1 when one was missed.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from load import Latencies, run_clients
from marks import judge
from peer import fresh_python, measure_peer
from report import print_report
from sandbox_alone import measure_sandbox
from serve import Serve

BOLT = """
def calculate(inputs):
    import numpy as np
    force = inputs['force']
    section = inputs['section']
    return {'stress': force / section}
"""
INPUTS = {"force": 1000, "section": 10}
EXPECTED = {"stress": 100}

Json = dict[str, Any]


def main() -> int:
    """Measure everything; 1 when a mark was missed."""
    options = read_arguments()
    busy_before = busy_share()
    starts = [start_to_ready_ms(options.binary) for _ in range(3)]
    with Serve(options.binary) as serve:
        idle = serve.memory_mb()
        task_id = serve.create_task("Calcul contrainte vis", BOLT, INPUTS)

        def measure(clients: int, runs: int) -> Json:
            print(f"  {runs} runs, {clients} client(s) ...", file=sys.stderr)
            return describe(run_clients(serve.port, serve.token, task_id, EXPECTED, clients, runs))

        measure(1, options.warm_up)
        one = measure(1, options.runs)
        eight = measure(8, 2 * options.runs)
        busy = serve.memory_mb()
    print("  a fresh python, 20 times ...", file=sys.stderr)
    peer = measure_peer(fresh_python(options.peer_python), BOLT, INPUTS, EXPECTED, 20)
    alone = measure_sandbox(options.binary.parent, options.peer_python, options.rounds)
    report = {
        "machine": describe_machine(),
        "cpu_busy_before": round(busy_before, 2),
        "start_to_ready_ms": round(statistics.median(starts), 1),
        "one_client": one,
        "eight_clients": eight,
        "fresh_python_ms": peer,
        "times_as_fast_as_fresh_python": round(peer["p50"] / one["p50_ms"], 1),
        "memory_idle_mb": idle,
        "memory_after_load_mb": busy,
        "sandbox": alone,
    }
    report["marks"] = judge(report, aims=False)
    report["aims"] = judge(report, aims=True)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=2) + "\n")
    print_report(report)
    return 0 if all(met == "met" for met in report["marks"].values()) else 1


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--binary", type=Path, default=Path("build/mecapy"))
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--peer-python", type=Path, help="default: venv/bin/python by the binary")
    parser.add_argument("--runs", type=int, default=300, help="at one client; twice that at eight")
    parser.add_argument("--warm-up", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=7, help="of the sandbox alone")
    options = parser.parse_args()
    options.peer_python = options.peer_python or options.binary.parent / "venv" / "bin" / "python"
    for path in (options.binary, options.peer_python):
        if not path.exists():
            parser.error(f"{path} is not there; run make build")
    return options


def busy_share() -> float:
    """The part of all CPUs that others use now, looked at for a second."""

    def read() -> tuple[int, int]:
        times = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
        return sum(times[:8]), times[3] + times[4]

    total, idle = read()
    time.sleep(1)
    total_after, idle_after = read()
    return 1 - (idle_after - idle) / max(1, total_after - total)


def start_to_ready_ms(binary: Path) -> float:
    """From starting the process to its line that it is ready, on an empty data folder."""
    with Serve(binary) as serve:
        return serve.start_to_ready_ms


def describe(found: Latencies) -> Json:
    """The figures of one load."""
    ordered = sorted(found.ms)
    return {
        "runs": len(ordered),
        "p50_ms": round(statistics.median(ordered), 2),
        "p99_ms": round(ordered[max(0, -(-99 * len(ordered) // 100) - 1)], 2),
        "max_ms": round(ordered[-1], 2),
        "runs_per_second": round(len(ordered) / found.total_s, 1),
        "p50_setup_ms": round(statistics.median(found.setup_ms), 2),
        "p50_wall_ms": round(statistics.median(found.wall_ms), 2),
    }


def describe_machine() -> Json:
    """What the figures depend on, without saying which machine it is."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "cpu": model,
        "kernel": platform.release(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


if __name__ == "__main__":
    sys.exit(main())
