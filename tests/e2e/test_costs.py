"""What runs at a server cost: kept with each, summed, bounded by budgets, estimated before."""

import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.api import Api, Json, expect
from support.person import Person
from support.server import DEV_TOKEN, Server, run_mecapy
from support.waiting import wait_until
from support.workflows import create, execute, node, of, statuses, value

QUICK = "def calculate(inputs): return inputs.get('x', 1)\n"
SLEEPS = "import time\n\ndef calculate(inputs):\n    time.sleep(inputs['s'])\n    return 1\n"
SMALL = {"timeout_s": 30, "memory_mb": 512, "cpus": 0.5}
EACH = {"vcpu": 0.02, "memory": 0.004}

PRICES = """
[[price]]
item = "local.vcpu"
unit = "vCPU-s"
eur = 0.02
source = "our power bill"
date = "2026-01"

[[price]]
item = "local.memory"
unit = "GB-s"
eur = 0.004
source = "our power bill"
date = "2026-02"
"""


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """One that the server's own user reads, too."""
    with tempfile.TemporaryDirectory(prefix="mecapy-costs-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def priced(open_folder: Path) -> Path:
    """A table in which a second here costs something."""
    path = open_folder / "prices.toml"
    path.write_text(PRICES)
    path.chmod(0o644)
    return path


@pytest.fixture(scope="module")
def server(priced: Path) -> Iterator[Server]:
    """Without a budget for anybody."""
    one = Server(cost_prices=priced, machines_placers="local", machines_local_memory_mb=4096)
    try:
        yield one.start()
    finally:
        one.remove()


def by_hand(run: Json, limits: Json) -> float:
    """EUR of a run here, of what it says that it used."""
    seconds = round(run["usage"]["wall_ms"] + run["usage"]["setup_ms"], 3) / 1000
    vcpu = seconds * limits["cpus"] * EACH["vcpu"]
    return float(vcpu + seconds * limits["memory_mb"] / 1024 * EACH["memory"])


def test_a_run_costs_what_it_used_times_the_prices(server: Server) -> None:
    run = server.api().calculate(QUICK, limits=SMALL)
    cost = run["cost"]
    assert cost["eur"] == pytest.approx(by_hand(run, SMALL), abs=2e-12)
    assert cost["eur"] > 0
    assert cost["complete"] is True
    assert cost["prices_of"] == "2026-01"
    assert cost["free_allowances"] == "left_out"
    assert [(one["name"], one["item"], one["unit"]) for one in cost["components"]] == [
        ("vcpu", "local.vcpu", "vCPU-s"),
        ("memory", "local.memory", "GB-s"),
    ]
    assert sum(one["eur"] for one in cost["components"]) == pytest.approx(cost["eur"], abs=1e-12)
    # The same where the run is found later: in the cache, in lists, without the cache.
    assert server.api().read(f"/api/runs/{run['id']}")["cost"] == cost
    assert server.api().read(f"/api/runs/{run['id']}")["cost"] == cost
    assert server.api().read("/api/runs?limit=1")["items"][0]["cost"] == cost


def test_a_run_that_fails_costs_what_it_used(server: Server) -> None:
    run = server.api().calculate(SLEEPS, {"s": 9}, limits=SMALL | {"timeout_s": 1})
    assert run["error"]["code"] == "timeout"
    assert run["cost"]["eur"] == pytest.approx(by_hand(run, SMALL), abs=2e-12)
    assert run["cost"]["eur"] > 1 * 0.5 * EACH["vcpu"]


def test_an_answer_from_an_earlier_run_costs_nothing(server: Server) -> None:
    task = server.api().create(QUICK, {"x": 5}, cache={"ttl": 60})
    assert server.api().execute(task["id"])["cost"]["eur"] > 0
    answered = server.api().execute(task["id"])
    assert answered["cached_from"]
    assert "cost" not in answered


def test_sums_are_those_of_the_runs_by_whatever_they_are_summed(server: Server) -> None:
    sums = [server.add_user("sums"), server.add_user("sums-too")]
    runs: dict[str, list[Json]] = {"sums": [], "sums-too": []}
    for user, token in zip(runs, sums, strict=True):
        api = server.api(token)
        for task in (api.create(QUICK, limits=SMALL), api.create(QUICK, limits=SMALL)):
            runs[user] += [api.execute(task["id"]) for _ in range(2)]
        body = {"code": QUICK, "limits": SMALL}
        runs[user].append(expect(api.post("/api/tasks/execute?wait=30", body), 200))
    one = server.api(sums[0])
    total = sum(run["cost"]["eur"] for run in runs["sums"])
    for by in ("day", "user", "task", "backend"):
        told = one.read(f"/api/costs?by={by}")
        assert told["by"] == by
        assert told["total"]["runs"] == 5
        assert told["total"]["incomplete_runs"] == 0
        assert told["total"]["eur"] == pytest.approx(total, abs=1e-12)
        assert sum(row["eur"] for row in told["items"]) == pytest.approx(total, abs=1e-12)
        assert sum(row["runs"] for row in told["items"]) == 5
    assert [row["key"] for row in one.read("/api/costs?by=user")["items"]] == ["sums"]
    assert [row["key"] for row in one.read("/api/costs?by=backend")["items"]] == ["local"]
    kept = {run["task_id"] for run in runs["sums"][:4]}
    by_task = {row["key"]: row["runs"] for row in one.read("/api/costs?by=task")["items"]}
    assert by_task == dict.fromkeys(kept, 2) | {"ad_hoc": 1}
    # Who keeps the server is told of all, and can ask for one.
    everybody = {
        row["key"]: row["runs"] for row in server.api().read("/api/costs?by=user")["items"]
    }
    assert everybody["sums"] == everybody["sums-too"] == 5
    assert server.api().read("/api/costs?user=sums-too")["total"]["runs"] == 5
    assert one.get("/api/costs?user=sums").status_code == 200
    assert one.get("/api/costs?user=sums-too").status_code == 404


def test_sums_come_in_pages(server: Server) -> None:
    api = server.api(server.add_user("pages"))
    for _ in range(3):
        api.execute(api.create(QUICK)["id"])
    seen, cursor = [], ""
    while True:
        page = api.read("/api/costs?by=task&limit=2" + cursor)
        assert page["total"]["runs"] == 3
        seen += [row["key"] for row in page["items"]]
        if "next" not in page:
            break
        cursor = "&cursor=" + page["next"].replace("+", "%2B")
    assert len(seen) == len(set(seen)) == 3


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("by=moon", "by"),
        ("from=yesterday", "from"),
        ("from=2026-02-30", "from"),
        ("to=2020-01-01", "to"),
        ("from=2001-01-01&to=2026-01-01", "from"),
        ("limit=0", "limit"),
        ("limit=1x", "limit"),
        ("cursor=x", "cursor"),
    ],
)
def test_a_wrong_question_is_told(server: Server, query: str, place: str) -> None:
    problem = expect(server.api().get(f"/api/costs?{query}"), 422)
    assert problem["errors"][0]["pointer"] == f"#query/{place}"


