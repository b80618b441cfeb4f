"""What Prometheus reads of a server: every figure is what happened, and nothing else is there."""

import os
import re
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from support import contract
from support.api import Api, expect
from support.metrics import Scrape, free_port, scrape
from support.server import Server
from support.waiting import wait_until
from support.workflows import create, execute, given, node, of, run_of, start, statuses

FINE = "def calculate(inputs):\n    return 1\n"
FAILS = "def calculate(inputs):\n    return 1 / 0\n"
SLEEPS = """
import time
def calculate(inputs):
    print('begun', flush=True)
    time.sleep(inputs['s'])
"""
STAGES = ("queued", "claim", "execute", "setup", "run", "record", "total")

COUNTERS = {
    "mecapy_runs_finished": {"outcome", "backend"},
    "mecapy_attempts": {"backend", "became"},
    "mecapy_leases_lost": set(),
    "mecapy_dead_letters": set(),
    "mecapy_cache_requests": {"cache", "result"},
    "mecapy_workflow_runs_finished": {"outcome"},
    "mecapy_budget_submits": {"result"},
    "mecapy_http_requests": {"route", "method", "status"},
    "process_cpu_seconds": set(),
}
HISTOGRAMS = {
    "mecapy_run_stage_seconds": {"stage", "le"},
    "mecapy_http_request_duration_seconds": {"route", "le"},
}
GAUGES = {
    "mecapy_build_info": {"version"},
    "mecapy_runs_running": set(),
    "mecapy_workflow_runs": set(),
    "mecapy_workflow_values_bytes": set(),
    "mecapy_queue_depth": set(),
    "mecapy_queue_capacity": set(),
    "mecapy_queue_degraded": set(),
    "mecapy_store_connections": {"state"},
    "mecapy_store_waiting": set(),
    "mecapy_http_requests_active": set(),
    "mecapy_http_connections": set(),
    "mecapy_event_streams": set(),
    "process_resident_memory_bytes": set(),
    "process_virtual_memory_bytes": set(),
    "process_open_fds": set(),
    "process_max_fds": set(),
    "process_start_time_seconds": set(),
}


@pytest.fixture(scope="module")
def port() -> int:
    """Where the metrics are."""
    return free_port()


@pytest.fixture(scope="module")
def server(port: int) -> Iterator[Server]:
    """A server that runs one at a time and has its metrics read."""
    own = Server(metrics_port=port, worker_concurrency=1)
    try:
        yield own.start()
    finally:
        own.remove()


@pytest.fixture(scope="module")
def api(server: Server) -> Api:
    """The embedded user."""
    return server.api()


@pytest.fixture(scope="module")
def ends(api: Api, port: int) -> tuple[Scrape, Scrape]:
    """Before and after five runs completed, three that failed, two cancelled and one too slow."""
    fine, fails, sleeps = (str(api.create(code)["id"]) for code in (FINE, FAILS, SLEEPS))
    slow = str(api.create(SLEEPS, {"s": 60}, limits={"timeout_s": 0.2})["id"])
    before = scrape(port)
    for task, times in ((fine, 5), (fails, 3), (slow, 1)):
        for _ in range(times):
            api.execute(task)
    running = api.start(sleeps, {"s": 60})
    wait_until("it runs", lambda: api.run(running)["status"] == "running")
    waiting = api.start(sleeps, {"s": 60})
    now = scrape(port)
    assert now.value("mecapy_runs_running") == 1
    assert now.value("mecapy_queue_depth") == 1
    for run_id in (waiting, running):
        assert api.cancel(run_id).status_code == 200
        assert api.end(run_id)["status"] == "cancelled"
    return before, scrape(port)


def grown(ends: tuple[Scrape, Scrape], name: str, **labels: str) -> float:
    """By how much the series with these labels have grown."""
    return ends[1].sum(name, **labels) - ends[0].sum(name, **labels)


