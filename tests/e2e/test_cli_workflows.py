"""The command line at a server: workflows."""

import json
import math
import re
import shutil
import signal

import pytest

from support.api import Api, expect
from support.person import Person
from support.server import ROOT
from support.waiting import wait_until
from support.workflows import nodes_of, statuses

ADD = "def calculate(inputs):\n    return {'n': inputs['a'] + inputs['b']}\n"
SLOW = """
import time
import mecapy
def calculate(inputs):
    print('begun', flush=True)
    mecapy.progress(0.5, 'half \\x1b[31m')
    time.sleep(60)
    return {'n': inputs['a']}
"""
ODD = """
def calculate(inputs):
    print('looked at', inputs['a'])
    if inputs['a'] % 2:
        raise ValueError('odd \\x1b[31m')
    return {'n': inputs['a']}
"""
CHAIN = """
# Two steps; the second one takes what the first gives.
name: chain
inputs: {x: {}, y: {default: 10}}
nodes:
  first:
    task: add.py
    inputs: {a: {input: x}, b: {value: 1}}
  second:
    task: add.py
    inputs: {a: {node: first, at: /n}, b: {input: y}}
outputs:
  n: {node: second, at: /n}
"""
EXAMPLES = ("joint-workflow", "shaft-workflow")


@pytest.fixture
def chain(person: Person) -> Person:
    """Somebody with the files of a workflow in his folder."""
    person.file(ADD, "add.py")
    person.file(CHAIN, "chain.yaml")
    return person


def one_of(step: str, inputs: str = "{a: {input: x}}", more: str = "") -> str:
    """A workflow whose only node, w, is kept beside it."""
    return (
        f"inputs: {{x: {{}}}}\nnodes:\n  w: {{task: {step}, inputs: {inputs}{more}}}\n"
        "outputs: {n: {node: w}}\n"
    )


def test_a_workflow_lives_through_all_its_commands(chain: Person, there: Api) -> None:
    made = chain.does("workflow", "create", "chain.yaml", "--description", "of two")
    workflow = made.stdout.strip()
    assert "kept task chain/add, version 1\n" in made.stderr
    assert "kept workflow chain, version 1\n" in made.stderr
    kept = there.read(f"/api/workflows/{workflow}")
    assert (kept["name"], kept["description"]) == ("chain", "of two")
    assert kept["nodes"]["first"]["inputs"] == {"a": {"input": "x"}, "b": {"value": 1}}
    [task] = there.read("/api/tasks")["items"]
    assert kept["nodes"]["first"]["task"] == kept["nodes"]["second"]["task"] == task["id"]
    assert kept["nodes"]["first"]["version"] == kept["nodes"]["second"]["version"] == 1
    assert chain.gets("workflow", "show", "chain", "--json") == kept
    assert chain.gets("workflow", "list", "--json") == there.read("/api/workflows")["items"]
    [_, line] = chain.does("workflow", "list").stdout.splitlines()
    assert line.split()[:3] == [workflow, "chain", "1"]

    done = chain.does("workflow", "run", "chain", "-i", "x=1")
    assert json.loads(done.stdout) == {"n": 12}
    assert re.search(r"^✓ first   \d.* ms\n✓ second  \d", done.stderr, re.MULTILINE), done.stderr
    assert "2 of 2 nodes in" in done.stderr
    again = chain.does("workflow", "run", workflow[:20], "-i", "x=1")
    assert json.loads(again.stdout) == {"n": 12}
    assert "✓ second  reused\n" in again.stderr
    assert "2 results, of earlier runs" in again.stderr
    fresh = chain.does("workflow", "run", "chain", "-i", "x=1", "--fresh")
    assert "reused" not in fresh.stderr
    forced = chain.does("workflow", "run", "chain", "-i", "x=1", "--force", "second")
    assert "✓ first   reused\n" in forced.stderr
    assert "✓ second  reused\n" not in forced.stderr
    run = chain.gets("workflow", "run", "chain", "-i", "x=1", "--json")
    assert run["result"] == {"n": 12}
    assert run == there.read(f"/api/workflow-runs/{run['id']}/results")

    runs = chain.gets("workflow", "runs", "--workflow", "chain", "--json")
    assert runs == there.read("/api/workflow-runs")["items"]
    assert len(runs) == 5
    assert chain.gets("workflow", "runs", "--status", "failed", "--json") == []
    [_, line] = chain.does("workflow", "runs", "-n", "1").stdout.splitlines()
    assert line.split()[:3] == [run["id"], "chain", "completed"]
    assert chain.gets("workflow", "result", "last") == {"n": 12}

    assert "its runs stay" in chain.does("workflow", "delete", "chain").stderr
    assert chain.does("workflow", "list").stdout == ""
    done = chain.does("workflow", "run", "chain", "-i", "x=1", status=66)
    assert "mecapy workflow list shows yours" in done.stderr
    assert "deleted, version 1" in chain.does("workflow", "show", "last").stdout


