"""Workflows: kept in versions, run node by node; failures, lists and cancels."""

import json
from collections.abc import Callable

import pytest

from support.api import Api, Json, expect, expect_problem
from support.waiting import wait_until
from support.workflows import (
    ADD,
    create,
    events,
    execute,
    given,
    node,
    nodes_of,
    of,
    run_of,
    start,
    statuses,
    value,
)

FAIL = """
def calculate(inputs):
    inputs.get('a')
    raise ValueError('no such bolt')
"""
SLOW = """
import time
def calculate(inputs):
    print('begun', flush=True)
    time.sleep(inputs.get('pause', 60))
    return {'n': inputs.get('a', 0)}
"""
ODD = """
def calculate(inputs):
    if inputs['a'] % 2:
        raise ValueError('odd')
    return {'n': inputs['a']}
"""


@pytest.fixture(scope="module")
def add(api: Api) -> Json:
    """A task that adds a and b."""
    return api.create(ADD)


def test_a_workflow_is_kept_in_versions(api: Api, add: Json) -> None:
    nodes = {"sum": node(add, a=given("x"), b=value(1.50))}
    outputs = {"n": of("sum", "/n")}
    body = {"name": "joint", "description": "d", "nodes": nodes, "outputs": outputs}
    made = expect(api.post("/api/workflows", body | {"inputs": {"x": {"default": 2}}}), 201)
    assert made["version"] == 1
    assert made["nodes"] == nodes
    assert made["outputs"] == outputs
    path = f"/api/workflows/{made['id']}"
    renamed = expect(api.http.patch(path, json={"name": "other"}), 200)
    assert (renamed["name"], renamed["version"]) == ("other", 1)
    changed = expect(api.http.patch(path, json={"inputs": {"x": {"default": 5}}}), 200)
    assert (changed["version"], changed["nodes"]) == (2, nodes)
    assert api.read(f"{path}?version=1")["inputs"] == {"x": {"default": 2}}
    listed = api.read("/api/workflows?limit=1")["items"][0]
    assert (listed["id"], listed["version"]) == (made["id"], 2)
    assert "nodes" not in listed
    assert execute(api, made["id"])["result"] == {"n": 6.5}
    assert execute(api, made["id"], version=1)["result"] == {"n": 3.5}
    assert api.http.delete(path).status_code == 204
    expect_problem(api.get(path), 404, "not_found")


def test_nodes_feed_each_other(api: Api, add: Json) -> None:
    workflow = create(
        api,
        {
            "left": node(add, a=given("x"), b=value(1)),
            "right": node(add, a=given("x", "/deep/0"), b=value(10)),
            "both": node(add, a=of("left", "/n"), b=of("right", "/n")),
        },
        {"n": of("both", "/n"), "x": given("x"), "all": of("left")},
        {"x": {}},
    )
    with_list = expect_problem(
        api.post(f"/api/workflows/{workflow}/execute", {"inputs": {"y": 1}}), 422, "invalid_fields"
    )
    assert [one["pointer"] for one in with_list["errors"]] == ["/inputs/x", "/inputs/y"]
    failed = execute(api, workflow, inputs={"x": 2})
    assert failed["status"] == "failed"
    assert failed["error"]["node"] == "right"
    assert failed["error"]["code"] == "invalid_inputs"
    assert "/deep/0" in failed["error"]["message"]


def test_a_chain_gives_its_result_and_names_its_runs(api: Api, add: Json) -> None:
    nodes = {"n0": node(add, a=given("x"))}
    for i in range(1, 6):
        nodes[f"n{i}"] = node(add, a=of(f"n{i - 1}", "/n"), b=value(1))
    workflow = create(api, nodes, {"n": of("n5", "/n")}, {"x": {}})
    run = execute(api, workflow, inputs={"x": 10})
    assert run["status"] == "completed"
    assert run["result"] == {"n": 15}
    assert set(statuses(run).values()) == {"completed"}
    for one in run["nodes"]:
        assert api.run(one["run_id"])["status"] == "completed"
    status = api.read(f"/api/workflows/{workflow}/status")
    assert status["id"] == run["id"]
    assert "result" not in status
    assert api.read(f"/api/workflows/{workflow}/results")["result"] == {"n": 15}
    listed = api.read(f"/api/workflow-runs?workflow_id={workflow}&status=completed")["items"]
    assert [one["id"] for one in listed] == [run["id"]]


