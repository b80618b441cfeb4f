"""The command line at a server: runs, their results and their logs."""

import json
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.api import Api
from support.calculations import ECHO, SLOW
from support.person import Person
from support.proxy import FINE, Network, Proxy
from support.server import DEV_TOKEN, Server, binary, run_mecapy
from support.waiting import wait_until


@pytest.fixture
def running(person: Person, there: Api) -> Iterator[str]:
    """A run that would last for long."""
    run = person.does("run", person.file(SLOW), "--remote", "--detach").stdout.strip()
    there.wait_for_log(run, "step 1\n")
    yield run
    there.cancel(run)


def test_runs_are_found_by_a_beginning_and_as_last(person: Person) -> None:
    name = person.file(ECHO)
    runs = [person.gets("run", name, "-i", f"x={x}", "--remote", "--json") for x in range(3)]
    ids = [one["id"] for one in runs]
    assert person.gets("result", "last") == {"x": 2}
    shown = person.does("runs", "-n", "2").stdout.splitlines()[1:]
    assert [line.split()[0] for line in shown] == [ids[2], ids[1]]
    assert person.gets("result", ids[0][:23]) == {"x": 0}
    done = person.does("result", ids[0][:6], status=64)
    assert "names several of your runs" in done.stderr
    for word in ("ffff", "nonsense", "00000000-0000-7000-8000-000000000000"):
        assert "mecapy runs shows yours" in person.does("result", word, status=66).stderr
    assert ids[1] in person.does("runs", ids[1]).stdout


def test_a_list_shows_as_many_as_are_asked_for_and_each_runs_task(person: Person) -> None:
    kept = person.does("task", "create", person.file(ECHO), "--name", "bolt").stdout.strip()
    person.does("task", "run", kept, "-i", "x=1")
    for x in range(20):
        person.does("run", "calc.py", "-i", f"x={x}", "--remote", "--detach")
    shown = [line.split("  ") for line in person.does("runs").stdout.splitlines()[1:]]
    assert len(shown) == 20
    assert {line[1] for line in shown} == {"(not kept)"}
    whole = person.does("runs", "-n", "0").stdout.splitlines()[1:]
    assert len(whole) == 21
    assert whole[-1].split()[1] == "bolt"
    lines = [run_mecapy(*words, "--help").stdout for words in (("runs",), ("task", "list"))]
    assert all("-n,--count N=20 " in one for one in lines), lines


def test_runs_are_chosen_by_their_status(person: Person) -> None:
    name = person.file("def calculate(i):\n    return 1 / i['x']\n")
    for x, status in ((1, 0), (0, 11)):
        person.does("run", name, "-i", f"x={x}", "--remote", status=status)
    assert "failed: user_error" in person.does("runs", "--status", "failed").stdout
    [run] = person.gets("runs", "--status", "completed", "--json")
    assert run["status"] == "completed"
    done = person.does("runs", "--status", "lost", status=65)
    assert "--status: " in done.stderr
    assert "return 1 / i['x']" in person.does("runs", "last").stdout


def test_who_has_no_runs_is_told_how_to_have_one(person: Person) -> None:
    done = person.does("runs")
    assert "mecapy run FILE --remote" in done.stderr
    assert person.gets("runs", "--json") == []
    assert "you have no run yet" in person.does("result", "last", status=66).stderr


def test_a_log_is_followed_while_the_run_goes_on(person: Person, there: Api, running: str) -> None:
    process = person.begins("logs", "-f", "last")
    assert process.stdout is not None
    first = [process.stdout.readline() for _ in range(4)]
    assert first == [f"step {i}\n" for i in range(4)]
    assert there.run(running)["status"] == "running"
    assert "progress" in person.does("runs", running).stdout
    assert "meshing" in person.does("runs", running).stdout
    assert "the run is cancelled" in person.does("cancel", running[:23]).stderr
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "".join(first) + out == there.log(running)
    assert person.does("logs", running).stdout == there.log(running)
    assert person.gets("logs", running, "--json") == {"run_id": running, "log": there.log(running)}
    done = person.does("result", "last", status=130)
    assert "the run was cancelled" in done.stderr
    assert "has ended already" in person.does("cancel", "last", status=65).stderr


def test_who_only_watches_leaves_the_run_alone(person: Person, there: Api, running: str) -> None:
    for words in (("logs", "-f", running), ("result", running)):
        terminal = person.at_terminal(*words)
        terminal.expect("meshing")
        terminal.types("\x03")
        assert terminal.ends() == 130
        assert "[y/N]" not in terminal.shown
        assert there.run(running)["status"] == "running"


def test_who_reads_no_further_ends_the_command(person: Person, there: Api, running: str) -> None:
    process = person.begins("logs", "-f", running)
    assert process.stdout is not None
    assert process.stdout.readline() == "step 0\n"
    process.stdout.close()
    assert process.wait(20) == -signal.SIGPIPE
    assert there.run(running)["status"] == "running"


def test_a_result_that_cannot_be_written_is_no_success(person: Person) -> None:
    name = person.file(ECHO)
    for more in ([], ["--remote"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [str(binary()), "run", name, *more],
                env=person.environment(),
                cwd=person.home,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=40,
                check=False,
            )
        assert done.returncode == 74, done.stderr
        assert "standard output cannot be written" in done.stderr


def test_events_are_lines_of_json_for_programs(person: Person) -> None:
    person.does("run", person.file(SLOW), "-i", "steps=3", "--remote")
    events = [
        json.loads(line) for line in person.does("logs", "-f", "last", "--json").stdout.splitlines()
    ]
    log = "".join(one["data"]["text"] for one in events if one["event"] == "log")
    assert log == "step 0\nstep 1\nstep 2\n"
    assert events[-1]["event"] == "status"
    assert events[-1]["data"]["status"] == "completed"


def test_a_log_is_whole_when_its_connection_breaks(person: Person, server: Server) -> None:
    proxy = Proxy(lambda: server.port, random.Random(2))
    run = person.does("run", person.file(SLOW), "-i", "steps=25", "--remote", "--detach").stdout
    try:
        person.settings["MECAPY_URL"] = f"http://127.0.0.1:{proxy.port}"
        process = person.begins("logs", "-f", run.strip())
        assert process.stdout is not None
        first = process.stdout.readline()
        proxy.set(Network(reset_after=400))
        wait_until("connections are broken", lambda: proxy.resets > 2)
        proxy.set(FINE)
        rest, errors = process.communicate(timeout=40)
        assert process.returncode == 0, errors
        assert first + rest == "".join(f"step {i}\n" for i in range(25))
    finally:
        proxy.close()


def test_a_run_is_followed_across_the_end_of_its_server(
    own_server: Callable[..., Server], tmp_path: Path
) -> None:
    server = own_server()
    person = Person(tmp_path, server.url, DEV_TOKEN)
    process = person.begins("run", person.file(SLOW), "-i", "steps=20", "--remote")
    assert process.stderr is not None
    assert any("step 1" in line for line in iter(process.stderr.readline, ""))
    server.kill()
    server.start()
    out, errors = process.communicate(timeout=40)
    assert process.returncode == 0, errors
    assert out == '"done"\n'
    assert "the run begins again, attempt 2" in errors
    again = errors.partition("attempt 2")[2]
    assert [line for line in again.splitlines() if line.startswith("step")] == [
        f"step {i}" for i in range(20)
    ]
