"""Tasks of the client for event loops."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from mecapy._async_run import AsyncRun
from mecapy._fields import changes_of, fields_of
from mecapy._rules import Order
from mecapy._signatures import takes_inputs
from mecapy._state import TaskState
from mecapy._values import Duration, Limits, RunEstimate, Status

if TYPE_CHECKING:
    from mecapy._async import AsyncMecaPy

Json = dict[str, Any]


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
        """Keep a calculation; see `Tasks.create`.

        Raises
        ------
        InvalidRequestError, EncodingError, SourceError
            See `Tasks.create`.
        """
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
        """The task of an id; one of its versions, or the latest.

        Raises
        ------
        NotFoundError
            See `Tasks.get`.
        """
        rule = self._client._rules.get_task(task_id, version)
        return AsyncTask(self._client, await self._client._driver.run(rule))

    async def list(self, limit: int | None = None) -> AsyncIterator[AsyncTask]:
        """Your tasks, newest first; all of them when `limit` is None.

        Raises
        ------
        AuthenticationError, NetworkError, PlatformError
            See `Tasks.list`.
        """
        async for record in self._client._driver.iterate(self._client._rules.list_tasks(limit)):
            yield AsyncTask(self._client, record)


class AsyncTask(TaskState["AsyncMecaPy"]):
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

    @takes_inputs
    async def execute(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        version: int | None = None,
        fresh: bool = False,
        estimated_duration: Duration | None = None,
    ) -> Any:
        """Run it and give the result; see `Task.execute`. Cancelling cancels the run.

        Raises
        ------
        NotFoundError, InvalidRequestError, EncodingError, CalculationError, LimitError
            See `Task.execute`.
        PlatformError, RunCancelled, WaitTimeout
            See `Task.execute`.
        """
        fields = fields_of(inputs=inputs, version=version, estimated_duration=estimated_duration)
        origin = self._origin(inputs)
        run = await self._client._execute(
            self.id, fields, fresh=fresh, timeout=timeout, origin=origin
        )
        return await run.result()

    @takes_inputs
    async def execute_async(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        fresh: bool = False,
        estimated_duration: Duration | None = None,
    ) -> AsyncRun:
        """Start a run, and give it without waiting.

        Raises
        ------
        NotFoundError, InvalidRequestError, EncodingError
            See `Task.execute_async`.
        """
        fields = fields_of(inputs=inputs, version=version, estimated_duration=estimated_duration)
        rule = self._client._rules.execute(self.id, fields, Order(fresh))
        record = await self._client._driver.run(rule)
        return AsyncRun(self._client, record, self._origin(inputs))

    @takes_inputs
    async def estimate(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
        version: int | None = None,
        estimated_duration: Duration | None = None,
    ) -> RunEstimate:
        """What a run would take and cost, and where it would go; see `Task.estimate`.

        Raises
        ------
        NotFoundError, InvalidRequestError, EncodingError
            See `Task.estimate`.
        """
        fields = fields_of(
            inputs=inputs, limits=limits, version=version, estimated_duration=estimated_duration
        )
        return await self._client._driver.run(self._client._rules.estimate(self.id, fields))

    async def latest(self) -> AsyncRun | None:
        """Its latest run, whoever started it; None when it never ran.

        Raises
        ------
        NotFoundError
            There is no such task of yours any more.
        """
        record = await self._client._driver.run(self._client._rules.latest_run(self.id))
        return None if record is None else AsyncRun(self._client, record)

    def runs(
        self, status: Status | None = None, limit: int | None = None
    ) -> AsyncIterator[AsyncRun]:
        """Its runs, newest first.

        Raises
        ------
        AuthenticationError, NetworkError, PlatformError
            See `Task.runs`.
        """
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
        """Change what is given; see `Task.update`.

        Raises
        ------
        NotFoundError, InvalidRequestError, EncodingError, SourceError
            See `Task.update`.
        """
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
        """Hide it; its runs stay.

        Raises
        ------
        NotFoundError
            See `Task.delete`.
        """
        await self._client._driver.run(self._client._rules.delete_task(self.id))