def test_what_did_not_change_is_reused_and_can_be_forced(api: Api) -> None:
    add = api.create(ADD + "# reuse\n")
    workflow = create(
        api,
        {
            "first": node(add, a=given("x"), b=value(100)),
            "second": node(add, a=of("first", "/n"), b=given("y")),
        },
        {"n": of("second", "/n")},
        {"x": {}, "y": {}},
    )
    once = nodes_of(execute(api, workflow, inputs={"x": 1, "y": 2}))
    assert "reused_from" not in once["first"]
    again = execute(api, workflow, inputs={"x": 1.0, "y": 3})
    nodes = nodes_of(again)
    assert again["result"] == {"n": 104.0}
    assert "reused_from" not in nodes["first"], "1 and 1.0 are other inputs"
    third = execute(api, workflow, inputs={"x": 1, "y": 3})
    nodes = nodes_of(third)
    assert nodes["first"]["reused_from"] == once["first"]["run_id"]
    assert "reused_from" not in nodes["second"]
    assert api.run(nodes["first"]["run_id"])["cached_from"] == once["first"]["run_id"]
    forced = nodes_of(execute(api, workflow, inputs={"x": 1, "y": 3}, force=["first"]))
    assert "reused_from" not in forced["first"]
    assert "reused_from" in forced["second"]
    fresh = api.post(
        f"/api/workflows/{workflow}/execute?wait=30",
        {"inputs": {"x": 1, "y": 3}},
        headers={"Cache-Control": "no-cache"},
    )
    assert not any("reused_from" in one for one in expect(fresh, 200)["nodes"])


def test_a_task_that_changed_is_calculated_again_with_all_behind_it(api: Api) -> None:
    first, second = api.create(ADD + "# a\n"), api.create(ADD + "# b\n")
    workflow = create(
        api,
        {
            "k": node(first, a=value(1)),
            "p": node(second, a=of("k", "/n")),
            "other": node(first, a=value(7)),
        },
        {"n": of("p", "/n"), "o": of("other", "/n")},
    )
    assert execute(api, workflow)["result"] == {"n": 1, "o": 7}
    changed = ADD.replace("+", "+ 0.5 +")
    expect(api.http.patch(f"/api/tasks/{second['id']}", json={"code": changed}), 200)
    run = execute(api, workflow)
    assert run["result"] == {"n": 1.5, "o": 7}
    nodes = nodes_of(run)
    assert nodes["p"]["version"] == 2
    assert {name for name, one in nodes.items() if "reused_from" in one} == {"k", "other"}


def test_a_list_runs_once_for_each_element_in_its_order(api: Api, add: Json) -> None:
    workflow = create(
        api,
        {
            "each": node(add, a={"element": "/d"}, b=given("y")) | {"for_each": given("list")},
            "sum": node(
                api.create("def calculate(i):\n    return {'s': sum(i['all']), 'l': i['all']}"),
                all=of("each", "/n"),
            ),
        },
        {"s": of("sum", "/s"), "l": of("sum", "/l")},
        {"list": {}, "y": {}},
    )
    run = execute(api, workflow, inputs={"list": [{"d": i} for i in range(30)], "y": 1})
    assert run["result"] == {"s": sum(range(1, 31)), "l": list(range(1, 31))}
    each = nodes_of(run)["each"]
    assert (each["elements"], each["ended"], each["failed"]) == (30, 30, 0)
    assert "run_id" not in each
    seen, cursor = [], ""
    while True:
        page = api.read(f"/api/workflow-runs/{run['id']}/nodes/each?limit=8{cursor}")
        seen += page["items"]
        if "next" not in page:
            break
        cursor = f"&cursor={page['next']}"
    assert [one["element"] for one in seen] == list(range(30))
    assert {one["status"] for one in seen} == {"completed"}
    empty = execute(api, workflow, inputs={"list": [], "y": 1})
    assert empty["result"] == {"s": 0, "l": []}


