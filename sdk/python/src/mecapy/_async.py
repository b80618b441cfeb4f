"""The client for event loops. What things mean is told at the blocking one, `mecapy.MecaPy`."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import httpx

from mecapy._async_run import AsyncRun, AsyncRuns
from mecapy._async_task import AsyncTasks
from mecapy._async_workflow import AsyncWorkflowRuns, AsyncWorkflows
from mecapy._calculation import AsyncCalculation, TaskOptions
from mecapy._drivers import AsyncDriver
from mecapy._errors import MecaPyError
from mecapy._fields import run_of
from mecapy._http import http_options
from mecapy._login import find_login
from mecapy._origin import UNKNOWN, Origin
from mecapy._rules import Order
from mecapy._session import Session
from mecapy._signatures import knows_the_address, shows_options, takes_inputs
from mecapy._values import CostSum, Duration, Limits
from mecapy._workflow_builder import AsyncWorkflowBuilder
from mecapy._workflow_keep import KeepingRules, Memory

if TYPE_CHECKING:
    from mecapy._client import MecaPy

Json = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])


class AsyncMecaPy:
    """A server of MecaPy, for event loops; see `MecaPy` for the parameters.

    Examples
    --------
    >>> async with AsyncMecaPy() as client:                     # doctest: +SKIP
    ...     await client.run("def calculate(inputs): return 2 * inputs['x']", {"x": 21})
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
        self._driver = AsyncDriver(lambda: httpx.AsyncClient(**options))
        self._rules = KeepingRules(session)
        self._memory = Memory()
        self.base_url = session.base_url
        self.tasks = AsyncTasks(self)
        self.runs = AsyncRuns(self)
        self.workflows = AsyncWorkflows(self)
        self.workflow_runs = AsyncWorkflowRuns(self)

    @takes_inputs
    async def run(
        self,
        code: str | os.PathLike[str] | Callable[..., Any],
        inputs: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Run a calculation once and give its result; see `MecaPy.run`.

        Raises
        ------
        InvalidRequestError, EncodingError, SourceError, CalculationError, LimitError
            See `MecaPy.run`.
        PlatformError, RunCancelled, WaitTimeout
            See `MecaPy.run`.
        """
        fields, origin = run_of(code, inputs, limits)
        run = await self._execute(None, fields, fresh=False, timeout=timeout, origin=origin)
        return await run.result()

    @takes_inputs
    async def submit(
        self,
        code: str | os.PathLike[str] | Callable[..., Any],
        inputs: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
    ) -> AsyncRun:
        """Start a calculation once; see `MecaPy.submit`.

        Raises
        ------
        InvalidRequestError, EncodingError, SourceError
            See `MecaPy.submit`.
        """
        fields, origin = run_of(code, inputs, limits)
        record = await self._driver.run(self._rules.execute(None, fields, Order()))
        return AsyncRun(self, record, origin)

    @overload
    def task(self, function: F) -> AsyncCalculation: ...

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
    ) -> Callable[[F], AsyncCalculation]: ...

    @shows_options
    def task(self, function: Any = None, **options: Any) -> Any:
        """Make a function one that can run there; see `MecaPy.task`.

        Raises
        ------
        SourceError
            See `MecaPy.task`.
        """
        made = TaskOptions.of(options)
        if function is None:
            return lambda f: AsyncCalculation(self, f, made)
        return AsyncCalculation(self, function, made)

    def workflow(self, name: str, *, description: str | None = None) -> AsyncWorkflowBuilder:
        """Write a workflow: ``async with client.workflow("joint")``; see `MecaPy.workflow`.

        Raises
        ------
        WorkflowError
            See `MecaPy.workflow`.
        """
        return AsyncWorkflowBuilder(self, name, description)

    async def costs(
        self,
        by: Literal["day", "user", "task", "backend"] = "day",
        *,
        first: datetime.date | str | None = None,
        last: datetime.date | str | None = None,
    ) -> list[CostSum]:
        """What runs cost, by the day they were accepted on, UTC; see `MecaPy.costs`.

        Raises
        ------
        InvalidRequestError
            See `MecaPy.costs`.
        """
        return await self._driver.run(self._rules.costs(by, first, last))

    async def me(self) -> Json:
        """Who calls: ``user``, ``admin`` and ``proof``.

        Raises
        ------
        AuthenticationError, NetworkError, PlatformError
            See `MecaPy.me`.
        """
        return await self._driver.run(self._rules.me())

    def _as_blocking(self) -> MecaPy:
        """The same server and caller for who blocks; closed by who asked."""
        from mecapy._client import MecaPy

        other = MecaPy.__new__(MecaPy)
        other._join(self._rules.session, self._options)
        return other

    async def close(self) -> None:
        """Close its connections."""
        await self._driver.close()

    async def __aenter__(self) -> AsyncMecaPy:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncMecaPy {self.base_url}>"

    async def _execute(
        self,
        task_id: str | None,
        fields: Json,
        *,
        fresh: bool,
        timeout: float | None,
        origin: Origin = UNKNOWN,
    ) -> AsyncRun:
        """A run that has ended. Who is cancelled cancels it."""
        order = Order(fresh)
        rule = self._rules.execute_and_finish(task_id, fields, order, timeout)
        try:
            return AsyncRun(self, await self._driver.run(rule), origin)
        except asyncio.CancelledError:
            with contextlib.suppress(MecaPyError):  # the cancellation is what counts
                await self._driver.run(self._rules.abandon(task_id, fields, order))
            raise
