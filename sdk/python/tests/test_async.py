"""The client for event loops, through a real server: the same rules, awaited."""

import asyncio
import inspect
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from support.server import DEV_TOKEN, Server
from test_client import SLOW

import mecapy
from mecapy import (
    AsyncMecaPy,
    CalculationError,
    LogEvent,
    MecaPy,
    NotFoundError,
    StatusEvent,
    WaitTimeout,
)

Play = Callable[[Callable[[AsyncMecaPy], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def play(server: Server) -> Play:
    """Runs a coroutine function with a client of its own."""

    def run(story: Callable[[AsyncMecaPy], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            async with AsyncMecaPy(token=DEV_TOKEN, base_url=server.url) as client:
                await story(client)

        asyncio.run(whole())

    return run


def test_a_task_through_its_life(play: Play) -> None:
    async def story(client: AsyncMecaPy) -> None:
        task = await client.tasks.create("x", "def calculate(inputs): return inputs['x']", {"x": 1})
        assert await task.latest() is None
        assert (await client.tasks.create("y", task.code, {"x": {1, 2}})).inputs == {"x": {1, 2}}
        assert await task.execute() == 1
        run = await task.execute_async({"x": 2})
        assert await run.result() == 2
        assert (await task.latest()).id == run.id
        assert (await task.update(name="y")).name == "y"
        assert [one.id async for one in task.runs(limit=1)] == [run.id]
        assert task.id in [one.id async for one in client.tasks.list()]
        assert (await client.runs.get(run.id)).status == "completed"
        await task.delete()
        with pytest.raises(NotFoundError):
            await client.tasks.get(task.id)

    play(story)


def test_a_function_runs_there(play: Play) -> None:
    async def story(client: AsyncMecaPy) -> None:
        @client.task(memory="1 GiB")
        def invert(x):
            return 1 / x

        assert invert(4) == 0.25
        assert await invert.remote(4) == 0.25
        assert await (await invert.submit(8)).result() == 0.125
        sweep = await invert.map([1, 0, 2])
        assert list(sweep) == [1.0, None, 0.5]
        assert [failure.index for failure in sweep.failures] == [1]
        assert (await invert.create({"x": 2})).limits["memory_mb"] == 1024
        with pytest.raises(CalculationError, match="ZeroDivisionError"):
            await invert.remote(0)
        assert await client.run("def calculate(inputs): return 3") == 3

    play(story)


def test_a_run_as_it_goes(play: Play) -> None:
    async def story(client: AsyncMecaPy) -> None:
        run = await client.submit(SLOW)
        text = ""
        async for event in run.stream():
            text += event.text if isinstance(event, LogEvent) else ""
            if text:
                break
        assert text == "begun\n"
        with pytest.raises(WaitTimeout):
            await run.wait(0.1)
        await run.refresh()
        assert run.status == "running"
        await run.cancel()
        assert (await run.wait(20)).status == "cancelled"
        assert (await run.cancel()).status == "cancelled"
        done = await (await client.submit("def calculate(inputs): return 1")).wait()
        assert await (await done.cancel()).result() == 1
        last = [event async for event in run.stream()][-1]
        assert last == StatusEvent("cancelled", 1)
        assert "begun" in await run.logs()

    play(story)


def test_what_a_run_left(play: Play, tmp_path: Path) -> None:
    async def story(client: AsyncMecaPy) -> None:
        run = await client.submit("def calculate(inputs): open('a.txt', 'w').write('abc')")
        [artifact] = (await run.wait()).artifacts
        assert await artifact.read() == b"abc"
        assert (await artifact.save(tmp_path)).read_text() == "abc"

    play(story)


def test_a_client_goes_on_with_another_event_loop(server: Server) -> None:
    client = AsyncMecaPy(token=DEV_TOKEN, base_url=server.url)
    for _ in range(3):
        assert asyncio.run(client.me())["user"] == "local"


def test_cancelling_the_task_cancels_the_run(play: Play) -> None:
    async def story(client: AsyncMecaPy) -> None:
        task = await client.tasks.create("slow", SLOW)
        waiting = asyncio.ensure_future(task.execute())
        while (run := await task.latest()) is None or run.status != "running":
            await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await run.wait(20)).status == "cancelled"

    play(story)


def test_an_interrupted_sweep_cancels_what_runs(
    child: dict[str, str], client: MecaPy, tmp_path: Path
) -> None:
    code = """
from mecapy import MecaPy
client = MecaPy()
def slow(n):
    import time
    time.sleep(60)
client.task(slow).map(range(4), concurrency=2)
"""
    path = tmp_path / "sweep.py"
    path.write_text(code)
    before = {run.id for run in client.runs.list(limit=2)}
    process = subprocess.Popen([sys.executable, str(path)], env=child, stderr=subprocess.PIPE)
    started: set[str] = set()
    while len(started) < 2:
        assert process.poll() is None, process.stderr.read()
        now = {run.id for run in client.runs.list(limit=2) if run.status in ("queued", "running")}
        started = now - before
    process.send_signal(signal.SIGINT)
    assert process.wait(30) != 0
    assert {client.runs.get(one).wait(20).status for one in started} == {"cancelled"}


PAIRS = [
    ("MecaPy", "AsyncMecaPy"),
    ("Tasks", "AsyncTasks"),
    ("Task", "AsyncTask"),
    ("Runs", "AsyncRuns"),
    ("Run", "AsyncRun"),
    ("Calculation", "AsyncCalculation"),
    ("Artifact", "AsyncArtifact"),
    ("Workflows", "AsyncWorkflows"),
    ("Workflow", "AsyncWorkflow"),
    ("WorkflowRuns", "AsyncWorkflowRuns"),
    ("WorkflowRun", "AsyncWorkflowRun"),
    ("WorkflowBuilder", "AsyncWorkflowBuilder"),
]
# Properties that ask the server are methods, or the state last told, on an event loop.
OTHERWISE = {"Task": {"status", "result", "latest"}, "Artifact": {"open"}, "Run": set()}


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_both_clients_offer_the_same(one: str, other: str) -> None:
    blocking, awaiting = getattr(mecapy, one), getattr(mecapy, other)
    missing = public(blocking) - public(awaiting) - OTHERWISE.get(one, set())
    extra = public(awaiting) - public(blocking) - {"refresh"}
    assert (missing, extra - OTHERWISE.get(one, set())) == (set(), set())
    for name in public(blocking) & public(awaiting):
        here, there = getattr(blocking, name), getattr(awaiting, name)
        if inspect.isfunction(here) and inspect.isfunction(there):
            assert parameters(here) == parameters(there), name


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def parameters(function: Callable[..., Any]) -> list[str]:
    return [str(p).partition(":")[0] for p in inspect.signature(function).parameters.values()]
