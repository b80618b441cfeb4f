"""The platform's own faults: named as such, tried again, and never blamed on the author."""

import contextlib
import signal
import time
from collections.abc import Callable

import pytest

from support.api import Api, Json, expect, expect_problem
from support.processes import Process
from support.server import Server
from support.waiting import wait_until

MakeServer = Callable[..., Server]

LONG = """
import time
def calculate(inputs):
    print('begun', flush=True)
    end = time.monotonic() + inputs['seconds']
    while time.monotonic() < end:
        time.sleep(0.01)
    return {'n': inputs['n']}
"""


def test_a_killed_worker_is_worker_lost_when_no_attempt_is_left(own_server: MakeServer) -> None:
    server = own_server(dispatcher_max_attempts=1)
    api = server.api()
    run_id = start_long(api, seconds=30)
    server.process("worker").send(signal.SIGKILL)
    run = api.end(run_id)
    expect_platform_failure(run, "worker_lost")
    assert run["attempt"] == 1


def test_a_run_whose_worker_was_killed_is_tried_again_and_completes(own_server: MakeServer) -> None:
    server = own_server(dispatcher_max_attempts=3)
    api = server.api()
    run_id = start_long(api, seconds=1)
    lost = server.process("worker")
    lost.send(signal.SIGKILL)
    run = api.end(run_id)
    assert run["status"] == "completed", (run.get("error"), run)
    assert run["attempt"] == 2
    assert api.read(f"/api/runs/{run_id}/results")["result"] == {"n": 17}
    assert api.log(run_id) == "begun\n"  # the recorded attempt's, not both
    assert server.process("worker") != lost


def test_the_events_of_a_run_that_is_tried_again_tell_each_attempt(own_server: MakeServer) -> None:
    server = own_server()
    api = server.api()
    run_id = start_long(api, seconds=1)
    events = api.events(run_id)
    seen = [next(events)]
    server.process("worker").send(signal.SIGKILL)
    seen += list(events)
    told = [(e.data["status"], e.data["attempt"]) for e in seen if e.kind == "status"]
    assert told[0] == ("running", 1)
    assert told[-1] == ("completed", api.run(run_id)["attempt"])
    assert [attempt for _, attempt in told] == sorted(attempt for _, attempt in told)
    assert told[-1][1] > 1


def test_the_worker_is_started_again_and_serves_new_runs(own_server: MakeServer) -> None:
    server = own_server()
    api = server.api()
    for _ in range(2):
        lost = server.process("worker")
        family = [lost, *lost.descendants()]
        lost.send(signal.SIGKILL)
        wait_until_gone(family)
        assert api.calculate(LONG, {"seconds": 0, "n": 1})["result"] == {"n": 1}


def test_a_worker_that_hangs_is_noticed_and_its_run_is_tried_again(own_server: MakeServer) -> None:
    server = own_server()
    api = server.api()
    run_id = start_long(api, seconds=1)
    hung = server.process("worker")
    family = hung.descendants()
    begin = time.monotonic()
    hung.send(signal.SIGSTOP)
    # An answer of the last two seconds is given again.
    wait_until("not ready", lambda: api.get("/health/ready").status_code == 503)
    run = api.end(run_id)
    assert (run["status"], run["attempt"]) == ("completed", 2), (run.get("error"), run)
    assert time.monotonic() - begin < 30  # without the launcher's ear it would be two minutes
    assert server.process("worker") != hung
    wait_until_gone([hung, *family])
    wait_until_ready(api)
    assert "the worker hangs" in server.errors()


def test_a_supervisor_that_hangs_is_noticed_and_its_run_is_tried_again(
    own_server: MakeServer,
) -> None:
    server = own_server()
    api = server.api()
    run_id = start_long(api, seconds=1)
    hung = server.supervisor()
    family = hung.descendants()
    hung.send(signal.SIGSTOP)
    run = api.end(run_id)
    assert (run["status"], run["attempt"]) == ("completed", 2), (run.get("error"), run)
    wait_until_gone([hung, *family], timeout_s=30)
    assert "the sandbox's supervisor hangs" in server.errors()


def test_an_api_process_that_hangs_ends_the_server_and_loses_no_run(
    own_server: MakeServer,
) -> None:
    server = own_server()
    run_id = start_long(server.api(), seconds=1)
    family = server.main.descendants()
    server.process("api").send(signal.SIGSTOP)
    assert server.wait(30) == 128 + signal.SIGKILL
    assert "the API process hangs" in server.errors()
    wait_until_gone(family)
    run = server.start().api().end(run_id)
    assert (run["status"], run["attempt"]) == ("completed", 2), (run.get("error"), run)


