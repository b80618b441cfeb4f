"""SIGTERM: running runs finish or go back to the queue, and nothing that was accepted is lost."""

import json
import signal
from collections.abc import Callable

import httpx
import pytest

from support.api import expect, expect_problem
from support.raw_http import RawConnection, refuses_connections, request
from support.server import DEV_TOKEN, Server
from support.waiting import wait_until

MakeServer = Callable[..., Server]
pytestmark = pytest.mark.timeout(90)

LONG = """
import time
def calculate(inputs):
    print('begun', flush=True)
    time.sleep(inputs['seconds'])
    return {'n': inputs['n']}
"""


def begin(server: Server, seconds: float, n: int) -> str:
    """A run that is on its worker now."""
    api = server.api()
    run_id = api.start(str(api.create(LONG)["id"]), {"seconds": seconds, "n": n})
    api.wait_for_log(run_id, "begun")
    return run_id


def test_a_running_run_finishes_before_the_server_ends(own_server: MakeServer) -> None:
    server = own_server(server_drain_s=20)
    run_id = begin(server, seconds=2, n=1)
    assert server.terminate() == 0
    run = server.start().api().run(run_id)
    assert run["status"] == "completed", run
    assert run["attempt"] == 1


def test_a_run_longer_than_the_deadline_goes_back_and_completes_later(
    own_server: MakeServer,
) -> None:
    server = own_server(server_drain_s=0.5)
    run_id = begin(server, seconds=4, n=2)
    assert server.terminate(timeout_s=10) == 0
    api = server.start().api()
    assert api.run(run_id)["status"] in ("queued", "running")
    run = api.end(run_id)
    assert run["status"] == "completed", (run.get("error"), run)
    assert run["attempt"] == 2
    assert api.read(f"/api/runs/{run_id}/results")["result"] == {"n": 2}


def test_a_drain_does_not_use_up_the_attempts_of_a_run(own_server: MakeServer) -> None:
    server = own_server(server_drain_s=0.2, dispatcher_max_attempts=1)
    run_id = begin(server, seconds=2, n=3)
    assert server.terminate(timeout_s=10) == 0
    run = server.start().api().end(run_id)
    assert run["status"] == "completed", (run.get("error"), run)


def test_queued_runs_wait_for_the_next_start(own_server: MakeServer) -> None:
    server = own_server(server_drain_s=0.2, worker_concurrency=1)
    api = server.api()
    task_id = str(api.create(LONG)["id"])
    runs = [api.start(task_id, {"seconds": 0.3, "n": n}) for n in range(6)]
    assert server.terminate(timeout_s=10) == 0
    api = server.start().api()
    for n, run_id in enumerate(runs):
        assert api.end(run_id)["status"] == "completed"
        assert api.read(f"/api/runs/{run_id}/results")["result"] == {"n": n}


def test_a_draining_server_takes_no_new_run(own_server: MakeServer) -> None:
    server = own_server(server_drain_s=20)
    api = server.api()
    run_id = begin(server, seconds=3, n=4)
    stream = api.events(run_id)
    next(stream)  # a connection that stays in use while it drains
    server.signal(signal.SIGTERM)
    refused = False

    def ended_after_another_try() -> bool:
        nonlocal refused
        try:
            response = api.post("/api/tasks/execute", {"code": LONG, "inputs": {}})
        except httpx.TransportError:
            refused = True
        else:
            if response.status_code == 503:
                expect_problem(response, 503, "draining")
                assert int(response.headers["retry-after"]) >= 1
                refused = True
            else:  # it came before the signal was seen
                accepted = expect(response, 202)["run_id"]
                assert not refused, f"{accepted} was accepted after a refusal"
        return not server.running

    wait_until("the server ends", ended_after_another_try, 20)
    assert refused
    assert server.wait() == 0
    assert server.start().api().run(run_id)["status"] == "completed"


def test_a_repeated_request_is_answered_while_the_server_drains(own_server: MakeServer) -> None:
    server = own_server(server_drain_s=20)
    api = server.api()
    path = f"/api/tasks/{api.create(LONG)['id']}/execute"
    body = json.dumps({"inputs": {"seconds": 2, "n": 8}}).encode()
    known = request("POST", path, DEV_TOKEN, body, "Idempotency-Key: known\r\n")
    new = request("POST", path, DEV_TOKEN, body, "Idempotency-Key: new\r\n")
    with RawConnection(server.port) as one, RawConnection(server.port) as two:
        two.send(known)
        run_id = json.loads(two.read_answer().body)["run_id"]
        api.wait_for_log(run_id, "begun")
        one.send(known[:20])  # requests that have begun are still served
        two.send(new[:20])
        assert api.run(run_id)["status"] == "running"  # by now the server has seen both
        server.signal(signal.SIGTERM)
        wait_until("it takes no more connections", lambda: refuses_connections(server.port))
        one.send(known[20:])
        answer = one.read_answer()
        assert answer.status == 202, answer
        assert json.loads(answer.body)["run_id"] == run_id
        two.send(new[20:])
        answer = two.read_answer()
        assert answer.status == 503, answer
        assert answer.problem["code"] == "draining"
    assert server.wait() == 0
    assert server.start().api().run(run_id)["status"] == "completed"


def test_a_waiting_client_gets_its_answer_while_the_server_drains(own_server: MakeServer) -> None:
    server = own_server(server_drain_s=20)
    run_id = begin(server, seconds=1.5, n=5)
    stream = server.api().events(run_id)
    next(stream)
    server.signal(signal.SIGTERM)
    assert list(stream)[-1].data["status"] == "completed"
    assert server.wait() == 0


def test_a_second_signal_does_not_break_the_first(own_server: MakeServer) -> None:
    server = own_server(server_drain_s=20)
    run_id = begin(server, seconds=1, n=6)
    server.signal(signal.SIGTERM)
    server.signal(signal.SIGINT)
    assert server.wait() == 0
    run = server.start().api().run(run_id)
    assert (run["status"], run["attempt"]) == ("completed", 1)


def test_a_shutdown_tells_what_it_waits_for(own_server: MakeServer) -> None:
    server = own_server(server_drain_s=20)
    begin(server, seconds=1, n=7)
    server.signal(signal.SIGINT)
    assert server.wait() == 0
    [line] = [one for one in server.errors().splitlines() if "shutting down" in one]
    assert "Ctrl-C again stops now" in line
    assert line.endswith(" running=1 waiting_s=20")


def test_an_idle_server_is_ready_and_ends_at_once(own_server: MakeServer) -> None:
    server = own_server()
    assert server.api(None).get("/health/ready").status_code == 200
    assert server.terminate(timeout_s=5) == 0


def test_signals_to_all_processes_at_once_lose_no_run(own_server: MakeServer) -> None:
    """As a service manager does that ends a whole group: the run is repeated, not blamed."""
    server = own_server(server_drain_s=5)
    run_id = begin(server, seconds=2, n=5)
    for process in [server.main, *server.main.descendants()]:
        process.send(signal.SIGTERM)
    server.wait()
    again = server.start().api()
    ended = again.end(run_id)
    assert ended["status"] == "completed", ended
    assert ended["attempt"] == 2
