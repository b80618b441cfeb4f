"""Runs on workers elsewhere, behind a gateway that answers as it likes."""

import base64
import json
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.api import Api, Json, expect
from support.elsewhere import TOKEN, Elsewhere
from support.gateway import Gateway
from support.server import Server, run_mecapy
from support.waiting import wait_until
from support.worker import Worker

DOUBLES = "def calculate(inputs):\n    return inputs['x'] * 2\n"
SLEEPS = """
import time
def calculate(inputs):
    print('begun', flush=True)
    time.sleep(60)
"""

# Saves what it was given, and one more; then waits, unless it was given something.
COUNTS = """
import time
from mecapy import checkpoint

def calculate(inputs):
    before = checkpoint.load(0)
    print("had", before, flush=True)
    checkpoint.save(before + 1)
    time.sleep(0 if before else 60)
    return before
"""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    own = Elsewhere()
    yield own
    assert own.remove() == 0


@pytest.fixture
def server(elsewhere: Elsewhere) -> Server:
    return elsewhere.server


@pytest.fixture
def worker(elsewhere: Elsewhere) -> Worker:
    return elsewhere.worker


@pytest.fixture
def gateway(elsewhere: Elsewhere) -> Gateway:
    return elsewhere.gateway


@pytest.fixture
def api(server: Server, gateway: Gateway) -> Iterator[Api]:
    gateway.faults.clear()
    gateway.headers.clear()
    gateway.calls.clear()
    gateway.most_at_once = 0
    yield server.api()
    assert not gateway.faults, "a fault was not met"


def test_no_worker_is_started_here(server: Server) -> None:
    assert server.state()["worker_pid"] == -1
    assert [one.name for one in server.main.descendants()] == ["mecapy"]


def test_who_hangs_up_at_the_gateway_stops_the_run(api: Api, worker: Worker) -> None:
    run_id = api.start(str(api.create(SLEEPS)["id"]))
    api.wait_for_log(run_id, "begun")
    api.cancel(run_id)
    assert api.end(run_id)["status"] == "cancelled"
    wait_until("the worker stops", lambda: worker.http.get("/health").json()["running"] == 0)


def test_a_run_whose_container_dies_is_taken_up_from_what_it_saved(
    api: Api, elsewhere: Elsewhere
) -> None:
    run_id = api.start(str(api.create(COUNTS)["id"]))
    wait_until("a checkpoint is told", lambda: "checkpoint" in api.run(run_id), 30)
    assert api.run(run_id)["checkpoint"]["attempt"] == 1
    elsewhere.lose_worker()
    run = api.end(run_id)
    assert (run["status"], run["attempt"], run["resumed_from"]) == ("completed", 2, 1), run
    assert api.read(f"/api/runs/{run_id}/results")["result"] == 1
    assert api.get(f"/api/runs/{run_id}/logs").text == "had 1\n"
    assert "checkpoint" not in api.run(run_id)


def test_nobody_of_it_is_root(server: Server) -> None:
    for process in (server.main, *server.main.descendants()):
        assert set(process.status("Uid")) != {"0"}, process.name
        assert int(process.status("CapEff")[0], 16) == 0


def test_calls_carry_the_token_and_what_names_them_and_share_connections(
    api: Api, gateway: Gateway
) -> None:
    task = str(api.create(DOUBLES)["id"])
    api.execute(task, {"x": 1})
    before = gateway.connections
    runs = [api.execute(task, {"x": x})["id"] for x in range(10)]
    assert gateway.connections - before <= 1
    for headers, run in zip(gateway.headers[-10:], runs, strict=True):
        assert headers["X-Auth-Token"] == TOKEN
        assert headers["X-Request-ID"] == run


def complete(api: Api, runs: int, gateways: list[Gateway], at_once: list[int]) -> None:
    """Have runs completed, all of them asked for while the gateways let none through."""
    task = str(api.create(DOUBLES)["id"])
    api.execute(task, {"x": 0})
    for gateway in gateways:
        gateway.calls.clear()
        gateway.open.clear()
    try:
        started = [api.start(task, {"x": x}) for x in range(runs)]
        for gateway, most in zip(gateways, at_once, strict=True):
            wait_until("all are used", lambda g=gateway, n=most: g.at_once >= n)  # type: ignore[misc]
        status = [api.run(run_id)["status"] for run_id in started]
        assert status == ["running"] * sum(at_once) + ["queued"] * (runs - sum(at_once))
    finally:
        for gateway in gateways:
            gateway.open.set()
    for x, run_id in enumerate(started):
        assert api.end(run_id)["status"] == "completed"
        assert api.read(f"/api/runs/{run_id}/results")["result"] == 2 * x
    assert sum(len(gateway.calls) for gateway in gateways) == runs
    assert [gateway.most_at_once for gateway in gateways] == at_once


