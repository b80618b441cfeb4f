"""Functions that run here when they are called, and there when that is asked for."""

from __future__ import annotations

import dataclasses
import difflib
import enum
import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mecapy._duration import seconds
from mecapy._errors import EncodingError
from mecapy._fields import fields_of
from mecapy._origin import Origin, Stretch
from mecapy._rules import Order
from mecapy._source import calculation_of, check, unwrapped, written_of
from mecapy._taken import is_calculation
from mecapy._values import Limits, RunEstimate
from mecapy._workflow_keep import Key, Source
from mecapy._workflow_value import builder_of, check_has_names, check_is_known

if TYPE_CHECKING:
    from mecapy._async import AsyncMecaPy
    from mecapy._async_run import AsyncRun
    from mecapy._async_task import AsyncTask
    from mecapy._client import MecaPy
    from mecapy._run import Run
    from mecapy._sweep import Sweep
    from mecapy._task import Task

Json = dict[str, Any]
Written = tuple[str, tuple[Stretch, ...]]


@dataclass(frozen=True)
class TaskOptions:
    """What ``@client.task(...)`` was given."""

    name: str | None = None
    limits: Limits | None = None
    cache: float | None = None
    estimated_duration: float | None = None

    def of_tasks(self) -> Json:
        """What a task that is kept is made with, by the names of `Tasks.create`."""
        return {
            "limits": self.limits,
            "cache": self.cache,
            "estimated_duration": self.estimated_duration,
        }

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> TaskOptions:
        """Of the decorator's arguments."""
        given = dict(options)
        known = (
            "name",
            "cache",
            "estimated_duration",
            *(field.name for field in dataclasses.fields(Limits)),
        )
        for option in given:
            if option not in known:
                near = difflib.get_close_matches(option, known, 1)
                hint = f": did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"
                raise TypeError(f"task() has no option {option}{hint}")
        name, cache = given.pop("name", None), given.pop("cache", None)
        expected = given.pop("estimated_duration", None)
        return cls(
            name,
            Limits(**given) if given else None,
            None if cache is None else seconds("cache", cache),
            None if expected is None else seconds("estimated_duration", expected),
        )


def _check_argument(name: str, value: Any) -> None:
    """Refuse what would come there as another kind of value: an Enum's number, a dataclass's dict.

    Raises
    ------
    EncodingError
        Naming the argument.
    """
    if isinstance(value, enum.Enum):
        raise EncodingError(f"{name} is an Enum's member: give its .value")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        raise EncodingError(f"{name} is a dataclass: give its fields, and make it inside")
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        raise EncodingError(f"{name} is a named tuple: give its fields, and make it inside")
    parts = value.values() if isinstance(value, dict) else value
    if isinstance(value, (dict, list, tuple)):
        for part in parts:
            _check_argument(name, part)


