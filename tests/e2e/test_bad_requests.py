"""Requests that are HTTP and still wrong: each gets its 4xx, a code, and a pointer to the fault."""

import json
from collections.abc import Callable, Iterator

import pytest

from support.api import Api, detail_at, expect, expect_problem
from support.server import Server

MakeServer = Callable[..., Server]

CODE = "def calculate(inputs):\n    return inputs"
LONG = """import time
def calculate(inputs):
    print("begun", flush=True)
    time.sleep(60)
"""
UNKNOWN = "00000000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def _served_afterwards(api: Api) -> Iterator[None]:
    """Whatever was sent, the next request is served."""
    yield
    assert api.get("/health/ready").status_code == 200
    assert api.get("/api/tasks?limit=1").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"{",
        b'{"name":"a"',
        b'{"name":"a",}',
        b"{'name':'a'}",
        b'{"name":"a"} x',
        b'{"name":NaN}',
        b'{"name":Infinity}',
        b'{"name":01}',
        b'{"name":"\xff"}',
        b'{"name":"\xed\xa0\x80"}',
        b'{"name":"\\ud800"}',
        b'{"name":"a\x00"}',
        b"\xef\xbb\xbf{}",
        b"\x00",
        b"[]",
        b"null",
        b'"text"',
        b"7",
    ],
)
def test_a_body_that_is_no_json_object_is_refused(api: Api, body: bytes) -> None:
    expect_problem(api.send("/api/tasks", body), 400, "invalid_request", "")


def test_a_key_that_comes_twice_is_named(api: Api) -> None:
    body = b'{"name":"a","name":"b"}'
    expect_problem(api.send("/api/tasks", body), 400, "invalid_request", "/name")


def test_where_the_json_breaks_is_told(api: Api) -> None:
    problem = expect_problem(api.send("/api/tasks", b'{"name": tru}'), 400, "invalid_request")
    assert "byte" in problem["detail"]


def task_with_inputs(inputs: bytes) -> bytes:
    """The body of a task with these inputs."""
    return b'{"name":"a","code":' + json.dumps(CODE).encode() + b',"inputs":' + inputs + b"}"


def nested(levels: int) -> bytes:
    """An object with arrays in it, so many levels in all."""
    return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def test_json_just_not_too_deep_is_taken(api: Api) -> None:
    task = expect(api.send("/api/tasks", task_with_inputs(nested(63))), 201)
    assert api.execute(task["id"])["status"] == "completed"
    expect(api.send("/api/tasks", task_with_inputs(nested(511))), 201)


@pytest.mark.parametrize("levels", [512, 1000, 1_000_000])
def test_json_too_deep_is_refused(api: Api, levels: int) -> None:
    response = api.send("/api/tasks", task_with_inputs(nested(levels)))
    expect_problem(response, 422, "too_deep", "/inputs")


def test_json_too_deep_in_no_member_points_to_the_whole(api: Api) -> None:
    expect_problem(api.send("/api/tasks", b"[" * 1000), 422, "too_deep", "")


def test_a_body_over_the_limit_is_refused(api: Api) -> None:
    body = task_with_inputs(json.dumps({"a": "x" * (16 << 20)}).encode())
    problem = expect_problem(api.send("/api/tasks", body), 413, "too_large", "")
    assert str(16 << 20) in problem["detail"] or "16 MiB" in problem["detail"]


