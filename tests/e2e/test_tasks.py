"""Tasks: made, listed, changed into new versions, hidden."""

import uuid
from collections.abc import Callable

import pytest

from support.api import Api, Json, expect, expect_problem
from support.server import Server

CODE = "def calculate(inputs):\n    return {'version': 1, 'x': inputs.get('x')}\n"
CODE_2 = "def calculate(inputs):\n    return {'version': 2, 'x': inputs.get('x')}\n"


def test_a_new_task_shows_what_was_given_and_the_defaults(api: Api) -> None:
    task = api.create(
        CODE,
        {"x": 1},
        name="Résistance d'une vis",
        description="After VDI 2230",
        tags=["bolt", "M10"],
        estimated_duration_s=1.5,
        limits={"timeout_s": 20, "memory_mb": 256},
    )
    assert uuid.UUID(task["id"])
    assert task["name"] == "Résistance d'une vis"
    assert task["description"] == "After VDI 2230"
    assert task["tags"] == ["bolt", "M10"]
    assert task["estimated_duration_s"] == 1.5
    assert task["code"] == CODE
    assert task["inputs"] == {"x": 1}
    assert task["limits"]["timeout_s"] == 20
    assert task["limits"]["memory_mb"] == 256
    assert task["limits"]["cpus"] == 1
    assert task["created_at"].endswith("Z")


# A value of each field a client may give, and another.
GIVEN: dict[str, tuple[object, object]] = {
    "name": ("beam", "girder"),
    "code": ("def calculate(inputs):\n    return 1\n", "def calculate(inputs):\n    return 2\n"),
    "inputs": ({"a": 1}, {"b": [2]}),
    "limits": ({"timeout_s": 7}, {"memory_mb": 300}),
    "cache": ({"ttl": 60}, {"ttl": 61}),
    "estimated_duration_s": (1.5, 2.5),
    "description": ("of a beam", "of a girder"),
    "tags": (["a"], ["b", "c"]),
}


def test_each_field_that_is_given_is_kept(api: Api) -> None:
    schemas = api.read("/api/openapi.json")["components"]["schemas"]
    for schema in ("TaskCreate", "TaskUpdate"):
        assert set(schemas[schema]["properties"]) == set(GIVEN), schema
    made, changed = ({name: pair[n] for name, pair in GIVEN.items()} for n in (0, 1))
    task_id = expect(api.post("/api/tasks", made), 201)["id"]

    def assert_kept(wanted: Json) -> None:
        task = api.read(f"/api/tasks/{task_id}")
        limits = task["limits"]
        kept = {name: task[name] for name in wanted} | {
            "limits": {name: limits[name] for name in wanted["limits"]}
        }
        assert kept == wanted

    assert_kept(made)
    expect(api.http.patch(f"/api/tasks/{task_id}", json=changed), 200)
    assert_kept(changed)


def test_code_keeps_every_byte(api: Api) -> None:
    code = "# é 𝛔\r\ndef calculate(inputs):\n\treturn {'tab': '\t', 'é': 'ü'}\n\n\n"
    task = api.create(code)
    assert api.read(f"/api/tasks/{task['id']}")["code"] == code
    assert api.execute(task["id"])["result"] == {"tab": "\t", "é": "ü"}


def test_new_code_makes_a_version_and_the_old_one_still_runs(api: Api) -> None:
    task = api.create(CODE, {"x": 1})
    changed = expect(api.http.patch(f"/api/tasks/{task['id']}", json={"code": CODE_2}), 200)
    assert changed["version"] == 2
    assert changed["code"] == CODE_2
    assert changed["inputs"] == {"x": 1}
    assert api.execute(task["id"])["result"] == {"version": 2, "x": 1}
    old = expect(api.post(f"/api/tasks/{task['id']}/execute?wait=30", {"version": 1}), 200)
    assert old["version"] == 1
    assert old["result"] == {"version": 1, "x": 1}


def test_a_run_keeps_its_version_when_the_task_changes(api: Api) -> None:
    task = api.create(CODE)
    run = api.execute(task["id"])
    expect(api.http.patch(f"/api/tasks/{task['id']}", json={"code": CODE_2}), 200)
    assert api.run(run["id"])["version"] == 1


@pytest.mark.parametrize("change", [{"inputs": {"x": 5}}, {"limits": {"timeout_s": 5}}])
def test_inputs_and_limits_belong_to_a_version(api: Api, change: dict[str, object]) -> None:
    task = api.create(CODE, {"x": 1})
    changed = expect(api.http.patch(f"/api/tasks/{task['id']}", json=change), 200)
    assert changed["version"] == 2


def test_a_name_a_description_or_tags_make_no_version(api: Api) -> None:
    task = api.create(CODE)
    change = {"name": "renamed", "description": "new", "tags": ["a"]}
    changed = expect(api.http.patch(f"/api/tasks/{task['id']}", json=change), 200)
    assert changed["version"] == 1
    assert {key: changed[key] for key in change} == change
    assert changed["updated_at"] >= task["updated_at"]
    assert api.read(f"/api/tasks/{task['id']}") == changed


