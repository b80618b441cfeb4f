"""Faults under load: an accepted run is never lost and ends exactly once, with its own result."""

import os
import time
from collections import Counter

import httpx
import pytest

from faults.checker import Evidence, judge
from faults.house import House
from faults.load import CODE, Load
from faults.table import FAULTS, Fault
from faults.witness import Watch, gather, tasks_of
from support.waiting import wait_until

ORDERS = 80  # of each fault; twice as many when it takes long until all is normal
BEFORE_S = 0.5  # load before the fault begins
AFTER_S = 1.0
ACCEPTED_WITHIN_S = 45
ENDED_WITHIN_S = 20  # after the last was accepted
# Of each fault, that were calculated: of 80 orders 32 may be answered from the cache, 8 cancelled.
LEAST_RUNS = 40
# And what else was judged, of all.
LEAST = {
    "cached": 200,
    "cancelled": 100,
    "ad hoc": 200,
    "answers to who waited": 200,
    "results read in the storm": 300,
    "files": 200,
}
ROUNDS = int(os.environ.get("MECAPY_FAULT_ROUNDS") or 1)


@pytest.mark.timeout(150)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("turn", range(1, ROUNDS + 1))
def test_accepted_runs_end_once(house: House, fault: Fault, turn: int, tally: Counter[str]) -> None:
    print(house.origin)
    with house.in_order(), fault.stage(house):
        evidence, told = play(house, fault)
        wrong = judge(evidence, fault.may_repeat)
        print(told)
        assert not wrong, f"{len(wrong)} wrong: " + "\n".join(wrong[:10])
    ended = [run for runs in evidence.runs.values() for run in runs.values()]
    cached = sum("cached_from" in run for run in ended)
    cancelled = sum(run["status"] == "cancelled" for run in ended)
    tally[fault.name] += len(ended) - cached - cancelled
    tally += Counter(
        {
            "cached": cached,
            "cancelled": cancelled,
            "ad hoc": sum(one.order.ad_hoc for one in evidence.accepted),
            "answers to who waited": sum(len(one.answers) for one in evidence.accepted),
            "results read in the storm": len(evidence.seen),
            "files": len(evidence.files),
        }
    )


def play(house: House, fault: Fault) -> tuple[Evidence, str]:
    """The load, the fault amid it, and what was seen; also in a line for people."""
    rate = ORDERS / (BEFORE_S + fault.hold_s + AFTER_S)
    load = Load(house.api, len(house.doors), rate, 2 * ORDERS, fault.slow_s)
    watch = Watch(house, load.tasks)
    try:
        house.note_processes()
        load.await_accepted(round(BEFORE_S * rate), ACCEPTED_WITHIN_S)
        with fault.act(house):
            time.sleep(fault.hold_s)  # the fault is this long
        took = normal_after(house, 4 * fault.normal_s)
        house.note_processes()
        load.finish(ORDERS, ACCEPTED_WITHIN_S)
        wait_until("every run ends", lambda: all_ended(house, load), ENDED_WITHIN_S)
    finally:
        load.close()
        watch.close()
    evidence = gather(house, load, watch)
    if took > fault.normal_s:
        evidence.late.append(f"normal after {took:.1f} s, not {fault.normal_s:g} s")
    attempts = Counter(run["attempt"] for runs in evidence.runs.values() for run in runs.values())
    told = (
        f"{fault.name}: normal after {took:.1f} s; {load.failed_tries} tries failed;"
        f" attempts {dict(sorted(attempts.items()))}; {len(evidence.ends)} ends and"
        f" {len(evidence.seen)} results seen in the storm"
    )
    return evidence, told


def normal_after(house: House, patience_s: float) -> float:
    """How long it took until both doors are ready and a run goes through each."""
    begin = time.monotonic()

    missing: list[str] = []

    def is_normal() -> bool:
        missing[:] = [
            why
            for number, door in enumerate(house.doors)
            if (why := door.unready() or stuck(house, number))
        ]
        return not missing

    try:
        wait_until("all is normal", is_normal, patience_s)
    except AssertionError as late:
        raise AssertionError(f"{late}: {missing}") from late
    return time.monotonic() - begin


def stuck(house: House, door: int) -> str:
    """Why a fresh run does not complete at this door; empty when it does."""
    inputs = {"x": 1, "who": "ann", "text": "abc" * 1000, "pause": 0, "file": "probe.txt"}
    with house.api(door, "ann") as api:
        try:
            answer = api.post("/api/tasks/execute?wait=2", {"code": CODE, "inputs": inputs})
        except httpx.TransportError as error:
            return f"door {door}: {error!r}"
    fine = answer.status_code == 200 and answer.json()["status"] == "completed"
    return "" if fine else f"door {door}: {answer.status_code} {answer.text[:300]}"


def all_ended(house: House, load: Load) -> bool:
    """Whether no run of the load waits or runs."""
    tasks = ", ".join(f"'{task}'" for some in tasks_of(house, load).values() for task in some)
    waiting = (
        f"SELECT COUNT(*) FROM runs WHERE status IN ('queued', 'running') AND task_id IN ({tasks})"
    )
    return house.sql(waiting) == "0"


def test_enough_runs_were_judged(tally: Counter[str]) -> None:
    if any(fault.name not in tally for fault in FAULTS):
        pytest.skip("only some of the faults were played")
    beside = {kind: tally.pop(kind, 0) for kind in LEAST}
    print(f"{tally.total()} runs under {len(tally)} faults; {beside}")
    assert {name: runs for name, runs in tally.items() if runs < LEAST_RUNS} == {}
    assert {kind: beside[kind] for kind in LEAST if beside[kind] < LEAST[kind]} == {}
