"""Runs of the client that blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mecapy._artifact import Artifact
from mecapy._state import RunState
from mecapy._values import Cost, Event, Failure, Progress, Status, Usage

if TYPE_CHECKING:
    from mecapy._client import MecaPy


class Runs:
    """Your runs."""

    def __init__(self, client: MecaPy) -> None:
        self._client = client

    def get(self, run_id: str) -> Run:
        """The run of an id.

        Raises
        ------
        NotFoundError
            There is no such run of yours.
        """
        return Run(self._client, self._client._driver.run(self._client._rules.get_run(run_id)))

    def list(
        self,
        *,
        task_id: str | None = None,
        status: Status | None = None,
        workflow_run_id: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Run]:
        """Your runs, newest first; all of them when `limit` is None.

        Those of the nodes of one workflow run when its id is given, and with ``"none"`` only those
        of none.

        Raises
        ------
        AuthenticationError, NetworkError, PlatformError
            As whatever asks the server; see `MecaPy`. While it is gone through, not before.
        """
        rule = self._client._rules.list_runs(task_id, status, workflow_run_id, limit)
        for record in self._client._driver.iterate(rule):
            yield Run(self._client, record)


class Run(RunState["MecaPy", Artifact]):
    """One run. What may change is asked of the server until the run has ended."""

    _artifact = Artifact

    @property
    def status(self) -> Status:
        """Where it is now: queued, running, completed, failed or cancelled."""
        self._refresh()
        return self._status()

    @property
    def attempt(self) -> int:
        """How many workers had it; 0 until one has."""
        self._refresh()
        return self._attempt()

    @property
    def error(self) -> Failure | None:
        """Why it failed; None unless it did."""
        self._refresh()
        return self._failure() if self._status() == "failed" else None

    @property
    def usage(self) -> Usage | None:
        """What it used; None until it has ended."""
        self._refresh()
        return self._usage()

    @property
    def cost(self) -> Cost | None:
        """What its attempts and machines cost so far; None when nothing is known of it."""
        self._refresh()
        return self._cost()

    @property
    def artifacts(self) -> list[Artifact]:
        """Files and figures it left; none until it has ended."""
        self._refresh(whole="artifacts")
        return self._artifacts()

    @property
    def waiting(self) -> str | None:
        """Why it is queued and does not run yet, where that is known."""
        self._refresh()
        return self._waiting()

    @property
    def progress(self) -> Progress | None:
        """How far it says it is; None when it does not, or does not run."""
        self._refresh()
        return self._progress()

    def wait(self, timeout: float | None = None) -> Run:
        """Wait until it has ended, and give it.

        Raises
        ------
        NotFoundError
            There is no such run of yours any more.
        WaitTimeout
            It has not ended in `timeout` seconds; it goes on.
        """
        if not self._has_result():
            self._hear(self._client._driver.run(self._client._rules.finish(self.id, timeout)))
        return self

    def result(self, timeout: float | None = None) -> Any:
        """Its result, once it has ended.

        Raises
        ------
        NotFoundError
            There is no such run of yours any more.
        CalculationError, LimitError, PlatformError
            It failed, by whose fault.
        RunCancelled
            Somebody cancelled it.
        WaitTimeout
            It has not ended in `timeout` seconds; it goes on.
        """
        return self.wait(timeout)._result()

    def logs(self) -> str:
        """What it printed so far.

        Raises
        ------
        NotFoundError
            There is no such run of yours any more.
        """
        return self._client._driver.run(self._client._rules.logs(self.id))

    def stream(self) -> Iterator[Event]:
        """What happens to it, as it happens, until it has ended.

        Begins with what it printed so far. A connection that breaks is taken up again; nothing is
        told twice.

        Raises
        ------
        NotFoundError
            There is no such run of yours any more.
        NetworkError, PlatformError
            It broke again and again, and told nothing new.
        """
        return self._client._driver.iterate(self._client._rules.events(self.id))

    def cancel(self) -> Run:
        """Stop it wherever it is; one that has ended stays as it is.

        Raises
        ------
        NotFoundError
            There is no such run of yours any more.
        """
        self._hear(self._client._driver.run(self._client._rules.cancel(self.id)))
        return self

    def _refresh(self, whole: str | None = None) -> None:
        """Ask again, unless it has ended and what is wanted was told."""
        if not self.ended or (whole is not None and whole not in self._told):
            self._hear(self._client._driver.run(self._client._rules.get_run(self.id)))
