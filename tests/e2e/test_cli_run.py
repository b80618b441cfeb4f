"""The command line: one calculation without a server."""

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from support.processes import find_process
from support.server import binary, environment, run_mecapy
from support.waiting import wait_until


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


def test_the_file_may_stand_behind_its_inputs(bolt: Path) -> None:
    done = run_mecapy("run", "-i", "force=1000", "-i", "section=10", str(bolt))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"stress": 100}


def test_run_takes_json_values_and_plain_words(tmp_path: Path) -> None:
    file = calculation(tmp_path, "def calculate(inputs):\n    return inputs\n")
    arguments = ["number=0.1", "list=[1,2]", "text=steel", "flag=true", 'quoted="7"', "empty="]
    flags = [word for one in arguments for word in ("--inputs", one)]
    done = run_mecapy("run", file, *flags)
    assert done.returncode == 0, done.stderr
    expected = {"number": 0.1, "list": [1, 2], "text": "steel", "flag": True, "quoted": "7"}
    assert json.loads(done.stdout) == expected | {"empty": ""}


def test_an_input_comes_from_a_file_of_its_own(tmp_path: Path) -> None:
    file = calculation(tmp_path, "def calculate(inputs):\n    return inputs\n")
    data = tmp_path / "l.json"
    data.write_text("[1,\n 0.10]\n")
    done = run_mecapy("run", file, "-i", f"data=@{data}", "-i", 'text="@x"')
    assert (done.returncode, json.loads(done.stdout)) == (0, {"data": [1, 0.1], "text": "@x"})
    command = [str(binary()), "run", file, "-i", "data=@-"]
    out = subprocess.run(command, env=environment({}), input=b"[2]\n", capture_output=True)
    assert json.loads(out.stdout) == {"data": [2]}
    done = run_mecapy("run", "-", "-i", "data=@-")
    assert "code and inputs cannot both be standard input" in done.stderr
    data.write_text("[1,\n x]")
    done = run_mecapy("run", file, "-i", f"data=@{data}")
    assert done.returncode == 64
    assert f"{data}: " in done.stderr
    assert "in line 2, column 2" in done.stderr
    done = run_mecapy("run", file, "-i", "data=@me")
    assert done.returncode == 64
    assert "cannot read me: No such file" in done.stderr
    assert """; the text itself is -i 'data="@me"'""" in done.stderr


def test_a_failure_of_run_shows_the_authors_line(tmp_path: Path) -> None:
    code = "def calculate(inputs):\n    return 1 / inputs['zero']\n"
    done = run_mecapy("run", calculation(tmp_path, code), "--inputs", "zero=0")
    assert done.returncode == 11
    assert "ZeroDivisionError" in done.stderr
    assert "return 1 / inputs['zero']" in done.stderr
    assert f'File "{tmp_path}/calc.py", line 2' in done.stderr


ASYNC = "calculate is async: a calculation is a plain function"
GENERATOR = "calculate is a generator: return a value, do not yield"
COROUTINE = (
    "calculate returned a coroutine, which nothing awaits: a calculation is a plain function"
)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("async def calculate(i):\n    return 1\n", f"invalid_code (line 1): {ASYNC}"),
        ("async def calculate(i):\n    yield 1\n", f"invalid_code (line 1): {ASYNC}"),
        ("def calculate(i):\n    yield 1\n", f"invalid_code (line 1): {GENERATOR}"),
        (
            "async def f():\n    return 1\ndef calculate(i):\n    return f()\n",
            f"invalid_result: {COROUTINE}",
        ),
    ],
    ids=["async", "async generator", "generator", "coroutine"],
)
def test_a_calculation_is_a_plain_function(tmp_path: Path, code: str, told: str) -> None:
    done = run_mecapy("run", calculation(tmp_path, code))
    assert done.stderr.endswith(f"mecapy: {told}\n"), done.stderr
    assert "Warning" not in done.stdout + done.stderr


def test_an_import_after_the_answer_does_no_damage(tmp_path: Path) -> None:
    code = (
        "class Last:\n"
        "    def __del__(self):\n"
        "        import wave\n"
        "def calculate(i):\n"
        "    last = Last()\n"
        "    raise ValueError('bad')\n"
    )
    done = run_mecapy("run", calculation(tmp_path, code))
    assert "damaged" not in done.stderr
    assert "mecapy: user_error (line 6): ValueError: bad" in done.stderr


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


def test_progress_in_percent_is_told_of_in_the_log(tmp_path: Path) -> None:
    code = (
        "from mecapy import progress\n"
        "def calculate(i):\n"
        "    progress(40, 'percent')\n"
        "    progress(60, 'percent')\n"
        "    return 1\n"
    )
    file = calculation(tmp_path, code)
    done = run_mecapy("run", file)
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert f"{file}:3: UserWarning: progress is from 0 to 1, not 40\n" in done.stderr
    assert done.stderr.count("UserWarning") == 1


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
    [told] = [line for line in done.stderr.splitlines() if line.startswith("mecapy: timeout")]
    assert len(re.findall("timeout", told)) == 1, done.stderr


def test_a_run_out_of_memory_says_how_to_ask_for_more(tmp_path: Path) -> None:
    file = calculation(tmp_path, "def calculate(i):\n    return len(bytearray(400 << 20))\n")
    done = run_mecapy("run", file, "-l", "memory_mb=128")
    assert done.returncode == 21, done.stderr
    advice = "  -> -l memory_mb=N asks for more, up to the ceiling limits.max_memory_mb"
    assert advice in done.stderr
    assert done.stderr.lower().count("out of memory") <= 1


def test_run_keeps_to_the_limits_it_is_given(tmp_path: Path) -> None:
    file = calculation(tmp_path, "import time\ndef calculate(i):\n    time.sleep(60)\n")
    done = run_mecapy("run", file, "--limit", "timeout_s=0.2")
    assert done.returncode == 20, done.stderr
    assert "0.2 s" in done.stderr
