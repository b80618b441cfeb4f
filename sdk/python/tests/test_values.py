"""Quantities, errors and what is exported."""

import datetime
import pickle

import pytest

import mecapy
from mecapy import Failure, LimitError, Limits, WaitTimeout

PUBLIC = {
    "Artifact", "AsyncArtifact", "AsyncCalculation", "AsyncMecaPy", "AsyncRun", "AsyncRuns",
    "AsyncTask", "AsyncTasks", "AuthenticationError", "BackendCost",
    "BudgetExhausted", "BudgetWarning", "BusyError", "Calculation", "Cost", "CostComponent",
    "CostSum", "RunEstimate",
    "CalculationError", "ConfigurationError", "ConflictError", "EncodingError", "Estimate", "Event",
    "Failure",
    "FieldProblem", "InvalidRequestError", "LimitError", "Limits", "LogEvent", "MecaPy",
    "MecaPyError", "NetworkError", "NotFoundError", "PlatformError", "Progress", "ProgressEvent",
    "Run", "RunCancelled", "RunError", "Runs", "SourceError", "StatusEvent", "Sweep",
    "SweepFailure", "Task", "Tasks", "Usage", "UsageError", "WaitTimeout", "__version__",
    "Checkpoint", "checkpoint", "progress", "AsyncWorkflow", "AsyncWorkflowBuilder",
    "AsyncWorkflowRun", "AsyncWorkflowRuns", "AsyncWorkflows", "NodeEvent", "NodeFailure",
    "NodeState", "Workflow", "WorkflowBuilder", "WorkflowCheck", "WorkflowError",
    "WorkflowEstimate", "WorkflowEvent", "WorkflowRun", "WorkflowRuns", "WorkflowValue",
    "Workflows",
}  # fmt: skip


def test_exactly_this_is_exported() -> None:
    assert set(mecapy.__all__) == PUBLIC
    seen = {name for name in vars(mecapy) if not name.startswith("_")}
    assert seen == PUBLIC - {"__version__"}


def test_what_is_exported_says_so_and_has_words() -> None:
    for name in PUBLIC - {"__version__", "Event", "WorkflowEvent"}:
        assert getattr(mecapy, name).__doc__, name


@pytest.mark.parametrize(
    ("limits", "record"),
    [
        (Limits(memory="1 GiB", timeout="5 min"), {"memory_mb": 1024.0, "timeout_s": 300.0}),
        (Limits(memory="500MB"), {"memory_mb": pytest.approx(476.837158203125)}),
        (Limits(memory=512, timeout=2.5, cpus=2), {"memory_mb": 512, "timeout_s": 2.5, "cpus": 2}),
        (Limits(log="2 MiB", processes=4, gpus=1), {"log_kb": 2048, "processes": 4, "gpus": 1}),
        (Limits(memory="1 Go", disk="64 Mio"), {"memory_mb": 1e9 / 2**20, "disk_mb": 64}),
        (Limits(log="1 MB"), {"log_kb": 977}),  # whole ones, as the platform wants them
        (Limits(timeout=datetime.timedelta(minutes=1)), {"timeout_s": 60.0}),
    ],
)
def test_limits_are_what_they_say(limits: Limits, record: dict[str, float]) -> None:
    assert limits.record() == record


@pytest.mark.parametrize("wrong", ["1 G", "GiB", "-1 GiB", "1,5 GiB", "", "1 min"])
def test_a_quantity_that_cannot_be_read_is_told_at_once(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"memory=.*write a number and a unit, as in '1 GiB'"):
        Limits(memory=wrong)


def test_errors_survive_pickling() -> None:
    failure = Failure("out_of_memory", "used 512 of 512 MiB", "limit")
    error = LimitError("used 512 of 512 MiB", failure=failure, run_id="r")
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, again.failure, again.run_id) == ("out_of_memory", failure, "r")
    assert isinstance(WaitTimeout("x"), TimeoutError)
