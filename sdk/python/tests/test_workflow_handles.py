"""Workflows and their runs as both clients tell them, by a server that answers as it is told."""

import asyncio
import json
import pickle
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
from scripted import Answer, Scripted, scripted

from mecapy import (
    AsyncMecaPy,
    BudgetExhausted,
    BudgetWarning,
    CalculationError,
    ConflictError,
    InvalidRequestError,
    LimitError,
    LogEvent,
    MecaPy,
    MecaPyError,
    NodeEvent,
    NodeFailure,
    NotFoundError,
    PlatformError,
    Progress,
    ProgressEvent,
    RunCancelled,
    RunError,
    StatusEvent,
    UsageError,
    WaitTimeout,
    WorkflowError,
    _notebook,
)

W = "01a218fd-7c32-7000-b47b-4bd94c0872bb"
MADE = {"created_at": "2026-11-27T12:00:00Z", "updated_at": "2026-11-27T13:00:00Z"}
SUMMARY = {"id": W, "workflow_id": W, "name": "joint", "description": "d", "version": 3, **MADE}
PARTS = {
    "inputs": {"bolt": {}, "torque": {"default": 80}},
    "nodes": {"k": {"task": "t", "inputs": {}}},
    "outputs": {"margin": {"node": "k", "at": "/margin"}},
}
WORKFLOW = SUMMARY | PARTS
BEGUN = {"status": "running", "workflow_id": W, "workflow_run_id": "r"}
K = {"name": "k", "task_id": "t", "version": 2, "status": "running", "run_id": "k1"}
EACH = {"name": "f", "task_id": "t", "version": 1, "status": "running", "elements": 9, "ended": 4}
EACH |= {"failed": 1, "reused": 2}
RUNNING = {
    **{"id": "r", "workflow_run_id": "r", "workflow_id": W, "version": 3, "status": "running"},
    **{"attempt": 1, "cancel_requested": False, "nodes": [K, EACH]},
    "queued_at": "2026-11-27T12:00:00Z",
}
TIMES = {"started_at": "2026-11-27T12:00:00Z", "finished_at": "2026-11-27T12:00:01.500Z"}
DONE = {
    **RUNNING,
    **{"status": "completed", "finished_at": "2026-11-27T12:00:02Z"},
    "nodes": [K | {"status": "completed", **TIMES}, EACH | {"status": "completed"}],
}
WHY = {"code": "user_error", "message": "ZeroDivisionError: division by zero", "run_id": "k1"}
FAILED = RUNNING | {
    "status": "failed",
    "error": WHY | {"node": "k"},
    "nodes": [K | {"status": "failed", "error": WHY}, EACH | {"status": "waiting"}],
}
TRACE = 'Traceback:\n  File "calc.py", line 7, in stiffness\nZeroDivisionError: division by zero'
NODE_RUN = {"id": "k1", "run_id": "k1", "task_id": "t", "status": "failed"}
NODE_RUN["error"] = {"code": "user_error", "message": WHY["message"], "fault": "calculation"}
NODE_RUN["error"] |= {"traceback": TRACE, "line": 7}


def client_of(server: Scripted) -> MecaPy:
    return MecaPy(base_url=server.url, token="t", retries=0)


async def settled(value: Any) -> Any:
    """What came of a call of either client; of what is gone through, a list."""
    if isinstance(value, Awaitable):
        return await value
    if isinstance(value, AsyncIterator):
        return [one async for one in value]
    return list(value) if hasattr(value, "__next__") else value


def told(server: Scripted) -> list[tuple[str, str, Any]]:
    """Method, path and body of each request."""
    return [(a.method, a.path, json.loads(a.body) if a.body else None) for a in server.asked]


BOTH = pytest.mark.parametrize("kind", [MecaPy, AsyncMecaPy], ids=lambda kind: kind.__name__)


def play(kind: type, story: Any, *answers: Answer) -> list[tuple[str, str, Any]]:
    """What is asked while a story is played with a client of this kind."""
    with scripted(*answers) as server:

        async def whole() -> None:
            client = kind(base_url=server.url, token="t", retries=0)
            await story(client)
            await settled(client.close())

        asyncio.run(whole())
        return told(server)


