"""What the processes of serve may do, who may read its folder, and what is left at its end."""

import json
import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from support.processes import Process, find_process
from support.server import DEV_TOKEN, Server, run_mecapy
from support.waiting import wait_until

MakeServer = Callable[..., Server]
LONG = "import time\ndef calculate(i):\n    print('begun', flush=True)\n    time.sleep(60)\n"


def cgroups_of(family: list[Process]) -> set[str]:
    """The control groups made by one of these; they have its pid in their name."""
    names = {f"mecapy-{process.pid}" for process in family}
    return {folder for folder, _, _ in os.walk("/sys/fs/cgroup") if Path(folder).name in names}


def mounts() -> set[str]:
    """Where something is mounted."""
    return {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}


@pytest.mark.parametrize("role", ["api", "worker"])
def test_what_talks_to_clients_and_runs_is_not_root(server: Server, role: str) -> None:
    process = server.process(role)
    assert "0" not in process.status("Uid")
    assert "0" not in process.status("Gid")
    assert "0" not in process.status("Groups")
    assert int(process.status("CapEff")[0], 16) == 0
    assert int(process.status("CapPrm")[0], 16) == 0


# CAP_CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID, SETPCAP, SYS_ADMIN (capabilities(7)).
SUPERVISORS = sum(1 << number for number in (0, 1, 3, 5, 6, 7, 8, 21))


def test_who_stays_root_keeps_what_a_supervisor_needs_and_no_more(server: Server) -> None:
    launcher, supervisor = find_process(int(server.state()["pid"])), server.supervisor()
    for process in (launcher, supervisor):
        for kind in ("CapEff", "CapPrm", "CapBnd"):
            assert int(process.status(kind)[0], 16) == SUPERVISORS, (process.name, kind)
        assert int(process.status("CapInh")[0], 16) == 0
    others = [p for p in launcher.descendants() if p.pid != supervisor.pid]
    assert [p.name for p in others if "0" in p.status("Uid")] == []


def test_the_api_cannot_become_more_than_it_is(server: Server) -> None:
    assert server.process("api").status("NoNewPrivs") == ["1"]
    assert server.process("worker").status("NoNewPrivs") == ["1"]


def test_the_data_folder_is_its_owners_alone(server: Server) -> None:
    assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
    owner = str(server.data_dir.stat().st_uid)
    assert server.process("api").status("Uid") == [owner] * 4
    server.add_user("private")
    for path in [server.data_dir / "tokens", *server.data_dir.glob("mecapy.db*")]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert str(path.stat().st_uid) == owner


def test_a_run_is_not_root_and_has_no_capability(server: Server) -> None:
    code = """
def calculate(inputs):
    with open('/proc/self/status') as file:
        lines = dict(line.split(':', 1) for line in file)
    return {key: lines[key].split() for key in ('CapEff', 'CapBnd', 'NoNewPrivs', 'Seccomp')}
"""
    run = server.api().calculate(code)
    assert run["status"] == "completed", run
    assert int(run["result"]["CapEff"][0], 16) == 0
    assert int(run["result"]["CapBnd"][0], 16) == 0
    assert run["result"]["NoNewPrivs"] == ["1"]
    assert run["result"]["Seccomp"] == ["2"]


def zygote_uids(one: Server) -> set[str]:
    """The users whose processes wait to be runs."""
    return {p.status("Uid")[0] for p in one.process("worker").descendants() if "zygote" in p.name}


def test_two_servers_on_one_machine_share_no_user_of_a_run(
    own_server: MakeServer, server: Server
) -> None:
    other = own_server()
    first, second = sorted(sorted(int(uid) for uid in zygote_uids(one)) for one in (server, other))
    # A zygote has the first of its block; its sandboxes, prepared ones too, those that follow.
    sandboxes = 3 * (os.cpu_count() or 1) + 4
    assert first[-1] <= first[0] + sandboxes < second[0]
    assert other.api().calculate("def calculate(i): return 1")["result"] == 1


def test_a_runs_processes_are_another_user_than_the_worker(server: Server) -> None:
    api = server.api()
    run_id = api.start(str(api.create(LONG)["id"]))
    api.wait_for_log(run_id, "begun")
    front = server.process("worker")
    uids = {p.status("Uid")[1] for p in front.descendants() if "zygote" in p.name}
    assert uids
    assert front.status("Uid")[1] not in uids
    api.cancel(run_id)
    api.end(run_id)
    assert "0" not in uids


