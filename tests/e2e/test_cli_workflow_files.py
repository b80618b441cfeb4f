"""The command line at a server: what the nodes of a workflow leave, and how long one waits."""

import json

from support.api import Api
from support.person import Person
from support.waiting import wait_until

LEAVES = """
def calculate(inputs):
    a = inputs['a']
    if a % 2 == 0:
        with open(f'of {a}.txt', 'w') as file:
            file.write(str(a))
    return {'n': a + 1}
"""
SLEEPS = "a = inputs['a']\n    if a == 1:\n        import time\n        time.sleep(60)"
FILES = """
inputs: {x: {}, list: {}}
nodes:
  one: {task: leaves.py, inputs: {a: {input: x}}}
  none: {task: leaves.py, inputs: {a: {value: 1}}}
  each: {task: leaves.py, inputs: {a: {element: ""}}, for_each: {input: list}}
outputs: {n: {node: none, at: /n}, m: {node: one, at: /n}, all: {node: each, at: /n}}
"""
INPUTS = ("-i", "x=4", "-i", "list=[6,7,8]")
SLOW = "import time\ndef calculate(inputs):\n    time.sleep(60)\n"


def kept(person: Person, folder: str) -> dict[str, str]:
    """The files below a folder, with what is in them."""
    top = person.home / folder
    return {str(one.relative_to(top)): one.read_text() for one in top.rglob("*.txt")}


def test_files_of_nodes_are_kept_in_folders_of_their_names(person: Person, there: Api) -> None:
    person.file(LEAVES, "leaves.py")
    person.file(FILES, "files.yaml")
    wanted = {"one/of 4.txt": "4", "each/0/of 6.txt": "6", "each/2/of 8.txt": "8"}
    done = person.does("workflow", "run", "files.yaml", *INPUTS, "-o", "new")
    assert json.loads(done.stdout) == {"n": 2, "m": 5, "all": [7, 8, 9]}
    assert "mecapy: kept new/one/of 4.txt\n" in done.stderr
    assert kept(person, "new") == wanted
    assert not (person.home / "new" / "none").exists()

    # Not asked for: told how; and what an earlier run left belongs to what it answers.
    again = person.does("workflow", "run", "files", *INPUTS)
    run = person.gets("workflow", "runs", "--json")[0]["id"]
    command = f"mecapy workflow result {run} -o FOLDER keeps them"
    assert f"its nodes left files: {command}\n" in again.stderr
    told = person.does("workflow", "result", "last", "-o", "old").stderr
    assert "left files" not in told
    assert kept(person, "old") == wanted
    assert "already there: old/one/of 4.txt" in (
        person.does("workflow", "result", "last", "-o", "old").stderr
    )
    nothing = person.does("workflow", "run", "files", "-i", "x=5", "-i", "list=[7]")
    assert "left files" not in nothing.stderr


def test_a_folder_that_cannot_be_is_refused_before_anything_runs(person: Person) -> None:
    person.file(LEAVES, "leaves.py")
    person.file(FILES, "files.yaml")
    refused = person.does("workflow", "run", "files.yaml", *INPUTS, "-o", "leaves.py", status=64)
    assert "leaves.py is a file, not a folder" in refused.stderr
    assert "kept" not in refused.stderr
    detached = person.does("workflow", "run", "files.yaml", "-o", "x", "--detach", status=64)
    assert "--output excludes --detach" in detached.stderr


def test_what_a_cancelled_list_completed_is_kept_and_what_was_there_is_told(
    person: Person, there: Api
) -> None:
    person.file(LEAVES.replace("a = inputs['a']", SLEEPS), "leaves.py")
    person.file(
        "nodes:\n  w: {task: leaves.py, inputs: {a: {element: ''}}, for_each: {value: [2, 4, 1]}}\n"
        "outputs: {n: {node: w}}\n",
        "w.yaml",
    )
    run = person.does("workflow", "run", "w.yaml", "--detach").stdout.strip()

    def two_ended() -> bool:
        runs = there.read(f"/api/workflow-runs/{run}/nodes/w")["items"]
        return [one["status"] for one in runs] == ["completed", "completed", "running"]

    wait_until("two have ended", two_ended)
    person.does("workflow", "cancel", run)
    (person.home / "mine").mkdir()
    person.file("old", "mine/of 9.txt")
    told = person.does("workflow", "result", run, "-o", "mine", status=130).stderr
    assert kept(person, "mine") == {"of 9.txt": "old", "w/0/of 2.txt": "2", "w/1/of 4.txt": "4"}
    assert "warning: mine is not empty: what is not named below is not of this run\n" in told


def test_a_limit_that_the_node_has_itself_is_raised_in_the_workflow(person: Person) -> None:
    person.file("import time\ndef calculate(inputs):\n    time.sleep(60)\n", "slow.py")
    definition = "nodes: {w: {task: slow.py%s}}\noutputs: {n: {node: w}}\n"
    person.file(definition % ", limits: {timeout_s: 0.2}", "own.yaml")
    told = person.does("workflow", "run", "own.yaml", status=20).stderr
    assert "the limit is the node's own (timeout_s in the workflow): raise it there" in told
    assert "task update" not in told
    assert "workflow resume" not in told


def test_a_result_is_waited_for_no_longer_than_asked(person: Person) -> None:
    person.file(SLOW, "slow.py")
    person.file("nodes: {w: {task: slow.py}}\noutputs: {n: {node: w}}\n", "slow.yaml")
    run = person.does("workflow", "run", "slow.yaml", "--detach").stdout.strip()
    for seconds in ("-1", "nan", "soon"):
        person.does("workflow", "result", run, "--timeout", seconds, status=64)
    for seconds in ("0", "0.2"):
        late = person.does("workflow", "result", run, "--timeout", seconds, status=75)
        assert f"has not ended yet; mecapy workflow show {run}" in late.stderr
        assert late.stdout == ""
    person.does("workflow", "cancel", run)
    person.does("workflow", "result", run, "--timeout", "20", status=130)
