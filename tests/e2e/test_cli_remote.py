"""The command line at a server: a run, and whose fault it was."""

import json
import random

import pytest

from support.api import Api
from support.calculations import ECHO, FILES, SLOW, STRESS
from support.person import Person
from support.proxy import FINE, Network, Proxy
from support.server import Server
from support.waiting import wait_until


def test_a_run_there_is_as_one_here(person: Person, there: Api) -> None:
    name = person.file(STRESS)
    words = ("run", name, "-i", "force=1000", "-i", "section=10")
    here, remote = person.does(*words), person.does(*words, "--remote")
    assert here.stdout == remote.stdout == '{"stress":100.0}\n'
    assert "a line of the log" in remote.stderr
    assert "peak" in remote.stderr
    [run] = there.read("/api/runs")["items"]
    assert run["status"] == "completed"


def test_json_is_the_run_as_the_api_has_it(person: Person, there: Api) -> None:
    name = person.file(FILES)
    run = person.gets("run", name, "--remote", "--json")
    api = there.read(f"/api/runs/{run['id']}/results")
    assert run == api
    assert person.gets("result", "last", "--json") == api
    assert person.gets("runs", run["id"], "--json") == there.run(run["id"])
    assert person.gets("runs", "--json") == there.read("/api/runs")["items"]


def test_code_and_inputs_come_from_standard_input(person: Person) -> None:
    name = person.file(ECHO)
    sent = '{"a": 1.10, "deep": [[null, "\u00e9"]]}'
    got = person.does("run", name, "--remote", "-i", "@-", "-i", "b=2", stdin=sent).stdout
    assert json.loads(got) == json.loads(sent) | {"b": 2}
    assert person.gets("run", name, "-i", "@-", stdin=sent) == json.loads(sent)
    for more in ([], ["--remote"]):
        assert person.gets("run", "-", "-i", "x=1", *more, stdin=ECHO) == {"x": 1}
        done = person.does("run", "-", "-i", "@-", *more, stdin=ECHO, status=64)
        assert "cannot both be standard input" in done.stderr


FAULTS = {
    "invalid_code": (10, "def calculate(:\n    pass\n", "def calculate(:"),
    "user_error": (11, "def calculate(i):\n    return 1 / 0\n", "return 1 / 0"),
    "invalid_result": (12, "def calculate(i):\n    return object()\n", "object"),
    "crashed": (13, "import os\ndef calculate(i):\n    os._exit(3)\n", "exit status 3"),
    "timeout": (20, "import time\ndef calculate(i):\n    time.sleep(60)\n", "0.5 s"),
    "out_of_memory": (
        21,
        "def calculate(i):\n    return len(b'x' * (1 << 29))\n",
        "-l memory_mb",
    ),
}


@pytest.mark.parametrize("where", [[], ["--remote"]], ids=["here", "remote"])
@pytest.mark.parametrize("code", FAULTS)
def test_the_exit_status_names_whose_fault_it_was(
    person: Person, code: str, where: list[str]
) -> None:
    status, source, words = FAULTS[code]
    limits = ("-l", "timeout_s=0.5", "-l", "memory_mb=128")
    done = person.does("run", person.file(source), *limits, *where, status=status)
    assert done.stdout == ""
    assert code in done.stderr
    assert words in done.stderr


def test_a_failed_run_shows_the_authors_lines_also_later(person: Person) -> None:
    status, source, words = FAULTS["user_error"]
    done = person.does("run", person.file(source), "--remote", status=status)
    assert 'File "calc.py", line 2' in done.stderr
    assert person.does("result", "last", status=status).stderr.count(words) == 1
    failed = person.does("result", "last", "--json", status=status)
    assert json.loads(failed.stdout)["error"]["code"] == "user_error"


def test_limits_are_those_that_are_asked_for(person: Person) -> None:
    done = person.does("run", person.file(ECHO), "-l", "cpus=1000", "--remote", status=65)
    assert "/limits/cpus" in done.stderr
    assert "over the ceiling" in done.stderr
    done = person.does("run", "calc.py", "-l", "cpu=1", "--remote", status=64)
    assert "unknown limit" in done.stderr


def test_a_run_can_be_left_to_itself_and_asked_for_later(person: Person) -> None:
    run = person.does("run", person.file(SLOW), "-i", "steps=8", "--remote", "--detach").stdout
    done = person.does("result", "last", "--timeout", "0", status=75)
    assert f"mecapy logs -f {run.strip()}" in done.stderr
    assert person.does("result", run.strip()).stdout == '"done"\n'


def test_flags_of_a_server_are_refused_without_remote(person: Person) -> None:
    name = person.file(ECHO)
    for flag in (
        ["--detach"],
        ["--fresh"],
        ["--seconds", "60"],
        ["--server", "http://127.0.0.1:1"],
    ):
        assert "are for run --remote" in person.does("run", name, *flag, status=64).stderr


def test_an_answer_that_is_lost_makes_no_second_run(
    person: Person, server: Server, there: Api
) -> None:
    proxy = Proxy(lambda: server.port, random.Random(1))
    try:
        person.settings["MECAPY_URL"] = f"http://127.0.0.1:{proxy.port}"
        person.does("whoami")
        proxy.set(Network(lose=b'"run_id"', lose_share=1))
        process = person.begins("run", person.file(ECHO), "-i", "x=1", "--remote")
        wait_until("an answer is lost", lambda: proxy.resets > 0)
        proxy.set(FINE)
        out, errors = process.communicate(timeout=30)
        assert json.loads(out) == {"x": 1}, errors
        assert len(there.read("/api/runs")["items"]) == 1
    finally:
        proxy.close()
