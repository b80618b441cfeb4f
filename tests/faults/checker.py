"""The one judge of every fault: what was accepted, what was seen of it, and what is wrong in it."""

import math
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx

from faults.house import House
from faults.load import Accepted, Load, Order
from support.api import Api, Json
from support.waiting import wait_until

ENDED = ("completed", "failed", "cancelled")


@dataclass
class Evidence:
    """What is known of the runs of one load, when all is over."""

    accepted: list[Accepted]
    tasks: dict[str, list[str]]  # of each user, in the order of load.FACTORS
    refused: list[str] = field(default_factory=list)  # orders that were no fault of the client's
    ends: dict[str, Json] = field(default_factory=dict)  # runs as first seen ended, in the storm
    runs: dict[str, dict[str, Json]] = field(default_factory=dict)  # of each user, as listed now
    again: dict[str, dict[str, Json]] = field(default_factory=dict)  # and a second time
    results: dict[str, Json] = field(default_factory=dict)
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
        if was != ("queued" if run_id in from_cache else "running"):
            yield f"run {run_id} went from {was} to {became}"


def _of_order(evidence: Evidence, one: Accepted, may_repeat: bool) -> Iterator[str]:
    """What is wrong with the run of one order."""
    for run_id in one.runs:
        run = evidence.runs[one.order.user].get(run_id)
        if run is None:
            yield f"{one.order}: run {run_id} is lost"
            continue
        if run["status"] != "completed":
            yield f"{one.order}: run {run_id} is {run['status']}: {run.get('error')}"
            continue
        if run["attempt"] > 1 and not may_repeat:
            yield f"{one.order}: run {run_id} was repeated: attempt {run['attempt']}"
        yield from _of_result(evidence, one.order, run)
        if evidence.logs.get(run_id) != one.order.log:
            yield f"{one.order}: run {run_id} has the log {evidence.logs.get(run_id)!r}"
        if evidence.ends.get(run_id, run) != run:
            yield f"{one.order}: the end of run {run_id} changed: {evidence.ends[run_id]}, {run}"
        if evidence.again[one.order.user].get(run_id) != run:
            yield f"{one.order}: the end of run {run_id} changed at rest"


def _of_result(evidence: Evidence, order: Order, run: Json) -> Iterator[str]:
    """A result is that of the inputs, made by the attempt the run says, or by its origin."""
    run_id = run["id"]
    result = dict(evidence.results.get(run_id) or {})
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


class Watch:
    """Looks at what has ended while the storm goes on, at both doors."""

    def __init__(self, house: House, tasks: dict[str, list[str]]) -> None:
        """Begin."""
        self.ends: dict[str, Json] = {}
        self._house = house
        self._tasks = tasks
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        turn = 0
        while not self._stop.wait(0.1):
            user = ("ann", "bob")[turn % 2]
            task = self._tasks[user][turn // 4 % 3]
            with self._house.api(turn // 2 % 2, user) as api:
                try:
                    path = f"/api/runs?task_id={task}&status=completed&limit=200"
                    answer = api.get(path)
                except httpx.TransportError:
                    continue
                finally:
                    turn += 1
            if answer.status_code == 200:
                for run in answer.json()["items"]:
                    self.ends.setdefault(run["id"], run)


def gather(house: House, load: Load, watch: Watch) -> Evidence:
    """Look at everything, when every run has ended."""
    evidence = Evidence(load.accepted, load.tasks, list(load.refused), dict(watch.ends))
    users = sorted(load.tasks)
    for turn, user in enumerate(users):
        other = users[1 - turn]
        with house.api(turn, user) as api, house.api(1 - turn, other) as stranger:
            runs = _listed(api, load.tasks[user])
            evidence.runs[user] = runs
            evidence.foreign += _seen_by(stranger, other, load.tasks[user], runs)
            for run_id, run in runs.items():
                if run["status"] == "completed":
                    evidence.results[run_id] = api.read(f"/api/runs/{run_id}/results")["result"]
                    evidence.logs[run_id] = api.log(run_id)
            # By now the caches hold them, which are not to answer others.
            evidence.foreign += _seen_by(stranger, other, [], runs)
        with house.api(1 - turn, user) as api:
            evidence.again[user] = _listed(api, load.tasks[user])
    evidence.recorded = _recorded(house, load.tasks)
    evidence.claimed = _claimed(house)
    evidence.left = _left(house)
    return evidence


def _listed(api: Api, tasks: list[str]) -> dict[str, Json]:
    """The runs of these tasks."""
    paths = [f"/api/runs?task_id={task}" for task in tasks]
    return {run["id"]: run for path in paths for page in api.pages(path, limit=200) for run in page}


def _seen_by(stranger: Api, name: str, tasks: list[str], runs: dict[str, Json]) -> list[str]:
    """What this user sees of another's tasks and runs, by name or in lists."""
    paths = [f"/api/tasks/{task}{more}" for task in tasks for more in ("", "/results")]
    for run_id in runs:
        paths += [f"/api/runs/{run_id}", f"/api/runs/{run_id}/results", f"/api/runs/{run_id}/logs"]
    seen = [f"{name} sees {path}" for path in paths if stranger.get(path).status_code != 404]
    pages = stranger.pages("/api/runs", limit=200)
    mine = {run["id"] for page in pages for run in page}
    return seen + [f"{name} finds run {run_id} in a list" for run_id in mine & runs.keys()]


def _recorded(house: House, tasks: dict[str, list[str]]) -> list[tuple[str, str, str]]:
    quoted = ", ".join(f"'{task}'" for some in tasks.values() for task in some)
    rows = house.sql(
        "SELECT run_id, was, became FROM recorded JOIN runs ON run_id = id"
        f" WHERE task_id IN ({quoted})"
    )
    found = [row.split("|") for row in rows.splitlines()]
    return [(run_id, was, became) for run_id, was, became in found]


def _claimed(house: House) -> dict[tuple[str, int], float]:
    rows = house.sql(
        "SELECT run_id, attempt, EXTRACT(EPOCH FROM MAX(at)) FROM claimed GROUP BY 1, 2"
    )
    found = [row.split("|") for row in rows.splitlines()]
    return {(run_id, int(attempt)): float(at) for run_id, attempt, at in found}


def _left(house: House) -> list[str]:
    """Leases, messages and processes that should have gone with their runs."""
    left = []
    held = house.sql(
        "SELECT COUNT(*) FROM runs WHERE status IN ('queued', 'running')"
        " OR claimant IS NOT NULL OR lease_until IS NOT NULL"
    )
    if held != "0":
        left.append(f"{held} runs are held or wait, though all have ended")
    waits = [("XLEN", "jobs"), ("HLEN", "known"), ("ZCARD", "later")]

    def messages() -> list[str]:
        lengths = [(key, house.services.redis(word, f"mecapy:{key}")) for word, key in waits]
        return [f"{length} in mecapy:{key}" for key, length in lengths if length != "0"]

    try:  # what was given to a process that died goes a few leases later
        wait_until("no message is left", lambda: not messages(), 10)
    except AssertionError:
        left += messages()
    try:
        wait_until("no process is left", lambda: not house.left_over(), 5)
    except AssertionError:
        left += [f"process {p.pid} {p.name} is left over" for p in house.left_over()]
    return left
