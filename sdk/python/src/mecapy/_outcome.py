"""What a run that has ended raises, by whose fault it failed."""

from __future__ import annotations

from typing import Any

from mecapy import _errors as errors
from mecapy._values import Failure, pick

Json = dict[str, Any]


def failure_to_raise(record: Json) -> errors.MecaPyError | None:
    """Why a run that has ended gives no result; None when it does."""
    run_id = record["id"]
    if record["status"] == "cancelled":
        return errors.RunCancelled(f"run {run_id} was cancelled", run_id=run_id)
    if record["status"] == "completed":
        return None
    failure: Failure = pick(Failure, record["error"])
    text = failure.message
    if failure.traceback and failure.traceback.strip() not in text:
        text += "\n" + failure.traceback.rstrip()
    if failure.fault == "platform":
        error = errors.PlatformError(f"{text} (run {run_id})", code=failure.code, run_id=run_id)
        error.failure = failure
        return error
    kind = errors.LimitError if failure.fault == "limit" else errors.CalculationError
    return kind(text, failure=failure, run_id=run_id)
