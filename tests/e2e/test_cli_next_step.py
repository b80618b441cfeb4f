"""What goes wrong before, or beside, a run: the error says what to do next."""

from pathlib import Path

import pytest

from support.person import Person
from support.server import Server

ECHO = "def calculate(inputs):\n    open('a.txt', 'w').write('1')\n    return inputs\n"


@pytest.fixture
def person(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Person:
    """A user of the shared server who has a token in the environment, and nobody's runs."""
    name = "cli-" + "".join(c for c in request.node.name[:50] if c.isalnum())
    return Person(tmp_path, server.url, server.add_user(name))


@pytest.mark.parametrize(
    ("words", "next_step"),
    [
        (["bolt.py", "-i", "@input.json"], "; did you mean inputs.json?"),
        (["bolt.py", "-i", "inputs.json"], "; did you mean -i @inputs.json?"),
        (["bolt.py", "-i", "force"], "; the value is missing: -i force=VALUE"),
        (["bolt.py", "-i", "=3"], "; the name is missing: -i NAME=3"),
        (["bolt.py", "-i", "a=1", "-i", "a=2"], "the input a is given twice: 1 and 2"),
        (["bolt.py", "-i", "@bad.json"], "in line 2, column 9"),
    ],
    ids=lambda x: x if isinstance(x, str) else " ".join(x),
)
@pytest.mark.parametrize("where", [[], ["--remote"]], ids=["here", "there"])
def test_of_a_mistyped_word(
    person: Person, words: list[str], next_step: str, where: list[str]
) -> None:
    (person.home / "bolt.py").write_text(ECHO)
    (person.home / "inputs.json").write_text("{}")
    (person.home / "bad.json").write_text('{"a": 1,\n "b": 2 3}')
    assert next_step in person.does("run", *words, *where, status=64).stderr


@pytest.mark.parametrize("where", [[], ["--remote"]], ids=["here", "there"])
def test_of_a_file_that_is_nowhere(person: Person, where: list[str]) -> None:
    done = person.does("run", "absent.py", *where, status=66)
    told = f"cannot read absent.py: No such file or directory; this folder is {person.home}"
    assert told in done.stderr
    (person.home / "bolt.py").write_text(ECHO)
    done = person.does("run", "blot.py", *where, status=66)
    assert "cannot read blot.py: No such file or directory; did you mean bolt.py?" in done.stderr


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def calculte(inputs):\n    return 1\n", "; it has calculte"),
        ("def calc(inputs):\n    return 1\n", "; it has calc"),
        ("import math\ndef stress(inputs):\n    return 1\n", "; it has stress"),
        ("def f(x):\n    return 1\ndef g(x):\n    return 2\n", ""),
        ("x = 1\n", ""),
    ],
    ids=["near", "calc", "only", "two", "none"],
)
@pytest.mark.parametrize("where", [[], ["--remote"]], ids=["here", "there"])
def test_of_a_mistyped_calculate(person: Person, code: str, told: str, where: list[str]) -> None:
    for more in ("", "globals()\n"):  # which is seen before anything runs, and after
        (person.home / "bolt.py").write_text(more + code)
        done = person.does("run", "bolt.py", *where, status=10)
        assert f"the code has no function calculate(inputs){told}\n" in done.stderr


@pytest.mark.parametrize("where", [[], ["--remote"]], ids=["here", "there"])
def test_of_an_error_of_syntax(person: Person, where: list[str]) -> None:
    (person.home / "bolt.py").write_text("def calculate(inputs):\n    x = {'a': 1\n")
    done = person.does("run", "bolt.py", *where, status=10)
    shown = "  File \"bolt.py\", line 2\n    x = {'a': 1\n        ^\n"
    told = "mecapy: invalid_code (line 2): SyntaxError: '{' was never closed\n"
    assert shown in done.stderr
    assert done.stderr.endswith(told)


def test_of_a_limit_over_its_ceiling(person: Person) -> None:
    (person.home / "bolt.py").write_text(ECHO)
    done = person.does("run", "bolt.py", "-l", "cpus=1000", "--remote", status=65)
    assert f"-> {person.settings['MECAPY_URL']}/docs/contract shows the ceilings" in done.stderr
    done = person.does("run", "bolt.py", "-l", "cpus=1000", status=65)
    assert "-> mecapy config shows the ceilings; MECAPY_LIMITS_MAX_CPUS=N" in done.stderr
    for where in ([], ["--remote"]):
        done = person.does("run", "bolt.py", "-l", "cpus=-1", *where, status=65)
        assert "->" not in done.stderr