def test_what_did_not_change_makes_no_version(chain: Person, there: Api) -> None:
    first = chain.does("workflow", "create", "chain.yaml")
    same = chain.does("workflow", "create", "chain.yaml")
    assert same.stdout == first.stdout
    assert same.stderr == "mecapy: workflow chain, version 1: unchanged\n"

    # Other code is another version of its task, and of the workflow, which says that version.
    chain.file(ADD.replace("+", "-"), "add.py")
    coded = chain.does("workflow", "create", "chain.yaml")
    assert "changed task chain/add, version 2\n" in coded.stderr
    assert "changed workflow chain, version 2\n" in coded.stderr
    assert chain.gets("workflow", "run", "chain", "-i", "x=1") == {"n": -10}
    assert chain.gets("workflow", "run", "chain", "-i", "x=1", "--version", "1") == {"n": 12}

    chain.file(CHAIN.replace("default: 10", "default: 20"), "chain.yaml")
    changed = chain.does("workflow", "create", "chain.yaml")
    assert changed.stdout == first.stdout
    assert changed.stderr == "mecapy: changed workflow chain, version 3\n"
    # Another description is no version.
    described = chain.does("workflow", "create", "chain.yaml", "--description", "other")
    assert described.stderr == "mecapy: changed workflow chain, version 3\n"
    assert there.read(f"/api/workflows/{first.stdout.strip()}")["description"] == "other"
    assert chain.gets("workflow", "run", "chain", "-i", "x=1", "--version", "2") == {"n": -10}
    # What is left out is taken away.
    chain.file(one_of("add.py", "{a: {value: 1}, b: {value: 2}}").partition("\n")[2], "chain.yaml")
    chain.does("workflow", "create", "chain.yaml")
    assert there.read(f"/api/workflows/{first.stdout.strip()}")["inputs"] == {}

    # A file is run as it stands.
    chain.file(CHAIN, "chain.yaml")
    ran = chain.does("workflow", "run", "chain.yaml", "-i", "x=2")
    assert json.loads(ran.stdout) == {"n": -9}
    assert "changed workflow chain, version 5\n" in ran.stderr
    again = chain.does("workflow", "run", "chain.yaml", "-i", "x=2")
    assert "workflow chain" not in again.stderr


def test_a_file_of_the_same_name_elsewhere_changes_no_other_workflow(
    person: Person, there: Api
) -> None:
    for folder, result in (("col_a", 1), ("col_b", 2)):
        (person.home / folder).mkdir()
        code = f"def calculate(inputs):\n    return {{'n': {result}}}\n"
        (person.home / folder / "tension.py").write_text(code)
        text = "nodes:\n  t: {task: tension.py}\noutputs: {n: {node: t, at: /n}}\n"
        (person.home / folder / "workflow.yaml").write_text(text)
    person.does("workflow", "create", "col_a/workflow.yaml")
    checked = person.does("workflow", "check", "col_b/workflow.yaml").stderr
    assert "kept task col_b/tension, version 1\n" in checked
    assert person.gets("workflow", "run", "col_b/workflow.yaml") == {"n": 2}
    assert person.gets("workflow", "run", "col_a") == {"n": 1}
    names = [task["name"] for task in there.read("/api/tasks")["items"]]
    assert sorted(names) == ["col_a/tension", "col_b/tension"]

    # What is checked, or changed by its name, is not run before the workflow is kept again.
    (person.home / "col_a" / "tension.py").write_text(code)
    assert "version 2" in person.does("workflow", "check", "col_a/workflow.yaml").stderr
    assert person.gets("workflow", "run", "col_a") == {"n": 1}
    assert person.gets("workflow", "run", "col_a/workflow.yaml") == {"n": 2}
    named = person.does("workflow", "create", "col_a/workflow.yaml", "--name", "mine").stderr
    assert "kept task mine/tension, version 1\n" in named


