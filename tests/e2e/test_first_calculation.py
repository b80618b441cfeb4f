"""The seed's "Calcul contrainte vis", from a person's first request to the number."""

import pytest

from support.api import Api, expect

BOLT = """
def calculate(inputs):
    import numpy as np
    force = inputs['force']
    section = inputs['section']
    return {'stress': force / section}
"""
BOLT_INPUTS = {"force": 1000, "section": 10}


def test_the_seeds_bolt_goes_from_task_to_status_to_result(api: Api) -> None:
    created = api.post(
        "/api/tasks", {"name": "Calcul contrainte vis", "code": BOLT, "inputs": BOLT_INPUTS}
    )
    task = expect(created, 201)
    assert created.headers["location"] == f"/api/tasks/{task['id']}"
    assert task["name"] == "Calcul contrainte vis"
    assert task["version"] == 1
    assert api.read(f"/api/tasks/{task['id']}") == task

    accepted = expect(api.post(f"/api/tasks/{task['id']}/execute"), 202)
    assert accepted["status"] in ("queued", "running")
    assert accepted["task_id"] == task["id"]
    run = api.end(accepted["run_id"])
    assert run["status"] == "completed"

    status = api.read(f"/api/tasks/{task['id']}/status")
    assert status["status"] == "completed"
    assert status["task_id"] == task["id"]
    assert status["run_id"] == accepted["run_id"]
    results = api.read(f"/api/tasks/{task['id']}/results")
    assert results["result"] == {"stress": 100}
    assert results["run_id"] == accepted["run_id"]
    assert results["artifacts"] == []


def test_execute_with_wait_answers_the_finished_run(api: Api) -> None:
    run = api.calculate(BOLT, BOLT_INPUTS)
    assert run["status"] == "completed"
    assert run["result"] == {"stress": 100}
    assert run["attempt"] == 1
    assert run["usage"]["wall_ms"] > 0
    assert run["queued_at"] <= run["started_at"] <= run["finished_at"]


@pytest.mark.parametrize("path", ["/tasks/execute", "/api/tasks/execute"])
def test_the_seeds_curl_payload_runs_at_once(api: Api, path: str) -> None:
    accepted = expect(api.post(path, {"code": BOLT, "inputs": BOLT_INPUTS}), 202)
    assert set(accepted) == {"status", "task_id", "run_id"}
    assert api.end(accepted["run_id"])["status"] == "completed"
    assert api.read(f"/api/tasks/{accepted['task_id']}/results")["result"] == {"stress": 100}


@pytest.mark.parametrize("path", ["/tasks/execute", "/api/tasks/execute"])
def test_the_seeds_curl_payload_can_wait_for_its_result(api: Api, path: str) -> None:
    run = expect(api.post(f"{path}?wait=30", {"code": BOLT, "inputs": BOLT_INPUTS}), 200)
    assert run["result"] == {"stress": 100}


def test_inputs_are_kept_as_the_bytes_they_came_in(api: Api) -> None:
    inputs = rb'{"x":0.1,"y":1E-1,"s":"\u00e9"}'
    code = rb'"def calculate(inputs):\n    return inputs"'
    body = b'{"name":"bytes","code":' + code + b',"inputs":' + inputs + b"}"
    task = expect(api.send("/api/tasks", body), 201)
    assert b'"inputs":' + inputs in api.get(f"/api/tasks/{task['id']}").content


def test_a_tenth_stays_a_tenth_through_the_calculation(api: Api) -> None:
    task = api.create("def calculate(inputs):\n    return {'x': inputs['x']}", {"x": 0.1})
    response = api.post(f"/api/tasks/{task['id']}/execute?wait=30")
    assert b'"result":{"x":0.1}' in response.content.replace(b" ", b"")


def test_inputs_reach_the_calculation_with_full_precision(api: Api) -> None:
    inputs = {
        "third": 0.3333333333333333,
        "tiny": 5e-324,
        "large": 1.7976931348623157e308,
        "integer": 123456789012345678901234567890,
        "text": 'é ↔ 𝛔 \u0000 "\\',
        "nothing": None,
        "flags": [True, False],
    }
    code = "def calculate(inputs):\n    return {k: repr(v) for k, v in inputs.items()}"
    result = api.calculate(code, inputs)["result"]
    assert result == {key: repr(value) for key, value in inputs.items()}


def test_a_whole_number_beyond_53_bits_comes_back_exactly(api: Api) -> None:
    run = api.calculate("def calculate(inputs):\n    return inputs", {"n": 2**63 + 1})
    assert run["result"] == {"n": 2**63 + 1}


def test_a_coding_cookie_does_not_change_what_came_as_text(api: Api) -> None:
    code = "# -*- coding: latin-1 -*-\ndef calculate(inputs):\n    return {'unité': 'mm²'}\n"
    assert api.calculate(code)["result"] == {"unité": "mm²"}
