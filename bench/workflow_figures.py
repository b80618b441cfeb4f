"""What is made of the times and runs that workflows.py took."""

import dataclasses
import statistics
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Chain:
    """One chain: how long it took, and how long its nodes say that they did.

    Their own time is that of the calculation, and that in which its sandbox was set up.
    """

    total_ms: float
    calculation_ms: float
    setup_ms: float
    nodes: int

    @property
    def added_ms(self) -> float:
        """What a node took beside its own run."""
        return (self.total_ms - self.calculation_ms - self.setup_ms) / self.nodes

    @property
    def node_ms(self) -> float:
        """What a node took."""
        return self.total_ms / self.nodes


def describe_chains(
    calculated: list[Chain], reused: list[Chain], singles: list[float], peer: list[float]
) -> Json:
    """The medians over the rounds, in ms for one node."""

    def over_rounds(values: Iterator[float]) -> float:
        return round(statistics.median(values), 2)

    return {
        "nodes": calculated[0].nodes,
        "node_ms": over_rounds(one.node_ms for one in calculated),
        "calculation_ms": over_rounds(one.calculation_ms / one.nodes for one in calculated),
        "setup_ms": over_rounds(one.setup_ms / one.nodes for one in calculated),
        "added_ms": over_rounds(one.added_ms for one in calculated),
        "reused_node_ms": over_rounds(one.node_ms for one in reused),
        "one_by_one_ms": over_rounds(iter(singles)),
        "celery_task_ms": over_rounds(iter(peer)),
    }


def describe_fairness(idle: list[float], meanwhile: list[float]) -> Json:
    """What another user's runs took, and how many times what they take when nothing else runs."""
    median_idle, median = statistics.median(idle), statistics.median(meanwhile)
    return {
        "other_runs": len(meanwhile),
        "other_idle_p50_ms": round(median_idle, 2),
        "other_idle_max_ms": round(max(idle), 2),
        "other_p50_ms": round(median, 2),
        "other_max_ms": round(max(meanwhile), 2),
        "other_times_idle": round(median / median_idle, 2),
    }


def describe_kill(runs: list[Json], elements: int) -> Json:
    """How many calculations were recorded more than once, and how many were broken off by it."""
    completed = sum(one["status"] == "completed" for one in runs)
    return {
        "repeated": completed - elements,
        "interrupted": sum(one["attempt"] > 1 for one in runs),
    }
