"""Plain values: what a run used, why it failed, how far it is."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mecapy._duration import quantity, seconds

Status = Literal["queued", "running", "completed", "failed", "cancelled"]
Fault = Literal["calculation", "limit", "platform"]

ENDS = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True)
class Failure:
    """Why a run failed.

    Attributes
    ----------
    code : str
        One of the closed list of outcome codes.
    message : str
        For the author.
    fault : {'calculation', 'limit', 'platform'}
        Whose fault it was.
    traceback : str or None
        The author's own frames and those of the libraries he called.
    line, column : int or None
        In the author's code, 1-based.
    """

    code: str
    message: str
    fault: Fault
    traceback: str | None = None
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True)
class Usage:
    """What the attempt that ended used.

    Attributes
    ----------
    wall_ms : float
        From when the run could read its job to the end of the calculation, milliseconds.
    cpu_ms : float
        CPU time of all its processes, milliseconds.
    peak_memory_mb : float
        Peak memory, MiB.
    setup_ms : float
        From the order to the sandbox until the run could read its job, milliseconds.
    log_bytes, result_bytes, artifact_bytes : int
        Bytes printed, of the encoded result, of all artifacts.
    written_bytes : int or None
        Bytes its processes wrote, by the kernel's count; None when the run was killed.
    """

    wall_ms: float
    cpu_ms: float
    peak_memory_mb: float
    setup_ms: float
    log_bytes: int
    result_bytes: int
    artifact_bytes: int
    written_bytes: int | None = None


@dataclass(frozen=True)
class Progress:
    """How far a run says it is.

    Attributes
    ----------
    fraction : float or None
        Done part of the work, from 0 to 1; None when the calculation does not say.
    message : str
        What is being done.
    """

    fraction: float | None
    message: str


@dataclass(frozen=True)
class Estimate:
    """How long a run is expected to take.

    Attributes
    ----------
    duration_s : float
        Seconds.
    source : str
        Who says so: ``caller``, ``history``, ``task`` or ``default``.
    samples : int or None
        Earlier runs that history looked at.
    """

    duration_s: float
    source: str
    samples: int | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A state that a run saved, for the attempt after it.

    Attributes
    ----------
    saved_at : datetime
        When it was with the server, UTC.
    attempt : int
        Which saved it.
    bytes : int
        Its size.
    """

    saved_at: datetime.datetime
    attempt: int
    bytes: int


@dataclass(frozen=True)
class CostComponent:
    """One line of a cost.

    Attributes
    ----------
    name : str
        ``vcpu``, ``memory``, ``machine``, ``storage`` or ``egress``.
    item : str
        Of the table of prices.
    quantity : float
        How much of it.
    unit : str
        ``vCPU-s``, ``GB-s``, ``h``, ``GB-month`` or ``GB``.
    free : float
        Of the quantity, for nothing.
    eur_each : float or None
        Price of one unit; None when nobody knows it.
    eur : float or None
        The same of all.
    """

    name: str
    item: str
    quantity: float
    unit: str
    free: float
    eur_each: float | None = None
    eur: float | None = None


@dataclass(frozen=True)
class Cost:
    """What a run cost, or would.

    Attributes
    ----------
    eur : float
        EUR, of what has a known price.
    complete : bool
        All prices are known, and nothing more is to come.
    free_allowances : str
        ``left_out``: what an account has for nothing every month is not taken off.
    components : tuple of CostComponent
        The lines of it.
    why : str or None
        Why it is not complete.
    prices_of : str or None
        Date of the oldest price in it.
    """

    eur: float
    complete: bool
    free_allowances: str
    components: tuple[CostComponent, ...]
    why: str | None = None
    prices_of: str | None = None


@dataclass(frozen=True)
class BackendCost:
    """What a run would cost on one backend.

    Attributes
    ----------
    configured : bool
        Runs can go there on this server.
    cost : Cost or None
        None when it cannot hold the run.
    machine : str or None
        The kind of machine that would be made for it.
    not_possible : str or None
        Why it cannot hold the run.
    """

    configured: bool
    cost: Cost | None = None
    machine: str | None = None
    not_possible: str | None = None


