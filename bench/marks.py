"""The marks: what must be reached. Missing one fails the bench; missing an aim is only told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Mark:
    """One figure of the report and its bound."""

    words: str
    value: Callable[[Json], float]
    bound: float
    unit: str = "ms"
    at_least: bool = False
    aim: bool = False

    def name(self) -> str:
        """As it stands in the report."""
        return f"{self.words} {'>=' if self.at_least else '<='} {self.bound:g} {self.unit}".strip()

    def verdict(self, report: Json) -> str:
        """In a word."""
        value = self.value(report)
        return (
            "met" if (value >= self.bound if self.at_least else value <= self.bound) else "missed"
        )


def _door(side: str, clients: int, key: str) -> Callable[[Json], float]:
    return lambda report: float(report["door"]["sides"][side][str(clients)][key])


def _phase(phase: str, key: str) -> Callable[[Json], float]:
    return lambda report: float(report["sandbox"]["phases"][phase][key])


def _workflows(part: str, key: str) -> Callable[[Json], float]:
    return lambda report: float(report["workflows"][part][key])


def _p99_over_p50(report: Json) -> float:
    figures = report["sandbox"]["phases"]["sandbox numpy"]
    return float(figures["p99_ms"] / figures["p50_ms"])


def _price(what: str) -> Callable[[Json], float]:
    return lambda report: float(report["sandbox"]["price_of_isolation_ms"][what])


MARKS = (
    Mark("p50 at one client", _door("embedded", 1, "p50_ms"), 15),
    Mark("services: p50 at one client", _door("services", 1, "p50_ms"), 15),
    Mark(
        "services: runs at 8 clients",
        _door("services", 8, "runs_per_second"),
        150,
        unit="a second",
        at_least=True,
    ),
    Mark(
        "services: runs at 32 clients",
        _door("services", 32, "runs_per_second"),
        150,
        unit="a second",
        at_least=True,
    ),
    Mark(
        "times as fast as a fresh python",
        lambda report: float(report["times_as_fast_as_fresh_python"]),
        5,
        unit="",
        at_least=True,
    ),
    Mark("workflows: what a node of a chain adds to its run", _workflows("chain", "added_ms"), 3),
    Mark("workflows: a list of 10,000 is accepted", _workflows("list", "accepted_s"), 2, unit="s"),
    Mark(
        "workflows: memory that a list of 10,000 takes",
        _workflows("list", "api_grown_mb"),
        64,
        unit="MiB",
    ),
    Mark(
        "workflows: of it held while it is gone through, less than the list",
        _workflows("list", "api_holds_mb"),
        14,
        unit="MiB",
    ),
    # Another's run waits for a place in which an element is calculated, and shares the CPUs with
    # the others: a few times what it takes alone. Behind the list it would be thousands.
    Mark(
        "workflows: another's run beside that list, times alone",
        _workflows("list", "other_times_idle"),
        5,
        unit="",
    ),
    # It waits for one or two elements to end: for one place to become free.
    Mark(
        "workflows: another's run beside many workflow runs",
        _workflows("many", "other_p50_ms"),
        3 * 50,
    ),
    Mark(
        "workflows: elements calculated again after a kill",
        _workflows("killed", "repeated"),
        0,
        unit="",
    ),
    Mark("sandbox: request to first line, p50", _phase("sandbox numpy", "first_line_p50_ms"), 3),
    Mark("sandbox: numpy run, p50", _phase("sandbox numpy", "p50_ms"), 4),
    Mark("sandbox: numpy run, p99 over p50", _p99_over_p50, 3, unit=""),
    Mark("sandbox: full stack, p50", _phase("sandbox full", "p50_ms"), 8),
    Mark(
        "sandbox: numpy runs at saturation",
        _phase("sandbox saturation", "runs_per_second"),
        250,
        unit="a second",
        at_least=True,
    ),
    Mark("sandbox: hand-over from the pool, p50", _phase("sandbox numpy", "setup_p50_ms"), 1),
    Mark(
        "sandbox: numpy runs at saturation",
        _phase("sandbox saturation", "runs_per_second"),
        400,
        unit="a second",
        at_least=True,
        aim=True,
    ),
    Mark("price of isolation, what a run waits for", _price("run"), 1, aim=True),
)


def judge(report: Json, aims: bool) -> dict[str, str]:
    """Each mark, or each aim: met or missed."""
    return {mark.name(): mark.verdict(report) for mark in MARKS if mark.aim == aims}


def lines(report: Json) -> list[str]:
    """Each mark and aim with its figure, to be printed."""
    return [
        f"{mark.verdict(report):7}{mark.value(report):9.2f}  {mark.name()}"
        + (" (aim)" if mark.aim else "")
        for mark in MARKS
    ]
