"""Long runs on a real Slurm cluster: each is a batch job of its own."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import long_runs
from support.api import Json, expect
from support.long_runs import read
from support.server import Server
from support.slurm import Cluster, SlurmServer
from support.waiting import wait_until

STRESS = """
import pathlib, time

def calculate(inputs):
    print("begins", flush=True)
    time.sleep(inputs.get("seconds", 0))
    pathlib.Path("note.txt").write_text("kept")
    return {"stress": inputs["force"] / 10}
"""
HUNGRY = """
import time

def calculate(inputs):
    kept = bytearray(250 << 20)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    own = Cluster()
    try:
        yield own
    finally:
        own.stop()


@pytest.fixture(scope="module")
def server(cluster: Cluster) -> Iterator[SlurmServer]:
    one = SlurmServer(cluster)
    try:
        one.start()
        yield one
    finally:
        one.remove()


@pytest.fixture(scope="module")
def overdue(server: SlurmServer, cluster: Cluster) -> str:
    """A run whose job Slurm ends when its minute is over; it begins before the other tests."""
    run_id = begin(server, {"force": 1, "seconds": 600})
    running(server, run_id)
    [[job, _, _]] = cluster.jobs()
    cluster.call("scontrol", "update", f"JobId={job}", "TimeLimit=1")
    return run_id


def begin(server: Server, inputs: Json, code: str = STRESS, **limits: float) -> str:
    wanted = {"timeout_s": 1000, **limits}
    body = {"code": code, "inputs": inputs, "limits": wanted, "estimated_duration_s": 900}
    return str(expect(server.api().post("/api/tasks/execute", body), 202)["run_id"])


def ended(server: Server, run_id: str, timeout_s: float = 90) -> Json:
    return long_runs.ended(server, run_id, timeout_s)


def running(server: Server, run_id: str, attempt: int = 1) -> None:
    def is_running() -> bool:
        run = read(server, run_id)
        assert run["status"] in ("queued", "running"), run
        return (run["status"], run["attempt"]) == ("running", attempt)

    wait_until("the run runs", is_running, 60)


@pytest.mark.usefixtures("overdue")
def test_a_long_run_is_a_job_and_its_folder_goes_with_it(
    server: SlurmServer, cluster: Cluster
) -> None:
    run = ended(server, begin(server, {"force": 1000}))
    assert run["status"] == "completed", run
    assert run["result"] == {"stress": 100.0}
    assert (run["backend"], run["attempt"]) == ("dedicated_instance", 1)
    [note] = run["artifacts"]
    assert server.api().get(note["url"]).text == "kept"
    assert server.api().get(f"/api/runs/{run['id']}/logs").text == "begins\n"
    # Its worker left by itself.
    wait_until("the job is over", lambda: len(cluster.jobs()) == 1)
    states = {job: state for job, _, state in cluster.jobs("--states=all")}
    assert sorted(states.values()) == ["COMPLETED", "RUNNING"]
    wait_until("one folder is left", lambda: len(list(server.shared.glob("*/*"))) == 1, 30)


def test_its_own_limits_hold_there(server: SlurmServer) -> None:
    late = begin(server, {"force": 1, "seconds": 60}, timeout_s=6)
    greedy = begin(server, {}, HUNGRY, memory_mb=200)
    for run_id, code in ((late, "timeout"), (greedy, "out_of_memory")):
        run = ended(server, run_id)
        assert (run["status"], run["error"]["code"], run["attempt"]) == ("failed", code, 1), run


def test_a_cancelled_run_leaves_its_node(server: SlurmServer, cluster: Cluster) -> None:
    run_id = begin(server, {"force": 1, "seconds": 600})
    running(server, run_id)
    expect(server.api().post(f"/api/runs/{run_id}/cancel"), 200)
    assert ended(server, run_id)["status"] == "cancelled"
    wait_until("its job is over", lambda: len(cluster.jobs()) == 1, 60)


@pytest.mark.timeout(240)
def test_a_job_beyond_its_time_is_a_timeout(
    server: SlurmServer, cluster: Cluster, overdue: str
) -> None:
    run = ended(server, overdue, 180)
    assert (run["status"], run["error"]["code"], run["attempt"]) == ("failed", "timeout", 1), run
    assert "TIMEOUT" in run["error"]["message"]
    server.nothing_left(cluster)


def test_a_job_that_slurm_ends_for_memory_is_out_of_memory(cluster: Cluster) -> None:
    """What a job takes is judged by Slurm as well; here it leaves no room for the worker."""
    server = SlurmServer(cluster, machines_slurm_beside_mb=0)
    try:
        server.start()
        run = ended(server, begin(server, {}, HUNGRY, memory_mb=300))
        told = (run["status"], run["error"]["code"], run["attempt"])
        assert told == ("failed", "out_of_memory", 1), run
        server.nothing_left(cluster)
    finally:
        server.remove()


