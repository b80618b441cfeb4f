"""Workflows of the client for event loops, and their runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mecapy._async_run import AsyncRun
from mecapy._fields import fields_of
from mecapy._rules import Order
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
    from mecapy._async import AsyncMecaPy

Json = dict[str, Any]


class AsyncWorkflows:
    """Your workflows: calculations that feed each other."""

    def __init__(self, client: AsyncMecaPy) -> None:
        self._client = client

    async def create(
        self, name: str, definition: Mapping[str, Any], *, description: str | None = None
    ) -> AsyncWorkflow:
        """Keep a workflow whose definition is at hand; see `Workflows.create`.

        Raises
        ------
        WorkflowError, UsageError
            See `Workflows.create`.
        """
        fields = fields_of(name=name, description=description, **definition_of(definition))
        rule = self._client._rules.create_workflow(fields)
        return AsyncWorkflow(self._client, await self._client._driver.run(rule))

    async def check(self, definition: Mapping[str, Any]) -> WorkflowCheck:
        """What the server finds in a definition, which is kept nowhere.

        Raises
        ------
        WorkflowError, UsageError
            See `Workflows.check`.
        """
        rule = self._client._rules.check_workflow(definition_of(definition))
        return await self._client._driver.run(rule)

    async def get(self, workflow: str, version: int | None = None) -> AsyncWorkflow:
        """The workflow of an id or a name; see `Workflows.get`.

        Raises
        ------
        NotFoundError, UsageError
            See `Workflows.get`.
        """
        rule = self._client._rules.find_workflow(workflow, version)
        return AsyncWorkflow(self._client, await self._client._driver.run(rule))

    async def list(self, limit: int | None = None) -> AsyncIterator[AsyncWorkflow]:
        """Your workflows, newest first; all of them when `limit` is None.

        Raises
        ------
        AuthenticationError, NetworkError, PlatformError
            See `Workflows.list`.
        """
        rule = self._client._rules.list_workflows(limit)
        async for record in self._client._driver.iterate(rule):
            yield AsyncWorkflow(self._client, record)


class AsyncWorkflow(WorkflowState["AsyncMecaPy"]):
    """Calculations that feed each other, kept on the server."""

    @property
    def inputs(self) -> dict[str, Json] | None:
        """What a run is given, by name; None in a list, where `AsyncWorkflows.get` tells it."""
        return self._told.get("inputs")

    @property
    def nodes(self) -> dict[str, Json] | None:
        """Its calculations by name; None in a list."""
        return self._told.get("nodes")

    @property
    def outputs(self) -> dict[str, Json] | None:
        """What a run results in, by name; None in a list."""
        return self._told.get("outputs")

    @property
    def definition(self) -> Json | None:
        """Inputs, nodes and outputs together; None in a list."""
        return self._definition() if "nodes" in self._told else None

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
        """Start a run, and give it without waiting; see `Workflow.execute`.

        Raises
        ------
        NotFoundError, InvalidRequestError, EncodingError, TypeError
            See `Workflow.execute`.
        """
        return await self._execute(inputs, named, version, force_nodes, fresh)

    async def _execute(
        self,
        inputs: Mapping[str, Any] | None,
        named: Mapping[str, Any],
        version: int | None,
        force_nodes: Iterable[str],
        fresh: bool,
    ) -> AsyncWorkflowRun:
        fields = order_of(inputs, named, version, force_nodes)
        rule = self._client._rules.execute_workflow(self.id, fields, Order(fresh))
        return AsyncWorkflowRun(self._client, await self._client._driver.run(rule))

    async def _input_names(self) -> Iterable[str]:
        if "inputs" not in self._told:  # of a list
            self._told = await self._client._driver.run(self._client._rules.get_workflow(self.id))
        return dict(self._told["inputs"])

    async def latest(self) -> AsyncWorkflowRun | None:
        """Its latest run, whoever started it; None when it never ran.

        Raises
        ------
        NotFoundError
            There is no such workflow of yours any more.
        """
        record = await self._client._driver.run(self._client._rules.latest_workflow_run(self.id))
        return None if record is None else AsyncWorkflowRun(self._client, record)

    def runs(
        self, status: Status | None = None, limit: int | None = None
    ) -> AsyncIterator[AsyncWorkflowRun]:
        """Its runs, newest first.

        Raises
        ------
        AuthenticationError, NetworkError, PlatformError
            See `Workflow.runs`.
        """
        return self._client.workflow_runs.list(workflow_id=self.id, status=status, limit=limit)

    async def versions(self) -> AsyncIterator[AsyncWorkflow]:
        """It in each of its versions, newest first.

        Raises
        ------
        NotFoundError
            See `Workflow.versions`.
        """
        rule = self._client._rules.workflow_versions(self.id)
        async for record in self._client._driver.iterate(rule):
            yield AsyncWorkflow(self._client, record)

    async def update(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        definition: Mapping[str, Any] | None = None,
    ) -> AsyncWorkflow:
        """Change what is given; see `Workflow.update`.

        Raises
        ------
        NotFoundError, WorkflowError, UsageError
            See `Workflow.update`.
        """
        fields = fields_of(name=name, description=description, **definition_of(definition or {}))
        rule = self._client._rules.update_workflow(self.id, fields)
        self._told = await self._client._driver.run(rule)
        return self

    async def delete(self) -> None:
        """Hide it; its runs stay.

        Raises
        ------
        NotFoundError
            See `Workflow.delete`.
        """
        await self._client._driver.run(self._client._rules.delete_workflow(self.id))


class AsyncWorkflowRuns:
    """Your runs of workflows."""

    def __init__(self, client: AsyncMecaPy) -> None:
        self._client = client

    async def get(self, run_id: str) -> AsyncWorkflowRun:
        """The run of an id.

        Raises
        ------
        NotFoundError
            See `WorkflowRuns.get`.
        """
        rule = self._client._rules.get_workflow_run(run_id)
        return AsyncWorkflowRun(self._client, await self._client._driver.run(rule))

    async def list(
        self,
        *,
        workflow_id: str | None = None,
        status: Status | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[AsyncWorkflowRun]:
        """Your runs of workflows, newest first; all of them when `limit` is None.

        Raises
        ------
        AuthenticationError, NetworkError, PlatformError
            See `WorkflowRuns.list`.
        """
        rule = self._client._rules.list_workflow_runs(workflow_id, status, limit)
        async for record in self._client._driver.iterate(rule):
            yield AsyncWorkflowRun(self._client, record)


class AsyncWorkflowRun(WorkflowRunState["AsyncMecaPy"]):
    """One run of a workflow, as it was last told; `refresh` asks again."""

    @property
    def version(self) -> int | None:
        """Of the workflow; None when it was just started."""
        return self._version()

    @property
    def status(self) -> Status:
        """Where it was: running, completed, failed or cancelled."""
        return self._status()

    @property
    def attempt(self) -> int:
        """1, and one more each time it was taken up again; 0 when it was just started."""
        return self._attempt()

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody asked to stop it."""
        return self._cancel_requested()

    @property
    def nodes(self) -> dict[str, NodeState]:
        """How far each node was, by its name; none when it was just started, or in a list."""
        return self._nodes()

    @property
    def error(self) -> NodeFailure | None:
        """The first node that failed it, and why; None unless it did."""
        return self._failure() if self._status() == "failed" else None

    @property
    def cost_eur(self) -> float | None:
        """What its runs cost so far, EUR; None when nothing is known of it."""
        return self._told.get("cost_eur")

    async def refresh(self) -> AsyncWorkflowRun:
        """Ask the server where it is now; see `WorkflowRun.refresh`.

        Raises
        ------
        NotFoundError
            See `WorkflowRun.refresh`.
        """
        self._hear(await self._client._driver.run(self._client._rules.get_workflow_run(self.id)))
        return self

    async def wait(self, timeout: float | None = None) -> AsyncWorkflowRun:
        """Wait until it has ended, and give it; see `WorkflowRun.wait`.

        Raises
        ------
        NotFoundError, WaitTimeout
            See `WorkflowRun.wait`.
        """
        if not self._has_result():
            rule = self._client._rules.finish_workflow_run(self.id, timeout)
            self._hear(await self._client._driver.run(rule))
        return self

    async def result(self, timeout: float | None = None) -> Any:
        """Its outputs by name, once it has ended; see `WorkflowRun.result`.

        Raises
        ------
        NotFoundError, CalculationError, LimitError, PlatformError, RunError, BudgetExhausted
            See `WorkflowRun.result`.
        RunCancelled, WaitTimeout
            See `WorkflowRun.result`.
        """
        return (await self.wait(timeout))._result()

    async def runs(
        self, node: str, limit: int | None = None
    ) -> AsyncIterator[tuple[int, AsyncRun]]:
        """The runs of a node, each with the number of its element; see `WorkflowRun.runs`.

        Raises
        ------
        NotFoundError
            See `WorkflowRun.runs`.
        """
        rule = self._client._rules.node_runs(self.id, node, limit)
        async for record in self._client._driver.iterate(rule):
            yield int(record["element"]), AsyncRun(self._client, record)

    def stream(self) -> AsyncIterator[WorkflowEvent]:
        """What happens to it and its nodes, as it happens; see `WorkflowRun.stream`.

        Raises
        ------
        NotFoundError, NetworkError, PlatformError
            See `WorkflowRun.stream`.
        """
        return self._client._driver.iterate(self._client._rules.workflow_events(self.id))

    async def cancel(self) -> AsyncWorkflowRun:
        """Stop it and what runs of it; one that has ended stays as it is.

        Raises
        ------
        NotFoundError
            See `WorkflowRun.cancel`.
        """
        self._hear(await self._client._driver.run(self._client._rules.cancel_workflow_run(self.id)))
        return self

    async def resume(
        self,
        versions: Mapping[str, int] | None = None,
        force_nodes: Iterable[str] | None = None,
    ) -> AsyncWorkflowRun:
        """Take it up again, and give it without waiting; see `WorkflowRun.resume`.

        Raises
        ------
        NotFoundError, InvalidRequestError, ConflictError
            See `WorkflowRun.resume`.
        """
        rule = self._client._rules.resume_workflow_run(self.id, again_of(versions, force_nodes))
        self._hear(await self._client._driver.run(rule))
        return self