def _rows(entries: Iterable[Any]) -> Iterable[Any]:
    """The entries of a sweep; a table's are its rows, by the names of its columns."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(entries, pandas.DataFrame):
        return entries
    if not entries.columns.is_unique:
        raise TypeError("two columns of the table have the same name: rename one")
    rows: Iterable[Any] = entries.to_dict("records")
    return rows


class _Calculation:
    """What both kinds share."""

    def __init__(self, client: Any, function: Callable[..., Any], options: TaskOptions) -> None:
        self._mecapy_function = unwrapped(function)
        check(self._mecapy_function)
        self._client = client
        self._options = options
        self._signature = inspect.signature(self._mecapy_function)
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it here; with a value of a workflow among the arguments, make a node of that."""
        builder = builder_of((*args, *kwargs.values()))
        if builder is not None:
            return builder._called(self, self._inputs(args, kwargs))
        return self._mecapy_function(*args, **kwargs)

    @property
    def source(self) -> str:
        """What runs there: one module of Python source.

        Raises
        ------
        SourceError
            Something it needs cannot be taken along.
        """
        return calculation_of(self._mecapy_function)

    def _bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
        try:
            return self._signature.bind(*args, **kwargs)
        except TypeError as error:
            parameters = self._signature.parameters
            unknown = [one for one in kwargs if one not in parameters]
            if not unknown or "unexpected" in str(error):
                raise
            near = difflib.get_close_matches(str(unknown[0]), parameters, 1)
            hint = f": did you mean {near[0]}?" if near else ""
            raise TypeError(f"{error}; there is no argument {unknown[0]!r}{hint}") from None

    def _inputs(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Json:
        """The arguments by name; a wrong call is a TypeError, as it would be here."""
        bound = self._bound(args, kwargs)
        bound.apply_defaults()  # they may be others there
        if is_calculation(self._mecapy_function):
            check_has_names(bound.arguments["inputs"])
            return dict(bound.arguments["inputs"])
        for name, value in bound.arguments.items():
            _check_argument(name, value)
        further = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        kinds = {p.name: p.kind for p in self._signature.parameters.values()}
        return {n: v for n, v in bound.arguments.items() if kinds[n] not in further or v}

    def _run_inputs(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Json:
        """The same of a run, which must be known."""
        return self._known(self._inputs(args, kwargs))

    @staticmethod
    def _known(inputs: Json) -> Json:
        for name, value in inputs.items():
            check_is_known(name, value)
        return inputs

    def _entries(self, entries: Iterable[Any]) -> list[Json]:
        """The inputs of each entry of a sweep.

        Raises
        ------
        TypeError
            An entry is no call of the function; says which.
        EncodingError
            An argument of one would arrive as something else.
        """
        if isinstance(entries, Mapping):
            raise TypeError("map takes a list of entries, not one dict: give [{...}, {...}]")
        found = []
        for index, entry in enumerate(_rows(entries)):
            try:
                found.append(self._known(self._item_inputs(entry)))
            except TypeError as error:
                kind = EncodingError if isinstance(error, EncodingError) else TypeError
                raise kind(f"entry {index}: {error}") from None
        return found

    def _item_inputs(self, item: Any) -> Json:
        """The inputs of one entry of a sweep: a dict by name, a tuple by place, else the first."""
        if isinstance(item, Mapping):
            whole = is_calculation(self._mecapy_function)
            return dict(item) if whole else self._inputs((), dict(item))
        return self._inputs(item if isinstance(item, tuple) else (item,), {})

    def _input_names(self) -> Iterable[str]:
        """What its inputs are called; nothing is known of the one that takes all in a dict."""
        kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        named = [one.name for one in self._signature.parameters.values() if one.kind not in kinds]
        return [] if is_calculation(self._mecapy_function) else named

    def _node_inputs(self, inputs: Mapping[str, Any]) -> Json:
        """The inputs of a node, by name."""
        if is_calculation(self._mecapy_function):
            return dict(inputs)
        return self._inputs((), inputs)

    def _kept(self) -> tuple[Key, Source]:
        """What it is kept as for a workflow: the function it is, and what is sent."""
        function = self._mecapy_function
        name = self._options.name or function.__name__
        key = (function.__name__, name, function.__module__, function.__qualname__)
        fields = fields_of(code=function, **self._options.of_tasks())
        return key, Source(f"the function {function.__name__}", name, fields)

    def _written(self) -> Written:
        return written_of(self._mecapy_function)

    def _ordered(self, inputs: Json, written: Written | None = None) -> tuple[Json, Origin]:
        """What is sent of a run, and what is known of it here."""
        source, stretches = written or self._written()
        fields = fields_of(
            name=self._options.name or self.__name__,  # type: ignore[attr-defined]
            code=source,
            inputs=inputs,
            limits=self._options.limits,
            cache=self._options.cache,
            estimated_duration=self._options.estimated_duration,
        )
        names = tuple(inputs) if is_calculation(self._mecapy_function) else None
        return fields, Origin(stretches, names)

    def _estimated(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Json:
        """What is sent of a run that is only estimated; its inputs stay here."""
        if args or kwargs:
            self._inputs(args, kwargs)  # a wrong call is told
        return fields_of(
            limits=self._options.limits, estimated_duration=self._options.estimated_duration
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__name__}{self._signature}>"  # type: ignore[attr-defined]


class Calculation(_Calculation):
    """A function that can run there, made by ``@client.task``.

    Called as before, it runs here. Called with a value of a workflow, it becomes a node of that;
    see `MecaPy.workflow`.

    Examples
    --------
    >>> @client.task(memory="1 GiB", timeout="5 min")           # doctest: +SKIP
    ... def stress(force, section):
    ...     return force / section
    >>> stress(1000, section=10)                                # doctest: +SKIP
    100.0
    >>> stress.remote(1000, section=10)                         # doctest: +SKIP
    100.0
    """

    _client: MecaPy

    def remote(self, *args: Any, **kwargs: Any) -> Any:
        """Run it there, wait, and give the result. Ctrl-C cancels the run.

        Arguments travel as JSON with the platform's encoding: arrays, tables, dates and complex
        numbers arrive as they are, tuples as lists, numpy's scalars as plain numbers.

        Raises
        ------
        SourceError
            Something the function needs cannot be taken along.
        EncodingError
            An argument would arrive as something else (an Enum's member, a dataclass), or
            not.
        InvalidRequestError
            A limit is over its ceiling, or the inputs are too large.
        CalculationError, LimitError, PlatformError
            It failed, by whose fault.
        RunCancelled
            Somebody cancelled it.
        """
        fields, origin = self._ordered(self._run_inputs(args, kwargs))
        run = self._client._execute(None, fields, fresh=False, timeout=None, origin=origin)
        return run.result()

    def submit(self, *args: Any, **kwargs: Any) -> Run:
        """Start it there, and give the run without waiting.

        Raises
        ------
        SourceError
            Something the function needs cannot be taken along.
        EncodingError
            An argument would arrive as something else (an Enum's member, a dataclass), or
            not.
        InvalidRequestError
            A limit is over its ceiling, or the inputs are too large.
        """
        from mecapy._run import Run

        fields, origin = self._ordered(self._run_inputs(args, kwargs))
        rule = self._client._rules.execute(None, fields, Order())
        return Run(self._client, self._client._driver.run(rule), origin)

    def estimate(self, *args: Any, **kwargs: Any) -> RunEstimate:
        """What a run would take and cost, and where it would go. Nothing is run or sent of it.

        Raises
        ------
        InvalidRequestError
            A limit is over its ceiling, or no backend takes such a run.
        """
        fields = self._estimated(args, kwargs)
        return self._client._driver.run(self._client._rules.estimate(None, fields))

    def map(
        self,
        inputs: Iterable[Any],
        *,
        concurrency: int = 8,
        progress: bool | None = None,
    ) -> Sweep:
        """Run it there once for each entry, several at a time.

        Parameters
        ----------
        inputs : iterable
            Of each run: a dict is the arguments by name, a tuple by place, anything else the first;
            a DataFrame is its rows, by the names of its columns.
        concurrency : int
            Runs at once.
        progress : bool, optional
            Whether to show a bar on standard error; on a terminal when None.

        Returns
        -------
        Sweep
            The results in the order of `inputs`; failures are kept apart. Ctrl-C cancels what runs.

        Raises
        ------
        SourceError, EncodingError
            As `remote`, before anything runs. How runs fail is in `Sweep.failures`.
        TypeError
            An entry is no call of the function; says which.
        """
        from mecapy._sweep import map_in_thread

        return map_in_thread(self, self._entries(inputs), concurrency, progress)

    def create(self, inputs: Mapping[str, Any] | None = None, **others: Any) -> Task:
        """Keep it as a task, for others; see `Tasks.create` for `others`.

        Raises
        ------
        InvalidRequestError, EncodingError, SourceError
            See `Tasks.create`.
        """
        given = {**self._options.of_tasks(), **others}
        name = given.pop("name", None) or self._options.name or self.__name__  # type: ignore[attr-defined]
        return self._client.tasks.create(name, self._mecapy_function, inputs, **given)


class AsyncCalculation(_Calculation):
    """A function that can run there; see `Calculation`."""

    _client: AsyncMecaPy

    async def remote(self, *args: Any, **kwargs: Any) -> Any:
        """Run it there, and give the result. Cancelling the task cancels the run.

        Raises
        ------
        SourceError, EncodingError, InvalidRequestError, CalculationError, LimitError
            See `Calculation.remote`.
        PlatformError, RunCancelled
            See `Calculation.remote`.
        """
        fields, origin = self._ordered(self._run_inputs(args, kwargs))
        run = await self._client._execute(None, fields, fresh=False, timeout=None, origin=origin)
        return await run.result()

    async def submit(self, *args: Any, **kwargs: Any) -> AsyncRun:
        """Start it there, and give the run without waiting.

        Raises
        ------
        SourceError, EncodingError, InvalidRequestError
            See `Calculation.submit`.
        """
        from mecapy._async_run import AsyncRun

        fields, origin = self._ordered(self._run_inputs(args, kwargs))
        rule = self._client._rules.execute(None, fields, Order())
        return AsyncRun(self._client, await self._client._driver.run(rule), origin)

    async def estimate(self, *args: Any, **kwargs: Any) -> RunEstimate:
        """What a run would take and cost, and where it would go; see `Calculation.estimate`.

        Raises
        ------
        InvalidRequestError
            See `Calculation.estimate`.
        """
        fields = self._estimated(args, kwargs)
        return await self._client._driver.run(self._client._rules.estimate(None, fields))

    async def map(
        self,
        inputs: Iterable[Any],
        *,
        concurrency: int = 8,
        progress: bool | None = None,
    ) -> Sweep:
        """Run it there once for each entry; see `Calculation.map`.

        Raises
        ------
        SourceError, EncodingError, TypeError
            See `Calculation.map`.
        """
        from mecapy._sweep import map_on_loop

        return await map_on_loop(self._client, self, self._entries(inputs), concurrency, progress)

    async def create(self, inputs: Mapping[str, Any] | None = None, **others: Any) -> AsyncTask:
        """Keep it as a task, for others; see `Tasks.create` for `others`.

        Raises
        ------
        InvalidRequestError, EncodingError, SourceError
            See `Calculation.create`.
        """
        given = {**self._options.of_tasks(), **others}
        name = given.pop("name", None) or self._options.name or self.__name__  # type: ignore[attr-defined]
        return await self._client.tasks.create(name, self._mecapy_function, inputs, **given)
