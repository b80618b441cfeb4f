"""What the bench makes of times it took: its figures of workflows, and its marks."""

from typing import Any

import pytest
from marks import MARKS, Mark
from workflow_figures import Chain, describe_chains, describe_fairness, describe_kill

Json = dict[str, Any]


def test_a_node_adds_what_its_run_does_not_take() -> None:
    chain = Chain(total_ms=500, calculation_ms=100, setup_ms=200, nodes=100)
    assert (chain.node_ms, chain.added_ms) == (5, 2)


def test_figures_of_a_chain_are_those_of_the_round_in_the_middle() -> None:
    rounds = [Chain(ms, own_ms, 1, 10) for ms, own_ms in ((91, 10), (41, 10), (61, 40))]
    reused = [Chain(total_ms, 0, 0, 10) for total_ms in (5, 9, 7)]
    assert describe_chains(rounds, reused, [3.0, 1.0, 2.0], [9.0, 4.0, 5.0]) == {
        "nodes": 10,
        "node_ms": 6.1,
        "calculation_ms": 1,
        "setup_ms": 0.1,
        "added_ms": 3,
        "reused_node_ms": 0.7,
        "one_by_one_ms": 2,
        "celery_task_ms": 5,
    }


def test_another_users_runs_are_compared_with_those_alone() -> None:
    told = describe_fairness([4.0, 5.0, 9.0], [10.0, 40.0, 12.5])
    assert told["other_times_idle"] == 2.5
    assert (told["other_idle_max_ms"], told["other_max_ms"], told["other_runs"]) == (9, 40, 3)


def run(status: str = "completed", attempt: int = 1) -> Json:
    return {"status": status, "attempt": attempt}


def test_an_element_that_was_calculated_again_is_counted() -> None:
    assert describe_kill([run()] * 4, 4) == {"repeated": 0, "interrupted": 0}
    assert describe_kill([run()] * 3 + [run(attempt=2)], 4) == {"repeated": 0, "interrupted": 1}
    assert describe_kill([run()] * 5, 4)["repeated"] == 1


def measured(**parts: Json) -> Json:
    return {"workflows": parts}


@pytest.mark.parametrize(
    ("part", "key", "met", "missed"),
    [
        ("chain", "added_ms", 3.0, 3.1),
        ("list", "accepted_s", 2.0, 2.1),
        ("list", "api_grown_mb", 64.0, 64.1),
        ("list", "api_holds_mb", 14.0, 14.1),
        ("many", "other_p50_ms", 150.0, 150.1),
        ("list", "other_times_idle", 5.0, 5.1),
        ("killed", "repeated", 0, 1),
    ],
)
def test_each_figure_of_a_workflow_has_its_mark(
    part: str, key: str, met: float, missed: float
) -> None:
    def verdicts(value: float) -> list[str]:
        return [mark.verdict(measured(**{part: {key: value}})) for mark in marks_of(part, key)]

    assert verdicts(met) == ["met"]
    assert verdicts(missed) == ["missed"]


def marks_of(part: str, key: str) -> list[Mark]:
    """Those that look at this figure and at no other."""
    found = []
    for mark in MARKS:
        try:
            mark.value(measured(**{part: {key: 0}}))
        except KeyError:
            continue
        found.append(mark)
    return found
