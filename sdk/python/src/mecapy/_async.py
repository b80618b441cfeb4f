"""The client for event loops. What things mean is told at the blocking one, `mecapy.MecaPy`."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar, overload

import httpx

from mecapy._artifact import AsyncArtifact
from mecapy._calculation import AsyncCalculation, TaskOptions
from mecapy._errors import MecaPyError
from mecapy._fields import changes_of, fields_of
from mecapy._http import http_options
from mecapy._login import find_login
from mecapy._rules import Order, Rules
from mecapy._session import Session
from mecapy._state import RunState, TaskState
from mecapy._steps import AsyncDriver
from mecapy._values import Duration, Event, Failure, Limits, Progress, Status, Usage

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
        self._driver = AsyncDriver(lambda: httpx.AsyncClient(**options))
        self._rules = Rules(session)
        self.base_url = session.base_url
        self.tasks = AsyncTasks(self)
        self.runs = AsyncRuns(self)

    async def run(
        self,
        code: str | os.PathLike[str] | Callable[..., Any],
        inputs: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Run a calculation once and give its result; see `MecaPy.run`."""
        fields = fields_of(code=code, inputs=inputs or {}, limits=limits)
        run = await self._execute(None, fields, fresh=False, timeout=timeout)
        return await run.result()

    async def submit(
        self,
        code: str | os.PathLike[str] | Callable[..., Any],
        inputs: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
    ) -> AsyncRun:
        """Start a calculation once; see `MecaPy.submit`."""
        fields = fields_of(code=code, inputs=inputs or {}, limits=limits)
        record = await self._driver.run(self._rules.execute(None, fields, Order()))
        return AsyncRun(self, record)

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
        processes: int | None = None,
        cache: Duration | None = None,
    ) -> Callable[[F], AsyncCalculation]: ...

    def task(self, function: Any = None, **options: Any) -> Any:
        """Make a function one that can run there; see `MecaPy.task`."""
        made = TaskOptions.of(options)
        if function is None:
            return lambda f: AsyncCalculation(self, f, made)
        return AsyncCalculation(self, function, made)

    async def me(self) -> Json:
        """Who calls: ``user``, ``admin`` and ``proof``."""
        return await self._driver.run(self._rules.me())

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
        self, task_id: str | None, fields: Json, *, fresh: bool, timeout: float | None
    ) -> AsyncRun:
        """A run that has ended. Who is cancelled cancels it."""
        order = Order(fresh)
        rule = self._rules.execute_and_finish(task_id, fields, order, timeout)
        try:
            return AsyncRun(self, await self._driver.run(rule))
        except asyncio.CancelledError:
            with contextlib.suppress(MecaPyError):  # the cancellation is what counts
                await self._driver.run(self._rules.abandon(task_id, fields, order))
            raise


class AsyncTasks:
    """Your tasks: calculations that are kept."""

    def __init__(self, client: AsyncMecaPy) -> None:
        self._client = client

    async def create(
        self,
        name: str,
        code: str | os.PathLike[str] | Callable[..., Any],
        inputs: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
        cache: Duration | None = None,
        description: str | None = None,
        tags: list[str] | None = None,
        estimated_duration: Duration | None = None,
    ) -> AsyncTask:
        """Keep a calculation; see `Tasks.create`."""
        fields = fields_of(
            name=name,
            code=code,
            inputs=inputs,
            limits=limits,
            cache=cache,
            description=description,
            tags=tags,
            estimated_duration=estimated_duration,
        )
        record = await self._client._driver.run(self._client._rules.create_task(fields))
        return AsyncTask(self._client, record)

    async def get(self, task_id: str, version: int | None = None) -> AsyncTask:
        """The task of an id; one of its versions, or the latest."""
        rule = self._client._rules.get_task(task_id, version)
        return AsyncTask(self._client, await self._client._driver.run(rule))

    async def list(self, limit: int | None = None) -> AsyncIterator[AsyncTask]:
        """Your tasks, newest first; all of them when `limit` is None."""
        async for record in self._client._driver.iterate(self._client._rules.list_tasks(limit)):
            yield AsyncTask(self._client, record)


