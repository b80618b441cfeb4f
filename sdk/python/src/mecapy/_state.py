"""What the handles of both clients know of a task, a run, an artifact."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from mecapy import _notebook
from mecapy._codec import Encoded
from mecapy._errors import MecaPyError, PlatformError, harmless
from mecapy._origin import UNKNOWN, Origin
from mecapy._outcome import failure_to_raise
from mecapy._steps import understood
from mecapy._taken import BY_NAME
from mecapy._values import (
    ENDS,
    Checkpoint,
    Cost,
    Estimate,
    Failure,
    Progress,
    Status,
    Usage,
    cost_of,
    moment,
    pick,
)
from mecapy._workflow_value import builder_of

C = TypeVar("C")
Json = dict[str, Any]


class TaskState(Generic[C]):
    """A task as it was last told."""

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
    def tags(self) -> tuple[str, ...]:
        """Words to find it by."""
        return tuple(self._told["tags"])

    @property
    def version(self) -> int:
        """Number of the version shown; code, inputs and limits are that version's."""
        return int(self._told["version"])

    @property
    def limits(self) -> dict[str, float]:
        """What a run may use, by the platform's names, which hold the units."""
        return dict(self._told["limits"])

    @property
    def cache(self) -> float | None:
        """For how long an earlier result answers, seconds; None when none does."""
        cache = self._told.get("cache")
        return None if cache is None else float(cache["ttl"])

    @property
    def estimated_duration(self) -> float | None:
        """How long a run takes, as far as who made it knows, seconds; None when he did not say."""
        told = self._told.get("estimated_duration_s")
        return None if told is None else float(told)

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

    def __call__(self, /, **inputs: Any) -> Any:
        """A node of a workflow, whose value is among `inputs`; see `MecaPy.workflow`.

        Raises
        ------
        TypeError
            There is none: a task is run by `execute`.
        """
        builder = builder_of(inputs.values())
        if builder is None:
            text = f"no value of a workflow is among the inputs of task {self.name}"
            raise TypeError(text + ": execute({...}) runs it; in a workflow, w.node(...)")
        return builder._called(self, inputs)

    def _input_names(self) -> list[str]:
        """What its default inputs are called, where that was told."""
        return list(self._told["inputs"]) if isinstance(self._told.get("inputs"), dict) else []

    def _inputs(self) -> Any:
        value = self._told.get("inputs")
        if isinstance(value, Encoded):
            value = self._told["inputs"] = value.decode()
        return value

    def _origin(self, inputs: Mapping[str, Any] | None) -> Origin:
        """What is known of a run with `inputs`, or the task's."""
        code = self._told.get("code")
        if not isinstance(code, str) or BY_NAME in code.partition("\n")[0]:
            return UNKNOWN  # of a function, whose inputs are its arguments
        given = self._told.get("inputs") if inputs is None else inputs
        return Origin(inputs=tuple(given)) if isinstance(given, Mapping) else UNKNOWN

    def __repr__(self) -> str:
        kind = type(self).__name__
        return f"<{kind} {self.name!r} version {self.version} id={harmless(self.id)}>"


class ArtifactState:
    """A file or figure that a run left."""

    def __init__(self, client: Any, run_id: str, record: Json) -> None:
        self._client = client
        self.run_id = run_id
        self.name = str(record["name"])
        self.size = int(record["size"])
        self.content_type = str(record["content_type"])
        self.sha256 = str(record["sha256"])
        self._record = record

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} {self.size} bytes>"


A = TypeVar("A", bound=ArtifactState)


