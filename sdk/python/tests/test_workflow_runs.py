"""Workflows through a real server."""

import asyncio
import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.server import DEV_TOKEN, Server
from test_contract import contract, documented, schemas  # noqa: F401
from test_raises import ABSENT, WORKFLOW_TWINS, calls, outcome, raises

import mecapy
from mecapy import (
    AsyncMecaPy,
    AsyncWorkflow,
    AsyncWorkflowRun,
    CalculationError,
    ConflictError,
    InvalidRequestError,
    LimitError,
    Limits,
    LogEvent,
    MecaPy,
    NodeEvent,
    NodeFailure,
    NodeState,
    NotFoundError,
    RunCancelled,
    RunError,
    StatusEvent,
    WaitTimeout,
    Workflow,
    WorkflowBuilder,
    WorkflowCheck,
    WorkflowError,
    WorkflowEstimate,
    WorkflowRun,
)

Json = dict[str, Any]


def stiffness(bolt, plates):
    return {"stiffness": bolt["e"] * bolt["d"] / sum(plates)}


def preload(k, torque=80):
    return {"preload": torque * 1000.0, "k": k}


def fatigue(load, cycles):
    return {"margin": load / cycles}


def inverted(x):
    return {"y": 1 / x}


def worst(values):
    return min(values)


def slow(x):
    import time

    time.sleep(60)
    return x


def joint(client: MecaPy, name: str = "joint") -> WorkflowBuilder:
    """The workflow of the documents."""
    with client.workflow(name) as w:
        k = client.task(stiffness)(w.input("bolt"), w.input("plates"))
        p = client.task(preload)(k["stiffness"], w.input("torque", default=80))
        f = client.task(fatigue)(p["preload"], w.input("load_cycles"))
        w.output(margin=f["margin"], k=p["k"])
    return w


INPUTS: Json = {"bolt": {"e": 210.0, "d": 12}, "plates": [8, 12], "load_cycles": 1000}


def test_calculations_feed_each_other(client: MecaPy) -> None:
    w = joint(client)
    run = w.execute(**INPUTS)
    assert run.result(timeout=30) == {"margin": 80.0, "k": 126.0}
    assert w.execute(INPUTS, torque=40).result(timeout=30)["margin"] == 40.0
    assert [node.status for node in run.nodes.values()] == ["completed"] * 3
    assert list(run.nodes) == ["stiffness", "preload", "fatigue"]
    assert (run.status, run.attempt, run.version, run.error) == ("completed", 1, 1, None)
    assert client.workflow_runs.get(run.id).result() == {"margin": 80.0, "k": 126.0}
    [(element, one)] = run.runs("fatigue")
    assert (element, one.id) == (0, run.nodes["fatigue"].run_id)
    assert one.result() == {"margin": 80.0}
    assert "MecaPy workflow run" in run._repr_html_()


def test_a_workflow_through_its_life(client: MecaPy) -> None:
    w = joint(client, "of one's own")
    workflow = client.workflows.get(w.workflow.id)
    assert workflow.definition == w.definition()
    assert (workflow.name, workflow.version) == ("of one's own", 1)
    assert workflow.id in [one.id for one in client.workflows.list(limit=5)]
    again = joint(client, "of one's own").workflow
    assert (again.id, again.version) == (workflow.id, 1)  # nothing is another
    outputs = {**w.definition()["outputs"], "k": {"node": "stiffness", "at": "/stiffness"}}
    assert workflow.update(definition={"outputs": outputs}, description="d").version == 2
    assert [one.version for one in workflow.versions()] == [2, 1]
    assert workflow.latest is None
    run = workflow.execute(INPUTS, version=1).wait(30)
    assert (run.version, workflow.latest.id) == (1, run.id)
    assert [one.id for one in workflow.runs()] == [run.id]
    assert [one.id for one in workflow.runs(status="failed")] == []
    workflow.delete()
    with pytest.raises(NotFoundError):
        client.workflows.get(workflow.id)
    assert client.workflow_runs.get(run.id).status == "completed"
    assert joint(client, "of one's own").workflow.version == 1


def stress(force, section):
    return {"stress": force / section}


def test_an_input_has_whatever_name_it_has(client: MecaPy) -> None:
    with client.workflow("stress") as w:
        of = client.task(stress)(w.input("force"), w.input("section"))
        w.output(stress=of["stress"])
    assert w.execute(force=1000, section=10).result(timeout=30) == {"stress": 100.0}
    workflow = client.workflows.get("stress")
    assert workflow.id == w.workflow.id
    run = workflow.execute(force=1000, section=10, force_nodes=["stress"])
    assert run.result(timeout=30) == {"stress": 100.0}
    assert run.nodes["stress"].reused_from is None
    with client.workflow("fresh") as w:
        w.output(y=client.task(inverted)(w.input("fresh"))["y"])
    for one in (w, w.workflow):
        with pytest.raises(TypeError, match="`fresh` is an input of this workflow and an option"):
            one.execute(fresh=2)
        assert one.execute({"fresh": 2}, fresh=True).result(timeout=30) == {"y": 0.5}