def test_a_version_beside_a_file_must_be_of_its_code(chain: Person, there: Api) -> None:
    def with_version(number: int) -> None:
        text = CHAIN.replace("task: add.py", f"task: add.py\n    version: {number}", 1)
        chain.file(text, "chain.yaml")

    with_version(1)
    refused = chain.does("workflow", "create", "chain.yaml", status=65).stderr
    assert "/nodes/first/version (chain.yaml, line 8): task chain/add has no version 1" in refused
    assert 'take "version" out' in refused
    assert there.read("/api/tasks")["items"] == []
    chain.file(CHAIN, "chain.yaml")
    chain.does("workflow", "create", "chain.yaml")
    with_version(1)
    assert "unchanged" in chain.does("workflow", "create", "chain.yaml").stderr
    chain.file(ADD.replace("+", "-"), "add.py")
    for command in ("check", "create"):
        refused = chain.does("workflow", command, "chain.yaml", status=65).stderr
        assert "add.py is not the code of version 1 of task chain/add" in refused
        assert "/nodes/first/version (chain.yaml, line 8)" in refused
    assert [task["version"] for task in there.read("/api/tasks")["items"]] == [1]
    with_version(7)
    refused = chain.does("workflow", "create", "chain.yaml", status=65).stderr
    assert "task chain/add has no version 7: its latest is 1\n" in refused
    [task] = there.read("/api/tasks")["items"]
    for word in ("chain/add", task["id"]):
        text = CHAIN.replace("task: add.py", f"task: {word}\n    version: 7", 1)
        chain.file(text, "chain.yaml")
        refused = chain.does("workflow", "check", "chain.yaml", status=65).stderr
        assert "task chain/add has no version 7: its latest is 1\n" in refused


def test_of_tasks_of_one_name_the_one_changed_last_is_meant(chain: Person, there: Api) -> None:
    first = there.create(ADD.replace("+", "*"), name="chain/add")
    there.create(ADD.replace("+", "**"), name="chain/add")
    expect(there.http.patch(f"/api/tasks/{first['id']}", json={"description": "of late"}), 200)
    told = chain.does("workflow", "create", "chain.yaml").stderr
    assert "changed task chain/add, version 2\n" in told
    [kept] = there.read("/api/workflows")["items"]
    nodes = there.read(f"/api/workflows/{kept['id']}")["nodes"]
    assert nodes["first"]["task"] == first["id"]

    # Of workflows none is: what to do is said.
    again = chain.gets("workflow", "show", "chain.yaml", "--json") | {"nodes": nodes}
    expect(there.post("/api/workflows", again), 201)
    refused = chain.does("workflow", "create", "chain.yaml", status=64).stderr
    assert "you have several workflows named chain: " in refused
    assert "--name NAME" in refused
    deleted = re.search(r"mecapy (workflow delete \S+)", refused)
    assert deleted
    chain.does(*deleted[1].split())
    chain.does("workflow", "create", "chain.yaml")


