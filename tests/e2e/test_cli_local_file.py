"""The settings file of the folder that somebody stands in, which may be one that others filled."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.person import Person
from support.server import Server, binary

SOMEBODY = 12_345


@pytest.fixture
def person(tmp_path: Path) -> Person:
    """Somebody in a folder with a mecapy.toml of its own, about whom nothing else is said."""
    someone = Person(tmp_path)
    someone.settings = {}
    return someone


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that also a server which gave root up can reach."""
    folder = Path(tempfile.mkdtemp(prefix="mecapy-e2e-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def write(person: Person, text: str) -> Path:
    """A mecapy.toml where the person stands."""
    path = person.home / "mecapy.toml"
    path.write_text(text)
    return path


def test_it_takes_no_calculation_out_of_the_sandbox(person: Person) -> None:
    evil = person.home / "evil"
    (evil / "mecapy").mkdir(parents=True)
    (evil / "mecapy" / "__init__.py").write_text(f"open({str(evil / 'was-here')!r}, 'w')\n")
    write(person, f'[worker]\nruntime = "{evil}"\nprofile = "container"\n')
    (person.home / "calc.py").write_text("def calculate(inputs):\n    return 42\n")
    assert person.gets("run", "calc.py") == 42
    assert not (evil / "was-here").exists()


def test_it_sends_nobodys_secret_to_a_server_of_its_choice(person: Person, server: Server) -> None:
    (person.home / "d").mkdir()
    (person.home / "d" / "token").write_text("sk-live-0123456789\n")
    (person.home / "calc.py").write_text("def calculate(inputs):\n    return 42\n")
    write(person, f'data_dir = "d"\n[server]\nport = {server.port}\n')
    for words in (("whoami",), ("runs",), ("task", "list"), ("run", "--remote", "calc.py")):
        done = person.does(*words, "--server", server.url, status=77)
        assert "nobody is logged in" in done.stderr


def test_a_token_that_is_a_link_is_not_sent(person: Person, server: Server) -> None:
    (person.home / "d").mkdir()
    (person.home / ".secret").write_text("sk-live-0123456789\n")
    (person.home / "d" / "token").symlink_to(person.home / ".secret")
    person.settings = {"MECAPY_DATA_DIR": "d", "MECAPY_SERVER_PORT": str(server.port)}
    done = person.does("whoami", status=64)
    assert "is a link" in done.stderr
    (person.home / "d" / "token").unlink()
    (person.home / "d" / "token").write_text("sk-live-0123456789\n")
    os.chown(person.home / "d" / "token", SOMEBODY, SOMEBODY)
    assert "belongs to user 12345" in person.does("whoami", status=64).stderr


def test_a_server_with_a_token_that_is_a_link_does_not_start(
    person: Person, open_folder: Path
) -> None:
    folder = open_folder / "d"
    folder.mkdir()
    (person.home / ".secret").write_text("sk-live-0123456789\n")
    (folder / "token").symlink_to(person.home / ".secret")
    (folder / "mecapy.db").touch()  # as in a data folder
    done = person.does("serve", "--data-dir", str(folder), "--port", "0", status=64)
    assert "is a link" in done.stderr


@pytest.mark.parametrize("words", [("config", "--json"), ("doctor",)], ids=" ".join)
def test_it_is_read_for_the_operators_commands(person: Person, words: tuple[str, ...]) -> None:
    write(person, "[server]\nport = 70000\n")
    assert "mecapy.toml: server.port" in person.does(*words, status=64).stderr
    write(person, "[server]\nport = 8081\n")
    person.does(*words)


@pytest.mark.parametrize(
    ("owner", "mode", "said"),
    [
        (SOMEBODY, 0o644, "belongs to user 12345"),
        (0, 0o646, "others may write"),
        (0, 0o666, "others may write"),
    ],
)
def test_one_of_somebody_else_is_refused_unless_it_is_named(
    person: Person, owner: int, mode: int, said: str
) -> None:
    path = write(person, "[server]\nport = 8081\n")
    os.chown(path, owner, owner)
    path.chmod(mode)
    person.settings = {"MECAPY_DATA_DIR": str(person.home / "d")}
    for words in (("config",), ("serve",), ("worker",), ("doctor",), ("token", "ada")):
        done = person.does(*words, status=64)
        assert said in done.stderr
        assert "--config mecapy.toml" in done.stderr
    shown = person.gets("config", "--json", "--config", "mecapy.toml")
    assert {one["name"]: one["value"] for one in shown}["server.port"] == "8081"


def test_the_worker_of_a_server_gets_its_settings_from_it_alone(
    person: Person, open_folder: Path
) -> None:
    """A file that the operator named is not looked at again, however it stands there."""
    path = write(person, "[server]\nport = 0\n")
    path.chmod(0o666)
    process = subprocess.Popen(
        [str(binary()), "serve", "--config", "mecapy.toml"],
        env=person.environment(MECAPY_DATA_DIR=str(open_folder / "d")),
        cwd=person.home,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert any("MecaPy is ready" in line for line in process.stdout)
    finally:
        process.terminate()
        process.communicate(timeout=30)