def test_days_that_are_not_asked_for_are_not_in_it(server: Server) -> None:
    told = server.api().read("/api/costs?from=2020-01-01&to=2020-12-31")
    assert (told["from"], told["to"]) == ("2020-01-01", "2020-12-31")
    assert (told["items"], told["total"]["runs"]) == ([], 0)


def test_a_machine_is_in_the_cost_once_it_is_gone(server: Server) -> None:
    limits = SMALL | {"timeout_s": 5000}
    body = {"code": QUICK, "limits": limits, "estimated_duration_s": 3600}
    run_id = expect(server.api().post("/api/tasks/execute", body), 202)["run_id"]

    def read() -> Json:
        return server.api().read(f"/api/runs/{run_id}/results")

    wait_until("its cost is whole", lambda: read().get("cost", {}).get("complete") is True, 60)
    run = read()
    assert run["backend"] == "dedicated_instance"
    assert [one["item"] for one in run["cost"]["components"]] == ["local.vcpu", "local.memory"]
    # From being asked for: longer than the run itself.
    seconds = run["cost"]["components"][0]["quantity"] / SMALL["cpus"]
    assert seconds > run["usage"]["wall_ms"] / 1000
    assert run["cost"]["eur"] == pytest.approx(
        seconds * (0.5 * EACH["vcpu"] + 0.5 * EACH["memory"]), rel=1e-9
    )


# Estimates


def test_an_estimate_tells_where_a_run_goes_and_what_it_costs(server: Server) -> None:
    api = server.api()
    task = api.create(QUICK, limits=SMALL)
    path = f"/api/tasks/{task['id']}/estimate"
    unknown = expect(api.post(path), 200)
    assert unknown["duration"] == {"duration_s": 30, "source": "default"}  # bound by its timeout
    assert unknown["backend"]["chosen"] == "local"
    assert api.read(f"/api/runs?task_id={task['id']}")["items"] == []

    told = expect(api.post(path, {"estimated_duration_s": 20, "inputs": {"x": 1}}), 200)
    assert told["duration"] == {"duration_s": 20, "source": "caller"}
    here = told["cost"]["local"]
    assert here["configured"] is True
    assert here["eur"] == pytest.approx(20 * 0.5 * EACH["vcpu"] + 20 * 0.5 * EACH["memory"])
    container = told["cost"]["serverless_container"]
    assert container["configured"] is False
    assert container["eur"] == pytest.approx(20 * 0.5 * 0.00001 + 20 * 0.5 * 0.000001)
    assert told["cost"]["dedicated_instance"]["machine"] == "local"

    api.execute(task["id"])
    seen = expect(api.post(path), 200)["duration"]
    assert (seen["source"], seen["samples"]) == ("history", 1)


