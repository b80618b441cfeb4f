"""What every backend owes: the local worker, and one elsewhere behind a gateway."""

from collections.abc import Iterator

import pytest

from support.api import Api
from support.elsewhere import Elsewhere
from support.server import Server

PLOTS = """
import matplotlib.pyplot as plt
def calculate(inputs):
    print('hello')
    plt.plot([1, 2])
    return {'stress': inputs['force'] / inputs['section']}
"""
TALKS = """
import time
from mecapy import progress
def calculate(inputs):
    print('begun', flush=True)
    progress(0.5, 'half')
    time.sleep(60)
"""


@pytest.fixture(scope="module", params=["local", "serverless_container"])
def own(request: pytest.FixtureRequest) -> Iterator[Api]:
    """A client of a server with this backend."""
    if request.param == "local":
        server = Server()
        try:
            yield server.start().api()
        finally:
            server.remove()
    else:
        elsewhere = Elsewhere()
        yield elsewhere.server.api()
        assert elsewhere.remove() == 0


def test_result_log_figures_and_usage_come_back(own: Api) -> None:
    run = own.calculate(PLOTS, {"force": 1000, "section": 10})
    assert (run["status"], run["attempt"], run["result"]) == ("completed", 1, {"stress": 100})
    assert run["usage"]["cpu_ms"] > 0
    assert run["usage"]["peak_memory_mb"] > 5
    assert run["environment"].startswith("3.11-")
    assert own.log(run["id"]) == "hello\n"
    [figure] = run["artifacts"]
    assert own.get(figure["url"]).content.startswith(b"\x89PNG")


def test_large_inputs_and_results_come_whole(own: Api) -> None:
    text = "é" * 300_000
    run = own.calculate("def calculate(inputs):\n    return inputs['x'] * 2\n", {"x": text})
    assert run["result"] == text * 2


def test_log_and_progress_are_heard_while_it_runs_and_a_cancel_ends_it(own: Api) -> None:
    run_id = own.start(str(own.create(TALKS)["id"]))
    seen: set[str] = set()
    for event in own.events(run_id):
        seen.add(event.kind)
        if {"log", "progress"} <= seen:
            break
    own.cancel(run_id)
    run = own.end(run_id)
    assert (run["status"], run["attempt"]) == ("cancelled", 1)
    assert own.log(run_id) == "begun\n"


def test_the_authors_fault_is_his_and_not_repeated(own: Api) -> None:
    run = own.calculate("def calculate(inputs):\n    return inputs['missing']\n", {})
    assert (run["error"]["code"], run["error"]["line"], run["attempt"]) == ("user_error", 2, 1)


def test_limits_are_kept_and_named(own: Api) -> None:
    code = "def calculate(inputs):\n    return len(b'x' * (300 << 20))\n"
    run = own.calculate(code, limits={"memory_mb": 128})
    assert run["error"]["code"] == "out_of_memory"
    assert "of 128 MiB" in run["error"]["message"]
    run = own.calculate("def calculate(inputs):\n    while True: pass\n", limits={"timeout_s": 0.3})
    assert run["error"]["code"] == "timeout"


def test_code_that_is_none_is_refused_at_once(own: Api) -> None:
    refused = own.post("/api/tasks", {"name": "n", "code": "def calculate(inputs:\n"})
    assert refused.status_code == 422, refused.text
    [problem] = refused.json()["errors"]
    assert (problem["pointer"], problem["line"]) == ("/code", 1)


def test_it_is_ready(own: Api) -> None:
    ready = own.read("/health/ready")
    assert ready["status"] == "ready", ready
