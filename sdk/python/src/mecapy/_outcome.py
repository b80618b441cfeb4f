"""What a run that has ended raises, by whose fault it failed."""

from __future__ import annotations

from typing import Any

from mecapy import _errors as errors
from mecapy._origin import UNKNOWN, Origin
from mecapy._values import Failure, pick

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
    failure: Failure = pick(Failure, record["error"])
    text = failure.message + origin.hint(failure.message, failure.traceback or "")
    if failure.fault == "limit":
        text += _next_step(failure)
    if failure.traceback and failure.traceback.strip() not in text:
        text += "\n" + failure.traceback.rstrip()
    kind = _KINDS.get(failure.fault)
    if kind is not None:
        return kind(text, failure=failure, run_id=run_id)
    error = errors.PlatformError(f"{text} (run {run_id})", code=failure.code, run_id=run_id)
    error.failure = failure
    return error
