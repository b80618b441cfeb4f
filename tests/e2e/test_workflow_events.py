"""The events of a workflow run: those of its nodes, and what their runs write and report."""

from support.api import Api
from support.sse import Event
from support.workflows import ADD, create, events, execute, given, node, of, run_of, start, value

SAYS = """
def calculate(inputs):
    print("loads of", inputs["a"])
    return {"n": inputs["a"] + 1}
"""
GOES_ON = """
import time
from mecapy import progress
def calculate(inputs):
    print("it begins", flush=True)
    progress(0.25, "a quarter")
    while True:
        time.sleep(0.01)
"""
FAILS = """
def calculate(inputs):
    print("before it fails")
    raise ValueError("no")
"""


def logs(told: list[Event]) -> dict[str, str]:
    """What the runs of each node wrote."""
    written: dict[str, str] = {}
    for one in told:
        if one.kind != "log":
            continue
        assert one.data["at"] == len(written.get(one.data["node"], "").encode())
        written[one.data["node"]] = written.get(one.data["node"], "") + one.data["text"]
    return written


def test_the_logs_of_nodes_are_in_the_stream_before_their_ends(api: Api) -> None:
    says = api.create(SAYS)
    workflow = create(
        api,
        {"first": node(says, a=given("x")), "second": node(says, a=of("first", "/n"))},
        {"n": of("second", "/n")},
        {"x": {}},
    )
    run = execute(api, workflow, inputs={"x": 7})["id"]
    told = list(events(api, run))
    assert logs(told) == {"first": "loads of 7\n", "second": "loads of 8\n"}
    first = next(i for i, one in enumerate(told) if one.kind == "log")
    ends = [i for i, one in enumerate(told) if one.kind == "node" and one.data["name"] == "first"]
    assert first < ends[-1]
    assert told[first].data["run_id"] == told[ends[-1]].data["run_id"]
    assert told[-1].kind == "status"


def test_what_was_written_before_a_failure_is_told(api: Api) -> None:
    fails = api.create(FAILS)
    workflow = create(api, {"k": node(fails) | {"attempts": 2}}, {"n": of("k", "/n")})
    run = execute(api, workflow)["id"]
    assert "before it fails\n" in logs(list(events(api, run)))["k"]


def test_log_and_progress_come_while_a_node_runs(api: Api) -> None:
    goes_on = api.create(GOES_ON)
    workflow = create(api, {"long": node(goes_on)}, {"n": of("long")})
    run = start(api, workflow)
    kinds = set()
    for one in events(api, run):
        kinds.add(one.kind)
        if one.kind == "log":
            assert one.data["node"] == "long"
            assert one.data["text"] == "it begins\n"
        if one.kind == "progress":
            assert one.data["progress"] == {"fraction": 0.25, "message": "a quarter"}
            api.post(f"/api/workflow-runs/{run}/cancel")
    assert kinds == {"status", "node", "log", "progress"}
    assert run_of(api, run)["status"] == "cancelled"


def test_of_an_earlier_run_that_answered_nothing_is_told(api: Api) -> None:
    says = api.create(SAYS)
    workflow = create(api, {"k": node(says, a=value(1))}, {"n": of("k", "/n")})
    execute(api, workflow)
    again = execute(api, workflow)
    assert again["nodes"][0]["reused_from"]
    assert logs(list(events(api, again["id"]))) == {}


def test_who_left_between_nodes_of_one_change_hears_all_of_them(api: Api) -> None:
    add = api.create(ADD)
    names = [f"n{i}" for i in range(6)]
    workflow = create(
        api,
        {name: node(add, a=value(i)) for i, name in enumerate(names)},
        {name: of(name, "/n") for name in names},
    )
    run = execute(api, workflow)["id"]
    told = [one for one in events(api, run) if one.kind == "node"]
    assert {one.data["name"] for one in told} == set(names)
    for i, left in enumerate(told[:-1]):
        rest = [one.data["name"] for one in events(api, run, after=left.id) if one.kind == "node"]
        assert {one.data["name"] for one in told[i + 1 :]} <= set(rest)