@BOTH
def test_a_workflow_as_it_is_told(kind: type) -> None:
    async def story(client: Any) -> None:
        workflow = await settled(client.workflows.get(W, version=3))
        assert (workflow.id, workflow.name, workflow.version) == (W, "joint", 3)
        assert workflow.description == "d"
        assert (workflow.updated_at - workflow.created_at).total_seconds() == 3600
        assert {part: getattr(workflow, part) for part in PARTS} == PARTS
        assert workflow.definition == PARTS
        assert repr(workflow).endswith(f"Workflow 'joint' version 3 id={W}>")

    assert play(kind, story, Answer(200, WORKFLOW)) == [
        ("GET", f"/api/workflows/{W}?version=3", None)
    ]


@BOTH
def test_workflows_are_made_looked_at_changed_and_hidden(kind: type) -> None:
    async def story(client: Any) -> None:
        workflow = await settled(client.workflows.create("joint", PARTS, description="d"))
        found = await settled(client.workflows.check(PARTS))
        assert (found.nodes, found.order, found.estimate.eur) == (1, ("k",), None)
        assert (found.estimate.duration_s, found.estimate.complete) == (2.5, False)
        changed = await settled(workflow.update(name="n", definition={"nodes": PARTS["nodes"]}))
        assert changed is workflow
        assert workflow.version == 4
        await settled(workflow.update(description=""))
        await settled(workflow.delete())
        for wrong in ({"node": {}}, {"name": "n"}):
            with pytest.raises(UsageError, match="inputs, nodes, outputs, and no"):
                await settled(client.workflows.check(wrong))

    check = {"nodes": 1, "order": ["k"], "estimate": {"duration_s": 2.5, "complete": False}}
    answers = [Answer(201, WORKFLOW), Answer(200, check), Answer(200, WORKFLOW | {"version": 4})]
    assert play(kind, story, *answers, Answer(200, WORKFLOW), Answer(204, b"")) == [
        ("POST", "/api/workflows", {"name": "joint", "description": "d", **PARTS}),
        ("POST", "/api/workflows/check", PARTS),
        ("PATCH", f"/api/workflows/{W}", {"name": "n", "nodes": PARTS["nodes"]}),
        ("PATCH", f"/api/workflows/{W}", {"description": ""}),
        ("DELETE", f"/api/workflows/{W}", None),
    ]


@BOTH
def test_workflows_of_a_list_and_of_each_version(kind: type) -> None:
    async def story(client: Any) -> None:
        [first, second] = await settled(client.workflows.list(limit=2))
        assert (first.version, second.name) == (3, "other")
        if kind is AsyncMecaPy:
            assert (first.nodes, first.definition) == (None, None)
        versions = await settled(second.versions())
        assert [one.version for one in versions] == [2, 1]

    page = {"items": [SUMMARY, SUMMARY | {"id": "v", "name": "other"}]}
    older = [Answer(200, WORKFLOW | {"version": number}) for number in (2, 1)]
    assert play(kind, story, Answer(200, page), *older) == [
        ("GET", "/api/workflows?limit=2", None),
        ("GET", "/api/workflows/v", None),
        ("GET", "/api/workflows/v?version=1", None),
    ]


def test_a_workflow_of_a_list_asks_for_what_lists_do_not_tell() -> None:
    with scripted(Answer(200, {"items": [SUMMARY]}), Answer(200, WORKFLOW)) as server:
        [workflow] = client_of(server).workflows.list()
        assert workflow.nodes == PARTS["nodes"]
        assert workflow.definition == PARTS
    assert len(server.asked) == 2


@BOTH
def test_a_workflow_is_run_with_inputs_by_name(kind: type) -> None:
    async def story(client: Any) -> None:
        workflow = await settled(client.workflows.get(W))
        run = await settled(workflow.execute(bolt={"d": 12}, torque=80))
        assert (run.id, run.workflow_id) == ("r", W)
        await settled(
            workflow.execute({"version": 1, "x": {1}}, version=2, force_nodes=("k",), y=1)
        )
        await settled(workflow.execute(force_nodes="k", fresh=True))
        with pytest.raises(TypeError, match="input x is given twice"):
            await settled(workflow.execute({"x": 1}, x=2))

    asked = play(kind, story, Answer(200, WORKFLOW), *[Answer(202, BEGUN)] * 3)
    assert {(method, path) for method, path, _ in asked[1:]} == {
        ("POST", f"/api/workflows/{W}/execute")
    }
    assert [body for _, _, body in asked[1:]] == [
        {"inputs": {"bolt": {"d": 12}, "torque": 80}},
        {
            "inputs": {"version": 1, "x": {"$type": "set", "value": [1]}, "y": 1},
            "version": 2,
            "force": ["k"],
        },
        {"force": ["k"]},
    ]


