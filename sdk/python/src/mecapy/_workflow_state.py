"""What the handles of both clients know of a workflow and of a run of it."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from mecapy import _notebook
from mecapy._codec import Encoded, encode_inputs
from mecapy._errors import MecaPyError, PlatformError, UsageError, harmless
from mecapy._outcome import workflow_failure_to_raise
from mecapy._steps import understood
from mecapy._values import (
    ENDS,
    NodeFailure,
    NodeState,
    Status,
    moment,
    node_of,
    pick,
)

C = TypeVar("C")
Json = dict[str, Any]

PARTS = ("inputs", "nodes", "outputs")


class WorkflowState(Generic[C]):
    """A workflow as it was last told."""

    def __init__(self, client: C, record: Json) -> None:
        self._client = client
        self._told = record

    @property
    def id(self) -> str:
        """Its id."""
        return str(self._told["id"])

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self._told["name"])

    @property
    def description(self) -> str:
        """For people."""
        return str(self._told["description"])

    @property
    def version(self) -> int:
        """Number of the version shown; inputs, nodes and outputs are that version's."""
        return int(self._told["version"])

    @property
    def created_at(self) -> datetime.datetime:
        """When it was made, UTC."""
        made = moment(self._told["created_at"])
        assert made is not None
        return made

    @property
    def updated_at(self) -> datetime.datetime:
        """When it was last changed, UTC."""
        changed = moment(self._told["updated_at"])
        assert changed is not None
        return changed

    def _definition(self) -> Json:
        return {part: self._told[part] for part in PARTS}

    def __repr__(self) -> str:
        kind = type(self).__name__
        return f"<{kind} {self.name!r} version {self.version} id={harmless(self.id)}>"


class WorkflowRunState(Generic[C]):
    """A run of a workflow as it was last told."""

    def __init__(self, client: C, record: Json) -> None:
        self._client = client
        self._hear(record)

    def _hear(self, record: Json) -> None:
        with understood():
            if not (isinstance(record["id"], str) and isinstance(record["status"], str)):
                raise ValueError("a run of a workflow without id or status")
            if record["status"] == "failed":
                pick(NodeFailure, record["error"])
            for node in record.get("nodes", ()):
                node_of(node)
        self._told: Json = record

    @property
    def id(self) -> str:
        """Its id."""
        return str(self._told["id"])

    @property
    def workflow_id(self) -> str:
        """The workflow it is a run of."""
        return str(self._told["workflow_id"])

    @property
    def ended(self) -> bool:
        """Whether it has ended, as far as was told."""
        return self._told["status"] in ENDS

    @property
    def queued_at(self) -> datetime.datetime | None:
        """When it was accepted, UTC."""
        return moment(self._told.get("queued_at"))

    @property
    def resumed_at(self) -> datetime.datetime | None:
        """When its attempt began, UTC; None in the first."""
        return moment(self._told.get("resumed_at"))

    @property
    def finished_at(self) -> datetime.datetime | None:
        """When it ended, UTC; None before."""
        return moment(self._told.get("finished_at"))

    def _version(self) -> int | None:
        version = self._told.get("version")
        return None if version is None else int(version)

    def _status(self) -> Status:
        status: Any = harmless(self._told["status"])
        return status  # type: ignore[no-any-return]

    def _attempt(self) -> int:
        return int(self._told.get("attempt", 0))

    def _cancel_requested(self) -> bool:
        return bool(self._told.get("cancel_requested", False))

    def _nodes(self) -> dict[str, NodeState]:
        return {one["name"]: node_of(one) for one in self._told.get("nodes", ())}

    def _failure(self) -> NodeFailure | None:
        error = self._told.get("error")
        return None if error is None else pick(NodeFailure, error)

    def _result(self) -> Any:
        error = workflow_failure_to_raise(self._told)
        if error is not None:
            raise error
        if "result" not in self._told:
            text = f"workflow run {self.id} has completed, and the server tells no result"
            raise PlatformError(text, run_id=self.id)
        value = self._told["result"]
        if isinstance(value, Encoded):
            value = self._told["result"] = value.decode(run_id=self.id)
        return value

    def _has_result(self) -> bool:
        wanted = {"completed": "result", "failed": "why"}.get(self._told["status"])
        return self.ended and (wanted is None or wanted in self._told)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._status()} id={harmless(self.id)}>"

    def _repr_html_(self) -> str:
        if self._told.get("result") is not None:
            with contextlib.suppress(MecaPyError):  # then it is told that there is one
                self._result()
        return _notebook.workflow_run_html(self._told)


def definition_of(definition: Mapping[str, Any]) -> Json:
    """The parts of a definition.

    Raises
    ------
    UsageError
        It has others.
    """
    wrong = next((part for part in definition if part not in PARTS), None)
    if wrong is not None:
        raise UsageError(f"a definition has {', '.join(PARTS)}, and no {wrong}")
    return dict(definition)


def order_of(
    inputs: Mapping[str, Any] | None,
    named: Mapping[str, Any],
    version: int | None,
    force_nodes: Iterable[str],
) -> Json:
    """What is sent to start a run of a workflow.

    Raises
    ------
    TypeError
        An input is given twice.
    EncodingError
        An input has no encoding.
    """
    twice = next((name for name in named if name in (inputs or {})), None)
    if twice is not None:
        raise TypeError(f"input {twice} is given twice")
    fields: Json = {}
    if inputs is None or named:
        inputs = {**(inputs or {}), **named}
    if inputs:
        fields["inputs"] = encode_inputs(inputs)
    if version is not None:
        fields["version"] = version
    return fields | again_of(None, force_nodes)


def again_of(versions: Mapping[str, int] | None, force_nodes: Iterable[str] | None) -> Json:
    """What is sent to have nodes calculated, or calculated otherwise."""
    fields: Json = {}
    if versions:
        fields["versions"] = dict(versions)
    names = [force_nodes] if isinstance(force_nodes, str) else list(force_nodes or ())
    if names:
        fields["force"] = names
    return fields
