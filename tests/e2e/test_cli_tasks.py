"""The command line at a server: tasks."""

import re

from support.api import Api
from support.calculations import ECHO, STRESS
from support.person import Person


def test_a_task_lives_through_all_its_commands(person: Person, there: Api) -> None:
    made = person.does(
        *("task", "create", person.file(STRESS), "--name", "bolt", "-i", "force=10"),
        *("-i", "section=2", "-l", "timeout_s=9", "--tag", "a", "--tag", "b", "--cache", "60"),
        *("--description", "of steel", "--estimate", "2"),
    )
    task = made.stdout.strip()
    kept = there.read(f"/api/tasks/{task}")
    assert (kept["name"], kept["tags"], kept["cache"]) == ("bolt", ["a", "b"], {"ttl": 60})
    assert (kept["code"], kept["inputs"]) == (STRESS, {"force": 10, "section": 2})
    assert kept["limits"]["timeout_s"] == 9
    assert (kept["description"], kept["estimated_duration_s"]) == ("of steel", 2)
    assert person.gets("task", "show", "bolt", "--json") == kept
    assert person.gets("task", "list", "--json") == there.read("/api/tasks")["items"]
    [_, line] = person.does("task", "list").stdout.splitlines()
    assert line.split()[:3] == [task, "bolt", "1"]
    assert person.does("task", "show", task[:18], "--code").stdout == STRESS
    shown = person.does("task", "show", "bolt").stdout
    assert "of steel" in shown
    assert "timeout_s=9" in shown
    assert "cpu_s=0" not in shown  # no limit of its own, which is not none allowed

    assert person.gets("task", "run", "bolt") == {"stress": 5}
    again = person.does("task", "run", "bolt")
    assert "not calculated anew" in again.stderr
    assert "not calculated anew" not in person.does("task", "run", "bolt", "--fresh").stderr
    assert person.gets("task", "run", "bolt", "-i", "force=1", "-i", "section=4") == {
        "stress": 0.25
    }

    person.does("task", "update", "bolt", "-", "--cache", "0", stdin=ECHO)
    assert there.read(f"/api/tasks/{task}")["version"] == 2
    assert person.gets("task", "run", "bolt") == {"force": 10, "section": 2}
    assert person.gets("task", "run", "bolt", "--version", "1") == {"stress": 5}
    # What is typed goes over the task's own inputs, of that version.
    assert person.gets("task", "run", "bolt", "-i", "x=1") == {"force": 10, "section": 2, "x": 1}
    assert person.gets("task", "run", "bolt", "-i", "force=4", "--version", "1") == {"stress": 2}
    assert person.gets("task", "run", "bolt", "-i", "x=1", "--no-defaults") == {"x": 1}
    assert person.gets("task", "run", "bolt", "--no-defaults") == {}
    assert len(person.gets("runs", "--task", "bolt", "--json")) == 10

    assert "its runs stay" in person.does("task", "delete", "bolt").stderr
    assert person.does("task", "list").stdout == ""
    done = person.does("task", "run", "bolt", status=66)
    assert "mecapy task list shows yours" in done.stderr


def test_code_that_is_none_shows_the_authors_line(person: Person) -> None:
    code = "def calculate(inputs):\n    retrun 1\n"
    done = person.does("task", "create", person.file(code), status=65)
    assert 'File "calc.py", line 2' in done.stderr
    assert "    retrun 1\n" in done.stderr
    assert "^\n" in done.stderr
    done = person.does("task", "create", "-", stdin=ECHO, status=64)
    assert "--name" in done.stderr
    (person.home / "latin.py").write_bytes(b"# \xe9\n" + ECHO.encode())
    assert "not UTF-8" in person.does("task", "create", "latin.py", status=64).stderr


def test_an_input_that_the_task_has_not_is_told(person: Person) -> None:
    person.file("def calculate(inputs):\n    return inputs['force']\n", "bolt.py")
    person.does("task", "create", "bolt.py", "-i", "force=1000", "-i", "section=10")
    done = person.does("task", "run", "bolt", "-i", "forse=1")
    assert done.stdout == "1000\n"
    told = "task bolt has no input forse; did you mean force? (it has: force, section)"
    assert done.stderr.startswith(f"mecapy: warning: {told}\n")
    (person.home / "more.json").write_text('{"colour": "red"}')
    done = person.does("task", "run", "bolt", "-i", "@more.json")
    assert "task bolt has no input colour (it has: force, section)\n" in done.stderr
    done = person.does("task", "run", "bolt", "-i", "force=1")
    assert "warning" not in done.stderr
    # A task without inputs of its own says nothing of what it takes.
    person.does("task", "create", "bolt.py", "--name", "open")
    assert "warning" not in person.does("task", "run", "open", "-i", "force=1").stderr


def test_a_second_task_of_the_same_name_is_told(person: Person) -> None:
    person.file("def calculate(inputs):\n    return 1\n", "bolt.py")
    first = person.does("task", "create", "bolt.py")
    assert "warning" not in first.stderr
    done = person.does("task", "create", "bolt.py")
    told = "you have another task bolt; mecapy task update bolt FILE changes that one"
    assert done.stderr.startswith(f"mecapy: warning: {told}\n")
    assert "warning" not in person.does("task", "create", "bolt.py", "--name", "nut").stderr
    refused = person.does("task", "run", "bolt", status=64).stderr
    found = re.findall(r"([0-9a-f-]{8,36}) \((\d+ s ago)\)", refused)
    assert len(found) == 2, refused
    ids = [one.stdout.strip() for one in (first, done)]
    assert person.does("task", "run", ids[0]).stdout == "1\n"
    for beginning, _ in found:
        [meant] = [one for one in ids if one.startswith(beginning)]
        assert len(beginning) < len(meant)
        assert person.gets("task", "show", beginning, "--json")["id"] == meant
