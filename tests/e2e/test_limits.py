"""Limits of a task: over a ceiling is a 422 that names both, at the ceiling is taken."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from support.api import Api, detail_at, expect, expect_problem
from support.server import Server, run_mecapy

CODE = "def calculate(inputs):\n    return inputs"


@dataclass(frozen=True)
class Limit:
    """One row of the contract: what a task may ask for."""

    name: str
    least: float
    most: float
    whole: bool = False


LIMITS = [
    Limit("timeout_s", 0.05, 600),
    Limit("cpu_s", 0, 4800),
    Limit("memory_mb", 64, 2048, whole=True),
    Limit("cpus", 0.1, 1),
    Limit("disk_mb", 1, 1024, whole=True),
    Limit("log_kb", 1, 1024, whole=True),
    Limit("result_mb", 0.001, 8),
    Limit("artifacts_mb", 0, 64),
    Limit("checkpoint_mb", 0, 64),
    Limit("processes", 1, 256, whole=True),
]


def task(**limits: object) -> dict[str, object]:
    """The body of a task with these limits."""
    return {"name": "limits", "code": CODE, "limits": limits}


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_over_the_ceiling_the_field_and_the_ceiling_are_named(api: Api, limit: Limit) -> None:
    response = api.post("/api/tasks", task(**{limit.name: limit.most + 1}))
    problem = expect_problem(response, 422, "invalid_fields", f"/limits/{limit.name}")
    detail = detail_at(problem, f"/limits/{limit.name}")
    assert "ceiling" in detail
    assert f"{limit.most:g}" in detail


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_the_ceiling_itself_and_the_minimum_are_taken(api: Api, limit: Limit) -> None:
    for value in (limit.least, limit.most):
        made = expect(api.post("/api/tasks", task(**{limit.name: value})), 201)
        assert made["limits"][limit.name] == value


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_under_the_minimum_the_field_is_named(api: Api, limit: Limit) -> None:
    response = api.post("/api/tasks", task(**{limit.name: limit.least - 1}))
    expect_problem(response, 422, "invalid_fields", f"/limits/{limit.name}")


@pytest.mark.parametrize("limit", [one for one in LIMITS if one.whole], ids=lambda one: one.name)
def test_what_must_be_whole_is_named(api: Api, limit: Limit) -> None:
    response = api.post("/api/tasks", task(**{limit.name: limit.least + 0.5}))
    expect_problem(response, 422, "invalid_fields", f"/limits/{limit.name}")


@pytest.mark.parametrize("value", ["600", None, True, [1], {"a": 1}, "1e400"])
def test_a_limit_that_is_no_number_is_named(api: Api, value: object) -> None:
    response = api.post("/api/tasks", task(timeout_s=value))
    expect_problem(response, 422, "invalid_fields", "/limits/timeout_s")


def test_a_limit_beyond_all_numbers_is_refused(api: Api) -> None:
    body = b'{"name":"a","code":"def calculate(i): pass","limits":{"timeout_s":1e999}}'
    response = api.send("/api/tasks", body)
    expect_problem(response, 422, "invalid_fields", "/limits/timeout_s")


def test_an_unknown_limit_names_the_nearest(api: Api) -> None:
    problem = expect_problem(
        api.post("/api/tasks", task(memroy_mb=64)), 422, "invalid_fields", "/limits/memroy_mb"
    )
    assert "memory_mb" in detail_at(problem, "/limits/memroy_mb")


def test_all_limits_that_are_over_are_named_at_once(api: Api) -> None:
    response = api.post("/api/tasks", task(timeout_s=601, memory_mb=2049, cpus=1.01))
    problem = expect_problem(response, 422, "invalid_fields")
    pointers = {error["pointer"] for error in problem["errors"]}
    assert pointers == {"/limits/timeout_s", "/limits/memory_mb", "/limits/cpus"}


WRONG: dict[str, object] = {"timeout_s": 9999, "memory_mb": 1e6, "cpus": "2", "zz": 1}
WRONG_LIMITS = {
    "/limits/timeout_s": "9999 s is over the ceiling of 600 s",
    "/limits/memory_mb": "1000000 MiB is over the ceiling of 2048 MiB",
    "/limits/cpus": "must be a number",
    "/limits/zz": "unknown limit",
}


def test_wrong_limits_of_every_kind_are_named_at_once(api: Api) -> None:
    kept = f"/api/tasks/{api.create(CODE)['id']}"
    for response in (
        api.post("/api/tasks", task(**WRONG)),
        api.post("/api/tasks/execute", {"code": CODE, "limits": WRONG}),
        api.http.patch(kept, json={"limits": WRONG}),
    ):
        problem = expect_problem(response, 422, "invalid_fields")
        assert {error["pointer"]: error["detail"] for error in problem["errors"]} == WRONG_LIMITS


def test_a_limit_over_its_ceiling_hides_no_other_wrong_field(api: Api) -> None:
    problem = expect_problem(
        api.post("/api/tasks", {"code": CODE, "limits": {"cpus": 9}, "tags": 1}),
        422,
        "invalid_fields",
    )
    pointers = {error["pointer"] for error in problem["errors"]}
    assert pointers == {"/name", "/limits/cpus", "/tags"}


@pytest.mark.parametrize("path", ["/tasks/execute", "/api/tasks/execute"])
def test_a_calculation_at_once_has_the_same_ceilings(api: Api, path: str) -> None:
    response = api.post(path, {"code": CODE, "limits": {"memory_mb": 4096}})
    expect_problem(response, 422, "invalid_fields", "/limits/memory_mb")


def test_a_change_over_a_ceiling_changes_nothing(api: Api) -> None:
    made = api.create(CODE)
    response = api.http.patch(f"/api/tasks/{made['id']}", json={"limits": {"cpus": 2}})
    expect_problem(response, 422, "invalid_fields", "/limits/cpus")
    assert api.read(f"/api/tasks/{made['id']}") == made


def test_the_operators_ceiling_is_the_one_that_counts(
    own_server: Callable[..., Server],
) -> None:
    api = own_server(limits_max_memory_mb=256, limits_max_timeout_s=5).api()
    response = api.post("/api/tasks", task(memory_mb=257, timeout_s=6))
    problem = expect_problem(response, 422, "invalid_fields", "/limits/memory_mb")
    assert "256" in detail_at(problem, "/limits/memory_mb")
    made = api.create(CODE, {"x": 1})  # what is not given is within the ceilings, too
    assert made["limits"]["memory_mb"] <= 256
    assert made["limits"]["timeout_s"] <= 5
    assert api.execute(made["id"])["result"] == {"x": 1}


@pytest.fixture(scope="module")
def wide() -> Iterator[Server]:
    """A server that grants more than one CPU."""
    one = Server(limits_max_cpus=4).start()
    yield one
    one.remove()


@pytest.mark.parametrize(("cpus", "threads"), [(0.5, 1), (1, 1), (1.5, 2), (2, 2), (3, 3)])
def test_threads_of_linear_algebra_follow_the_cpu_grant(
    wide: Server, cpus: float, threads: int
) -> None:
    code = """
