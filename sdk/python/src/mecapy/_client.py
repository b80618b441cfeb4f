"""The client that blocks."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import httpx

from mecapy._calculation import Calculation, TaskOptions
from mecapy._drivers import Driver
from mecapy._errors import MecaPyError
from mecapy._fields import run_of
from mecapy._http import http_options
from mecapy._login import find_login
from mecapy._origin import UNKNOWN, Origin
from mecapy._rules import Order
from mecapy._run import Run, Runs
from mecapy._session import Session
from mecapy._signatures import knows_the_address, shows_options, takes_inputs
from mecapy._task import Tasks
from mecapy._values import CostSum, Duration, Limits
from mecapy._workflow import WorkflowRuns, Workflows
from mecapy._workflow_builder import WorkflowBuilder
from mecapy._workflow_keep import KeepingRules, Memory

if TYPE_CHECKING:
    from mecapy._async import AsyncMecaPy

Json = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])


class MecaPy:
    """A server of MecaPy.

    Parameters
    ----------
    token : str, optional
        Who calls; else ``MECAPY_TOKEN``, else what ``mecapy login`` saved.
    base_url : str, optional
        Where the server is; else ``MECAPY_URL``, else the saved login's, else
        http://127.0.0.1:8080.
    timeout : float
        Silence of the server that is endured, seconds. How long runs may take has nothing to do
        with it.
    retries : int
        How often what passes by itself is tried again: no connection, 429, 502, 503, 504. It is
        safe: the server takes each call once.
    proxy : str, optional
        ``http://HOST:PORT``; else ``HTTPS_PROXY`` and its kin.
    ca : str or path, optional
        File of the certificates to trust the server by; else ``MECAPY_CA``, else those that
        httpx trusts.

    Attributes
    ----------
    base_url : str
        Where the server is.
    tasks : Tasks
        Your tasks: make, find and list them.
    runs : Runs
        Your runs: find and list them.
    workflows : Workflows
        Your workflows: make, find and list them.
    workflow_runs : WorkflowRuns
        Your runs of workflows: find and list them.

    Raises
    ------
    ConfigurationError
        There is no token, or the address will not do.

    Notes
    -----
    Whatever asks the server can also raise `AuthenticationError` (the token is not, or no longer,
    good), `NetworkError` (the server was not reached), `PlatformError` and its `BusyError`; so
    can properties that ask, and `NotFoundError` when what they are of is no more.

    Examples
    --------
    >>> client = MecaPy()                                       # doctest: +SKIP
    >>> client.run("def calculate(inputs): return 2 * inputs['x']", {"x": 21})  # doctest: +SKIP
    42
    """

    @knows_the_address
    def __init__(
        self,
        token: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 30.0,
        retries: int = 5,
        proxy: str | None = None,
        ca: str | os.PathLike[str] | None = None,
    ) -> None:
        url, login = find_login(token, base_url)
        session = Session(url, login, timeout=timeout, retries=retries)
        self._join(session, http_options(proxy, ca))

    def _join(self, session: Session, options: Json) -> None:
        self._options = options
        self._driver = Driver(lambda: httpx.Client(**options))
        self._rules = KeepingRules(session)
        self._memory = Memory()
        self.base_url = session.base_url
        self.tasks = Tasks(self)
        self.runs = Runs(self)
        self.workflows = Workflows(self)
        self.workflow_runs = WorkflowRuns(self)

    @takes_inputs
    def run(
        self,
        code: str | os.PathLike[str] | Callable[..., Any],
        inputs: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Run a calculation once, without keeping a task, and give its result.

        Parameters
        ----------
        code : str, path or function
            Source that defines ``calculate(inputs)``, a file of it, or a function.
        inputs : mapping, optional
            What it receives.
        limits : Limits, optional
            What it may use.
        timeout : float, optional
            How long to wait, seconds; as long as it takes when None.

        Raises
        ------
        InvalidRequestError
            The code has an error of syntax, or a limit is over its ceiling.
        EncodingError
            An input has no encoding.
        SourceError
            The function cannot be taken along.
        CalculationError, LimitError, PlatformError
            It failed, by whose fault.
        RunCancelled
            Somebody cancelled it.
        WaitTimeout
            It has not ended in time; it goes on.
        """
        fields, origin = run_of(code, inputs, limits)
        run = self._execute(None, fields, fresh=False, timeout=timeout, origin=origin)
        return run.result()

    @takes_inputs
    def submit(
        self,
        code: str | os.PathLike[str] | Callable[..., Any],
        inputs: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
    ) -> Run:
        """Start a calculation once, without keeping a task; see `run`.

        Raises
        ------
        InvalidRequestError
            The code has an error of syntax, or a limit is over its ceiling.
        EncodingError
            An input has no encoding.
        SourceError
            The function cannot be taken along.
        """
        fields, origin = run_of(code, inputs, limits)
        return Run(self, self._driver.run(self._rules.execute(None, fields, Order())), origin)

    @overload
    def task(self, function: F) -> Calculation: ...

    @overload
    def task(
        self,
        function: None = None,
        *,
        name: str | None = None,
        timeout: Duration | None = None,
        memory: float | str | None = None,
        cpus: float | None = None,
        cpu_time: Duration | None = None,
        disk: float | str | None = None,
        log: float | str | None = None,
        result: float | str | None = None,
        artifacts: float | str | None = None,
        checkpoint: float | str | None = None,
        processes: int | None = None,
        gpus: int | None = None,
        cache: Duration | None = None,
        estimated_duration: Duration | None = None,
    ) -> Callable[[F], Calculation]: ...

    @shows_options
    def task(self, function: Any = None, **options: Any) -> Any:
        """Make a function one that can run there: ``@client.task(memory="1 GiB")``.

        Called as before it stays here; `Calculation.remote`, `submit` and `map` run it there. Its
        source is taken along with the module-level names it needs.

        Parameters
        ----------
        function : callable
            A plain function.
        name : str, optional
            For people; the function's name.
        timeout, memory, cpus, cpu_time, disk, log, result, artifacts, checkpoint, processes, gpus
            What a run may use, see `Limits`.
        cache : float, str or timedelta, optional
            For how long an earlier result of the same code and inputs answers: ``"1 h"``.
        estimated_duration : float, str or timedelta, optional
            How long a run takes, as far as you know. A long one gets a machine of its own, where
            the platform makes them.

        Raises
        ------
        SourceError
            The function cannot be taken along.
        """
        made = TaskOptions.of(options)
        if function is None:
            return lambda f: Calculation(self, f, made)
        return Calculation(self, function, made)

    def workflow(self, name: str, *, description: str | None = None) -> WorkflowBuilder:
        """Write a workflow, calculations that feed each other: ``with client.workflow("joint")``.

        A function under ``@client.task`` that is called inside with a value of the workflow
        becomes a node of it; see `WorkflowBuilder`. It is kept when the ``with`` is left without an
        exception: where you have a workflow of this name already it becomes that one's next
        version, or stays as it is when nothing has changed. Its functions are kept as tasks, in
        the same way, under the name ``WORKFLOW/function``.

        Parameters
        ----------
        name : str
            What people call it, and by which it is found again; of several the one that was
            changed last.
        description : str, optional
            For people; None leaves that of the workflow there is.

        Raises
        ------
        WorkflowError
            As the ``with`` is left: something is wrong with it, in words of its nodes.
        """
        return WorkflowBuilder(self, name, description)

    def costs(
        self,
        by: Literal["day", "user", "task", "backend"] = "day",
        *,
        first: datetime.date | str | None = None,
        last: datetime.date | str | None = None,
    ) -> list[CostSum]:
        """What runs cost, by the day they were accepted on, UTC.

        Yours; to who keeps the server, everybody's.

        Parameters
        ----------
        by : {'day', 'user', 'task', 'backend'}
            What is summed up in one.
        first, last : date or str, optional
            The days, as ``"2026-11-01"``; from the first of this month until today.

        Raises
        ------
        InvalidRequestError
            The days are none, or too far apart.
        """
        return self._driver.run(self._rules.costs(by, first, last))

    def me(self) -> Json:
        """Who calls: ``user``, ``admin`` and ``proof``.

        Raises
        ------
        AuthenticationError, NetworkError, PlatformError
            As whatever asks the server; see `MecaPy`.
        """
        return self._driver.run(self._rules.me())

    def _as_async(self) -> AsyncMecaPy:
        """The same server and caller on an event loop; closed by who asked."""
        from mecapy._async import AsyncMecaPy

        other = AsyncMecaPy.__new__(AsyncMecaPy)
        other._join(self._rules.session, self._options)
        return other

    def close(self) -> None:
        """Close its connections."""
        self._driver.close()

    def __enter__(self) -> MecaPy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<MecaPy {self.base_url}>"

    def _execute(
        self,
        task_id: str | None,
        fields: Json,
        *,
        fresh: bool,
        timeout: float | None,
        origin: Origin = UNKNOWN,
    ) -> Run:
        """A run that has ended. Who is interrupted cancels it."""
        order = Order(fresh)
        try:
            rule = self._rules.execute_and_finish(task_id, fields, order, timeout)
            return Run(self, self._driver.run(rule), origin)
        except KeyboardInterrupt:
            with contextlib.suppress(MecaPyError):  # the interruption is what counts
                self._driver.run(self._rules.abandon(task_id, fields, order))
            raise
