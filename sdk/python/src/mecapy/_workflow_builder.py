"""Workflows as they are written: calculations that are called with values known only later."""

from __future__ import annotations

import copy
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from mecapy._calculation import _Calculation, _rows
from mecapy._codec import encode_value
from mecapy._errors import WorkflowError
from mecapy._fields import fields_of
from mecapy._signatures import options_beside_inputs, options_of_a_node
from mecapy._state import TaskState
from mecapy._values import Limits
from mecapy._workflow_keep import Kept, Key, Source
from mecapy._workflow_value import WorkflowValue, check_is_whole, count_open

if TYPE_CHECKING:
    from mecapy._async import AsyncMecaPy
    from mecapy._async_workflow import AsyncWorkflow, AsyncWorkflowRun
    from mecapy._client import MecaPy
    from mecapy._workflow import Workflow, WorkflowRun

Json = dict[str, Any]
OnError = Literal["fail", "skip", "default"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_LONGEST_NAME = 64


class _Nothing:
    """What is not given, where None is a value."""

    def __repr__(self) -> str:
        return "..."


_NOTHING: Any = _Nothing()


class _WorkflowBuilder:
    """What both kinds share."""

    def __init__(self, client: Any, name: str, description: str | None) -> None:
        if not isinstance(name, str):
            raise TypeError(f"the name of a workflow is a text, not {name!r}")
        self.name = name
        self.description = description
        self._sources: dict[Key, Source] = {}
        self._kept: dict[Key, Kept] = {}
        self._client = client
        self._state: Literal["new", "open", "left", "kept"] = "new"
        self._inputs: dict[str, Json] = {}
        self._nodes: dict[str, Json] = {}
        self._keys: dict[str, Key] = {}  # of the functions and files of nodes
        self._outputs: dict[str, Json] = {}
        self._workflow: Any = None

    def input(self, name: str, default: Any = _NOTHING) -> WorkflowValue:
        """An input of the workflow, which each run of it is given.

        Asked for again by the same name it is the same.

        Parameters
        ----------
        name : str
            By which `execute` takes it: letters, digits, _ and -.
        default : Any, optional
            What it is when a run is not given it; without one it must be given.

        Raises
        ------
        WorkflowError
            The name will not do, or it has another default already.
        EncodingError
            The default has no encoding.
        """
        self._check_open()
        _check_name("input", name)
        told: Json = {}
        if default is not _NOTHING:
            check_is_whole(f"the default of input {name}", default)
            told = {"default": encode_value(default, f"the default of input {name}")}
        known = self._inputs.setdefault(name, told)
        if told and not known:
            self._inputs[name] = told
        elif told and known != told:
            raise WorkflowError(f"input {name} has another default already")
        return WorkflowValue(self, "input", name)

    def each(self, items: Any) -> WorkflowValue:
        """The element of a list: a node that is given it runs once for each element.

        Parts of the element are named as those of other values. All elements that a node is given
        are of one list; whoever wants to go through two of them puts both into one list of dicts.
        The node's value is the list of all results, in the order of the elements.

        Parameters
        ----------
        items : WorkflowValue, list, tuple, range, array or DataFrame
            A list that is known when the workflow runs, which is one of JSON then: an array is
            given to a run as ``list(array)``. Or one that is known now; of a DataFrame its rows, by
            the names of its columns.

        Examples
        --------
        >>> case = w.each(w.input("cases"))                     # doctest: +SKIP
        >>> damage = fatigue(case["load"], case["cycles"], k["stiffness"])  # doctest: +SKIP
        >>> w.output(worst=largest(damage["value"])["value"])   # doctest: +SKIP

        Raises
        ------
        WorkflowError
            It is the element of another list, or a constant that holds values of the workflow.
        EncodingError
            An element has no encoding.
        TypeError
            It is no list.
        """
        self._check_open()
        if isinstance(items, WorkflowValue):
            self._check_own(items)
            if items._each is not None:
                text = f"the {items!r} cannot be gone through by itself: a calculation that is"
                raise WorkflowError(text + " given it can make one list of all")
            return WorkflowValue(self, "element", _words(items), each=items._source())
        check_is_whole("the list of each()", items)
        elements = _listed(items)
        source = {"value": encode_value(elements, "the list of each()")}
        return WorkflowValue(self, "element", "a list", each=source)

    @options_of_a_node
    def node(
        self,
        task: Any,
        /,
        name: str | None = None,
        *,
        each: Any = None,
        when: WorkflowValue | bool | None = None,
        limits: Limits | None = None,
        attempts: int = 1,
        on_error: OnError = "fail",
        default: Any = _NOTHING,
        version: int | None = None,
        inputs: Mapping[str, Any] | None = None,
        **named: Any,
    ) -> WorkflowValue:
        """A node with all that can be said of it. Calling a function is the short form.

        Parameters
        ----------
        task : Calculation, path, Task or str
            A function under ``@client.task``, a file that defines ``calculate(inputs)``, a task
            that is kept, or the id of one.
        name : str, optional
            Of the node: letters, digits, _ and -; else the function's, the file's or the task's,
            then ``name_2``.
        each : WorkflowValue, list, tuple, range, array or DataFrame, optional
            The list for each of whose elements it runs once, where no input is of its element;
            see `each`.
        when : WorkflowValue or bool, optional
            Where it is false, the node is skipped, and so is what needs it.
        limits : Limits, optional
            What a run may use; what it does not name is as the task says.
        attempts : int
            How many of its runs may fail before it does.
        on_error : {'fail', 'skip', 'default'}
            What then: the workflow fails; it is skipped, with elements only those that failed are;
            `default` stands in the place of its result, or of its element's.
        default : Any, optional
            That value.
        version : int, optional
            Of a task; the latest when a run of the workflow begins if None. A function or a file
            is what is written here.
        inputs : mapping, optional
            Inputs by name; here those that are named as an option is.
        **named : Any
            What the calculation is given, by name: values of the workflow, or constants.

        Returns
        -------
        WorkflowValue
            Its result.

        Raises
        ------
        WorkflowError
            A name will not do or is taken, an input holds values among others, values are of
            another workflow or of two lists.
        EncodingError
            A constant has no encoding.
        SourceError
            The file cannot be read, or the function cannot be taken along.
        TypeError
            It is no call of the function, an option has no meaning, or what is given as one is
            an argument of the function, too.
        """
        self._check_open()
        twice = next((one for one in named if one in (inputs or {})), None)
        if twice is not None:
            raise TypeError(f"input {twice} is given twice")
        given = {**(inputs or {}), **named}
        if version is not None and isinstance(task, (_Calculation, os.PathLike)):
            raise TypeError("version= is of tasks that are kept; a function is as it is here")
        if isinstance(task, _Calculation):
            given = task._node_inputs(given)
        elif callable(task) and not isinstance(task, TaskState):
            raise TypeError(f"{task!r} is no task: put @client.task above it")
        options: Json = {} if version is None else {"version": version}
        if limits is not None:
            if not isinstance(limits, Limits):
                raise TypeError("limits= is made by Limits(...)")
            options["limits"] = limits.record()
        if attempts != 1:
            options["attempts"] = attempts
        if on_error not in ("fail", "skip", "default"):
            raise TypeError(f"on_error={on_error!r}: 'fail', 'skip' or 'default'")
        if (default is not _NOTHING) is not (on_error == "default"):
            raise TypeError("on_error='default' and default= go together")
        if on_error != "fail":
            options["on_error"] = on_error
        return self._add(task, name, given, options, each, when, default)

    def output(self, /, **outputs: Any) -> None:
        """What a run of the workflow results in, by name: values of the workflow, or constants.

        Raises
        ------
        WorkflowError
            A name will not do or is there already, or a value is an element, of another workflow,
            or among others.
        EncodingError
            A constant has no encoding.
        """
        self._check_open()
        for name, value in outputs.items():
            _check_name("output", name)
            if name in self._outputs:
                raise WorkflowError(f"there is an output {name} already")
            self._outputs[name] = self._source(f"output {name}", value)

    def definition(self) -> Json:
        """The workflow so far, as the platform names it: ``inputs``, ``nodes``, ``outputs``.

        Functions stand there by name until they are kept, which they are when the ``with`` is left.
        """
        return copy.deepcopy(self._parts())

    def _parts(self) -> Json:
        nodes = {}
        for name, node in self._nodes.items():
            key = self._keys.get(name)
            if key is not None:
                kept = self._kept.get(key)
                own = {"task": key[0]} if kept is None else {"task": kept.id}
                node = own | ({} if kept is None else {"version": kept.version}) | node
            nodes[name] = node
        return {"inputs": self._inputs, "nodes": nodes, "outputs": self._outputs}

    def _called(self, task: Any, inputs: Mapping[str, Any]) -> WorkflowValue:
        """The node of a function or task that is called."""
        self._check_open()
        return self._add(task, None, inputs, {}, None, None, _NOTHING)

    def _add(
        self,
        task: Any,
        name: str | None,
        inputs: Mapping[str, Any],
        options: Json,
        each: Any,
        when: Any,
        default: Any,
    ) -> WorkflowValue:
        name = self._free_name(task) if name is None else self._checked_name(name)
        node: Json = {}
        if isinstance(task, TaskState):
            here, there = self._client.base_url, task._client.base_url
            if here != there:
                raise WorkflowError(f"task {task.name} is kept at {there}, the workflow at {here}")
            node["task"] = task.id
        elif isinstance(task, str):
            node["task"] = task
        elif not isinstance(task, (_Calculation, os.PathLike)):
            kinds = "a function under @client.task, a file, a Task or its id"
            raise TypeError(f"{task!r} is no task: {kinds}")
        if "version" in options:
            node["version"] = options.pop("version")
        node["inputs"] = {
            key: self._source(f"input {key} of node {name}", value, of_node=True)
            for key, value in inputs.items()
        }
        source = self._list_of(name, each, inputs.values())
        if source is not None:
            node["for_each"] = source
        if when is not None:
            if not isinstance(when, (bool, WorkflowValue)):
                raise TypeError(f"when= is a value of the workflow, or a bool, not {when!r}")
            node["when"] = self._source(f"when= of node {name}", when)
        node |= options
        if default is not _NOTHING:
            check_is_whole(f"the default of node {name}", default)
            node["default"] = encode_value(default, f"the default of node {name}")
        if isinstance(task, _Calculation):  # the last thing that can fail
            self._keys[name] = self._key_of(*task._kept())
        elif isinstance(task, os.PathLike):
            self._keys[name] = self._key_of(*_of_file(task))
        self._nodes[name] = node
        return WorkflowValue(self, "node", name)

    def _key_of(self, key: Key, source: Source) -> Key:
        while self._sources.setdefault(key, source) != source:  # two of the same name
            key = (*key, "again")
        return key

    def _list_of(self, name: str, each: Any, inputs: Iterable[Any]) -> Json | None:
        """The list for each of whose elements a node runs; None when it runs once."""
        if each is not None and not (isinstance(each, WorkflowValue) and each._each is not None):
            each = self.each(each)
        elements = [] if each is None else [each]
        if each is not None and each._at:
            raise WorkflowError(f"each= of node {name} is a list, not the {each!r}")
        elements += [
            one for one in inputs if isinstance(one, WorkflowValue) and one._each is not None
        ]
        for other in elements[1:]:
            if other._each != elements[0]._each:
                raise WorkflowError(
                    f"node {name} goes through two lists, by the {elements[0]!r} and the {other!r}:"
                    " a calculation before it can put both into one list of dicts"
                )
        return elements[0]._each if elements else None

    def _source(self, place: str, value: Any, *, of_node: bool = False) -> Json:
        """Where a value comes from, as a definition has it."""
        if not isinstance(value, WorkflowValue):
            check_is_whole(place, value)
            return {"value": encode_value(value, place)}
        self._check_own(value)
        if value._each is not None and not of_node:
            raise WorkflowError(
                f"{place} is the {value!r}, which is in inputs of nodes only: give the result of a"
                " node that has it"
            )
        return value._source()

    def _check_own(self, value: WorkflowValue) -> None:
        if value._builder is not self:
            raise WorkflowError(f"the {value!r} is not of workflow {self.name}")

    def _check_open(self) -> None:
        if self._state == "new":
            raise WorkflowError(f"workflow {self.name} is written inside `with`: {self._how()}")
        if self._state != "open":
            text = f"workflow {self.name} is written already: what stands behind its `with` is not"
            raise WorkflowError(f"{text} in it; write it again with what is missing")

    def _how(self) -> str:
        return f'with client.workflow("{self.name}") as w:'

    def _checked_name(self, name: str) -> str:
        _check_name("node", name)
        if name in self._nodes:
            raise WorkflowError(f"there is a node {name} already")
        return name

    def _free_name(self, task: Any) -> str:
        if isinstance(task, str):
            raise TypeError("a node of a task's id wants a name: w.node(task_id, 'name')")
        own = getattr(task, "__name__", None) or getattr(task, "name", "")
        own = Path(task).stem if isinstance(task, os.PathLike) else own
        first = name = _as_name(str(own)) or "node"
        count = 1
        while name in self._nodes:
            count += 1
            end = f"_{count}"
            name = first[: _LONGEST_NAME - len(end)] + end
        return name

    def _begin(self) -> None:
        if self._state != "new":
            raise WorkflowError(f"workflow {self.name} is written already: {self._how()} again")
        self._state = "open"
        count_open(1)

    def _leave(self, failed: bool) -> None:
        """Nothing more is written; what is there must be a workflow unless it failed."""
        self._state = "left"
        count_open(-1)
        if not failed and not self._nodes:
            raise WorkflowError(f"workflow {self.name} has no node: call a function in it")
        if not failed and not self._outputs:
            raise WorkflowError(f"workflow {self.name} has no output: w.output(name=value)")

    def _keep(self, workflow: Any) -> None:
        self._workflow, self._state = workflow, "kept"

    def _made(self) -> Any:
        if self._workflow is None:
            where = "its `with` failed" if self._state == "left" else "that is when `with` is left"
            raise WorkflowError(f"workflow {self.name} is not kept: {where}")
        return self._workflow

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}, nodes: {', '.join(self._nodes) or 'none'}>"


