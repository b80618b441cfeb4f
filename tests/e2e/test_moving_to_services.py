"""From one machine to managed services, as README says it: one variable after the other, each
printed by tools/services.sh, and after each a start, a look at readiness and a calculation.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support import services
from support.api import Api, Json, expect
from support.keycloak import Realm
from support.server import ROOT, Server, run_mecapy
from support.services import Managed, Services
from support.waiting import wait_until
from support.worker import Worker

SCALES = """
def calculate(inputs):
    open('scaled.txt', 'w').write('f' * 100)
    return [inputs['scale'] * x for x in inputs['x']]
"""
X = list(range(30_000))  # larger than what a row holds
PARTS = ("database", "objects", "queue", "identity", "worker", "machines")
WORKER_TOKEN = "the-workers-token"
OWN = ("postgres", "s3", "redis")  # services of this test's own; Keycloak is everybody's


def exported(lines: str) -> dict[str, str]:
    """What a shell has of MecaPy's when it was told these lines."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MECAPY_")}
    done = subprocess.run(
        ["sh", "-euc", f"{lines}\nenv -0"], capture_output=True, text=True, env=clean, check=True
    )
    told = dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry)
    return {name: value for name, value in told.items() if name.startswith("MECAPY_")}


def order_in_readme() -> list[str]:
    """The first setting of each step."""
    text = (ROOT / "README.md").read_text().partition("## From one machine to managed services")[2]
    steps = re.split(r"^\d\. ", text.partition("\n## ")[0], flags=re.MULTILINE)[1:]
    found = [re.search(r"MECAPY_[A-Z_]+_(?:URL|ISSUER)", step) for step in steps]
    return [match[0] for match in found if match]


@dataclass
class House:
    """A server on a data folder, the services it will stand on, and who asks."""

    services: Services
    server: Server
    worker: Worker
    printed: list[str]  # lines of the script, one for each part
    token: str | None = None  # None: of the embedded user
    # Runs of earlier steps, by whether they are in the service's database and of Keycloak's user.
    seen: dict[tuple[bool, bool], list[str]] = field(default_factory=dict)

    def api(self) -> Api:
        """The caller at this step."""
        return self.server.api() if self.token is None else self.server.api(self.token)

    def variables(self, first: str) -> dict[str, str]:
        """What the printed line with this variable sets."""
        if first == "MECAPY_WORKER_URL":
            url = f"{self.worker.url}?concurrency=2"
            return exported(f"export {first}='{url}' MECAPY_WORKER_TOKEN={WORKER_TOKEN}")
        [line] = [line for line in self.printed if line.startswith(f"export {first}=")]
        return exported(line)

    def sql(self, statement: str) -> str:
        """Asked of the database that the first step chose."""
        return self.services.sql(statement)

    def redis(self, *command: str) -> str:
        """Asked of the Redis database that the third step chose."""
        return self.services.redis(*command, database=0)


def printed_lines(own: Services) -> list[str]:
    """Of the services of one's own, and of everybody's Keycloak."""
    theirs = [line for line in services.settings() if "OIDC" in line]
    return [line for line in own.settings() if line.startswith("export ")] + theirs


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """All of it; nothing is configured yet."""
    folder = Path(tempfile.mkdtemp(prefix="mecapy-e2e-", dir="/tmp"))
    folder.chmod(0o755)  # PostgreSQL and Redis have users of their own
    own = Services(folder)
    server = Server()
    worker = None
    try:
        started = own.start(*OWN)
        services.start()
        assert started == own.settings(), "start prints something else than settings"
        lines = printed_lines(own)
        [objects] = [line for line in lines if "OBJECTS" in line]
        of_objects = {k.removeprefix("MECAPY_"): v for k, v in exported(objects).items()}
        worker = Worker(folder, worker_token=WORKER_TOKEN, **of_objects)
        yield House(own, server, worker, lines)
    finally:
        server.remove()
        if worker is not None:
            worker.stop()
        own.stop()
        shutil.rmtree(folder, ignore_errors=True)


def nothing_set(house: House, run: Json) -> None:
    """All is in the data folder."""
    assert (house.server.data_dir / "mecapy.db").is_file()
    assert len(list((house.server.data_dir / "objects").rglob("*.json"))) == 2  # inputs, result


def database_moved(house: House, run: Json) -> None:
    """The run is a row of PostgreSQL."""
    assert house.sql(f"SELECT status FROM runs WHERE id = '{run['id']}'") == "completed"


def objects_moved(house: House, run: Json) -> None:
    """What is large, and the file, are in the bucket."""
    bucket = house.services.folder / "s3" / "buckets" / "mecapy"
    keys = {str(path.relative_to(bucket)) for path in bucket.rglob("*") if path.is_file()}
    run_id = run["id"]
    made = {f"{kind}/{run_id}.json" for kind in ("inputs", "results")}
    assert made | {f"artifacts/{run_id}/scaled.txt"} <= keys