ARRAYS = """
import numpy as np
def calculate(inputs):
    return {
        'x': np.linspace(0, 1, 5), 'table': np.array([[1, 2], [3, 4]]),
        'nan': np.array([np.nan]), 'ok': np.array([True, False]), 'by': {1: 7},
    }
"""
SUM = """
import numpy as np
def calculate(inputs):
    return {'n': float(np.sum(inputs['row'])), 'type': type(inputs['row']).__name__}
"""


def test_an_array_of_numpy_is_a_list_and_can_be_pointed_into(api: Api, add: Json) -> None:
    row = node(api.create(SUM), row={"element": ""})
    nodes = {
        "a": node(api.create(ARRAYS)),
        "each": node(add, a={"element": ""}) | {"for_each": of("a", "/x")},
        "rows": row | {"for_each": of("a", "/table")},
        "one": node(add, a=of("a", "/table/1/0"), b=of("a", "/by/1")),
        "nan": node(add, a=of("a", "/nan/0")),
        "no": node(add) | {"when": of("a", "/ok/1")},
        "yes": node(add) | {"when": of("a", "/ok/0")},
        "given": node(add, a={"element": ""}) | {"for_each": given("list")},
    }
    outputs = {name: of(name, "/n") for name in nodes if name != "a"} | {"t": of("rows", "/type")}
    array = {"$type": "ndarray", "dtype": "float64", "shape": [2], "data": [1.5, 2.5]}
    run = execute(api, create(api, nodes, outputs, {"list": {}}), inputs={"list": array})
    assert run["result"] == {
        "each": [0.0, 0.25, 0.5, 0.75, 1.0],
        "rows": [3.0, 7.0],
        "t": ["ndarray", "ndarray"],
        "one": 10,
        "nan": {"$type": "float", "value": "nan"},
        "no": None,
        "yes": 0,
        "given": [1.5, 2.5],
    }


def test_what_is_no_list_of_python_is_named(api: Api, add: Json) -> None:
    frame = "import pandas as pd\ndef calculate(i):\n    return {'f': pd.DataFrame({'x': [1]})}\n"
    nodes = {"a": node(api.create(frame)), "k": node(add, a=of("a", "/f/x"))}
    failed = execute(api, create(api, nodes, {"n": of("k", "/n")}))
    assert failed["error"]["message"] == (
        'input "a": the result of "a" has nothing at "/f/x": there stands a dataframe'
    )


def test_inputs_that_cannot_be_are_refused_before_anything_runs(api: Api, add: Json) -> None:
    nodes = {
        "k": node(add, a={"element": ""}) | {"for_each": given("cases", "/all")},
        "p": node(add) | {"when": given("plot")},
    }
    workflow = create(
        api, nodes, {"n": of("k", "/n"), "p": of("p", "/n")}, {"cases": {}, "plot": {}}
    )
    body = {"inputs": {"cases": {"all": 3}, "plot": "no"}}
    answer = api.post(f"/api/workflows/{workflow}/execute", body)
    assert expect_problem(answer, 422, "invalid_fields")["errors"] == [
        {"pointer": "/inputs/cases/all", "detail": "is no list, and node k goes through it"},
        {
            "pointer": "/inputs/plot",
            "detail": "is neither true nor false, which says whether node p is wanted",
        },
    ]
    run = execute(api, workflow, inputs={"cases": {"all": [1]}, "plot": True})
    assert run["result"] == {"n": [1], "p": 0}


def listed(api: Api, on_error: str, **more: object) -> Json:
    """A run of a workflow whose list has odd elements, which fail."""
    odd = api.create(ODD)
    workflow = create(
        api,
        {
            "each": node(odd, a={"element": ""})
            | {"for_each": value([0, 1, 2, 3, 4]), "on_error": on_error}
            | more
        },
        {"l": of("each", "/n")},
    )
    return execute(api, workflow)