def test_tasks_are_named_by_ids_names_and_files(chain: Person, there: Api) -> None:
    add = there.create(ADD, name="plus")
    folder = chain.home / "steps"
    folder.mkdir()
    (folder / "w.py").write_text(ADD)
    nodes = {
        "by_id": {"task": add["id"], "inputs": {"a": {"value": 1}, "b": {"value": 2}}},
        "by_name": {
            "task": "plus",
            "inputs": {"a": {"node": "by_id", "at": "/n"}, "b": {"value": 2}},
        },
        "by_file": {"task": "steps/w.py", "inputs": {"a": {"value": 1}, "b": {"value": 9}}},
    }
    outputs = {"n": {"node": "by_name", "at": "/n"}, "m": {"node": "by_file", "at": "/n"}}
    chain.file(json.dumps({"nodes": nodes, "outputs": outputs}), "w.json")
    assert chain.gets("workflow", "run", "w.json") == {"n": 5, "m": 10}

    # All words that mean nothing are told, with their places, and nothing is kept.
    other = there.create(ADD, name="plus")
    chain.file(
        "nodes:\n  a: {task: plus}\n  b: {task: plas}\n  c: {task: none.py}\n"
        "  d: {task: ../d.py}\n  e: {task: new.py}\noutputs: {}\n",
        "bad.yml",
    )
    chain.file(ADD, "new.py")
    refused = chain.does("workflow", "create", "bad.yml", status=65).stderr
    assert "/nodes/a/task (bad.yml, line 2): " in refused
    found = re.findall(r"([0-9a-f-]{8,36}) \(\d+ s ago\)", refused)
    ids = [add["id"], other["id"]]
    assert sorted(one for one in ids for begin in found if one.startswith(begin)) == sorted(ids)
    assert (
        '/nodes/b/task (bad.yml, line 3): you have no task "plas"; did you mean "plus"?\n'
        in refused
    )
    assert "/nodes/c/task (bad.yml, line 4): cannot read none.py" in refused
    assert '/nodes/d/task (bad.yml, line 5): "../d.py" is not below the folder' in refused
    assert "/nodes/e" not in refused
    assert "new" not in [one["name"] for one in there.read("/api/tasks")["items"]]


def test_what_is_wrong_is_told_with_its_place(chain: Person, there: Api) -> None:
    bad = CHAIN.replace("at: /n}, b", "at: /m}, b").replace("{input: y}", "{input: z}")
    chain.file(bad, "bad.yaml")
    for command in ("check", "create", "run"):
        refused = chain.does("workflow", command, "bad.yaml", status=65).stderr
        assert "  /nodes/second/inputs/b (bad.yaml, line 11): " in refused, refused
    assert there.read("/api/workflows")["items"] == []

    broken = "def calculate(inputs):\n    retrun 1\n"
    chain.file(broken, "add.py")
    refused = chain.does("workflow", "check", "chain.yaml", status=65).stderr
    assert 'File "add.py", line 2' in refused
    assert "    retrun 1\n" in refused

    for name, text, told in (
        ("a.yaml", "a: 1\na: 2", "a.yaml, line 2, column 1: the key a is given twice"),
        ("a.yaml", "[1]", "a.yaml: "),
        ("a.json", '{"a": 1,\n}', "a.json: "),
        ("a.yml", "a: *b", "line 1, column 4"),
        ("a.yml", CHAIN.replace("task: add", "task:add", 1), "line 7: a space is missing"),
    ):
        chain.file(text, name)
        for command in ("check", "create", "run", "show"):
            assert told in chain.does("workflow", command, name, status=65).stderr
    chain.file(ADD, "add.py")
    chain.file(CHAIN.replace("{value: 1}", "0.85"), "a.yaml")
    refused = chain.does("workflow", "check", "a.yaml", status=65).stderr
    assert "/nodes/first/inputs/b (a.yaml, line 8): write {value: 0.85}\n" in refused
    assert "cannot read" in chain.does("workflow", "check", "none.yaml", status=66).stderr


def test_a_check_tells_what_a_run_would_do_and_keeps_no_workflow(chain: Person, there: Api) -> None:
    done = chain.does("workflow", "check", "chain.yaml")
    assert "order     first, second\n" in done.stdout
    checked = chain.gets("workflow", "check", "chain.yaml", "--json")
    assert (checked["nodes"], checked["order"]) == (2, ["first", "second"])
    assert there.read("/api/workflows")["items"] == []
    assert len(there.read("/api/tasks")["items"]) == 1
    assert "as create does" in chain.does("workflow", "--help").stdout


