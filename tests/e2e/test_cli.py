"""The command line: its words, every setting, and how a server starts."""

import json
import re
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.server import Server, binary, environment, run_mecapy


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "absent.py"],
        ["run", "FILE", "--inputs", "novalue"],
        ["run", "FILE", "--inputs", "@absent.json"],
        ["run", "FILE", "--unknown"],
        ["unknown"],
        ["help", "unknown"],
        ["run", "FILE", "another.py"],
        ["serve", "--port", "x"],
        ["serve", "--port", "70000"],
        [],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_and_has_its_status(bolt: Path, arguments: list[str]) -> None:
    done = run_mecapy(*[str(bolt) if word == "FILE" else word for word in arguments])
    assert done.returncode in (64, 65, 66), (done.returncode, done.stderr)
    assert done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serv"], 'unknown command "serv"; did you mean serve?'),
        (["serve", "--prot", "8081"], "unknown flag --prot; did you mean --port?"),
        (["run", "FILE", "--inptus=a=1"], "unknown flag --inptus; did you mean --inputs?"),
        (["run", "FILE", "-i", "a=1", "b=2"], '"b=2" was not expected; each input has an -i'),
        (["config", "--log_level", "info"], "did you mean --log-level?"),
        (["config", "--log-level", "verbose"], "debug, info, warn, error"),
    ],
    ids=str,
)
def test_a_mistyped_word_gets_the_nearest(bolt: Path, arguments: list[str], said: str) -> None:
    done = run_mecapy(*[str(bolt) if word == "FILE" else word for word in arguments])
    assert done.returncode == 64, done.stderr
    assert said in done.stderr


def test_a_command_of_others_shows_them(tmp_path: Path) -> None:
    for words in ([], ["task"]):
        done = run_mecapy(*words)
        assert done.returncode == 64
        assert "  run  " in done.stderr
        assert done.stdout == ""
    assert "RUN is required; mecapy logs --help tells more" in run_mecapy("logs").stderr


def test_config_names_the_flag_a_value_came_from() -> None:
    done = run_mecapy("config", "--json", "--log-level", "warn")
    [row] = [one for one in json.loads(done.stdout) if one["name"] == "log_level"]
    assert row["from"] == "--log-level"


@pytest.mark.parametrize("word", ["--help", "help"])
def test_help_names_every_command(word: str) -> None:
    done = run_mecapy(word)
    assert done.returncode == 0
    for command in ("serve", "worker", "run", "doctor", "config", "token"):
        assert re.search(rf"^\s*{command}\b", done.stdout, re.MULTILINE), command


def test_config_shows_every_setting_where_it_comes_from_and_no_secret(tmp_path: Path) -> None:
    secret = "a-secret-nobody-may-read"
    settings = {"MECAPY_DEV_TOKEN": secret, "MECAPY_LIMITS_MAX_CPUS": "0.5"}
    done = run_mecapy("config", "--all", settings=settings)
    assert done.returncode == 0, done.stderr
    for name in (
        "MECAPY_DEV_TOKEN",
        "MECAPY_LIMITS_MAX_CPUS",
        "MECAPY_SERVER_DRAIN_S",
        "MECAPY_OBJECTS_INLINE_LIMIT",
    ):
        assert name in done.stdout
    assert secret not in done.stdout + done.stderr
    [line] = [one for one in done.stdout.splitlines() if "MECAPY_LIMITS_MAX_CPUS" in one]
    assert "0.5" in line
    short = run_mecapy("config", settings=settings).stdout
    assert re.search(r"^limits\.max_cpus +0\.5 +MECAPY_LIMITS_MAX_CPUS$", short, re.MULTILINE)
    assert secret not in short
    assert max(len(one) for one in short.splitlines()) <= 100


@pytest.mark.parametrize("command", ["serve", "config", "worker", "doctor"])
def test_an_unknown_setting_is_an_error_that_names_the_nearest(
    command: str, tmp_path: Path
) -> None:
    arguments = ["--data-dir", str(tmp_path / "data")] if command == "serve" else []
    done = run_mecapy(command, *arguments, settings={"MECAPY_SERVER_DRIAN_S": "3"}, timeout_s=20)
    assert done.returncode == 64, done.stdout + done.stderr
    assert "MECAPY_SERVER_DRIAN_S" in done.stderr
    assert "MECAPY_SERVER_DRAIN_S" in done.stderr


@pytest.mark.parametrize("value", ["soon", "-1", "1e99", "1 s"])
def test_a_setting_with_a_wrong_value_is_an_error_that_names_it(value: str) -> None:
    done = run_mecapy("config", settings={"MECAPY_SERVER_DRAIN_S": value})
    assert done.returncode == 64, done.stdout
    assert "MECAPY_SERVER_DRAIN_S" in done.stderr or "server.drain_s" in done.stderr