def test_no_worker_to_reach_is_backend_unavailable(own_server: MakeServer) -> None:
    server = own_server(dispatcher_max_attempts=2, dispatcher_backoff_ms=50)
    api = server.api()
    task_id = str(api.create(LONG)["id"])
    worker = server.process("worker")
    server.signal(signal.SIGSTOP)  # so that nobody starts the worker again
    try:
        worker.send(signal.SIGKILL)
        wait_until("the worker has gone", lambda: not worker.alive)
        run = api.end(api.start(task_id, {"seconds": 0, "n": 1}))
    finally:
        server.signal(signal.SIGCONT)
    expect_platform_failure(run, "backend_unavailable")
    assert run["attempt"] == 2
    wait_until_ready(api)
    assert api.execute(task_id, {"seconds": 0, "n": 2})["result"] == {"n": 2}


def test_a_store_that_takes_no_result_is_storage_unavailable(own_server: MakeServer) -> None:
    server = own_server(dispatcher_max_attempts=2, dispatcher_backoff_ms=50, objects_inline_limit=0)
    api = server.api()
    run_id = start_long(api, seconds=1)
    objects = server.data_dir / "objects"
    mode = objects.stat().st_mode
    objects.chmod(0)  # neither the API nor the worker is root: nobody may enter
    try:
        expect_platform_failure(api.end(run_id), "storage_unavailable")
        refused = api.post("/api/tasks/execute", {"code": LONG, "inputs": {"seconds": 0, "n": 1}})
        expect_problem(refused, 503, "storage")
        assert "retry-after" in refused.headers
    finally:
        objects.chmod(mode)
    assert api.calculate(LONG, {"seconds": 0, "n": 3})["result"] == {"n": 3}


def test_a_sandbox_that_dies_before_the_run_is_internal(own_server: MakeServer) -> None:
    server = own_server(dispatcher_max_attempts=1)
    api = server.api()
    task_id = str(api.create(LONG)["id"])
    zygotes = [p for p in server.supervisor().children() if not is_sandbox(p)]
    for zygote in zygotes:  # no further sandbox is made meanwhile
        zygote.send(signal.SIGSTOP)
    sandboxes = stop_prepared_sandboxes(server)  # they take the run and do nothing with it
    run_id = api.start(task_id, {"seconds": 0, "n": 1})
    wait_until("the run is on the worker", lambda: api.run(run_id)["status"] == "running")
    for sandbox in sandboxes:
        sandbox.send(signal.SIGKILL)
    expect_platform_failure(api.end(run_id), "internal")
    for zygote in zygotes:
        zygote.send(signal.SIGCONT)
    # One that dies at the moment it is given to a run costs an attempt, and there is only one here.
    wait_until("another sandbox waits", lambda: bool(prepared_sandboxes(server, sandboxes)))
    assert api.execute(task_id, {"seconds": 0, "n": 2})["result"] == {"n": 2}


def test_a_zygote_that_dies_before_the_run_costs_it_nothing(own_server: MakeServer) -> None:
    server = own_server(dispatcher_max_attempts=1)
    api = server.api()
    task_id = str(api.create(LONG)["id"])
    zygote = server.zygote()
    assert zygote is not None
    zygote.send(signal.SIGSTOP)  # it takes the order to clone and does nothing with it
    end_prepared_sandboxes(server, zygote)
    run_id = api.start(task_id, {"seconds": 0, "n": 1})
    wait_until("the run is on the worker", lambda: api.run(run_id)["status"] == "running")
    zygote.send(signal.SIGKILL)
    run = api.end(run_id)
    assert (run["status"], run["attempt"]) == ("completed", 1), run


def test_a_run_that_ends_before_it_has_read_its_inputs_takes_no_other_with_it(
    own_server: MakeServer,
) -> None:
    server = own_server(server_body_limit_mb=100)
    api = server.api()
    worker = server.process("worker")
    other = start_long(api, seconds=3)
    task = api.create(
        "def calculate(inputs):\n    return 1", limits={"timeout_s": 0.05, "cpus": 0.1}
    )
    inputs = {"much": "x" * 60_000_000}  # more than it can read in that time
    run = api.execute(str(task["id"]), inputs)
    assert (run["error"]["code"], run["attempt"]) == ("timeout", 1), run
    run = api.end(other)
    assert (run["status"], run["attempt"]) == ("completed", 1), (run.get("error"), run)
    assert worker.alive