@dataclass(frozen=True)
class RunEstimate:
    """What a run would take and cost, and where it would go.

    Attributes
    ----------
    duration : Estimate
        How long it is expected to take.
    backend : str
        Where it would go.
    why : str
        The rule by which.
    cost : dict of str to BackendCost
        On each backend, by its name.
    """

    duration: Estimate
    backend: str
    why: str
    cost: dict[str, BackendCost]


@dataclass(frozen=True)
class CostSum:
    """What some runs cost.

    Attributes
    ----------
    runs : int
        That have ended or cost something, but those that earlier ones answered.
    eur : float
        EUR.
    incomplete_runs : int
        Of them, those whose cost is not complete.
    key : str or None
        The day, user, task (``ad_hoc``: of none that is kept) or backend; None of a total.
    """

    runs: int
    eur: float
    incomplete_runs: int
    key: str | None = None


@dataclass(frozen=True)
class StatusEvent:
    """The run is somewhere else now; `attempt` counts from 1, 0 before the first."""

    status: Status
    attempt: int


@dataclass(frozen=True)
class LogEvent:
    """The run printed `text`; a piece is not always a line.

    `node` is that of a workflow run whose run it was.
    """

    text: str
    node: str | None = None


@dataclass(frozen=True)
class ProgressEvent:
    """The run said how far it is; `node` as of a `LogEvent`."""

    progress: Progress
    node: str | None = None


# What `Run.stream` gives.
Event = StatusEvent | LogEvent | ProgressEvent


@dataclass(frozen=True)
class NodeFailure:
    """Why a node of a workflow run failed.

    Attributes
    ----------
    code : str
        The outcome code of its run; ``invalid_inputs`` where what it needs is not in the results.
    message : str
        For the author.
    node : str or None
        Its name; None where an output of the workflow is not in the results.
    run_id : str or None
        Its run.
    element : int or None
        Of a node that runs once for each element of a list: which failed, from 0.
    """

    code: str
    message: str
    node: str | None = None
    run_id: str | None = None
    element: int | None = None


NodeStatus = Literal["waiting", "running", "completed", "failed", "skipped"]


@dataclass(frozen=True)
class NodeState:
    """How far a node of a workflow run is.

    Attributes
    ----------
    name : str
        Its name in the workflow.
    task_id : str
        Its task.
    version : int
        The version of that.
    status : {'waiting', 'running', 'completed', 'failed', 'skipped'}
        Where it is.
    elements, ended, failed, reused : int or None
        Of a node that runs once for each element of a list: how many there are, have ended, have
        failed, were answered by an earlier run.
    run_id : str or None
        Its run; None before, and of a node with elements.
    reused_from : str or None
        The earlier run that answered, when nothing was calculated.
    by_default : bool
        Its default stands in for its result.
    error : NodeFailure or None
        Why it failed, or the first of its elements did.
    started_at, finished_at : datetime or None
        When its first run was made, and when it ended, UTC.
    """

    name: str
    task_id: str
    version: int
    status: NodeStatus
    elements: int | None = None
    ended: int | None = None
    failed: int | None = None
    reused: int | None = None
    run_id: str | None = None
    reused_from: str | None = None
    by_default: bool = False
    error: NodeFailure | None = None
    started_at: datetime.datetime | None = None
    finished_at: datetime.datetime | None = None


@dataclass(frozen=True)
class NodeEvent:
    """A node of a workflow run is somewhere else now."""

    node: NodeState


# What `WorkflowRun.stream` gives.
WorkflowEvent = StatusEvent | NodeEvent | LogEvent | ProgressEvent