def test_failures_of_a_list_are_kept_apart_replaced_or_fail_it(api: Api) -> None:
    skipped = listed(api, "skip")
    assert skipped["result"] == {"l": [0, 2, 4]}
    each = nodes_of(skipped)["each"]
    assert (each["status"], each["elements"], each["failed"]) == ("completed", 5, 2)
    assert each["error"]["code"] == "user_error"
    assert each["error"]["element"] in (1, 3)
    replaced = listed(api, "default", default={"n": -1})
    assert replaced["result"] == {"l": [0, -1, 2, -1, 4]}
    failed = listed(api, "fail")
    assert failed["status"] == "failed"
    assert failed["error"]["node"] == "each"
    assert "odd" in failed["error"]["message"]


def test_a_failure_fails_skips_or_is_replaced(api: Api, add: Json) -> None:
    fail = api.create(FAIL)

    def ran(**more: object) -> Json:
        nodes = {
            "bolt": node(fail) | more,
            "needs": node(add, a=of("bolt", "/n")),
            "other": node(add, a=value(5)),
        }
        outputs = {"n": of("needs", "/n"), "o": of("other", "/n")}
        return execute(api, create(api, nodes, outputs))

    failed = ran()
    assert failed["status"] == "failed"
    assert failed["error"] == {
        "node": "bolt",
        "code": "user_error",
        "message": "ValueError: no such bolt",
        "run_id": nodes_of(failed)["bolt"]["run_id"],
    }
    assert statuses(failed)["needs"] == "waiting"
    assert "result" not in failed
    skipped = ran(on_error="skip")
    assert statuses(skipped) == {"bolt": "skipped", "needs": "skipped", "other": "completed"}
    assert skipped["result"] == {"n": None, "o": 5}
    replaced = ran(on_error="default", default={"n": 40})
    assert replaced["result"] == {"n": 40, "o": 5}
    assert nodes_of(replaced)["bolt"]["by_default"] is True


def test_a_failed_run_is_tried_again_as_often_as_the_node_says(api: Api) -> None:
    fail = api.create(FAIL)
    workflow = create(api, {"bolt": node(fail) | {"attempts": 3}}, {"n": of("bolt")})
    run = execute(api, workflow)
    assert run["status"] == "failed"
    runs = api.read(f"/api/runs?task_id={fail['id']}")["items"]
    assert [one["status"] for one in runs] == ["failed"] * 3
    assert nodes_of(run)["bolt"]["run_id"] == runs[0]["id"]


def test_when_decides_whether_a_node_runs(api: Api, add: Json) -> None:
    judge = api.create("def calculate(i):\n    return {'ok': i['a'] > 3, 'a': i['a']}")
    workflow = create(
        api,
        {
            "judge": node(judge, a=given("x")),
            "next": node(add, a=of("judge", "/a")) | {"when": of("judge", "/ok")},
        },
        {"n": of("next", "/n")},
        {"x": {}},
    )
    assert execute(api, workflow, inputs={"x": 4})["result"] == {"n": 4}
    assert execute(api, workflow, inputs={"x": 3})["result"] == {"n": None}


def test_limits_of_a_node_are_those_of_its_runs(api: Api) -> None:
    loop = api.create("def calculate(i):\n    while True: pass")
    workflow = create(api, {"loop": node(loop) | {"limits": {"timeout_s": 0.3}}}, {"n": of("loop")})
    run = execute(api, workflow)
    assert run["error"]["code"] == "timeout"


def test_a_cancel_stops_all(api: Api) -> None:
    slow = api.create(SLOW)
    workflow = create(
        api,
        {"each": node(slow, a={"element": ""}) | {"for_each": value(list(range(9)))}},
        {"n": of("each")},
    )
    run = start(api, workflow)

    def begun() -> bool:
        runs = api.read(f"/api/runs?task_id={slow['id']}")["items"]
        return any(one["status"] == "running" for one in runs)

    wait_until("a run of it runs", begun)
    asked = expect(api.post(f"/api/workflow-runs/{run}/cancel"), 200)
    assert asked["cancel_requested"] is True
    ended = run_of(api, run, wait_s=30)
    assert ended["status"] == "cancelled"
    runs = api.read(f"/api/runs?task_id={slow['id']}")["items"]
    assert {one["status"] for one in runs} == {"cancelled"}
    assert len(runs) < 9
    expect_problem(api.post(f"/api/workflow-runs/{run}/cancel"), 409, "conflict")