def test_a_task_that_is_gone_is_told_by_its_node(client: MecaPy) -> None:
    task = client.tasks.create("gone", "def calculate(inputs):\n    return 1 / inputs['x']\n")
    with client.workflow("of a task that goes") as w:
        w.output(y=task(x=w.input("x")))
    run = w.execute(x=0).wait(30)
    task.delete()
    words = "^node gone: its task is not there any more; write the workflow again"
    with pytest.raises(InvalidRequestError, match=words):
        w.execute(x=1)
    with pytest.raises(NotFoundError, match=words) as caught:
        run.resume().result(timeout=30)
    assert caught.value.node == "gone"


def test_a_node_runs_for_each_element_of_a_list(client: MecaPy) -> None:
    with client.workflow("sweep") as w:
        case = w.each(w.input("cases"))
        y = client.task(inverted)(case["x"])
        twice = client.task(inverted)(w.each(y)["y"])
        w.output(all=y["y"], worst=client.task(worst)(y["y"]), back=twice["y"])
    run = w.execute(cases=[{"x": 1}, {"x": 2}, {"x": 4}]).wait(30)
    assert run.result() == {"all": [1.0, 0.5, 0.25], "worst": 0.25, "back": [1.0, 2.0, 4.0]}
    state = run.nodes["inverted"]
    assert (state.elements, state.ended, state.failed) == (3, 3, 0)
    assert [(element, one.result()["y"]) for element, one in run.runs("inverted")] == [
        (0, 1.0),
        (1, 0.5),
        (2, 0.25),
    ]


def test_arrays_go_from_node_to_node(client: MecaPy) -> None:
    def doubled(x):
        return 2 * x

    with client.workflow("arrays") as w:
        w.output(x=client.task(doubled)(client.task(doubled)(w.input("x"))))
    assert w.execute(x=np.array([1.0, 2.0])).result(timeout=30)["x"].tolist() == [4.0, 8.0]


def test_what_becomes_of_a_node_that_fails(client: MecaPy) -> None:
    f = client.task(inverted)
    with client.workflow("failing") as w:
        x = w.each(w.input("x"))
        some = w.node(f, "some", x=x, on_error="skip")
        stood_in = w.node(f, "stood_in", x=x, on_error="default", default={"y": -1})
        w.output(some=some["y"], stood_in=stood_in["y"])
    run = w.execute(x=[1, 0, 2]).wait(30)
    assert run.result() == {"some": [1.0, 0.5], "stood_in": [1.0, -1, 0.5]}
    assert (run.nodes["some"].failed, run.nodes["some"].error.element) == (1, 1)


def test_a_node_that_is_not_wanted_is_skipped(client: MecaPy) -> None:
    with client.workflow("wanted or not") as w:
        off = w.node(client.task(inverted), x=1, when=w.input("wanted"))
        w.output(y=off["y"])
    assert w.execute(wanted=True).result(timeout=30) == {"y": 1.0}
    run = w.execute(wanted=False).wait(30)
    assert run.nodes["inverted"].status == "skipped"


def test_a_failure_names_its_node(client: MecaPy) -> None:
    with client.workflow("divides") as w:
        w.output(y=client.task(inverted)(w.input("x")))
    run = w.execute(x=0)
    with pytest.raises(CalculationError, match="node inverted: ZeroDivisionError") as caught:
        run.result(timeout=30)
    assert (caught.value.node, caught.value.code) == ("inverted", "user_error")
    assert "return {" in caught.value.traceback
    assert (run.status, run.error.node) == ("failed", "inverted")
    with client.workflow("limited") as w:
        w.output(y=w.node(client.task(slow), x=w.input("x"), limits=Limits(timeout=0.2)))
    with pytest.raises(LimitError, match="node slow") as limited:
        w.execute(x=1).result(timeout=30)
    assert limited.value.code == "timeout"
    with client.workflow("misses") as w:
        w.output(y=client.task(inverted)(w.input("x")["there"]))
    with pytest.raises(RunError, match="node inverted") as missed:
        w.execute(x={}).result(timeout=30)
    assert missed.value.code == "invalid_inputs"


