"""`mecapy worker` alone, as a container runs it: the seed's contract, without a database."""

import base64
import json
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from support.raw_http import RawConnection, refuses_connections, request
from support.server import run_mecapy
from support.waiting import wait_until
from support.worker import Worker

SEED_CODE = """
def calculate(inputs):
    import numpy as np
    force = inputs['force']
    section = inputs['section']
    return {'stress': force / section}
"""


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with tempfile.TemporaryDirectory(prefix="mecapy-e2e-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        one = Worker(Path(folder))
        yield one
        assert one.stop() == 0


def payload(task_id: str, code: str = SEED_CODE) -> dict[str, object]:
    """The seed's four fields."""
    return {
        "task_id": task_id,
        "code": base64.b64encode(code.encode()).decode(),
        "inputs_s3_key": f"inputs/{task_id}.json",
        "user_id": str(uuid.uuid4()),
    }


def post_at_once(worker: Worker, bodies: list[dict[str, object]]) -> list[dict[str, Any]]:
    """The answers to calls of /execute that run at the same time."""

    def post(body: dict[str, object]) -> dict[str, Any]:
        answer: dict[str, Any] = worker.http.post("/execute", json=body).json()
        return answer

    with ThreadPoolExecutor(len(bodies)) as threads:
        return list(threads.map(post, bodies))


def test_the_seeds_exact_payload_leaves_the_result_in_the_objects(worker: Worker) -> None:
    task_id = str(uuid.uuid4())
    worker.put_object(f"inputs/{task_id}.json", '{"force": 1000, "section": 10}')
    answer = worker.http.post("/execute", json=payload(task_id)).json()
    assert answer["status"] == "completed"
    assert "result" not in answer
    assert worker.stored_result(answer) == {"stress": 100}


def test_the_seeds_payload_sent_twice_is_two_calculations() -> None:
    with tempfile.TemporaryDirectory(prefix="mecapy-e2e-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        body = payload(str(uuid.uuid4()))
        answers = []
        for forces in ((1000, 2000), (3000,)):  # the second time by a worker that was started anew
            one = Worker(Path(folder))
            try:
                for force in forces:
                    one.put_object(
                        str(body["inputs_s3_key"]), f'{{"force": {force}, "section": 10}}'
                    )
                    answers.append(one.http.post("/execute", json=body).json())
            finally:
                assert one.stop() == 0
        assert [answer["status"] for answer in answers] == ["completed"] * 3, answers
        assert [one.stored_result(answer)["stress"] for answer in answers] == [100, 200, 300]
        assert len({answer["result_key"] for answer in answers}) == 3


def test_the_seeds_payload_sent_twice_at_once_is_two_calculations(worker: Worker) -> None:
    code = (
        "import os, time\ndef calculate(i):\n    time.sleep(0.5)\n    return os.urandom(8).hex()\n"
    )
    body = payload(str(uuid.uuid4()), code) | {"inputs": {}}
    first, second = post_at_once(worker, [body, body])
    assert first["status"] == second["status"] == "completed"
    assert worker.stored_result(first) != worker.stored_result(second)


LONG = "".join(f"    x{i} = inputs['a{i % 9}'] + {i}\n" for i in range(25_000))  # 0.8 MB


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (
            SEED_CODE,
            {
                "imports": ["numpy"],
                "inputs": [
                    {"name": "force", "required": True},
                    {"name": "section", "required": True},
                ],
                "results": ["stress"],
            },
        ),
        ("from other import calculate", {"imports": ["other"]}),
        (f"def calculate(inputs):\n{LONG}", {"imports": []}),
    ],
    ids=["the_seeds", "unknown", "long"],
)
def test_a_look_at_code_tells_imports_and_what_is_known_of_inputs_and_results(
    worker: Worker, code: str, told: dict[str, object]
) -> None:
    body = {"code": base64.b64encode(code.encode()).decode()}
    answer = worker.http.post("/check", json=body).json()
    assert answer["status"] == "completed", answer
    assert answer["result"] == told