def test_inputs_that_the_workflow_has_not_are_told(chain: Person) -> None:
    chain.does("workflow", "create", "chain.yaml")
    refused = chain.does("workflow", "run", "chain", "-i", "z=1", status=65).stderr
    assert "  /inputs/x: is required" in refused
    assert "  /inputs/z: " in refused
    assert (
        "--version" in chain.does("workflow", "resume", "last", "--version", "a", status=64).stderr
    )


def test_a_failed_workflow_tells_why_and_is_resumed(person: Person, there: Api) -> None:
    person.file(ODD, "odd.py")
    person.file(ADD, "add.py")
    person.file(
        "inputs: {x: {}}\nnodes:\n  sum: {task: add.py, inputs: {a: {input: x}, b: {value: 1}}}\n"
        "  odd: {task: odd.py, inputs: {a: {node: sum, at: /n}}}\n"
        "outputs: {n: {node: odd, at: /n}}\n",
        "w.yaml",
    )
    failed = person.does("workflow", "run", "w.yaml", "-i", "x=2", status=11)
    run = there.read("/api/workflow-runs")["items"][0]["id"]
    assert failed.stdout == ""
    assert "✗ odd  user_error, " in failed.stderr
    assert "mecapy: node odd failed\n" in failed.stderr
    assert "user_error (line 5): ValueError: odd \\x1b[31m\n" in failed.stderr
    assert "\x1b" not in failed.stderr
    told = re.search(r"mecapy logs (\S+) shows", failed.stderr)
    assert told
    assert person.does("logs", told[1]).stdout == "looked at 3\n"
    mend = f"mend odd.py; mecapy workflow create w.yaml; mecapy workflow resume {run}"
    assert f"  -> {mend} --version odd=latest\n" in failed.stderr
    by_name = person.does("workflow", "run", "w", "-i", "x=2", status=11).stderr
    assert "mecapy workflow create FILE.yaml, or mecapy task update TASK FILE.py" in by_name
    person.does("workflow", "delete", "w")
    there_is = person.does("workflow", "result", run, status=11).stderr
    assert f"mecapy workflow resume {run} --version odd=latest\n" in there_is
    shown = person.does("workflow", "show", "last").stdout
    assert "odd: user_error: ValueError: odd" in shown
    assert "✗ odd" in shown
    assert person.does("workflow", "result", "last", status=11).stdout == ""

    same = person.does("workflow", "resume", run, status=11)
    assert "✓ sum" not in same.stderr  # it had ended before
    assert "2 of 2 nodes\n" in same.stderr  # nobody knows for how long it was not under way
    assert "warning" not in same.stderr
    same = person.does("workflow", "resume", run, "--version", "odd=latest", status=11)
    assert "warning: node odd has failed with version 1 of its task: the code is" in same.stderr
    person.file(ODD.replace("% 2", "% 1"), "odd.py")
    person.does("workflow", "create", "w.yaml")
    done = person.does("workflow", "resume", run, "--version", "odd=latest")
    assert json.loads(done.stdout) == {"n": 3}
    listed = person.does("workflow", "runs").stdout.splitlines()
    [line] = [line for line in listed if line.startswith(run)]
    assert line.endswith("  -")  # for how long it was under way nobody tells
    assert "took" not in person.does("workflow", "show", run).stdout
    nodes = nodes_of(there.read(f"/api/workflow-runs/{run}"))
    assert (nodes["sum"]["version"], nodes["odd"]["version"]) == (1, 2)
    refused = person.does("workflow", "resume", run, status=65)
    assert "can be resumed" in refused.stderr

    person.file(ODD, "odd.py")
    json_of = person.does("workflow", "run", "w.yaml", "-i", "x=4", "--json", status=11)
    assert json.loads(json_of.stdout)["error"]["node"] == "odd"
    numbers = person.does(
        *("workflow", "resume", "last", "--version", "odd=2", "--force", "sum", "--detach"),
    )
    assert numbers.stdout.strip() == json.loads(json_of.stdout)["id"]
    refused = person.does("workflow", "resume", run, "--version", "nobody=1", status=65)