def test_of_settings_that_were_not_read(person: Person) -> None:
    (person.home / "bolt.py").write_text(ECHO)
    wants = ("run", "bolt.py", "-l", "memory_mb=4096")
    hint = "; ./mecapy.toml was not read: --config mecapy.toml takes it\n"
    assert "./mecapy.toml" not in person.does(*wants, status=65).stderr
    (person.home / "mecapy.toml").write_text("[limits]\nmax_memory_mb = 4096\n")
    assert person.does(*wants, status=65).stderr.endswith(hint)
    (person.home / "big.py").write_text(BIG)
    done = person.does("run", "big.py", "-l", "memory_mb=64", status=21)
    assert done.stderr.endswith(f"MECAPY_LIMITS_MAX_MEMORY_MB=N raises it{hint}")
    person.does(*wants, "--config", "mecapy.toml")
    done = person.does(*wants[:-1], "memory_mb=8192", "--config", "mecapy.toml", status=65)
    assert "->" in done.stderr
    assert "./mecapy.toml" not in done.stderr


def test_of_a_file_that_the_run_has_not(person: Person) -> None:
    (person.home / "bolt.py").write_text(ECHO)
    person.does("run", "bolt.py", "--remote")
    done = person.does("download", "last", "three", status=66)
    assert "it has a.txt" in done.stderr
    assert "-> mecapy runs RUN shows the files of a run" in done.stderr


@pytest.mark.parametrize(
    "words", [["show"], ["run"], ["run", "-i", "x=1"], ["estimate"]], ids=" ".join
)
def test_of_a_version_that_a_task_has_not(person: Person, words: list[str]) -> None:
    (person.home / "bolt.py").write_text(ECHO)
    person.does("task", "create", "bolt.py")
    done = person.does("task", words[0], "bolt", *words[1:], "--version", "9", status=66)
    told = "mecapy: this task has no version 9; its latest is 1"
    assert done.stderr.splitlines() == [told, "  -> mecapy task show bolt shows the latest"]
    done = person.does("task", words[0], "blot", "--version", "9", status=66)
    assert done.stderr.endswith("-> mecapy task list shows yours\n")


@pytest.mark.parametrize(
    "words",
    [["task", "run"], ["task", "show"], ["task", "update"], ["task", "delete"], ["runs", "--task"]],
    ids=" ".join,
)
def test_of_a_name_that_two_tasks_have(person: Person, words: list[str]) -> None:
    (person.home / "bolt.py").write_text(ECHO)
    for _ in range(2):
        person.does("task", "create", "bolt.py")
    change = ["--name", "nut"] if "update" in words else []
    told = person.does(*words, "bolt", *change, status=64).stderr.splitlines()[-1]
    before, _, command = told.partition("; give an id: ")
    assert before.startswith('mecapy: "bolt" names several of your tasks: ')
    assert command.split()[:-1] == ["mecapy", *words]
    person.does(*command.split()[1:], *change)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["runs", "--status", "done"], "--status: must be queued, "),
        (["costs", "--from", "tomorrow"], "--from: must be "),
        (["costs", "--from", "2026-02-01", "--to", "2026-01-01"], "--to: "),
    ],
    ids=lambda x: x[1] if isinstance(x, list) else "",
)
def test_of_an_option_that_the_server_refuses(person: Person, words: list[str], told: str) -> None:
    first, second = person.does(*words, status=65).stderr.splitlines()
    assert first == "mecapy: some options are wrong"
    assert second.startswith(f"  {told}")


LIMITS = (
    "timeout_s, cpu_s, memory_mb, cpus, disk_mb, log_kb, result_mb, artifacts_mb, checkpoint_mb,"
    " processes, gpus"
)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("timeout_s", "the value is missing: -l timeout_s=SECONDS"),
        ("processes", "the value is missing: -l processes=N"),
        ("timeout=3", f'unknown limit "timeout=3"; did you mean timeout_s? (there are: {LIMITS})'),
        ("colour=3", f'unknown limit "colour=3" (there are: {LIMITS})'),
    ],
    ids=lambda x: x.split("=")[0],
)
def test_of_a_mistyped_limit(person: Person, word: str, told: str) -> None:
    (person.home / "bolt.py").write_text(ECHO)
    done = person.does("run", "bolt.py", "-l", word, status=64)
    assert done.stderr == f"mecapy: {told}\n"


def test_the_help_names_every_limit(person: Person) -> None:
    assert LIMITS in person.does("run", "--help").stdout


@pytest.mark.parametrize(
    ("code", "inputs", "advice"),
    [
        (
            "inputs['length']",
            ["-i", "lenght=2", "-i", "force=1"],
            "the code asks for length; did you mean -i length=...? inputs given: lenght, force",
        ),
        ("inputs['length']", ["-i", "b=1"], "the code asks for length; inputs given: b"),
        ("inputs['length']", [], "no inputs were given: -i length=VALUE gives this one"),
        (
            "inputs['length']['x']",
            ["-i", 'length={"y": 1}'],
            "the code asks for x; inputs given: length",
        ),
        ("{}[inputs['force']]", ["-i", "force=force"], ""),
        ("{}[inputs['force']]", ["-i", "force=1"], ""),
        (
            "open('material.csv').read()",
            [],
            "a calculation does not see your files: give data with -i @data.json",
        ),
        ("input('Force? ')", [], "nobody types into a calculation: give inputs with -i NAME=VALUE"),
    ],
    ids=["near", "far", "none", "inner", "given", "number", "file", "typed"],
)
@pytest.mark.parametrize("where", [[], ["--remote"]], ids=["here", "there"])
def test_of_an_exception(
    person: Person, code: str, inputs: list[str], advice: str, where: list[str]
) -> None:
    (person.home / "bolt.py").write_text(f"def calculate(inputs):\n    return {code}\n")
    lines = person.does("run", "bolt.py", *inputs, *where, status=11).stderr.splitlines()
    if advice:
        assert lines[-1] == f"  -> {advice}"
    else:
        assert "->" not in lines[-1]