import os
import numpy as np
def calculate(inputs):
    a = np.ones((400, 400))
    (a @ a).sum()
    variables = [os.environ[name] for name in ('OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS')]
    return {'threads': len(os.listdir('/proc/self/task')), 'told': variables}
"""
    run = wide.api().calculate(code, limits={"cpus": cpus})
    assert run["result"] == {"threads": threads, "told": [str(threads)] * 2}, run


def test_half_a_cpu_gives_about_half_a_cpus_time(api: Api) -> None:
    code = """
import time
def calculate(inputs):
    begin, used = time.monotonic(), time.process_time()
    while time.monotonic() - begin < 1.5:
        pass
    return (time.process_time() - used) / (time.monotonic() - begin)
"""
    share = api.calculate(code, limits={"cpus": 0.5})["result"]
    assert 0.3 < share < 0.65


def test_the_largest_inputs_that_are_accepted_can_run(own_server: Callable[..., Server]) -> None:
    api = own_server(server_body_limit_mb=100).api()
    code = "def calculate(inputs):\n    return len(inputs['x'])"
    task = api.create(code, limits={"memory_mb": 1024})
    run = api.execute(str(task["id"]), {"x": "y" * 80_000_000}, wait_s=40)
    assert run.get("result") == 80_000_000, run


def test_a_body_limit_over_what_can_run_is_refused() -> None:
    for value, status in (("256", 0), ("257", 64)):
        done = run_mecapy("config", settings={"MECAPY_SERVER_BODY_LIMIT_MB": value})
        assert done.returncode == status, done.stderr
    assert "server.body_limit_mb" in done.stderr