OPTIONED = WORKFLOW | {"inputs": dict.fromkeys(("fresh", "version", "inputs", "force", "self"), {})}


@BOTH
@pytest.mark.parametrize("option", ["fresh", "version", "inputs"])
def test_an_option_swallows_no_input(kind: type, option: str) -> None:
    words = f"`{option}` is an input of this workflow and an option of execute: give inputs as"

    async def story(client: Any) -> None:
        workflow = await settled(client.workflows.get(W))
        [of_a_list] = await settled(client.workflows.list())
        for one, value in ((workflow, {"a": 1}), (workflow, None), (of_a_list, False)):
            with pytest.raises(TypeError, match=f"^{words} execute") as caught:
                await settled(one.execute(**{option: value}))
            assert str(caught.value).endswith(f'execute({{"{option}": ...}})')
        await settled(workflow.execute({option: 1}))
        await settled(workflow.execute({"version": 1, "fresh": 2}, version=2, fresh=True))
        await settled(workflow.execute(inputs={"inputs": 1}, force=1000, self=2))

    listed = [Answer(200, {"items": [SUMMARY]}), Answer(200, OPTIONED)]
    asked = play(kind, story, Answer(200, OPTIONED), *listed, *[Answer(202, BEGUN)] * 3)
    assert [body for *_, body in asked[3:]] == [
        {"inputs": {option: 1}},
        {"inputs": {"version": 1, "fresh": 2}, "version": 2},
        {"inputs": {"inputs": 1, "force": 1000, "self": 2}},
    ]


def test_a_fresh_run_asks_that_nothing_is_reused() -> None:
    told_too = Answer(202, BEGUN, {"MecaPy-Warning": "nearly spent"})
    with scripted(Answer(200, WORKFLOW), told_too, Answer(202, BEGUN)) as server:
        workflow = client_of(server).workflows.get(W)
        with pytest.warns(BudgetWarning, match="nearly spent"):
            workflow.execute(fresh=True)
        workflow.execute()
        fresh, other = server.asked[1:]
    assert fresh.headers["cache-control"] == "no-cache"
    assert "cache-control" not in other.headers
    assert fresh.headers["idempotency-key"] != other.headers["idempotency-key"]


@BOTH
def test_the_latest_run_of_a_workflow(kind: type) -> None:
    async def story(client: Any) -> None:
        workflow = await settled(client.workflows.get(W))
        for expected in (None, "r"):
            latest = workflow.latest
            run = await latest() if callable(latest) else latest
            assert (run and run.id) == expected
        runs = await settled(workflow.runs(status="failed", limit=1))
        assert [one.id for one in runs] == ["r"]
        runs = await settled(client.workflow_runs.list())
        assert [one.id for one in runs] == ["r"]

    never = {"workflow_id": W, "workflow_run_id": None, "status": None}
    summary = {name: value for name, value in DONE.items() if name != "nodes"}
    page = Answer(200, {"items": [summary]})
    answers = [Answer(200, never), Answer(200, DONE), page, page]
    asked = play(kind, story, Answer(200, WORKFLOW), *answers)
    assert [path for _, path, _ in asked[1:]] == [
        f"/api/workflows/{W}/status",
        f"/api/workflows/{W}/status",
        f"/api/workflow-runs?workflow_id={W}&status=failed&limit=1",
        "/api/workflow-runs?limit=100",
    ]


@BOTH
def test_how_far_the_nodes_of_a_run_are(kind: type) -> None:
    async def story(client: Any) -> None:
        run = await settled(client.workflow_runs.get("r"))
        assert list(run.nodes) == ["k", "f"]
        k, each = run.nodes["k"], run.nodes["f"]
        assert (k.task_id, k.version, k.status, k.run_id) == ("t", 2, "completed", "k1")
        assert (k.finished_at - k.started_at).total_seconds() == 1.5
        assert (k.elements, k.error, k.by_default) == (None, None, False)
        assert (each.elements, each.ended, each.failed, each.reused) == (9, 4, 1, 2)
        assert (run.status, run.attempt, run.version, run.ended) == ("completed", 1, 3, True)
        assert (run.error, run.cost_eur, run.cancel_requested) == (None, None, False)
        assert (run.finished_at - run.queued_at).total_seconds() == 2

    assert len(play(kind, story, Answer(200, DONE))) == 1