NUMBER = "; a number is written without unit, with a point, such as 1.5"


@pytest.mark.parametrize(
    ("code", "inputs", "advice"),
    [
        ("inputs['force'] / 2", ["force=1kN"], 'force is text "1kN"' + NUMBER),
        ("inputs['force'] * 2.0", ["force=abc", "n=9 mm"], 'force is text "abc"' + NUMBER),
        ("1 + inputs['force']", ["force=abc"], 'force is text "abc"' + NUMBER),
        ("float(inputs['force'])", ["force=1,5"], 'force is text "1,5"' + NUMBER),
        ("math.sqrt(inputs['force'])", ["force=1kN"], 'force is text "1kN"' + NUMBER),
        ("np.sqrt(inputs['force'])", ["force=1kN"], 'force is text "1kN"' + NUMBER),
        ("np.array(inputs['force']) * 2", ["force=1kN"], 'force is text "1kN"' + NUMBER),
        ("half(*inputs.values())", ["force=-1kN", "n=M12"], 'force is text "-1kN"' + NUMBER),
        ("half(*inputs.values())", ["force=abc", "n=M12"], ""),
        ("'2' / 3", ["force=1"], ""),
        ("len(inputs['force'], 1)", ["force=abc"], ""),
    ],
    ids=lambda x: x if isinstance(x, str) else " ".join(x),
)
@pytest.mark.parametrize("where", [[], ["--remote"]], ids=["here", "there"])
def test_of_a_text_where_a_number_was_wanted(
    person: Person, code: str, inputs: list[str], advice: str, where: list[str]
) -> None:
    (person.home / "bolt.py").write_text(
        "import math\n"
        "import numpy as np\n"
        "def half(force, n):\n"
        "    return force / 2\n"
        f"def calculate(inputs):\n    return {code}\n"
    )
    flags = [word for one in inputs for word in ("-i", one)]
    lines = person.does("run", "bolt.py", *flags, *where, status=11).stderr.splitlines()
    assert lines[-1] == f"  -> {advice}" if advice else "->" not in lines[-1]


BIG = "def calculate(inputs):\n    return len(bytearray(400 << 20))\n"
LONG = "import time\ndef calculate(inputs):\n    time.sleep(60)\n"


@pytest.mark.parametrize(
    ("code", "limit", "status"),
    [
        (BIG, "memory_mb=64", 21),
        (LONG, "timeout_s=0.1", 20),
        ("def calculate(inputs):\n    print('x' * 5000)\n", "log_kb=1", 25),
        ("def calculate(inputs):\n    return 'x' * 5000\n", "result_mb=0.001", 25),
        ("def calculate(inputs):\n    open('a', 'w').write('x')\n", "artifacts_mb=0", 25),
    ],
    ids=["memory", "time", "log", "result", "artifacts"],
)
def test_of_a_limit(person: Person, code: str, limit: str, status: int) -> None:
    (person.home / "bolt.py").write_text(code)
    name = limit.partition("=")[0]
    done = person.does("run", "bolt.py", "-l", limit, status=status)
    told = f"-> -l {name}=N asks for more, up to the ceiling limits.max_{name}: mecapy config"
    assert told in done.stderr
    done = person.does("run", "bolt.py", "-l", limit, "--remote", status=status)
    assert f"-> -l {name}=N asks for more, up to the server's ceiling" in done.stderr
    person.does("task", "create", "bolt.py", "-l", limit)
    done = person.does("task", "run", "bolt", status=status)
    assert f"-> mecapy task update bolt -l {name}=N asks for more" in done.stderr


def test_of_a_run_that_had_all_there_is(person: Person) -> None:
    (person.home / "bolt.py").write_text(BIG)
    person.settings["MECAPY_LIMITS_MAX_MEMORY_MB"] = "256"
    done = person.does("run", "bolt.py", status=21)
    line = "MECAPY_LIMITS_MAX_MEMORY_MB=512 mecapy run bolt.py ... -l memory_mb=512"
    assert done.stderr.endswith(f"-> it had all that the ceiling allows; for more: {line}\n")
    person.settings["MECAPY_LIMITS_MAX_MEMORY_MB"] = "512"
    person.does("run", "bolt.py", "-l", "memory_mb=512")