def test_a_large_body_within_the_limit_is_taken(api: Api) -> None:
    inputs = {"a": "x" * (8 << 20)}
    code = "def calculate(inputs):\n    return len(inputs['a'])"
    assert api.calculate(code, inputs)["result"] == 8 << 20


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 7),
        ("name", None),
        ("name", ""),
        ("name", "x" * 201),
        ("name", ["a"]),
        ("name", "a\u0000b"),
        ("code", 7),
        ("code", ""),
        ("code", {"a": 1}),
        ("code", "# " + "x" * (1 << 20)),
        ("inputs", 7),
        ("inputs", []),
        ("inputs", "text"),
        ("inputs", None),
        ("limits", 7),
        ("limits", []),
        ("estimated_duration_s", "long"),
        ("estimated_duration_s", -1),
        ("estimated_duration_s", True),
        ("description", 7),
        ("description", "x" * 10_001),
        ("tags", "a"),
        ("tags", {"a": 1}),
        ("tags", ["x"] * 21),
    ],
)
def test_a_wrong_value_is_named(api: Api, field: str, value: object) -> None:
    body = {"name": "a", "code": CODE} | {field: value}
    problem = expect_problem(api.post("/api/tasks", body), 422, "invalid_fields", f"/{field}")
    assert [error["pointer"] for error in problem["errors"]] == [f"/{field}"]


def test_a_wrong_element_is_named(api: Api) -> None:
    body = {"name": "a", "code": CODE, "tags": ["ok", 7, ""]}
    problem = expect_problem(api.post("/api/tasks", body), 422, "invalid_fields", "/tags/1")
    assert "/tags/2" in [error["pointer"] for error in problem["errors"]]


def test_every_wrong_field_is_named_at_once(api: Api) -> None:
    problem = expect_problem(
        api.post("/api/tasks", {"nme": "a", "inputs": 3, "tags": 1}), 422, "invalid_fields"
    )
    pointers = {error["pointer"] for error in problem["errors"]}
    assert pointers == {"/nme", "/name", "/code", "/inputs", "/tags"}


def test_an_unknown_field_names_the_nearest(api: Api) -> None:
    body = {"name": "a", "code": CODE, "input": {}}
    problem = expect_problem(api.post("/api/tasks", body), 422, "invalid_fields", "/input")
    assert '"inputs"' in detail_at(problem, "/input")


def test_a_pointer_escapes_what_rfc_6901_escapes(api: Api) -> None:
    body = {"name": "a", "code": CODE, "a/b~c": 1}
    expect_problem(api.post("/api/tasks", body), 422, "invalid_fields", "/a~1b~0c")


@pytest.mark.parametrize(
    ("field", "value"),
    [("version", 0), ("version", 1.5), ("version", "1"), ("inputs", 3), ("wait", 3)],
)
def test_a_wrong_field_of_execute_is_named(api: Api, field: str, value: object) -> None:
    task_id = api.create(CODE)["id"]
    response = api.post(f"/api/tasks/{task_id}/execute", {field: value})
    expect_problem(response, 422, "invalid_fields", f"/{field}")


@pytest.mark.parametrize("wait", ["-1", "x", "", "nan", "inf", "1e9"])
def test_a_wrong_wait_is_named(api: Api, wait: str) -> None:
    task_id = api.create(CODE)["id"]
    response = api.post(f"/api/tasks/{task_id}/execute", params={"wait": wait})
    expect_problem(response, 422, "invalid_fields", "#query/wait")
    assert api.read(f"/api/tasks/{task_id}/status")["run_id"] is None


@pytest.mark.parametrize(
    ("code", "line", "column", "word"),
    [
        ("def calculate(inputs):\n    return (1,\n", 2, 12, "never closed"),
        ("x = 1\ndef calculate(inputs)\n    return 1\n", 2, 22, "expected ':'"),
        ("def calculate(inputs):\nreturn 1\n", 2, 1, "indent"),
        ("def calculate(inputs):\n\treturn 1\n        return 2\n", 3, 1, "tab"),
        ("def calculate(inputs):\n    return 08\n", 2, 12, "leading zeros"),
        ("def calculate(inputs):\n    print 'x'\n", 2, 5, "print"),
        ("def calculate(inputs):\n    return 'x\n", 2, 12, "unterminated"),
    ],
)
def test_a_syntax_error_is_told_with_line_and_column(
    api: Api, code: str, line: int, column: int, word: str
) -> None:
    response = api.post("/api/tasks", {"name": "a", "code": code})
    problem = expect_problem(response, 422, "invalid_code", "/code")
    [error] = problem["errors"]
    assert error["line"] == line
    assert error["column"] == column
    assert word in error["detail"].lower()


