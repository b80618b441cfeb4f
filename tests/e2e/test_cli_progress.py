"""The line that shows how far a run is: the same here and at a server."""

import os
from pathlib import Path

import pytest

from support.person import Person
from support.server import Server

SLOW = """
import time
from mecapy import progress
def calculate(inputs):
    for i in range(inputs['steps']):
        print('step', i, flush=True)
        progress(i / 300, f'meshing {i}')
        time.sleep(0.1)
    return 'done'
"""


@pytest.fixture
def person(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Person:
    """A user of the shared server who has a token in the environment, and nobody's runs."""
    name = "cli-" + "".join(c for c in request.node.name[:50] if c.isalnum())
    return Person(tmp_path, server.url, server.add_user(name))


@pytest.mark.parametrize("where", [(), ("--remote",)], ids=["here", "there"])
def test_progress_is_a_line_of_words_on_standard_error_and_the_result_alone_is_out(
    person: Person, where: tuple[str, ...]
) -> None:
    reading, writing = os.pipe()
    (person.home / "calc.py").write_text(SLOW)
    terminal = person.at_terminal_into(writing, "run", "calc.py", "-i", "steps=8", *where)
    os.close(writing)
    terminal.expect("\r\x1b[Krunning  [....................]   0 %  meshing")
    terminal.expect("\r\x1b[Kstep ")  # the log stands above it
    terminal.expect("\r\x1b[Krunning  [....................]   0 %  meshing")
    assert terminal.ends() == 0
    assert "fraction" not in terminal.shown
    assert "done" not in terminal.shown
    assert "completed" not in terminal.shown  # with the bar at its last value
    assert "%" not in terminal.shown.rpartition("\r\x1b[K")[2]
    with os.fdopen(reading) as out:
        assert out.read() == '"done"\n'
