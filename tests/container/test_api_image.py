"""The API's image (deploy/api.Dockerfile), alone and with the worker's."""

import json
import os
import tempfile
from collections.abc import Iterator

import pytest

from support.api import expect
from support.container import podman, run_flags
from support.images import ContainedApi, ContainedWorker
from support.server import ROOT
from support.waiting import wait_until

LONG = """
import time
def calculate(inputs):
    print('begun', flush=True)
    time.sleep(3)
    return 'whole'
"""


@pytest.fixture(scope="module")
def objects() -> Iterator[str]:
    """A folder that both containers have; their user is 1000."""
    with tempfile.TemporaryDirectory(prefix="mecapy-e2e-", dir="/tmp") as folder:
        os.chown(folder, 1000, 1000)
        yield folder


@pytest.fixture(scope="module")
def worker(objects: str) -> Iterator[ContainedWorker]:
    one = ContainedWorker(
        *("-v", f"{objects}:{objects}"), worker_concurrency=2, objects_url=f"file://{objects}"
    )
    try:
        yield one.start()
    finally:
        one.remove()


@pytest.fixture
def api(worker: ContainedWorker, objects: str) -> Iterator[ContainedApi]:
    one = ContainedApi(
        *("--no-healthcheck=false", "-v", f"{objects}:{objects}"),
        objects_url=f"file://{objects}",
        worker_url=f"{worker.url}?concurrency=2",
        worker_token=worker.TOKEN,
    )
    try:
        yield one.start()
    finally:
        one.remove()


def test_a_calculation_goes_from_one_image_to_the_other(api: ContainedApi) -> None:
    folder = ROOT / "examples/bolt-stress"
    body = {
        "code": (folder / "calc.py").read_text(),
        "inputs": json.loads((folder / "inputs.json").read_text()),
    }
    run = expect(api.client.post("/api/tasks/execute?wait=30", body), 200)
    assert run["status"] == "completed", run
    assert run["result"] == {"stress": 100.0}
    large = api.client.calculate("def calculate(inputs):\n    return 'y' * 100_000\n")
    assert large["result"] == "y" * 100_000


def test_it_is_nobody_in_particular_and_holds_no_python(api: ContainedApi) -> None:
    assert api.shell("id -u") == "1000"
    assert api.shell("find / -xdev -name 'libpython*' -o -xdev -name mecapy-zygote") == ""
    assert "CapEff:\t0000000000000000" in api.shell("cat /proc/1/status")


def test_its_probe_passes_and_sigterm_lets_what_runs_end(api: ContainedApi) -> None:
    wait_until("the probe passes", api.healthy)
    run_id = api.client.start(str(api.client.create(LONG)["id"]), {})
    api.client.wait_for_log(run_id, "begun")
    assert api.stop() == 0
    api.start()
    run = api.client.run(run_id)
    assert (run["status"], run["attempt"]) == ("completed", 1), run


def test_without_a_worker_elsewhere_it_refuses_to_start() -> None:
    done = podman("run", "--rm", *run_flags(), "--env=PORT=0", os.environ["MECAPY_API_IMAGE"])
    assert done.returncode == 71, done.stderr