@pytest.mark.parametrize(
    "code",
    [
        "x = 1\n",
        "# nothing\n",
        "def calculates(inputs): pass\n",
        "class A:\n    def calculate(self, inputs): pass\n",
        "def outer():\n    def calculate(inputs): pass\n",
    ],
)
def test_code_without_calculate_is_told(api: Api, code: str) -> None:
    response = api.post("/api/tasks", {"name": "a", "code": code})
    problem = expect_problem(response, 422, "invalid_code", "/code")
    assert "calculate" in detail_at(problem, "/code")


@pytest.mark.parametrize("wait", ["", "?wait=30"])
@pytest.mark.parametrize("path", ["/tasks/execute", "/api/tasks/execute"])
def test_bad_code_to_run_at_once_is_told_with_line_and_column(
    api: Api, path: str, wait: str
) -> None:
    for _ in range(2):  # what was found bad once is not good the second time
        response = api.post(f"{path}{wait}", {"code": "x = 1\ndef calculate(:"})
        problem = expect_problem(response, 422, "invalid_code", "/code")
        [error] = problem["errors"]
        assert (error["line"], error["column"]) == (2, 15)
        response = api.post(f"{path}{wait}", {"code": "x = 1\n"})
        problem = expect_problem(response, 422, "invalid_code", "/code")
        assert "calculate" in detail_at(problem, "/code")


def test_bad_code_to_run_at_once_is_a_failed_run_when_nobody_has_time_to_look(
    own_server: MakeServer,
) -> None:
    api = own_server(worker_concurrency=1).api()
    busy = api.start(api.create(LONG)["id"])
    api.wait_for_log(busy, "begun")
    accepted = expect(api.post("/tasks/execute", {"code": "x = 1\ndef calculate(:"}), 202)
    expect(api.cancel(busy), 200)
    run = api.end(accepted["run_id"])
    assert run["status"] == "failed"
    assert run["error"]["code"] == "invalid_code"
    assert run["error"]["fault"] == "calculation"
    assert (run["error"]["line"], run["error"]["column"]) == (2, 15)


def test_code_is_looked_at_and_not_run_when_a_task_is_made(api: Api) -> None:
    api.create("import time\ntime.sleep(60)\ndef calculate(inputs): pass\n")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded", ""]
)
def test_a_body_that_is_not_declared_as_json_is_refused(api: Api, content_type: str) -> None:
    body = json.dumps({"name": "a", "code": CODE}).encode()
    headers = {"Content-Type": content_type} if content_type else {}
    response = api.http.post("/api/tasks", content=body, headers=headers)
    expect_problem(response, 415, "unsupported_media", "#header/Content-Type")


@pytest.mark.parametrize("coding", ["gzip", "br", "GZip, identity", "identity, deflate", "x"])
def test_a_body_in_a_content_coding_is_refused_by_its_name(api: Api, coding: str) -> None:
    body = json.dumps({"name": "a", "code": CODE}).encode()
    response = api.send("/api/tasks", body, **{"Content-Encoding": coding})
    problem = expect_problem(response, 415, "unsupported_media", "#header/Content-Encoding")
    assert problem["detail"] == f"send the body without Content-Encoding: {coding}"
    assert response.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
def test_a_body_in_no_coding_may_say_so(api: Api, coding: str) -> None:
    body = json.dumps({"name": "a", "code": CODE}).encode()
    expect(api.send("/api/tasks", body, **{"Content-Encoding": coding}), 201)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_declared_in_any_correct_way(api: Api, content_type: str) -> None:
    body = json.dumps({"name": "a", "code": CODE}).encode()
    headers = {"Content-Type": content_type}
    assert api.http.post("/api/tasks", content=body, headers=headers).status_code == 201


