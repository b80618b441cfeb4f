"""Workflows as tests write them."""

from collections.abc import Iterator
from typing import Any

from support.api import Api, Json, expect
from support.sse import Event, read_events

ADD = "def calculate(inputs):\n    return {'n': inputs.get('a', 0) + inputs.get('b', 0)}\n"


def node(task: Json, **inputs: Json) -> Json:
    """A node of a task, with its sources."""
    return {"task": task["id"], "inputs": inputs}


def value(constant: object) -> Json:
    """A constant."""
    return {"value": constant}


def given(name: str, at: str = "") -> Json:
    """What the workflow is given."""
    return {"input": name, "at": at}


def of(name: str, at: str = "") -> Json:
    """The result of a node."""
    return {"node": name, "at": at}


def create(api: Api, nodes: Json, outputs: Json, inputs: Json | None = None) -> str:
    """A new workflow; its id."""
    body = {"name": "e2e", "nodes": nodes, "outputs": outputs, "inputs": inputs or {}}
    return str(expect(api.post("/api/workflows", body), 201)["id"])


def start(api: Api, workflow: str, **body: Any) -> str:
    """Execute it without waiting; the id of the run of it."""
    accepted = expect(api.post(f"/api/workflows/{workflow}/execute", body), 202)
    return str(accepted["workflow_run_id"])


def execute(api: Api, workflow: str, wait_s: float = 40, **body: Any) -> Json:
    """Execute it and wait for its end; the whole run of it."""
    return expect(api.post(f"/api/workflows/{workflow}/execute?wait={wait_s:g}", body), 200)


def run_of(api: Api, run: str, wait_s: float = 0) -> Json:
    """The run of a workflow with its result, once it has ended or that has passed."""
    return api.read(f"/api/workflow-runs/{run}/results?wait={wait_s:g}")


def nodes_of(run: Json) -> dict[str, Json]:
    """The nodes of a run of a workflow, by name."""
    return {one["name"]: one for one in run["nodes"]}


def statuses(run: Json) -> dict[str, str]:
    """What became of each node."""
    return {one["name"]: one["status"] for one in run["nodes"]}


def events(api: Api, run: str, after: str | None = None) -> Iterator[Event]:
    """The events of a run of a workflow until the server ends the stream."""
    headers = {} if after is None else {"Last-Event-ID": after}
    with api.http.stream("GET", f"/api/workflow-runs/{run}/events", headers=headers) as response:
        assert response.status_code == 200, response.read()
        yield from read_events(response.iter_lines())