def test_a_queued_job_is_cancelled_with_its_run(server: SlurmServer, cluster: Cluster) -> None:
    cluster.take_node("drain")
    try:
        run_id = begin(server, {"force": 1})
        wait_until("a job waits", lambda: len(cluster.jobs("--states=PENDING")) == 1, 30)
        said = "slurm job: its machine is not on yet: PENDING ("
        wait_until("it says why", lambda: said in read(server, run_id).get("waiting", ""), 30)
        assert read(server, run_id)["status"] == "queued"
        expect(server.api().post(f"/api/runs/{run_id}/cancel"), 200)
        assert ended(server, run_id, 5)["status"] == "cancelled"
        server.nothing_left(cluster)
    finally:
        cluster.give_node_back()


def test_a_killed_server_takes_its_queued_job_up_again(
    server: SlurmServer, cluster: Cluster
) -> None:
    cluster.take_node("drain")
    try:
        run_id = begin(server, {"force": 20})
        wait_until("a job waits", lambda: len(cluster.jobs("--states=PENDING")) == 1, 30)
        waiting = cluster.jobs("--states=PENDING")
        server.kill()
        server.start()
    finally:
        cluster.give_node_back()
    run = ended(server, run_id)
    assert (run["status"], run["result"]) == ("completed", {"stress": 2.0}), run
    assert run["attempt"] == 1
    server.nothing_left(cluster)
    assert waiting[0][:2] in [job[:2] for job in cluster.jobs("--states=COMPLETED")]


@pytest.mark.timeout(240)
def test_a_run_whose_node_fails_is_repeated(server: SlurmServer, cluster: Cluster) -> None:
    run_id = begin(server, {"force": 30, "seconds": 5})
    running(server, run_id)
    cluster.take_node("down")
    wait_until("its job has lost its node", lambda: bool(cluster.jobs("--states=NODE_FAIL")), 30)
    cluster.give_node_back()
    run = ended(server, run_id, 120)
    assert (run["status"], run["result"]) == ("completed", {"stress": 3.0}), run
    assert run["attempt"] == 2
    server.nothing_left(cluster)


def test_a_worker_that_cannot_start_says_why(cluster: Cluster) -> None:
    server = SlurmServer(cluster, machines_slurm_worker="/no/mecapy", machines_tries=1)
    try:
        server.start()
        run = ended(server, begin(server, {"force": 1}))
        assert run["error"]["code"] == "backend_unavailable", run
        assert "/no/mecapy: not found" in server.errors()
        server.nothing_left(cluster)
    finally:
        server.remove()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"machines_slurm_folder": "/no/folder"}, "machines.slurm_folder: /no/folder is not there"),
        ({"machines_slurm_folder": "shared"}, "machines.slurm_folder: give an absolute path"),
        ({"machines_slurm_worker": ""}, "machines.slurm_worker: give an absolute path"),
    ],
)
def test_wrong_settings_are_told(cluster: Cluster, settings: dict[str, str], words: str) -> None:
    server = SlurmServer(cluster)
    for name, value in settings.items():
        server.set(name, value)
    try:
        with pytest.raises(AssertionError, match=words):
            server.start()
    finally:
        server.remove()


def open_to_others(folder: Path) -> None:
    folder.chmod(0o777)


def of_root(folder: Path) -> None:
    os.chown(folder, 0, 0)


def a_link(folder: Path) -> None:
    folder.rename(folder.with_name("real"))
    folder.symlink_to("real")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (open_to_others, "shared may be written by others: chmod 700 it"),
        (of_root, "shared belongs to user 0, and you are user"),
        (a_link, "shared is a link: name the folder itself"),
        (lambda shared: shared.parent.chmod(0o777), "may be written by others, who can exchange"),
    ],
)
def test_a_folder_that_others_can_exchange_is_not_served(
    cluster: Cluster, change: Callable[[Path], None], words: str
) -> None:
    server = SlurmServer(cluster)
    change(server.shared)
    try:
        with pytest.raises(AssertionError, match=f"machines.slurm_folder: .*{words}"):
            server.start()
    finally:
        server.remove()


def test_a_cluster_knows_users_by_name(cluster: Cluster) -> None:
    server = SlurmServer(cluster)
    try:
        server.data_dir.rmdir()  # made again for the user of server.run_as_uid, who has no name
        with pytest.raises(AssertionError, match="user 64100, who serves, has none"):
            server.start()
    finally:
        server.remove()


def test_without_slurm_there_is_no_placer_of_it(cluster: Cluster, tmp_path: Path) -> None:
    server = SlurmServer(cluster)
    (tmp_path / "prlimit").symlink_to(str(shutil.which("prlimit")))  # by which servers are started
    server.surroundings["PATH"] = str(tmp_path)
    try:
        with pytest.raises(AssertionError, match="slurm needs sbatch, which is not on PATH"):
            server.start()
    finally:
        server.remove()