def test_an_execute_without_a_body_is_one_without_inputs(api: Api) -> None:
    task_id = api.create(CODE, {"x": 1})["id"]
    response = api.http.post(f"/api/tasks/{task_id}/execute?wait=30")
    assert expect(response, 200)["result"] == {"x": 1}


def test_a_get_with_a_body_is_refused(api: Api) -> None:
    response = api.http.request("GET", "/api/tasks", json={"name": "a"})
    expect_problem(response, 400, "invalid_request", "")


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/", "/api/nothing", "/tasks", "/api/tasks/", "/api//tasks", "/API/tasks"],
)
def test_an_unknown_path_is_not_found(api: Api, path: str) -> None:
    expect_problem(api.get(path), 404, "not_found", "#path")


@pytest.mark.parametrize("task_id", [UNKNOWN, "7", "not-a-uuid", "%0a", "x" * 2000, UNKNOWN + "0"])
def test_an_unknown_id_is_not_found(api: Api, task_id: str) -> None:
    expect_problem(api.get(f"/api/tasks/{task_id}"), 404, "not_found", "#path/id")
    response = api.post(f"/api/tasks/{task_id}/execute")
    expect_problem(response, 404, "not_found", "#path/id")


@pytest.mark.parametrize("version", [3, 7, 1_000_000_000])
def test_a_version_that_is_not_there_is_told_with_the_latest(api: Api, version: int) -> None:
    path = f"/api/tasks/{api.create(CODE)['id']}"
    expect(api.http.patch(path, json={"code": CODE + "['x']"}), 200)
    for response, pointer in (
        (api.get(path, params={"version": version}), "#query/version"),
        (api.post(f"{path}/execute", {"version": version}), "/version"),
    ):
        problem = expect_problem(response, 404, "not_found", pointer)
        assert problem["detail"] == f"this task has no version {version}; its latest is 2"
        assert detail_at(problem, pointer) == "its latest is 2"
    assert api.read(f"{path}/status")["run_id"] is None


def test_a_version_of_a_task_that_is_not_there_is_no_such_task(api: Api) -> None:
    path = f"/api/tasks/{UNKNOWN}"
    for response in (api.get(f"{path}?version=1"), api.post(f"{path}/execute", {"version": 1})):
        problem = expect_problem(response, 404, "not_found", "#path/id")
        assert problem["detail"] == "no such task"


def test_a_path_with_a_zero_byte_is_refused(api: Api) -> None:
    expect_problem(api.get("/api/tasks/%00"), 400, "invalid_request", "#path")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/tasks", {"GET", "POST"}),
        ("DELETE", "/api/tasks", {"GET", "POST"}),
        ("POST", f"/api/tasks/{UNKNOWN}", {"GET", "PATCH", "DELETE"}),
        ("GET", f"/api/tasks/{UNKNOWN}/execute", {"POST"}),
        ("DELETE", f"/api/runs/{UNKNOWN}", {"GET"}),
        ("BREW", "/api/tasks", {"GET", "POST"}),
    ],
)
def test_a_method_that_is_not_there_is_told_with_those_that_are(
    api: Api, method: str, path: str, allowed: set[str]
) -> None:
    response = api.http.request(method, path)
    expect_problem(response, 405, "method_not_allowed", "#method")
    assert allowed <= {name.strip() for name in response.headers["allow"].split(",")}


def test_a_request_id_of_the_clients_is_kept_and_a_bad_one_replaced(api: Api) -> None:
    good = api.get("/api/nothing", headers={"X-Request-ID": "my-request.7"})
    assert expect_problem(good, 404, "not_found")["request_id"] == "my-request.7"
    bad = api.get("/api/nothing", headers={"X-Request-ID": "<script>"})
    assert expect_problem(bad, 404, "not_found")["request_id"] != "<script>"
