"""The whole way of a run, submit to result, on several sides in turns.

Each round goes through all numbers of clients and, for each, through all sides, every time
beginning with another one, so that other load falls on all of them. Every figure is the median of
its values in the rounds. The side with every object in S3 is for information: it comes last, once.
"""

import dataclasses
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery_peer import CeleryWorker
from load import Latencies, run_clients
from managed import serve_on_services, services
from serve import Serve

BOLT = (Path(__file__).parent / "calculations" / "bolt.py").read_text()
INPUTS = {"force": 1000, "section": 10}
EXPECTED = {"stress": 100}

# What each side does for a run.
SIDES = {
    "embedded": "isolated; HTTP; on disk in SQLite, fsync",
    "services": "isolated; HTTP; on disk in PostgreSQL, fsync, with Redis and S3; all over TLS",
    "objects": "as services, inputs and result as objects in S3 (objects.inline_limit = 0)",
    "celery": "not isolated; no HTTP; task and result in Redis, in memory only; no TLS",
}
RATIOS = (("services", "embedded"), ("services", "celery"), ("embedded", "celery"))
# Clients, and their runs in a round, in parts of those of one client.
LOADS = ((1, 1), (8, 4), (32, 8))
COMPARED = ("p50_ms", "p99_ms", "runs_per_second")

Json = dict[str, Any]
Submit = Callable[[int, int], Latencies]  # clients, runs


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int
    runs: int  # of one client in a round
    warm_up: int


def measure_door(binary: Path, celery_python: Path, plan: Plan) -> Json:
    """The figures of all sides, and the memory of the embedded server."""
    with services() as promises:
        with Serve(binary) as embedded:
            idle = embedded.memory_mb()
            with (
                serve_on_services(binary) as managed,
                CeleryWorker(celery_python, INPUTS, EXPECTED) as celery,
            ):
                sides = {
                    "embedded": _submits(embedded),
                    "services": _submits(managed),
                    "celery": celery.run,
                }
                figures = _measure(sides, plan, LOADS)
            busy = embedded.memory_mb()
        with serve_on_services(binary, objects_inline_limit=0) as managed:
            once = dataclasses.replace(plan, rounds=1)
            figures |= _measure({"objects": _submits(managed)}, once, LOADS[:2])
    return {
        "does": SIDES,
        "rounds": plan.rounds,
        "services": promises,
        "celery": celery.versions,
        "sides": figures,
        "ratios": {f"{one}/{other}": _ratios(figures, one, other) for one, other in RATIOS},
        "memory_idle_mb": idle,
        "memory_after_load_mb": busy,
    }


def _submits(serve: Serve) -> Submit:
    """The way into a server, for a task of it."""
    task_id = serve.create_task("Calcul contrainte vis", BOLT, INPUTS)

    def submit(clients: int, runs: int) -> Latencies:
        return run_clients(serve.port, serve.token, task_id, EXPECTED, clients, runs)

    return submit


def _measure(sides: dict[str, Submit], plan: Plan, loads: tuple[tuple[int, int], ...]) -> Json:
    """By side and number of clients."""
    for name, submit in sides.items():
        print(f"  {name}: {plan.warm_up} runs to warm up ...", file=sys.stderr)
        submit(8, max(8, plan.warm_up))
    found: dict[tuple[str, int], list[Latencies]] = {}
    for number in range(plan.rounds):
        names = list(sides)
        names = names[number % len(names) :] + names[: number % len(names)]
        for clients, share in loads:
            for name in names:
                runs = max(clients, plan.runs * share)
                print(
                    f"  round {number + 1} of {plan.rounds}: {name}, {clients} client(s) ...",
                    file=sys.stderr,
                )
                found.setdefault((name, clients), []).append(sides[name](clients, runs))
    return {
        name: {str(clients): _describe(found[name, clients]) for clients, _ in loads}
        for name in sides
    }


def _describe(rounds: list[Latencies]) -> Json:
    """The figures of one side at one number of clients: the medians over the rounds."""

    def over_rounds(value: Callable[[Latencies], float], digits: int = 2) -> float:
        return round(statistics.median(value(one) for one in rounds), digits)

    figures: Json = {
        "runs": sum(len(one.ms) for one in rounds),
        "p50_ms": over_rounds(lambda one: statistics.median(one.ms)),
        "p99_ms": over_rounds(lambda one: _p99(one.ms)),
        "max_ms": round(max(max(one.ms) for one in rounds), 2),
        "runs_per_second": over_rounds(lambda one: len(one.ms) / one.total_s, 1),
    }
    if rounds[0].setup_ms:
        figures["p50_setup_ms"] = over_rounds(lambda one: statistics.median(one.setup_ms))
        figures["p50_wall_ms"] = over_rounds(lambda one: statistics.median(one.wall_ms))
    return figures


def _p99(values: list[float]) -> float:
    """The smallest value that 99 percent of all do not pass."""
    return sorted(values)[max(0, -(-99 * len(values) // 100) - 1)]


def _ratios(figures: Json, one: str, other: str) -> Json:
    """How many times the figures of `other` those of `one` are, by number of clients."""
    return {
        clients: {
            key: round(figures[one][clients][key] / figures[other][clients][key], 2)
            for key in COMPARED
        }
        for clients in figures[one]
    }