def test_an_estimate_is_what_the_execute_does(server: Server) -> None:
    """One function for both: the same duration, source and backend."""
    api = server.api()
    task = api.create(QUICK, limits=SMALL | {"timeout_s": 5000}, estimated_duration_s=700)
    for asked in ({}, {"estimated_duration_s": 10}, {"estimated_duration_s": 3000}):
        told = expect(api.post(f"/api/tasks/{task['id']}/estimate", asked), 200)
        done = expect(api.post(f"/api/tasks/{task['id']}/execute", asked), 202)
        run = api.read(f"/api/runs/{done['run_id']}")
        assert run["estimate"] == told["duration"]
        assert run["backend"] == told["backend"]["chosen"]
        api.post(f"/api/runs/{done['run_id']}/cancel")


def test_an_estimate_of_a_run_that_goes_nowhere_says_so(server: Server) -> None:
    api = server.api()
    task = api.create(QUICK)
    path = f"/api/tasks/{task['id']}/estimate"
    assert api.post(path, {"limits": {"cpus": 1e6}}).status_code == 422
    assert api.post(path, {"limit": {}}).status_code == 422
    assert server.api(server.add_user("stranger")).post(path).status_code == 404


def test_a_workflow_costs_what_its_runs_do(server: Server) -> None:
    """Expected as its nodes are, one by one; known as the sum of what they cost."""
    api = server.api()
    tasks = [api.create(QUICK, limits=SMALL, estimated_duration_s=s) for s in (10, 20)]
    nodes = {f"n{i}": node(task) for i, task in enumerate(tasks)}
    outputs = {name: of(name) for name in nodes}
    check = expect(api.post("/api/workflows/check", {"nodes": nodes, "outputs": outputs}), 200)
    alone = [expect(api.post(f"/api/tasks/{one['id']}/estimate", {}), 200) for one in tasks]
    expected = sum(one["cost"]["local"]["eur"] for one in alone)
    assert expected > 0
    assert expected > 0
    assert check["estimate"]["eur"] == pytest.approx(expected)
    each = nodes | {"n0": nodes["n0"] | {"for_each": value([1, 2, 3])}}
    check = expect(api.post("/api/workflows/check", {"nodes": each, "outputs": outputs}), 200)
    more = 2 * alone[0]["cost"]["local"]["eur"]
    assert check["estimate"]["eur"] == pytest.approx(expected + more)
    run = execute(api, create(api, nodes, outputs))
    cost = sum(api.run(one["run_id"])["cost"]["eur"] for one in run["nodes"])
    assert cost > 0
    assert run["cost_eur"] == pytest.approx(cost)


def test_a_run_without_a_task_is_estimated_too(server: Server) -> None:
    body = {"limits": SMALL, "estimated_duration_s": 20}
    told = expect(server.api().post("/api/tasks/estimate", body), 200)
    assert told["cost"]["local"]["eur"] == pytest.approx(20 * 0.5 * 0.02 + 20 * 0.5 * 0.004)
    assert "task_id" not in told


# Budgets: where nobody knows more, ten seconds are expected.
# A run of ten seconds is expected to cost 10 x 0.5 x 0.02 + 10 x 0.5 x 0.004 = 0.12


def ten_seconds(api: Api, **more: Any) -> Any:
    """A submit of a run that is expected to take ten, and takes three."""
    body = {"code": SLEEPS, "inputs": {"s": 3}, "limits": SMALL, "estimated_duration_s": 10}
    return api.post("/api/tasks/execute", body | more)