def test_what_a_node_needs_and_is_not_there_is_the_callers_fault(person: Person) -> None:
    person.file("def calculate(inputs):\n    return inputs['a']\n", "same.py")
    person.file(one_of("same.py", "{a: {input: x, at: /deep}}"), "w.yaml")
    failed = person.does("workflow", "run", "w.yaml", "-i", "x=2", status=65)
    assert "node w failed: invalid_inputs: " in failed.stderr
    assert "run it again: mecapy workflow run w.yaml ...; what is unchanged" in failed.stderr
    assert "workflow resume" not in failed.stderr


def test_a_node_that_failed_and_is_skipped_is_told(person: Person) -> None:
    person.file(ODD, "odd.py")
    for more, told in (
        (", on_error: skip", "and is skipped"),
        (", on_error: default, default: 7", ", and its default stands in"),
    ):
        person.file(one_of("odd.py", more=more), "w.yaml")
        done = person.does("workflow", "run", "w.yaml", "-i", "x=3").stderr
        warning = f"warning: node w failed {told}".replace("failed ,", "failed,")
        assert f"mecapy: {warning}: user_error: ValueError: odd" in done
        assert "\x1b" not in done


WRITES = """
import mecapy
def calculate(inputs):
    print('of', inputs['a'])
    mecapy.progress(0.5, 'half \\x1b[31m')
    print('no end', end='')
    return {'n': inputs['a'] + 1}
"""


def test_what_nodes_write_is_told_with_their_names(person: Person, there: Api) -> None:
    person.file(WRITES, "writes.py")
    node = "{task: writes.py, inputs: {a: {%s}}}"
    person.file(
        "inputs: {x: {}}\nnodes:\n"
        f"  one: {node % 'input: x'}\n  two: {node % 'node: one, at: /n'}\n"
        "outputs: {n: {node: two, at: /n}}\n",
        "w.yaml",
    )
    done = person.does("workflow", "run", "w.yaml", "-i", "x=1")
    assert json.loads(done.stdout) == {"n": 3}
    told = done.stderr[done.stderr.index("one | ") :].splitlines()
    assert [told[0], told[1], told[3], told[4]] == [
        "one | of 1",
        "one | no end",
        "two | of 2",
        "two | no end",
    ]
    assert told[2].split()[1] == "one"
    again = person.does("workflow", "run", "w.yaml", "-i", "x=1").stderr
    assert " | " not in again, "an earlier run answered"


def test_elements_are_counted_and_those_that_fail_are_told(person: Person) -> None:
    person.file(ODD, "odd.py")
    person.file(
        one_of("odd.py", '{a: {element: ""}}', ", for_each: {input: x}, on_error: skip"), "w.yaml"
    )
    done = person.does("workflow", "run", "w.yaml", "-i", "x=[2,3,4]")
    assert json.loads(done.stdout) == {"n": [{"n": 2}, {"n": 4}]}
    assert "! w  3/3, 1 failed, " in done.stderr
    assert "warning: 1 of 3 elements of w failed\n" in done.stderr
    command = re.search(r"  -> mecapy (workflow show \S+ --node w) tells which", done.stderr)
    assert command
    assert "! w  3/3, 1 failed" in person.does("workflow", "show", "last").stdout
    svg = person.does("workflow", "show", "last", "--svg").stdout
    assert "1 partial" in svg
    assert 'class="completed"' not in svg

    shown = person.does(*command[1].split())
    assert [line.split()[0] for line in shown.stdout.splitlines()] == ["ELEMENT", "1", "0", "2"]
    assert "failed: user_error  ValueError: odd \\x1b[31m\n" in shown.stdout
    assert shown.stderr == ""
    two = person.does("workflow", "show", "last", "--node", "w", "-n", "2")
    assert len(two.stdout.splitlines()) == 3
    assert "mecapy: 2 of 3, those that failed first; -n 0 shows all\n" in two.stderr
    items = person.gets("workflow", "show", "last", "--node", "w", "--json")
    assert [item["element"] for item in items] == [1, 0, 2]
    assert items[0]["error"]["code"] == "user_error"
    again = person.does("workflow", "run", "w.yaml", "-i", "x=[4,2]", "--detach").stdout.strip()
    person.does("workflow", "result", again)
    assert "reused, of run " in person.does("workflow", "show", again, "--node", "w").stdout

    refused = person.does("workflow", "show", "last", "--node", "W", status=65).stderr
    assert 'the workflow has no node "W"; did you mean "w"?' in refused
    person.does("workflow", "show", "w.yaml", "--node", "w", status=64)
    person.does("workflow", "show", "last", "--node", "w", "--svg", status=64)


