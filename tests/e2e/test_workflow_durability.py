"""A workflow that was accepted ends as it must: kill -9 of each process of the server meanwhile.

Each calculation of it must have been recorded once: as many runs as there are nodes and elements,
each completed, and the results in their order.
"""

import os
import random
import threading
import time
from collections.abc import Callable

import pytest
from e2e.test_durability import ROLES, kill

from support.api import Api, Json, expect
from support.server import DEV_TOKEN, Server
from support.waiting import wait_until
from support.workflows import (
    create,
    execute,
    given,
    node,
    nodes_of,
    of,
    run_of,
    start,
    statuses,
    value,
)

ELEMENTS = 120
CHAIN = 10
KILLS = 10
WORKFLOWS = 3
BOUND_S = 120

STEP = """
import time
def calculate(inputs):
    time.sleep(0.02)
    return {'n': inputs['a'] + 1}
"""
SUM = "def calculate(inputs):\n    return {'s': sum(inputs['all']), 'l': inputs['all']}\n"


def make(api: Api) -> tuple[str, str]:
    """A chain, a list behind it and the sum of that; the workflow and the task of all steps."""
    step, total = api.create(STEP), api.create(SUM)
    nodes = {"n0": node(step, a=given("x"))}
    for i in range(1, CHAIN):
        nodes[f"n{i}"] = node(step, a=of(f"n{i - 1}", "/n"))
    each = {"for_each": given("list"), "when": value(True), "attempts": 2}
    nodes["each"] = node(step, a={"element": ""}) | each
    nodes["total"] = node(total, all=of("each", "/n"))
    outputs = {"n": of(f"n{CHAIN - 1}", "/n"), "s": of("total", "/s"), "l": of("total", "/l")}
    return create(api, nodes, outputs, {"x": {}, "list": {}}), str(step["id"])


def expect_whole(api: Api, run: str, base: int) -> None:
    """It is completed, with the results of `base`."""
    ended = run_of(api, run, wait_s=40)
    assert set(statuses(ended).values()) == {"completed"}, ended
    numbers = list(range(base + 1, base + ELEMENTS + 1))
    assert ended["result"] == {"n": base + CHAIN, "s": sum(numbers), "l": numbers}
    each = nodes_of(ended)["each"]
    assert (each["elements"], each["ended"], each["failed"]) == (ELEMENTS, ELEMENTS, 0)


@pytest.mark.timeout(BOUND_S + 60)
def test_a_workflow_ends_as_it_must_whatever_is_killed(own_server: Callable[..., Server]) -> None:
    seed = int(os.environ.get("MECAPY_E2E_SEED") or time.time_ns() % 2**32)
    print(f"seed {seed} (repeat with MECAPY_E2E_SEED={seed})")
    chance = random.Random(seed)
    server = own_server(dispatcher_lease_s=2)
    workflow, step = make(server.api())
    bases = [1000 * i for i in range(1, WORKFLOWS + 1)]
    runs = []
    for base in bases:
        inputs = {"x": base, "list": list(range(base, base + ELEMENTS))}
        # Nothing may answer: each calculation must be seen.
        answer = server.api().post(
            f"/api/workflows/{workflow}/execute",
            {"inputs": inputs},
            headers={"Cache-Control": "no-cache"},
        )
        runs.append(expect(answer, 202)["workflow_run_id"])
    roles = [*ROLES] * (KILLS // len(ROLES))
    chance.shuffle(roles)
    pause = threading.Event()
    for role in roles:
        pause.wait(chance.uniform(0, 0.5))  # a moment nobody chose
        kill(server, role)
    api = server.api()
    unfinished = [run for run in runs if run_of(api, run)["status"] == "running"]
    assert unfinished, "all had ended before the last kill: it proves little"
    for run, base in zip(runs, bases, strict=True):
        expect_whole(api, run, base)
    listed: list[Json] = []
    for page in api.pages(f"/api/runs?task_id={step}", limit=200):
        listed += page
    assert len(listed) == WORKFLOWS * (CHAIN + ELEMENTS), "a calculation was begun twice"
    assert {one["status"] for one in listed} == {"completed"}
    attempts = sum(one["attempt"] > 1 for one in listed)
    print(f"{attempts} of {len(listed)} runs were interrupted")


REUSED = 60
REUSES = 6


@pytest.mark.timeout(BOUND_S)
def test_what_earlier_runs_answer_is_right_whatever_is_killed(
    own_server: Callable[..., Server],
) -> None:
    chance = random.Random(time.time_ns())
    server = own_server(dispatcher_lease_s=2)
    step = server.api().create("def calculate(i):\n    return {'n': i['a'] + 1}\n")
    wrong = {"on_error": "default", "default": {"n": -1000}}
    nodes = {"n0": node(step, a=given("x"))}
    for i in range(1, REUSED):
        nodes[f"n{i}"] = node(step, a=of(f"n{i - 1}", "/n")) | wrong
    workflow = create(server.api(), nodes, {"n": of(f"n{REUSED - 1}", "/n")}, {"x": {}})
    execute(server.api(), workflow, inputs={"x": 1})
    pause = threading.Event()
    for _ in range(REUSES):
        run = start(server.api(), workflow, inputs={"x": 1})
        pause.wait(chance.uniform(0, 0.03))  # amid what is answered at once
        kill(server, "api")
        ended = run_of(server.api(), run, wait_s=40)
        assert (ended["status"], ended["result"]) == ("completed", {"n": 1 + REUSED}), ended


@pytest.mark.timeout(120)
def test_another_process_goes_on_where_one_died(pair: tuple[Server, Server]) -> None:
    one, two = pair
    workflow, _ = make(one.api())
    inputs = {"x": 1, "list": list(range(1, 1 + ELEMENTS))}
    run = start(one.api(), workflow, inputs=inputs)
    with Api(two.url, DEV_TOKEN) as api:
        wait_until(
            "the list is at work",
            lambda: nodes_of(run_of(api, run))["each"].get("ended", 0) > 10,
        )
        one.kill()
        try:
            expect_whole(api, run, 1)
        finally:
            one.start()


def test_a_cancel_reaches_it_through_another_process(pair: tuple[Server, Server]) -> None:
    one, two = pair
    slow = one.api().create(
        "import time\ndef calculate(i):\n    time.sleep(60)\n    return {'n': 1}"
    )
    workflow = create(one.api(), {"slow": node(slow)}, {"n": of("slow", "/n")})
    run = start(one.api(), workflow)
    api = two.api()
    wait_until("it runs", lambda: statuses(run_of(api, run))["slow"] == "running")
    expect(api.post(f"/api/workflow-runs/{run}/cancel"), 200)
    assert run_of(api, run, wait_s=30)["status"] == "cancelled"
