"""The checker finds what it is there to find: records of a fine load, each spoilt in one way."""

import copy
from collections.abc import Callable

import pytest

from faults.checker import Evidence, judge
from faults.load import Accepted, Order

TASKS = {"ann": "task-of-ann", "bob": "task-of-bob"}
Spoil = Callable[[Evidence], object]


def fine() -> Evidence:
    """Four runs of each user, all as they must be."""
    evidence = Evidence([], TASKS)
    for x in range(8):
        order = Order("ann" if x % 2 else "bob", x)
        run_id = f"run-{x}"
        run = {"id": run_id, "status": "completed", "attempt": 1, "finished_at": f"t{x}"}
        evidence.accepted.append(Accepted(order, {run_id}))
        for seen in (evidence.runs, evidence.again):
            seen.setdefault(order.user, {})[run_id] = copy.deepcopy(run)
        evidence.ends[run_id] = copy.deepcopy(run)
        evidence.results[run_id] = order.result
        evidence.logs[run_id] = order.log
        evidence.recorded.append((run_id, "running", "completed"))
    return evidence


def lose(evidence: Evidence) -> None:
    """A run that was accepted is not there."""
    del evidence.runs["ann"]["run-3"]


def end_twice(evidence: Evidence) -> None:
    """A second end was recorded."""
    evidence.recorded.append(("run-3", "completed", "completed"))


SPOILT: dict[str, tuple[Spoil, str]] = {
    "a lost run": (lose, "run run-3 is lost"),
    "a run that waits for ever": (
        lambda e: e.runs["ann"]["run-3"].update(status="queued"),
        "run run-3 is queued",
    ),
    "a run that failed": (
        lambda e: e.runs["ann"]["run-3"].update(status="failed", error={"code": "worker_lost"}),
        "run run-3 is failed",
    ),
    "two ends": (end_twice, "run run-3: 2 ends were recorded"),
    "an end that was changed": (end_twice, "run run-3 went from completed to completed"),
    "no end": (lambda e: e.recorded.pop(3), "run run-3: 0 ends were recorded"),
    "an end that changed in the storm": (
        lambda e: e.ends["run-3"].update(attempt=2),
        "the end of run run-3 changed",
    ),
    "an end that changed at rest": (
        lambda e: e.again["ann"]["run-3"].update(attempt=2),
        "the end of run run-3 changed at rest",
    ),
    "another's result": (
        lambda e: e.results.update({"run-3": e.results["run-5"]}),
        "run run-3 has the result",
    ),
    "no result": (lambda e: e.results.pop("run-3"), "run run-3 has the result None"),
    "another's log": (lambda e: e.logs.update({"run-3": e.logs["run-5"]}), "has the log"),
    "a key that made two runs": (
        lambda e: e.accepted[3].runs.add("run-9"),
        "its key made 2 runs",
    ),
    "a run that nobody was told of": (
        lambda e: e.runs["bob"].update({"run-9": {"id": "run-9", "status": "completed"}}),
        "run run-9 of bob was made",
    ),
    "one run for two orders": (
        lambda e: setattr(e.accepted[3], "runs", {"run-5"}),
        "two orders were given one run",
    ),
    "another's run seen": (lambda e: e.foreign.append("bob sees run-3"), "bob sees run-3"),
    "something left over": (lambda e: e.left.append("1 in mecapy:jobs"), "1 in mecapy:jobs"),
    "normal too late": (lambda e: e.late.append("normal after 9 s"), "normal after 9 s"),
    "an honest order refused": (lambda e: e.refused.append("500"), "500"),
}


def test_nothing_is_wrong_with_fine_records() -> None:
    assert judge(fine()) == []


@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_records_are_found(name: str) -> None:
    spoil, words = SPOILT[name]
    evidence = fine()
    spoil(evidence)
    assert any(words in wrong for wrong in judge(evidence)), judge(evidence)


def test_a_repeated_attempt_is_wrong_only_where_nothing_called_for_it() -> None:
    evidence = fine()
    for seen in (evidence.runs["ann"]["run-3"], evidence.again["ann"]["run-3"]):
        seen["attempt"] = 2
    evidence.ends["run-3"]["attempt"] = 2
    assert judge(evidence) == []
    [wrong] = judge(evidence, may_repeat=False)
    assert "run run-3 was repeated" in wrong