def test_a_budget_stops_submits_and_lets_what_runs_finish(
    own_server: Callable[..., Server], priced: Path
) -> None:
    server = own_server(
        cost_prices=priced,
        budget_month_eur=0.25,
        budget_users="free=0 rich=1e6",
        metrics_port=0,
        router_default_duration_s=10,
    )
    api = server.api()
    first = ten_seconds(api)
    assert first.status_code == 202
    assert "mecapy-warning" not in first.headers
    second = ten_seconds(api)  # 0.24 of 0.25
    assert second.status_code == 202
    assert second.headers["mecapy-warning"] == (
        "0.24 EUR of the 0.25 EUR that you may spend this month are spent or expected"
    )
    third = ten_seconds(api)
    assert third.status_code == 402
    assert third.json()["code"] == "budget_exhausted"
    assert "the budget of this month is 0.25 EUR" in third.json()["detail"]
    for user in ("free", "rich"):
        assert ten_seconds(server.api(server.add_user(user))).status_code == 202
    # What runs goes on, and what it did not cost is there again.
    for answer in (first, second):
        run = expect(api.get(f"/api/runs/{answer.json()['run_id']}?wait=30"), 200)
        assert run["status"] == "completed"
    assert ten_seconds(api).status_code == 202


@pytest.mark.parametrize("said", [0, 1e-320, 0.001])
def test_a_budget_is_not_evaded_by_saying_that_it_is_short(
    own_server: Callable[..., Server], priced: Path, said: float
) -> None:
    api = own_server(cost_prices=priced, budget_month_eur=0.25, router_default_duration_s=10).api()
    task = api.create(SLEEPS, {"s": 3}, limits=SMALL, estimated_duration_s=said)
    answers = [ten_seconds(api, estimated_duration_s=said) for _ in range(3)]
    answers.append(api.post(f"/api/tasks/{task['id']}/execute", {"estimated_duration_s": said}))
    answers.append(api.post(f"/api/tasks/{task['id']}/execute"))
    assert [answer.status_code for answer in answers] == [202, 202, 402, 402, 402]


def test_a_run_that_takes_longer_than_expected_counts_with_what_it_used(
    own_server: Callable[..., Server], priced: Path
) -> None:
    server = own_server(cost_prices=priced, budget_month_eur=0.1, router_default_duration_s=1)
    api = server.api()
    assert ten_seconds(api, inputs={"s": 25}, estimated_duration_s=0.1).status_code == 202

    def expected() -> float:
        """As the refusal of a run of nine seconds tells it, which makes no run."""
        told = expect(ten_seconds(api, estimated_duration_s=9), 402)["detail"]
        found = re.search(r"([0-9.e-]+) EUR are expected of runs that have not ended", told)
        assert found, told
        return float(found[1])

    assert expected() < 0.03
    wait_until("what it has used is counted", lambda: expected() > 0.06, 20)  # five seconds


OPENSTACK = {
    "MECAPY_MACHINES_PLACERS": "openstack",
    "MECAPY_MACHINES_HOME_URL": "https://mecapy.example.com",
    "MECAPY_MACHINES_WORKER_IMAGE": "registry.example.com/mecapy-worker:1",
    "MECAPY_MACHINES_OPENSTACK_AUTH_URL": "http://127.0.0.1:9/v3",
    "MECAPY_MACHINES_OPENSTACK_REGION": "GRA11",
    "MECAPY_MACHINES_OPENSTACK_CREDENTIAL_ID": "1" * 32,
    "MECAPY_MACHINES_OPENSTACK_CREDENTIAL_SECRET": "secret",
    "MECAPY_MACHINES_OPENSTACK_FLAVORS": "b3-8:2:8192=11111111-1111-1111-1111-111111111111",
    "MECAPY_MACHINES_OPENSTACK_IMAGE": "22222222-2222-2222-2222-222222222222",
    "MECAPY_MACHINES_OPENSTACK_NETWORK": "33333333-3333-3333-3333-333333333333",
}
B3_8 = """
[[machine]]
placer = "openstack"
type = "b3-8"
eur = 0.06
cpus = 2
memory_gb = 8
source = "our contract"
date = "2026-11-15"
"""


@pytest.mark.parametrize("whose", ["month_eur=5", "users=ann=5"])
def test_a_budget_wants_the_price_of_every_machine(
    own_server: Callable[..., Server], open_folder: Path, whose: str
) -> None:
    name, _, budget = whose.partition("=")
    settings = OPENSTACK | {f"MECAPY_BUDGET_{name.upper()}": budget}
    data = open_folder / f"data-{name}"
    done = run_mecapy("serve", "--port", "0", "--data-dir", str(data), settings=settings)
    assert done.returncode == 64, done.stderr
    assert "the price is not known of openstack/b3-8" in done.stderr
    assert "cost.prices" in done.stderr
    known = open_folder / "b3-8.toml"
    known.write_text(B3_8)
    known.chmod(0o644)
    more = {key.removeprefix("MECAPY_").lower(): value for key, value in settings.items()}
    assert own_server(cost_prices=known, **more).api().get("/api/tasks").status_code == 200