def test_runs_are_counted_by_outcome_and_backend(ends: tuple[Scrape, Scrape]) -> None:
    expected = {
        ("completed", "local"): 5,
        ("user_error", "local"): 3,
        ("timeout", "local"): 1,
        ("cancelled", "local"): 1,
        ("cancelled", "none"): 1,  # it never ran
    }
    for (outcome, backend), count in expected.items():
        name = "mecapy_runs_finished_total"
        assert grown(ends, name, outcome=outcome, backend=backend) == count, outcome
    assert grown(ends, "mecapy_runs_finished_total") == 11
    assert grown(ends, "mecapy_attempts_total", became="recorded") == 10
    assert grown(ends, "mecapy_attempts_total") == 10
    assert ends[1].value("mecapy_runs_running") == ends[1].value("mecapy_queue_depth") == 0


def test_each_stage_is_measured_once_a_run(ends: tuple[Scrape, Scrape]) -> None:
    took = {}
    for stage in STAGES:
        # A cancel hangs up on the worker, who measured two of them.
        count = 9 if stage in ("setup", "run") else 10
        assert grown(ends, "mecapy_run_stage_seconds_count", stage=stage) == count, stage
        took[stage] = grown(ends, "mecapy_run_stage_seconds_sum", stage=stage)
    assert took["run"] >= 0.2  # the timeout
    assert took["run"] < took["execute"] < took["total"]
    parts = took["queued"] + took["claim"] + took["execute"] + took["record"]
    assert parts == pytest.approx(took["total"], rel=0.2)


def test_every_outcome_is_a_series_from_the_start(ends: tuple[Scrape, Scrape]) -> None:
    name = "mecapy_runs_finished_total"
    outcomes = {dict(ls)["outcome"] for n, ls in ends[0].values if n == name}
    assert outcomes == contract.outcomes() | {"completed", "cancelled"}


def test_code_that_was_looked_at_is_a_hit(api: Api, port: int) -> None:
    code = FINE + f"# {secrets.token_hex(8)}\n"
    before = scrape(port)
    for _ in range(3):
        api.create(code)
    after = scrape(port)
    name = "mecapy_cache_requests_total"
    assert grown((before, after), name, cache="code", result="miss") == 1
    assert grown((before, after), name, cache="code", result="hit") == 2


def test_a_run_that_an_earlier_one_answers_is_counted_as_such(api: Api, port: int) -> None:
    task = str(api.create(FINE, cache={"ttl": 600})["id"])
    before = scrape(port)
    first, second = api.execute(task), api.execute(task)
    assert second["cached_from"] == first["id"]
    for _ in range(2):
        api.run(first["id"])  # the first look puts it into the cache of runs that ended
    both = (before, scrape(port))
    name = "mecapy_runs_finished_total"
    assert grown(both, name, outcome="completed", backend="local") == 1
    assert grown(both, name, outcome="completed", backend="cache") == 1
    assert grown(both, "mecapy_attempts_total") == 1
    for cache in ("result", "run"):
        for result in ("hit", "miss"):
            count = grown(both, "mecapy_cache_requests_total", cache=cache, result=result)
            assert count == 1, (cache, result)


def test_runs_of_workflows_are_counted_as_they_end(api: Api, port: int) -> None:
    before = scrape(port)
    sleeps = create(api, {"n": node(api.create(SLEEPS), s=given("s"))}, {"n": of("n")}, {"s": {}})
    running = start(api, sleeps, inputs={"s": 60})
    wait_until("it runs", lambda: statuses(run_of(api, running))["n"] == "running")
    assert scrape(port).value("mecapy_workflow_runs") == 1
    expect(api.post(f"/api/workflow-runs/{running}/cancel"), 200)
    assert run_of(api, running, 30)["status"] == "cancelled"
    assert execute(api, sleeps, inputs={"s": 0})["status"] == "completed"
    fails = create(api, {"n": node(api.create(FAILS))}, {"n": of("n")})
    for _ in range(2):
        assert execute(api, fails)["status"] == "failed"
    wait_until("none is left", lambda: scrape(port).value("mecapy_workflow_runs") == 0)
    ends = (before, scrape(port))
    name = "mecapy_workflow_runs_finished_total"
    for outcome, count in {"completed": 1, "failed": 2, "cancelled": 1}.items():
        assert grown(ends, name, outcome=outcome) == count, outcome
    assert ends[1].value("mecapy_workflow_values_bytes") == 0