def test_four_at_once_and_no_more(api: Api, gateway: Gateway) -> None:
    complete(api, 10, [gateway], [4])


def test_each_of_two_addresses_is_used_up_to_its_own_concurrency(elsewhere: Elsewhere) -> None:
    small, large = (Gateway(elsewhere.worker.url, elsewhere.folder) for _ in range(2))
    own = elsewhere.api_server(f"{small.url}?concurrency=1 {large.url}?concurrency=3")
    try:
        complete(own.start().api(), 10, [small, large], [1, 3])
    finally:
        own.remove()
        small.close()
        large.close()


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_call_that_nobody_took_is_made_again_as_the_same_attempt(
    api: Api, gateway: Gateway, status: int
) -> None:
    task = str(api.create(DOUBLES)["id"])
    gateway.faults.extend([status, status])
    run = api.execute(task, {"x": 4})
    assert (run["result"], run["attempt"]) == (8, 1)
    assert len(gateway.calls) == 3


@pytest.mark.parametrize("fault", ["reset", "lost", "half", "504", 500])
def test_a_lost_answer_without_a_result_is_another_attempt(
    api: Api, gateway: Gateway, fault: str | int
) -> None:
    task = str(api.create(DOUBLES)["id"])
    gateway.faults.append(fault)
    run = api.execute(task, {"x": 4})
    assert (run["status"], run["result"], run["attempt"]) == ("completed", 8, 2)
    assert len(gateway.calls) == 2


@pytest.mark.parametrize("log", [100_000, 1], ids=["large", "small"])
@pytest.mark.parametrize("fault", ["lost", "504"])
def test_a_lost_answer_whose_result_is_in_the_bucket_is_not_calculated_again(
    api: Api, gateway: Gateway, fault: str, log: int
) -> None:
    code = """
def calculate(inputs):
    print('l' * inputs['log'])
    open('table.csv', 'w').write('a,b')
    return 'y' * 100_000
"""
    task = str(api.create(code)["id"])
    gateway.faults.append(fault)
    run = api.execute(task, {"log": log})
    assert (run["status"], run["attempt"], run["result"]) == ("completed", 1, "y" * 100_000)
    assert len(gateway.calls) == 1
    assert api.log(run["id"]) == "l" * log + "\n"
    [table] = run["artifacts"]
    assert (table["name"], table["size"], table["content_type"]) == ("table.csv", 3, "text/csv")
    got = api.get(table["url"])
    assert got.text == "a,b"
    assert got.headers["etag"] == f'"{table["sha256"]}"'


def test_a_file_that_changed_before_a_lost_answer_was_looked_up_is_made_again(
    api: Api, gateway: Gateway, elsewhere: Elsewhere
) -> None:
    code = """
def calculate(inputs):
    open('table.csv', 'w').write('a,b')
    return 'y' * 100_000
"""
    task = str(api.create(code)["id"])

    def damage() -> None:
        run_id = json.loads(gateway.calls[-1])["run_id"]
        path = elsewhere.managed.objects / f"artifacts/{run_id}/table.csv"
        assert path.read_bytes() == b"a,b"
        with path.open("r+b") as file:
            file.write(b"X")

    gateway.faults.append(damage)
    run = api.execute(task)
    assert (run["status"], run["attempt"]) == ("completed", 2), run
    assert api.get(run["artifacts"][0]["url"]).text == "a,b"


def test_a_run_longer_than_the_container_allows_is_refused(api: Api) -> None:
    refused = api.post("/api/tasks", {"name": "n", "code": DOUBLES, "limits": {"timeout_s": 590}})
    assert refused.status_code == 422
    assert "ceiling of 570" in refused.text


def worker_of(server: Server) -> Json:
    """What readiness says of it."""
    return dict(server.api(None).get("/health/ready").json()["parts"]["worker"])


