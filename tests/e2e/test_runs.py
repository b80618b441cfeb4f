"""Runs: whole, with their log and result, cancelled wherever they are."""

from collections.abc import Callable

import pytest

from support.api import Api, expect, expect_problem
from support.server import Server
from support.waiting import wait_until

MakeServer = Callable[..., Server]

FOREVER = """
import time
def calculate(inputs):
    print('begun', flush=True)
    while True:
        time.sleep(0.01)
"""


def test_a_run_says_when_what_and_how_much(api: Api) -> None:
    code = "def calculate(inputs):\n    print('hello')\n    return {'a': 1}"
    task = api.create(code)
    ended = api.execute(task["id"])
    run = api.run(ended["id"])
    assert run["id"] == run["run_id"] == ended["id"]
    assert run["task_id"] == task["id"]
    assert run["version"] == 1
    assert run["status"] == "completed"
    assert run["attempt"] == 1
    assert run["cancel_requested"] is False
    assert "error" not in run
    usage = run["usage"]
    assert usage["log_bytes"] == len("hello\n")
    assert usage["result_bytes"] == len('{"a":1}')
    assert usage["artifact_bytes"] == 0
    assert 0 < usage["written_bytes"] < 10_000
    assert 0 < usage["wall_ms"] < 30_000
    assert 0 < usage["cpu_ms"] < 30_000
    assert 1 < usage["peak_memory_mb"] < 2048
    assert usage["setup_ms"] > 0


def test_what_a_killed_run_wrote_is_not_told_as_nothing(api: Api) -> None:
    run = api.calculate("def calculate(i):\n    while True: pass\n", limits={"timeout_s": 0.3})
    assert run["error"]["code"] == "timeout"
    assert "written_bytes" not in run["usage"]


def test_the_results_of_a_run_are_its_result_and_artifacts(api: Api) -> None:
    run = api.calculate("def calculate(inputs):\n    return [1, 2.5, 'x', None, {'k': [True]}]")
    results = api.read(f"/api/runs/{run['id']}/results")
    assert results["status"] == "completed"
    assert results["result"] == [1, 2.5, "x", None, {"k": [True]}]
    assert results["artifacts"] == []


def test_a_failed_run_has_an_error_and_no_result(api: Api) -> None:
    run = api.calculate("def calculate(inputs):\n    raise ValueError('no')")
    assert run["status"] == "failed"
    results = api.read(f"/api/runs/{run['id']}/results")
    assert results["status"] == "failed"
    assert "result" not in results
    assert results["error"]["code"] == "user_error"


def test_print_stderr_and_logging_are_the_log_in_order(api: Api) -> None:
    code = """
import logging, sys
def calculate(inputs):
    print('one')
    print('two', file=sys.stderr)
    logging.getLogger('author').warning('three')
    print('föur', end='')
    return 1
"""
    run = api.calculate(code)
    response = api.get(f"/api/runs/{run['id']}/logs")
    assert response.headers["content-type"].startswith("text/plain")
    lines = response.content.decode().splitlines()
    assert lines[:2] == ["one", "two"]
    assert "three" in lines[2]
    assert lines[3] == "föur"


def test_the_log_of_a_silent_run_is_empty(api: Api) -> None:
    run = api.calculate("def calculate(inputs):\n    return 1")
    assert api.log(run["id"]) == ""


def test_the_log_of_a_failed_run_is_kept(api: Api) -> None:
    run = api.calculate("def calculate(i):\n    print('before')\n    raise KeyError('section')")
    assert api.log(run["id"]).startswith("before\n")


def test_wait_that_ends_before_the_run_answers_accepted(api: Api) -> None:
    task = api.create(FOREVER)
    response = api.post(f"/api/tasks/{task['id']}/execute?wait=0.2")
    accepted = expect(response, 202)
    assert accepted["status"] in ("queued", "running")
    expect_cancelled(api, accepted["run_id"])


SLEEPS = "import time\ndef calculate(inputs):\n    time.sleep(inputs['s'])\n    return 'slept'\n"


@pytest.mark.parametrize("part", ["", "/results"])
def test_the_end_of_a_run_can_be_waited_for(api: Api, part: str) -> None:
    run_id = api.start(str(api.create(SLEEPS)["id"]), {"s": 0.3})
    run = api.read(f"/api/runs/{run_id}{part}?wait=30")
    assert run["status"] == "completed"
    assert run.get("result") == (None if not part else "slept")
    assert api.read(f"/api/runs/{run_id}{part}?wait=30") == run


def test_a_wait_that_passes_tells_the_run_as_it_is(api: Api) -> None:
    run_id = api.start(str(api.create(FOREVER)["id"]))
    api.wait_for_log(run_id, "begun")
    assert api.read(f"/api/runs/{run_id}/results?wait=0.2")["status"] == "running"
    expect_problem(api.get(f"/api/runs/{run_id}?wait=601"), 422, "invalid_fields")
    expect_cancelled(api, run_id)


PROGRESSES = """
import time
from mecapy import progress
def calculate(inputs):
    progress(0.5, 'half "way"')
    while True: time.sleep(0.05)
"""