def test_a_list_that_fails_is_told_as_it_ended(person: Person) -> None:
    person.file(ODD, "odd.py")
    person.file(one_of("odd.py", '{a: {element: ""}}', ", for_each: {input: x}"), "w.yaml")
    failed = person.does("workflow", "run", "w.yaml", "-i", "x=[1,3,2,4]", status=11).stderr
    [line] = [one for one in failed.splitlines() if one.startswith("✗ w ")]
    shown = person.does("workflow", "show", "last").stdout
    counts = re.search(r"✗ w  (\d/4, \d failed)", shown)
    assert counts
    assert counts[1] in line
    assert f"warning: {counts[1][5]} of 4 elements of w failed" in failed


def test_a_detached_workflow_is_shown_watched_and_cancelled(person: Person, there: Api) -> None:
    person.file(SLOW, "slow.py")
    person.file(one_of("slow.py"), "w.yaml")
    run = person.does("workflow", "run", "w.yaml", "-i", "x=1", "--detach").stdout.strip()
    shown = person.does("workflow", "show", run[:20]).stdout
    assert "status        running\n" in shown
    assert there.read(f"/api/workflow-runs/{run}")["status"] == "running"
    watching = person.begins("workflow", "result", run)
    assert "is cancelled" in person.does("workflow", "cancel", "last").stderr
    _, told = watching.communicate(timeout=20)
    assert watching.returncode == 130
    assert "the workflow was cancelled" in told
    assert person.does("workflow", "cancel", run, status=65).stdout == ""
    accepted = person.gets("workflow", "run", "w", "-i", "x=1", "--detach", "--json")
    person.does("workflow", "cancel", accepted["workflow_run_id"])


def test_ctrl_c_asks_and_yes_cancels(person: Person, there: Api) -> None:
    person.file(SLOW, "slow.py")
    person.file(one_of("slow.py"), "w.yaml")
    terminal = person.at_terminal("workflow", "run", "w.yaml", "-i", "x=1")
    terminal.expect("w | begun")
    terminal.expect("0/1 nodes, w 50% half \\x1b[31m")
    terminal.types("\x03")
    terminal.expect("Cancel the workflow? [y/N] ")
    terminal.types("n\n")
    terminal.expect("0/1 nodes, w 50% half")
    terminal.types("\x03")
    terminal.expect("Cancel the workflow? [y/N] ")
    terminal.types("y\n")
    assert terminal.ends() == 130
    assert "the workflow was cancelled" in terminal.shown
    [run] = there.read("/api/workflow-runs")["items"]
    assert run["status"] == "cancelled"
    assert set(statuses(there.read(f"/api/workflow-runs/{run['id']}")).values()) <= {
        "waiting",
        "failed",
    }


def test_without_a_terminal_a_signal_cancels(person: Person, there: Api) -> None:
    person.file(SLOW, "slow.py")
    person.file(one_of("slow.py"), "w.yaml")
    process = person.begins("workflow", "run", "w.yaml", "-i", "x=1")
    assert process.stderr is not None
    assert any("kept workflow" in line for line in iter(process.stderr.readline, ""))
    wait_until("the node runs", lambda: bool(there.read("/api/runs")["items"]))
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert there.read("/api/workflow-runs")["items"][0]["status"] == "cancelled"


