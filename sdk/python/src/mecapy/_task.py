"""Tasks of the client that blocks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mecapy._fields import changes_of, fields_of
from mecapy._rules import Order
from mecapy._run import Run
from mecapy._signatures import takes_inputs
from mecapy._state import TaskState
from mecapy._values import Duration, Limits, RunEstimate, Status

if TYPE_CHECKING:
    from mecapy._client import MecaPy

Json = dict[str, Any]


class Tasks:
    """Your tasks: calculations that are kept."""

    def __init__(self, client: MecaPy) -> None:
        self._client = client

    def create(
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
    ) -> Task:
        """Keep a calculation.

        Parameters
        ----------
        name : str
            What people call it.
        code : str, path or function
            Source that defines ``calculate(inputs)``, a file of it, or a function.
        inputs : mapping, optional
            What it receives when a run gives no others.
        limits : Limits, optional
            What a run may use.
        cache : float, str or timedelta, optional
            For how long an earlier result of the same code and inputs answers.
        description : str, optional
            For people.
        tags : list of str, optional
            Words to find it by.
        estimated_duration : float, str or timedelta, optional
            How long a run takes, as far as you know.

        Raises
        ------
        InvalidRequestError
            The code has an error of syntax, or a field is wrong.
        EncodingError
            An input has no encoding.
        SourceError
            The function cannot be taken along.
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
        return Task(self._client, self._client._driver.run(self._client._rules.create_task(fields)))

    def get(self, task_id: str, version: int | None = None) -> Task:
        """The task of an id; one of its versions, or the latest.

        Raises
        ------
        NotFoundError
            There is no such task of yours, or not this version of it.
        """
        rule = self._client._rules.get_task(task_id, version)
        return Task(self._client, self._client._driver.run(rule))

    def list(self, limit: int | None = None) -> Iterator[Task]:
        """Your tasks, newest first; all of them when `limit` is None.

        Raises
        ------
        AuthenticationError, NetworkError, PlatformError
            As whatever asks the server; see `MecaPy`. While it is gone through, not before.
        """
        for record in self._client._driver.iterate(self._client._rules.list_tasks(limit)):
            yield Task(self._client, record)


class Task(TaskState["MecaPy"]):
    """A calculation that is kept."""

    @property
    def code(self) -> str:
        """Its source."""
        return str(self._whole()["code"])

    @property
    def inputs(self) -> Json:
        """What it receives when a run gives no others."""
        self._whole()
        return dict(self._inputs())

    @takes_inputs
    def execute(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        version: int | None = None,
        fresh: bool = False,
        estimated_duration: Duration | None = None,
    ) -> Any:
        """Run it, wait, and give the result. Ctrl-C cancels the run.

        Parameters
        ----------
        inputs : mapping, optional
            Instead of the task's.
        timeout : float, optional
            How long to wait, seconds; as long as it takes when None.
        version : int, optional
            Instead of the latest.
        fresh : bool
            Have it calculated, though the cache holds a result.
        estimated_duration : float, str or timedelta, optional
            How long this run takes, as far as you know: ``"6 h"``, or seconds. A long one gets a
            machine of its own, where the platform makes them.

        Raises
        ------
        NotFoundError
            There is no such task of yours, or not this version of it.
        InvalidRequestError
            The inputs are too large.
        EncodingError
            An input has no encoding.
        CalculationError, LimitError, PlatformError
            It failed, by whose fault.
        RunCancelled
            Somebody cancelled it.
        WaitTimeout
            It has not ended in time; it goes on.
        """
        fields = fields_of(inputs=inputs, version=version, estimated_duration=estimated_duration)
        origin = self._origin(inputs)
        run = self._client._execute(self.id, fields, fresh=fresh, timeout=timeout, origin=origin)
        return run.result()

    @takes_inputs
    def execute_async(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        fresh: bool = False,
        estimated_duration: Duration | None = None,
    ) -> Run:
        """Start a run, and give it without waiting.

        Raises
        ------
        NotFoundError
            There is no such task of yours, or not this version of it.
        InvalidRequestError
            The inputs are too large.
        EncodingError
            An input has no encoding.
        """
        fields = fields_of(inputs=inputs, version=version, estimated_duration=estimated_duration)
        rule = self._client._rules.execute(self.id, fields, Order(fresh))
        return Run(self._client, self._client._driver.run(rule), self._origin(inputs))

    @takes_inputs
    def estimate(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
        version: int | None = None,
        estimated_duration: Duration | None = None,
    ) -> RunEstimate:
        """What a run would take and cost, and where it would go. Nothing is run.

        Parameters
        ----------
        inputs : mapping, optional
            What it would receive; they change no estimate.
        limits : Limits, optional
            What it may use, over the task's.
        version : int, optional
            Instead of the latest.
        estimated_duration : float, str or timedelta, optional
            How long it takes, as far as you know.

        Raises
        ------
        NotFoundError
            There is no such task of yours, or not this version of it.
        InvalidRequestError
            No backend takes such a run.
        EncodingError
            An input has no encoding.
        """
        fields = fields_of(
            inputs=inputs, limits=limits, version=version, estimated_duration=estimated_duration
        )
        return self._client._driver.run(self._client._rules.estimate(self.id, fields))

    @property
    def latest(self) -> Run | None:
        """Its latest run, whoever started it; None when it never ran."""
        record = self._client._driver.run(self._client._rules.latest_run(self.id))
        return None if record is None else Run(self._client, record)

    @property
    def status(self) -> Status | None:
        """The status of its latest run now; None when it never ran."""
        latest = self.latest
        return None if latest is None else latest._status()

    @property
    def result(self) -> Any:
        """The result of its latest run, waiting for its end; None when it never ran."""
        latest = self.latest
        return None if latest is None else latest.result()

    def runs(self, status: Status | None = None, limit: int | None = None) -> Iterator[Run]:
        """Its runs, newest first.

        Raises
        ------
        AuthenticationError, NetworkError, PlatformError
            As whatever asks the server; see `MecaPy`. While it is gone through, not before.
        """
        return self._client.runs.list(task_id=self.id, status=status, limit=limit)

    def update(
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
    ) -> Task:
        """Change what is given; new code, inputs or limits make a new version.

        Parameters
        ----------
        name, code, inputs, limits, description, tags
            See `Tasks.create`; an empty description or list of tags takes them away.
        cache : float, str or timedelta, optional
            See `Tasks.create`; 0 has no earlier result answer any more.
        estimated_duration : float, str or timedelta, optional
            See `Tasks.create`; 0 takes it away.

        Raises
        ------
        NotFoundError
            There is no such task of yours any more.
        InvalidRequestError
            The code has an error of syntax, or a field is wrong.
        EncodingError
            An input has no encoding.
        SourceError
            The function cannot be taken along.
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
        self._told = self._client._driver.run(self._client._rules.update_task(self.id, fields))
        return self

    def delete(self) -> None:
        """Hide it; its runs stay.

        Raises
        ------
        NotFoundError
            There is no such task of yours any more.
        """
        self._client._driver.run(self._client._rules.delete_task(self.id))

    def _whole(self) -> Json:
        if "code" not in self._told:  # of a list
            self._told = self._client._driver.run(self._client._rules.get_task(self.id))
        return self._told
