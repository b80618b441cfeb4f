"""Workflows are kept under their names: who writes one again goes on with the same."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.server import DEV_TOKEN, ROOT, Server

from mecapy import AsyncMecaPy, MecaPy, SourceError, Task, Workflow, WorkflowBuilder, WorkflowError


class Starts:
    """Makes the client of each start of a program."""

    def __init__(self, server: Server, token: str) -> None:
        self.who = {"token": token, "base_url": server.url}
        self._clients: list[MecaPy] = []

    def __call__(self) -> MecaPy:
        self._clients.append(MecaPy(**self.who))
        return self._clients[-1]

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture
def start(server: Server) -> Iterator[Starts]:
    starts = Starts(server, server.add_user("keeper"))
    yield starts
    starts.close()


def doubled(x, by=2.0):
    return by * x


def other_doubled() -> Any:
    def doubled(x, by=2.0):
        return x * by

    return doubled


def raised(x):
    return x + 1


def write(
    client: MecaPy,
    name: str,
    function: Any = doubled,
    *,
    by: Any = 2.0,
    description: str | None = None,
    **options: Any,
) -> Workflow:
    """A workflow of two functions."""
    twice, more = client.task(**options)(function), client.task(raised)
    with client.workflow(name, description=description) as w:
        w.output(y=more(twice(w.input("x"), by)))
    return w.workflow


def tasks_of(workflow: Workflow) -> list[tuple[str, int]]:
    """Ids and versions, by node."""
    return [(node["task"], node["version"]) for node in workflow.nodes.values()]


def named(client: MecaPy, beginning: str) -> list[Task]:
    return [one for one in client.tasks.list() if one.name.startswith(beginning)]


def test_a_program_that_is_started_again_goes_on_with_the_same(start: Starts) -> None:
    first = write(start(), "again")
    client = start()
    second = write(client, "again")
    assert (second.id, second.version, tasks_of(second)) == (first.id, 1, tasks_of(first))
    assert [version for _, version in tasks_of(second)] == [1, 1]
    assert second.updated_at == first.updated_at
    assert {one.name for one in named(client, "again/")} == {"again/doubled", "again/raised"}
    assert [one.id for one in client.workflows.list() if one.name == "again"] == [first.id]
    assert second.execute(x=3).result(timeout=30) == {"y": 7.0}


def test_a_function_that_changed_is_the_next_version_of_its_task(start: Starts) -> None:
    first = write(start(), "changed")
    second = write(start(), "changed", other_doubled())
    (doubled_id, _), (raised_id, _) = tasks_of(first)
    assert tasks_of(second) == [(doubled_id, 2), (raised_id, 1)]
    assert (second.id, second.version) == (first.id, 2)
    assert write(start(), "changed", other_doubled()).version == 2
    back = write(start(), "changed")
    assert (back.version, tasks_of(back)) == (3, [(doubled_id, 3), (raised_id, 1)])


def test_what_a_workflow_says_otherwise_is_its_next_version(start: Starts) -> None:
    tasks = tasks_of(write(start(), "said"))
    for version, by in ((2, 2), (3, True), (3, True), (4, {"a": 1, "b": 1.0})):  # 2 is no 2.0
        workflow = write(start(), "said", by=by)
        assert (workflow.version, tasks_of(workflow)) == (version, tasks)


def test_a_description_is_changed_by_who_gives_one(start: Starts) -> None:
    first = write(start(), "described", description="d")
    for given, description in ((None, "d"), ("e", "e"), ("", "")):
        workflow = write(start(), "described", description=given)
        assert (workflow.id, workflow.description, workflow.version) == (first.id, description, 1)


def test_a_task_that_was_deleted_is_made_anew(start: Starts) -> None:
    client = start()
    first = write(client, "deleted")
    [(gone, _), kept] = tasks_of(first)
    for again in (client, start()):  # who remembers its id, and who does not
        client.tasks.get(gone).delete()
        workflow = write(again, "deleted")
        [(made, version), other] = tasks_of(workflow)
        assert (made != gone, version, other) == (True, 1, kept)
        assert workflow.id == first.id
        gone = made
    client.workflows.get(first.id).delete()
    assert write(start(), "deleted").version == 1


def test_of_several_the_one_that_was_changed_last_goes_on(start: Starts) -> None:
    client = start()
    first = write(client, "several")
    definition = first.definition
    second = client.workflows.create("several", definition)
    first.update(description="changed last")
    assert write(start(), "several").id == first.id
    second.update(description="changed last")
    assert write(start(), "several").id == second.id
    assert write(client, "several").id == first.id  # one's own, while it is there
    first.update(name="another")
    assert write(client, "several").id == second.id


LIMITS = {"memory": 512, "timeout": "1 min", "cpu_time": 30}


def test_options_are_those_that_are_written(start: Starts) -> None:
    def told(version: int, cache: Any, duration: Any, **limits: float) -> None:
        for _ in range(2):  # and stay
            client = start()
            [(id_, number), _] = tasks_of(write(client, "options", **options))
            task = client.tasks.get(id_)
            assert (id_, number, task.version) == (first, version, version)
            record = task._told
            assert (record.get("cache"), record.get("estimated_duration_s")) == (cache, duration)
            assert {name: record["limits"][name] for name in limits} == limits

    options: dict[str, Any] = {}
    [(first, _), _] = tasks_of(write(start(), "options"))
    options = {"cache": "1 h", "estimated_duration": 5}
    told(1, {"ttl": 3600}, 5)  # what makes no version of a task
    options = {"cache": "2 h", **LIMITS}
    told(2, {"ttl": 7200}, None, memory_mb=512, timeout_s=60, cpu_s=30)
    options = {"memory": 512}
    told(3, None, None, memory_mb=512, timeout_s=600, cpu_s=0)
    options = {}
    told(4, None, None, memory_mb=2048, timeout_s=600, cpu_s=0)


def test_a_ceiling_below_a_default_is_no_change() -> None:
    ceilings = {"limits_max_memory_mb": 1024, "limits_max_timeout_s": 7200, "limits_max_cpu_s": 300}
    server = Server(**ceilings)
    try:
        start = Starts(server.start(), DEV_TOKEN)
        first = write(start(), "lowered", timeout="2 h")
        assert write(start(), "lowered", timeout="2 h").version == 1
        less = write(start(), "lowered", memory=512, cpu_time=20, timeout="2 h")
        assert write(start(), "lowered", memory=512, cpu_time=20, timeout="2 h").version == 2
        assert less.version == 2
        back = write(start(), "lowered", timeout="1 h")
        limits = start().tasks.get(tasks_of(back)[0][0])._told["limits"]
        assert (limits["timeout_s"], limits["cpu_s"]) == (3600, 300)
        assert write(start(), "lowered", timeout="1 h").version == back.version == 3
        assert first.id == back.id
        start.close()
    finally:
        server.remove()


def test_two_functions_of_one_name_are_two_tasks(start: Starts) -> None:
    def both(client: MecaPy) -> Workflow:
        one, other = client.task(doubled), client.task(other_doubled())
        with client.workflow("two") as w:
            w.output(y=one(other(w.input("x"))))
        return w.workflow

    client = start()
    first, second = both(client), both(start())
    assert (first.id, first.version) == (second.id, second.version)
    names = {one.id: one.name for one in named(client, "two/")}
    assert [names[id_] for id_, _ in tasks_of(second)] == ["two/doubled", "two/doubled_2"]


def test_a_file_is_a_node_and_kept_by_its_name(start: Starts, tmp_path: Path) -> None:
    path = tmp_path / "bolt_loads.py"

    def files(client: MecaPy) -> WorkflowBuilder:
        with client.workflow("filed") as w:
            once = w.node(path, x=w.input("x"))
            w.output(y=w.node(path, "again", x=once))
        return w

    path.write_text("def calculate(inputs):\n    return 2 * inputs['x']\n")
    client = start()
    first = files(client).workflow
    [(id_, version), other] = tasks_of(first)
    assert list(first.nodes) == ["bolt_loads", "again"]
    assert (client.tasks.get(id_).name, version, other) == ("filed/bolt_loads", 1, (id_, 1))
    client.tasks.get(id_).update(cache="1 h")  # what a file does not say is whoever's else
    assert files(start()).workflow.version == 1
    path.write_text("def calculate(inputs):\n    return 3 * inputs['x']\n")
    second = files(start())
    assert tasks_of(second.workflow) == [(id_, 2), (id_, 2)]
    assert second.execute(x=1).result(timeout=30) == {"y": 9}
    assert client.tasks.get(id_)._told["cache"] == {"ttl": 3600}
    path.write_text("def calculate(inputs:\n")
    with pytest.raises(WorkflowError, match=r"the file bolt_loads\.py of workflow filed: "):
        files(start())
    path.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        files(start())


def test_a_name_that_is_too_long_is_told(start: Starts) -> None:
    with pytest.raises(WorkflowError, match="the function doubled of workflow x+: .*\n  /name: "):
        write(start(), "x" * 199)


def test_the_page_of_workflows_is_a_program_that_can_be_started_again(
    server: Server, child: dict[str, str], tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "guides" / "workflows.md").read_text()
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    program = tmp_path / "page.py"
    program.write_text("\n".join(text for kind, text in blocks if kind == "python"))
    token = server.add_user("reader")
    printed = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, program],
            env=child | {"MECAPY_TOKEN": token},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")
        printed.append(done.stdout)
    assert printed[0] == "".join(text for kind, text in blocks if kind == "output")
    client = Starts(server, token)()
    for listed in (client.tasks.list(), client.workflows.list()):
        names = [one.name for one in listed]
        assert len(names) == len(set(names)) > 3
    assert client.workflows.get("joint").version == 1
    client.close()


def test_the_awaited_client_goes_on_with_the_same(start: Starts) -> None:
    first = write(start(), "awaited")

    async def again(function: Any = doubled) -> Any:
        async with AsyncMecaPy(**start.who) as c:
            twice, more = c.task(function), c.task(raised)
            async with c.workflow("awaited") as w:
                w.output(y=more(twice(w.input("x"), 2.0)))
            return w.workflow

    same = asyncio.run(again())
    assert (same.id, same.version, tasks_of(same)) == (first.id, 1, tasks_of(first))
    changed = asyncio.run(again(other_doubled()))
    assert (changed.id, changed.version) == (first.id, 2)
    assert [id_ for id_, _ in tasks_of(changed)] == [id_ for id_, _ in tasks_of(first)]
    assert write(start(), "awaited", other_doubled()).version == 2
