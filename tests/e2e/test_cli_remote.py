"""The command line at a server: its commands, what programs get, and whose fault is told."""

import json
import random
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.api import Api
from support.person import Person
from support.proxy import FINE, Network, Proxy
from support.server import DEV_TOKEN, ROOT, Server, binary, run_mecapy
from support.waiting import wait_until

STRESS = """
def calculate(inputs):
    print('a line of the log')
    return {'stress': inputs['force'] / inputs['section']}
"""
FILES = """
def calculate(inputs):
    import os
    os.makedirs('tables')
    open('tables/one.csv', 'w').write('1,2\\n')
    open('two.bin', 'wb').write(bytes(range(256)) * 5000)
    return 1
"""
SLOW = """
import time
from mecapy import progress
def calculate(inputs):
    for i in range(inputs.get('steps', 300)):
        print('step', i, flush=True)
        progress(i / 300, f'meshing {i}')
        time.sleep(0.1)
    return 'done'
"""
EVIL = """
from mecapy import progress
def calculate(inputs):
    print('\\x1b]0;owned\\x07', '\\x9b2J')
    progress(0.5, '\\x9b2J \\u202e')
    return '\\x9b2J \\u202e'
"""
ECHO = "def calculate(inputs):\n    return inputs\n"


@pytest.fixture
def person(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Person:
    """A user of the shared server who has a token in the environment, and nobody's runs."""
    name = "cli-" + "".join(c for c in request.node.name[:50] if c.isalnum())
    return Person(tmp_path, server.url, server.add_user(name))


@pytest.fixture
def there(person: Person, server: Server) -> Api:
    """The same user over HTTP."""
    return server.api(person.settings["MECAPY_TOKEN"])


def file(person: Person, code: str, name: str = "calc.py") -> str:
    """A file with this code, by its name in the person's folder."""
    (person.home / name).write_text(code)
    return name


# ---- who, and where


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
    assert terminal.ends() == 64
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
    file(person, ECHO)
    done = person.does(*words, stdin="secret", status=64)
    assert "without TLS; use https://" in done.stderr


# ---- a run


def test_a_run_there_is_as_one_here(person: Person, there: Api) -> None:
    name = file(person, STRESS)
    words = ("run", name, "-i", "force=1000", "-i", "section=10")
    here, remote = person.does(*words), person.does(*words, "--remote")
    assert here.stdout == remote.stdout == '{"stress":100.0}\n'
    assert "a line of the log" in remote.stderr
    assert "peak" in remote.stderr
    [run] = there.read("/api/runs")["items"]
    assert run["status"] == "completed"


def test_json_is_the_run_as_the_api_has_it(person: Person, there: Api) -> None:
    name = file(person, FILES)
    run = person.gets("run", name, "--remote", "--json")
    api = there.read(f"/api/runs/{run['id']}/results")
    assert run == api
    assert person.gets("result", "last", "--json") == api
    assert person.gets("runs", run["id"], "--json") == there.run(run["id"])
    assert person.gets("runs", "--json") == there.read("/api/runs")["items"]


def test_code_and_inputs_come_from_standard_input(person: Person) -> None:
    name = file(person, ECHO)
    sent = '{"a": 1.10, "deep": [[null, "\u00e9"]]}'
    got = person.does("run", name, "--remote", "-i", "@-", "-i", "b=2", stdin=sent).stdout
    assert json.loads(got) == json.loads(sent) | {"b": 2}
    assert person.gets("run", name, "-i", "@-", stdin=sent) == json.loads(sent)
    for more in ([], ["--remote"]):
        assert person.gets("run", "-", "-i", "x=1", *more, stdin=ECHO) == {"x": 1}
        done = person.does("run", "-", "-i", "@-", *more, stdin=ECHO, status=64)
        assert "cannot both be standard input" in done.stderr


FAULTS = {
    "invalid_code": (10, "def calculate(:\n    pass\n", "def calculate(:"),
    "user_error": (11, "def calculate(i):\n    return 1 / i['zero']\n", "return 1 / i['zero']"),
    "invalid_result": (12, "def calculate(i):\n    return object()\n", "object"),
    "crashed": (13, "import os\ndef calculate(i):\n    os._exit(3)\n", "exit status 3"),
    "timeout": (20, "import time\ndef calculate(i):\n    time.sleep(60)\n", "0.5 s"),
    "out_of_memory": (
        21,
        "def calculate(i):\n    return len(b'x' * (1 << 29))\n",
        "-l memory_mb",
    ),
}


@pytest.mark.parametrize("code", FAULTS)
def test_the_exit_status_names_whose_fault_it_was(person: Person, code: str) -> None:
    status, source, words = FAULTS[code]
    limits = ("-l", "timeout_s=0.5", "-l", "memory_mb=128")
    done = person.does(
        "run", file(person, source), "-i", "zero=0", *limits, "--remote", status=status
    )
    assert done.stdout == ""
    assert code in done.stderr
    assert words in done.stderr
    if code == "user_error":
        assert 'File "calc.py", line 2' in done.stderr
        assert person.does("result", "last", status=status).stderr.count(words) == 1
        failed = person.does("result", "last", "--json", status=status)
        assert json.loads(failed.stdout)["error"]["code"] == code


def test_limits_are_those_that_are_asked_for(person: Person) -> None:
    done = person.does("run", file(person, ECHO), "-l", "cpus=1000", "--remote", status=65)
    assert "/limits/cpus" in done.stderr
    assert "over the ceiling" in done.stderr
    done = person.does("run", "calc.py", "-l", "cpu=1", "--remote", status=64)
    assert "unknown limit" in done.stderr


def test_a_run_can_be_left_to_itself_and_asked_for_later(person: Person) -> None:
    run = person.does("run", file(person, SLOW), "-i", "steps=8", "--remote", "--detach").stdout
    done = person.does("result", "last", "--timeout", "0", status=75)
    assert f"mecapy logs -f {run.strip()}" in done.stderr
    assert person.does("result", run.strip()).stdout == '"done"\n'


def test_flags_of_a_server_are_refused_without_remote(person: Person) -> None:
    name = file(person, ECHO)
    for flag in (["--json"], ["--detach"], ["--fresh"], ["--server", "http://127.0.0.1:1"]):
        assert "are for run --remote" in person.does("run", name, *flag, status=64).stderr


def test_an_answer_that_is_lost_makes_no_second_run(
    person: Person, server: Server, there: Api
) -> None:
    proxy = Proxy(lambda: server.port, random.Random(1))
    try:
        person.settings["MECAPY_URL"] = f"http://127.0.0.1:{proxy.port}"
        person.does("whoami")
        proxy.set(Network(lose=b'"run_id"', lose_share=1))
        process = person.begins("run", file(person, ECHO), "-i", "x=1", "--remote")
        wait_until("an answer is lost", lambda: proxy.resets > 0)
        proxy.set(FINE)
        out, errors = process.communicate(timeout=30)
        assert json.loads(out) == {"x": 1}, errors
        assert len(there.read("/api/runs")["items"]) == 1
    finally:
        proxy.close()


# ---- tasks


def test_a_task_lives_through_all_its_commands(person: Person, there: Api) -> None:
    made = person.does(
        *("task", "create", file(person, STRESS), "--name", "bolt", "-i", "force=10"),
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


def test_a_name_that_two_tasks_have_is_not_enough(person: Person) -> None:
    name = file(person, ECHO)
    ids = [person.does("task", "create", name).stdout.strip() for _ in range(2)]
    done = person.does("task", "run", "calc", status=64)
    assert all(one in done.stderr for one in ids)
    assert person.gets("task", "run", ids[0], "-i", "x=1") == {"x": 1}


def test_code_that_is_none_shows_the_authors_line(person: Person) -> None:
    code = "def calculate(inputs):\n    retrun 1\n"
    done = person.does("task", "create", file(person, code), status=65)
    assert 'File "calc.py", line 2' in done.stderr
    assert "    retrun 1\n" in done.stderr
    assert "^\n" in done.stderr
    done = person.does("task", "create", "-", stdin=ECHO, status=64)
    assert "--name" in done.stderr
    (person.home / "latin.py").write_bytes(b"# \xe9\n" + ECHO.encode())
    assert "not UTF-8" in person.does("task", "create", "latin.py", status=64).stderr


# ---- runs


def test_runs_are_found_by_a_beginning_and_as_last(person: Person) -> None:
    name = file(person, ECHO)
    runs = [person.gets("run", name, "-i", f"x={x}", "--remote", "--json") for x in range(3)]
    ids = [one["id"] for one in runs]
    assert person.gets("result", "last") == {"x": 2}
    shown = person.does("runs", "-n", "2").stdout.splitlines()[1:]
    assert [line.split()[0] for line in shown] == [ids[2], ids[1]]
    assert person.gets("result", ids[0][:23]) == {"x": 0}
    done = person.does("result", ids[0][:6], status=64)
    assert "names several of your runs" in done.stderr
    for word in ("ffff", "nonsense", "00000000-0000-7000-8000-000000000000"):
        assert "mecapy runs shows yours" in person.does("result", word, status=66).stderr
    assert ids[1] in person.does("runs", ids[1]).stdout


def test_a_list_shows_as_many_as_are_asked_for_and_each_runs_task(person: Person) -> None:
    kept = person.does("task", "create", file(person, ECHO), "--name", "bolt").stdout.strip()
    person.does("task", "run", kept, "-i", "x=1")
    for x in range(20):
        person.does("run", "calc.py", "-i", f"x={x}", "--remote", "--detach")
    shown = [line.split("  ") for line in person.does("runs").stdout.splitlines()[1:]]
    assert len(shown) == 20
    assert {line[1] for line in shown} == {"(not kept)"}
    whole = person.does("runs", "-n", "0").stdout.splitlines()[1:]
    assert len(whole) == 21
    assert whole[-1].split()[1] == "bolt"
    lines = [run_mecapy(*words, "--help").stdout for words in (("runs",), ("task", "list"))]
    assert all("-n,--count N=20 " in one for one in lines), lines


def test_runs_are_chosen_by_their_status(person: Person) -> None:
    name = file(person, "def calculate(i):\n    return 1 / i['x']\n")
    for x, status in ((1, 0), (0, 11)):
        person.does("run", name, "-i", f"x={x}", "--remote", status=status)
    assert "failed: user_error" in person.does("runs", "--status", "failed").stdout
    [run] = person.gets("runs", "--status", "completed", "--json")
    assert run["status"] == "completed"
    done = person.does("runs", "--status", "lost", status=65)
    assert "#query/status" in done.stderr
    assert "return 1 / i['x']" in person.does("runs", "last").stdout


def test_who_has_no_runs_is_told_how_to_have_one(person: Person) -> None:
    done = person.does("runs")
    assert "mecapy run FILE --remote" in done.stderr
    assert person.gets("runs", "--json") == []
    assert "you have no run yet" in person.does("result", "last", status=66).stderr


@pytest.fixture
def running(person: Person, there: Api) -> Iterator[str]:
    """A run that would last for long."""
    run = person.does("run", file(person, SLOW), "--remote", "--detach").stdout.strip()
    there.wait_for_log(run, "step 1\n")
    yield run
    there.cancel(run)


def test_a_log_is_followed_while_the_run_goes_on(person: Person, there: Api, running: str) -> None:
    process = person.begins("logs", "-f", "last")
    assert process.stdout is not None
    first = [process.stdout.readline() for _ in range(4)]
    assert first == [f"step {i}\n" for i in range(4)]
    assert there.run(running)["status"] == "running"
    assert "progress" in person.does("runs", running).stdout
    assert "meshing" in person.does("runs", running).stdout
    assert "the run is cancelled" in person.does("cancel", running[:23]).stderr
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "".join(first) + out == there.log(running)
    assert person.does("logs", running).stdout == there.log(running)
    assert person.gets("logs", running, "--json") == {"run_id": running, "log": there.log(running)}
    done = person.does("result", "last", status=130)
    assert "the run was cancelled" in done.stderr
    assert "has ended already" in person.does("cancel", "last", status=65).stderr


def test_who_only_watches_leaves_the_run_alone(person: Person, there: Api, running: str) -> None:
    for words in (("logs", "-f", running), ("result", running)):
        terminal = person.at_terminal(*words)
        terminal.expect("meshing")
        terminal.types("\x03")
        assert terminal.ends() == 130
        assert "[y/N]" not in terminal.shown
        assert there.run(running)["status"] == "running"


def test_who_reads_no_further_ends_the_command(person: Person, there: Api, running: str) -> None:
    process = person.begins("logs", "-f", running)
    assert process.stdout is not None
    assert process.stdout.readline() == "step 0\n"
    process.stdout.close()
    assert process.wait(20) == -signal.SIGPIPE
    assert there.run(running)["status"] == "running"


def test_a_result_that_cannot_be_written_is_no_success(person: Person) -> None:
    name = file(person, ECHO)
    for more in ([], ["--remote"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [str(binary()), "run", name, *more],
                env=person.environment(),
                cwd=person.home,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=40,
                check=False,
            )
        assert done.returncode == 74, done.stderr
        assert "standard output cannot be written" in done.stderr


def test_events_are_lines_of_json_for_programs(person: Person) -> None:
    person.does("run", file(person, SLOW), "-i", "steps=3", "--remote")
    events = [
        json.loads(line) for line in person.does("logs", "-f", "last", "--json").stdout.splitlines()
    ]
    log = "".join(one["data"]["text"] for one in events if one["event"] == "log")
    assert log == "step 0\nstep 1\nstep 2\n"
    assert events[-1]["event"] == "status"
    assert events[-1]["data"]["status"] == "completed"


def test_a_log_is_whole_when_its_connection_breaks(person: Person, server: Server) -> None:
    proxy = Proxy(lambda: server.port, random.Random(2))
    run = person.does("run", file(person, SLOW), "-i", "steps=25", "--remote", "--detach").stdout
    try:
        person.settings["MECAPY_URL"] = f"http://127.0.0.1:{proxy.port}"
        process = person.begins("logs", "-f", run.strip())
        assert process.stdout is not None
        first = process.stdout.readline()
        proxy.set(Network(reset_after=400))
        wait_until("connections are broken", lambda: proxy.resets > 2)
        proxy.set(FINE)
        rest, errors = process.communicate(timeout=40)
        assert process.returncode == 0, errors
        assert first + rest == "".join(f"step {i}\n" for i in range(25))
    finally:
        proxy.close()


def test_a_run_is_followed_across_the_end_of_its_server(
    own_server: Callable[..., Server], tmp_path: Path
) -> None:
    server = own_server()
    person = Person(tmp_path, server.url, DEV_TOKEN)
    process = person.begins("run", file(person, SLOW), "-i", "steps=20", "--remote")
    assert process.stderr is not None
    assert any("step 1" in line for line in iter(process.stderr.readline, ""))
    server.kill()
    server.start()
    out, errors = process.communicate(timeout=40)
    assert process.returncode == 0, errors
    assert out == '"done"\n'
    assert "the run begins again, attempt 2" in errors
    again = errors.partition("attempt 2")[2]
    assert [line for line in again.splitlines() if line.startswith("step")] == [
        f"step {i}" for i in range(20)
    ]


def test_a_login_is_the_python_sdks_too(server: Server, tmp_path: Path) -> None:
    person = Person(tmp_path)
    person.does("login", server.url, "-", stdin=DEV_TOKEN)
    code = "from mecapy import MecaPy; print(MecaPy().tasks.create(name='n', code=CODE).execute())"
    done = subprocess.run(
        [sys.executable, "-c", f"CODE = {ECHO!r}\n{code}"],
        env=person.environment(PYTHONPATH=str(ROOT / "sdk/python/src")),
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert person.gets("result", "last") == {}


# ---- files


def test_files_are_fetched_below_the_folder(person: Person, there: Api) -> None:
    person.does("run", file(person, FILES), "--remote")
    person.does("download", "last", "-o", "out")
    assert (person.home / "out/tables/one.csv").read_text() == "1,2\n"
    assert (person.home / "out/two.bin").read_bytes() == bytes(range(256)) * 5000
    assert len(list((person.home / "out").iterdir())) == 2  # nothing half-way is left
    [kept] = person.gets("download", "last", "tables/one.csv", "-o", "one", "--json")
    assert kept["path"] == "one/tables/one.csv"
    assert not (person.home / "one/two.bin").exists()
    done = person.does("download", "last", "three", status=66)
    assert "two.bin" in done.stderr
    person.does("run", "calc.py", "--remote", "-o", "kept")
    assert (person.home / "kept/two.bin").stat().st_size == 1_280_000


def test_what_is_there_is_not_lost(person: Person) -> None:
    person.does("run", file(person, FILES), "--remote")
    (person.home / "two.bin").write_text("mine")
    done = person.does("download", "last", "two.bin", status=65)
    assert "--force" in done.stderr
    assert (person.home / "two.bin").read_text() == "mine"
    person.does("download", "last", "two.bin", "--force")
    assert (person.home / "two.bin").stat().st_size == 1_280_000
    assert "already there" in person.does("download", "last", "two.bin").stderr


def test_no_link_leads_out_of_the_folder(person: Person) -> None:
    person.does("run", file(person, FILES), "--remote")
    for name in ("elsewhere", "out"):
        (person.home / name).mkdir()
    (person.home / "out/tables").symlink_to(person.home / "elsewhere")
    (person.home / "out/two.bin").symlink_to(person.home / "victim")
    person.does("download", "last", "-o", "out", status=None)
    assert list((person.home / "elsewhere").iterdir()) == []
    assert not (person.home / "victim").exists()
    person.does("download", "last", "two.bin", "-o", "out", "--force", status=None)
    assert not (person.home / "victim").exists()


# ---- Ctrl-C, colours, progress


def test_ctrl_c_asks_once_and_yes_cancels(person: Person, there: Api) -> None:
    terminal = person.at_terminal("run", file(person, SLOW), "--remote")
    terminal.expect("meshing 1")
    terminal.types("\x03")
    terminal.expect("Cancel the run? [y/N] ")
    terminal.types("y\n")
    assert terminal.ends() == 130
    assert "the run was cancelled" in terminal.shown
    assert there.read("/api/runs")["items"][0]["status"] == "cancelled"


def test_ctrl_c_and_no_goes_on_with_nothing_lost(person: Person, there: Api) -> None:
    terminal = person.at_terminal("run", file(person, SLOW), "-i", "steps=15", "--remote")
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
    terminal = person.at_terminal("run", file(person, SLOW), "--remote")
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
    process = person.begins("run", file(person, SLOW), "--remote")
    assert process.stderr is not None
    assert any("step 1" in line for line in iter(process.stderr.readline, ""))
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == ""
    assert there.read("/api/runs")["items"][0]["status"] == "cancelled"


def test_progress_and_colours_are_for_terminals(person: Person) -> None:
    name = file(person, SLOW)
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
    name = file(person, EVIL)
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


# ---- whose fault, and what next


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
    assert "mecapy health http://127.0.0.1:1" in nobody.does("runs", status=69).stderr
    assert "absent.py" in wrong.does("run", "absent.py", "--remote", status=64).stderr
    done = wrong.does("task", "shwo", "x", status=64)
    assert 'unknown command "shwo"; did you mean show?' in done.stderr
    assert "did you mean --detach?" in wrong.does("task", "run", "x", "--detatch", status=64).stderr