def test_a_run_at_work_says_how_far_it_is(api: Api) -> None:
    run_id = api.start(str(api.create(PROGRESSES)["id"]))
    wait_until("it tells", lambda: "progress" in api.run(run_id))
    assert api.run(run_id)["progress"] == {"fraction": 0.5, "message": 'half "way"'}
    expect_cancelled(api, run_id)
    assert "progress" not in api.run(run_id)


def test_a_running_run_is_cancelled_wherever_it_is(api: Api) -> None:
    run_id = api.start(str(api.create(FOREVER)["id"]))
    api.wait_for_log(run_id, "begun")
    assert api.run(run_id)["status"] == "running"
    run = expect_cancelled(api, run_id)
    assert "error" not in run
    assert run["cancel_requested"] is True
    assert "begun" in api.log(run_id)


def test_cancel_of_an_ended_run_changes_nothing(api: Api) -> None:
    run = api.calculate("def calculate(inputs):\n    return 1")
    expect_problem(api.cancel(run["id"]), 409, "conflict")
    after = api.run(run["id"])
    assert after["status"] == "completed"
    assert after["finished_at"] == run["finished_at"]


def test_cancel_twice_is_one_cancel(api: Api) -> None:
    run_id = api.start(str(api.create(FOREVER)["id"]))
    expect_cancelled(api, run_id)
    first = api.run(run_id)
    expect_problem(api.cancel(run_id), 409, "conflict")
    assert api.run(run_id) == first


def test_a_cancel_with_a_field_is_refused_and_stops_nothing(api: Api) -> None:
    run_id = api.start(str(api.create(FOREVER)["id"]))
    refused = api.post(f"/api/runs/{run_id}/cancel", {"force": True})
    expect_problem(refused, 422, "invalid_fields", "/force")
    expect_problem(api.send(f"/api/runs/{run_id}/cancel", b"[]"), 400, "invalid_request")
    assert api.run(run_id)["cancel_requested"] is False
    assert api.http.post(f"/api/runs/{run_id}/cancel").status_code == 200  # without a body
    assert api.end(run_id)["status"] == "cancelled"


def test_the_runs_of_a_task_and_a_status_can_be_listed(api: Api) -> None:
    task = api.create("def calculate(inputs):\n    return 1 / inputs['x']")
    good = api.execute(task["id"], {"x": 1})["id"]
    bad = api.execute(task["id"], {"x": 0})["id"]
    of_task = api.read(f"/api/runs?task_id={task['id']}")
    assert [run["id"] for run in of_task["items"]] == [bad, good]
    assert all("result" not in run for run in of_task["items"])
    failed = api.read(f"/api/runs?task_id={task['id']}&status=failed")
    assert [run["id"] for run in failed["items"]] == [bad]
    completed = api.read(f"/api/runs?task_id={task['id']}&status=completed")
    assert [run["id"] for run in completed["items"]] == [good]


@pytest.mark.parametrize("part", ["", "/results", "/logs", "/events", "/artifacts/a.txt"])
def test_an_unknown_run_is_not_found(api: Api, part: str) -> None:
    unknown = "00000000-0000-7000-8000-000000000000"
    expect_problem(api.get(f"/api/runs/{unknown}{part}"), 404, "not_found")


def test_runs_do_not_see_each_others_files_or_globals(api: Api) -> None:
    code = """
import builtins, os
def calculate(inputs):
    seen = [sorted(os.listdir('.')), sorted(os.listdir('/tmp')), hasattr(builtins, 'left')]
    builtins.left = True
    for folder in ('.', '/tmp'):
        with open(f'{folder}/left.txt', 'w') as file:
            file.write('mine')
    return seen
"""
    task = api.create(code)
    first = api.execute(task["id"])
    second = api.execute(task["id"])
    assert first["result"] == second["result"], (first, second)
    assert first["result"][0] == []
    assert first["result"][2] is False


def expect_cancelled(api: Api, run_id: str) -> dict[str, object]:
    expect(api.cancel(run_id), 200)
    run = api.end(run_id)
    assert run["status"] == "cancelled", run
    return run


LOADED = """
import sys
LOADED = "matplotlib.pyplot" in sys.modules
import matplotlib.pyplot as plt
def calculate(inputs):
    return LOADED
"""


def test_what_a_check_finds_is_no_object_and_chooses_the_zygote(own_server: MakeServer) -> None:
    server = own_server(objects_inline_limit=0)
    api = server.api()
    task_id = api.create(LOADED)["id"]
    ended: list[object] = []

    def began_with_matplotlib_there() -> bool:
        ended.append(api.execute(task_id)["result"])
        return ended[-1] is True

    wait_until("the large zygote", began_with_matplotlib_there, 60)
    results = [one for one in (server.data_dir / "objects" / "results").rglob("*") if one.is_file()]
    assert len(results) == len(ended)
    refused = api.post("/api/tasks/execute", {"code": "def calculate(", "inputs": {}})
    expect_problem(refused, 422, "invalid_code")
