"""What the docstring of a method says that it raises, it raises; both clients say the same."""

import asyncio
import builtins
import inspect
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from support.server import Server

import mecapy
from mecapy import (
    Artifact,
    AsyncArtifact,
    AsyncMecaPy,
    AsyncRun,
    AsyncRuns,
    AsyncTask,
    AsyncTasks,
    MecaPy,
    Run,
    Runs,
    Task,
    Tasks,
)

LEAVES_A_FILE = "def calculate(inputs):\n    open('a.txt', 'w').write('1')\n    return 1\n"
TWINS: dict[type, type] = {
    MecaPy: AsyncMecaPy,
    Tasks: AsyncTasks,
    Task: AsyncTask,
    Runs: AsyncRuns,
    Run: AsyncRun,
    Artifact: AsyncArtifact,
}
WORKFLOW_TWINS: dict[type, type] = {  # what they raise of others': test_workflow_runs.py
    mecapy.Workflows: mecapy.AsyncWorkflows,
    mecapy.Workflow: mecapy.AsyncWorkflow,
    mecapy.WorkflowRuns: mecapy.AsyncWorkflowRuns,
    mecapy.WorkflowRun: mecapy.AsyncWorkflowRun,
    mecapy.WorkflowBuilder: mecapy.AsyncWorkflowBuilder,
}
ABSENT = "01a218fd-7c32-7000-b47b-4bd94c0872ba"
# What a method is given that wants something.
ARGUMENTS = {
    Tasks: {"get": (ABSENT,), "create": ("x", LEAVES_A_FILE)},
    Runs: {"get": (ABSENT,)},
    MecaPy: {
        "run": (LEAVES_A_FILE,),
        "submit": (LEAVES_A_FILE,),
        "task": (None,),
        "workflow": ("x",),
    },
}


def methods_of(kind: type) -> list[str]:
    """The public ones."""
    found = inspect.getmembers(kind, inspect.isfunction)
    return [name for name, _ in found if not name.startswith("_")]


def raises(method: Any) -> set[str]:
    """What its docstring says that it raises."""
    section = re.search(r"^Raises\n-+\n((?:.+\n?)+)", inspect.getdoc(method) or "", re.MULTILINE)
    heads = [line for line in section[1].split("\n") if line and line[0] != " "] if section else []
    return {name for head in heads for name in head.split(", ")}


async def outcome(thing: Any, name: str, arguments: tuple[Any, ...]) -> str | None:
    """The exception of a call, by its name; the first step of what is gone through."""
    try:
        value = getattr(thing, name)(*arguments)
        if inspect.isawaitable(value):
            await value
        elif isinstance(value, AsyncIterator):
            await anext(value, None)
        elif isinstance(value, Iterator):
            next(value, None)
    except mecapy.MecaPyError as error:
        return type(error).__name__
    return None


@pytest.fixture(scope="module")
def strange(server: Server, client: MecaPy) -> Iterator[dict[type, Any]]:
    """What somebody has who holds a task, a run and an artifact of another user."""
    task = client.tasks.create("x", LEAVES_A_FILE)
    run = client.runs.get(task.execute_async().wait().id)
    assert run.artifacts
    token = server.add_user("stranger")
    things: dict[type, Any] = {}
    for client_of, task_of, run_of in ((MecaPy, Task, Run), (AsyncMecaPy, AsyncTask, AsyncRun)):
        one = client_of(token=token, base_url=server.url)
        his = run_of(one, run._told)
        [artifact] = his.artifacts
        for thing in (one, one.tasks, one.runs, task_of(one, task._told), his, artifact):
            things[type(thing)] = thing
    yield things
    things[MecaPy].close()


def calls(twins: dict[type, type] = TWINS) -> list[tuple[type, str]]:
    """Each method of each kind, but for what only ends things."""
    kinds = [*twins, *twins.values()]
    return [(kind, name) for kind in kinds for name in methods_of(kind) if name != "close"]


@pytest.mark.parametrize(("kind", "name"), calls(), ids=lambda x: getattr(x, "__name__", x))
def test_who_asks_for_what_is_not_his_is_told_as_the_docstring_says(
    strange: dict[type, Any], kind: type, name: str
) -> None:
    if name == "open":
        pytest.importorskip("PIL")
    twin = next((one for one, other in TWINS.items() if other is kind), kind)
    told = asyncio.run(outcome(strange[kind], name, ARGUMENTS.get(twin, {}).get(name, ())))
    assert ("NotFoundError" in raises(getattr(kind, name))) is (told == "NotFoundError")


ALL_TWINS = TWINS | WORKFLOW_TWINS


@pytest.mark.parametrize("kind", ALL_TWINS, ids=lambda kind: kind.__name__)
def test_both_clients_say_that_they_raise_the_same(kind: type) -> None:
    for name in set(methods_of(kind)) & set(methods_of(ALL_TWINS[kind])):
        assert raises(getattr(kind, name)) == raises(getattr(ALL_TWINS[kind], name)), name


def test_what_is_said_to_be_raised_is_an_exception_of_the_package_or_of_python() -> None:
    for kind, name in calls(TWINS | WORKFLOW_TWINS):
        for said in raises(getattr(kind, name)):
            found = getattr(mecapy, said, None) or getattr(builtins, said)
            assert issubclass(found, Exception)
