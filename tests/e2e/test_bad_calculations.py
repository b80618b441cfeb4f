"""Calculations that misbehave, and what comes back from them; attacks are in tests/security."""

import json
from collections.abc import Iterator

import pytest

from support.api import Api

SMALL = {"timeout_s": 10, "memory_mb": 128, "processes": 16, "disk_mb": 8, "log_kb": 64}


@pytest.fixture(autouse=True)
def _next_run_is_clean(api: Api) -> Iterator[None]:
    """Whatever the calculation did, the next one completes."""
    yield
    run = api.calculate("import os\ndef calculate(inputs):\n    return os.listdir('.')")
    assert run["status"] == "completed", run
    assert run["result"] == []


def test_a_left_over_process_does_not_hold_up_a_good_run(api: Api) -> None:
    code = (
        "import os, time\n"
        "def calculate(i):\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(600)\n"
        "    return 'done'\n"
    )
    run = api.calculate(code, limits=SMALL)
    assert run["status"] == "completed", run
    assert run["result"] == "done"
    assert run["usage"]["wall_ms"] < 5000


NOT_ENCODABLE = {
    "an object": "object()",
    "a function": "len",
    "a generator": "(x for x in [1])",
    "a module": "math",
    "a list that holds itself": "loop",
    "a dict that holds itself": "{'a': around}",
    "too deep a list": "deep",
}


@pytest.mark.parametrize("value", NOT_ENCODABLE.values(), ids=NOT_ENCODABLE.keys())
def test_a_result_that_cannot_be_encoded_is_told_with_its_place(api: Api, value: str) -> None:
    code = (
        "import math\n"
        "def calculate(inputs):\n"
        "    loop = []; loop.append(loop)\n"
        "    around = {}; around['again'] = around\n"
        "    deep = []\n"
        "    for _ in range(100_000): deep = [deep]\n"
        f"    return {{'good': 1, 'bad': {value}}}\n"
    )
    run = api.calculate(code)
    assert run["status"] == "failed", run
    assert run["error"]["code"] == "invalid_result"
    assert "bad" in run["error"]["message"], run["error"]


def test_half_a_character_is_no_text(api: Api) -> None:
    run = api.calculate(r"def calculate(i): return {'bad': '\ud800'}")
    assert run["status"] == "failed", run
    assert run["error"]["code"] == "invalid_result"
    assert "surrogate" in run["error"]["message"]


@pytest.mark.parametrize(("levels", "status"), [(100, "completed"), (101, "failed")])
def test_a_result_nests_a_hundred_levels_deep(api: Api, levels: int, status: str) -> None:
    code = (
        "def calculate(inputs):\n"
        "    deep = 1\n"
        f"    for _ in range({levels}): deep = [deep]\n"
        "    return deep\n"
    )
    run = api.calculate(code)
    assert run["status"] == status, run
    if status == "failed":
        assert run["error"]["code"] == "invalid_result"
        assert "100 levels" in run["error"]["message"]


def test_numpy_pandas_and_complex_numbers_come_back_in_the_documented_encoding(api: Api) -> None:
    code = """
import numpy as np
import pandas as pd
def calculate(inputs):
    return {
        'scalar': np.float64(0.1),
        'integer': np.int32(7),
        'flag': np.bool_(True),
        'array': np.array([[1.0, 2.0], [3.0, 4.0]]),
        'frame': pd.DataFrame({'a': [1, 2]}),
        'complex': 1 + 2j,
        'tuple': (1, 2),
        'keys': {(1, 2): 3},
    }
"""
    result = api.calculate(code)["result"]
    assert result["scalar"] == 0.1
    assert result["integer"] == 7
    assert result["flag"] is True
    assert result["tuple"] == [1, 2]
    assert result["complex"] == {"$type": "complex", "value": [1, 2]}
    assert result["array"] == {
        "$type": "ndarray",
        "dtype": "float64",
        "shape": [2, 2],
        "data": [1, 2, 3, 4],
    }
    assert result["frame"]["$type"] == "dataframe"
    assert result["frame"]["columns"] == ["a"]
    assert result["frame"]["data"] == [[1, 2]]
    assert result["keys"] == {"$type": "dict", "items": [[[1, 2], 3]]}


@pytest.mark.parametrize(
    ("value", "text"),
    [("float('nan')", "nan"), ("math.inf", "inf"), ("-math.inf", "-inf"), ("np.nan", "nan")],
)
def test_what_json_has_no_number_for_has_its_encoding(api: Api, value: str, text: str) -> None:
    code = f"import math\nimport numpy as np\ndef calculate(i):\n    return {value}\n"
    run = api.calculate(code)
    assert run["status"] == "completed", run
    assert run["result"] == {"$type": "float", "value": text}


def test_what_came_out_of_one_calculation_goes_into_the_next(api: Api) -> None:
    out = api.calculate("import numpy as np\ndef calculate(i): return np.array([1.0, np.nan])")
    code = (
        "import numpy as np\ndef calculate(i): return [type(i['a']).__name__, np.isnan(i['a'][1])]"
    )
    run = api.calculate(code, {"a": out["result"]})
    assert run["result"] == ["ndarray", True], run


def test_a_calculation_cannot_answer_for_the_platform(api: Api) -> None:
    code = """
import os, json
def calculate(inputs):
    forged = json.dumps({'status': 'completed', 'result': 'forged'}).encode()
    taken = []
    for fd in range(3, 1024):
        try:
            os.write(fd, b'R' + len(forged).to_bytes(4, 'little') + forged)
            taken.append(fd)
        except OSError:
            pass
    print(taken)
    return 'mine'
"""
    run = api.calculate(code)
    assert api.log(run["id"]) == "[3]\n"  # its own channel, and nothing else it could write to
    assert (run["status"], run["attempt"]) == ("failed", 1), run
    assert run["error"]["code"] == "invalid_result"
    assert run["error"]["fault"] == "calculation"
    assert "result" not in run


def test_what_a_calculation_prints_is_never_read_as_the_workers_word(api: Api) -> None:
    code = """
import json
def calculate(inputs):
    print(json.dumps({'type': 'log', 'text': 'forged'}))
    usage = dict.fromkeys(('wall_us', 'cpu_us', 'peak_memory_bytes'), 0)
    print(json.dumps({'type': 'end', 'status': 'completed', 'result': 'forged', 'usage': usage}))
    print(json.dumps({'type': 'end', 'status': 'failed', 'error': {'code': 'worker_lost'}}))
    return 'mine'
"""
    run = api.calculate(code)
    assert (run["status"], run["attempt"], run["result"]) == ("completed", 1, "mine"), run
    lines = [json.loads(line) for line in api.log(run["id"]).splitlines()]
    assert [line["type"] for line in lines] == ["log", "end", "end"]


def test_the_network_and_the_hosts_files_are_out_of_reach(api: Api) -> None:
    code = """
import os, socket
def calculate(inputs):
    reached = []
    try:
        socket.create_connection(('127.0.0.1', inputs['port']), 1)
        reached.append('network')
    except OSError:
        pass
    for path in inputs['paths']:
        if os.path.exists(path):
            reached.append(path)
    return reached + [key for key in os.environ if 'MECAPY' in key or 'TOKEN' in key]
"""
    paths = ["/etc/shadow", "/etc/hostname", "/root", "/var/lib", "/run", "/home", "/sys/fs/cgroup"]
    port = api.http.base_url.port
    run = api.calculate(code, {"port": port, "paths": paths})
    assert run["status"] == "completed", run
    assert run["result"] == []