def test_what_may_change_is_asked_for_until_the_end() -> None:
    answers = [Answer(200, one) for one in (RUNNING, RUNNING | {"attempt": 2}, DONE)]
    with scripted(Answer(200, WORKFLOW), Answer(202, BEGUN), *answers) as server:
        run = client_of(server).workflows.get(W).execute()
        assert run.nodes["k"].status == "running"
        assert run.attempt == 2
        assert run.status == "completed"
        assert run.nodes["k"].status == "completed"
        assert len(server.asked) == 5
        assert run.refresh().status == "completed"
        assert len(server.asked) == 6


def test_an_awaited_run_is_as_it_was_told() -> None:
    async def story(client: Any) -> None:
        run = await (await client.workflows.get(W)).execute()
        assert (run.nodes, run.version, run.attempt, run.status) == ({}, None, 0, "running")
        assert (await run.refresh()).nodes["k"].status == "running"
        assert repr(run) == "<AsyncWorkflowRun running id=r>"

    answers = [Answer(200, WORKFLOW), Answer(202, BEGUN), Answer(200, RUNNING)]
    assert len(play(AsyncMecaPy, story, *answers)) == 3


@BOTH
def test_the_result_is_the_outputs_by_name(kind: type) -> None:
    async def story(client: Any) -> None:
        run = await settled(client.workflow_runs.get("r"))
        result = await settled(run.result(timeout=5))
        assert result == {"margin": 1.5, "all": {1, 2}, "plot": {"$type": "artifact", "name": "f"}}
        assert await settled(run.result()) is result
        assert (await settled(run.wait())) is run

    outputs = {"margin": 1.5, "all": {"$type": "set", "value": [1, 2]}}
    outputs["plot"] = {"$type": "artifact", "name": "f"}
    asked = play(kind, story, Answer(200, RUNNING), Answer(200, DONE | {"result": outputs}))
    assert len(asked) == 2
    assert asked[1][1].startswith("/api/workflow-runs/r/results?wait=")


@BOTH
def test_who_waits_in_vain_is_told(kind: type) -> None:
    async def story(client: Any) -> None:
        run = await settled(client.workflow_runs.get("r"))
        with pytest.raises(WaitTimeout, match=r"workflow run r is running after 0\.05 s; it goes"):
            await settled(run.wait(0.05))

    play(kind, story, Answer(200, RUNNING))


def raised(record: Any, *answers: Answer) -> Any:
    """What the result of a failed run raises in both clients."""
    caught: list[MecaPyError] = []
    for kind in (MecaPy, AsyncMecaPy):

        async def story(client: Any) -> None:
            run = await settled(client.workflow_runs.get("r"))
            for _ in range(2):  # and is asked for once
                with pytest.raises(MecaPyError) as one:
                    await settled(run.result())
            caught.append(one.value)

        asked = play(kind, story, Answer(200, RUNNING), Answer(200, record), *answers)
        assert len(asked) == 2 + len(answers)
    one, other = caught
    assert (type(one), str(one), one.node) == (type(other), str(other), other.node)
    assert pickle.loads(pickle.dumps(one)).node == one.node
    return one


def test_a_failure_is_that_of_the_node_as_its_run_tells_it() -> None:
    error = raised(FAILED, Answer(200, NODE_RUN))
    assert type(error) is CalculationError
    assert (error.node, error.element, error.code, error.run_id) == ("k", None, "user_error", "k1")
    assert str(error).startswith("node k: ZeroDivisionError: division by zero\nTraceback")
    assert (error.line, "line 7, in stiffness" in error.traceback) == (7, True)


@BOTH
def test_a_failure_that_was_told_before_is_that_of_the_node_too(kind: type) -> None:
    async def story(client: Any) -> None:
        run = await settled(client.workflow_runs.get("r"))
        assert run.status == "failed"
        with pytest.raises(CalculationError, match="line 7, in stiffness"):
            await settled(run.result())

    play(kind, story, Answer(200, FAILED), Answer(200, FAILED), Answer(200, NODE_RUN))


