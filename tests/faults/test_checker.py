"""The checker finds what it is there to find: records of a fine load, each spoilt in one way."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from faults.cancels import Cancel
from faults.checker import Evidence, Seen, judge
from faults.load import Accepted, Order

TASKS = {"ann": ["a", "a2", "a3"], "bob": ["b", "b2", "b3"]}
TEN_DAYS = 864_000.0
Spoil = Callable[[Evidence], object]


def clock(seconds: float) -> str:
    """As answers tell it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def fine() -> Evidence:
    """Runs of each user, all as they must be: 17 and 27 were answered by 7; of those that were to
    be cancelled 33 had ended before.
    """
    evidence = Evidence([], TASKS)
    for x in range(40):
        order = Order("ann" if x % 2 else "bob", x)
        run_id = f"run-{x}"
        began = TEN_DAYS + x
        end = "cancelled" if order.cancelled and x != 33 else "completed"
        run = {"id": run_id, "status": end, "attempt": 1, "finished_at": clock(began + 1)}
        evidence.claimed[run_id, 1] = began - 0.1
        if x in (17, 27):
            run["cached_from"] = "run-7"
            began = TEN_DAYS + 7
        one = Accepted(order, {run_id})
        evidence.accepted.append(one)
        if order.cancelled:
            one.cancel = Cancel(order.user, run_id, asked=True, taken_at=began + 0.9, over=True)
        for seen in (evidence.runs, evidence.again):
            seen.setdefault(order.user, {})[run_id] = copy.deepcopy(run)
        evidence.ends[run_id] = copy.deepcopy(run)
        evidence.logs[run_id] = order.log
        was = "queued" if "cached_from" in run else "running"
        evidence.recorded.append((run_id, was, end))
        if end == "completed":
            evidence.results[run_id] = order.result | {"began": began}
            evidence.files[run_id] = order.files
            given_out = run | {"result": evidence.results[run_id]}
            evidence.seen.append(Seen(copy.deepcopy(given_out), order.files))
            one.answers += [copy.deepcopy(given_out)] if order.waits else []
        else:
            evidence.seen.append(Seen(copy.deepcopy(run)))
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
    put_on(evidence, run_id, cached_from=origin, result=evidence.results[origin])
    evidence.recorded[number] = (run_id, "queued", "completed")
    evidence.results[run_id] = evidence.results[origin]


def put_on(evidence: Evidence, run_id: str, **fields: object) -> None:
    """All that was seen of a run has these, too."""
    shown = [one.run for one in evidence.seen]
    shown += [run for one in evidence.accepted for run in one.answers]
    shown += [seen[run_id] for seen in (evidence.ends,) if run_id in seen]
    for runs in (evidence.runs, evidence.again):
        shown += [of_user[run_id] for of_user in runs.values() if run_id in of_user]
    for run in shown:
        if run["id"] == run_id:
            run |= fields


def repeat(evidence: Evidence, claimed_after_s: float) -> None:
    """A second attempt was claimed so long after the result was begun."""
    put_on(evidence, "run-3", attempt=2)
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
    "a result that is none": (
        lambda e: e.results.update({"run-3": "wrong"}),  # type: ignore[dict-item]
        "run run-3 has the result wrong",
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
        lambda e: answered_by(e, "run-3", "run-23"),
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
    "a cancel that nobody asked for": (
        lambda e: setattr(e.accepted[13], "cancel", None),
        "run run-13 is cancelled",
    ),
    "a cancel that was not asked for yet": (
        lambda e: setattr(e.accepted[13].cancel, "asked", False),
        "run run-13 is cancelled",
    ),
    "a run that was to be completed, cancelled": (
        lambda e: put_on(e, "run-3", status="cancelled"),
        "run run-3 is cancelled",
    ),
    "an end after a cancel": (
        lambda e: e.recorded.append(("run-13", "cancelled", "completed")),
        "run run-13: 2 ends were recorded",
    ),
    "a cancel after an end": (
        lambda e: e.recorded.append(("run-33", "completed", "cancelled")),
        "run run-33 went from completed to cancelled",
    ),
    "a cancel that failed the run": (
        lambda e: put_on(e, "run-13", status="failed", error={"code": "worker_lost"}),
        "run run-13 is failed",
    ),
    "a cancelled run that was completed when it was first seen": (
        lambda e: e.ends["run-13"].update(status="completed"),
        "the end of run run-13 changed",
    ),
    "a cancelled run with a result": (
        lambda e: e.results.update({"run-13": e.results["run-3"]}),
        "run run-13 is cancelled, and has more than a log",
    ),
    "a cancelled run with a failure": (
        lambda e: put_on(e, "run-13", error={"code": "cancelled"}),
        "run run-13 is cancelled, and has more than a log",
    ),
    "a cancelled run with another's log": (
        lambda e: e.logs.update({"run-13": e.logs["run-5"]}),
        "run run-13 has the log",
    ),
    "a run that goes on after its cancel": (
        lambda e: put_on(e, "run-33", finished_at=clock(TEN_DAYS + 33 + 5)),
        "run run-33 went on for 4.1 s after its cancel",
    ),
    "another's result given out in the storm": (
        lambda e: e.seen[3].run.update(result=e.results["run-5"]),
        "the result of run run-3 was given out as",
    ),
    "no result given out in the storm": (
        lambda e: e.seen[3].run.pop("result"),
        "the result of run run-3 was given out as None",
    ),
    "a result given out of a cancelled run": (
        lambda e: e.seen[13].run.update(result=e.results["run-3"]),
        "the result of run run-13 was given out as",
    ),
    "another end given out in the storm": (
        lambda e: e.seen[13].run.update(status="failed"),
        "status of run run-13 was given out as failed",
    ),
    "another's result to one who waited": (
        lambda e: e.accepted[2].answers[0].update(result=e.results["run-3"]),
        "the result of run run-2 was given out as",
    ),
    "another's run to one who waited": (
        lambda e: e.accepted[2].answers[0].update(id="run-90"),
        "run run-90 was given out, and nobody ordered it",
    ),
    "an end that was taken back": (
        lambda e: e.accepted[2].answers[0].update(attempt=2),
        "attempt of run run-2 was given out as 2",
    ),
    "a file that is not there": (
        lambda e: e.files.pop("run-1"),
        "run run-1 has the files None",
    ),
    "a file that nobody ordered": (
        lambda e: e.files.update({"run-3": e.files["run-1"]}),
        "run run-3 has the files",
    ),
    "another's bytes in a file": (
        lambda e: e.files.update({"run-1": {"of-1.txt": b"x"}}),
        "run run-1 has the files",
    ),
    "another's bytes given out in the storm": (
        lambda e: setattr(e.seen[1], "files", {"of-1.txt": b"x"}),
        "the files of run run-1 were given out as",
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
