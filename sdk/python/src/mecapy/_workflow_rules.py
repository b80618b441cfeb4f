"""What the platform's API offers of workflows, as rules over a `Session`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from mecapy import _errors as errors
from mecapy._codec import read_record
from mecapy._deadline import Deadline
from mecapy._errors import MecaPyError, NotFoundError, UsageError, WorkflowError
from mecapy._fields import body_of
from mecapy._rules import Order, Rules, _id, _json, _warn
from mecapy._steps import Emit, Rule
from mecapy._values import ENDS, WorkflowCheck, WorkflowEvents, check_of

Json = dict[str, Any]
Words = dict[str, Callable[[list[str]], str]]  # of the rest of a place, by its first part


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class WorkflowRules(Rules):
    """The calls of the API, those of workflows among them."""

    # Workflows

    def create_workflow(self, fields: Json, names: Mapping[str, str] | None = None) -> Rule[Json]:
        """Keep a workflow; `names` are those of tasks, by id, for the words of an error."""
        return (yield from self._defining("POST", "/api/workflows", fields, names or {}))

    def update_workflow(
        self, workflow_id: str, fields: Json, names: Mapping[str, str] | None = None
    ) -> Rule[Json]:
        """Change what is given; a None takes that away."""
        path = f"/api/workflows/{_id(workflow_id)}"
        return (yield from self._defining("PATCH", path, fields, names or {}))

    def check_workflow(self, fields: Json) -> Rule[WorkflowCheck]:
        """Look at a definition, which is kept nowhere."""
        return check_of((yield from self._defining("POST", "/api/workflows/check", fields, {})))

    def _defining(
        self, method: str, path: str, fields: Json, names: Mapping[str, str]
    ) -> Rule[Json]:
        try:
            reply = yield from self.session.call(method, path, body=body_of(fields))
        except errors.InvalidRequestError as error:
            raise in_words(error, names) from None
        return _json(reply.content)

    def get_workflow(self, workflow_id: str, version: int | None = None) -> Rule[Json]:
        """A workflow, with the version asked for or the latest."""
        path = f"/api/workflows/{_id(workflow_id)}"
        reply = yield from self.session.call("GET", path, params={"version": version})
        return _json(reply.content)

    def find_workflow(self, word: str, version: int | None = None) -> Rule[Json]:
        """The workflow of an id or a name.

        Raises
        ------
        NotFoundError
            There is none; names that are near are told.
        UsageError
            Several have the name; their ids are told.
        """
        if not isinstance(word, str) or _UUID.fullmatch(word):
            return (yield from self.get_workflow(word, version))
        there = yield from self._everything("/api/workflows")
        ids = [str(one["id"]) for one in there if one["name"] == word]
        if len(ids) > 1:
            raise UsageError(f"several of your workflows are named {word!r}: {', '.join(ids)}")
        if not ids:
            raise _no_workflow(word, [str(one["name"]) for one in there])
        return (yield from self.get_workflow(ids[0], version))

    def workflow_versions(self, workflow_id: str) -> Rule[None]:
        """Emits the workflow with each of its versions, newest first."""
        record = yield from self.get_workflow(workflow_id)
        yield Emit(record)
        for version in range(int(record["version"]) - 1, 0, -1):
            yield Emit((yield from self.get_workflow(workflow_id, version)))

    def delete_workflow(self, workflow_id: str) -> Rule[None]:
        """Hide a workflow; its runs stay."""
        yield from self.session.call("DELETE", f"/api/workflows/{_id(workflow_id)}")

    def list_workflows(self, limit: int | None) -> Rule[None]:
        """Emits workflows without their definitions, newest first."""
        yield from self._pages("/api/workflows", {}, limit)

    def latest_workflow_run(self, workflow_id: str) -> Rule[Json | None]:
        """The latest run of a workflow, without its result; None when it never ran."""
        path = f"/api/workflows/{_id(workflow_id)}/status"
        reply = yield from self.session.call("GET", path)
        record = _json(reply.content)
        return None if record["workflow_run_id"] is None else _workflow_run(reply.content)

    # Runs of workflows

    def execute_workflow(
        self, workflow_id: str, fields: Mapping[str, Any], order: Order
    ) -> Rule[Json]:
        """Start a run of a workflow; as it is then."""
        headers = {"Idempotency-Key": order.key}
        if order.fresh:
            headers["Cache-Control"] = "no-cache"
        path = f"/api/workflows/{_id(workflow_id)}/execute"
        return (yield from self._begun(path, fields, headers))

    def _begun(
        self, path: str, fields: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Rule[Json]:
        try:
            reply = yield from self.session.call(
                "POST", path, body=body_of(fields), headers=headers
            )
        except errors.InvalidRequestError as error:
            raise _of_a_run(error) from None
        _warn(reply)
        return _workflow_run(reply.content)

    def get_workflow_run(self, run_id: str) -> Rule[Json]:
        """A run of a workflow without its result."""
        reply = yield from self.session.call("GET", f"/api/workflow-runs/{_id(run_id)}")
        return _workflow_run(reply.content)

    def list_workflow_runs(
        self, workflow_id: str | None, status: str | None, limit: int | None
    ) -> Rule[None]:
        """Emits runs of workflows without nodes and results, newest first."""
        asked = {"workflow_id": workflow_id, "status": status}
        yield from self._pages("/api/workflow-runs", asked, limit)

    def node_runs(self, run_id: str, node: str, limit: int | None) -> Rule[None]:
        """Emits runs of a node, each with its element, in the order of elements."""
        yield from self._pages(f"/api/workflow-runs/{_id(run_id)}/nodes/{_id(node)}", {}, limit)

    def finish_workflow_run(self, run_id: str, timeout: float | None) -> Rule[Json]:
        """The run with its result, once it has ended; of one that failed also why, from its node.

        Raises
        ------
        WaitTimeout
            It has not ended in `timeout` seconds.
        """
        what = f"workflow run {run_id}"
        path = f"/api/workflow-runs/{_id(run_id)}/results"
        record = yield from self._end(what, path, _workflow_run, timeout, Deadline(timeout))
        if record["status"] != "failed":
            return record
        return record | {"why": (yield from self._why(record))}

    def _why(self, record: Json) -> Rule[Json | None]:
        """What the run that failed tells of it; None where none can be asked."""
        failed = record["error"].get("run_id")
        if failed is None:
            return None
        try:
            run = yield from self.get_run(failed)
        except MecaPyError:  # what the workflow tells is what counts
            return None
        return run.get("error") if run["status"] == "failed" else None

    def cancel_workflow_run(self, run_id: str) -> Rule[Json]:
        """Stop a run of a workflow; one that has ended stays as it is."""
        try:
            reply = yield from self.session.call("POST", f"/api/workflow-runs/{_id(run_id)}/cancel")
        except errors.ConflictError:
            record = yield from self.get_workflow_run(run_id)
            if record["status"] not in ENDS:
                raise
            return record
        return _workflow_run(reply.content)

    def resume_workflow_run(self, run_id: str, fields: Mapping[str, Any]) -> Rule[Json]:
        """Take up a run of a workflow that failed or was cancelled; as it is then."""
        path = f"/api/workflow-runs/{_id(run_id)}/resume"
        return (yield from self._begun(path, fields))

    def workflow_events(self, run_id: str) -> Rule[None]:
        """Emits what happens to a run of a workflow until it has ended."""
        path = f"/api/workflow-runs/{_id(run_id)}/events"
        what = f"workflow run {run_id}"
        # One that was taken up again begins with how it ended before.
        yield from self._stream(what, path, WorkflowEvents().event_of, goes_on=True)


def _no_workflow(name: str, names: list[str]) -> NotFoundError:
    near = difflib.get_close_matches(name, names, 3)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else ""
    hint = hint or "workflows.list() shows yours"
    return NotFoundError(f"no workflow of yours is named {name!r}: {hint}", code="not_found")


def _workflow_run(content: bytes) -> Json:
    record = read_record(content, "result")
    return record | {"id": record["workflow_run_id"]}


# Places of what starts a run, or takes one up again.
_OF_A_RUN: Words = {
    "inputs": lambda way: f"input {way[0]}",
    "versions": lambda way: f"versions, node {way[0]}",
    "force": lambda _: "force_nodes",
}
_GONE = "its task is not there any more"


def _of_a_run(error: errors.InvalidRequestError) -> errors.InvalidRequestError:
    """An error of what starts a run, its places in words."""
    if not error.problems:
        return error
    lines = []
    for problem in error.problems:
        place = place_in_words(problem.pointer, _WORDS | _OF_A_RUN)
        text = f"{place}: {problem.detail}" if problem.pointer else problem.detail
        if problem.detail.endswith(_GONE):
            text += "; write the workflow again, or one with another task"
        lines.append(text)
    text = lines[0] if len(lines) == 1 else "\n  ".join(["the run cannot begin:", *lines])
    told = errors.InvalidRequestError(text, code=error.code, request_id=error.request_id)
    told.problems = error.problems
    return told


def _unescaped(part: str) -> str:
    """A part of a JSON pointer as it is named."""
    return part.replace("~1", "/").replace("~0", "~")


# What a part of a node is called here, where it is called otherwise.
_OURS = {"for_each": "each"}
_WORDS: Words = {
    "inputs": lambda way: f"input {way[0]}",
    "outputs": lambda way: f"output {way[0]}",
    "nodes": lambda way: f"node {way[0]}" + (f", {_of_node(way[1:])}" if way[1:] else ""),
}


def in_words(
    error: errors.InvalidRequestError, names: Mapping[str, str]
) -> errors.InvalidRequestError:
    """An error of a definition, its places in words; `names` are those of tasks, by id."""
    if not error.problems:
        return error
    lines = []
    for problem in error.problems:
        detail = re.sub(r"[0-9a-f-]{36}", lambda id_: names.get(id_[0], id_[0]), problem.detail)
        lines.append(f"{place_in_words(problem.pointer, _WORDS)}: {detail}")
    text = lines[0] if len(lines) == 1 else "\n  ".join(["the workflow will not do:", *lines])
    return _told(error, text)


def place_in_words(pointer: str, table: Words) -> str:
    """Where a JSON pointer leads to: ``node preload, input torque``."""
    parts = [_unescaped(one) for one in pointer.split("/")[1:]]
    words = table.get(parts[0]) if len(parts) > 1 else None
    return ".".join(parts) or "the workflow" if words is None else words(parts[1:])


def _of_node(way: list[str]) -> str:
    if way[0] == "inputs" and way[1:]:
        return f"input {way[1]}"
    return ".".join([_OURS.get(way[0], way[0]), *way[1:]])


def retold(error: errors.InvalidRequestError, before: str) -> WorkflowError:
    return _told(error, before + error.message)


def _told(error: errors.InvalidRequestError, text: str) -> WorkflowError:
    told = WorkflowError(text, code=error.code, request_id=error.request_id)
    told.problems = error.problems
    return told
