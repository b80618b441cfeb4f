"""Who may see what: nobody without a token, nobody another's."""

from collections.abc import Callable

import pytest

from support.api import Api, Json, expect_problem
from support.server import DEV_TOKEN, Server

NewUser = Callable[[str], Api]
CODE = "def calculate(i):\n    print('secret')\n    open('a.txt', 'w').write('a')\n    return 1\n"
UNKNOWN = "00000000-0000-7000-8000-000000000000"
HOW = "/.well-known/oauth-protected-resource"
OPEN = {
    "/",
    "/health/live",
    "/health/ready",
    "/docs",
    "/docs/contract",
    "/api/openapi.json",
    HOW,
}
SITE = {"/docs/", "/docs/{name}"}  # as open, where the documents were built
CREDENTIALS = [
    None,
    "",
    "Bearer",
    "Bearer wrong",
    f"Bearer {DEV_TOKEN}x",
    f"Bearer {DEV_TOKEN[:-1]}",
    f"Bearer {DEV_TOKEN} {DEV_TOKEN}",
    f"Basic {DEV_TOKEN}",
    DEV_TOKEN,
    "Bearer " + "x" * 5000,
]


def test_no_token_opens_nothing_but_what_is_open(server: Server) -> None:
    api = server.api(None)
    paths = api.read("/api/openapi.json")["paths"]
    assert set(paths) > OPEN
    for path in set(paths) - OPEN - SITE:
        for method in paths[path]:
            response = api.http.request(method, path.format(id=UNKNOWN, name="a.txt", node="k"))
            expect_problem(response, 401, "unauthorized")
            assert response.headers["www-authenticate"].startswith("Bearer"), (method, path)


@pytest.mark.parametrize("value", CREDENTIALS, ids=range(len(CREDENTIALS)))
def test_a_wrong_token_opens_nothing(server: Server, value: str | None) -> None:
    headers = {} if value is None else {"Authorization": value}
    response = server.api(None).get("/api/tasks", headers=headers)
    expect_problem(response, 401, "unauthorized")
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert DEV_TOKEN not in response.text


def test_the_scheme_is_compared_without_case(server: Server) -> None:
    headers = {"Authorization": f"bearer {DEV_TOKEN}"}
    assert server.api(None).get("/api/tasks", headers=headers).status_code == 200


@pytest.mark.parametrize("path", sorted(OPEN))
def test_what_needs_no_token_asks_for_none(server: Server, path: str) -> None:
    assert server.api(None).get(path, follow_redirects=True).status_code == 200


def test_a_server_with_tokens_of_its_own_names_no_other_that_gives_them(server: Server) -> None:
    told = server.api(None).read(HOW)
    assert told == {
        "resource": server.url,
        "authorization_servers": [],
        "bearer_methods_supported": ["header"],
    }


@pytest.mark.parametrize(
    ("host", "resource"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("mecapy.example.org", "https://mecapy.example.org"),
        ("127.0.0.1.example.org:81", "https://127.0.0.1.example.org:81"),
    ],
)
def test_a_server_is_the_one_that_was_asked_for(server: Server, host: str, resource: str) -> None:
    assert server.api(None).get(HOW, headers={"Host": host}).json()["resource"] == resource


def test_a_token_in_the_query_opens_nothing(server: Server) -> None:
    response = server.api(None).get("/api/tasks", params={"access_token": DEV_TOKEN})
    expect_problem(response, 401, "unauthorized")


def test_a_body_without_a_token_is_not_read_first(server: Server) -> None:
    response = server.api(None).send("/api/tasks", b"{" * 1_000_000)
    expect_problem(response, 401, "unauthorized")


@pytest.fixture(scope="module")
def owned(api: Api) -> Json:
    """A finished run, with log and artifact, of the embedded user."""
    run = api.calculate(CODE)
    assert [artifact["name"] for artifact in run["artifacts"]] == ["a.txt"]
    return run


@pytest.fixture(scope="module")
def stranger(server: Server) -> Api:
    """Another user with a valid token."""
    return server.api(server.add_user("stranger"))


@pytest.mark.parametrize("part", ["", "/status", "/results"])
def test_anothers_task_is_not_found(owned: Json, stranger: Api, part: str) -> None:
    expect_problem(stranger.get(f"/api/tasks/{owned['task_id']}{part}"), 404, "not_found")


@pytest.mark.parametrize("part", ["", "/results", "/logs", "/events", "/artifacts/a.txt"])
def test_anothers_run_is_not_found(owned: Json, stranger: Api, part: str) -> None:
    expect_problem(stranger.get(f"/api/runs/{owned['id']}{part}"), 404, "not_found")


def test_another_cannot_change_a_task(api: Api, owned: Json, stranger: Api) -> None:
    path = f"/api/tasks/{owned['task_id']}"
    before = api.read(path)
    expect_problem(stranger.http.patch(path, json={"name": "mine"}), 404, "not_found")
    expect_problem(stranger.http.delete(path), 404, "not_found")
    expect_problem(stranger.post(f"{path}/execute"), 404, "not_found")
    assert api.read(path) == before


def test_another_cannot_cancel_a_run(api: Api, stranger: Api) -> None:
    code = "import time\ndef calculate(i):\n    print('begun', flush=True)\n    time.sleep(60)"
    run_id = api.start(str(api.create(code)["id"]))
    api.wait_for_log(run_id, "begun")
    expect_problem(stranger.cancel(run_id), 404, "not_found")
    assert api.run(run_id)["cancel_requested"] is False
    api.cancel(run_id)
    assert api.end(run_id)["status"] == "cancelled"


def test_lists_hold_only_ones_own(owned: Json, stranger: Api) -> None:
    assert stranger.read("/api/tasks")["items"] == []
    assert stranger.read("/api/runs")["items"] == []
    assert stranger.read(f"/api/runs?task_id={owned['task_id']}")["items"] == []


def test_anothers_thing_and_no_thing_look_the_same(owned: Json, stranger: Api) -> None:
    theirs = stranger.get(f"/api/runs/{owned['id']}").json()
    nothing = stranger.get(f"/api/runs/{UNKNOWN}").json()
    for answer in (theirs, nothing):
        answer.pop("request_id")
    assert str(theirs).replace(owned["id"], "ID") == str(nothing).replace(UNKNOWN, "ID")


def test_a_further_user_has_a_working_token_at_once(new_user: NewUser) -> None:
    run = new_user("newcomer").calculate("def calculate(inputs):\n    return 2")
    assert run["result"] == 2


def test_who_one_is_can_be_asked(api: Api, new_user: NewUser) -> None:
    assert api.read("/api/me") == {"user": "local", "admin": False, "proof": "token"}
    someone = {"user": "someone", "admin": False, "proof": "token"}
    assert new_user("someone").read("/api/me") == someone


def test_a_users_token_is_not_kept_in_the_clear(server: Server) -> None:
    token = server.add_user("careful")
    assert len(token) >= 32
    for path in server.data_dir.rglob("*"):
        if path.is_file():
            assert token.encode() not in path.read_bytes(), path
