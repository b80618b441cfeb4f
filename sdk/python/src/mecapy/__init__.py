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
from mecapy._async_workflow import (
    AsyncWorkflow,
    AsyncWorkflowRun,
    AsyncWorkflowRuns,
    AsyncWorkflows,
)
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
    WorkflowError,
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
    NodeEvent,
    NodeFailure,
    NodeState,
    Progress,
    ProgressEvent,
    RunEstimate,
    StatusEvent,
    Usage,
    WorkflowCheck,
    WorkflowEstimate,
    WorkflowEvent,
)
from mecapy._version import __version__
from mecapy._workflow import Workflow, WorkflowRun, WorkflowRuns, Workflows
from mecapy._workflow_builder import AsyncWorkflowBuilder, WorkflowBuilder
from mecapy._workflow_value import WorkflowValue

__all__ = [
    "Artifact",
    "AsyncArtifact",
    "AsyncCalculation",
    "AsyncMecaPy",
    "AsyncRun",
    "AsyncRuns",
    "AsyncTask",
    "AsyncTasks",
    "AsyncWorkflow",
    "AsyncWorkflowBuilder",
    "AsyncWorkflowRun",
    "AsyncWorkflowRuns",
    "AsyncWorkflows",
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
    "NodeEvent",
    "NodeFailure",
    "NodeState",
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
    "Workflow",
    "WorkflowBuilder",
    "WorkflowCheck",
    "WorkflowError",
    "WorkflowEstimate",
    "WorkflowEvent",
    "WorkflowRun",
    "WorkflowRuns",
    "WorkflowValue",
    "Workflows",
    "__version__",
    "checkpoint",
    "progress",
]