def test_a_failed_one_is_resumed_with_a_corrected_task(api: Api, add: Json) -> None:
    bad = api.create(FAIL)
    workflow = create(
        api,
        {
            "k": node(add, a=value(3)),
            "bad": node(bad, a=of("k", "/n")),
            "end": node(add, a=of("bad", "/n")),
        },
        {"n": of("end", "/n")},
    )
    failed = execute(api, workflow)
    assert failed["status"] == "failed"
    path = f"/api/workflow-runs/{failed['id']}/resume"
    again = expect(api.post(f"{path}?wait=30"), 200)
    assert (again["status"], again["attempt"]) == ("failed", 2)
    assert nodes_of(again)["k"] == nodes_of(failed)["k"], "what was completed stays"
    expect_problem(api.post(path, {"versions": {"bad": 2}}), 422, "invalid_fields")
    expect_problem(api.post(path, {"versions": {"bed": 1}}), 422, "invalid_fields")
    expect(api.http.patch(f"/api/tasks/{bad['id']}", json={"code": ADD}), 200)
    mended = expect(api.post(f"{path}?wait=30", {"versions": {"bad": 2}}), 200)
    assert mended["status"] == "completed"
    assert mended["result"] == {"n": 3}
    assert nodes_of(mended)["bad"]["version"] == 2
    assert "error" not in mended
    expect_problem(api.post(path), 409, "conflict")


def test_what_was_forced_is_so_when_the_run_is_resumed(api: Api) -> None:
    add, up = api.create(ADD + "# forced\n"), api.create(ADD + "# above\n")
    nodes = {"up": node(up, a=value(3)), "forced": node(add, a=of("up", "/n"))}
    workflow = create(api, nodes, {"n": of("forced", "/n")})
    first = execute(api, workflow)
    expect(api.http.patch(f"/api/tasks/{up['id']}", json={"code": FAIL}), 200)
    failed = execute(api, workflow, force=["forced"])
    assert statuses(failed) == {"up": "failed", "forced": "waiting"}
    path = f"/api/workflow-runs/{failed['id']}/resume?wait=30"
    mended = expect(api.post(path, {"versions": {"up": 1}}), 200)
    assert mended["status"] == "completed"
    assert nodes_of(mended)["up"]["reused_from"] == nodes_of(first)["up"]["run_id"]
    assert "reused_from" not in nodes_of(mended)["forced"]


def test_of_a_forced_list_that_failed_what_it_completed_is_not_calculated_again(api: Api) -> None:
    odd = api.create(ODD + "# in a forced list\n")
    each = node(odd, a={"element": ""}) | {"for_each": given("list")}
    workflow = create(api, {"each": each}, {"l": of("each", "/n")}, {"list": {}})

    def of_elements(run: Json) -> list[Json]:
        page = api.read(f"/api/workflow-runs/{run['id']}/nodes/each")
        return [one for one in page["items"] if one["status"] == "completed"]

    failed = execute(api, workflow, inputs={"list": [0, 2, 4, 5]}, force=["each"])
    calculated = {one["element"]: one["run_id"] for one in of_elements(failed)}
    assert not any("cached_from" in one for one in of_elements(failed))
    execute(api, workflow, inputs={"list": [0, 2, 4]}, force=["each"])  # newer, and another's
    path = f"/api/workflow-runs/{failed['id']}/resume?wait=30"
    for attempt in (2, 3):
        again = expect(api.post(path), 200)
        assert (again["status"], again["attempt"]) == ("failed", attempt)
        for one in of_elements(again):
            origin = calculated.setdefault(one["element"], one["run_id"])
            assert one.get("cached_from", one["run_id"]) == origin, "its own, not another's"
    assert set(calculated) == {0, 1, 2}
    anew = expect(api.post(path, {"force": ["each"]}), 200)
    assert not any("cached_from" in one for one in of_elements(anew))