def test_requests_are_counted_by_route_method_and_status(api: Api, port: int) -> None:
    before = scrape(port)
    task = str(api.create(FINE)["id"])
    for _ in range(4):
        api.read(f"/api/tasks/{task}")
    assert api.get(f"/api/tasks/{task}?wrong=1").status_code == 422
    assert api.get("/api/runs/nonsense").status_code == 404
    assert api.http.put(f"/api/tasks/{task}").status_code == 405
    assert httpx.get(f"{api.http.base_url}/api/tasks", trust_env=False).status_code == 401

    def count(route: str, method: str, status: str) -> float:
        return grown(
            (before, scrape(port)),
            "mecapy_http_requests_total",
            route=route,
            method=method,
            status=status,
        )

    # An answer is counted when it was sent, which its reader may know sooner.
    wait_until("the last is counted", lambda: count("/api/tasks", "GET", "401") == 1)
    assert count("/api/tasks", "POST", "201") == 1
    assert count("/api/tasks/{id}", "GET", "200") == 4
    assert count("/api/tasks/{id}", "GET", "422") == 1
    assert count("/api/runs/{id}", "GET", "404") == 1
    assert count("/api/tasks/{id}", "PUT", "405") == 1
    spans = grown(
        (before, scrape(port)),
        "mecapy_http_request_duration_seconds_count",
        route="/api/tasks/{id}",
    )
    assert spans == 6


def test_watchers_and_connections_are_seen(server: Server, api: Api, port: int) -> None:
    run_id = api.start(str(api.create(SLEEPS)["id"]), {"s": 60})
    try:
        events = server.api().events(run_id)
        next(events)
        now = scrape(port)
        assert now.value("mecapy_event_streams") == 1
        assert now.value("mecapy_http_requests_active") >= 1
        assert now.value("mecapy_http_connections") >= 1
    finally:
        api.cancel(run_id)
    list(events)
    wait_until("it is gone", lambda: scrape(port).value("mecapy_event_streams") == 0)


def test_what_strangers_send_makes_no_series(api: Api, port: int) -> None:
    def bother() -> None:
        for n in range(60):
            word = secrets.token_hex(8)
            api.get(f"/{word}/{n}")
            api.get(f"/api/runs/{word}", headers={"X-Request-ID": word})
            api.get(f"/api/tasks?limit=1&{word}=1")
            api.http.request("X" + word.upper(), "/api/tasks")
            api.get("/health/live", headers={"Authorization": f"Bearer {word}"})
            httpx.get(f"{api.http.base_url}/api/tasks/{word}", trust_env=False)

    def series() -> set[object]:
        return set(scrape(port).values)

    bother()
    before = series()
    bother()
    assert series() == before
    assert not any(re.search("[0-9a-f]{16}", str(one)) for one in before)
    assert len(before) < 1000


def test_the_exposition_keeps_the_conventions(ends: tuple[Scrape, Scrape]) -> None:
    """What promtool's `check metrics` looks for, and that the list is complete."""
    look = ends[1]
    assert look.text.endswith("\n")
    kinds = {f.name: f.type for f in look.families}
    assert kinds == (
        dict.fromkeys(COUNTERS, "counter")
        | dict.fromkeys(HISTOGRAMS, "histogram")
        | dict.fromkeys(GAUGES, "gauge")
    )
    for family in look.families:
        text = f"# HELP {family.name}" + ("_total " if family.type == "counter" else " ")
        assert look.text.count("\n" + text) + look.text.startswith(text) == 1, family.name
        assert len(family.documentation) > 5, family.name
        assert re.fullmatch("[a-z]+(_[a-z]+)+", family.name), family.name
        assert not family.name.endswith(("_count", "_sum", "_bucket", "_ms", "_total")), family.name
        labels = (COUNTERS | HISTOGRAMS | GAUGES)[family.name]
        for sample in family.samples:
            wanted = labels - ({"le"} if not sample.name.endswith("_bucket") else set())
            assert set(sample.labels) == wanted, sample
            assert sample.timestamp is None
            assert sample.value >= 0, sample