def test_a_failed_run_is_taken_up_again_where_it_failed(client: MecaPy) -> None:
    broken = "def calculate(inputs):\n    return inputs['x'] / 0\n"
    task = client.tasks.create("mended later", broken)
    with client.workflow("mended") as w:
        first = client.task(inverted)(w.input("x"))
        w.output(y=task(x=first["y"]))
    run = w.execute(x=2).wait(30)
    assert run.status == "failed"
    before = run.nodes["inverted"].run_id
    task.update(code="def calculate(inputs):\n    return inputs['x']\n")
    with pytest.raises(InvalidRequestError):
        run.resume(versions={"nobody": 1})
    run.resume(versions={"mended_later": task.version})
    assert run.result(timeout=30) == {"y": 0.5}
    assert (run.attempt, run.nodes["inverted"].run_id) == (2, before)
    with pytest.raises(ConflictError):
        run.resume()


def test_a_run_is_cancelled_with_what_runs_of_it(client: MecaPy) -> None:
    with client.workflow("slow") as w:
        w.output(y=client.task(slow)(w.input("x")))
    run = w.execute(x=1)
    with pytest.raises(WaitTimeout, match="it goes on"):
        run.wait(0.2)
    for event in run.stream():
        if isinstance(event, NodeEvent) and event.node.run_id is not None:
            break
    run.cancel()
    assert run.wait(20).status == "cancelled"
    assert run.cancel().status == "cancelled"
    with pytest.raises(RunCancelled):
        run.result()
    assert client.runs.get(run.nodes["slow"].run_id).wait(20).status == "cancelled"


def test_events_tell_each_node_until_the_end(client: MecaPy) -> None:
    run = joint(client).execute(INPUTS)
    events = list(run.stream())
    assert events[-1] == StatusEvent("completed", 1)
    ended = [e.node.name for e in events if isinstance(e, NodeEvent) and e.node.finished_at]
    assert set(ended) == {"stiffness", "preload", "fatigue"}
    assert list(run.stream())[-1] == StatusEvent("completed", 1)


def test_what_is_wrong_is_said_in_words_of_nodes(client: MecaPy) -> None:
    def write() -> None:
        with client.workflow("wrong") as w:
            w.node(ABSENT, "gone", x=w.input("x"))
            w.output(y=client.task(inverted)(w.input("x")))

    with pytest.raises(WorkflowError) as caught:
        write()
    assert "node gone, task: " in str(caught.value)
    assert "node gone: no output needs it" in str(caught.value)
    assert {one.pointer for one in caught.value.problems} == {"/nodes/gone/task", "/nodes/gone"}
    with pytest.raises(InvalidRequestError, match="bolt"):
        joint(client).execute()
    with pytest.raises(InvalidRequestError, match="bolts"):
        joint(client).execute(INPUTS, bolts=1)


def test_a_definition_is_looked_at_and_kept_nowhere(client: MecaPy) -> None:
    before = [one.id for one in client.workflows.list()]
    w = joint(client)
    found = client.workflows.check(w.definition())
    assert (found.nodes, found.order) == (3, ("stiffness", "preload", "fatigue"))
    assert w.workflow.id not in before or before == [one.id for one in client.workflows.list()]
    kept = client.workflows.create("by hand", w.definition(), description="d")
    assert kept.execute(INPUTS).result(timeout=30)["margin"] == 80.0


def test_the_same_on_an_event_loop(server: Server) -> None:
    async def story() -> None:
        async with AsyncMecaPy(token=DEV_TOKEN, base_url=server.url) as client:
            async with client.workflow("awaited") as w:
                y = client.task(inverted)(w.each(w.input("x")))
                w.output(y=y["y"], worst=client.task(worst)(y["y"]))
            run = await w.execute(x=[1, 2])
            assert await run.result(timeout=30) == {"y": [1.0, 0.5], "worst": 0.5}
            assert run.nodes["inverted"].elements == 2
            assert [element async for element, _ in run.runs("inverted")] == [0, 1]
            assert [event async for event in run.stream()][-1] == StatusEvent("completed", 1)
            workflow = await client.workflows.get(w.workflow.id)
            assert (await workflow.latest()).id == run.id
            assert [one.version async for one in workflow.versions()] == [1]
            failed = await (await w.execute(x=[0])).wait(30)
            with pytest.raises(CalculationError, match="node inverted, element 0"):
                await failed.result()
            await failed.resume(force_nodes=["inverted"])
            assert (await failed.wait(30)).status == "failed"
            assert failed.attempt == 2
            await workflow.delete()

    asyncio.run(story())


# What the contract says


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (NodeState, "WorkflowRunNode"),
        (NodeFailure, "WorkflowError"),
        (WorkflowCheck, "WorkflowCheck"),
        (WorkflowEstimate, "WorkflowEstimate"),
    ],
)
def test_what_comes_has_the_members_of_the_contract(
    kind: type,
    schema: str,
    schemas: dict[str, Json],  # noqa: F811
) -> None:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    assert set(fields) == set(schemas[schema]["properties"])
    needed = {name for name, one in fields.items() if one.default is dataclasses.MISSING}
    assert needed == set(schemas[schema]["required"])
    assert documented(kind) == set(fields)