def test_a_task_that_is_gone_is_told_with_its_node(api: Api) -> None:
    add = api.create(ADD)
    workflow = create(api, {"k": node(add, a=value(3))}, {"n": of("k")})
    assert api.http.delete(f"/api/tasks/{add['id']}").status_code == 204
    answer = api.post(f"/api/workflows/{workflow}/execute")
    assert expect_problem(answer, 422, "invalid_fields")["errors"] == [
        {"pointer": "/nodes/k", "detail": "its task is not there any more"}
    ]


def test_events_tell_all_of_it_and_go_on_behind_an_id(api: Api, add: Json) -> None:
    workflow = create(
        api,
        {
            "k": node(add, a=given("x")),
            "each": node(add, a={"element": ""}, b=of("k", "/n"))
            | {"for_each": value(list(range(20)))},
        },
        {"n": of("each")},
        {"x": {}},
    )
    run = start(api, workflow, inputs={"x": 0.25})
    told = list(events(api, run))
    assert told[0].kind == "status"
    assert told[0].data == {"status": "running", "attempt": 1}
    assert told[-1].data == {"status": "completed", "attempt": 1}
    last = {one.data["name"]: one.data for one in told if one.kind == "node"}
    assert last == nodes_of(run_of(api, run))
    for i in range(len(told) - 1):
        rest = list(events(api, run, after=told[i].id))
        assert rest[-1].data == told[-1].data
        assert len(rest) <= len(told) + 1
    assert list(events(api, run, after=told[-1].id))[-1:] != told[:1]


def test_another_users_workflows_are_not_there(
    api: Api, add: Json, new_user: Callable[[str], Api]
) -> None:
    workflow = create(api, {"k": node(add, a=value(1))}, {"n": of("k")})
    run = execute(api, workflow)["id"]
    bob = new_user("workflow-bob")
    for path in (
        f"/api/workflows/{workflow}",
        f"/api/workflows/{workflow}/status",
        f"/api/workflow-runs/{run}",
        f"/api/workflow-runs/{run}/results",
        f"/api/workflow-runs/{run}/nodes/k",
        f"/api/workflow-runs/{run}/events",
    ):
        expect_problem(bob.get(path), 404, "not_found")
    for path in (
        f"/api/workflows/{workflow}/execute",
        f"/api/workflow-runs/{run}/cancel",
        f"/api/workflow-runs/{run}/resume",
    ):
        expect_problem(bob.post(path), 404, "not_found")
    assert bob.http.delete(f"/api/workflows/{workflow}").status_code == 404
    assert bob.read("/api/workflows")["items"] == []
    assert bob.read("/api/workflow-runs")["items"] == []
    theirs = {"name": "t", "nodes": {"k": node(add, a=value(1))}, "outputs": {"n": of("k")}}
    refused = expect_problem(bob.post("/api/workflows", theirs), 422, "invalid_fields")
    assert refused["errors"][0]["pointer"] == "/nodes/k/task"


def test_all_that_is_wrong_is_told_at_once(api: Api, add: Json) -> None:
    body = {
        "nodes": {
            "a": node(add, a=of("b", "/n")),
            "b": node(add, a=of("a", "/n")),
            "c": node(add, a=of("d"), b=given("z")),
            "e": node({"id": "nobody"}),
        },
        "outputs": {"n": of("c", "/n"), "m": of("b")},
    }
    for path in ("/api/workflows/check", "/api/workflows"):
        answer = api.post(path, body | {"name": "wrong"})
        errors = expect_problem(answer, 422, "invalid_fields")["errors"]
        told = {one["pointer"]: one["detail"] for one in errors}
        assert "a -> b -> a" in told["/nodes/a"]
        assert set(told) == {
            "/nodes/a",
            "/nodes/c/inputs/a",
            "/nodes/c/inputs/b",
            "/nodes/e/task",
            "/nodes/e",
        }