class RunState(Generic[C, A]):
    """A run as it was last told."""

    _artifact: type[A]  # what stands for a figure in the result

    def __init__(self, client: C, record: Json, origin: Origin = UNKNOWN) -> None:
        self._client = client
        self._origin = origin
        self._hear(record)

    def _hear(self, record: Json) -> None:
        with understood():
            if not (isinstance(record["id"], str) and isinstance(record["status"], str)):
                raise ValueError("a run without id or status")
            if record["status"] == "failed":
                pick(Failure, record["error"])
                record = record | {"error": self._origin.placed(record["error"])}
        self._told: Json = record

    @property
    def id(self) -> str:
        """Its id."""
        return str(self._told["id"])

    @property
    def task_id(self) -> str:
        """The task it is a run of."""
        return str(self._told["task_id"])

    @property
    def ended(self) -> bool:
        """Whether it has ended, as far as was told."""
        return self._told["status"] in ENDS

    def _status(self) -> Status:
        status: Any = harmless(self._told["status"])
        return status  # type: ignore[no-any-return]

    def _usage(self) -> Usage | None:
        usage = self._told.get("usage")
        return None if usage is None else pick(Usage, usage)

    def _failure(self) -> Failure | None:
        failure = self._told.get("error")
        return None if failure is None else pick(Failure, failure)

    def _progress(self) -> Progress | None:
        progress = self._told.get("progress")
        return None if progress is None else pick(Progress, progress)

    def _waiting(self) -> str | None:
        return self._told.get("waiting")

    def _attempt(self) -> int:
        return int(self._told.get("attempt", 0))

    def _cost(self) -> Cost | None:
        cost = self._told.get("cost")
        return None if cost is None else cost_of(cost)

    def _artifacts(self) -> list[A]:
        records = self._told.get("artifacts", ())
        return [self._artifact(self._client, self.id, record) for record in records]

    def _figure(self, item: Json) -> A:
        """What stands for a figure in the result."""
        for one in self._artifacts():
            if one.name == item["name"]:
                return one
        raise ValueError(f"it names {item['name']!r}, which the run did not leave")

    def _result(self) -> Any:
        error = failure_to_raise(self._told, self._origin)
        if error is not None:
            raise error
        if "result" not in self._told:
            text = f"run {self.id} has completed, and the server tells no result"
            raise PlatformError(text, run_id=self.id)
        value = self._told["result"]
        if isinstance(value, Encoded):
            value = self._told["result"] = value.decode(self._figure, self.id)
        return value

    def _has_result(self) -> bool:
        return self.ended and (self._told["status"] != "completed" or "result" in self._told)

    @property
    def backend(self) -> str | None:
        """Where it goes, or went: ``local``, ``serverless_container``, ``dedicated_instance``."""
        return self._told.get("backend")

    @property
    def estimate(self) -> Estimate | None:
        """How long it was expected to take when its backend was chosen."""
        estimate = self._told.get("estimate")
        return None if estimate is None else pick(Estimate, estimate)

    @property
    def moved_from(self) -> str | None:
        """The backend whose limit it outlived; it began again on a machine of its own."""
        return self._told.get("moved_from")

    @property
    def workflow_run_id(self) -> str | None:
        """The run of a workflow of whose nodes it is; None when it was asked for by itself."""
        return self._told.get("workflow_run_id")

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The state it saved last, until it has ended; None when it saved none."""
        told = self._told.get("checkpoint")
        if told is None:
            return None
        saved_at = moment(told["saved_at"])
        assert saved_at is not None
        return Checkpoint(saved_at, int(told["attempt"]), int(told["bytes"]))

    @property
    def resumed_from(self) -> int | None:
        """The attempt whose checkpoint the last one began with; None when with none."""
        return self._told.get("resumed_from")

    @property
    def cached_from(self) -> str | None:
        """The run that was calculated, when this one was answered from the cache."""
        return self._told.get("cached_from")

    @property
    def queued_at(self) -> datetime.datetime | None:
        """When it was accepted, UTC."""
        return moment(self._told.get("queued_at"))

    @property
    def started_at(self) -> datetime.datetime | None:
        """When it was first begun, UTC; None before."""
        return moment(self._told.get("started_at"))

    @property
    def finished_at(self) -> datetime.datetime | None:
        """When it ended, UTC; None before."""
        return moment(self._told.get("finished_at"))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._status()} id={harmless(self.id)}>"

    def _repr_html_(self) -> str:
        if self._told.get("result") is not None:
            with contextlib.suppress(MecaPyError):  # then it is told that there is one
                self._result()
        return _notebook.run_html(self._told)