@pytest.mark.parametrize(
    ("kind", "schema", "unshown"),
    [
        (Workflow, "Workflow", {"workflow_id"}),
        (AsyncWorkflow, "Workflow", {"workflow_id"}),
        (WorkflowRun, "WorkflowRun", {"workflow_run_id"}),
        (AsyncWorkflowRun, "WorkflowRun", {"workflow_run_id"}),
    ],
)
def test_handles_show_what_the_contract_tells(
    kind: type,
    schema: str,
    unshown: set[str],
    schemas: dict[str, Json],  # noqa: F811
) -> None:
    members = set(schemas[schema]["properties"])
    assert {name for name in members if not hasattr(kind, name)} == unshown


OPTIONS_OF_NODE = {"for_each": "each"}


def test_a_node_is_written_by_the_members_of_the_contract(
    schemas: dict[str, Json],  # noqa: F811
) -> None:
    members = schemas["WorkflowNode"]["properties"]
    shown = set(inspect.signature(WorkflowBuilder.node).parameters) - {"self", "name", "named"}
    assert shown == {OPTIONS_OF_NODE.get(name, name) for name in members}


# What is somebody else's

ARGUMENTS: dict[type, dict[str, tuple[Any, ...]]] = {
    mecapy.Workflows: {
        "get": (ABSENT,),
        "create": ("x", {"nodes": {}, "outputs": {}}),
        "check": ({"nodes": {}, "outputs": {}},),
    },
    mecapy.WorkflowRuns: {"get": (ABSENT,)},
    WorkflowRun: {"runs": ("stiffness",)},
}


@pytest.fixture(scope="module")
def strange(server: Server, client: MecaPy) -> Any:
    """What somebody has who holds a workflow of another user, and a run of it."""
    w = joint(client, "not his")
    run = client.workflow_runs.get(w.execute(INPUTS).wait(30).id)
    token = server.add_user("stranger-to-workflows")
    things: dict[type, Any] = {}
    for client_of, kinds in ((MecaPy, list(WORKFLOW_TWINS)), (AsyncMecaPy, twins())):
        one = client_of(token=token, base_url=server.url)
        many, workflow, many_runs, run_of, _ = kinds
        told = (workflow(one, w.workflow._told), run_of(one, run._told))
        for kind, thing in zip(kinds, (many(one), told[0], many_runs(one), told[1]), strict=False):
            things[kind] = thing
    yield things
    things[Workflow]._client.close()


def twins() -> list[type]:
    return list(WORKFLOW_TWINS.values())


def kept_calls() -> list[tuple[type, str]]:
    """Each method of what is kept."""
    builders = ("WorkflowBuilder", "AsyncWorkflowBuilder")
    return [one for one in calls(WORKFLOW_TWINS) if one[0].__name__ not in builders]


@pytest.mark.parametrize(("kind", "name"), kept_calls(), ids=lambda x: getattr(x, "__name__", x))
def test_who_asks_for_what_is_not_his_is_told_as_the_docstring_says(
    strange: dict[type, Any], kind: type, name: str
) -> None:
    blocking: Callable[..., Any] = next(
        (one for one, other in WORKFLOW_TWINS.items() if other is kind), kind
    )
    # One that has ended waits for nothing, and needs no server.
    if name in ("wait", "result"):
        strange[kind]._told = strange[kind]._told | {"status": "running"}
    told = asyncio.run(outcome(strange[kind], name, ARGUMENTS.get(blocking, {}).get(name, ())))
    assert ("NotFoundError" in raises(getattr(kind, name))) is (told == "NotFoundError")


def talkative(x):
    from mecapy import progress

    print("begun with", x, flush=True)
    progress(0.5, "half")
    return x


def test_what_nodes_print_is_in_the_stream(client: MecaPy) -> None:
    with client.workflow("talks") as w:
        w.output(y=client.task(talkative)(w.input("x")))
    told = list(w.execute(x=0.123).stream())
    assert LogEvent("begun with 0.123\n", "talkative") in told


def test_runs_of_nodes_are_listed_by_their_workflow_run(client: MecaPy) -> None:
    run = joint(client).execute(INPUTS)
    run.wait(30)
    listed = list(client.runs.list(workflow_run_id=run.id))
    assert {one.id for one in listed} == {node.run_id for node in run.nodes.values()}
    assert {one.workflow_run_id for one in listed} == {run.id}
    alone = client.runs.list(workflow_run_id="none", limit=20)
    assert {one.workflow_run_id for one in alone} <= {None}