@pytest.mark.parametrize("answer", [Answer(404, {"detail": "no such run"}), Answer(200, K | BEGUN)])
def test_a_failure_whose_run_tells_nothing_is_what_the_workflow_says(answer: Answer) -> None:
    error = raised(FAILED, answer)
    assert (type(error), error.node) == (CalculationError, "k")
    assert str(error) == "node k: ZeroDivisionError: division by zero"
    assert error.failure.fault == "calculation"


def failing(code: str, **others: Any) -> Any:
    """A run whose node failed without a run that could be asked."""
    return RUNNING | {"status": "failed", "error": {"code": code, "message": "m", **others}}


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ({"code": "out_of_memory", "node": "k"}, LimitError, "node k: m; ask for more: .*memory"),
        ({"code": "timeout", "node": "f", "element": 3}, LimitError, "node f, element 3: m"),
        ({"code": "invalid_result", "node": "k"}, CalculationError, "node k: m"),
        ({"code": "worker_lost", "node": "k"}, PlatformError, r"node k: m \(workflow run r\)"),
        ({"code": "of_tomorrow", "node": "k"}, PlatformError, "node k: m"),
        ({"code": "invalid_inputs", "node": "k"}, RunError, "^node k: m$"),
        ({"code": "invalid_inputs"}, RunError, "^m$"),  # of an output
        ({"code": "budget_exhausted", "node": "k"}, BudgetExhausted, "^node k: m$"),
        ({"code": "not_found", "node": "k"}, NotFoundError, "^node k: its task is not there any"),
    ],
)
def test_a_failure_is_told_by_whose_fault_it_was(error: Any, kind: type, words: str) -> None:
    told = raised(failing(**error))
    assert type(told) is kind
    assert told.code == error["code"]
    assert (told.node, told.element) == (error.get("node"), error.get("element"))
    with pytest.raises(kind, match=words):
        raise told


@BOTH
def test_a_failed_run_says_which_node_and_why_without_raising(kind: type) -> None:
    async def story(client: Any) -> None:
        run = await settled(client.workflow_runs.get("r"))
        assert run.error == NodeFailure("user_error", WHY["message"], "k", "k1")
        assert run.nodes["k"].error == run.error
        assert (run.status, run.nodes["f"].status) == ("failed", "waiting")

    play(kind, story, Answer(200, FAILED))


def test_a_cancelled_run_raises_so() -> None:
    error = raised(RUNNING | {"status": "cancelled"})
    assert type(error) is RunCancelled
    assert str(error) == "workflow run r was cancelled"


CONFLICT = Answer(409, {"detail": "it has ended", "code": "conflict"})


@BOTH
def test_runs_are_cancelled_and_taken_up_again(kind: type) -> None:
    async def story(client: Any) -> None:
        run = await settled(client.workflow_runs.get("r"))
        assert (await settled(run.cancel())).status == "cancelled"
        again = await settled(run.resume(versions={"k": 2}, force_nodes=["f"]))
        assert again is run
        assert not run.ended
        await settled(run.resume(force_nodes="f"))
        assert await settled(run.result()) == {"margin": 1}
        assert (await settled(run.cancel())).ended  # it was quicker
        with pytest.raises(ConflictError, match="it has ended"):
            await settled(run.resume())

    cancelled = Answer(200, RUNNING | {"status": "cancelled"})
    begun = Answer(202, BEGUN)
    done = Answer(200, DONE | {"result": {"margin": 1}})
    answers = [cancelled, begun, begun, done, CONFLICT, done, CONFLICT]
    asked = play(kind, story, Answer(200, RUNNING), *answers)
    assert asked[1] == ("POST", "/api/workflow-runs/r/cancel", None)
    assert asked[2][1:] == ("/api/workflow-runs/r/resume", {"versions": {"k": 2}, "force": ["f"]})
    assert asked[3][2] == {"force": ["f"]}
    assert asked[-1][2] == {}


@BOTH
def test_runs_of_a_node_have_their_elements(kind: type) -> None:
    async def story(client: Any) -> None:
        run = await settled(client.workflow_runs.get("r"))
        found = await settled(run.runs("f"))
        assert [(element, one.id) for element, one in found] == [(0, "a"), (2, "b")]
        assert found[1][1].ended

    items = [{**NODE_RUN, "element": 0, "id": "a"}, {**NODE_RUN, "element": 2, "id": "b"}]
    pages = [{"items": items[:1], "next": "+a"}, {"items": items[1:]}]
    asked = play(kind, story, Answer(200, DONE), *[Answer(200, page) for page in pages])
    assert [path for _, path, _ in asked[1:]] == [
        "/api/workflow-runs/r/nodes/f?limit=100",
        "/api/workflow-runs/r/nodes/f?cursor=%2Ba&limit=100",
    ]