def test_the_streamed_answer_tells_log_and_progress_before_the_end(worker: Worker) -> None:
    code = """
from mecapy import progress
def calculate(inputs):
    print('half way', flush=True)
    progress(0.5, 'half')
    return inputs
"""
    body = payload(str(uuid.uuid4()), code) | {"run_id": str(uuid.uuid4()), "inputs": {"a": 0.1}}
    headers = {"Accept": "application/x-ndjson"}
    lines = worker.http.post("/execute", json=body, headers=headers).text.splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["type"] for event in events][-1] == "end"
    assert {"started", "log", "progress"} <= {event["type"] for event in events}
    assert '"result":{"a":0.1}' in lines[-1]


def test_the_same_attempt_sent_twice_runs_once(worker: Worker) -> None:
    code = "import os\ndef calculate(inputs): return os.urandom(8).hex()\n"
    body = payload(str(uuid.uuid4()), code) | {"run_id": str(uuid.uuid4()), "inputs": {}}
    first = worker.http.post("/execute", json=body | {"attempt": 1}).json()
    again = worker.http.post("/execute", json=body | {"attempt": 1}).json()
    other = worker.http.post("/execute", json=body | {"attempt": 2}).json()
    assert first["result"] == again["result"] != other["result"]


LARGE_ENDS = {
    # A control character is six bytes of JSON: the end line is six times the log.
    "a long log": "    print('\\x01' * 30_000)\n",
    "many artifacts": (
        "    for n in range(250):\n"
        "        open('a' * 120 + f'{n}.bin', 'wb').write(bytes(100))\n"
        "    print('\\x01' * 10_000)\n"
    ),
}


@pytest.mark.parametrize("lines", LARGE_ENDS.values(), ids=LARGE_ENDS.keys())
def test_the_same_attempt_with_a_large_end_runs_once(worker: Worker, lines: str) -> None:
    code = f"import os\ndef calculate(inputs):\n{lines}    return os.urandom(8).hex()\n"
    body = payload(str(uuid.uuid4()), code) | {"run_id": str(uuid.uuid4()), "inputs": {}}
    first = worker.http.post("/execute", json=body)
    assert first.json()["status"] == "completed", first.text
    assert len(first.text) > 128 * 1024
    again = worker.http.post("/execute", json=body)
    assert first.text == again.text


def test_the_same_attempt_sent_twice_at_once_runs_once(worker: Worker) -> None:
    code = (
        "import os, time\n"
        "def calculate(inputs):\n"
        "    time.sleep(0.5)\n"
        "    print('once')\n"
        "    return os.urandom(8).hex()\n"
    )
    body = payload(str(uuid.uuid4()), code) | {"run_id": str(uuid.uuid4()), "inputs": {}}
    first, second = post_at_once(worker, [body, body])
    assert first["status"] == "completed", first
    assert first == second
    assert first["log"] == "once\n"


def test_inputs_and_results_of_megabytes_come_through_whole(worker: Worker) -> None:
    task_id = str(uuid.uuid4())
    numbers = [n / 10 for n in range(500_000)]
    worker.put_object(f"inputs/{task_id}.json", json.dumps(numbers))
    body = payload(task_id, "def calculate(inputs): return inputs\n")
    answer = worker.http.post("/execute", json=body).json()
    assert answer["status"] == "completed", answer
    assert worker.stored_result(answer) == numbers
    inline = worker.http.post("/execute", json=body | {"inputs": numbers}).json()
    assert worker.stored_result(inline) == numbers


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_damaged_inputs_are_the_platforms_fault(worker: Worker, size: int) -> None:
    task_id = str(uuid.uuid4())
    worker.put_object(f"inputs/{task_id}.json", '{"text": "' + "a" * size)
    answer = worker.http.post("/execute", json=payload(task_id)).json()
    assert answer["status"] == "failed"
    assert answer["error"]["code"] == "storage_unavailable"
    assert "damaged" in answer["error"]["message"]


