"""Readiness names the part that is down, and one that hangs hides no other."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from support.api import Api, Json
from support.metrics import free_port, scrape
from support.processes import find_process
from support.server import Server
from support.services import Managed, pid
from support.waiting import wait_until

PARTS = ("database", "objects", "queue", "identity", "worker", "machines")


@pytest.fixture(scope="module")
def port() -> int:
    """Where the metrics are."""
    return free_port()


@pytest.fixture(scope="module")
def server(port: int) -> Iterator[Server]:
    """A server on services."""
    managed = Managed()
    own = Server(**managed.settings, metrics_port=port)
    try:
        yield own.start()
    finally:
        own.remove()
        managed.remove()


@pytest.fixture
def nobody(server: Server) -> Api:
    """Who asks without a token."""
    return server.api(None)


@contextmanager
def stopped(service: str) -> Iterator[None]:
    """A service that is there and does not answer."""
    one = find_process(pid(service))
    family = [one, *one.descendants()]
    for process in family:
        process.send(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in family:
            process.send(signal.SIGCONT)


def ready(api: Api) -> Json:
    """What readiness says, with its HTTP status."""
    answer = api.get("/health/ready", timeout=10)
    body: Json = answer.json()
    assert answer.status_code == (503 if body["status"] == "unavailable" else 200)
    return body


def others_are_fine(body: Json, part: str) -> bool:
    """Whether all parts but this one are."""
    return all(body["parts"][name] == {"status": "ok"} for name in PARTS if name != part)


def recovers(api: Api) -> None:
    """Wait until all is well again."""
    wait_until("it is ready again", lambda: ready(api)["status"] == "ready", timeout_s=30)


def test_what_never_was_away_is_not_told_to_be_there_again(server: Server) -> None:
    assert "there again" not in server.errors()


def test_all_parts_are_named(nobody: Api) -> None:
    assert ready(nobody) == {"status": "ready", "parts": {p: {"status": "ok"} for p in PARTS}}


@pytest.mark.parametrize(
    ("service", "part", "status"),
    [
        ("postgres", "database", "unavailable"),
        ("s3", "objects", "unavailable"),
        ("redis", "queue", "degraded"),
    ],
)
def test_a_service_that_hangs_is_named_and_no_other(
    nobody: Api, port: int, service: str, part: str, status: str
) -> None:
    recovers(nobody)
    with stopped(service):
        wait_until("it is noticed", lambda: ready(nobody)["status"] == status, timeout_s=30)
        body = ready(nobody)
        assert body["parts"][part]["status"] == status
        assert body["parts"][part]["why"]
        assert others_are_fine(body, part), body
        # Metrics stand on nothing.
        assert scrape(port, timeout_s=2).value("mecapy_queue_degraded") == (part == "queue")
    recovers(nobody)


def test_the_worker_is_named(nobody: Api, server: Server) -> None:
    recovers(nobody)
    server.process("worker").send(signal.SIGSTOP)  # the launcher will see to it
    wait_until("it is noticed", lambda: ready(nobody)["status"] == "unavailable")
    body = ready(nobody)
    assert others_are_fine(body, "worker"), body
    recovers(nobody)


def test_the_services_have_figures_of_their_own(nobody: Api, server: Server, port: int) -> None:
    recovers(nobody)
    before = scrape(port)
    assert before.sum("mecapy_store_connections") == 8  # database.connections
    assert before.value("mecapy_store_connections", state="idle") >= 1
    assert before.value("mecapy_store_waiting") == 0
    code = "def calculate(inputs):\n    return len(inputs['x'])\n"
    assert server.api().calculate(code, {"x": "x" * 100_000})["result"] == 100_000
    after = scrape(port)
    name = "mecapy_objects_requests_total"
    assert after.value(name) > before.value(name)  # the inputs are an object


def test_a_bucket_that_is_away_is_tried_again(own_server: Callable[..., Server]) -> None:
    port = free_port()
    bucket: dict[str, object] = {
        "objects_url": "s3://nowhere?endpoint=https://127.0.0.1:1",
        "objects_access_key": "k",
        "objects_secret_key": "s",
    }
    server = own_server(**bucket, metrics_port=port)
    assert any(
        "MecaPy listens at" in line and "not ready: objects: " in line for line in server.said
    )
    nobody = server.api(None)
    wait_until("it was tried", lambda: "reached" in ready(nobody)["parts"]["objects"]["why"])
    now = scrape(port)
    assert now.value("mecapy_objects_requests_total") >= 5
    retries = now.value("mecapy_objects_retries_total")
    assert 4 <= retries < now.value("mecapy_objects_requests_total")


def test_many_who_ask_cost_one_question_each_two_seconds(nobody: Api, port: int) -> None:
    recovers(nobody)
    begin = time.monotonic()
    before = scrape(port).value("mecapy_objects_requests_total")
    for _ in range(200):
        assert nobody.get("/health/ready").status_code == 200
    asked = scrape(port).value("mecapy_objects_requests_total") - before
    # Three requests a look: put, get, remove.
    assert asked <= 3 * (1 + (time.monotonic() - begin) / 2), asked
