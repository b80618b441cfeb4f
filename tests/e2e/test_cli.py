"""The command line: one calculation without a server, what works here, and every setting."""

import json
import re
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.processes import find_process
from support.server import ROOT, Server, binary, environment, run_mecapy
from support.waiting import wait_until

BOLT = """
def calculate(inputs):
    import numpy as np
    print('a line of the log')
    return {'stress': inputs['force'] / inputs['section']}
"""


@pytest.fixture
def bolt(tmp_path: Path) -> Path:
    """The seed's calculation as a file."""
    path = tmp_path / "bolt.py"
    path.write_text(BOLT)
    return path


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are closed."""
    path = Path(tempfile.mkdtemp(prefix="mecapy-e2e-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def calculation(folder: Path, code: str) -> str:
    """A file with this code."""
    path = folder / "calc.py"
    path.write_text(code)
    return str(path)


def test_run_prints_the_result_and_nothing_else_on_stdout(bolt: Path) -> None:
    done = run_mecapy("run", str(bolt), "--inputs", "force=1000", "--inputs", "section=10")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"stress": 100}
    assert "a line of the log" in done.stderr


def test_run_reads_its_inputs_from_a_file(bolt: Path, tmp_path: Path) -> None:
    inputs = tmp_path / "inputs.json"
    inputs.write_text('{"force": 0.3, "section": 3}')
    done = run_mecapy("run", str(bolt), "--inputs", f"@{inputs}")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"stress": 0.3 / 3}


def test_run_takes_json_values_and_plain_words(tmp_path: Path) -> None:
    file = calculation(tmp_path, "def calculate(inputs):\n    return inputs\n")
    arguments = ["number=0.1", "list=[1,2]", "text=steel", "flag=true", 'quoted="7"', "empty="]
    flags = [word for one in arguments for word in ("--inputs", one)]
    done = run_mecapy("run", file, *flags)
    assert done.returncode == 0, done.stderr
    expected = {"number": 0.1, "list": [1, 2], "text": "steel", "flag": True, "quoted": "7"}
    assert json.loads(done.stdout) == expected | {"empty": ""}


EXIT_CODES = {
    "invalid_code": (10, "def calculate(:\n", "line 1"),
    "user_error": (11, "def calculate(i):\n    raise ValueError('no section')\n", "no section"),
    "invalid_result": (12, "def calculate(i):\n    return object()\n", "object"),
    "crashed": (13, "import os\ndef calculate(i):\n    os._exit(3)\n", "exit status 3"),
}


@pytest.mark.parametrize(("status", "code", "words"), EXIT_CODES.values(), ids=EXIT_CODES.keys())
def test_the_exit_status_of_run_names_the_outcome(
    tmp_path: Path, status: int, code: str, words: str
) -> None:
    done = run_mecapy("run", calculation(tmp_path, code))
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert words in done.stderr


def test_a_failure_of_run_shows_the_authors_line(tmp_path: Path) -> None:
    code = "def calculate(inputs):\n    return 1 / inputs['zero']\n"
    done = run_mecapy("run", calculation(tmp_path, code), "--inputs", "zero=0")
    assert done.returncode == 11
    assert "ZeroDivisionError" in done.stderr
    assert "return 1 / inputs['zero']" in done.stderr
    assert f'File "{tmp_path}/calc.py", line 2' in done.stderr


def test_progress_of_run_is_told_on_stderr(tmp_path: Path) -> None:
    code = "from mecapy import progress\ndef calculate(i):\n    progress(0.5, 'half way')\n"
    done = run_mecapy("run", calculation(tmp_path, code + "    return 1\n"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1"
    assert "half way" in done.stderr


def test_progress_of_run_loses_neither_a_quick_report_nor_the_last(tmp_path: Path) -> None:
    code = "from mecapy import progress\ndef calculate(i):\n    progress(0.5)\n"
    code += "    progress(0.7, 'half')\n"
    code += "    for i in range(1000):\n        progress(i / 2000, f'step {i}')\n    return 1\n"
    done = run_mecapy("run", calculation(tmp_path, code))
    assert done.returncode == 0, done.stderr
    assert "half" in done.stderr
    assert "step 999" in done.stderr
    assert "step 500" not in done.stderr


def test_a_run_that_is_interrupted_leaves_nothing(tmp_path: Path, open_folder: Path) -> None:
    file = calculation(
        tmp_path,
        "import time\ndef calculate(i):\n    print('begun', flush=True)\n    time.sleep(60)\n",
    )
    process = subprocess.Popen(
        [str(binary()), "run", file],
        env=environment({}) | {"TMPDIR": str(open_folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert any("begun" in line for line in iter(process.stderr.readline, ""))
    family = find_process(process.pid).descendants()
    assert family
    try:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=15)
        assert process.returncode != 0
        assert out == ""
        wait_until("all it started ends", lambda: not any(p.alive for p in family))
        assert list(open_folder.iterdir()) == []
    finally:
        for one in family:
            one.send(signal.SIGKILL)


def test_run_keeps_artifacts_where_they_are_wanted(tmp_path: Path) -> None:
    code = "def calculate(i):\n    open('table.csv', 'w').write('1,2')\n    return 1\n"
    file = calculation(tmp_path, code)
    done = run_mecapy("run", file, "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "table.csv").read_text() == "1,2"


def test_a_folder_for_artifacts_that_cannot_be_is_told_before_the_run(
    tmp_path: Path, bolt: Path
) -> None:
    (tmp_path / "data.csv").write_text("mine")
    output = str(tmp_path / "data.csv")
    done = run_mecapy("run", str(bolt), "-i", "force=1", "-i", "section=1", "-o", output)
    assert done.returncode == 64
    assert "data.csv is a file, not a folder" in done.stderr
    assert "a line of the log" not in done.stderr
    assert (tmp_path / "data.csv").read_text() == "mine"


def test_a_result_is_printed_even_when_an_artifact_cannot_be_kept(tmp_path: Path) -> None:
    file = calculation(tmp_path, "def calculate(i):\n    open('a', 'w').write('1')\n    return 7\n")
    (tmp_path / "out" / "a").mkdir(parents=True)
    done = run_mecapy("run", file, "-o", str(tmp_path / "out"))
    assert done.returncode == 74
    assert "cannot keep" in done.stderr
    assert done.stdout.strip() == "7"


def test_a_ceiling_below_the_default_lowers_the_default_only(tmp_path: Path) -> None:
    file = calculation(tmp_path, "def calculate(i):\n    return 1\n")
    ceilings = {
        "MECAPY_LIMITS_MAX_TIMEOUT_S": "10",
        "MECAPY_LIMITS_MAX_MEMORY_MB": "512",
        "MECAPY_LIMITS_MAX_CPU_S": "5",
    }
    done = run_mecapy("run", file, settings=ceilings)
    assert done.returncode == 0, done.stderr
    done = run_mecapy("run", file, "-l", "timeout_s=11", settings=ceilings)
    assert done.returncode != 0
    assert "over the ceiling of 10 s" in done.stderr


def test_run_of_a_folder_names_the_file_in_it(tmp_path: Path) -> None:
    calculation(tmp_path, "def calculate(i):\n    return 1\n")
    (tmp_path / "aaa.py").write_text("")
    done = run_mecapy("run", str(tmp_path))
    assert done.returncode == 64
    assert "is a folder; give calc.py in it" in done.stderr


def test_a_decimal_comma_is_warned_about(tmp_path: Path) -> None:
    file = calculation(tmp_path, "def calculate(i):\n    return i\n")
    done = run_mecapy("run", file, "-i", "force=1,5", "-i", "n = 1")
    assert json.loads(done.stdout) == {"force": "1,5", "n": 1}
    assert 'force is text "1,5"; decimals take a point' in done.stderr


def test_run_says_the_word_of_a_limit_once(tmp_path: Path) -> None:
    file = calculation(tmp_path, "import time\ndef calculate(i):\n    time.sleep(60)\n")
    done = run_mecapy("run", file, "-l", "timeout_s=0.2")
    assert len(re.findall("timeout", done.stderr.splitlines()[-1])) == 1, done.stderr


def test_a_run_out_of_memory_says_how_to_ask_for_more(tmp_path: Path) -> None:
    file = calculation(tmp_path, "def calculate(i):\n    return len(bytearray(400 << 20))\n")
    done = run_mecapy("run", file, "-l", "memory_mb=128")
    assert done.returncode == 21, done.stderr
    assert "-l memory_mb=N asks for more, up to the ceiling limits.max_memory_mb" in done.stderr
    assert done.stderr.lower().count("out of memory") <= 1


def test_run_keeps_to_the_limits_it_is_given(tmp_path: Path) -> None:
    file = calculation(tmp_path, "import time\ndef calculate(i):\n    time.sleep(60)\n")
    done = run_mecapy("run", file, "--limit", "timeout_s=0.2")
    assert done.returncode == 20, done.stderr
    assert "0.2 s" in done.stderr


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
        (["config", "--log_level", "info"], "did you mean --log-level?"),
        (["config", "--log-level", "verbose"], "debug, info, warn, error"),
    ],
    ids=str,
)
def test_a_mistyped_word_gets_the_nearest(bolt: Path, arguments: list[str], said: str) -> None:
    done = run_mecapy(*[str(bolt) if word == "FILE" else word for word in arguments])
    assert done.returncode == 64, done.stderr
    assert said in done.stderr


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


def test_doctor_says_what_works_here(open_folder: Path) -> None:
    done = run_mecapy("doctor", "--data-dir", str(open_folder / "data"))
    assert done.returncode == 0, done.stdout + done.stderr
    text = done.stdout.lower()
    for layer in ("namespace", "seccomp", "cgroup", "no_new_privs"):
        assert layer in text, layer


def test_doctor_fails_where_runs_would_not_be_isolated(open_folder: Path) -> None:
    done = subprocess.run(
        [str(binary()), "doctor", "--data-dir", str(open_folder / "data")],
        env=environment({}),
        user="nobody",
        group="nogroup",
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 71, done.stdout + done.stderr
    assert "This machine cannot run calculations safely in the profile host" in done.stdout


# A clone may lie in a folder that is closed to others; without a root of their own, runs reach what
# they need by its path.
IN_THE_OPEN = (
    "mount -t tmpfs -o mode=755 tmpfs /mnt && mkdir /mnt/build /mnt/runtime && "
    f"mount --bind {binary().parent} /mnt/build && "
    f"mount --bind {ROOT / 'runtime' / 'python'} /mnt/runtime && "
    'MECAPY_WORKER_RUNTIME=/mnt/runtime exec /mnt/build/mecapy "$@"'
)


def test_doctor_tells_of_the_profile_that_is_asked_for(open_folder: Path) -> None:
    asked = ["doctor", "--profile", "container", "--data-dir", str(open_folder / "data")]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", IN_THE_OPEN, "mecapy", *asked],
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^files kept apart +enforced +required", done.stdout, re.MULTILINE)
    assert "user namespace " not in done.stdout
    assert "can run calculations safely in the profile container" in done.stdout
    done = run_mecapy("doctor", "--profile", "weaker")
    assert done.returncode == 64
    assert "must be one of host, container" in done.stderr


@pytest.mark.parametrize("name", ["file", "file/data", "closed/data"])
def test_doctor_and_serve_agree_on_a_data_folder_that_cannot_be(
    open_folder: Path, name: str
) -> None:
    (open_folder / "file").write_text("mine")
    (open_folder / "closed").mkdir(mode=0o700)
    folder = str(open_folder / name)
    done = run_mecapy("doctor", "--data-dir", folder)
    assert done.returncode == 71, done.stdout
    assert f"data folder {folder}: " in done.stdout
    assert run_mecapy("serve", "--port", "0", "--data-dir", folder).returncode in (64, 74)


def doctor_with(files: dict[str, str], folder: Path) -> str:
    """What doctor says when these files stand in /etc, in a mount namespace of its own."""
    script = ""
    for name, text in files.items():
        (folder / name).write_text(text)
        script += f"mount --bind {folder / name} /etc/{name} && "
    command = f"{script}exec {binary()} doctor --data-dir {folder / 'data'}"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command],
        env=environment({"MECAPY_WORKER_UID_BASE": "1200000"}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_doctor_tells_whose_the_wanted_user_ids_are(open_folder: Path) -> None:
    passwd = Path("/etc/passwd").read_text() + "carol:x:64100:64100::/home/carol:/bin/sh\n"
    files = {"subuid": "alice:1165536:65536\n", "passwd": passwd}
    said = doctor_with(files, open_folder)
    assert re.search(r"^user ids +enforced +required +1231072 to 12310\d\d, ", said, re.MULTILINE)
    assert "1165536 to 1231071 are subordinate ids of alice" in said
    assert re.search(r"^  -> user ids: .*worker\.uid_base", said, re.MULTILINE)
    assert re.search(r"^  -> user 64100 .*64100 is the user carol.*server\.run_as_uid", said, re.M)
    said = doctor_with({"subuid": "", "passwd": Path("/etc/passwd").read_text()}, open_folder)
    assert "1200000 to 12000" in said
    assert "->" not in said


def test_a_server_that_shares_its_user_says_so_and_one_without_free_ids_refuses(
    open_folder: Path,
) -> None:
    (open_folder / "subuid").write_text("alice:64000:4294900000\n")
    done = subprocess.run(
        [
            *("unshare", "--mount", "sh", "-c"),
            f"mount --bind {open_folder / 'subuid'} /etc/subuid && "
            f"exec {binary()} serve --port 0 --data-dir {open_folder / 'data'}",
        ],
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 71, done.stdout + done.stderr
    assert "warning: user 64100 serves the data folder" in done.stderr
    assert "user ids" in done.stderr
    assert "subordinate ids of alice" in done.stderr
    assert "token" not in done.stdout
    assert not (open_folder / "data" / "token").exists()


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
    server.unset("MECAPY_DEV_TOKEN")
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