def test_a_worker_that_nobody_has_called_is_unknown(elsewhere: Elsewhere) -> None:
    own = elsewhere.api_server(elsewhere.gateway.url)
    try:
        answer = own.start().api(None).get("/health/ready")
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "ready"
        assert worker_of(own) == {"status": "unknown", "why": "nobody has called it yet"}
        assert own.api().calculate(DOUBLES, {"x": 2})["result"] == 4
        wait_until("it is known", lambda: worker_of(own) == {"status": "ok"})
    finally:
        own.remove()


def test_a_worker_that_does_not_take_our_token_is_named_and_waited_for(
    elsewhere: Elsewhere,
) -> None:
    own = elsewhere.api_server(elsewhere.gateway.url)
    try:
        task = str(own.start().api().create(DOUBLES)["id"])
        own.terminate()
        own.set("worker_token", "another")
        run_id = own.start().api().start(task, {"x": 1})
        wait_until("it is told", lambda: worker_of(own)["status"] == "unavailable")
        why = worker_of(own)["why"]
        assert why.startswith(f"{elsewhere.gateway.url}: it does not take our token: worker.token")
        assert "worker.token differs" in own.errors()
        own.kill()
        own.set("worker_token", TOKEN)
        assert own.start().api().end(run_id)["status"] == "completed"
    finally:
        own.remove()


def test_a_worker_that_allows_less_is_named_and_takes_other_runs(elsewhere: Elsewhere) -> None:
    own = elsewhere.api_server(f"{elsewhere.gateway.url}?concurrency=1")
    own.set("limits_max_memory_mb", 90_000)
    own.set("dispatcher_backoff_ms", 60_000)
    try:
        api = own.start().api()
        normal = str(api.create(DOUBLES)["id"])
        large = str(api.create(DOUBLES, limits={"memory_mb": 80_000})["id"])
        runs = [api.start(large, {"x": n}) for n in range(5)]
        wait_until("it is told", lambda: worker_of(own)["status"] == "degraded")
        # Each of them has attempts left.
        assert api.execute(normal, {"x": 4})["result"] == 8
        for run_id in runs:
            assert api.run(run_id)["status"] == "queued"
        answer = own.api(None).get("/health/ready")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        differ = "it allows less than this API: limits.max_memory_mb differ"
        assert worker_of(own)["why"] == f"{elsewhere.gateway.url}: {differ}"
        assert own.errors().count(differ) == 1
        assert "is away" not in own.errors()
        for run_id in runs:
            api.cancel(run_id)
            assert api.end(run_id)["status"] == "cancelled"
    finally:
        own.remove()


def test_a_run_beyond_the_workers_limits_fails_by_itself(elsewhere: Elsewhere) -> None:
    own = elsewhere.api_server(elsewhere.gateway.url)
    own.set("limits_max_memory_mb", 90_000)
    try:
        run = own.start().api().calculate(DOUBLES, {"x": 1}, limits={"memory_mb": 80_000})
        assert (run["status"], run["error"]["code"]) == ("failed", "backend_unavailable")
        assert "limits.max_memory_mb" in run["error"]["message"]
        assert run["attempt"] == 5
    finally:
        own.remove()


def test_two_addresses_share_the_runs_and_one_that_is_away_is_done_without(
    elsewhere: Elsewhere,
) -> None:
    away = "https://127.0.0.1:9"
    own = elsewhere.api_server(f"{away}?concurrency=2 {elsewhere.gateway.url}?concurrency=2")
    try:
        api = own.start().api()
        task = str(api.create(DOUBLES)["id"])
        runs = [api.start(task, {"x": n}) for n in range(6)]
        for n, run_id in enumerate(runs):
            assert api.end(run_id)["status"] == "completed"
            assert api.read(f"/api/runs/{run_id}/results")["result"] == 2 * n
    finally:
        own.remove()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"worker_url": "http://example.org"}, "use https://"),
        ({"worker_url": "https://example.org"}, "objects.url"),
        ({"worker_url": "https://127.0.0.1:9", "objects_url": "file:///tmp/none"}, "s3://"),
        ({"worker_url": "http://127.0.0.1:9"}, "objects.url"),
        ({"worker_url": "http://127.0.0.1:9?contract=seed"}, "objects.url"),
        ({"worker_url": "https://example.org?concurrency=0"}, "concurrency=0"),
        ({"worker_url": " , "}, "names no worker"),
    ],
)
def test_addresses_that_cannot_work_are_refused_at_the_start(
    elsewhere: Elsewhere, settings: dict[str, str], words: str
) -> None:
    variables = {f"MECAPY_{name.upper()}": value for name, value in settings.items()}
    folder = str(elsewhere.folder / "d")
    done = run_mecapy("serve", "--port", "0", "--data-dir", folder, settings=variables)
    assert done.returncode == 64, done
    assert words in done.stderr


