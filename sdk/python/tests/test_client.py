"""The blocking client through a real server."""

import datetime
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from support.server import DEV_TOKEN, Server, binary

from mecapy import (
    AuthenticationError,
    CalculationError,
    InvalidRequestError,
    LimitError,
    Limits,
    LogEvent,
    MecaPy,
    NotFoundError,
    ProgressEvent,
    RunCancelled,
    StatusEvent,
    WaitTimeout,
)
from mecapy._login import login_path, save_login

# Word for word, but for the token and the address.
SEED = """
from mecapy import MecaPy

client = MecaPy(token="xxx")

task = client.tasks.create(
    name="Calcul contrainte vis",
    code=\"\"\"
def calculate(inputs):
    import numpy as np
    force = inputs['force']
    section = inputs['section']
    return {'stress': force / section}
\"\"\",
    inputs={"force": 1000, "section": 10}
)

result = task.execute()  # Bloquant
# OU
task.execute_async()     # Non-bloquant

if task.status == "completed":
    print(task.result)  # {'stress': 100}
"""

SLOW = """
import time
from mecapy import progress
def calculate(inputs):
    print("begun", flush=True)
    progress(0.25, "a quarter")
    time.sleep(inputs.get("s", 60))
    return inputs
"""


def test_the_seeds_snippet_word_for_word(child: dict[str, str]) -> None:
    code = SEED.replace('"xxx"', repr(DEV_TOKEN)) + (
        "client.runs.list(limit=1).__next__().wait()\nprint(result, task.status, task.result)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=child, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "{'stress': 100.0} completed {'stress': 100.0}"


def test_a_task_through_its_life(client: MecaPy) -> None:
    task = client.tasks.create(
        "spring",
        "def calculate(inputs): return inputs['k'] * inputs['x']",
        {"k": 2.0, "x": 3.0},
        limits=Limits(memory="512 MiB", timeout="20 s"),
        cache="1 h",
        description="Hooke",
        tags=["springs"],
    )
    assert (task.status, task.result, task.latest) == (None, None, None)
    assert task.execute() == 6.0
    assert task.execute({"k": 1.0, "x": 5.0}) == 5.0
    again = task.execute_async({"k": 1.0, "x": 5.0}).wait()
    assert again.cached_from is not None
    assert task.execute_async({"k": 1.0, "x": 5.0}, fresh=True).wait().cached_from is None
    assert (task.cache, task.limits["memory_mb"], task.tags) == (3600.0, 512.0, ("springs",))
    task.update(code="def calculate(inputs): return -inputs['x']", name="spring 2")
    assert (task.version, task.name) == (2, "spring 2")
    assert task.execute({"x": 1}) == -1
    assert task.execute({"k": 1, "x": 1}, version=1) == 1
    assert client.tasks.get(task.id, version=1).code.endswith("inputs['x']")
    listed = next(one for one in client.tasks.list() if one.id == task.id)
    assert listed.code == task.code
    assert len(list(task.runs())) == 6
    assert len(list(task.runs(limit=2))) == 2
    task.delete()
    with pytest.raises(NotFoundError):
        client.tasks.get(task.id)


def test_what_a_task_need_not_have_is_taken_away(client: MecaPy) -> None:
    code = "def calculate(inputs): return 1"
    task = client.tasks.create(
        "t", code, cache="1 h", estimated_duration="2 min", description="d", tags=["a"]
    )
    task.update(name="u")
    assert (task.cache, task.estimated_duration, task.description) == (3600.0, 120.0, "d")
    task.update(cache="2 h", estimated_duration=datetime.timedelta(seconds=5))
    assert (task.cache, task.estimated_duration) == (7200.0, 5.0)
    task.update(cache=0, estimated_duration=0, description="", tags=[])
    assert (task.cache, task.estimated_duration, task.description, task.tags) == (
        None,
        None,
        "",
        (),
    )
    assert client.tasks.get(task.id).cache is None
    assert client.tasks.create("t", code, cache=0, estimated_duration=0).cache is None
    assert client.task(cache="0 s")(double).remote(2) == 4


def double(x):
    return 2 * x


def test_a_function_runs_there(client: MecaPy) -> None:
    @client.task(memory="1 GiB", timeout="1 min")
    def stress(force, section=10):
        return {"stress": np.asarray(force) / section}

    assert stress(1000)["stress"] == 100
    assert stress.remote(1000, section=20) == {"stress": 50.0}
    run = stress.submit(np.array([1.0, 2.0]))
    assert run.result()["stress"].tolist() == [0.1, 0.2]
    kept = stress.create({"force": 5})
    assert kept.execute() == {"stress": 0.5}
    assert kept.limits["memory_mb"] == 1024.0
    with pytest.raises(TypeError, match="missing a required argument"):
        stress.remote()


def test_a_failure_shows_the_authors_lines(client: MecaPy) -> None:
    @client.task
    def divide(a, b):
        return a / b  # DIVIDES

    with pytest.raises(CalculationError, match="ZeroDivisionError") as caught:
        divide.remote(1, 0)
    line = next(
        i
        for i, t in enumerate(Path(__file__).read_text().splitlines(), 1)
        if t.endswith("# DIVIDES")
    )
    assert caught.value.line == line
    assert f"line {line}, in divide" in str(caught.value)
    assert "return a / b" in str(caught.value)
    assert caught.value.code == "user_error"
    assert "in calculate" not in str(caught.value)  # the way in is not the author's


def test_a_sweep_keeps_order_and_keeps_failures_apart(client: MecaPy, capsys) -> None:
    @client.task
    def invert(x, y=1):
        return {"value": y / x}

    sweep = invert.map([4, 0, (2, 3), {"x": 5, "y": 10}], concurrency=3, progress=True)
    assert list(sweep) == [{"value": 0.25}, None, {"value": 1.5}, {"value": 2.0}]
    [failure] = sweep.failures
    assert (failure.index, failure.inputs) == (1, {"x": 0, "y": 1})
    assert failure.error.code == "user_error"
    assert all(sweep.run_ids)
    assert not sweep.ok
    with pytest.raises(CalculationError):
        sweep.results()
    frame = sweep.to_frame()
    assert frame["value"].tolist()[2:] == [1.5, 2.0]
    assert "4/4, 1 failed" in capsys.readouterr().err


@pytest.mark.parametrize("terminal", [False, True])
def test_a_sweep_shows_its_bar_on_a_terminal(
    terminal: bool, client: MecaPy, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)

    @client.task
    def one(x):
        return x

    assert list(one.map([1])) == [1]
    assert ("1/1" in capsys.readouterr().err) == terminal
    one.map([1], progress=False)
    assert capsys.readouterr().err == ""


def test_a_sweep_holds_its_bound(client: MecaPy) -> None:
    @client.task
    def meet(x):
        import time

        begin = time.time()
        time.sleep(0.2)
        return [begin, time.time()]

    spans = meet.map(range(6), concurrency=1).results()
    assert all(one[1] <= other[0] for one, other in zip(spans[:-1], spans[1:], strict=True))
    assert len(meet.map([])) == 0
    with pytest.raises(ValueError, match="at least one"):
        meet.map([1], concurrency=0)


def test_a_run_as_it_goes(client: MecaPy) -> None:
    run = client.submit(SLOW)
    events = []
    for event in run.stream():
        events.append(event)
        if isinstance(event, ProgressEvent):
            break
    assert events[-1].progress.fraction == 0.25
    assert "".join(e.text for e in events if isinstance(e, LogEvent)) == "begun\n"
    assert (run.status, run.attempt, run.usage, run.error) == ("running", 1, None, None)
    assert run.progress.message == "a quarter"
    assert run.logs() == "begun\n"
    with pytest.raises(WaitTimeout, match="is running after 0.2 s; it goes on"):
        run.result(timeout=0.2)
    run.cancel()
    assert run.wait(20).status == "cancelled"
    assert run.cancel().status == "cancelled"
    with pytest.raises(RunCancelled):
        run.result()
    assert list(run.stream())[-1] == StatusEvent("cancelled", 1)
    assert run.progress is None


def test_a_run_tells_what_it_saved(client: MecaPy) -> None:
    code = (
        "from mecapy import checkpoint, progress\nimport time\n"
        "def calculate(inputs):\n    checkpoint.save([1.5] * 10)\n    time.sleep(1)\n"
        "    progress(0.5)\n    time.sleep(60)\n"
    )
    run = client.submit(code)
    next(event for event in run.stream() if isinstance(event, ProgressEvent))
    told = client.runs.get(run.id).checkpoint
    assert told is not None
    assert (told.attempt, run.resumed_from) == (1, None)
    assert told.bytes == len(json.dumps([1.5] * 10, separators=(",", ":")))
    assert told.saved_at.tzinfo is not None
    run.cancel()
    assert run.wait(20).checkpoint is None


def test_a_run_that_has_ended_stays_as_it_is_when_it_is_cancelled(client: MecaPy) -> None:
    run = client.submit("def calculate(inputs): return {1, 2}")
    assert client.runs.get(run.wait().id).cancel().result() == {1, 2}
    assert run.cancel().status == "completed"
    assert run.result() == {1, 2}


def test_a_run_that_is_waited_for_longer_than_one_call(client: MecaPy, monkeypatch) -> None:
    monkeypatch.setattr("mecapy._rules._WAIT_S", 0.3)
    assert client.run(SLOW, {"s": 1.5}) == {"s": 1.5}


def test_what_a_run_left(client: MecaPy, tmp_path: Path) -> None:
    run = client.submit(
        """
def calculate(inputs):
    import matplotlib.pyplot as plt
    open("table.csv", "w").write("a,b\\n1,2\\n")
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    return {"figure": figure, "n": 1}
""",
    ).wait()
    by_name = {one.name: one for one in run.artifacts}
    assert by_name["table.csv"].read() == b"a,b\n1,2\n"
    saved = by_name["table.csv"].save(tmp_path)
    assert saved == tmp_path / "table.csv"
    assert saved.read_text() == "a,b\n1,2\n"
    saved.write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        by_name["table.csv"].save(tmp_path)
    assert saved.read_text() == "mine"
    by_name["table.csv"].save(tmp_path, overwrite=True)
    assert saved.read_text() == "a,b\n1,2\n"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    figure = run.result()["figure"]
    assert figure.content_type == "image/png"
    assert figure.read().startswith(b"\x89PNG")
    shown = figure._repr_mimebundle_()
    assert list(shown) == ["image/png"]
    assert run.usage.peak_memory_mb > 1
    assert (run.cost.eur, run.cost.complete) == (0, True)  # of a machine of one's own
    assert (run.finished_at - run.started_at).total_seconds() > 0
    assert "<b" in run._repr_html_()


def test_nothing_a_run_says_is_markup(client: MecaPy) -> None:
    run = client.submit("def calculate(inputs): raise ValueError('<script>x</script>')").wait()
    shown = run._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    told = client.submit("def calculate(inputs): return '<img src=x>'").wait()._repr_html_()
    assert "<img" not in told


def test_who_waits_in_vain_is_told_how_long_he_wanted_to(client: MecaPy) -> None:
    with pytest.raises(WaitTimeout, match=r"after 0\.5 s; it goes on") as caught:
        client.run(SLOW, timeout=0.5)
    client.runs.get(str(caught.value.run_id)).cancel()


def test_a_limit_is_told_as_one(client: MecaPy) -> None:
    with pytest.raises(LimitError) as caught:
        client.run(SLOW, limits=Limits(timeout=0.2))
    assert caught.value.code == "timeout"


def test_the_callers_mistakes(client: MecaPy, server: Server) -> None:
    with pytest.raises(InvalidRequestError, match="line 1") as caught:
        client.tasks.create("x", "def calculate(inputs) return 1")
    assert caught.value.code == "invalid_code"
    assert caught.value.problems[0].line == 1
    with pytest.raises(InvalidRequestError, match="memory_mb"):
        client.run("def calculate(inputs): return 1", limits=Limits(memory="99 TiB"))
    with pytest.raises(NotFoundError) as missed:
        client.runs.get("01a21820-1b45-7000-bf57-cfd597ce9366")
    # Once, and without the place in the address.
    assert str(missed.value) == "no such run: runs.list() shows yours"
    with pytest.raises(AuthenticationError, match="mecapy login"):
        MecaPy(token="wrong", base_url=server.url).me()
    assert client.me() == {"user": "local", "admin": False, "proof": "token"}


def test_an_interrupted_execute_cancels_its_run(child: dict[str, str], client: MecaPy) -> None:
    task = client.tasks.create("slow", SLOW)
    code = f"from mecapy import MecaPy; MecaPy().tasks.get({task.id!r}).execute()"
    process = subprocess.Popen([sys.executable, "-c", code], env=child, stderr=-3)
    while task.status != "running":
        threading.Event().wait(0.02)
    run = task.latest
    process.send_signal(signal.SIGINT)
    assert process.wait(20) != 0
    assert client.runs.get(run.id).wait(20).status == "cancelled"
    assert [one.id for one in task.runs()] == [run.id]


def test_the_login_of_the_command_line_is_the_packages_too(server: Server) -> None:
    login = [str(binary()), "login", server.url, "--token-stdin"]
    done = subprocess.run(login, input=DEV_TOKEN, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    with MecaPy() as one:
        assert one.base_url == server.url
        assert one.me()["user"] == "local"
        record = json.loads(login_path().read_text())
        save_login(login_path(), record | {"note": "as this package writes it"})
    who = subprocess.run([str(binary()), "whoami"], capture_output=True, text=True, timeout=30)
    assert who.stdout.startswith(f"local at {server.url}")


FORKS = """
import os
from mecapy import MecaPy
client = MecaPy()
client.me()
code = "def calculate(inputs): return inputs['tag']"
child = os.fork()
tag = "child" if child == 0 else "parent"
wrong = sum(client.run(code, {"tag": f"{tag} {i}"}) != f"{tag} {i}" for i in range(20))
if child == 0:
    os._exit(wrong)
print(wrong, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_reads_its_own_answers(child: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKS], env=child, capture_output=True, text=True, timeout=50
    )
    assert done.stdout == "0 0\n", done.stderr


def test_code_from_a_file(client: MecaPy, tmp_path: Path) -> None:
    path = tmp_path / "calc.py"
    path.write_text("def calculate(inputs): return inputs['x'] + 1", encoding="utf-8-sig")
    assert client.run(path, {"x": 1}) == 2