def test_a_bucket_holds_those_below_it(ends: tuple[Scrape, Scrape]) -> None:
    for name in HISTOGRAMS:
        buckets: dict[str, list[tuple[float, float]]] = {}
        for (series, labels), value in ends[1].values.items():
            if series == name + "_bucket":
                rest = dict(labels)
                bound = float(rest.pop("le"))
                buckets.setdefault(next(iter(rest.values())), []).append((bound, value))
        assert buckets
        for key, of_one in buckets.items():
            counts = [value for _, value in sorted(of_one)]
            assert counts == sorted(counts), key
            label = "stage" if "stage" in name else "route"
            assert counts[-1] == ends[1].value(name + "_count", **{label: key})


def test_the_process_is_told_of(server: Server, port: int) -> None:
    now = scrape(port)
    process = server.process("api")
    resident = int(process.status("VmRSS")[0]) * 1024
    assert now.value("process_resident_memory_bytes") == pytest.approx(resident, rel=0.2)
    assert now.value("process_open_fds") > 5
    assert now.value("process_cpu_seconds_total") > 0
    age = time.time() - now.value("process_start_time_seconds")
    assert age == pytest.approx(process.age_s, abs=2)


def test_the_port_serves_nothing_else(server: Server, port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    for path in ("/", "/metrics/", "/health/live", "/api/tasks", "/docs", "/api/openapi.json"):
        assert httpx.get(url + path, trust_env=False).status_code == 404, path
    for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
        answer = httpx.request(method, url + "/metrics", trust_env=False)
        assert answer.status_code == 405, method
        assert answer.headers["allow"] == "GET"
    answer = httpx.request("GET", url + "/metrics", content=b"x", trust_env=False)
    assert answer.status_code in (400, 413)
    assert server.api().get("/metrics").status_code == 404  # nor is it on the other port
    assert server.api(None).get("/metrics").status_code == 404


def test_without_the_setting_there_is_one_port(own_server: Callable[..., Server]) -> None:
    assert len(listening(own_server())) == 1


def test_with_it_there_are_two(server: Server, port: int) -> None:
    assert sorted(listening(server)) == sorted([server.port, port])


def listening(server: Server) -> list[int]:
    """The TCP ports the API process listens on."""
    pid = server.process("api").pid
    mine = {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    ports = []
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in mine:
            ports.append(int(fields[1].split(":")[1], 16))
    return ports


def test_a_port_that_is_taken_is_an_error(server: Server) -> None:
    other = Server(metrics_port=server.port)
    try:
        with pytest.raises(AssertionError, match=f"cannot listen on 127.0.0.1:{server.port}"):
            other.start()
    finally:
        other.remove()


def test_a_retry_is_one_run_with_two_attempts(own_server: Callable[..., Server]) -> None:
    port = free_port()
    server = own_server(metrics_port=port)
    api = server.api()
    run_id = api.start(str(api.create(SLEEPS)["id"]), {"s": 1})
    api.wait_for_log(run_id, "begun")
    server.process("worker").send(signal.SIGKILL)
    assert api.end(run_id)["attempt"] == 2
    now = scrape(port)
    assert now.value("mecapy_attempts_total", backend="local", became="retried") == 1
    assert now.value("mecapy_attempts_total", backend="local", became="recorded") == 1
    assert now.sum("mecapy_runs_finished_total") == 1
    for stage, count in {"queued": 1, "claim": 2, "execute": 2, "record": 1, "total": 1}.items():
        assert now.value("mecapy_run_stage_seconds_count", stage=stage) == count, stage
    assert now.value("mecapy_dead_letters_total") == 0


def test_a_run_given_up_is_a_dead_letter(own_server: Callable[..., Server]) -> None:
    port = free_port()
    server = own_server(metrics_port=port, dispatcher_max_attempts=1)
    api = server.api()
    run_id = api.start(str(api.create(SLEEPS)["id"]), {"s": 60})
    api.wait_for_log(run_id, "begun")
    server.process("worker").send(signal.SIGKILL)
    assert api.end(run_id)["error"]["code"] == "worker_lost"
    now = scrape(port)
    assert now.value("mecapy_dead_letters_total") == 1
    assert now.value("mecapy_runs_finished_total", outcome="worker_lost", backend="local") == 1
