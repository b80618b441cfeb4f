"""The checker finds what it is there to find: records of a fine load, each spoilt in one way."""

import copy
from collections.abc import Callable

import pytest

from faults.checker import Evidence, judge
from faults.load import Accepted, Order

TASKS = {"ann": ["a", "a2", "a3"], "bob": ["b", "b2", "b3"]}
TEN_DAYS = 864_000.0
Spoil = Callable[[Evidence], object]


def fine() -> Evidence:
    """Runs of each user, all as they must be: 17 and 27 were answered by 7."""
    evidence = Evidence([], TASKS)
    for x in range(40):
        order = Order("ann" if x % 2 else "bob", x)
        run_id = f"run-{x}"
        run = {"id": run_id, "status": "completed", "attempt": 1, "finished_at": f"t{x}"}
        began = TEN_DAYS + x
        evidence.claimed[run_id, 1] = began - 0.1
        if x in (17, 27):
            run["cached_from"] = "run-7"
            began = TEN_DAYS + 7
        evidence.accepted.append(Accepted(order, {run_id}))
        for seen in (evidence.runs, evidence.again):
            seen.setdefault(order.user, {})[run_id] = copy.deepcopy(run)
        evidence.ends[run_id] = copy.deepcopy(run)
        evidence.results[run_id] = order.result | {"began": began}
        evidence.logs[run_id] = order.log
        was = "queued" if "cached_from" in run else "running"
        evidence.recorded.append((run_id, was, "completed"))
    return evidence


def lose(evidence: Evidence) -> None:
    """A run that was accepted is not there."""
    del evidence.runs["ann"]["run-3"]


def end_twice(evidence: Evidence) -> None:
    """A second end was recorded."""
    evidence.recorded.append(("run-3", "completed", "completed"))


def answered_by(evidence: Evidence, run_id: str, origin: str) -> None:
    """A run that was calculated has its end from another."""
    number = int(run_id.removeprefix("run-"))
    for seen in (evidence.runs, evidence.again):
        seen["ann" if number % 2 else "bob"][run_id]["cached_from"] = origin
    del evidence.ends[run_id]
    evidence.recorded[number] = (run_id, "queued", "completed")
    evidence.results[run_id] = evidence.results[origin]


def repeat(evidence: Evidence, claimed_after_s: float) -> None:
    """A second attempt was claimed so long after the result was begun."""
    for seen in (evidence.runs["ann"]["run-3"], evidence.again["ann"]["run-3"]):
        seen["attempt"] = 2
    evidence.ends["run-3"]["attempt"] = 2
    evidence.claimed["run-3", 2] = TEN_DAYS + 3 + claimed_after_s


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
        lambda e: e.accepted[3].runs.add("run-90"),
        "its key made 2 runs",
    ),
    "a run that nobody was told of": (
        lambda e: e.runs["bob"].update({"run-90": {"id": "run-90", "status": "completed"}}),
        "run run-90 of bob was made",
    ),
    "the result of an attempt that was given up": (
        lambda e: repeat(e, claimed_after_s=1),
        "run run-3 has a result older than its attempt 2",
    ),
    "an attempt that was never claimed": (
        lambda e: e.claimed.pop(("run-3", 1)),
        "run run-3 has a result older than its attempt 1",
    ),
    "a calculated run that was never claimed": (
        lambda e: e.recorded.__setitem__(3, ("run-3", "queued", "completed")),
        "run run-3 went from queued to completed",
    ),
    "an answer from the cache that nobody asked for": (
        lambda e: answered_by(e, "run-3", "run-13"),
        "run run-3 was answered from the cache, and did not ask for it",
    ),
    "an answer from the run of another user": (
        lambda e: answered_by(e, "run-17", "run-6"),
        "run run-17 was answered by run run-6 of Order(user='bob'",
    ),
    "an answer from the run of other code": (
        lambda e: answered_by(e, "run-17", "run-9"),
        "run run-17 was answered by run run-9",
    ),
    "an answer from the run of other inputs": (
        lambda e: answered_by(e, "run-37", "run-7"),
        "run run-37 was answered by run run-7",
    ),
    "an answer from nowhere": (
        lambda e: e.runs["ann"]["run-17"].update(cached_from="run-90"),
        "run run-17 was answered by run run-90 of None",
    ),
    "an answer from one that was answered itself": (
        lambda e: answered_by(e, "run-17", "run-27"),
        "run run-17 was answered by run run-27, which calculated nothing",
    ),
    "an answer that is not its origin's": (
        lambda e: e.results["run-17"].update(began=TEN_DAYS + 8),
        "run run-17 has another result than its origin run-7",
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
    repeat(evidence, claimed_after_s=-0.1)
    assert judge(evidence) == []
    [wrong] = judge(evidence, may_repeat=False)
    assert "run run-3 was repeated" in wrong
