"""Measure MecaPy through its public door and its sandbox alone, and beside them what others do.

    PYTHONPATH=tests python bench/bench.py --binary build/mecapy --output build/bench.json

It starts servers of its own on an empty data folder and on empty services, with a Celery worker
beside them (door.py, workflows.py), then a sandbox without a server (sandbox_alone.py). It prints
tables, writes the same as JSON, and says of each mark (marks.py) whether it was met; it ends with 1
when one was missed.
"""

import argparse
import datetime
import json
import os
import platform
import signal
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from door import BOLT, EXPECTED, INPUTS, Plan, measure_door
from marks import judge
from peer import fresh_python, measure_peer
from report import print_report
from sandbox_alone import measure_sandbox
from serve import Serve
from workflows import WorkflowPlan, measure_workflows

Json = dict[str, Any]


def main() -> int:
    """Measure everything; 1 when a mark was missed."""
    options = read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all it started is ended
    busy_before = busy_share()
    starts = [start_to_ready_ms(options.binary) for _ in range(3)]
    plan = Plan(options.door_rounds, options.runs, options.warm_up)
    door = measure_door(options.binary, options.celery_python, plan)
    workflows = measure_workflows(
        options.binary, options.celery_python, WorkflowPlan(options.chain_rounds, options.elements)
    )
    print("  a fresh python, 20 times ...", file=sys.stderr)
    peer = measure_peer(fresh_python(options.peer_python), BOLT, INPUTS, EXPECTED, 20)
    alone = measure_sandbox(options.binary.parent, options.peer_python, options.rounds)
    report = {
        "machine": describe_machine(),
        "cpu_busy_before": round(busy_before, 2),
        "start_to_ready_ms": round(statistics.median(starts), 1),
        "door": door,
        "workflows": workflows,
        "fresh_python_ms": peer,
        "times_as_fast_as_fresh_python": round(
            peer["p50"] / door["sides"]["embedded"]["1"]["p50_ms"], 1
        ),
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
    parser.add_argument("--celery-python", type=Path, help="default: bench-venv/bin/python there")
    parser.add_argument("--door-rounds", type=int, default=3, help="through the servers and Celery")
    parser.add_argument("--runs", type=int, default=100, help="of one client in such a round")
    parser.add_argument("--warm-up", type=int, default=80)
    parser.add_argument("--chain-rounds", type=int, default=5, help="of chains of 100 nodes")
    parser.add_argument("--elements", type=int, default=10_000, help="of the list of a workflow")
    parser.add_argument("--rounds", type=int, default=7, help="of the sandbox alone")
    options = parser.parse_args()
    for name, folder in (("peer_python", "venv"), ("celery_python", "bench-venv")):
        if not getattr(options, name):
            setattr(options, name, options.binary.parent / folder / "bin" / "python")
    for path in (options.binary, options.peer_python, options.celery_python):
        if not path.exists():
            parser.error(f"{path} is not there; use make bench")
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