def test_submits_at_once_stay_within_the_budget(
    own_server: Callable[..., Server], priced: Path
) -> None:
    api = own_server(cost_prices=priced, budget_month_eur=0.4, router_default_duration_s=10).api()
    statuses: list[int] = []

    def submit() -> None:
        with Api(str(api.http.base_url), DEV_TOKEN) as own:
            statuses.append(ten_seconds(own, inputs={"s": 20}).status_code)

    threads = [threading.Thread(target=submit) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(statuses) == [202] * 3 + [402] * 7  # 3 x 0.12 of 0.4


def test_wrong_budgets_and_prices_stop_the_server(open_folder: Path) -> None:
    unknown = open_folder / "unknown.toml"
    unknown.write_text(
        'price = [{item = "local.vcpu", unit = "vCPU-s", unknown = "nobody asked",'
        ' date = "2026-11", source = "us"}]\n'
    )
    unpriced = {"MECAPY_BUDGET_MONTH_EUR": "5", "MECAPY_COST_PRICES": str(unknown)}
    for settings, words in (
        (unpriced, "not known of local.vcpu: give it a row in the file of cost.prices"),
        ({"MECAPY_BUDGET_USERS": "ann:5"}, 'budget.users: "ann:5" is not USER=EUR'),
        ({"MECAPY_COST_PRICES": str(open_folder / "none.toml")}, "none.toml"),
    ):
        settings["MECAPY_DATA_DIR"] = str(open_folder / "data")
        done = run_mecapy("serve", "--port", "0", settings=settings)
        assert done.returncode != 0
        assert words in done.stderr


# The command line


@pytest.fixture
def payer(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Person:
    """Somebody at the command line, with one task that ran once."""
    user = "payer-" + request.node.name[5:40].replace("_", "")
    one = Person(tmp_path, server.url, server.add_user(user))
    one.file(QUICK)
    one.does("task", "create", "calc.py", "--name", "bolt", "-l", "timeout_s=30")
    one.does("task", "run", "bolt")
    return one


def test_the_command_line_tells_sums(payer: Person) -> None:
    text = payer.does("costs", "--by", "task").stdout
    assert "RUNS" in text
    assert "together" in text
    told = payer.gets("costs", "--by", "backend", "--json")
    assert [row["key"] for row in told["items"]] == ["local"]
    assert told["total"]["runs"] == 1
    payer.does("costs", "--by", "moon", status=64)
    payer.does("costs", "--from", "yesterday", status=65)
    assert " EUR" in payer.does("runs", "last").stdout


def test_the_command_line_estimates(payer: Person) -> None:
    text = payer.does("task", "estimate", "bolt", "--seconds", "20", "-i", "x=1").stdout
    assert "It would take 20.0 s, as you say, and go to local" in text
    assert "serverless_container" in text
    told = payer.gets("task", "estimate", "bolt", "--json")
    assert told["duration"]["source"] == "history"


def test_the_command_line_warns_and_is_stopped(
    own_server: Callable[..., Server], priced: Path, tmp_path: Path
) -> None:
    server = own_server(
        cost_prices=priced, budget_month_eur=1.5, budget_warn_at=0.5, router_default_duration_s=30
    )
    one = Person(tmp_path, server.url, DEV_TOKEN)
    one.file(SLEEPS)
    words = ("run", "calc.py", "--remote", "-i", "s=20", "--detach", "-l", "timeout_s=60")
    first = one.does(*words)  # 30 s with 1 CPU and 2 GB: 0.84
    assert "mecapy: warning: 0.84 EUR of the 1.5 EUR" in first.stderr
    second = one.does(*words, status=77)
    assert "the budget of this month is 1.5 EUR" in second.stderr


def test_a_workflow_stays_within_the_budget_and_says_where_it_ended(
    own_server: Callable[..., Server], priced: Path
) -> None:
    api = own_server(cost_prices=priced, budget_month_eur=0.15, router_default_duration_s=10).api()
    slow = api.create(SLEEPS, limits=SMALL)
    names = [f"n{i}" for i in range(4)]  # of which two at once are more than there is
    nodes = {name: node(slow, s=value(0.3 + i / 100)) for i, name in enumerate(names)}
    run = execute(api, create(api, nodes, {name: of(name) for name in names}))
    completed = list(statuses(run).values()).count("completed")
    assert run["status"] == "failed"
    assert run["error"]["code"] == "budget_exhausted"
    assert "the budget of this month is 0.15 EUR" in run["error"]["message"]
    assert 0 < completed < 4
