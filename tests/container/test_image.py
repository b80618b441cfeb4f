"""The worker's image (deploy/worker.Dockerfile): what is in it, and how it starts and ends."""

import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.container import MECAPY, ROOT_AS_USUAL, once, podman, run_flags
from support.images import ContainedWorker
from support.server import ROOT, run_mecapy
from support.waiting import wait_until


def image_says(template: str) -> str:
    """What the image itself says."""
    told = podman("image", "inspect", "--format", template, os.environ["MECAPY_IMAGE"])
    assert told.returncode == 0, told.stderr
    return told.stdout.strip()


@pytest.fixture
def worker() -> Iterator[ContainedWorker]:
    one = ContainedWorker()
    try:
        yield one.start()
    finally:
        one.remove()


def test_it_is_nobody_in_particular_when_nobody_says_who() -> None:
    assert image_says("{{.Config.User}}") == "1000:1000"
    done = once("sh", "-c", "id -u; touch /opt/mecapy/x", flags=run_flags(("--cap-drop", "all")))
    assert done.stdout.strip() == "1000"
    assert "Permission denied" in done.stderr


def test_without_a_token_it_refuses_to_start() -> None:
    done = podman("run", "--rm", *run_flags(), os.environ["MECAPY_IMAGE"])
    assert done.returncode == 64, done.stderr
    assert "set worker.token (MECAPY_WORKER_TOKEN)" in done.stderr


def test_a_port_that_is_none_is_refused() -> None:
    flags = (*run_flags(), "--env=PORT=web", "--env=MECAPY_WORKER_TOKEN=t")
    done = podman("run", "--rm", *flags, os.environ["MECAPY_IMAGE"])
    assert done.returncode == 64, done.stderr
    assert "--port" in done.stderr


def test_it_answers_where_port_says_and_only_callers_with_the_token(
    worker: ContainedWorker,
) -> None:
    assert f"http://0.0.0.0:{worker.port}" in worker.logs()
    assert worker.calculate("return 1")["result"] == 1
    answer = worker.http.post("/execute", json={}, headers={"X-Auth-Token": "another"})
    assert answer.status_code == 401


def test_the_program_is_the_first_process(worker: ContainedWorker) -> None:
    assert worker.shell("cat /proc/1/comm") == "mecapy-worker"


def test_it_runs_on_a_root_that_nobody_can_write() -> None:
    one = ContainedWorker("--read-only", "--tmpfs", "/tmp:size=256m")
    try:
        one.start()
        answer = one.calculate("open('f', 'w').write('x')\nimport numpy\nreturn float(numpy.pi)")
        assert answer["result"] == pytest.approx(3.14159265), answer
    finally:
        one.remove()


def test_as_root_it_serves_on_a_host_without_landlock_too() -> None:
    """Each run is a user of its own there, and finds nothing that it could write but its folder."""
    host = run_flags(ROOT_AS_USUAL, "MECAPY_SECCOMP_NO_LANDLOCK")
    one = ContainedWorker(usual=host)
    try:
        one.start()
        answer = one.calculate("return os.getuid()")
        assert answer["result"] >= 200_000, answer
        places = "('/tmp', '/var/tmp', '/dev/shm', '/dev/mqueue', '/run/lock', '/')"
        answer = one.calculate(f"return [p for p in {places} if os.access(p, os.W_OK)]")
        assert answer["result"] == [], answer
    finally:
        one.remove()


def test_the_packages_are_those_of_the_lock() -> None:
    lock = (ROOT / "runtime/python/requirements.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", lock, re.MULTILINE))
    listed = once("sh", "-c", "ls /opt/mecapy/venv/lib/python3.11/site-packages").stdout
    found = dict(re.findall(r"^(\S+)-([^-\s]+)\.dist-info$", listed, re.MULTILINE))
    assert {name.replace("_", "-").lower(): version for name, version in found.items()} == locked


# Tests, and what builds packages.
WITHOUT = ["tests", "conftest", "__main__"]
WITHOUT += ["distutils", "_distutils", "_distutils_hack", "pip", "pkg_resources", "setuptools"]
# The name of every module of the environment that a run can import, those apart.
IMPORT_ALL = """
def calculate(inputs):
    import contextlib, importlib, io, numpy, os, pkgutil, warnings
    warnings.simplefilter('ignore')
    done = []
    def visit(folders, before):
        for found in pkgutil.iter_modules(folders):
            if found.name in inputs['without']:
                continue
            name = before + found.name
            try:
                quiet = io.StringIO()
                with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
                    module = importlib.import_module(name)
            except BaseException:
                continue
            done.append(name)
            visit(getattr(module, '__path__', []), name + '.')
    visit([os.path.dirname(numpy.__path__[0])], '')
    return done
"""


@pytest.mark.timeout(180)
def test_everything_that_can_be_imported_still_can(tmp_path: Path) -> None:
    """What the image leaves out is missed by no module: compared with the whole environment."""
    calculation = tmp_path / "calc.py"
    calculation.write_text(IMPORT_ALL)
    tmp_path.chmod(0o755)
    without = f"without={json.dumps(WITHOUT)}"
    arguments = (str(calculation), "-i", without, "-l", "memory_mb=800", "-l", "timeout_s=60")
    there = run_mecapy("run", *arguments)
    assert there.returncode == 0, there.stderr
    here = once(MECAPY, "run", *arguments, flags=[*run_flags(), "-v", f"{tmp_path}:{tmp_path}:ro"])
    assert here.returncode == 0, here.stderr
    whole, found = set(json.loads(there.stdout)), set(json.loads(here.stdout))
    assert len(whole) > 1000
    assert whole - found == set()


def test_the_probe_passes_a_running_run_ends_in_peace_and_then_the_container() -> None:
    """SIGTERM: the probe fails from then on, the answer still arrives, the status is 0."""
    one = ContainedWorker("--no-healthcheck=false", server_drain_s=20)
    try:
        one.start()
        wait_until("the probe passes", one.healthy)
        body = "print('begun', flush=True)\ntime.sleep(3)\nreturn 'whole'"
        with (
            one.http.stream(
                "POST",
                "/execute",
                json=one.request(body),
                headers={"Accept": "application/x-ndjson"},
            ) as answer,
            ThreadPoolExecutor(1) as beside,
        ):
            lines = answer.iter_lines()
            assert any("begun" in line for line in lines)
            stopped = beside.submit(one.stop)
            wait_until("the probe fails", lambda: not one.healthy(), 2.5)
            rest = [json.loads(line) for line in lines]
        assert rest[-1]["status"] == "completed", rest
        assert rest[-1]["result"] == "whole"
        assert stopped.result() == 0
    finally:
        one.remove()


def test_a_run_longer_than_the_drain_does_not_hold_the_container() -> None:
    one = ContainedWorker(server_drain_s=0.5)
    try:
        one.start()
        with one.http.stream(
            "POST",
            "/execute",
            json=one.request("print('begun', flush=True)\ntime.sleep(9)"),
            headers={"Accept": "application/x-ndjson"},
        ) as answer:
            assert any("begun" in line for line in answer.iter_lines())
            assert one.stop() == 0
    finally:
        one.remove()
