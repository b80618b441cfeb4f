"""What an operator sees of machines, and how he ends what is known of a placer he has left."""

import re
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.api import Api, expect
from support.long_runs import begin, ended, read, running, token_of
from support.metrics import free_port, scrape
from support.person import Person
from support.server import DEV_TOKEN, Server, run_mecapy
from support.waiting import wait_until

SLEEPS = "import time\n\ndef calculate(inputs):\n    time.sleep(inputs['seconds'])\n"
PRICES = """
[[machine]]
placer = "local"
type = "process"
eur = 3600
cpus = 1
memory_gb = 1
source = "ours"
date = "2026-01"
"""
# What a CPU-second and a GB-second of this machine cost.
SIZED = """
[[price]]
item = "local.vcpu"
unit = "vCPU-s"
eur = 2
source = "ours"
date = "2026-01"

[[price]]
item = "local.memory"
unit = "GB-s"
eur = 1
source = "ours"
date = "2026-01"
"""
# A cloud that answers nothing.
AWAY = {
    "machines_openstack_auth_url": "http://127.0.0.1:1/v3",
    "machines_openstack_region": "GRA11",
    "machines_home_url": "https://mecapy.example.org",
    "machines_openstack_credential_id": "id",
    "machines_openstack_credential_secret": "secret",
    "machines_openstack_image": "00000000-0000-4000-8000-000000000000",
    "machines_openstack_network": "00000000-0000-4000-8000-000000000000",
    "machines_openstack_flavors": "b2-7:2:7000=00000000-0000-4000-8000-000000000000",
    "machines_worker_image": "registry.example.org/worker:1",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A second of its machines costs one euro."""
    with tempfile.TemporaryDirectory(prefix="mecapy-machines-") as folder:
        prices = Path(folder) / "prices.toml"
        prices.write_text(PRICES)
        for path in (prices.parent, prices):
            path.chmod(0o755)
        one = Server(
            cost_prices=prices,
            machines_placers="local",
            machines_capacity=3,
            machines_reap_s=1,
            machines_reap_grace_s=0,
            limits_max_timeout_s=5,
        )
        try:
            yield one.start()
        finally:
            one.remove()


def operator_of(server: Server, folder: Path) -> Person:
    return Person(folder, server.url, DEV_TOKEN)


def doctor(server: Server, placers: str, **more: str) -> "subprocess.CompletedProcess[str]":
    settings = {"machines_placers": placers, "limits_max_timeout_s": "5"} | more
    own = {f"MECAPY_{name.upper()}": value for name, value in settings.items()}
    return run_mecapy("doctor", "--data-dir", str(server.data_dir), settings=own)


def stuck_folder(server: Server, number: int) -> Path:
    """What the server may not remove: a folder of somebody else's."""
    left = server.data_dir / "machines" / f"0190a0a0-0000-7000-8000-{number:012}"
    left.mkdir()
    (left / "token").write_text("0" * 64)
    return left


def test_machines_are_told_page_by_page_with_what_they_cost(server: Server, tmp_path: Path) -> None:
    api = server.api()
    assert api.read("/api/machines") == {"items": []}
    runs = [begin(server, SLEEPS, {"seconds": 60}, long=True) for _ in range(3)]
    for run_id in runs:
        running(server, run_id)
    first = api.read("/api/machines?limit=2")
    second = api.read(f"/api/machines?limit=2&cursor={first['next']}")
    assert "next" not in second
    machines = first["items"] + second["items"]
    assert [machine["run_id"] for machine in machines] == runs[::-1]
    for machine in machines:
        assert (machine["placer"], machine["type"]) == ("local", "process")
        assert (machine["backend"], machine["state"]) == ("dedicated_instance", "working")
        assert 0 < machine["age_s"] < 60
        assert machine["asked_at"] < machine["called_at"] < machine["life_until"]
        assert machine["hour_eur"] == 3600
        assert machine["eur"] == pytest.approx(machine["age_s"])
    person = operator_of(server, tmp_path)
    table = person.does("machines").stdout
    assert table.splitlines()[0].split() == [
        "MACHINE",
        "OFFER",
        "STATE",
        "ASKED",
        "FOR",
        "EUR",
        "RUN",
    ]
    for machine in machines:
        assert f"{machine['id']}  local process  working" in table, table
    told = person.gets("machines", "--json")
    assert [machine["id"] for machine in told["machines"]] == [one["id"] for one in machines]
    assert told["leftovers"] == []
    for run_id in runs:
        expect(api.post(f"/api/runs/{run_id}/cancel"), 200)
        ended(server, run_id)
    wait_until("none is there", lambda: api.read("/api/machines") == {"items": []}, 30)
    assert person.does("machines").stderr == "mecapy: no machine is there\n"


def test_what_is_cut_to_size_costs_by_the_limits_of_its_run(tmp_path: Path) -> None:
    port = free_port()
    server = Server(
        machines_placers="local",
        machines_local_cpus=2,
        machines_local_memory_mb=3072,
        limits_max_timeout_s=5,
        metrics_port=port,
    )
    prices = server.folder / "prices.toml"
    prices.write_text(SIZED)
    prices.chmod(0o644)
    server.set("cost_prices", prices)
    try:
        server.start()
        run_id = begin(server, SLEEPS, {"seconds": 60}, long=True, cpus=2, memory_mb=3072)
        running(server, run_id)
        [machine] = server.api().read("/api/machines")["items"]
        each = 2 * 2 + 3  # EUR a second
        assert machine["hour_eur"] == each * 3600
        assert machine["eur"] == pytest.approx(machine["age_s"] * each)
        said = doctor(server, "local", cost_prices=str(prices)).stdout
        total = re.search(r"machines: 1, EUR so far: ([\d.]+)\n", said)
        assert total, said
        assert float(total[1]) >= machine["eur"] - 0.01
        assert "unknown" not in said
        assert "unknown" not in operator_of(server, tmp_path).does("machines").stdout
        kind = {"placer": "local", "type": "process"}

        def told() -> bool:
            seen = scrape(port)
            costs = seen.value("mecapy_machines_cost_eur", **kind)
            return costs >= machine["eur"] and seen.value("mecapy_machines_unpriced", **kind) == 0

        wait_until("the metrics tell it", told, 15)
        expect(server.api().post(f"/api/runs/{run_id}/cancel"), 200)
        ended(server, run_id)
    finally:
        server.remove()


def test_what_could_not_be_removed_is_told_and_who_left_its_placer_ends_it(
    server: Server, tmp_path: Path
) -> None:
    folders = [stuck_folder(server, number) for number in range(3)]

    def leftovers(api: Api) -> list[str]:
        first = api.read("/api/machines/leftovers?limit=2")
        items = first["items"]
        if "next" in first:
            items += api.read(f"/api/machines/leftovers?cursor={first['next']}")["items"]
        assert all("Permission denied" in part["said"] for part in items), items
        return sorted(part["id"] for part in items)

    names = [folder.name for folder in folders]
    wait_until("all are told", lambda: leftovers(server.api()) == names, 20)
    person = operator_of(server, tmp_path)
    table = person.does("machines").stdout
    assert table.count("belongs to no run, could not be removed") == 3, table
    assert "--forget" not in table
    [ward] = {part["placer"] for part in person.gets("machines", "--json")["leftovers"]}
    done = person.does("machines", "--forget", ward, status=65)
    assert "machines.placers of this server names it" in done.stderr
    server.kill()
    server.set("machines_placers", "")
    server.start()
    try:
        said = doctor(server, "")
        assert said.returncode == 69, said
        advice = f"mecapy machines --forget '{ward}'"
        assert advice in said.stdout, said
        operator_of(server, tmp_path).does("machines", "--forget", ward)
        said = doctor(server, "")
        assert (said.returncode, advice in said.stdout) == (0, False), said
        assert operator_of(server, tmp_path).gets("machines", "--json")["leftovers"] == []
        again = operator_of(server, tmp_path).does("machines", "--forget", ward, status=66)
        assert "nothing is known of such a placer" in again.stderr
    finally:
        server.kill()
        server.set("machines_placers", "local")
        server.start()
        for folder in folders:
            (folder / "token").unlink()
            folder.rmdir()


def plant_leftover_of(server: Server, ward: str, begun: float) -> None:
    """What another host's placer could not remove, compared last at `begun`."""
    database = next(server.data_dir.glob("*.db"))
    with sqlite3.connect(database) as rows:
        rows.execute(
            "INSERT OR REPLACE INTO reapings (placer, owner, owned_until, begun_at)"
            " VALUES (?, 'x', 0, ?)",
            (ward, int(begun * 1e6)),
        )
        rows.execute(
            "INSERT OR REPLACE INTO leftovers"
            " (placer, kind, zone, id, machine, since, reaped_by, said)"
            " VALUES (?, 'folder', '', 'x', '', 0, 'x', 'refused')",
            (ward,),
        )


def test_what_another_host_left_over_that_is_gone_is_ended_by_hand(tmp_path: Path) -> None:
    server = Server(machines_placers="local", limits_max_timeout_s=5)
    ward = "local at elsewhere"
    try:
        server.start()
        server.terminate()
        advice = f"mecapy machines --forget '{ward}'"
        plant_leftover_of(server, ward, time.time() - 3600)
        said = doctor(server, "local")
        assert (said.returncode, advice in said.stdout) == (69, False), said
        plant_leftover_of(server, ward, time.time() - 90_000)
        said = doctor(server, "local")
        assert "nobody has compared local at elsewhere for a day" in said.stdout, said
        assert advice in said.stdout, said
        server.start()
        [part] = server.api().read("/api/machines/leftovers")["items"]
        assert part["retired"] is True
        person = operator_of(server, tmp_path)
        assert advice in person.does("machines").stdout
        person.does("machines", "--forget", ward)
        assert server.api().read("/api/machines/leftovers") == {"items": []}
        assert doctor(server, "local").returncode == 0
    finally:
        server.remove()


def test_a_placer_that_failed_to_the_last_keeps_doctor_until_it_is_forgotten(
    tmp_path: Path,
) -> None:
    server = Server(machines_placers="openstack", machines_reap_s=1, **AWAY)
    try:
        server.start()

        def failing() -> bool:
            return "openstack: could not be compared" in doctor(server, "openstack", **AWAY).stdout

        wait_until("it is told", failing, 30)
        server.kill()
        server.set("machines_placers", "local")
        server.start()
        said = doctor(server, "local")
        assert said.returncode == 69, said
        assert "machines.placers does not name openstack" in said.stdout, said
        operator_of(server, tmp_path).does("machines", "--forget", "openstack")
        said = doctor(server, "local")
        assert (said.returncode, "openstack" in said.stdout) == (0, False), said
    finally:
        server.remove()


def retire(server: Server) -> None:
    """Stop it at once, and start it with nobody who makes machines."""
    server.kill()
    server.set("machines_placers", "")
    server.start()


def readiness(server: Server) -> tuple[str, str]:
    """What it says as a whole, and of machines."""
    said = server.api(None).read("/health/ready")
    return said["status"], said["parts"]["machines"].get("why", "")


def test_a_machine_whose_placer_is_taken_out_goes_on_is_told_and_ends(tmp_path: Path) -> None:
    server = Server(machines_placers="local", limits_max_timeout_s=5)
    try:
        server.start()
        run_id = begin(server, SLEEPS, {"seconds": 60}, long=True)
        running(server, run_id)
        token = token_of(server)
        retire(server)
        assert "degraded: machines: 1 of local is left" in "".join(server.said)
        assert "machines are left that nobody here takes away" in server.errors()
        status, why = readiness(server)
        advice = "machines.placers does not name local: name it again"
        assert status == "degraded"
        assert advice in why, why
        said = doctor(server, "")
        assert (said.returncode, advice in said.stdout) == (69, True), said
        assert re.search(rf"local process +working .* {run_id}", said.stdout), said
        # Its worker, which is played here, is heard as ever, and ends its run.
        with httpx.Client(base_url=server.url, headers=token) as home:
            assert home.post("/home/lines?from=0", content="").status_code == 200
            assert read(server, run_id)["status"] == "running"
            line = '{"type": "end", "status": "completed", "result": 7}\n'
            assert home.post("/home/lines?from=0", content=line).status_code == 200
        assert (read(server, run_id)["status"], read(server, run_id)["result"]) == ("completed", 7)
        nobody = "it could not be removed yet: nobody here makes machines of local"

        def ending() -> bool:
            [machine] = server.api().read("/api/machines")["items"]
            return (machine["state"], machine.get("said")) == ("ending", nobody)

        wait_until("it is ending", ending, 20)
        person = operator_of(server, tmp_path)
        person.does("machines", "--forget", "local")
        wait_until("all is well", lambda: readiness(server) == ("ready", ""), 20)
        assert doctor(server, "").returncode == 0
    finally:
        server.remove()


def test_a_run_whose_worker_is_gone_with_its_placer_waits_is_told_and_ends() -> None:
    server = Server(
        machines_placers="local", limits_max_timeout_s=5, machines_lease_s=2, machines_boot_s=25
    )
    try:
        server.start()
        run_id = begin(server, SLEEPS, {"seconds": 60}, long=True)
        running(server, run_id)
        other = begin(server, SLEEPS, {"seconds": 60}, long=True)
        running(server, other)
        retire(server)  # their workers end with it
        nobody = "nobody here makes machines any more: machines.placers is empty"
        for each in (run_id, other):
            wait_until("it waits", lambda: read(server, each).get("waiting") == nobody, 20)  # noqa: B023
        status, why = readiness(server)
        assert (status, "runs that wait for a machine: 2" in why) == ("degraded", True), why
        assert "runs that wait for a machine: 2" in doctor(server, "").stdout
        expect(server.api().post(f"/api/runs/{other}/cancel"), 200)
        assert ended(server, other)["status"] == "cancelled"
        run = ended(server, run_id)
        assert (run["status"], run["attempt"]) == ("failed", 1), run
        assert run["error"]["code"] == "backend_unavailable", run
        assert run["error"]["message"] == nobody, run
    finally:
        server.remove()


def test_machines_are_shown_to_who_keeps_the_server_only(server: Server) -> None:
    ann = server.api(server.add_user("ann"))
    for answer in (
        ann.get("/api/machines"),
        ann.get("/api/machines/leftovers"),
        ann.http.delete("/api/machines?placer=local"),
    ):
        assert expect(answer, 404)["detail"] == (
            "machines are shown to admins, and to the user local"
        )