def test_what_is_doubled_is_told_with_the_rest(api: Api, add: Json) -> None:
    body = {
        "name": "doubled",
        "inputs": {"x": {}, "x2": {}},
        "nodes": {
            "k": node(add, a=given("x"), b=given("x"), a2=of("k2", "/n")),
            "k2": node(add, a=of("k", "/n")),
            "l": node(add, a=of("nobody")),
            "l2": node(add, a=given("x")),
        },
        "outputs": {"n": of("k", "/n"), "n2": of("l", "/n")},
    }
    doubled = json.dumps(body)
    for name in ("x", "a", "l", "n"):
        doubled = doubled.replace(f'"{name}2":', f'"{name}":')
    for path in ("/api/workflows/check", "/api/workflows"):
        answer = api.send(path, doubled.encode())
        errors = expect_problem(answer, 422, "invalid_fields")["errors"]
        told = {(one["pointer"], one["detail"]) for one in errors}
        for pointer, detail in (
            ("/inputs/x", "it is there twice"),
            ("/nodes/k/inputs/a", "it is given twice"),
            ("/nodes/l", "it is there twice"),
            ("/outputs/n", "it is there twice"),
        ):
            assert (pointer, detail) in told, told
        assert any("k -> k2 -> k" in detail for _, detail in told), told
        assert any(pointer == "/nodes/l/inputs/a" for pointer, _ in told), told


def test_of_very_much_that_is_wrong_the_first_is_told(api: Api) -> None:
    echo = api.create("def calculate(inputs):\n    return dict(inputs)")
    names = [f"n{i:04}" + "b" * 59 for i in range(70)]
    wrong = {f"i{i}": of("q" * 64) for i in range(100)}
    body = {
        "nodes": {name: node(echo, **wrong) for name in names},
        "outputs": {"n": of(names[0])},
    }
    answer = api.post("/api/workflows/check", body)
    errors = expect_problem(answer, 422, "invalid_fields")["errors"]
    assert len(errors) == 201
    assert errors[-1] == {"pointer": "", "detail": "and 6869 more problems"}
    inputs = {name: {"default": 1} for name in names}
    given_all = {name: given(name) for name in names}
    workflow = create(api, {"k": node(echo, **given_all)}, {"n": of("k")}, inputs)
    for request in (
        {"inputs": {"q" * 94 + f"{i:06}": 1 for i in range(4000)}},
        {"force": ["q" * 60 + f"{i:04}" for i in range(1000)]},
    ):
        answer = api.post(f"/api/workflows/{workflow}/execute", request)
        assert len(expect_problem(answer, 422, "invalid_fields")["errors"]) == 201


def test_a_definition_is_bounded(api: Api) -> None:
    echo = api.create("def calculate(inputs):\n    return dict(inputs)")

    def body(**inputs: Json) -> Json:
        return {"name": "e2e", "nodes": {"k": node(echo, **inputs)}, "outputs": {"n": of("k")}}

    for path in ("/api/workflows/check", "/api/workflows"):
        expect_problem(api.post(path, body(a=value("x" * 1_048_576))), 413, "too_large")
    made = expect(api.post("/api/workflows", body(a=value("x" * 900_000))), 201)
    large = {"inputs": {"given": {"default": "x" * 900_000}}}
    path = f"/api/workflows/{made['id']}"
    expect_problem(api.http.patch(path, json=large), 413, "too_large")
    answer = api.post("/api/workflows/check", body(**{"a" * 201: value(1)}))
    errors = expect_problem(answer, 422, "invalid_fields")["errors"]
    assert errors == [
        {
            "pointer": "/nodes/k/inputs/" + "a" * 200,
            "detail": "its name is longer than 200 characters",
        }
    ]
    expect(api.post("/api/workflows/check", body(**{"\u00e9" * 200: value(1)})), 200)