class SeedWorker:
    """A worker as the seed has it: four fields in, a key out, objects in a folder."""

    def __init__(self, objects: Path) -> None:
        self.payloads: list[Json] = []
        own = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                own.payloads.append(payload)
                inputs = json.loads((objects / payload["inputs_s3_key"]).read_text())
                place: Json = {}
                exec(base64.b64decode(payload["code"]), place)
                key = f"results/{payload['task_id']}.json"
                (objects / "results").mkdir(exist_ok=True)
                (objects / "results").chmod(0o777)
                (objects / key).write_text(json.dumps(place["calculate"](inputs)))
                (objects / key).chmod(0o644)
                answer = json.dumps({"status": "completed", "result_key": key}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def seed() -> Iterator[tuple[Api, SeedWorker]]:
    """A server whose only worker knows the seed's fields."""
    own = Server()
    worker = SeedWorker(own.data_dir / "objects")
    own.set("worker_url", f"{worker.url}?contract=seed")
    own.set("objects_url", f"file://{own.data_dir / 'objects'}")
    try:
        yield own.start().api(), worker
    finally:
        own.remove()
        worker.close()


def test_a_worker_that_knows_the_seeds_fields_only_will_do(seed: tuple[Api, SeedWorker]) -> None:
    api, worker = seed
    task = str(api.create(DOUBLES)["id"])
    with ThreadPoolExecutor(4) as threads:
        runs = list(threads.map(lambda x: api.execute(task, {"x": x}), range(12)))
    assert [run["result"] for run in runs] == [2 * x for x in range(12)]
    for payload in worker.payloads:
        assert set(payload) == {"task_id", "code", "inputs_s3_key", "user_id"}
    # Runs of one task do not write each other's results.
    assert len({payload["task_id"] for payload in worker.payloads}) == 12


@pytest.mark.parametrize(
    ("faults", "attempt"),
    [([], 1), ([503, 503], 1), ([504, 503], 2), (["lost", 500, "half"], 4)],
    ids=["at once", "full first", "504 and full", "lost three times"],
)
def test_our_worker_will_do_under_the_seeds_contract(
    elsewhere: Elsewhere, gateway: Gateway, faults: list[int | str], attempt: int
) -> None:
    own = elsewhere.api_server(f"{gateway.url}?contract=seed")
    code = """
import os
def calculate(inputs):
    print('of the worker')
    open('a.txt', 'w').write('kept')
    return [inputs['x'] * 2]
"""
    try:
        api = own.start().api()
        task = str(api.create(code)["id"])
        gateway.calls.clear()
        gateway.faults.extend(faults)
        run = api.execute(task, {"x": 4})
        assert (run.get("result"), run["attempt"]) == ([8], attempt), run
        assert not gateway.faults
        for call in gateway.calls:
            assert set(json.loads(call)) == {"task_id", "code", "inputs_s3_key", "user_id"}
        assert api.log(run["id"]) == "of the worker\n"
        [file] = run["artifacts"]
        assert api.get(file["url"]).text == "kept"
    finally:
        own.remove()


def test_what_it_stores_is_looked_at(seed: tuple[Api, SeedWorker]) -> None:
    api, _ = seed
    run = api.calculate("def calculate(inputs):\n    return float('nan')\n")
    assert (run["status"], run["error"]["code"]) == ("failed", "invalid_result")


def test_the_seeds_payload_by_hand(worker: Worker) -> None:
    body = {
        "task_id": str(uuid.uuid4()),
        "code": base64.b64encode(DOUBLES.encode()).decode(),
        "inputs_s3_key": "inputs/none.json",
        "user_id": str(uuid.uuid4()),
    }
    answer = worker.http.post("/execute", json=body, headers={"X-Auth-Token": TOKEN})
    assert expect(answer, 200)["error"]["code"] == "storage_unavailable"