def test_inputs_that_are_not_there_are_the_platforms_fault(worker: Worker) -> None:
    answer = worker.http.post("/execute", json=payload(str(uuid.uuid4()))).json()
    assert answer["status"] == "failed"
    assert answer["error"]["code"] == "storage_unavailable"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task_id", "../../etc"),
        ("code", "not base64"),
        ("entry", "other"),
        ("environment", "other"),
        ("attempt", 0),
        ("unknown", 1),
    ],
)
def test_a_wrong_field_is_named(worker: Worker, field: str, value: object) -> None:
    response = worker.http.post("/execute", json=payload(str(uuid.uuid4())) | {field: value})
    assert response.status_code == 422
    assert f"/{field}" in [problem["pointer"] for problem in response.json()["errors"]]


def test_health_needs_no_token_and_other_paths_are_not_found(worker: Worker) -> None:
    assert worker.http.get("/health").json()["status"] == "ok"
    wait_until("it knows", lambda: 10 < worker.http.get("/health").json()["zygotes_mb"] < 512)
    assert worker.http.get("/other").status_code == 404
    assert worker.http.get("/execute").status_code == 405


def test_a_worker_with_a_token_runs_nothing_without_it() -> None:
    with tempfile.TemporaryDirectory(prefix="mecapy-e2e-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        one = Worker(Path(folder), worker_token="secret")
        body = payload(str(uuid.uuid4())) | {"run_id": str(uuid.uuid4()), "inputs": {"force": 1}}
        try:
            for headers in ({}, {"X-Auth-Token": "Secret"}, {"Authorization": "Bearer secret"}):
                refused = one.http.post("/execute", json=body, headers=headers)
                assert refused.status_code == 401
            accepted = one.http.post("/execute", json=body, headers={"X-Auth-Token": "secret"})
            assert accepted.status_code == 200
        finally:
            assert one.stop() == 0


def test_a_worker_that_is_told_to_end_answers_what_it_has_and_takes_no_more() -> None:
    code = """
import time
def calculate(inputs):
    time.sleep(0.5)
    print('\\x01' * 900_000)
    open('over.txt', 'w').write('over')
    return 'r' * 1000
"""
    run_id = str(uuid.uuid4())
    body = payload(str(uuid.uuid4()), code) | {"inputs": {}}
    call, other = (
        request("POST", "/execute", "none", json.dumps(body | {"run_id": one}).encode(), extra)
        for one, extra in ((run_id, "Accept: application/x-ndjson\r\n"), (str(uuid.uuid4()), ""))
    )
    with tempfile.TemporaryDirectory(prefix="mecapy-e2e-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        one = Worker(Path(folder), objects_inline_limit=1 << 20)
        port = int(one.url.rpartition(":")[2])
        try:
            with RawConnection(port, receive_buffer=4096) as first, RawConnection(port) as second:
                first.send(call)
                second.send(other[:-1])  # what has begun is still answered
                wait_until("it runs", lambda: one.http.get("/health").json()["running"] == 1)
                one.terminate()
                wait_until("it listens no more", lambda: refuses_connections(port))
                second.send(other[-1:])
                refused = second.read_answer()
                assert (refused.status, refused.problem["code"]) == (503, "draining")
                over = one.data_dir / "objects" / "artifacts" / run_id / "over.txt"
                wait_until("the run is over", over.exists)
                # Its answer is more than the network holds, and nobody has read it yet.
                with pytest.raises(AssertionError):
                    wait_until("the worker ends", lambda: not one.running, 0.5)
                *_, end = map(json.loads, first.read_answer().body.splitlines())
            assert (end["type"], end["status"]) == ("end", "completed"), end
            assert end["log"] == "\x01" * 900_000 + "\n"
            assert end["result"] == "r" * 1000
            assert one.wait() == 0
        finally:
            one.stop()


def test_a_worker_open_to_the_network_without_a_token_does_not_start() -> None:
    result = run_mecapy("worker", "--host", "0.0.0.0", "--port", "0")
    assert result.returncode == 64
    assert "worker.token" in result.stderr