class WorkflowBuilder(_WorkflowBuilder):
    """A workflow while it is written, made by `MecaPy.workflow`.

    A function under ``@client.task`` that is called with a value of the workflow becomes a node of
    it, and what it returns stands for the result. Called with plain arguments only, it runs here
    as ever; `node` makes a node of it. When the ``with`` is left, the functions and the workflow
    are kept on the server under the workflow's name; an exception keeps nothing. Written again, by
    this program or another, a workflow of the same name becomes a new version of it.

    Attributes
    ----------
    name : str
        What people call it.
    description : str or None
        For people.

    Examples
    --------
    >>> with client.workflow("joint") as w:                     # doctest: +SKIP
    ...     k = stiffness(w.input("bolt"), w.input("plates"))
    ...     p = preload(k["stiffness"], w.input("torque", default=80))
    ...     w.output(margin=fatigue(p["preload"], w.input("load_cycles"))["margin"])
    >>> run = w.execute(bolt={"d": 12}, plates=[8, 8], load_cycles=1e6)  # doctest: +SKIP
    >>> run.result()                                            # doctest: +SKIP
    {'margin': 1.4}
    """

    _client: MecaPy

    @property
    def workflow(self) -> Workflow:
        """The workflow that was kept.

        Raises
        ------
        WorkflowError
            It is not kept.
        """
        made: Workflow = self._made()
        return made

    @options_beside_inputs
    def execute(
        self,
        /,
        inputs: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        force_nodes: Iterable[str] = (),
        fresh: bool = False,
        **named: Any,
    ) -> WorkflowRun:
        """Start a run of the workflow that was kept; see `Workflow.execute`.

        Raises
        ------
        WorkflowError
            It is not kept.
        NotFoundError, InvalidRequestError, EncodingError, TypeError
            See `Workflow.execute`.
        """
        return self.workflow._execute(inputs, named, version, force_nodes, fresh)

    def _input_names(self) -> Iterable[str]:
        return self._inputs

    def __enter__(self) -> WorkflowBuilder:
        self._begin()
        return self

    async def __aenter__(self) -> NoReturn:
        raise TypeError(f"the client of workflow {self.name} is no AsyncMecaPy: {self._how()}")

    async def __aexit__(self, *_: object) -> None:
        """Is there so that ``__aenter__`` is asked."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        from mecapy._workflow import Workflow

        self._leave(kind is not None)
        if kind is None:
            rule = self._client._rules.keep(self, self._client._memory)
            self._keep(Workflow(self._client, self._client._driver.run(rule)))


class AsyncWorkflowBuilder(_WorkflowBuilder):
    """A workflow while it is written; see `WorkflowBuilder`.

    Examples
    --------
    >>> async with client.workflow("joint") as w:               # doctest: +SKIP
    ...     k = stiffness(w.input("bolt"), w.input("plates"))
    ...     w.output(stiffness=k["stiffness"])
    >>> run = await w.execute(bolt={"d": 12}, plates=[8, 8])    # doctest: +SKIP
    """

    _client: AsyncMecaPy

    @property
    def workflow(self) -> AsyncWorkflow:
        """The workflow that was kept.

        Raises
        ------
        WorkflowError
            It is not kept.
        """
        made: AsyncWorkflow = self._made()
        return made

    @options_beside_inputs
    async def execute(
        self,
        /,
        inputs: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        force_nodes: Iterable[str] = (),
        fresh: bool = False,
        **named: Any,
    ) -> AsyncWorkflowRun:
        """Start a run of the workflow that was kept; see `Workflow.execute`.

        Raises
        ------
        WorkflowError
            It is not kept.
        NotFoundError, InvalidRequestError, EncodingError, TypeError
            See `Workflow.execute`.
        """
        return await self.workflow._execute(inputs, named, version, force_nodes, fresh)

    async def _input_names(self) -> Iterable[str]:
        return self._inputs

    def _how(self) -> str:
        return f"async {super()._how()}"

    def __enter__(self) -> NoReturn:
        raise TypeError(f"the client of workflow {self.name} is an AsyncMecaPy: {self._how()}")

    def __exit__(self, *_: object) -> None:
        """Is there so that ``__enter__`` is asked."""

    async def __aenter__(self) -> AsyncWorkflowBuilder:
        self._begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        from mecapy._async_workflow import AsyncWorkflow

        self._leave(kind is not None)
        if kind is None:
            rule = self._client._rules.keep(self, self._client._memory)
            self._keep(AsyncWorkflow(self._client, await self._client._driver.run(rule)))


def _check_name(what: str, name: Any) -> None:
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        text = f"{name!r} is no name of an {what}" if what[0] in "io" else f"{name!r} is no name"
        text += ": 1 to 64 letters (a to z), digits, _ and -, and first a letter or _"
        raise WorkflowError(text)


def _as_name(text: str) -> str:
    """A name like `text` that a node can have; empty when nothing of it can stand in one."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", plain).strip("-")
    if not name.strip("_-"):
        return ""
    return (name if _NAME.match(name) else f"_{name}")[:_LONGEST_NAME]


def _of_file(path: os.PathLike[str]) -> tuple[Key, Source]:
    """What a file is kept as for a workflow."""
    name, where = Path(path).stem, str(Path(path).resolve())
    source = Source(f"the file {Path(path).name}", name, fields_of(code=path), has_options=False)
    return (name, name, where), source


def _words(value: WorkflowValue) -> str:
    """What a list is called in the words of its elements."""
    return value._name if value._kind == "input" else f"the result of node {value._name}"


def _listed(items: Any) -> list[Any]:
    """The elements of a list that is known now."""
    numpy = sys.modules.get("numpy")
    array = numpy is not None and isinstance(items, numpy.ndarray) and items.ndim > 0
    rows = _rows(items)
    if not (array or rows is not items or isinstance(items, (list, tuple, range))):
        raise TypeError(f"a node goes through a list, not through {items!r:.100}")
    return list(rows)