class AsyncTask(TaskState[AsyncMecaPy]):
    """A calculation that is kept."""

    @property
    def code(self) -> str | None:
        """Its source; None in a list, where `AsyncTasks.get` tells it."""
        return self._told.get("code")

    @property
    def inputs(self) -> Json | None:
        """What it receives when a run gives no others; None in a list."""
        inputs: Json | None = self._inputs()
        return inputs

    async def execute(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        version: int | None = None,
        fresh: bool = False,
    ) -> Any:
        """Run it and give the result; see `Task.execute`. Cancelling cancels the run."""
        fields = fields_of(inputs=inputs, version=version)
        run = await self._client._execute(self.id, fields, fresh=fresh, timeout=timeout)
        return await run.result()

    async def execute_async(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        fresh: bool = False,
    ) -> AsyncRun:
        """Start a run, and give it without waiting."""
        fields = fields_of(inputs=inputs, version=version)
        rule = self._client._rules.execute(self.id, fields, Order(fresh))
        return AsyncRun(self._client, await self._client._driver.run(rule))

    async def latest(self) -> AsyncRun | None:
        """Its latest run, whoever started it; None when it never ran."""
        record = await self._client._driver.run(self._client._rules.latest_run(self.id))
        return None if record is None else AsyncRun(self._client, record)

    def runs(
        self, status: Status | None = None, limit: int | None = None
    ) -> AsyncIterator[AsyncRun]:
        """Its runs, newest first."""
        return self._client.runs.list(task_id=self.id, status=status, limit=limit)

    async def update(
        self,
        *,
        name: str | None = None,
        code: str | os.PathLike[str] | Callable[..., Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        limits: Limits | None = None,
        cache: Duration | None = None,
        description: str | None = None,
        tags: list[str] | None = None,
        estimated_duration: Duration | None = None,
    ) -> AsyncTask:
        """Change what is given; see `Task.update`."""
        fields = changes_of(
            name=name,
            code=code,
            inputs=inputs,
            limits=limits,
            cache=cache,
            description=description,
            tags=tags,
            estimated_duration=estimated_duration,
        )
        rule = self._client._rules.update_task(self.id, fields)
        self._told = await self._client._driver.run(rule)
        return self

    async def delete(self) -> None:
        """Hide it; its runs stay."""
        await self._client._driver.run(self._client._rules.delete_task(self.id))


class AsyncRuns:
    """Your runs."""

    def __init__(self, client: AsyncMecaPy) -> None:
        self._client = client

    async def get(self, run_id: str) -> AsyncRun:
        """The run of an id."""
        record = await self._client._driver.run(self._client._rules.get_run(run_id))
        return AsyncRun(self._client, record)

    async def list(
        self,
        *,
        task_id: str | None = None,
        status: Status | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[AsyncRun]:
        """Your runs, newest first; all of them when `limit` is None."""
        rule = self._client._rules.list_runs(task_id, status, limit)
        async for record in self._client._driver.iterate(rule):
            yield AsyncRun(self._client, record)


class AsyncRun(RunState[AsyncMecaPy, AsyncArtifact]):
    """One run, as it was last told; `refresh` asks again."""

    _artifact = AsyncArtifact

    @property
    def status(self) -> Status:
        """Where it was: queued, running, completed, failed or cancelled."""
        return self._status()

    @property
    def attempt(self) -> int:
        """How many workers had it; 0 until one has."""
        return self._attempt()

    @property
    def error(self) -> Failure | None:
        """Why it failed; None unless it did."""
        return self._failure() if self._status() == "failed" else None

    @property
    def usage(self) -> Usage | None:
        """What it used; None until it has ended."""
        return self._usage()

    @property
    def cost(self) -> float | None:
        """What it cost, as the server tells it; None when it tells nothing."""
        return self._cost()

    @property
    def artifacts(self) -> list[AsyncArtifact]:
        """Files and figures it left; none until it has ended."""
        return self._artifacts()

    @property
    def progress(self) -> Progress | None:
        """How far it said it is; None when it does not, or does not run."""
        return self._progress()

    async def refresh(self) -> AsyncRun:
        """Ask the server where it is now."""
        self._hear(await self._client._driver.run(self._client._rules.get_run(self.id)))
        return self

    async def wait(self, timeout: float | None = None) -> AsyncRun:
        """Wait until it has ended, and give it; see `Run.wait`."""
        if not self._has_result():
            rule = self._client._rules.finish(self.id, timeout)
            self._hear(await self._client._driver.run(rule))
        return self

    async def result(self, timeout: float | None = None) -> Any:
        """Its result, once it has ended; see `Run.result`."""
        return (await self.wait(timeout))._result()

    async def logs(self) -> str:
        """What it printed so far."""
        return await self._client._driver.run(self._client._rules.logs(self.id))

    def stream(self) -> AsyncIterator[Event]:
        """What happens to it, as it happens, until it has ended; see `Run.stream`."""
        return self._client._driver.iterate(self._client._rules.events(self.id))

    async def cancel(self) -> AsyncRun:
        """Stop it wherever it is; one that has ended stays as it is."""
        self._hear(await self._client._driver.run(self._client._rules.cancel(self.id)))
        return self
