"""Workflows of the client that blocks, and their runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mecapy._fields import fields_of
from mecapy._rules import Order
from mecapy._run import Run
from mecapy._signatures import options_beside_inputs
from mecapy._values import NodeFailure, NodeState, Status, WorkflowCheck, WorkflowEvent
from mecapy._workflow_state import (
    WorkflowRunState,
    WorkflowState,
    again_of,
    definition_of,
    order_of,
)

if TYPE_CHECKING:
    from mecapy._client import MecaPy

Json = dict[str, Any]


class Workflows:
    """Your workflows: calculations that feed each other."""

    def __init__(self, client: MecaPy) -> None:
        self._client = client

    def create(
        self, name: str, definition: Mapping[str, Any], *, description: str | None = None
    ) -> Workflow:
        """Keep a workflow whose definition is at hand; `MecaPy.workflow` writes one.

        Parameters
        ----------
        name : str
            What people call it.
        definition : mapping
            Its ``inputs``, ``nodes`` and ``outputs``, as `WorkflowBuilder.definition` shows them.
        description : str, optional
            For people.

        Raises
        ------
        WorkflowError
            Something is wrong with it, in words of its nodes.
        UsageError
            It has other parts.
        """
        fields = fields_of(name=name, description=description, **definition_of(definition))
        rule = self._client._rules.create_workflow(fields)
        return Workflow(self._client, self._client._driver.run(rule))

    def check(self, definition: Mapping[str, Any]) -> WorkflowCheck:
        """What the server finds in a definition, which is kept nowhere.

        Raises
        ------
        WorkflowError
            Something is wrong with it, in words of its nodes.
        UsageError
            It has other parts.
        """
        rule = self._client._rules.check_workflow(definition_of(definition))
        return self._client._driver.run(rule)

    def get(self, workflow: str, version: int | None = None) -> Workflow:
        """The workflow of an id or a name; one of its versions, or the latest.

        Parameters
        ----------
        workflow : str
            Its id, or its whole name.
        version : int, optional
            Instead of the latest.

        Raises
        ------
        NotFoundError
            There is no such workflow of yours, or not this version of it.
        UsageError
            Several of yours have the name; their ids are told.
        """
        rule = self._client._rules.find_workflow(workflow, version)
        return Workflow(self._client, self._client._driver.run(rule))

    def list(self, limit: int | None = None) -> Iterator[Workflow]:
        """Your workflows, newest first; all of them when `limit` is None.

        Raises
        ------
        AuthenticationError, NetworkError, PlatformError
            As whatever asks the server; see `MecaPy`. While it is gone through, not before.
        """
        for record in self._client._driver.iterate(self._client._rules.list_workflows(limit)):
            yield Workflow(self._client, record)


class Workflow(WorkflowState["MecaPy"]):
    """Calculations that feed each other, kept on the server."""

    @property
    def inputs(self) -> dict[str, Json]:
        """What a run is given, by name: with its ``default``, where it has one."""
        return dict(self._whole()["inputs"])

    @property
    def nodes(self) -> dict[str, Json]:
        """Its calculations by name, as the platform names them."""
        return dict(self._whole()["nodes"])

    @property
    def outputs(self) -> dict[str, Json]:
        """What a run results in, by name: where it comes from."""
        return dict(self._whole()["outputs"])

    @property
    def definition(self) -> Json:
        """Inputs, nodes and outputs together, as `Workflows.create` takes them."""
        self._whole()
        return self._definition()

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
        """Start a run, and give it without waiting: ``workflow.execute(torque=80).result()``.

        Parameters
        ----------
        inputs : mapping, optional
            Inputs by name; here those that are named as an option is.
        version : int, optional
            Instead of the latest.
        force_nodes : iterable of str
            Nodes that are calculated though an earlier run could answer.
        fresh : bool
            Have all nodes calculated.
        **named : Any
            Inputs.

        Raises
        ------
        NotFoundError
            There is no such workflow of yours, or not this version of it.
        InvalidRequestError
            An input is missing, or there is none of this name.
        EncodingError
            An input has no encoding.
        TypeError
            What is given as an option is an input of the workflow, too.
        """
        return self._execute(inputs, named, version, force_nodes, fresh)

    def _execute(
        self,
        inputs: Mapping[str, Any] | None,
        named: Mapping[str, Any],
        version: int | None,
        force_nodes: Iterable[str],
        fresh: bool,
    ) -> WorkflowRun:
        fields = order_of(inputs, named, version, force_nodes)
        rule = self._client._rules.execute_workflow(self.id, fields, Order(fresh))
        return WorkflowRun(self._client, self._client._driver.run(rule))

    @property
    def latest(self) -> WorkflowRun | None:
        """Its latest run, whoever started it; None when it never ran."""
        record = self._client._driver.run(self._client._rules.latest_workflow_run(self.id))
        return None if record is None else WorkflowRun(self._client, record)

    def runs(self, status: Status | None = None, limit: int | None = None) -> Iterator[WorkflowRun]:
        """Its runs, newest first.

        Raises
        ------
        AuthenticationError, NetworkError, PlatformError
            As whatever asks the server; see `MecaPy`. While it is gone through, not before.
        """
        return self._client.workflow_runs.list(workflow_id=self.id, status=status, limit=limit)

    def versions(self) -> Iterator[Workflow]:
        """It in each of its versions, newest first.

        Raises
        ------
        NotFoundError
            There is no such workflow of yours any more.
        """
        for record in self._client._driver.iterate(self._client._rules.workflow_versions(self.id)):
            yield Workflow(self._client, record)

    def update(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        definition: Mapping[str, Any] | None = None,
    ) -> Workflow:
        """Change what is given; a part of a definition makes a new version.

        Parameters
        ----------
        name, description : str, optional
            See `Workflows.create`; an empty description takes it away.
        definition : mapping, optional
            Those of its ``inputs``, ``nodes`` and ``outputs`` that are others now.

        Raises
        ------
        NotFoundError
            There is no such workflow of yours any more.
        WorkflowError
            Something is wrong with it, in words of its nodes.
        UsageError
            It has other parts.
        """
        fields = fields_of(name=name, description=description, **definition_of(definition or {}))
        rule = self._client._rules.update_workflow(self.id, fields)
        self._told = self._client._driver.run(rule)
        return self

    def delete(self) -> None:
        """Hide it; its runs stay.

        Raises
        ------
        NotFoundError
            There is no such workflow of yours any more.
        """
        self._client._driver.run(self._client._rules.delete_workflow(self.id))

    def _input_names(self) -> Iterable[str]:
        return self.inputs

    def _whole(self) -> Json:
        if "nodes" not in self._told:  # of a list
            self._told = self._client._driver.run(self._client._rules.get_workflow(self.id))
        return self._told


class WorkflowRuns:
    """Your runs of workflows."""

    def __init__(self, client: MecaPy) -> None:
        self._client = client

    def get(self, run_id: str) -> WorkflowRun:
        """The run of an id.

        Raises
        ------
        NotFoundError
            There is no such run of a workflow of yours.
        """
        rule = self._client._rules.get_workflow_run(run_id)
        return WorkflowRun(self._client, self._client._driver.run(rule))

    def list(
        self,
        *,
        workflow_id: str | None = None,
        status: Status | None = None,
        limit: int | None = None,
    ) -> Iterator[WorkflowRun]:
        """Your runs of workflows, newest first; all of them when `limit` is None.

        Raises
        ------
        AuthenticationError, NetworkError, PlatformError
            As whatever asks the server; see `MecaPy`. While it is gone through, not before.
        """
        rule = self._client._rules.list_workflow_runs(workflow_id, status, limit)
        for record in self._client._driver.iterate(rule):
            yield WorkflowRun(self._client, record)


class WorkflowRun(WorkflowRunState["MecaPy"]):
    """One run of a workflow. What may change is asked of the server until it has ended."""

    @property
    def version(self) -> int | None:
        """Of the workflow."""
        self._refresh(whole="version")
        return self._version()

    @property
    def status(self) -> Status:
        """Where it is now: running, completed, failed or cancelled."""
        self._refresh()
        return self._status()

    @property
    def attempt(self) -> int:
        """1, and one more each time it was taken up again."""
        self._refresh(whole="attempt")
        return self._attempt()

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody asked to stop it."""
        self._refresh(whole="cancel_requested")
        return self._cancel_requested()

    @property
    def nodes(self) -> dict[str, NodeState]:
        """How far each node is, by its name, in the order of the definition."""
        self._refresh(whole="nodes")
        return self._nodes()

    @property
    def error(self) -> NodeFailure | None:
        """The first node that failed it, and why; None unless it did."""
        self._refresh()
        return self._failure() if self._status() == "failed" else None

    @property
    def cost_eur(self) -> float | None:
        """What its runs cost so far, EUR; None when nothing is known of it."""
        self._refresh(whole="nodes")
        return self._told.get("cost_eur")

    def refresh(self) -> WorkflowRun:
        """Ask the server where it is now, also one that has ended: it may be taken up again.

        Raises
        ------
        NotFoundError
            There is no such run of a workflow of yours any more.
        """
        self._hear(self._client._driver.run(self._client._rules.get_workflow_run(self.id)))
        return self

    def wait(self, timeout: float | None = None) -> WorkflowRun:
        """Wait until it has ended, and give it.

        Raises
        ------
        NotFoundError
            There is no such run of a workflow of yours any more.
        WaitTimeout
            It has not ended in `timeout` seconds; it goes on.
        """
        if not self._has_result():
            rule = self._client._rules.finish_workflow_run(self.id, timeout)
            self._hear(self._client._driver.run(rule))
        return self

    def result(self, timeout: float | None = None) -> Any:
        """Its outputs by name, once it has ended.

        A figure among them is told by its name; `runs` of its node has the file.

        Raises
        ------
        NotFoundError
            There is no such run of a workflow of yours any more, or a node's task was deleted.
        CalculationError, LimitError, PlatformError
            A node failed, by whose fault; its name is in ``node``.
        RunError
            What a node needs is not in the results, or is of another kind.
        BudgetExhausted
            What you may spend this month was spent before it had ended.
        RunCancelled
            Somebody cancelled it.
        WaitTimeout
            It has not ended in `timeout` seconds; it goes on.
        """
        return self.wait(timeout)._result()

    def runs(self, node: str, limit: int | None = None) -> Iterator[tuple[int, Run]]:
        """The runs of a node, each with the number of its element from 0 (0 without elements).

        Raises
        ------
        NotFoundError
            There is no such run of a workflow of yours any more, or no such node in it.
        """
        rule = self._client._rules.node_runs(self.id, node, limit)
        for record in self._client._driver.iterate(rule):
            yield int(record["element"]), Run(self._client, record)

    def stream(self) -> Iterator[WorkflowEvent]:
        """What happens to it and its nodes, as it happens, until it has ended.

        What the runs of nodes print and report is among it, but for those of lists. A connection
        that breaks is taken up again; nothing is told twice.

        Raises
        ------
        NotFoundError
            There is no such run of a workflow of yours any more.
        NetworkError, PlatformError
            It broke again and again, and told nothing new.
        """
        return self._client._driver.iterate(self._client._rules.workflow_events(self.id))

    def cancel(self) -> WorkflowRun:
        """Stop it and what runs of it; one that has ended stays as it is.

        Raises
        ------
        NotFoundError
            There is no such run of a workflow of yours any more.
        """
        self._hear(self._client._driver.run(self._client._rules.cancel_workflow_run(self.id)))
        return self

    def resume(
        self,
        versions: Mapping[str, int] | None = None,
        force_nodes: Iterable[str] | None = None,
    ) -> WorkflowRun:
        """Take it up again where it failed or was cancelled, and give it without waiting.

        What is completed stays, but for what is named here and all that needs it.

        Parameters
        ----------
        versions : mapping, optional
            By the name of a node: the version of its task from now on. That of a function which
            was mended and whose workflow was written again: ``w.workflow.nodes[name]["version"]``.
        force_nodes : iterable of str, optional
            Nodes that are calculated though an earlier run could answer.

        Raises
        ------
        NotFoundError
            There is no such run of a workflow of yours any more.
        InvalidRequestError
            There is no such node in it, or no such version of its task.
        ConflictError
            It has neither failed nor been cancelled.
        """
        rule = self._client._rules.resume_workflow_run(self.id, again_of(versions, force_nodes))
        self._hear(self._client._driver.run(rule))
        return self

    def _refresh(self, whole: str | None = None) -> None:
        """Ask again, unless it has ended and what is wanted was told."""
        if not self.ended or (whole is not None and whole not in self._told):
            self.refresh()
