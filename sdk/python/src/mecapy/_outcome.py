"""What a run that has ended raises, by whose fault it failed."""

from __future__ import annotations

from typing import Any

from mecapy import _errors as errors
from mecapy._origin import UNKNOWN, Origin
from mecapy._values import Failure, Fault, NodeFailure, pick

Json = dict[str, Any]

# By whose fault; what is neither the calculation's nor a limit's is the platform's.
_KINDS: dict[str, type[errors.RunError]] = {
    "calculation": errors.CalculationError,
    "limit": errors.LimitError,
}


# What a task asks for to have more, by the code; output_limit is of three things.
_ASKED = {
    "timeout": "timeout",
    "out_of_memory": "memory",
    "cpu_limit": "cpu_time",
    "disk_limit": "disk",
    "process_limit": "processes",
}
_OUTPUTS = {"stdout": "log", "result too large": "result", "artifacts too large": "artifacts"}


def _next_step(failure: Failure) -> str:
    """How to ask for more of what was too little; empty where nothing helps."""
    found = [limit for words, limit in _OUTPUTS.items() if words in failure.message]
    limit = _ASKED.get(failure.code) or next(iter(found), None)
    if limit is None:
        return ""
    return f"; ask for more: @client.task({limit}=...) or Limits({limit}=...)"


def failure_to_raise(record: Json, origin: Origin = UNKNOWN) -> errors.MecaPyError | None:
    """Why a run that has ended gives no result; None when it does."""
    run_id = record["id"]
    if record["status"] == "cancelled":
        return errors.RunCancelled(f"run {run_id} was cancelled", run_id=run_id)
    if record["status"] == "completed":
        return None
    return _raised(pick(Failure, record["error"]), origin, run_id, f"run {run_id}", "")


def _raised(
    failure: Failure, origin: Origin, run_id: str | None, what: str, before: str
) -> errors.MecaPyError:
    """The exception of a failure, by whose fault it was; `before` are words ahead of its own."""
    text = before + failure.message + origin.hint(failure.message, failure.traceback or "")
    if failure.fault == "limit":
        text += _next_step(failure)
    if failure.traceback and failure.traceback.strip() not in text:
        text += "\n" + failure.traceback.rstrip()
    kind = _KINDS.get(failure.fault)
    if kind is not None:
        return kind(text, failure=failure, run_id=run_id)
    error = errors.PlatformError(f"{text} ({what})", code=failure.code, run_id=run_id)
    error.failure = failure
    return error


# Outcome codes that are not the platform's fault, for a node whose run cannot be asked.
_FAULTS: dict[str, Fault] = {
    **dict.fromkeys(("invalid_code", "user_error", "invalid_result", "crashed"), "calculation"),
    **dict.fromkeys(
        (
            "timeout",
            "out_of_memory",
            "cpu_limit",
            "disk_limit",
            "process_limit",
            "output_limit",
        ),
        "limit",
    ),
}


def workflow_failure_to_raise(record: Json) -> errors.MecaPyError | None:
    """Why a workflow run that has ended gives no result; None when it does.

    What its node's run tells of itself stands in ``why``.
    """
    what = f"workflow run {record['id']}"
    if record["status"] == "cancelled":
        return errors.RunCancelled(f"{what} was cancelled", run_id=record["id"])
    if record["status"] == "completed":
        return None
    told: NodeFailure = pick(NodeFailure, record["error"])
    place = "" if told.node is None else f"node {told.node}"
    place += "" if told.element is None else f", element {told.element}"
    before = f"{place}: " if place else ""
    error = _of_node(told, record.get("why"), before, what)
    error.node, error.element = told.node, told.element
    return error


def _of_node(told: NodeFailure, why: Json | None, before: str, what: str) -> errors.MecaPyError:
    if why is not None:
        return _raised(pick(Failure, why), UNKNOWN, told.run_id, f"run {told.run_id}", before)
    fault = _FAULTS.get(told.code)
    if told.run_id is None and fault is None:  # no run could be made
        if told.code == "budget_exhausted":
            return errors.BudgetExhausted(before + told.message, code=told.code)
        if told.code == "not_found":
            text = "its task is not there any more; write the workflow again, or one with another"
            return errors.NotFoundError(before + text, code=told.code)
        if told.code.startswith("invalid_"):
            failure = Failure(told.code, told.message, "calculation")
            return errors.RunError(before + told.message, failure=failure)
    failure = Failure(told.code, told.message, fault or "platform")
    where = what if told.run_id is None else f"run {told.run_id}"
    return _raised(failure, UNKNOWN, told.run_id, where, before)
