"""Measure MecaPy through its public door, and beside it a fresh Python doing the same calculation.

    python bench/bench.py --binary build/mecapy --output build/bench.json

It starts a server of its own on an empty data folder, prints a table, writes the same as JSON, and
says of each mark (p50 at one client, times as fast as a fresh Python) whether it was met. It ends
with 1 when one was missed.
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
from peer import measure_fresh_python
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
MARK_P50_MS = 15.0
MARK_RATIO = 5.0

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
    peer = measure_fresh_python(options.peer_python, BOLT, INPUTS, EXPECTED, 20)
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
    }
    report["marks"] = judge(report)
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


def judge(report: Json) -> Json:
    """Each mark, met or missed."""
    p50 = report["one_client"]["p50_ms"]
    ratio = report["times_as_fast_as_fresh_python"]
    return {
        f"p50 at one client <= {MARK_P50_MS:g} ms": verdict(p50 <= MARK_P50_MS),
        f"at least {MARK_RATIO:g} times as fast as a fresh python": verdict(ratio >= MARK_RATIO),
    }


def verdict(met: bool) -> str:
    """In words."""
    return "met" if met else "missed"


def print_report(report: Json) -> None:
    """The table."""
    machine = report["machine"]
    print(f"{machine['cpus']} CPUs ({machine['cpu']}), Linux {machine['kernel']}")
    print(f"{machine['date']}, {report['cpu_busy_before']:.0%} of the CPUs busy before")
    if report["cpu_busy_before"] > 0.1:
        print("the machine was busy with something else: the figures are too high")
    print()
    print(f"{'the seeds bolt, submit to result':40}{'p50 ms':>9}{'p99 ms':>9}{'runs/s':>9}")
    for title, key in (("1 client", "one_client"), ("8 clients", "eight_clients")):
        row = report[key]
        print(f"  {title:38}{row['p50_ms']:9.2f}{row['p99_ms']:9.2f}{row['runs_per_second']:9.1f}")
        print(f"  {'  of it set-up of the sandbox':38}{row['p50_setup_ms']:9.2f}")
        print(f"  {'  of it job read to process gone':38}{row['p50_wall_ms']:9.2f}")
    print(f"  {'fresh python with numpy':38}{report['fresh_python_ms']['p50']:9.2f}")
    print(f"  {'times as fast':38}{report['times_as_fast_as_fresh_python']:9.1f}\n")
    print(f"{'start to ready':40}{report['start_to_ready_ms']:9.1f} ms\n")
    print(f"{'memory, MiB':40}{'PSS':>9}{'RSS':>9}{'PSS':>9}{'RSS':>9}")
    print(f"{'':40}{'idle':>18}{'after load':>18}")
    for role, after in report["memory_after_load_mb"].items():
        idle = report["memory_idle_mb"].get(role, {"pss": 0.0, "rss": 0.0})
        print(
            f"  {role:38}{idle['pss']:9.1f}{idle['rss']:9.1f}{after['pss']:9.1f}{after['rss']:9.1f}"
        )
    print()
    for mark, met in report["marks"].items():
        print(f"{met:8}{mark}")


if __name__ == "__main__":
    sys.exit(main())
