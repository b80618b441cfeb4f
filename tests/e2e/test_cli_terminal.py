"""The command line on a terminal: Ctrl-C, colours, progress."""

import signal

import pytest

from support.api import Api
from support.calculations import EVIL, SLOW
from support.person import Person


def test_ctrl_c_asks_once_and_yes_cancels(person: Person, there: Api) -> None:
    terminal = person.at_terminal("run", person.file(SLOW), "--remote")
    terminal.expect("meshing 1")
    terminal.types("\x03")
    terminal.expect("Cancel the run? [y/N] ")
    terminal.types("y\n")
    assert terminal.ends() == 130
    assert "the run was cancelled" in terminal.shown
    assert there.read("/api/runs")["items"][0]["status"] == "cancelled"


def test_ctrl_c_and_no_goes_on_with_nothing_lost(person: Person, there: Api) -> None:
    terminal = person.at_terminal("run", person.file(SLOW), "-i", "steps=15", "--remote")
    terminal.expect("step 2\r\n")
    terminal.types("\x03")
    terminal.expect("[y/N] ")
    there.wait_for_log(there.read("/api/runs")["items"][0]["id"], "step 8\n")
    terminal.types("n\n")
    for i in range(5, 15):
        terminal.expect(f"step {i}\r\n")
    assert terminal.ends() == 0
    assert terminal.shown.endswith('"done"\r\n')


def test_a_second_ctrl_c_cancels(person: Person, there: Api) -> None:
    terminal = person.at_terminal("run", person.file(SLOW), "--remote")
    terminal.expect("meshing 1")
    terminal.types("\x03")
    terminal.expect("[y/N] ")
    terminal.types("\x03")
    assert terminal.ends() == 130
    assert there.read("/api/runs")["items"][0]["status"] == "cancelled"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_without_a_terminal_a_signal_cancels(
    person: Person, there: Api, number: signal.Signals
) -> None:
    process = person.begins("run", person.file(SLOW), "--remote")
    assert process.stderr is not None
    assert any("step 1" in line for line in iter(process.stderr.readline, ""))
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == ""
    assert there.read("/api/runs")["items"][0]["status"] == "cancelled"


def test_progress_and_colours_are_for_terminals(person: Person) -> None:
    name = person.file(SLOW)
    terminal = person.at_terminal("run", name, "-i", "steps=3", "--remote")
    terminal.expect("[")
    terminal.expect("%")
    terminal.expect("meshing")
    assert terminal.ends() == 0
    done = person.does("run", name, "-i", "steps=3", "--remote")
    assert "meshing" not in done.stderr
    assert "\x1b" not in done.stderr
    for variables, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        terminal = person.at_terminal("runs", **variables)
        assert terminal.ends() == 0
        assert ("\x1b[32mcompleted" in terminal.shown) is coloured
    assert "\x1b" not in person.does("runs").stdout


@pytest.mark.parametrize("where", [[], ["--remote"]], ids=["here", "remote"])
def test_what_a_run_says_has_no_power_over_a_terminal(person: Person, where: list[str]) -> None:
    name = person.file(EVIL)
    terminal = person.at_terminal("run", name, *where, NO_COLOR="1")
    assert terminal.ends() == 0
    shown = terminal.shown.replace("\r\x1b[K", "")  # of the line of progress
    for power in ("\x1b", "\x07", "\x9b", "\u202e"):
        assert power not in shown, shown
    assert "\\x1b]0;owned" in shown
    assert '"\\u009b2J \\u202e"' in shown
    # For a program it stays what it is.
    assert person.gets("run", name, *where) == "\x9b2J \u202e"
    if where:
        assert person.does("logs", "last").stdout == "\x1b]0;owned\x07 \x9b2J\n"
        assert person.gets("result", "last") == "\x9b2J \u202e"


RICH = """
import numpy as np

def calculate(inputs):
    return {"stress": np.linspace(0, 999, 1000), "eigen": 1 - 2j, "gap": float("nan")}
"""


def test_a_result_is_for_a_person_on_a_terminal_and_json_elsewhere(person: Person) -> None:
    name = person.file(RICH)
    lines = [
        "stress  [0.0, 1.0, 2.0, ..., 997.0, 998.0, 999.0]  1000 float64",
        "eigen   1.0-2.0j",
        "gap     nan",
        "mecapy: shortened; all of it with --json, or in a pipe",
    ]
    person.does("run", name, "--remote")
    person.does("task", "create", name)
    for words in (["run", name], ["run", name, "--remote"], ["task", "run", "calc"]):
        terminal = person.at_terminal(*words)
        assert terminal.ends() == 0
        assert terminal.shown.endswith("\r\n".join(lines) + "\r\n"), words
        assert len(person.gets(*words)["stress"]["data"]) == 1000
    terminal = person.at_terminal("result", "last")
    assert terminal.ends() == 0
    assert "\r\n".join(lines) in terminal.shown
    terminal = person.at_terminal("run", name, "--json")
    assert terminal.ends() == 0
    assert '"data":[0.0,1.0,' in terminal.shown


def test_run_here_takes_json(person: Person) -> None:
    name = person.file("def calculate(inputs):\n    return {'a': 1}\n")
    assert person.gets("run", name, "--json") == {"a": 1}


@pytest.mark.parametrize("where", [[], ["--remote"]], ids=["here", "remote"])
def test_a_return_that_was_forgotten_is_told(person: Person, where: list[str]) -> None:
    done = person.does("run", person.file("def calculate(inputs):\n    1 + 1\n"), *where)
    assert done.stdout == "null\n"
    assert "mecapy: calculate returned None; is a return missing?\n" in done.stderr


def test_a_warning_names_the_file_of_its_author(person: Person) -> None:
    code = (
        "import warnings\ndef calculate(inputs):\n"
        "    warnings.warn('thin')\n    print('calc.py:1: x')\n"
    )
    done = person.does("run", person.file(code, "beam.py"))
    assert "beam.py:3: UserWarning: thin\n" in done.stderr
    assert "calc.py:1: x\n" in done.stderr  # what the author prints is his
