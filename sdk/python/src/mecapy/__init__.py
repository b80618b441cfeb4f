"""MecaPy: mechanical engineers' calculations, run safely, from one call.

>>> from mecapy import MecaPy                                   # doctest: +SKIP
>>> client = MecaPy()                                           # doctest: +SKIP
>>> @client.task(memory="1 GiB")                                # doctest: +SKIP
... def stress(force, section):
...     return force / section
>>> stress.remote(1000, section=10)                             # doctest: +SKIP
100.0
"""

from mecapy import checkpoint
from mecapy._artifact import Artifact, AsyncArtifact
from mecapy._async import AsyncMecaPy
from mecapy._async_run import AsyncRun, AsyncRuns
from mecapy._async_task import AsyncTask, AsyncTasks
from mecapy._calculation import AsyncCalculation, Calculation
from mecapy._client import MecaPy
from mecapy._errors import (
    AuthenticationError,
    BudgetExhausted,
    BusyError,
    CalculationError,
    ConfigurationError,
    ConflictError,
    EncodingError,
    FieldProblem,
    InvalidRequestError,
    LimitError,
    MecaPyError,
    NetworkError,
    NotFoundError,
    PlatformError,
    RunCancelled,
    RunError,
    SourceError,
    UsageError,
    WaitTimeout,
)
from mecapy._progress import progress
from mecapy._rules import BudgetWarning
from mecapy._run import Run, Runs
from mecapy._sweep import Sweep, SweepFailure
from mecapy._task import Task, Tasks
from mecapy._values import (
    BackendCost,
    Checkpoint,
    Cost,
    CostComponent,
    CostSum,
    Estimate,
    Event,
    Failure,
    Limits,
    LogEvent,
    Progress,
    ProgressEvent,
    RunEstimate,
    StatusEvent,
    Usage,
)
from mecapy._version import __version__

__all__ = [
    "Artifact",
    "AsyncArtifact",
    "AsyncCalculation",
    "AsyncMecaPy",
    "AsyncRun",
    "AsyncRuns",
    "AsyncTask",
    "AsyncTasks",
    "AuthenticationError",
    "BackendCost",
    "BudgetExhausted",
    "BudgetWarning",
    "BusyError",
    "Calculation",
    "CalculationError",
    "Checkpoint",
    "ConfigurationError",
    "ConflictError",
    "Cost",
    "CostComponent",
    "CostSum",
    "EncodingError",
    "Event",
    "Failure",
    "FieldProblem",
    "InvalidRequestError",
    "LimitError",
    "Limits",
    "LogEvent",
    "MecaPy",
    "MecaPyError",
    "NetworkError",
    "NotFoundError",
    "PlatformError",
    "Estimate",
    "Progress",
    "ProgressEvent",
    "Run",
    "RunCancelled",
    "RunError",
    "RunEstimate",
    "Runs",
    "SourceError",
    "StatusEvent",
    "Sweep",
    "SweepFailure",
    "Task",
    "Tasks",
    "Usage",
    "UsageError",
    "WaitTimeout",
    "__version__",
    "checkpoint",
    "progress",
]
