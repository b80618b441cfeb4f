"""Idempotency-Key: a POST that is repeated happens once."""

import signal
import threading
import uuid
from collections.abc import Callable

import pytest

from support.api import Api, Json, expect, expect_problem
from support.server import DEV_TOKEN, Server

MakeServer = Callable[..., Server]
CODE = "def calculate(inputs):\n    return inputs"
MISMATCH = "#header/Idempotency-Key"


def key() -> dict[str, str]:
    """A header with a key nobody used."""
    return {"Idempotency-Key": str(uuid.uuid4())}


def test_the_same_task_created_twice_is_one_task(api: Api) -> None:
    headers = key()
    body = {"name": "once", "code": CODE}
    first = api.post("/api/tasks", body, headers=headers)
    second = api.post("/api/tasks", body, headers=headers)
    assert expect(first, 201)["id"] == expect(second, 201)["id"]
    assert second.headers["location"] == first.headers["location"]


def test_the_same_execute_twice_is_one_run(api: Api) -> None:
    headers = key()
    task_id = api.create(CODE)["id"]
    first = expect(api.post(f"/api/tasks/{task_id}/execute", headers=headers), 202)
    second = expect(api.post(f"/api/tasks/{task_id}/execute", headers=headers), 202)
    assert first["run_id"] == second["run_id"]
    api.end(first["run_id"])
    assert len(api.read(f"/api/runs?task_id={task_id}")["items"]) == 1


def test_a_repeated_execute_may_wait_for_the_first_run(api: Api) -> None:
    headers = key()
    task_id = api.create(CODE, {"x": 1})["id"]
    first = expect(api.post(f"/api/tasks/{task_id}/execute", headers=headers), 202)
    second = api.post(f"/api/tasks/{task_id}/execute?wait=30", headers=headers)
    run = expect(second, 200)
    assert run["run_id"] == first["run_id"]
    assert run["result"] == {"x": 1}


@pytest.mark.parametrize("path", ["/tasks/execute", "/api/tasks/execute"])
def test_the_same_calculation_at_once_twice_is_one_run(api: Api, path: str) -> None:
    headers = key()
    body = {"code": CODE, "inputs": {"x": 1}}
    first = expect(api.post(path, body, headers=headers), 202)
    second = expect(api.post(path, body, headers=headers), 202)
    assert (first["task_id"], first["run_id"]) == (second["task_id"], second["run_id"])


def test_a_key_used_for_another_request_is_refused(api: Api) -> None:
    headers = key()
    expect(api.post("/api/tasks", {"name": "a", "code": CODE}, headers=headers), 201)
    other = api.post("/api/tasks", {"name": "b", "code": CODE}, headers=headers)
    expect_problem(other, 422, "idempotency_mismatch", MISMATCH)


def test_a_key_used_for_another_task_is_refused(api: Api) -> None:
    headers = key()
    first, second = api.create(CODE)["id"], api.create(CODE)["id"]
    expect(api.post(f"/api/tasks/{first}/execute", headers=headers), 202)
    response = api.post(f"/api/tasks/{second}/execute", headers=headers)
    expect_problem(response, 422, "idempotency_mismatch", MISMATCH)


def test_other_inputs_are_another_request(api: Api) -> None:
    headers = key()
    path = f"/api/tasks/{api.create(CODE)['id']}/execute"
    expect(api.post(path, {"inputs": {"x": 1}}, headers=headers), 202)
    other = api.post(path, {"inputs": {"x": 2}}, headers=headers)
    expect_problem(other, 422, "idempotency_mismatch", MISMATCH)


def test_a_refused_request_does_not_take_its_key(api: Api) -> None:
    headers = key()
    refused = api.post("/api/tasks", {"name": "a", "code": "def calculate(:"}, headers=headers)
    expect_problem(refused, 422, "invalid_code")
    expect(api.post("/api/tasks", {"name": "a", "code": CODE}, headers=headers), 201)


def test_keys_of_two_users_do_not_meet(api: Api, server: Server) -> None:
    headers = key()
    body = {"name": "mine", "code": CODE}
    other = server.api(server.add_user("idempotent"))
    mine = expect(api.post("/api/tasks", body, headers=headers), 201)
    theirs = expect(other.post("/api/tasks", body, headers=headers), 201)
    assert mine["id"] != theirs["id"]


def test_twenty_at_once_with_one_key_are_one_run(server: Server) -> None:
    headers = key()
    task_id = server.api().create(CODE)["id"]
    found: list[str] = []

    def execute() -> None:
        with Api(server.url, DEV_TOKEN) as own:
            response = own.post(f"/api/tasks/{task_id}/execute", headers=headers)
            found.append(expect(response, 202)["run_id"])

    threads = [threading.Thread(target=execute) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert len(set(found)) == 1


def test_a_repeated_request_is_answered_though_the_queue_is_full(own_server: MakeServer) -> None:
    api = own_server(queue_capacity=2, worker_concurrency=1, server_drain_s=0.1).api()
    slow = "import time\ndef calculate(i):\n    print('begun', flush=True)\n    time.sleep(30)"
    path = f"/api/tasks/{api.create(slow)['id']}/execute"
    calls: list[tuple[str, Json, dict[str, str]]] = [
        (path, {"inputs": {}}, key()),
        ("/api/tasks/execute", {"code": slow}, key()),
    ]
    first = [
        expect(api.post(path, body, headers=headers), 202)["run_id"]
        for path, body, headers in calls
    ]
    api.wait_for_log(first[0], "begun")
    while (full := api.post(path)).status_code == 202:
        pass
    expect_problem(full, 429, "busy")
    for (path, body, headers), run_id in zip(calls, first, strict=True):
        again = api.post(path, body, headers=headers)
        assert expect(again, 202)["run_id"] == run_id
        assert again.headers["location"] == f"/api/runs/{run_id}"
        other = api.post(path, body | {"inputs": {"x": 2}}, headers=headers)
        expect_problem(other, 422, "idempotency_mismatch", MISMATCH)
        expect_problem(api.post(path, body, headers=key()), 429, "busy")


def test_a_repeated_creation_is_answered_though_no_worker_can_look_at_the_code(
    own_server: MakeServer,
) -> None:
    server = own_server()
    api = server.api()
    body = {"name": "once", "code": CODE}
    headers = key()
    made = expect(api.post("/api/tasks", body, headers=headers), 201)
    server.process("worker").send(signal.SIGSTOP)
    try:
        again = api.post("/api/tasks", body, headers=headers, timeout=5)
    finally:
        server.process("worker").send(signal.SIGCONT)
    assert expect(again, 201)["id"] == made["id"]
    assert again.headers["location"] == f"/api/tasks/{made['id']}"


@pytest.mark.parametrize("value", ["", "x" * 201])
def test_a_key_that_is_none_is_named(api: Api, value: str) -> None:
    response = api.post(
        "/api/tasks", {"name": "a", "code": CODE}, headers={"Idempotency-Key": value}
    )
    expect_problem(response, 422, "invalid_fields", "#header/Idempotency-Key")
