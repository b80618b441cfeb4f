"""Every way a calculation can fail: the code, whose fault it is, and the author's own lines.

The platform's own faults are in test_platform_outcomes.py.
"""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.api import Api

PLATFORM_WORDS = re.compile(r"harness|zygote|/work/|runtime|mecapy")
FRAME = re.compile(r'^  File "(.*)", line \d+, in ', re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """A calculation and how it must end."""

    outcome: str
    message: str  # a pattern found in the message
    code: str
    limits: dict[str, float] = field(default_factory=dict)
    line: int | None = None  # of the author's code, where the language knows it


RAISES_IN_A_FUNCTION = """
def check(section):
    if section == 0:
        raise ValueError('section must not be zero')
def calculate(inputs):
    check(0)
"""

CALCULATION = {
    "raises in a function": Case(
        "user_error",
        r"^ValueError: section must not be zero$",
        RAISES_IN_A_FUNCTION,
        line=4,
    ),
    "raises while it is loaded": Case(
        "user_error",
        r"^ZeroDivisionError: ",
        "x = 1\ny = x / 0\ndef calculate(i): pass\n",
        line=2,
    ),
    "calls itself for ever": Case(
        "user_error", r"^RecursionError: ", "def calculate(inputs):\n    return calculate(inputs)\n"
    ),
    "imports what is not there": Case(
        "user_error",
        r"^ModuleNotFoundError: .*numpi.* \(there are the standard library, numpy, scipy, ",
        "def calculate(inputs):\n    import numpi\n",
        line=2,
    ),
    "takes no inputs": Case(
        "invalid_code",
        r"^calculate must take the inputs, calculate\(inputs\): .*takes 0 positional arguments",
        "import math\n\ndef calculate():\n    return math.pi\n",
        line=3,
    ),
    "takes more than the inputs": Case(
        "invalid_code",
        r"^calculate must take the inputs, calculate\(inputs\): .*'section'",
        "def calculate(force, section):\n    return force / section\n",
        line=1,
    ),
    "asks the network": Case(
        "user_error",
        r"urlopen error .*\(a calculation has no network\)$",
        "import urllib.request\ndef calculate(i):\n"
        "    return urllib.request.urlopen('http://example.com').read()\n",
        line=3,
    ),
    "starts a program": Case(
        "user_error",
        r"\(a calculation cannot start other programs\)$",
        "import subprocess\ndef calculate(i):\n    return subprocess.run(['ls']).returncode\n",
        line=3,
    ),
    "calls sys.exit": Case(
        "invalid_result", r"sys\.exit\(3\)", "import sys\ndef calculate(i):\n    sys.exit(3)\n"
    ),
    "returns an object": Case(
        "invalid_result", r"object", "def calculate(inputs):\n    return {'a': [object()]}\n"
    ),
    "leaves without a result": Case(
        "invalid_result", r"no result", "import os\ndef calculate(i):\n    os._exit(0)\n"
    ),
    "is no function any more": Case(
        "invalid_code", r"calculate", "def calculate(i): pass\ncalculate = 3\n"
    ),
    "leaves with a status": Case(
        "crashed", r"exit status 3", "import os\ndef calculate(i):\n    os._exit(3)\n"
    ),
    "reads where nothing is": Case(
        "crashed", r"SIGSEGV", "import ctypes\ndef calculate(i):\n    ctypes.string_at(1)\n"
    ),
    "aborts": Case("crashed", r"SIGABRT", "import os\ndef calculate(i):\n    os.abort()\n"),
}

LIMITS = {
    "sleeps": Case(
        "timeout",
        r"0\.3 s",
        "import time\ndef calculate(i):\n    time.sleep(600)\n",
        {"timeout_s": 0.3},
    ),
    "never returns": Case(
        "timeout",
        r"0\.5 s",
        "def calculate(i):\n    while True: pass\n",
        {"timeout_s": 0.5, "cpu_s": 60},
    ),
    "uses its CPU time up": Case(
        "cpu_limit",
        r"of 1 s of CPU",
        "def calculate(i):\n    while True: pass\n",
        {"timeout_s": 30, "cpu_s": 1},
    ),
    "fills memory": Case(
        "out_of_memory",
        r"of 96 MiB",
        "def calculate(i):\n    kept = []\n    while True: kept.append(bytearray(1 << 20))\n",
        {"memory_mb": 96},
    ),
    "fills the disk": Case(
        "disk_limit",
        r"at most 2 MiB",
        "def calculate(i):\n    open('big.bin', 'wb').write(bytes(8 << 20))\n",
        {"disk_mb": 2},
    ),
    "starts many threads": Case(
        "process_limit",
        r"at most 8",
        "import threading, time\n"
        "def calculate(i):\n"
        "    for _ in range(64): threading.Thread(target=time.sleep, args=(9,)).start()\n",
        {"processes": 8},
    ),
    "forks many times": Case(
        "process_limit",
        r"at most 8",
        "import os, time\n"
        "def calculate(i):\n"
        "    for _ in range(64):\n"
        "        if os.fork() == 0: time.sleep(9)\n",
        {"processes": 8},
    ),
    "prints without end": Case(
        "output_limit",
        r"4 KiB",
        "def calculate(i):\n    while True: print('x' * 100)\n",
        {"log_kb": 4},
    ),
    "returns too much": Case(
        "output_limit",
        r"result",
        "def calculate(i):\n    return 'x' * 100_000\n",
        {"result_mb": 0.01},
    ),
    "leaves too large a file": Case(
        "output_limit",
        r"artifact",
        "def calculate(i):\n    open('a.bin', 'wb').write(bytes(3 << 20))\n",
        {"artifacts_mb": 1},
    ),
}


@pytest.mark.parametrize("case", CALCULATION.values(), ids=CALCULATION.keys())
def test_a_fault_of_the_calculation_is_named(api: Api, case: Case) -> None:
    expect_outcome(api, case, "calculation")


@pytest.mark.parametrize("case", LIMITS.values(), ids=LIMITS.keys())
def test_a_limit_that_was_reached_is_named_with_its_figure(api: Api, case: Case) -> None:
    expect_outcome(api, case, "limit")


def test_the_traceback_is_the_authors_lines_and_nobody_elses(api: Api) -> None:
    run = api.calculate(RAISES_IN_A_FUNCTION)
    traceback = run["error"]["traceback"]
    assert "raise ValueError('section must not be zero')" in traceback
    assert "check(0)" in traceback
    assert traceback.index("line 6") < traceback.index("line 4")
    assert FRAME.findall(traceback) == ["calc.py", "calc.py"]
    assert not PLATFORM_WORDS.search(traceback), traceback


def test_a_failure_inside_a_library_shows_where_the_author_called_it(api: Api) -> None:
    code = "import numpy as np\ndef calculate(i):\n    return np.linalg.inv(np.zeros((2, 2)))\n"
    error = api.calculate(code)["error"]
    assert error["message"].endswith("LinAlgError: Singular matrix")
    assert error["line"] == 3
    assert "np.linalg.inv(np.zeros((2, 2)))" in error["traceback"]
    library = ["site-packages/numpy/linalg/_linalg.py"] * 2
    assert FRAME.findall(error["traceback"]) == ["calc.py", *library]
    assert not PLATFORM_WORDS.search(error["traceback"]), error


def test_a_failure_inside_pythons_own_library_shows_its_lines_by_their_name(api: Api) -> None:
    code = "import json\ndef calculate(i):\n    return json.loads('{')\n"
    error = api.calculate(code)["error"]
    library = ["python/json/__init__.py", "python/json/decoder.py", "python/json/decoder.py"]
    assert FRAME.findall(error["traceback"]) == ["calc.py", *library]
    assert not PLATFORM_WORDS.search(error["traceback"]), error


def test_a_chained_exception_tells_its_cause(api: Api) -> None:
    code = (
        "def calculate(inputs):\n"
        "    try:\n"
        "        inputs['force']\n"
        "    except KeyError as error:\n"
        "        raise RuntimeError('force is needed') from error\n"
    )
    error = api.calculate(code)["error"]
    assert error["message"] == "RuntimeError: force is needed"
    assert "KeyError" in error["traceback"]


def test_a_users_error_is_not_tried_again(api: Api) -> None:
    assert api.calculate("def calculate(inputs):\n    raise OSError('mine')")["attempt"] == 1


def expect_outcome(api: Api, case: Case, fault: str) -> None:
    run = api.calculate(case.code, limits=case.limits or None)
    assert run["status"] == "failed", run
    error = run["error"]
    assert error["code"] == case.outcome, error
    assert error["fault"] == fault
    assert re.search(case.message, error["message"]), error["message"]
    assert not PLATFORM_WORDS.search(error["message"]), error["message"]
    if case.line is not None:
        assert error["line"] == case.line, error
        assert case.code.splitlines()[case.line - 1].strip() in error["traceback"]
    assert "result" not in run
    assert run["attempt"] == 1
    assert api.run(run["id"])["error"] == error


CLAIMS = {
    "memory": "raise MemoryError('mine')",
    "a huge array": "import numpy as np; np.ones(1 << 38)",
    "disk": "raise OSError(28, 'No space left on device')",
    "processes": "raise BlockingIOError(11, 'Resource temporarily unavailable')",
    "an empty pipe": "import os; r, w = os.pipe(); os.set_blocking(r, False); os.read(r, 1)",
}


@pytest.mark.parametrize("line", CLAIMS.values(), ids=CLAIMS.keys())
def test_a_limit_that_was_not_reached_is_not_blamed(api: Api, line: str) -> None:
    run = api.calculate(f"def calculate(inputs):\n    {line}\n")
    assert run["error"]["code"] == "user_error", run["error"]


def test_a_signal_sent_to_oneself_is_no_limit(api: Api) -> None:
    code = "import os, signal\ndef calculate(i): os.kill(os.getpid(), signal.SIGXCPU)\n"
    assert api.calculate(code)["error"]["code"] == "crashed"


def test_every_code_of_the_served_list_is_reached_here_or_by_the_platform(api: Api) -> None:
    document = api.read("/api/openapi.json")
    served = set(document["components"]["schemas"]["RunError"]["properties"]["code"]["enum"])
    reached = {case.outcome for case in (CALCULATION | LIMITS).values()}
    assert served == reached | platform_codes_reached()


def platform_codes_reached() -> set[str]:
    """The codes that the tests of the platform's own faults expect of a run."""
    tree = ast.parse(Path(__file__).with_name("test_platform_outcomes.py").read_text())
    expected = [
        node.args[1]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "expect_platform_failure"
    ]
    return {str(node.value) for node in expected if isinstance(node, ast.Constant)}