@dataclass(frozen=True)
class WorkflowEstimate:
    """What a run of a workflow would take and cost, as far as it is known.

    Attributes
    ----------
    complete : bool
        Every node's duration and price is known, and no list's length is open.
    duration_s : float or None
        Of the longest path, seconds.
    eur : float or None
        EUR.
    """

    complete: bool
    duration_s: float | None = None
    eur: float | None = None


@dataclass(frozen=True)
class WorkflowCheck:
    """A definition that has nothing wrong.

    Attributes
    ----------
    nodes : int
        How many.
    order : tuple of str
        Their names, as they can begin.
    estimate : WorkflowEstimate
        What a run would take and cost.
    """

    nodes: int
    order: tuple[str, ...]
    estimate: WorkflowEstimate


def pick(kind: Any, record: Mapping[str, Any]) -> Any:
    """A dataclass of those members of `record` that it has: servers may tell more."""
    return kind(**{key: record[key] for key in kind.__dataclass_fields__ if key in record})


def cost_of(record: Mapping[str, Any]) -> Cost:
    """A cost as the server told it."""
    parts = tuple(pick(CostComponent, part) for part in record["components"])
    told: Cost = pick(Cost, {**record, "components": parts})
    return told


def estimate_of(record: Mapping[str, Any]) -> RunEstimate:
    """An estimate as the server told it."""
    costs = {
        name: pick(BackendCost, {**one, "cost": cost_of(one) if "components" in one else None})
        for name, one in record["cost"].items()
    }
    choice = record["backend"]
    duration = pick(Estimate, record["duration"])
    return RunEstimate(duration, choice["chosen"], choice["why"], costs)


def event_of(name: str, data: Mapping[str, Any]) -> Event | None:
    """The event of the name and JSON that came; None for one of a later server."""
    if name == "status":
        return StatusEvent(data["status"], int(data["attempt"]))
    if name == "log":
        return LogEvent(str(data["text"]))
    return ProgressEvent(_progress_of(data)) if name == "progress" else None


def _progress_of(data: Mapping[str, Any]) -> Progress:
    fraction = data.get("fraction")
    return Progress(None if fraction is None else float(fraction), str(data.get("message", "")))


def node_of(record: Mapping[str, Any]) -> NodeState:
    """A node of a workflow run as the server told it."""
    error = record.get("error")
    told = {
        **record,
        "error": None if error is None else pick(NodeFailure, {"node": record["name"], **error}),
        "started_at": moment(record.get("started_at")),
        "finished_at": moment(record.get("finished_at")),
    }
    state: NodeState = pick(NodeState, told)
    return state


class WorkflowEvents:
    """Reads the events of one workflow run: of what its nodes print, each byte once.

    A stream that is taken up again tells the log of a run that goes on from its begin.
    """

    def __init__(self) -> None:
        self._logs: dict[tuple[str, int], int] = {}  # bytes told, by run and attempt

    def event_of(self, name: str, data: Mapping[str, Any]) -> WorkflowEvent | None:
        """The event of the name and JSON that came; None for one of a later server."""
        if name == "status":
            return StatusEvent(data["status"], int(data["attempt"]))
        if name == "progress":
            return ProgressEvent(_progress_of(data["progress"]), str(data["node"]))
        if name == "log":
            text = self._new_of(data)
            return LogEvent(text, str(data["node"])) if text else None
        return NodeEvent(node_of(data)) if name == "node" else None

    def _new_of(self, data: Mapping[str, Any]) -> str:
        which = str(data["run_id"]), int(data["attempt"])
        text = str(data["text"]).encode()
        told = self._logs.get(which, 0)
        begin = int(data["at"])
        self._logs[which] = max(told, begin + len(text))
        return text[max(0, told - begin) :].decode(errors="replace")


def check_of(record: Mapping[str, Any]) -> WorkflowCheck:
    """What the server found in a definition."""
    estimate = pick(WorkflowEstimate, record["estimate"])
    return WorkflowCheck(int(record["nodes"]), tuple(record["order"]), estimate)


def moment(text: str | None) -> datetime.datetime | None:
    """A time of the server's, UTC; None for none."""
    if text is None:
        return None
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


