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
        (["blot.py"], "cannot read blot.py: No such file or directory; did you mean bolt.py?"),
        (["bolt.py", "-i", "@input.json"], "; did you mean inputs.json?"),
        (["bolt.py", "-i", "inputs.json"], "; did you mean -i @inputs.json?"),
        (["bolt.py", "-i", "force"], "; the value is missing: -i force=VALUE"),
        (["bolt.py", "-i", "=3"], "; the name is missing: -i NAME=3"),
    ],
    ids=lambda x: x if isinstance(x, str) else " ".join(x),
)
@pytest.mark.parametrize("where", [[], ["--remote"]], ids=["here", "there"])
def test_of_a_mistyped_word(
    person: Person, words: list[str], next_step: str, where: list[str]
) -> None:
    (person.home / "bolt.py").write_text(ECHO)
    (person.home / "inputs.json").write_text("{}")
    assert next_step in person.does("run", *words, *where, status=64).stderr


def test_of_a_file_that_is_nowhere(person: Person) -> None:
    done = person.does("run", "absent.py", status=64)
    told = f"cannot read absent.py: No such file or directory; this folder is {person.home}"
    assert told in done.stderr


def test_of_a_limit_over_its_ceiling(person: Person) -> None:
    (person.home / "bolt.py").write_text(ECHO)
    done = person.does("run", "bolt.py", "-l", "cpus=1000", "--remote", status=65)
    assert f"-> {person.settings['MECAPY_URL']}/docs/contract shows the ceilings" in done.stderr
    done = person.does("run", "bolt.py", "-l", "cpus=1000", status=65)
    assert "-> mecapy config shows the ceilings; MECAPY_LIMITS_MAX_CPUS=N" in done.stderr
    for where in ([], ["--remote"]):
        done = person.does("run", "bolt.py", "-l", "cpus=-1", *where, status=65)
        assert "->" not in done.stderr


def test_of_a_file_that_the_run_has_not(person: Person) -> None:
    (person.home / "bolt.py").write_text(ECHO)
    person.does("run", "bolt.py", "--remote")
    done = person.does("download", "last", "three", status=66)
    assert "it has a.txt" in done.stderr
    assert "-> mecapy runs RUN shows the files of a run" in done.stderr