def test_serve_says_where_it_is_and_makes_a_token_when_none_is_given(
    own_server: Callable[..., Server],
) -> None:
    server = own_server()
    server.terminate()
    server.unset("dev_token")
    server.start()
    path = server.data_dir / "token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    token = path.read_text().strip()
    assert len(token) >= 32
    assert server.api(token).read("/api/tasks") == {"items": []}
    server.terminate()
    assert server.start().api(token).get("/api/tasks").status_code == 200  # the same one again
    server.terminate()
    [shown] = [line for line in server.said if token in line]
    assert shown.startswith(f"token: {token} ")
    assert token not in (server.folder / "stderr.txt").read_text()


def test_two_servers_do_not_share_a_data_folder(own_server: Callable[..., Server]) -> None:
    first = own_server()
    before = first.state()
    done = run_mecapy("serve", "--port", "0", "--data-dir", str(first.data_dir), timeout_s=20)
    assert done.returncode != 0
    assert "in use" in done.stderr
    assert "--data-dir" in done.stderr
    assert first.state() == before
    assert first.api().calculate("def calculate(i): return 'as before'")["result"] == "as before"


def test_a_port_that_is_taken_is_told(server: Server, open_folder: Path) -> None:
    folder = str(open_folder / "data")
    done = run_mecapy("serve", "--port", str(server.port), "--data-dir", folder, timeout_s=20)
    assert done.returncode == 69, done.stderr
    assert f"{server.port}: Address already in use; choose another with --port" in done.stderr
    assert not (open_folder / "data").exists()


def test_a_host_that_is_none_is_told_before_anything_is_made(open_folder: Path) -> None:
    folder = str(open_folder / "data")
    done = run_mecapy("serve", "--port", "0", "--host", "nowhere", "--data-dir", folder)
    assert done.returncode == 64, done.stderr
    assert "not an IP address to listen on: nowhere" in done.stderr
    assert not (open_folder / "data").exists()


def test_each_start_tells_where_the_token_is(open_folder: Path) -> None:
    folder = open_folder / "data"
    for first in (True, False):
        process = subprocess.Popen(
            [str(binary()), "serve", "--port", "0", "--data-dir", str(folder)],
            env=environment({}),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        token = (folder / "token").read_text().strip()
        kept = f"{token} (shown this once; kept in {folder}/token)"
        assert line == f"token: {kept if first else f'in {folder}/token'}\n"


def test_a_data_folder_that_cannot_be_reached_is_told(open_folder: Path) -> None:
    (open_folder / "closed").mkdir(mode=0o700)
    folder = str(open_folder / "closed" / "data")
    done = run_mecapy("serve", "--port", "0", "--data-dir", folder, timeout_s=20)
    assert done.returncode == 64, done.stderr
    assert folder in done.stderr


def test_a_user_named_twice_has_two_tokens_and_bad_names_are_refused(server: Server) -> None:
    tokens = [server.add_user("twice") for _ in range(2)]
    assert tokens[0] != tokens[1]
    task = server.api(tokens[0]).create("def calculate(i): return 1")
    assert server.api(tokens[1]).read(f"/api/tasks/{task['id']}") == task
    for name in ("", "local", "a b", "x" * 65, "a/b"):
        done = run_mecapy("token", name, "--data-dir", str(server.data_dir))
        assert done.returncode == 64, name
        assert done.stdout == ""


def test_a_second_token_tells_of_the_first_and_how_to_revoke_it(server: Server) -> None:
    said = [run_mecapy("token", "again", "--data-dir", str(server.data_dir)) for _ in range(2)]
    assert said[0].stderr == ""
    assert "again has 1 earlier token, valid as before; to revoke one, delete" in said[1].stderr
    tokens = server.data_dir / "tokens"
    assert str(tokens) in said[1].stderr
    lines = tokens.read_text().splitlines(keepends=True)
    own = [line for line in lines if line.endswith(" again\n")]
    tokens.write_text("".join(line for line in lines if line != own[0]))
    codes = [server.api(one.stdout.strip()).get("/api/tasks").status_code for one in said]
    assert codes == [401, 200]


def test_health_has_the_status_that_a_probe_needs(server: Server) -> None:
    done = run_mecapy("health", f"{server.url}/health/ready")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "ready"
    for url in (server.url, f"{server.url}/"):
        done = run_mecapy("health", url)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["status"] == "ready"
    done = run_mecapy("health", f"{server.url}/api/runs")  # asks for a token
    assert done.returncode == 69
    assert "answers 401" in done.stderr
    done = run_mecapy("health", "http://127.0.0.1:1/health")
    assert done.returncode == 69
    done = run_mecapy("health", "http://10.0.0.1/health")
    assert done.returncode == 64, done.stderr


def test_health_names_the_parts_that_are_down(own_server: Callable[..., Server]) -> None:
    server = own_server(oidc_issuer="https://127.0.0.1:1/realms/none")
    done = run_mecapy("health", server.url)
    assert done.returncode == 69, done.stdout
    assert f"{server.url}/health/ready answers 503: identity: " in done.stderr
    assert "cannot be asked" in done.stderr
    assert "worker" not in done.stderr