_SIZES_MIB = {
    "b": 1 / 1024**2,
    "kb": 1000 / 1024**2,
    "mb": 1000**2 / 1024**2,
    "gb": 1000**3 / 1024**2,
    "tb": 1000**4 / 1024**2,
    "kib": 1 / 1024,
    "mib": 1.0,
    "gib": 1024.0,
    "tib": 1024.0**2,
    "ko": 1000 / 1024**2,  # octets, as the French write them
    "mo": 1000**2 / 1024**2,
    "go": 1000**3 / 1024**2,
    "to": 1000**4 / 1024**2,
    "kio": 1 / 1024,
    "mio": 1.0,
    "gio": 1024.0,
    "tio": 1024.0**2,
}


def size_mib(name: str, value: float | str) -> float:
    """A size as MiB: ``"1 GiB"``, ``"500 MB"``, or a number that is MiB already."""
    return quantity(name, value, _SIZES_MIB, "as in '1 GiB'")


Duration = float | str | datetime.timedelta


@dataclass(frozen=True)
class Limits:
    """What a run may use; None leaves the platform's default.

    Parameters
    ----------
    timeout : float, str or timedelta, optional
        Wall time: ``"5 min"``, or seconds.
    memory : float or str, optional
        Of all processes and the working folder: ``"1 GiB"``, or MiB.
    cpus : float, optional
        CPUs' worth of time, and threads of BLAS.
    cpu_time : float, str or timedelta, optional
        CPU time of all processes together: ``"10 min"``, or seconds.
    disk, log, result, artifacts, checkpoint : float or str, optional
        Of the working folder, the log, the encoded result, all artifacts, a saved state:
        ``"64 MiB"``, or MiB.
    processes : int, optional
        Processes and threads at once.
    gpus : int, optional
        Graphics processors, of a machine that is made for the run.

    Raises
    ------
    ValueError
        A quantity that cannot be read.
    """

    timeout: Duration | None = None
    memory: float | str | None = None
    cpus: float | None = None
    cpu_time: Duration | None = None
    disk: float | str | None = None
    log: float | str | None = None
    result: float | str | None = None
    artifacts: float | str | None = None
    checkpoint: float | str | None = None
    processes: int | None = None
    gpus: int | None = None

    def __post_init__(self) -> None:
        self.record()  # a mistake is told where it was made

    def record(self) -> dict[str, float]:
        """As the platform names them, with its units; without those that are None."""
        found: dict[str, float] = {}
        for name, value in (("timeout", self.timeout), ("cpu_time", self.cpu_time)):
            if value is not None:
                found[_TABLE[name]] = seconds(name, value)
        for name in ("memory", "disk", "log", "result", "artifacts", "checkpoint"):
            size: float | str | None = getattr(self, name)
            if size is not None:
                mib = size_mib(name, size)
                found[_TABLE[name]] = math.ceil(mib * 1024) if name == "log" else mib
        if self.cpus is not None:
            found["cpus"] = float(self.cpus)
        for name in ("processes", "gpus"):
            count: int | None = getattr(self, name)
            if count is not None:
                found[name] = int(count)
        return found


# Ours, and the platform's name, which holds its unit.
_TABLE = {
    "timeout": "timeout_s",
    "cpu_time": "cpu_s",
    "memory": "memory_mb",
    "disk": "disk_mb",
    "log": "log_kb",
    "result": "result_mb",
    "artifacts": "artifacts_mb",
    "checkpoint": "checkpoint_mb",
}

# What a run may use where nothing is said; a server's ceilings may be lower.
DEFAULT_LIMITS: Mapping[str, float] = {
    "timeout_s": 600,
    "cpu_s": 0,
    "memory_mb": 2048,
    "cpus": 1,
    "disk_mb": 256,
    "log_kb": 1024,
    "result_mb": 8,
    "artifacts_mb": 64,
    "checkpoint_mb": 64,
    "processes": 64,
    "gpus": 0,
}
