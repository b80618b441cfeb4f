"""The command line at a server: who calls, which server, and what to do next when that fails."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from support.calculations import ECHO
from support.person import Person
from support.server import DEV_TOKEN, Server


def test_a_login_with_a_token_is_saved_for_its_owner_alone(server: Server, tmp_path: Path) -> None:
    person = Person(tmp_path)
    done = person.does("login", server.url, "-", stdin=f"  {DEV_TOKEN}\n")
    assert done.stdout == ""
    assert f"Logged in as local at {server.url}" in done.stderr
    path = person.login_file
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert json.loads(path.read_text()) == {"url": server.url, "token": DEV_TOKEN}
    assert person.does("whoami").stdout == f"local at {server.url} (saved login)\n"
    assert person.gets("whoami", "--json") == {
        "server": server.url,
        "user": "local",
        "admin": False,
        "token_from": "saved login",
    }
    assert "is gone" in person.does("logout").stderr
    assert not path.exists()
    assert "Nobody was logged in" in person.does("logout").stderr


def test_a_token_that_opens_nothing_is_not_saved(server: Server, tmp_path: Path) -> None:
    person = Person(tmp_path)
    person.does("login", server.url, "--token-stdin", stdin=DEV_TOKEN)
    before = person.login_file.read_text()
    done = person.does("login", server.url, "-", stdin="wrong", status=77)
    assert "does not take this token" in done.stderr
    assert person.login_file.read_text() == before
    for bad in ("", "two words", "line\nline"):
        assert "no token" in person.does("login", server.url, "-", stdin=bad, status=64).stderr


def test_a_token_never_stands_in_the_list_of_processes(server: Server, tmp_path: Path) -> None:
    done = Person(tmp_path).does("login", server.url, DEV_TOKEN, status=64)
    assert "standard input" in done.stderr
    assert "--token-stdin" in Person(tmp_path).does("login", "--help").stdout
    assert not (tmp_path / "config").exists()


def test_a_token_is_typed_unseen(server: Server, tmp_path: Path) -> None:
    person = Person(tmp_path)
    terminal = person.at_terminal("login", server.url)
    terminal.expect("(not shown): ")
    terminal.types(DEV_TOKEN + "\n")
    assert terminal.ends() == 0
    assert DEV_TOKEN not in terminal.shown
    assert json.loads(person.login_file.read_text())["token"] == DEV_TOKEN


def test_a_login_can_be_left_and_needs_a_terminal_or_standard_input(
    server: Server, tmp_path: Path
) -> None:
    person = Person(tmp_path)
    terminal = person.at_terminal("login", server.url)
    terminal.expect("(not shown): ")
    terminal.types("abc\x03")
    assert terminal.ends() == 130
    assert "nothing was changed" in terminal.shown
    process = person.begins("login", server.url)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 64
    assert "mecapy login --token-stdin" in errors
    assert not person.login_file.exists()


def test_a_login_that_others_may_read_is_refused(server: Server, tmp_path: Path) -> None:
    person = Person(tmp_path)
    person.does("login", server.url, "-", stdin=DEV_TOKEN)
    person.login_file.chmod(0o640)
    done = person.does("whoami", status=64)
    assert "chmod 600" in done.stderr
    assert DEV_TOKEN not in done.stderr


def test_a_login_is_for_its_server_only(server: Server, tmp_path: Path) -> None:
    person = Person(tmp_path)
    person.does("login", server.url, "-", stdin=DEV_TOKEN)
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    done = person.does("runs", "--server", elsewhere, status=77)
    assert f"mecapy login {elsewhere}" in done.stderr


def test_on_the_servers_own_machine_nothing_needs_to_be_set(
    own_server: Callable[..., Server], tmp_path: Path
) -> None:
    server = own_server()
    server.terminate()
    server.unset("dev_token")
    server.start()
    person = Person(tmp_path)
    person.settings = {
        "MECAPY_DATA_DIR": str(server.data_dir),
        "MECAPY_SERVER_PORT": str(server.port),
    }
    assert person.does("whoami").stdout == f"local at {server.url} (data folder)\n"


@pytest.mark.parametrize("url", ["http://10.0.0.1", "http://mecapy.example.org:8080"])
@pytest.mark.parametrize("words", [["whoami"], ["run", "calc.py", "--remote"], ["login"]], ids=str)
def test_no_token_goes_to_another_machine_without_tls(
    tmp_path: Path, url: str, words: list[str]
) -> None:
    person = Person(tmp_path, url, "secret")
    person.file(ECHO)
    done = person.does(*words, stdin="secret", status=64)
    assert "without TLS; use https://" in done.stderr


def test_errors_say_what_to_do_next(server: Server, tmp_path: Path) -> None:
    stranger = Person(tmp_path, server.url)
    done = stranger.does("runs", status=77)
    assert f"-> mecapy login {server.url}, or with the address of your server" in done.stderr
    stranger.settings = {"MECAPY_SERVER_PORT": "1"}
    done = stranger.does("login", status=69)
    assert "give the address of your server: mecapy login https://HOST" in done.stderr
    wrong = Person(tmp_path, server.url, "wrong")
    assert "MECAPY_TOKEN was sent" in wrong.does("runs", status=77).stderr
    nobody = Person(tmp_path, "http://127.0.0.1:1", "x")
    told = "  -> is it running? mecapy serve starts it; --server or MECAPY_URL names another\n"
    assert nobody.does("runs", status=69).stderr.endswith(told)
    told = "  -> is it running? mecapy serve starts it\n"
    assert nobody.does("health", "http://127.0.0.1:1", status=69).stderr.endswith(told)
    away = Person(tmp_path, "https://mecapy.invalid:1", "x")
    done = away.does("runs", status=69)
    assert "-> mecapy health https://mecapy.invalid:1 tells how the server is" in done.stderr
    assert "absent.py" in wrong.does("run", "absent.py", "--remote", status=66).stderr
    done = wrong.does("task", "shwo", "x", status=64)
    assert 'unknown command "shwo"; did you mean show?' in done.stderr
    assert "did you mean --detach?" in wrong.does("task", "run", "x", "--detatch", status=64).stderr
