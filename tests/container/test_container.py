"""`mecapy worker` in a container without capabilities, on a host that refuses user namespaces.

Run by `make container-test`, which builds the image and the host's seccomp profile.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.container import (
    EXAMPLES,
    MECAPY,
    ROOT_AS_USUAL,
    once,
    run_flags,
)
from support.images import ContainedWorker
from support.server import ROOT

NAMES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/calc.py"))


def test_doctor_says_that_container_can_be_kept_and_host_cannot() -> None:
    done = once(MECAPY, "doctor", "--profile", "container")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "can run calculations safely in the profile container" in done.stdout
    assert "the worker is user 1000 and cannot become another" in done.stdout
    done = once(MECAPY, "doctor", "--profile", "host")
    assert done.returncode == 71, done.stdout + done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("user namespace"))
    assert "refused by the host" in line


def test_host_is_refused_and_nothing_falls_to_container() -> None:
    done = once(MECAPY, "run", "--profile", "host", f"{EXAMPLES}/bolt-stress/calc.py")
    assert done.returncode == 71, done.stdout + done.stderr
    assert "isolation layer not available in the profile host" in done.stderr
    assert done.stdout == ""


def test_one_user_for_all_without_landlock_is_refused() -> None:
    flags = run_flags(host="MECAPY_SECCOMP_NO_LANDLOCK")
    done = once(MECAPY, "doctor", flags=flags)
    assert done.returncode == 71, done.stdout + done.stderr
    assert "neither Landlock nor a user per run" in done.stdout
    done = once(MECAPY, "run", f"{EXAMPLES}/bolt-stress/calc.py", flags=flags)
    assert done.returncode == 71, done.stdout
    assert "files kept apart" in done.stderr


def test_root_gives_each_run_a_user_of_its_own() -> None:
    code = "import os\ndef calculate(i): return os.getuid()"
    script = f"printf '{code}' > /tmp/calc.py; {MECAPY} doctor >&2 && {MECAPY} run /tmp/calc.py"
    done = once("sh", "-c", script, flags=run_flags(ROOT_AS_USUAL))
    assert done.returncode == 0, done.stderr
    assert "each run is a user of its own" in done.stderr
    assert int(done.stdout) >= 200_000


def test_root_without_landlock_needs_an_image_where_others_can_write_nowhere() -> None:
    flags = run_flags(ROOT_AS_USUAL, "MECAPY_SECCOMP_NO_LANDLOCK")
    done = once(MECAPY, "doctor", flags=flags)
    assert done.returncode == 71, done.stdout
    assert "a run could write into a folder open to all" in done.stdout
    closed = "chmod 755 /tmp /var/tmp /dev/shm /dev/mqueue /run/lock /var/lock; mkdir /s;"
    example = f"{EXAMPLES}/bolt-stress"
    run = f"exec {MECAPY} run {example}/calc.py -i @{example}/inputs.json"
    done = once("sh", "-c", f"{closed} MECAPY_WORKER_SCRATCH=/s {run}", flags=flags)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"stress": 100.0}


@pytest.mark.parametrize("name", NAMES)
def test_an_example_gives_its_published_values(name: str) -> None:
    folder = f"{EXAMPLES}/{name}"
    done = once(MECAPY, "run", f"{folder}/calc.py", "-i", f"@{folder}/inputs.json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    for check in json.loads((ROOT / "examples" / name / "expected.json").read_text())["checks"]:
        found: Any = result
        for key in check["pointer"].strip("/").split("/"):
            found = found[int(key)] if isinstance(found, list) else found[key]
        if isinstance(found, dict):
            continue  # an encoded array: test_examples.py looks into these
        tolerance = {key: check[key] for key in ("rel_tol", "abs_tol") if key in check}
        expected = pytest.approx(
            check["value"], rel=tolerance.get("rel_tol"), abs=tolerance.get("abs_tol")
        )
        assert found == expected, check


@pytest.fixture(scope="module")
def worker() -> Iterator[ContainedWorker]:
    one = ContainedWorker()
    try:
        yield one.start()
    finally:
        one.remove()


PROCESSES = "ls -d /proc/[0-9]* | wc -l"
# Of each run's folder, those of prepared sandboxes apart: what lies in it.
LEFT = "find /tmp/mecapy-runs-* -mindepth 3 -not -path '*/cache/*' -not -path '*/.matplotlib*'"


@pytest.fixture(autouse=True)
def next_run_is_clean(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test of the worker the next run is answered, and nothing is left of the last."""
    yield
    if "worker" not in request.fixturenames:
        return
    one: ContainedWorker = request.getfixturevalue("worker")
    answer = one.calculate("return sorted(os.listdir('.'))")
    assert answer.get("result") == [], answer
    assert one.shell(LEFT) == ""
    assert int(one.shell(PROCESSES)) < 40