def streamed(*events: tuple[str, str, Any]) -> Answer:
    text = "".join(f"id: {i}\nevent: {n}\ndata: {json.dumps(d)}\n\n" for i, n, d in events)
    return Answer(200, f": begins\n\n{text}".encode(), {"Content-Type": "text/event-stream"})


def status(name: str, attempt: int) -> Any:
    return {"status": name, "attempt": attempt}


def log(at: int, text: str) -> Any:
    return {"node": "f", "run_id": "r", "attempt": 1, "at": at, "text": text}


@BOTH
def test_events_go_on_behind_a_break_and_an_earlier_end(kind: type) -> None:
    async def story(client: Any) -> None:
        run = await settled(client.workflow_runs.get("r"))
        events = await settled(run.stream())
        assert [one for one in events if isinstance(one, StatusEvent)] == [
            StatusEvent("failed", 1),
            StatusEvent("running", 2),
            StatusEvent("completed", 2),
        ]
        nodes = [one.node for one in events if isinstance(one, NodeEvent)]
        assert [(one.name, one.status, one.ended) for one in nodes] == [("f", "running", 4)]
        logs = [(one.text, one.node) for one in events if isinstance(one, LogEvent)]
        assert logs == [("eins zw", "f"), ("ei", "f")]
        assert ProgressEvent(Progress(0.5, ""), "f") in events

    first = streamed(
        ("1", "status", status("failed", 1)),
        ("2", "status", status("running", 2)),
        ("2", "log", log(0, "eins zw")),
    )
    last = streamed(
        ("2", "log", log(0, "eins ")),
        ("2", "log", log(5, "zwei")),
        ("2", "progress", {"node": "f", "run_id": "r", "progress": {"fraction": 0.5}}),
        ("3", "node", EACH),
        ("4", "later", {}),
        ("5", "status", status("completed", 2)),
    )
    with scripted(Answer(200, DONE), first, last) as server:

        async def whole() -> None:
            client = kind(base_url=server.url, token="t", retries=0)
            await story(client)
            await settled(client.close())

        asyncio.run(whole())
        [_, begun, again] = server.asked
    assert begun.path == again.path == "/api/workflow-runs/r/events"
    assert "last-event-id" not in begun.headers
    assert again.headers["last-event-id"] == "2"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("workflow", r"workflows\.list\(\) shows yours"),
        ("workflow run", r"workflow_runs\.list\(\) shows yours"),
    ],
)
def test_what_is_not_there_says_how_to_find_it(what: str, words: str) -> None:
    gone = Answer(404, {"detail": f"no such {what}"})
    with scripted(gone) as server, pytest.raises(NotFoundError, match=words):
        client_of(server).workflow_runs.get("r")


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"workflow_run_id": "r"},
        RUNNING | {"nodes": [{}]},
        RUNNING | {"status": "failed"},
        RUNNING | {"status": 3},
        [],
    ],
)
def test_a_run_that_cannot_be_read_is_the_platforms_fault(broken: Any) -> None:
    with scripted(Answer(200, broken)) as server, pytest.raises(PlatformError):
        client_of(server).workflow_runs.get("r")


@BOTH
def test_a_workflow_is_found_by_its_name(kind: type) -> None:
    async def story(client: Any) -> None:
        assert (await settled(client.workflows.get("py vessel"))).id == W
        assert (await settled(client.workflows.get("py vessel", version=2))).id == W
        with pytest.raises(UsageError, match="several of your workflows are named 'two': v, u"):
            await settled(client.workflows.get("two"))
        with pytest.raises(NotFoundError, match="named 'py vesel': did you mean 'py vessel'"):
            await settled(client.workflows.get("py vesel"))
        with pytest.raises(NotFoundError, match=r"workflows\.list\(\) shows yours"):
            await settled(client.workflows.get("else"))
        with pytest.raises(UsageError, match="an id is a text"):
            await settled(client.workflows.get(3))

    first = [SUMMARY | {"name": "two", "id": "v"}, SUMMARY | {"name": "two", "id": "u"}]
    pages = [Answer(200, {"items": first, "next": "+"})]
    pages += [Answer(200, {"items": [SUMMARY | {"name": "py vessel"}]})]
    found = [*pages, Answer(200, WORKFLOW)]
    asked = play(kind, story, *found, *found, *pages * 3)
    assert [path for _, path, _ in asked[:6]] == [
        *("/api/workflows?limit=100", "/api/workflows?cursor=%2B&limit=100"),
        f"/api/workflows/{W}",
        *("/api/workflows?limit=100", "/api/workflows?cursor=%2B&limit=100"),
        f"/api/workflows/{W}?version=2",
    ]