def test_a_graph_is_drawn_written_and_kept(chain: Person) -> None:
    shown = chain.does("workflow", "show", "chain.yaml").stdout
    assert "│ first │" in shown
    assert "inputs   x, y\n" in shown
    assert "\x1b" not in shown
    chain.does("workflow", "create", "chain.yaml")
    svg = chain.does("workflow", "show", "chain", "--svg").stdout
    assert svg.startswith("<svg")
    assert chain.does("workflow", "show", "chain.yaml", "--svg", "-").stdout == svg
    assert "kept g.svg" in chain.does("workflow", "show", "chain", "--svg", "g.svg").stderr
    assert (chain.home / "g.svg").read_text() == svg
    assert "already there" in chain.does("workflow", "show", "chain", "--svg", "g.svg").stderr
    chain.file("mine", "g.svg")
    refused = chain.does("workflow", "show", "chain", "--svg", "g.svg", status=65)
    assert "--force replaces it" in refused.stderr
    assert (chain.home / "g.svg").read_text() == "mine"
    chain.does("workflow", "show", "chain", "--force", "--svg", "g.svg")
    assert (chain.home / "g.svg").read_text() == svg
    (chain.home / "link.svg").symlink_to("g.svg")
    chain.does("workflow", "show", "chain", "--force", "--svg", "link.svg", status=65)
    mermaid = chain.does("workflow", "show", "chain", "--mermaid").stdout
    assert mermaid.startswith("flowchart TD\n")
    chain.does("workflow", "show", "chain", "--mermaid", "--svg", status=64)
    asked = chain.gets("workflow", "show", "chain.yaml", "--json")
    assert asked["nodes"]["first"]["task"] == "add.py"
    chain.does("workflow", "run", "chain", "-i", "x=1")
    terminal = chain.at_terminal("workflow", "show", "last")
    assert terminal.ends() == 0
    assert "\x1b[32m" in terminal.shown
    assert "✓" in terminal.shown
    for word, told in (
        ("nobody", 'you have no workflow "nobody"\n'),
        ("abcdef", "names no workflow and no run of one"),
        ("chian", 'you have no workflow "chian"; did you mean "chain"?'),
    ):
        assert told in chain.does("workflow", "show", word, status=66).stderr
    assert 'mean "chain"?' in chain.does("workflow", "run", "chian", status=66).stderr
    for command in (
        ("run", "chain", "-i", "x=1"),
        ("run", "chain.yaml", "-i", "x=1"),
        ("show", "chain"),
    ):
        missed = chain.does("workflow", *command, "--version", "9", status=66).stderr
        assert "workflow chain has no version 9: its latest is 1\n" in missed


def test_names_of_strangers_have_no_power(chain: Person, there: Api) -> None:
    evil = "\x1b]0;owned\x07\u202e"
    chain.does("workflow", "create", "chain.yaml", "--name", evil, "--description", evil)
    for command in (
        ("list",),
        ("show", evil),
        ("run", evil, "-i", "x=1"),
        ("runs",),
        ("show", "last"),
    ):
        terminal = chain.at_terminal("workflow", *command)
        assert terminal.ends() == 0
        assert "\x1b]" not in terminal.shown
        assert "\x07" not in terminal.shown
        assert "\u202e" not in terminal.shown
    assert there.read("/api/workflows")["items"][0]["name"] == evil


def at_pointer(value: object, pointer: str) -> object:
    """What an RFC 6901 pointer points to."""
    for part in pointer.split("/")[1:]:
        value = value[int(part)] if isinstance(value, list) else value[part]  # type: ignore[index]
    return value


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_give_what_their_sources_publish(
    person: Person, there: Api, name: str
) -> None:
    shutil.copytree(ROOT / "examples" / name, person.home / name)
    made = person.does("workflow", "create", f"{name}/workflow.yaml")
    assert f"kept workflow {name}, version 1\n" in made.stderr
    result = person.gets("workflow", "run", name, "-i", f"@{name}/inputs.json")
    expected = json.loads((ROOT / "examples" / name / "expected.json").read_text())
    for check in expected["checks"]:
        found, value = at_pointer(result, check["pointer"]), check["value"]
        if isinstance(value, bool | str | list):
            assert found == value, check
        else:
            assert isinstance(found, int | float)
            near = {"rel_tol": check.get("rel_tol", 0.0), "abs_tol": check.get("abs_tol", 0.0)}
            assert math.isclose(found, value, **near), check
    assert there.read("/api/workflow-runs")["items"][0]["status"] == "completed"
