"""The sandbox without the server around it, and beside it the same work done with less isolation.

The program `sandbox_bench` (bench/native) runs the calculations and tells raw times; this makes
figures of them. Every figure is the median of its values in the rounds, so that what else the
machine did in one of them does not count.
"""

import json
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peer import bubblewrapped_python, fresh_python, measure_peer

HERE = Path(__file__).parent
NUMPY = HERE / "calculations" / "numpy_solve.py"
FULL = HERE / "calculations" / "full_stack.py"
PEER_TIMES = {"fresh numpy": 15, "bubblewrap numpy": 15, "fresh full": 5, "bubblewrap full": 5}

Json = dict[str, Any]


def measure_sandbox(folder: Path, python: Path, rounds: int) -> Json:
    """All figures; `folder` holds the programs, `python` has the packages."""
    done = subprocess.run(
        [str(folder / "sandbox_bench"), str(rounds), str(NUMPY), str(FULL)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=900,
    )
    told = json.loads(done.stdout)
    by_phase: dict[str, list[Json]] = {}
    for measured in told["measured"]:
        by_phase.setdefault(measured["phase"], []).append(measured)
    phases = {phase: _describe(found) for phase, found in by_phase.items()}
    return {
        "layers": {
            layer["name"]: f"{layer['state']}: {layer['detail']}".rstrip(": ")
            for layer in told["layers"]
        },
        "slots": told["slots"],
        "rounds": rounds,
        "phases": phases,
        "price_of_isolation_ms": {
            what: round(phases["sandbox numpy"][key] - phases["plain numpy"][key], 2)
            for what, key in (
                ("first line", "first_line_p50_ms"),
                ("run", "p50_ms"),
                ("cpu", "cpu_ms_per_run"),
            )
        },
        "peers": _measure_peers(python, by_phase),
    }


def _describe(rounds: list[Json]) -> Json:
    """One phase: the medians over its rounds."""

    def over_rounds(value: Sequence[float]) -> float:
        return round(statistics.median(value), 3)

    def percentile_ms(column: str, part: int) -> float:
        return over_rounds([_percentile(one[column], part) / 1e3 for one in rounds])

    return {
        "runs": sum(len(one["total_us"]) for one in rounds),
        "in_flight": rounds[0]["in_flight"],
        "p50_ms": percentile_ms("total_us", 50),
        "p99_ms": percentile_ms("total_us", 99),
        "first_line_p50_ms": percentile_ms("first_line_us", 50),
        "first_line_p99_ms": percentile_ms("first_line_us", 99),
        "setup_p50_ms": percentile_ms("setup_us", 50),
        "setup_p99_ms": percentile_ms("setup_us", 99),
        "wall_p50_ms": percentile_ms("wall_us", 50),
        "runs_per_second": over_rounds([len(one["total_us"]) / one["seconds"] for one in rounds]),
        "run_cpu_p50_ms": percentile_ms("cpu_us", 50),
        "cpu_ms_per_run": over_rounds(
            [one["place_cpu_us"] / 1e3 / len(one["total_us"]) for one in rounds]
        ),
        "front_cpu_ms_per_run": over_rounds(
            [one["front_cpu_us"] / 1e3 / len(one["total_us"]) for one in rounds]
        ),
    }


def _percentile(values: list[int], part: int) -> int:
    """The smallest value that `part` percent of all do not pass."""
    return sorted(values)[max(0, -(-part * len(values) // 100) - 1)]


def _measure_peers(python: Path, by_phase: dict[str, list[Json]]) -> Json:
    commands = {"fresh": fresh_python(python), "bubblewrap": bubblewrapped_python(python)}
    codes = {"numpy": NUMPY.read_text(), "full": FULL.read_text()}
    found = {}
    for name, times in PEER_TIMES.items():
        command, kind = name.split()
        expected = {"value": by_phase[f"sandbox {kind}"][0]["value"]}
        found[name] = measure_peer(commands[command], codes[kind], {}, expected, times)
    return found
