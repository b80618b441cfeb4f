"""What runs cost, would cost, and may cost, as the client tells it."""

import asyncio
import datetime
import json
import warnings
from typing import Any

import pytest
from scripted import Answer, Scripted, scripted

from mecapy import (
    AsyncMecaPy,
    BudgetExhausted,
    BudgetWarning,
    CostSum,
    Limits,
    MecaPy,
    PlatformError,
    RunEstimate,
    UsageError,
)

LINE = {"name": "vcpu", "item": "local.vcpu", "quantity": 3, "unit": "vCPU-s", "free": 0}
COST = {"eur": 0.5, "complete": True, "free_allowances": "left_out", "prices_of": "2026-01"}
WHOLE = COST | {"components": [LINE | {"eur_each": 0.1, "eur": 0.3}, LINE]}
TASK = {"id": "t", "name": "bolt", "version": 1, "code": "def calculate(inputs): return 1\n"}
RUN = {"id": "r", "run_id": "r", "task_id": "t", "status": "queued"}
ESTIMATE = {
    "duration": {"duration_s": 20, "source": "history", "samples": 7},
    "backend": {"chosen": "local", "why": "*:local"},
    "cost": {
        "local": {"configured": True} | WHOLE,
        "dedicated_instance": {"configured": False, "not_possible": "too large"},
    },
}
SUMS = {"runs": 2, "eur": 0.5, "incomplete_runs": 1}
EXHAUSTED = {"code": "budget_exhausted", "detail": "the budget of this month is 1 EUR"}


def client_of(server: Scripted) -> MecaPy:
    return MecaPy(base_url=server.url, token="t", retries=0)


def test_the_cost_of_a_run_has_its_lines() -> None:
    with scripted(Answer(200, RUN | {"cost": WHOLE | {"later": 1}})) as server:
        cost = client_of(server).runs.get("r").cost
    assert (cost.eur, cost.complete, cost.why, cost.prices_of) == (0.5, True, None, "2026-01")
    assert [(line.item, line.eur) for line in cost.components] == [
        ("local.vcpu", 0.3),
        ("local.vcpu", None),
    ]


def looked_at(estimate: RunEstimate) -> None:
    assert (estimate.duration.duration_s, estimate.duration.samples) == (20, 7)
    assert (estimate.backend, estimate.why) == ("local", "*:local")
    assert estimate.cost["local"].cost.eur == 0.5
    assert estimate.cost["dedicated_instance"].cost is None
    assert estimate.cost["dedicated_instance"].not_possible == "too large"


def test_a_task_is_estimated_with_what_is_said_of_the_run() -> None:
    with scripted(Answer(200, TASK), Answer(200, ESTIMATE)) as server:
        task = client_of(server).tasks.get("t")
        looked_at(
            task.estimate({"x": 1}, limits=Limits(cpus=2), version=3, estimated_duration="1 min")
        )
        asked = server.asked[-1]
    assert (asked.method, asked.path) == ("POST", "/api/tasks/t/estimate")
    body: Any = json.loads(asked.body)
    assert body == {
        "inputs": {"x": 1},
        "limits": {"cpus": 2},
        "version": 3,
        "estimated_duration_s": 60,
    }


def test_a_function_is_estimated_without_being_sent() -> None:
    with scripted(Answer(200, ESTIMATE)) as server:

        @client_of(server).task(memory="1 GiB", estimated_duration=20)
        def stress(force, section):
            return force / section

        looked_at(stress.estimate(1000, section=10))
        with pytest.raises(TypeError, match="section"):
            stress.estimate(1000)
        [asked] = server.asked
    assert asked.path == "/api/tasks/estimate"
    assert b"force" not in asked.body


def test_sums_are_asked_for_by_days_page_after_page() -> None:
    pages = [
        Answer(200, {"items": [SUMS | {"key": "a"}], "total": SUMS, "next": "+a"}),
        Answer(200, {"items": [SUMS | {"key": "b"}], "total": SUMS}),
    ]
    with scripted(*pages) as server:
        day = datetime.date(2026, 11, 1)
        sums = client_of(server).costs(by="task", first=day, last="2026-11-26")
        first, second = server.asked
    assert sums == [CostSum(2, 0.5, 1, "a"), CostSum(2, 0.5, 1, "b")]
    assert first.path == "/api/costs?by=task&from=2026-11-01&to=2026-11-26&limit=100"
    assert "cursor=%2Ba" in second.path


def test_both_clients_tell_the_same() -> None:
    async def story(url: str) -> None:
        async with AsyncMecaPy(base_url=url, token="t", retries=0) as client:
            looked_at(await (await client.tasks.get("t")).estimate())
            assert await client.costs() == [CostSum(2, 0.5, 1, "2026-11-01")]

    page = {"items": [SUMS | {"key": "2026-11-01"}], "total": SUMS}
    with scripted(Answer(200, TASK), Answer(200, ESTIMATE), Answer(200, page)) as server:
        asyncio.run(story(server.url))


def test_a_budget_that_is_spent_is_the_callers() -> None:
    with (
        scripted(Answer(402, EXHAUSTED)) as server,
        pytest.raises(BudgetExhausted, match="1 EUR") as told,
    ):
        client_of(server).submit("def calculate(inputs): return 1")
    assert told.value.code == "budget_exhausted"
    assert isinstance(told.value, UsageError)
    assert len(server.asked) == 1  # it does not pass by itself


def test_a_budget_that_is_nearly_spent_is_warned_of() -> None:
    told = {"MecaPy-Warning": "9.00 of the 10.00 EUR\x1b"}
    with scripted(Answer(202, RUN, told), Answer(202, RUN)) as server:
        client = client_of(server)
        with pytest.warns(BudgetWarning, match=r"9\.00 of the 10\.00 EUR\\x1b"):
            client.submit("def calculate(inputs): return 1")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            client.submit("def calculate(inputs): return 1")


@pytest.mark.parametrize("broken", [{}, ESTIMATE | {"cost": {"local": {"components": [1]}}}])
def test_an_estimate_that_cannot_be_read_is_the_platforms(broken: Any) -> None:
    with scripted(Answer(200, TASK), Answer(200, broken)) as server:
        task = client_of(server).tasks.get("t")
        with pytest.raises(PlatformError):
            task.estimate()