def test_the_worker_holds_nothing_to_isolate_with(worker: ContainedWorker) -> None:
    status = worker.shell("cat /proc/1/status")
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert lines["Uid"].split() == ["1000"] * 4
    assert lines["CapEff"] == lines["CapBnd"] == "0" * 16
    refused = worker.shell("unshare -U true 2>&1; echo $?")
    assert "Operation not permitted" in refused


def test_execute_answers_with_result_and_usage(worker: ContainedWorker) -> None:
    answer = worker.calculate("import numpy as np\nreturn float(np.ones(3).sum())")
    assert answer["status"] == "completed", answer
    assert answer["result"] == 3
    assert answer["usage"]["wall_us"] > 0
    assert answer["usage"]["peak_memory_bytes"] > 0


LIMITS = {
    "process_limit": "while True:\n    try: os.fork()\n    except OSError: pass",
    "out_of_memory": "blocks = []\nwhile True: blocks.append(bytearray(1 << 22))",
    "disk_limit": (
        "for i in range(200):\n    with open(f'f{i}', 'wb') as f: f.write(bytes(1 << 20))"
    ),
    "timeout": "while True:\n    try: time.sleep(60)\n    except BaseException: pass",
    "cpu_limit": "while True: pass",
    "output_limit": "while True: print('x' * 100)",
    "crashed": "ctypes.string_at(0)",
}


@pytest.mark.parametrize("code", LIMITS)
def test_a_limit_is_named(worker: ContainedWorker, code: str) -> None:
    limits = {"timeout": {"timeout_s": 0.5}, "cpu_limit": {"cpu_s": 0.3}}.get(code, {})
    answer = worker.calculate(LIMITS[code], **limits)
    assert answer["error"]["code"] == code, answer


# Each returns what it reached.
ATTACKS = {
    "signals": """
reached = []
for pid in [1, os.getppid()] + list(range(2, 200)):
    if pid == os.getpid(): continue
    for number in (0, 9):
        try: os.kill(pid, number); reached.append(pid)
        except (PermissionError, ProcessLookupError): pass
return reached""",
    "files": """
reached = []
for path in ('/proc/1/environ', '/proc/1/mem', '/proc/self/mem', '/etc/passwd', '/etc/shadow',
             '/opt/mecapy/mecapy', '/tmp/mecapy/token'):
    try: reached.append(open(path, 'rb').read(1).hex())
    except OSError: pass
for path in ('/', '/tmp', '/tmp/mecapy', '/proc', '/sys', '/dev', '/dev/shm', '..', '../..'):
    try: reached.append(os.listdir(path))
    except OSError: pass
return reached""",
    "leftovers": """
reached = []
for folder in ('/tmp', '/var/tmp', '/dev/shm', '/dev/mqueue', '/run', '/run/lock', '..', '../..',
               '/tmp/mecapy'):
    try: open(folder + '/left', 'w'); reached.append(folder)
    except OSError: pass
return reached""",
    "network": """
import socket, urllib.request
reached = []
for kind in ((2, 1), (10, 2), (2, 3, 1), (17, 3), (1, 1), (16, 3), (40, 1)):
    try: socket.socket(*kind); reached.append(kind)
    except OSError: pass
try: urllib.request.urlopen('http://169.254.169.254/', timeout=1); reached.append('metadata')
except OSError: pass
return reached""",
    "kernel": """
libc = ctypes.CDLL(None, use_errno=True)
numbers = (101, 310, 311, 272, 308, 165, 166, 155, 161, 321, 298, 323, 250, 248, 425, 56 | 0x0,
           317, 105, 117, 112, 109, 434, 438, 440, 29, 64, 68, 240, 319, 59, 322)
flags = {56: 0x10000000}
return [n for n in numbers if libc.syscall(n, flags.get(n, 0), 0, 0, 0, 0, 0) >= 0]""",
    "staying": """
if os.fork() == 0:
    if os.fork() == 0:
        try: os.setsid()
        except PermissionError: pass
        time.sleep(60)
    os._exit(0)
os.wait()
return []""",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_reaches_nothing(worker: ContainedWorker, name: str) -> None:
    before = int(worker.shell(PROCESSES))
    answer = worker.calculate(ATTACKS[name])
    assert answer["status"] == "completed", answer
    assert answer["result"] == []
    assert int(worker.shell(PROCESSES)) <= before + 2