def test_inputs_that_will_not_do_are_told() -> None:
    problem = {"pointer": "/inputs/bolt", "detail": "it is missing"}
    wrong = Answer(422, {"code": "invalid_fields", "detail": "no", "errors": [problem]})
    with scripted(Answer(200, WORKFLOW), wrong) as server:
        workflow = client_of(server).workflows.get(W)
        with pytest.raises(InvalidRequestError, match="bolt: it is missing") as caught:
            workflow.execute()
    assert not isinstance(caught.value, WorkflowError)


REFUSED = [
    {"pointer": "/inputs/a~1b", "detail": "is required"},
    {"pointer": "/force/0", "detail": "there is no such node"},
    {"pointer": "/versions/k", "detail": "its task has no version 3"},
    {"pointer": "/nodes/k", "detail": "its task is not there any more"},
    {"pointer": "/nodes/k/task", "detail": "its task is not there any more"},
    {"pointer": "/inputs", "detail": "must be an object"},
]
IN_WORDS = """the run cannot begin:
  input a/b: is required
  force_nodes: there is no such node
  versions, node k: its task has no version 3
  node k: its task is not there any more; write the workflow again, or one with another task
  node k, task: its task is not there any more; write the workflow again, or one with another task
  inputs: must be an object"""


@BOTH
def test_what_keeps_a_run_from_beginning_is_said_in_words(kind: type) -> None:
    async def story(client: Any) -> None:
        workflow = await settled(client.workflows.get(W))
        run = await settled(client.workflow_runs.get("r"))
        for call in (workflow.execute, run.resume):
            with pytest.raises(InvalidRequestError) as caught:
                await settled(call())
            assert (type(caught.value), str(caught.value)) == (InvalidRequestError, IN_WORDS)
            assert [one.pointer for one in caught.value.problems] == [
                one["pointer"] for one in REFUSED
            ]
        with pytest.raises(InvalidRequestError, match=r"^node k: its task is not there any more;"):
            await settled(workflow.execute())
        with pytest.raises(InvalidRequestError, match="^too large$"):
            await settled(workflow.execute())

    def refused(*problems: Any) -> Answer:
        return Answer(422, {"code": "invalid_fields", "detail": "no", "errors": problems})

    too_large = Answer(413, {"detail": "too large"})
    several = refused(*REFUSED)
    answers = [Answer(200, WORKFLOW), Answer(200, FAILED), several, several, refused(REFUSED[3])]
    play(kind, story, *answers, too_large)


def test_a_notebook_shows_a_row_a_node_and_nothing_of_it_is_markup() -> None:
    with scripted(Answer(200, DONE | {"result": {"margin": 1.5}})) as server:
        shown = client_of(server).workflow_runs.get("r")._repr_html_()
    assert shown.count("<tr>") == 4  # heads, nodes, end
    assert "MecaPy workflow run r" in shown
    assert "1.500 s" in shown
    assert "4 of 9, 1 failed, 2 reused" in shown
    assert "margin" in shown
    message = "<script>x</script>"
    wrong = WHY | {"message": message, "node": "<k>"}
    record = FAILED | {"error": wrong, "nodes": [K | {"name": "<k>", "error": wrong}]}
    shown = _notebook.workflow_run_html(record)
    assert "<script>" not in shown
    assert "<k>" not in shown
    assert shown.count("&lt;script&gt;") == 2
    shown = _notebook.workflow_run_html(
        RUNNING | {"nodes": [K | {"reused_from": "x"}, K | {"by_default": True}]}
    )
    assert ">reused<" in shown
    assert ">its default<" in shown