def test_bad_new_code_changes_nothing(api: Api) -> None:
    task = api.create(CODE)
    change = {"code": "def calculate(:", "name": "n"}
    refused = api.http.patch(f"/api/tasks/{task['id']}", json=change)
    expect_problem(refused, 422, "invalid_code", "/code")
    assert api.read(f"/api/tasks/{task['id']}") == task


def test_a_deleted_task_is_hidden_and_its_runs_stay(api: Api) -> None:
    task = api.create(CODE, {"x": 7})
    run = api.execute(task["id"])
    assert api.http.delete(f"/api/tasks/{task['id']}").status_code == 204
    expect_problem(api.get(f"/api/tasks/{task['id']}"), 404, "not_found")
    expect_problem(api.post(f"/api/tasks/{task['id']}/execute"), 404, "not_found")
    expect_problem(api.http.delete(f"/api/tasks/{task['id']}"), 404, "not_found")
    assert api.read(f"/api/runs/{run['id']}/results")["result"] == {"version": 1, "x": 7}
    listed = [item["id"] for page in api.pages("/api/tasks", 100) for item in page]
    assert task["id"] not in listed


def test_an_old_version_can_still_be_read(api: Api) -> None:
    task = api.create(CODE, {"x": 1})
    expect(api.http.patch(f"/api/tasks/{task['id']}", json={"code": CODE_2}), 200)
    old = api.read(f"/api/tasks/{task['id']}?version=1")
    assert (old["version"], old["code"]) == (1, CODE)
    response = api.get(f"/api/tasks/{task['id']}?version=one")
    expect_problem(response, 422, "invalid_fields", "#query/version")


def test_a_version_that_is_not_there_is_not_found(api: Api) -> None:
    task = api.create(CODE)
    expect_problem(api.post(f"/api/tasks/{task['id']}/execute", {"version": 9}), 404, "not_found")
    expect_problem(api.get(f"/api/tasks/{task['id']}?version=9"), 404, "not_found")


def test_status_and_results_of_a_task_that_never_ran_say_so(api: Api) -> None:
    task = api.create(CODE)
    status = api.read(f"/api/tasks/{task['id']}/status")
    assert status["task_id"] == task["id"]
    assert status["run_id"] is None
    assert status["status"] is None
    results = api.read(f"/api/tasks/{task['id']}/results")
    assert results["run_id"] is None
    assert results["status"] is None


def test_status_and_results_are_the_latest_runs(api: Api) -> None:
    task = api.create(CODE)
    for x in (1, 2):
        run = api.execute(task["id"], {"x": x})
        results = api.read(f"/api/tasks/{task['id']}/results")
        assert results["run_id"] == run["id"]
        assert results["result"]["x"] == x


def test_given_inputs_replace_the_tasks_own(api: Api) -> None:
    task = api.create(CODE, {"x": 1, "y": 2})
    assert api.execute(task["id"], {"x": 3})["result"]["x"] == 3
    assert api.execute(task["id"])["result"]["x"] == 1
    assert api.execute(task["id"], {})["result"]["x"] is None


def test_a_task_without_inputs_gets_an_empty_dict(api: Api) -> None:
    task = api.create("def calculate(inputs):\n    return {'inputs': inputs}")
    assert task["inputs"] == {}
    assert api.execute(task["id"])["result"] == {"inputs": {}}


def test_a_list_of_tasks_is_small_however_large_their_inputs_are(
    own_server: Callable[..., Server],
) -> None:
    server = own_server()
    api = server.api()
    inputs = {"x": "y" * (15 << 20)}
    tasks = [api.create(CODE, inputs, description="large") for _ in range(8)]
    before = server.api_peak_mib()
    listed = api.get("/api/tasks?limit=200")
    assert len(listed.content) < len(tasks) * 1000
    assert server.api_peak_mib() - before < 10
    summaries = [{k: v for k, v in task.items() if k not in ("code", "inputs")} for task in tasks]
    assert listed.json()["items"] == summaries[::-1]
    assert api.read(f"/api/tasks/{tasks[0]['id']}") == tasks[0]


def test_null_takes_an_estimate_and_a_description_away(api: Api) -> None:
    task = api.create(CODE, description="long", estimated_duration_s=3)
    path = f"/api/tasks/{task['id']}"
    change = {"estimated_duration_s": None, "description": None}
    changed = expect(api.http.patch(path, json=change), 200)
    assert "estimated_duration_s" not in changed
    assert (changed["description"], changed["version"]) == ("", 1)
    assert api.read(path) == changed
    expect_problem(api.http.patch(path, json={"name": None}), 422, "invalid_fields", "/name")