def test_no_secret_is_in_the_environment_or_arguments_of_the_worker(server: Server) -> None:
    front = server.process("worker")
    looked_at = 0
    for process in [front, *front.descendants()]:
        for name in ("environ", "cmdline"):
            try:
                content = Path(f"/proc/{process.pid}/{name}").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue  # a run that has just ended
            looked_at += 1
            assert DEV_TOKEN.encode() not in content, (process.name, name)
    assert looked_at >= 6  # front, supervisor and zygote at least


def test_serve_listens_on_loopback_only(server: Server) -> None:
    sockets = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    local = {line.split()[1] for line in sockets.splitlines() if f":{server.port:04X} " in line}
    listening = {address for address in local if address.endswith(f":{server.port:04X}")}
    assert listening == {f"0100007F:{server.port:04X}"}


def test_a_stranger_on_the_machine_cannot_reach_the_worker(server: Server) -> None:
    sockets = [p for p in server.data_dir.rglob("*") if stat.S_ISSOCK(p.lstat().st_mode)]
    assert sockets
    for path in sockets:
        assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_it_has_ended(own_server: MakeServer, how: signal.Signals) -> None:
    before = mounts()
    server = own_server(server_drain_s=0.2)
    api = server.api()
    run_id = api.start(str(api.create(LONG)["id"]))
    api.wait_for_log(run_id, "begun")
    family = [server.main, *server.main.descendants()]
    assert len(family) >= 5
    assert cgroups_of(family)
    server.signal(how)
    server.wait()
    wait_until("every process ends", lambda: not any(p.alive for p in family))
    assert mounts() <= before
    if how is not signal.SIGKILL:  # after SIGKILL the next start clears them away
        assert cgroups_of(family) == set()


def test_the_next_start_clears_away_what_a_killed_one_left(own_server: MakeServer) -> None:
    server = own_server(server_drain_s=0.2)
    api = server.api()
    run_id = api.start(str(api.create(LONG)["id"]))
    api.wait_for_log(run_id, "begun")
    killed = server.supervisor()
    assert cgroups_of([killed])
    killed.send(signal.SIGKILL)
    wait_until("the run is on the next worker", lambda: api.run(run_id)["attempt"] == 2)
    api.wait_for_log(run_id, "begun")
    assert cgroups_of([server.supervisor()])
    assert cgroups_of([killed]) == set()
    api.cancel(run_id)
    assert api.end(run_id)["status"] == "cancelled"


def test_a_folder_of_somebody_else_is_not_taken_over(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("others")
    (folder / "mine.txt").write_text("mine")
    before = (folder.stat().st_uid, folder.stat().st_mode, (folder / "mine.txt").stat().st_uid)
    result = run_mecapy("serve", "--port", "0", "--data-dir", str(folder))
    assert result.returncode == 64
    assert "in use by something else" in result.stderr
    after = (folder.stat().st_uid, folder.stat().st_mode, (folder / "mine.txt").stat().st_uid)
    assert after == before


def test_root_follows_no_link_that_the_apis_user_planted(own_server: MakeServer) -> None:
    server = own_server()
    victim = server.folder / "victim"
    victim.write_text("roots own")
    link = server.data_dir / "serve.json.tmp"
    link.symlink_to(victim)
    os.lchown(link, server.data_dir.stat().st_uid, -1)
    worker = server.process("worker")
    worker.send(signal.SIGKILL)
    status = server.data_dir / "serve.json"
    wait_until(
        "another worker serves",
        lambda: json.loads(status.read_text())["worker_pid"] != worker.pid,
    )
    assert victim.read_text() == "roots own"


def test_who_starts_serve_keeps_his_own_login_to_himself(own_server: MakeServer) -> None:
    server = own_server(token="the-token-of-a-person", url="https://elsewhere.example")
    worker = server.process("worker")
    for process in [worker, *worker.descendants()]:
        environment = (Path("/proc") / str(process.pid) / "environ").read_bytes()
        assert b"elsewhere.example" not in environment, process.name
        assert b"the-token-of-a-person" not in environment, process.name


def test_the_worker_works_with_the_settings_in_force(own_server: MakeServer) -> None:
    server = own_server(worker_concurrency=1)
    environment = (Path("/proc") / str(server.process("worker").pid) / "environ").read_bytes()
    assert b"MECAPY_WORKER_CONCURRENCY=1" in environment
    assert b"MECAPY_OBJECTS_INLINE_LIMIT=32768" in environment