def test_a_run_that_failed_for_good_stays_visible(own_server: MakeServer) -> None:
    server = own_server(dispatcher_max_attempts=1)
    api = server.api()
    run_id = start_long(api, seconds=30)
    server.process("worker").send(signal.SIGKILL)
    api.end(run_id)
    server.terminate()
    server.start()
    api = server.api()
    failed = api.read("/api/runs?status=failed")["items"]
    assert [run["id"] for run in failed] == [run_id]
    expect_platform_failure(failed[0], "worker_lost")


def test_a_queue_that_is_full_says_so_and_takes_work_again(own_server: MakeServer) -> None:
    server = own_server(queue_capacity=2, worker_concurrency=1)
    api = server.api()
    task_id = str(api.create(LONG)["id"])
    accepted: list[str] = []
    for _ in range(20):
        response = api.post(f"/api/tasks/{task_id}/execute", {"inputs": {"seconds": 20, "n": 1}})
        if response.status_code != 202:
            break
        accepted.append(str(response.json()["run_id"]))
    expect_problem(response, 429, "busy")
    assert int(response.headers["retry-after"]) >= 1
    for run_id in accepted:
        api.cancel(run_id)
    assert {api.end(run_id)["status"] for run_id in accepted} == {"cancelled"}
    again = {"inputs": {"seconds": 0, "n": 2}}
    expect(api.post(f"/api/tasks/{task_id}/execute?wait=30", again), 200)


def wait_until_gone(family: list[Process], timeout_s: float = 10) -> None:
    """Wait until none of these runs any more."""
    wait_until("the worker's family ends", lambda: not any(p.alive for p in family), timeout_s)


def wait_until_ready(api: Api) -> None:
    """Wait until runs can be accepted and run."""
    wait_until("it is ready", lambda: api.get("/health/ready").status_code == 200)


def start_long(api: Api, seconds: float) -> str:
    """A run that is on its worker now and lasts about so long."""
    run_id = api.start(str(api.create(LONG)["id"]), {"seconds": seconds, "n": 17})
    api.wait_for_log(run_id, "begun")
    return run_id


def end_prepared_sandboxes(server: Server, zygote: Process) -> None:
    """Leave none that could serve a run without the zygote."""

    def ended() -> bool:
        (supervisor,) = server.process("worker").children()
        others = [p for p in supervisor.children() if p != zygote]
        for process in others:
            process.send(signal.SIGKILL)
        # Another zygote may be there again at once; nothing is prepared from it for these runs.
        return not any(is_sandbox(process) for process in others)

    wait_until("no prepared sandbox is left", ended)


def is_sandbox(process: Process) -> bool:
    """Whether it is the first process of a sandbox, and still there."""
    with contextlib.suppress(OSError, KeyError):
        return len(process.status("NSpid")) == 2
    return False


def prepared_sandboxes(server: Server, known: list[Process]) -> list[Process]:
    """Sandboxes with a run that waits, without those that are `known`."""
    inits = [p for p in server.supervisor().children() if p not in known and is_sandbox(p)]
    return [init for init in inits if init.children()]


def stop_prepared_sandboxes(server: Server) -> list[Process]:
    """The first processes of all sandboxes that wait for a run, once what would run is stopped."""
    inits: list[Process] = []

    def stopped() -> bool:
        inits[:] = [p for p in server.supervisor().children() if is_sandbox(p)]
        waiting = [run for init in inits for run in init.children()]
        for run in waiting:
            run.send(signal.SIGSTOP)
        # One that is still being made would take the run and do it.
        whole = 0 < len(inits) == len(waiting)
        return whole and all(run.status("State")[0] == "T" for run in waiting)

    wait_until("what waits for a run is stopped", stopped)
    return inits


def expect_platform_failure(run: Json, code: str) -> None:
    """A failed run whose error is the platform's, said without its insides."""
    assert run["status"] == "failed", run
    assert run["error"]["code"] == code, run["error"]
    assert run["error"]["fault"] == "platform"
    assert run["error"]["message"]
    assert "/tmp/" not in run["error"]["message"]
    assert "traceback" not in run["error"]
    assert "result" not in run


pytestmark = pytest.mark.timeout(90)
