"""Runs of the client for event loops."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from mecapy._artifact import AsyncArtifact
from mecapy._state import RunState
from mecapy._values import Cost, Event, Failure, Progress, Status, Usage

if TYPE_CHECKING:
    from mecapy._async import AsyncMecaPy


class AsyncRuns:
    """Your runs."""

    def __init__(self, client: AsyncMecaPy) -> None:
        self._client = client

    async def get(self, run_id: str) -> AsyncRun:
        """The run of an id.

        Raises
        ------
        NotFoundError
            See `Runs.get`.
        """
        record = await self._client._driver.run(self._client._rules.get_run(run_id))
        return AsyncRun(self._client, record)

    async def list(
        self,
        *,
        task_id: str | None = None,
        status: Status | None = None,
        workflow_run_id: str | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[AsyncRun]:
        """Your runs, newest first; all of them when `limit` is None.

        Raises
        ------
        AuthenticationError, NetworkError, PlatformError
            See `Runs.list`.
        """
        rule = self._client._rules.list_runs(task_id, status, workflow_run_id, limit)
        async for record in self._client._driver.iterate(rule):
            yield AsyncRun(self._client, record)


class AsyncRun(RunState["AsyncMecaPy", AsyncArtifact]):
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
    def cost(self) -> Cost | None:
        """What its attempts and machines cost so far; None when nothing is known of it."""
        return self._cost()

    @property
    def artifacts(self) -> list[AsyncArtifact]:
        """Files and figures it left; none until it has ended."""
        return self._artifacts()

    @property
    def waiting(self) -> str | None:
        """Why it was queued and did not run yet, where that is known."""
        return self._waiting()

    @property
    def progress(self) -> Progress | None:
        """How far it said it is; None when it does not, or does not run."""
        return self._progress()

    async def refresh(self) -> AsyncRun:
        """Ask the server where it is now.

        Raises
        ------
        NotFoundError
            There is no such run of yours any more.
        """
        self._hear(await self._client._driver.run(self._client._rules.get_run(self.id)))
        return self

    async def wait(self, timeout: float | None = None) -> AsyncRun:
        """Wait until it has ended, and give it; see `Run.wait`.

        Raises
        ------
        NotFoundError, WaitTimeout
            See `Run.wait`.
        """
        if not self._has_result():
            rule = self._client._rules.finish(self.id, timeout)
            self._hear(await self._client._driver.run(rule))
        return self

    async def result(self, timeout: float | None = None) -> Any:
        """Its result, once it has ended; see `Run.result`.

        Raises
        ------
        NotFoundError, CalculationError, LimitError, PlatformError, RunCancelled, WaitTimeout
            See `Run.result`.
        """
        return (await self.wait(timeout))._result()

    async def logs(self) -> str:
        """What it printed so far.

        Raises
        ------
        NotFoundError
            See `Run.logs`.
        """
        return await self._client._driver.run(self._client._rules.logs(self.id))

    def stream(self) -> AsyncIterator[Event]:
        """What happens to it, as it happens, until it has ended; see `Run.stream`.

        Raises
        ------
        NotFoundError, NetworkError, PlatformError
            See `Run.stream`.
        """
        return self._client._driver.iterate(self._client._rules.events(self.id))

    async def cancel(self) -> AsyncRun:
        """Stop it wherever it is; one that has ended stays as it is.

        Raises
        ------
        NotFoundError
            See `Run.cancel`.
        """
        self._hear(await self._client._driver.run(self._client._rules.cancel(self.id)))
        return self
