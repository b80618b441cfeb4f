"""Lists of a workflow: whose results count, and in which places."""

from support.api import Api, expect
from support.server import Server
from support.workflows import create, execute, given, node, nodes_of, of, value

MAKE = "def calculate(inputs):\n    return {'l': %s}"
FAIL = "def calculate(inputs):\n    inputs.get('a')\n    raise ValueError('no')"
SAME = "def calculate(inputs):\n    return {'n': inputs['a']}"


def test_only_the_elements_of_now_count(api: Api) -> None:
    made = api.create(MAKE % list(range(6)))
    same = api.create(SAME)
    bad = api.create(FAIL)
    workflow = create(
        api,
        {
            "made": node(made),
            "each": node(same, a={"element": ""}) | {"for_each": of("made", "/l")},
            "end": node(bad, a=of("each", "/n")),
        },
        {"n": of("end", "/n")},
    )
    failed = execute(api, workflow)
    assert (failed["status"], failed["error"]["node"]) == ("failed", "end")
    expect(api.http.patch(f"/api/tasks/{made['id']}", json={"code": MAKE % [0, 1]}), 200)
    expect(api.http.patch(f"/api/tasks/{bad['id']}", json={"code": SAME}), 200)
    path = f"/api/workflow-runs/{failed['id']}"
    mended = expect(api.post(f"{path}/resume?wait=30", {"versions": {"made": 2, "end": 2}}), 200)
    assert nodes_of(mended)["each"]["elements"] == 2
    assert [one["element"] for one in api.read(f"{path}/nodes/each")["items"]] == [0, 1]
    assert mended["result"] == {"n": [0, 1]}


def test_a_default_stands_in_for_an_element_of_which_no_run_could_be_made(api: Api) -> None:
    same = api.create(SAME)
    workflow = create(
        api,
        {
            "each": node(same, a={"element": "/a"})
            | {
                "for_each": value([{"a": 1}, {"b": 2}, {"a": 3}]),
                "on_error": "default",
                "default": {"n": 0},
            }
        },
        {"n": of("each", "/n")},
    )
    run = execute(api, workflow)
    assert run["result"] == {"n": [1, 0, 3]}


def test_a_run_of_before_stands_for_no_element_of_now(api: Api) -> None:
    made = api.create(MAKE % "[{'a': 1}, {'a': 2}]")
    same = api.create(SAME)
    bad = api.create(FAIL)
    workflow = create(
        api,
        {
            "made": node(made),
            "each": node(same, a={"element": "/a"})
            | {"for_each": of("made", "/l"), "on_error": "default", "default": {"n": 0}},
            "end": node(bad, a=of("each", "/n")),
        },
        {"n": of("end", "/n")},
    )
    failed = execute(api, workflow)
    assert (failed["status"], failed["error"]["node"]) == ("failed", "end")
    other = "[{'b': 1}, {'a': 5}]"
    expect(api.http.patch(f"/api/tasks/{made['id']}", json={"code": MAKE % other}), 200)
    expect(api.http.patch(f"/api/tasks/{bad['id']}", json={"code": SAME}), 200)
    path = f"/api/workflow-runs/{failed['id']}"
    mended = expect(api.post(f"{path}/resume?wait=30", {"versions": {"made": 2, "end": 2}}), 200)
    assert mended["result"] == {"n": [0, 5]}


def test_a_long_list_is_gathered_whole_and_in_order(api: Api) -> None:
    same = api.create(SAME)
    numbers = [i * 7 % 450 for i in range(450)]
    workflow = create(
        api,
        {"each": node(same, a={"element": ""}) | {"for_each": value(numbers)}},
        {"n": of("each", "/n")},
    )
    assert execute(api, workflow)["result"] == {"n": numbers}


def test_a_list_that_is_long_in_bytes_leaves_nothing_behind(server: Server, api: Api) -> None:
    same = api.create("def calculate(inputs):\n    return {'n': len(inputs['a'])}")
    workflow = create(
        api,
        {"each": node(same, a={"element": "/pad"}) | {"for_each": given("list")}},
        {"n": of("each", "/n")},
        {"list": {}},
    )
    sizes = [20_000 + i for i in range(100)]
    run = execute(api, workflow, inputs={"list": [{"pad": "x" * size} for size in sizes]})
    assert run["result"] == {"n": sizes}
    kept = [one.name for one in (server.data_dir / "objects" / "inputs").glob(f"{run['id']}*")]
    assert kept == [f"{run['id']}.json"]