def queue_moved(house: House, run: Json) -> None:
    """The stream has its name, its group, and this server as the group's consumer."""
    told = house.redis("XINFO", "GROUPS", "mecapy:jobs")
    assert told.startswith("name\nmecapy\n"), told
    words = told.split()
    group = dict(zip(words[::2], words[1::2], strict=False))
    assert group["consumers"] == "1"
    assert int(group["entries-read"]) >= 1  # the run came this way
    wait_until("it is acknowledged", lambda: house.redis("XLEN", "mecapy:jobs") == "0")
    assert house.redis("PUBSUB", "CHANNELS") == "mecapy:feed"
    house.api().run(run["id"])
    record = f"mecapy:cache:run:{run['id']}"
    wait_until("it is cached", lambda: house.redis("EXISTS", record) == "1")


def callers_moved(house: House, run: Json) -> None:
    """The caller is Keycloak's; the token of the data folder opens nothing."""
    assert house.api().read("/api/me")["proof"] == "openid_connect"
    assert house.server.api().get("/api/me").status_code == 401


def worker_moved(house: House, run: Json) -> None:
    """The server has no worker of its own."""
    assert house.server.state()["worker_pid"] == -1
    assert house.worker.running


STEPS: dict[str, Callable[[House, Json], None]] = {
    "": nothing_set,
    "MECAPY_DATABASE_URL": database_moved,
    "MECAPY_OBJECTS_URL": objects_moved,
    "MECAPY_REDIS_URL": queue_moved,
    "MECAPY_OIDC_ISSUER": callers_moved,
    "MECAPY_WORKER_URL": worker_moved,
}


def test_the_steps_are_those_of_readme_in_their_order(house: House) -> None:
    assert list(STEPS)[1:] == order_in_readme()
    printed = [line.removeprefix("export ").partition("=")[0] for line in house.printed]
    assert printed == order_in_readme()[:-1]


def configure(house: House, step: str) -> None:
    """The variables up to this step, and who calls then."""
    done = list(STEPS)[1 : list(STEPS).index(step) + 1]
    told = {name: value for one in done for name, value in house.variables(one).items()}
    for name, value in told.items():
        house.server.set(name.removeprefix("MECAPY_"), value)
    if issuer := told.get("MECAPY_OIDC_ISSUER"):
        house.token = Realm(issuer, told["MECAPY_OIDC_CA"]).of_user("demo")


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step or "nothing")
def test_each_part_moves_by_its_own_variable(house: House, step: str) -> None:
    if house.server.running:  # the step before it failed
        house.server.terminate()
    configure(house, step)
    house.server.start()
    elsewhere = step == "MECAPY_WORKER_URL"
    ready = house.server.api(None).read("/health/ready")
    assert ready["status"] == "ready", ready
    fine = {part: {"status": "ok"} for part in PARTS}
    # A worker elsewhere is asked by the first run only.
    ready["parts"] |= {"worker": {"status": "ok"}} if elsewhere else {}
    assert ready["parts"] == fine
    body = {"code": SCALES, "inputs": {"scale": 3, "x": X}}
    run = expect(house.api().post("/api/tasks/execute?wait=30", body), 200)
    assert (run["status"], run["attempt"]) == ("completed", 1)
    assert run["result"] == [3 * x for x in X]
    [file] = run["artifacts"]
    assert house.api().get(file["url"]).content == b"f" * 100
    STEPS[step](house, run)
    nobody = house.server.api(None)  # answers are remembered for two seconds
    wait_until("all is fine", lambda: nobody.read("/health/ready")["parts"] == fine)
    # What was made at an earlier step in the same database by the same caller is still there.
    earlier = house.seen.setdefault((step != "", house.token is not None), [])
    for run_id in earlier:
        assert house.api().run(run_id)["status"] == "completed"
    earlier.append(run["id"])
    assert house.server.terminate() == 0


def test_services_that_are_stopped_are_gone_and_keep_their_ports(house: House) -> None:
    before = house.services.settings()
    house.services.stop()
    assert house.services.settings() == []
    assert house.services.start(*OWN) == before


def test_make_starts_and_stops_them_by_the_script() -> None:
    for goal, command in (("services", "start"), ("services-stop", "stop")):
        told = subprocess.run(
            ["make", "-n", goal], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert told.stdout.splitlines()[-1] == f"tools/services.sh {command}"


@pytest.mark.parametrize(
    ("version", "taken"), [("140012", False), ("149999", False), ("150000", True)]
)
def test_a_postgresql_that_is_too_old_is_refused_by_its_version(version: str, taken: bool) -> None:
    managed = Managed()
    url = str(managed.settings["database_url"])
    # The server's own function, as a server of that version has it.
    services.sql(
        "CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE sql AS"
        f" $$ SELECT CASE $1 WHEN 'server_version_num' THEN '{version}'"
        " ELSE pg_catalog.current_setting($1) END $$",
        url,
    )
    services.sql(f"ALTER ROLE {managed.name} SET search_path = public, pg_catalog")
    server = Server(database_url=url)
    try:
        if taken:
            assert server.start().api(None).read("/health/ready")["status"] == "ready"
        else:
            data = str(server.data_dir)
            command = ("serve", "--port", "0", "--data-dir", data)
            done = run_mecapy(*command, settings={"MECAPY_DATABASE_URL": url}, timeout_s=20)
            assert done.returncode != 0
            assert f"PostgreSQL {version}" in done.stderr
            assert "PostgreSQL 15" in done.stderr
            assert services.sql("SELECT to_regclass('public.runs') IS NULL", url) == "t"
    finally:
        server.remove()
        managed.remove()