def test_what_codes_read_and_give_is_held_against_each_other(api: Api) -> None:
    stiffness = api.create("def calculate(inputs):\n    return {'k': 210 * inputs['area']}")
    preload = api.create(
        "def calculate(inputs):\n    return {'f': inputs['k'] * inputs['torque']}", {"torque": 80}
    )
    nodes = {
        "k": node(stiffness, aera=value(3)),
        "p": node(preload, k=of("k", "/kk")),
    }
    body = {"nodes": nodes, "outputs": {"f": of("p", "/f"), "g": of("p", "/g")}}
    errors = expect_problem(api.post("/api/workflows/check", body), 422, "invalid_fields")["errors"]
    assert {one["pointer"]: one["detail"] for one in errors} == {
        "/nodes/k/inputs/aera": 'its task reads no such input; did you mean "area"?',
        "/nodes/k/inputs/area": "it is missing: its task needs it",
        "/nodes/p/inputs/k": 'the result of k has no kk; did you mean "k"?',
        "/outputs/g": 'the result of p has no g; did you mean "f"?',
    }
    nodes["k"] = node(stiffness, area=value(3))
    nodes["p"] = node(preload, k=of("k", "/k"))
    run = execute(api, create(api, nodes, {"f": of("p", "/f")}))
    assert run["result"] == {"f": 210 * 3 * 80}, "what the task has of its own stays"


def test_a_check_tells_the_order_and_what_is_expected(api: Api) -> None:
    known = api.create(ADD, estimated_duration_s=2)
    body = {
        "nodes": {
            "z": node(known, a=of("a", "/n")),
            "a": node(known, a=value(1)),
            "b": node(known, a=value(1)),
        },
        "outputs": {"n": of("z", "/n"), "m": of("b")},
    }
    check = expect(api.post("/api/workflows/check", body), 200)
    assert check["nodes"] == 3
    assert check["order"].index("a") < check["order"].index("z")
    assert check["estimate"]["duration_s"] == 4
    assert check["estimate"]["complete"] is True


def test_a_repeated_execute_is_the_same_run(api: Api, add: Json) -> None:
    workflow = create(api, {"k": node(add, a=value(1))}, {"n": of("k")})
    path = f"/api/workflows/{workflow}/execute"
    key = {"Idempotency-Key": f"workflow-{workflow}"}
    first = expect(api.post(path, headers=key), 202)
    again = api.post(f"{path}", headers=key)
    assert expect(again, 202)["workflow_run_id"] == first["workflow_run_id"]
    run_of(api, first["workflow_run_id"], wait_s=30)
    assert len(api.read(f"/api/workflow-runs?workflow_id={workflow}")["items"]) == 1


MOST_OF_ONE_USER = 250  # workflow runs (src/api/workflow_begin.cc)
SLEEPS = "import time\ndef calculate(inputs):\n    time.sleep(60)\n    return 1\n"


def test_one_user_leaves_room_for_the_others(new_user: Callable[[str], Api]) -> None:
    """Neither his workflow runs nor what they calculate keep another user out."""
    many, other = new_user("workflow-many"), new_user("workflow-other")
    sleeps = create(many, {"k": node(many.create(SLEEPS))}, {"n": of("k")})
    add = other.create(ADD)
    workflow = create(other, {"k": node(add, a=value(1))}, {"n": of("k", "/n")})
    path = f"/api/workflows/{sleeps}/execute"
    runs = []
    try:
        for _ in range(MOST_OF_ONE_USER + 50):  # as many as are told to be there
            answer = many.post(path, {"inputs": {}})
            if answer.status_code != 202:
                break
            runs.append(answer.json()["workflow_run_id"])
        assert len(runs) >= MOST_OF_ONE_USER
        assert answer.status_code == 429, answer.text
        waiting = many.read("/api/runs?limit=200")["items"]
        assert len(waiting) < 20, "the others wait for their turn"
        theirs = start(other, workflow)
    finally:
        for run in runs:
            many.post(f"/api/workflow-runs/{run}/cancel")
    assert run_of(other, theirs, wait_s=40)["result"] == {"n": 1}
    assert run_of(many, runs[-1], wait_s=40)["status"] == "cancelled"
