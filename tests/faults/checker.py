"""The one judge of every fault: what is wrong in what was accepted and what was seen of it."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from faults.load import Accepted, Order
from support.api import Json

CANCELLED_WITHIN_S = 4  # after the server said that it will: less than such a run takes


@dataclass
class Seen:
    """An ended run as it was given out, with its result, and its files when those were read."""

    run: Json
    files: dict[str, bytes] | None = None


@dataclass
class Evidence:
    """What is known of the runs of one load, when all is over."""

    accepted: list[Accepted]
    tasks: dict[str, list[str]]  # of each user: first those of load.FACTORS, then ad-hoc ones
    refused: list[str] = field(default_factory=list)  # what was no fault of the client's
    ends: dict[str, Json] = field(default_factory=dict)  # runs as first seen ended, in the storm
    runs: dict[str, dict[str, Json]] = field(default_factory=dict)  # of each user, as listed now
    again: dict[str, dict[str, Json]] = field(default_factory=dict)  # and a second time
    seen: list[Seen] = field(default_factory=list)  # results given out in the storm
    results: dict[str, Json] = field(default_factory=dict)
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    recorded: list[tuple[str, str, str]] = field(default_factory=list)  # run, was, became
    claimed: dict[tuple[str, int], float] = field(default_factory=dict)  # when, by run and attempt
    foreign: list[str] = field(default_factory=list)  # what a user saw of another's
    left: list[str] = field(default_factory=list)  # leases, messages, processes
    late: list[str] = field(default_factory=list)  # what was not back in time


def judge(evidence: Evidence, may_repeat: bool = True) -> list[str]:
    """All that is wrong, in words; nothing when every promise was kept."""
    return [
        *evidence.refused,
        *evidence.foreign,
        *evidence.left,
        *evidence.late,
        *_made_twice(evidence),
        *_not_once(evidence),
        *_given_out(evidence),
        *(wrong for one in evidence.accepted for wrong in _of_order(evidence, one, may_repeat)),
    ]


def _made_twice(evidence: Evidence) -> Iterator[str]:
    """Keys that made several runs, and runs that nobody was told of."""
    for one in evidence.accepted:
        if len(one.runs) != 1:
            yield f"{one.order}: its key made {len(one.runs)} runs"
    told = {run_id for one in evidence.accepted for run_id in one.runs}
    if len(told) != sum(len(one.runs) for one in evidence.accepted):
        yield "two orders were given one run"
    for user, runs in evidence.runs.items():
        for run_id in runs.keys() - told:
            yield f"run {run_id} of {user} was made, and nobody was told of it"


def _not_once(evidence: Evidence) -> Iterator[str]:
    """Ends that were recorded more than once, or changed afterwards."""
    count = Counter(run_id for run_id, _, _ in evidence.recorded)
    told = {run_id for one in evidence.accepted for run_id in one.runs}
    for run_id in told:
        if count[run_id] != 1:
            yield f"run {run_id}: {count[run_id]} ends were recorded"
    from_cache = {
        run_id
        for runs in evidence.runs.values()
        for run_id, run in runs.items()
        if "cached_from" in run
    }
    for run_id, was, became in evidence.recorded:
        # A run whose attempt was given up waits when its cancel comes.
        waited = run_id in from_cache or (became == "cancelled" and was == "queued")
        if was != ("queued" if waited else "running"):
            yield f"run {run_id} went from {was} to {became}"


def _of_order(evidence: Evidence, one: Accepted, may_repeat: bool) -> Iterator[str]:
    """What is wrong with the run of one order."""
    for run_id in one.runs:
        run = evidence.runs[one.order.user].get(run_id)
        if run is None:
            yield f"{one.order}: run {run_id} is lost"
            continue
        cancelled = one.cancel is not None and one.cancel.asked and run["status"] == "cancelled"
        if run["status"] != "completed" and not cancelled:
            yield f"{one.order}: run {run_id} is {run['status']}: {run.get('error')}"
            continue
        if run["attempt"] > 1 and not may_repeat:
            yield f"{one.order}: run {run_id} was repeated: attempt {run['attempt']}"
        if cancelled:
            yield from _of_cancelled(evidence, one.order, run)
        else:
            yield from _of_completed(evidence, one, run)
        if evidence.ends.get(run_id, run) != run:
            yield f"{one.order}: the end of run {run_id} changed: {evidence.ends[run_id]}, {run}"
        if evidence.again[one.order.user].get(run_id) != run:
            yield f"{one.order}: the end of run {run_id} changed at rest"


def _of_cancelled(evidence: Evidence, order: Order, run: Json) -> Iterator[str]:
    """It has no result and no failure, and said nothing but what it should."""
    run_id = run["id"]
    if run_id in evidence.results or "error" in run:
        yield f"{order}: run {run_id} is cancelled, and has more than a log: {run}"
    if evidence.logs.get(run_id) not in ("", order.log):
        yield f"{order}: run {run_id} has the log {evidence.logs.get(run_id)!r}"


def _of_completed(evidence: Evidence, one: Accepted, run: Json) -> Iterator[str]:
    """It has all that was ordered, and did not go on after its cancel was taken."""
    run_id = run["id"]
    yield from _of_result(evidence, one.order, run)
    if evidence.logs.get(run_id) != one.order.log:
        yield f"{one.order}: run {run_id} has the log {evidence.logs.get(run_id)!r}"
    if evidence.files.get(run_id, {}) != one.order.files:
        yield f"{one.order}: run {run_id} has the files {evidence.files.get(run_id)}"
    if one.cancel is not None and one.cancel.taken_at is not None:
        went_on = datetime.fromisoformat(run["finished_at"]).timestamp() - one.cancel.taken_at
        if went_on > CANCELLED_WITHIN_S:
            yield f"{one.order}: run {run_id} went on for {went_on:.1f} s after its cancel"


def _given_out(evidence: Evidence) -> Iterator[str]:
    """What was given out of ended runs in the storm is what is there at rest."""
    orders = {run_id: one.order for one in evidence.accepted for run_id in one.runs}
    answers = [Seen(run) for one in evidence.accepted for run in one.answers]
    for seen in [*evidence.seen, *answers]:
        run_id = seen.run["id"]
        order = orders.get(run_id)
        at_rest = evidence.runs[order.user].get(run_id) if order else None
        if order is None or at_rest is None:
            yield f"run {run_id} was given out, and nobody ordered it or it is lost"
            continue
        for name in ("status", "attempt", "finished_at", "cached_from"):
            if seen.run.get(name) != at_rest.get(name):
                yield f"{order}: {name} of run {run_id} was given out as {seen.run.get(name)}"
        if seen.run.get("result") != evidence.results.get(run_id):
            yield f"{order}: the result of run {run_id} was given out as {seen.run.get('result')}"
        if seen.files is not None and seen.files != evidence.files.get(run_id, {}):
            yield f"{order}: the files of run {run_id} were given out as {seen.files}"


def _of_result(evidence: Evidence, order: Order, run: Json) -> Iterator[str]:
    """A result is that of the inputs, made by the attempt the run says, or by its origin."""
    run_id = run["id"]
    made = evidence.results.get(run_id)
    result = dict(made) if isinstance(made, dict) else {}
    began = result.pop("began", 0)
    if result != order.result:
        yield f"{order}: run {run_id} has the result {evidence.results.get(run_id)}"
    if "cached_from" in run:
        yield from _of_origin(evidence, order, run)
    elif began < evidence.claimed.get((run_id, run["attempt"]), math.inf):
        yield f"{order}: run {run_id} has a result older than its attempt {run['attempt']}"


def _of_origin(evidence: Evidence, order: Order, run: Json) -> Iterator[str]:
    """Who was answered from the cache asked for that; the origin is of the same all."""
    run_id, origin = run["id"], run["cached_from"]
    orders = {made: one.order for one in evidence.accepted for made in one.runs}
    if not order.cached:
        yield f"{order}: run {run_id} was answered from the cache, and did not ask for it"
    other = orders.get(origin)
    if other is None or (other.user, other.task, other.inputs) != (
        order.user,
        order.task,
        order.inputs,
    ):
        yield f"{order}: run {run_id} was answered by run {origin} of {other}"
    if "cached_from" in evidence.runs[order.user].get(origin, {"cached_from": ""}):
        yield f"{order}: run {run_id} was answered by run {origin}, which calculated nothing"
    if evidence.results.get(origin) != evidence.results.get(run_id):
        yield f"{order}: run {run_id} has another result than its origin {origin}"
