"""Lists: newest first, in pages that neither repeat nor lose anything."""

from collections.abc import Callable

import pytest

from support.api import Api, expect_problem

CODE = "def calculate(inputs):\n    return inputs"
NewUser = Callable[[str], Api]


def test_tasks_come_newest_first_page_by_page(new_user: NewUser) -> None:
    api = new_user("pages")
    made = [api.create(CODE, name=f"task {i}")["id"] for i in range(7)]
    pages = list(api.pages("/api/tasks", limit=3))
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [task["id"] for page in pages for task in page] == made[::-1]


def test_a_page_that_ends_exactly_has_no_next(new_user: NewUser) -> None:
    api = new_user("exact")
    for i in range(4):
        api.create(CODE, name=f"task {i}")
    pages = list(api.pages("/api/tasks", limit=2))
    assert [len(page) for page in pages] == [2, 2]


def test_what_is_made_while_paging_neither_repeats_nor_hides_the_rest(new_user: NewUser) -> None:
    api = new_user("moving")
    made = [api.create(CODE, name=f"task {i}")["id"] for i in range(5)]
    seen = []
    for page in api.pages("/api/tasks", limit=2):
        seen += [task["id"] for task in page]
        api.create(CODE, name="in between")
    assert seen == made[::-1]


def test_what_is_deleted_while_paging_does_not_break_the_pages(new_user: NewUser) -> None:
    api = new_user("shrinking")
    made = [api.create(CODE, name=f"task {i}")["id"] for i in range(6)]
    pages = api.pages("/api/tasks", limit=2)
    seen = [task["id"] for task in next(pages)]
    api.http.delete(f"/api/tasks/{seen[-1]}")  # the one the cursor stands on
    seen += [task["id"] for page in pages for task in page]
    assert seen == made[::-1]


def test_runs_are_paged_within_their_filter(new_user: NewUser) -> None:
    api = new_user("runs")
    task_id, other_id = (api.create(CODE)["id"] for _ in range(2))
    made = []
    for _ in range(5):
        made.append(api.execute(task_id)["id"])
        api.execute(other_id)
    path = f"/api/runs?task_id={task_id}&status=completed"
    seen = [run["id"] for page in api.pages(path, limit=2) for run in page]
    assert seen == made[::-1]
    assert sum(len(page) for page in api.pages("/api/runs", limit=4)) == 10


def test_runs_as_listed_say_how_many_artifacts_each_has(new_user: NewUser) -> None:
    api = new_user("files")
    code = "def calculate(inputs):\n    for i in range(3): open(f'{i}.txt', 'w').write('x')\n"
    run = api.calculate(code)
    assert (run["artifact_count"], len(run["artifacts"])) == (3, 3)
    [listed] = api.read("/api/runs")["items"]
    assert "artifacts" not in listed
    whole = api.run(run["id"])
    assert listed == {name: value for name, value in whole.items() if name != "artifacts"}


def test_failures_as_listed_have_no_traceback(new_user: NewUser) -> None:
    api = new_user("failures")
    run = api.calculate("def calculate(inputs):\n    raise ValueError('no')\n")
    [listed] = api.read("/api/runs")["items"]
    error = run["error"]
    assert error.pop("traceback")
    assert listed["error"] == error


def test_a_page_of_long_texts_is_shorter_and_none_is_lost(new_user: NewUser) -> None:
    api = new_user("long")
    made = [api.create(CODE, description="\x01" * 10_000)["id"] for _ in range(60)]
    responses = [api.get("/api/tasks?limit=200")]
    while "next" in responses[-1].json():
        cursor = responses[-1].json()["next"]
        responses.append(api.get(f"/api/tasks?limit=200&cursor={cursor}"))
    assert [task["id"] for r in responses for task in r.json()["items"]] == made[::-1]
    assert max(len(r.content) for r in responses) < 4_000_000
    assert len(responses) == 2


def test_a_new_users_lists_are_empty(new_user: NewUser) -> None:
    api = new_user("nothing")
    assert api.read("/api/tasks") == {"items": []}
    assert api.read("/api/runs") == {"items": []}


@pytest.mark.parametrize("path", ["/api/tasks", "/api/runs"])
@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "x", "", "99999999999999999999", "1e2", " 1"])
def test_a_limit_out_of_range_is_named(api: Api, path: str, limit: str) -> None:
    response = api.get(path, params={"limit": limit})
    expect_problem(response, 422, "invalid_fields", "#query/limit")


@pytest.mark.parametrize("path", ["/api/tasks", "/api/runs"])
@pytest.mark.parametrize("cursor", ["nonsense", "'; DROP TABLE runs; --", "x" * 500, "../.."])
def test_a_cursor_that_is_none_is_named(api: Api, path: str, cursor: str) -> None:
    response = api.get(path, params={"cursor": cursor})
    expect_problem(response, 422, "invalid_fields", "#query/cursor")


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/api/tasks", "limt", "3"),
        ("/api/tasks", "status", "queued"),
        ("/api/runs", "status", "finished"),
        ("/api/runs", "task_id", "7"),
        ("/api/runs", "user", "other"),
    ],
)
def test_a_query_that_means_nothing_is_named(api: Api, path: str, name: str, value: str) -> None:
    response = api.get(path, params={name: value})
    expect_problem(response, 422, "invalid_fields", f"#query/{name}")


@pytest.mark.parametrize("path", ["/api/tasks", "/api/runs"])
def test_the_largest_page_is_taken_and_one_more_is_named(api: Api, path: str) -> None:
    assert api.get(path, params={"limit": "200"}).status_code == 200
    response = api.get(path, params={"limit": "201"})
    expect_problem(response, 422, "invalid_fields", "#query/limit")


def test_a_query_given_twice_is_named(api: Api) -> None:
    expect_problem(api.get("/api/tasks?limit=1&limit=2"), 422, "invalid_fields", "#query/limit")
