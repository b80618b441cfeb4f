"""The client that blocks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

import httpx

from mecapy._artifact import Artifact
from mecapy._calculation import Calculation, TaskOptions, fields_of
from mecapy._errors import MecaPyError
from mecapy._http import http_options
from mecapy._login import find_login
from mecapy._rules import Order, Rules
from mecapy._session import Session
from mecapy._state import RunState, TaskState
from mecapy._steps import Driver
from mecapy._values import (
    Duration,
    Event,
    Failure,
    Limits,
    Progress,
    Status,
    Usage,
)

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

    Raises
    ------
    ConfigurationError
        There is no token, or the address will not do.

    Examples
    --------
    >>> client = MecaPy()                                       # doctest: +SKIP
    >>> client.run("def calculate(inputs): return 2 * inputs['x']", {"x": 21})  # doctest: +SKIP
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
        self._options = http_options(proxy, ca)
        self._driver = Driver(lambda: httpx.Client(**self._options))
        session = Session(url, login, timeout=timeout, retries=retries)
        self._rules = Rules(session, Artifact)
        self.base_url = session.base_url
        self.tasks = Tasks(self)
        self.runs = Runs(self)

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
        CalculationError, LimitError, PlatformError
            It failed, by whose fault.
        WaitTimeout
            It has not ended in time; it goes on.
        """
        fields = fields_of(code=code, inputs=inputs or {}, limits=limits)
        return self._execute(None, fields, fresh=False, timeout=timeout).result()

    def submit(
        self,
        code: str | os.PathLike[str] | Callable[..., Any],
        inputs: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
    ) -> Run:
        """Start a calculation once, without keeping a task; see `run`."""
        fields = fields_of(code=code, inputs=inputs or {}, limits=limits)
        return Run(self, self._driver.run(self._rules.execute(None, fields, Order())))

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
        processes: int | None = None,
        cache: Duration | None = None,
    ) -> Callable[[F], Calculation]: ...

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
        timeout, memory, cpus, cpu_time, disk, log, result, artifacts, processes
            What a run may use, see `Limits`.
        cache : float, str or timedelta, optional
            For how long an earlier result of the same code and inputs answers: ``"1 h"``.

        Raises
        ------
        SourceError
            The function cannot be taken along.
        """
        made = TaskOptions.of(options)
        if function is None:
            return lambda f: Calculation(self, f, made)
        return Calculation(self, function, made)

    def me(self) -> Json:
        """Who calls: ``user``, ``admin`` and ``proof``."""
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
        self, task_id: str | None, fields: Json, *, fresh: bool, timeout: float | None
    ) -> Run:
        """A run that has ended. Who is interrupted cancels it."""
        order = Order(fresh)
        try:
            return Run(
                self,
                self._driver.run(self._rules.execute_and_finish(task_id, fields, order, timeout)),
            )
        except KeyboardInterrupt:
            with contextlib.suppress(MecaPyError):  # the interruption is what counts
                self._driver.run(self._rules.abandon(task_id, fields, order))
            raise


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
        """The task of an id; one of its versions, or the latest."""
        rule = self._client._rules.get_task(task_id, version)
        return Task(self._client, self._client._driver.run(rule))

    def list(self, limit: int | None = None) -> Iterator[Task]:
        """Your tasks, newest first; all of them when `limit` is None."""
        for record in self._client._driver.iterate(self._client._rules.list_tasks(limit)):
            yield Task(self._client, record)


class Task(TaskState[MecaPy]):
    """A calculation that is kept."""

    @property
    def code(self) -> str:
        """Its source."""
        return str(self._whole()["code"])

    @property
    def inputs(self) -> Json:
        """What it receives when a run gives no others."""
        return dict(self._whole()["inputs"])

    def execute(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        version: int | None = None,
        fresh: bool = False,
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

        Raises
        ------
        CalculationError, LimitError, PlatformError
            It failed, by whose fault.
        RunCancelled
            Somebody cancelled it.
        WaitTimeout
            It has not ended in time; it goes on.
        """
        fields = fields_of(inputs=inputs, version=version)
        return self._client._execute(self.id, fields, fresh=fresh, timeout=timeout).result()

    def execute_async(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        fresh: bool = False,
    ) -> Run:
        """Start a run, and give it without waiting."""
        fields = fields_of(inputs=inputs, version=version)
        rule = self._client._rules.execute(self.id, fields, Order(fresh))
        return Run(self._client, self._client._driver.run(rule))

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
        """Its runs, newest first."""
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
    ) -> Task:
        """Change what is given; new code, inputs or limits make a new version."""
        fields = fields_of(
            name=name,
            code=code,
            inputs=inputs,
            limits=limits,
            cache=cache,
            description=description,
            tags=tags,
        )
        self._told = self._client._driver.run(self._client._rules.update_task(self.id, fields))
        return self

    def delete(self) -> None:
        """Hide it; its runs stay."""
        self._client._driver.run(self._client._rules.delete_task(self.id))

    def _whole(self) -> Json:
        if "code" not in self._told:  # of a list
            self._told = self._client._driver.run(self._client._rules.get_task(self.id))
        return self._told


class Runs:
    """Your runs."""

    def __init__(self, client: MecaPy) -> None:
        self._client = client

    def get(self, run_id: str) -> Run:
        """The run of an id."""
        return Run(self._client, self._client._driver.run(self._client._rules.get_run(run_id)))

    def list(
        self,
        *,
        task_id: str | None = None,
        status: Status | None = None,
        limit: int | None = None,
    ) -> Iterator[Run]:
        """Your runs, newest first; all of them when `limit` is None."""
        rule = self._client._rules.list_runs(task_id, status, limit)
        for record in self._client._driver.iterate(rule):
            yield Run(self._client, record)


class Run(RunState[MecaPy]):
    """One run. What may change is asked of the server until the run has ended."""

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
    def artifacts(self) -> list[Artifact]:
        """Files and figures it left; none until it has ended."""
        self._refresh(whole="artifacts")
        return self._artifacts(Artifact)

    @property
    def progress(self) -> Progress | None:
        """How far it says it is; None when it does not, or does not run."""
        self._refresh()
        return self._progress()

    def wait(self, timeout: float | None = None) -> Run:
        """Wait until it has ended, and give it.

        Raises
        ------
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
        CalculationError, LimitError, PlatformError
            It failed, by whose fault.
        RunCancelled
            Somebody cancelled it.
        WaitTimeout
            It has not ended in `timeout` seconds; it goes on.
        """
        return self.wait(timeout)._result()

    def logs(self) -> str:
        """What it printed so far."""
        return self._client._driver.run(self._client._rules.logs(self.id))

    def stream(self) -> Iterator[Event]:
        """What happens to it, as it happens, until it has ended.

        Begins with what it printed so far. A connection that breaks is taken up again; nothing is
        told twice.
        """
        return self._client._driver.iterate(self._client._rules.events(self.id))

    def cancel(self) -> Run:
        """Stop it wherever it is; one that has ended stays as it is."""
        self._hear(self._client._driver.run(self._client._rules.cancel(self.id)))
        return self

    def _refresh(self, whole: str | None = None) -> None:
        """Ask again, unless it has ended and what is wanted was told."""
        if not self.ended or (whole is not None and whole not in self._told):
            self._hear(self._client._driver.run(self._client._rules.get_run(self.id)))
