"""Two servers on one PostgreSQL, one Redis and one bucket: one house with two doors."""

import signal
import ssl
import threading
import time

import httpx
import pytest

from support.api import Api, expect, expect_problem
from support.server import Server
from support.services import FOLDER, Managed, redis, sql
from support.waiting import wait_until

DOUBLES = "def calculate(inputs):\n    return inputs['x'] * 2\n"
SLEEPS = "import time\ndef calculate(inputs):\n    time.sleep(inputs['s'])\n    return 'slept'\n"
TALKS = """
import time
from mecapy import progress
def calculate(inputs):
    print('begun', flush=True)
    progress(0.5, 'half')
    while True: time.sleep(0.05)
"""


@pytest.fixture
def apis(pair: tuple[Server, Server]) -> tuple[Api, Api]:
    """A client of each."""
    return pair[0].api(), pair[1].api()


def test_what_one_makes_the_other_has(apis: tuple[Api, Api]) -> None:
    one, two = apis
    task = one.create(DOUBLES)
    assert two.read(f"/api/tasks/{task['id']}")["code"] == DOUBLES
    run = two.execute(str(task["id"]), {"x": 21})
    assert run["result"] == 42
    assert one.run(run["id"])["status"] == "completed"


def test_large_things_are_objects_that_both_read(apis: tuple[Api, Api]) -> None:
    one, two = apis
    code = """
def calculate(inputs):
    print('l' * 100000)
    with open('t\u00e9st 1.bin', 'wb') as file: file.write(bytes(range(256)) * 20000)
    return inputs['x'] + 'y' * 100000
"""
    run = one.calculate(code, {"x": "x" * 100_000})
    assert run["result"] == "x" * 100_000 + "y" * 100_000
    assert two.read(f"/api/runs/{run['id']}/results")["result"] == run["result"]
    assert two.log(run["id"]) == "l" * 100_000 + "\n"
    got = two.get(f"/api/runs/{run['id']}/artifacts/t\u00e9st 1.bin")
    assert got.content == bytes(range(256)) * 20_000


WRITES = """
def calculate(inputs):
    print('é' * 100_000)
    open('small.txt', 'w').write('s' * 10)
    open('large.txt', 'w').write('l' * 200_000)
    return 'r' * 200_000
"""


def test_bytes_that_changed_in_the_bucket_are_not_given_out(
    apis: tuple[Api, Api], managed: Managed
) -> None:
    run = apis[0].calculate(WRITES)
    base = f"/api/runs/{run['id']}"
    paths = {
        f"results/{run['id']}.json": f"{base}/results",
        f"logs/{run['id']}.txt": f"{base}/logs",
        f"artifacts/{run['id']}/small.txt": f"{base}/artifacts/small.txt",
        f"artifacts/{run['id']}/large.txt": f"{base}/artifacts/large.txt",
    }
    for key, path in paths.items():
        assert apis[1].get(path).status_code == 200
        with (managed.objects / key).open("r+b") as file:
            file.seek(5)
            file.write(b"X")
        if key.endswith("small.txt"):
            expect_problem(apis[1].get(path), 503, "storage")
        else:  # a part of it has gone before its end is known
            with pytest.raises(httpx.RemoteProtocolError):
                apis[1].get(path)


def heard(api: Api, run_id: str, after: str | None = None) -> tuple[str, list[str]]:
    """What the events of an ended run tell: its log from there on, and each status."""
    events = list(api.events(run_id, after))
    log = "".join(event.data["text"] for event in events if event.kind == "log")
    return log, [event.data["status"] for event in events if event.kind == "status"]


def test_events_of_a_log_that_changed_in_the_bucket_stop_before_its_end(
    apis: tuple[Api, Api], managed: Managed
) -> None:
    run = apis[0].calculate(WRITES)
    whole = "é" * 100_000 + "\n"
    half = f"1.2.{100_000}"
    assert heard(apis[1], run["id"]) == (whole, ["completed"])
    assert heard(apis[1], run["id"], half) == (whole[50_000:], ["completed"])
    assert heard(apis[1], run["id"], f"1.2.{len(whole.encode())}") == ("", ["completed"])
    with (managed.objects / f"logs/{run['id']}.txt").open("r+b") as file:
        file.write("è".encode())  # before what the second one wants
    for after in (None, half):
        log, ends = heard(apis[1], run["id"], after)
        assert ends == []
        assert len(log) < len(whole) - 50_000 * (after is not None) - 1


def test_a_link_to_a_file_is_good_without_a_token_and_saves_under_its_name(
    apis: tuple[Api, Api],
) -> None:
    one, two = apis
    code = "def calculate(inputs):\n    open('tést 1.csv', 'w').write('a,b')\n"
    run = one.calculate(code)
    path = f"/api/runs/{run['id']}/artifacts/tést 1.csv"
    link = two.read(f"{path}?link=60")
    trusted = ssl.create_default_context(cafile=FOLDER / "s3" / "cert.pem")
    with httpx.Client(verify=trusted, trust_env=False) as bucket:
        got = bucket.get(link["url"])
        forged = bucket.get(link["url"].replace("Expires=60", "Expires=90"))
    assert (got.status_code, got.text) == (200, "a,b")
    assert got.headers["content-type"] == "text/csv"
    assert "t%C3%A9st%201.csv" in got.headers["content-disposition"]
    assert link["expires_at"] > run["finished_at"]
    assert forged.status_code == 403
    for wrong in ("0", "604801", "x", "1.5"):
        assert one.get(f"{path}?link={wrong}").status_code == 422


def test_both_share_the_work_and_do_none_twice(
    managed: Managed, pair: tuple[Server, Server], apis: tuple[Api, Api]
) -> None:
    one, two = apis
    task = str(one.create(SLEEPS)["id"])
    runs = [(one if n % 2 else two).start(task, {"s": 0.2}) for n in range(24)]
    for run_id in runs:
        ended = one.end(run_id)
        assert (ended["status"], ended["attempt"]) == ("completed", 1), ended
    ids = ", ".join(f"'{run_id}'" for run_id in runs)
    url = str(managed.settings["database_url"])
    assert sql(f"SELECT COUNT(*) FROM runs WHERE id IN ({ids}) AND attempt = 1", url) == "24"


def test_a_wait_ends_when_the_other_has_run_it(apis: tuple[Api, Api]) -> None:
    one, two = apis
    task = str(one.create(DOUBLES)["id"])
    one.execute(task, {"x": 1})
    slow = []
    for n in range(30):
        begin = time.monotonic()
        assert (one if n % 2 else two).execute(task, {"x": n})["result"] == 2 * n
        slow.append(time.monotonic() - begin)
    # A wait that nobody ends looks into the database every two seconds.
    assert sorted(slow)[-3] < 1, slow


def test_log_and_progress_are_heard_at_both_doors(apis: tuple[Api, Api]) -> None:
    one, two = apis
    task = str(one.create(TALKS)["id"])
    runs = [one.start(task) for _ in range(3)]  # more than one server runs at once
    try:
        for api in (one, two):
            seen: set[str] = set()
            for event in api.events(runs[0]):
                seen.add(event.kind)
                if {"log", "progress"} <= seen:
                    break
            assert api.log(runs[0]) == "begun\n"
            assert api.run(runs[0])["progress"] == {"fraction": 0.5, "message": "half"}
    finally:
        for run_id in runs:
            two.cancel(run_id)
    for run_id in runs:
        assert one.end(run_id)["status"] == "cancelled"


def test_a_long_log_is_whole_at_both_doors_while_it_is_written(apis: tuple[Api, Api]) -> None:
    one, two = apis
    task = str(one.create(TALKS.replace("'begun'", "'x' * 999_999"))["id"])
    runs = [one.start(task) for _ in range(3)]  # more than one server runs at once
    try:
        wait_until("two run", lambda: all(one.run(r)["status"] == "running" for r in runs[:2]))
        wait_until("all is said", lambda: {len(one.log(r)) for r in runs[:2]} == {1_000_000})
        for run_id in runs[:2]:
            for api in (one, two, two):
                assert api.log(run_id) == "x" * 999_999 + "\n"
    finally:
        for run_id in runs:
            two.cancel(run_id)
    for run_id in runs:
        assert one.end(run_id)["status"] == "cancelled"


def test_what_a_stranger_says_in_redis_of_a_run_is_not_its_recorded_log(
    apis: tuple[Api, Api],
) -> None:
    one, two = apis
    task = str(one.create(SLEEPS)["id"])
    run_id = one.start(task, {"s": 2})
    wait_until("it runs", lambda: one.run(run_id)["status"] == "running")
    for attempt in (1, 2):
        redis("PUBLISH", "mecapy:feed", f"x S {run_id} {attempt} running")
        heard = redis("PUBLISH", "mecapy:feed", f"x L {run_id} {attempt} 0 forged")
        assert int(heard) >= 2
    wait_until("it ends", lambda: one.run(run_id)["status"] == "completed")
    assert [api.log(run_id) for api in (one, two)] == ["", ""]


def test_a_cancel_reaches_a_run_of_the_other(apis: tuple[Api, Api]) -> None:
    one, two = apis
    task = str(one.create(SLEEPS)["id"])
    runs = [one.start(task, {"s": 60}) for _ in range(4)]
    wait_until("all run", lambda: all(one.run(r)["status"] == "running" for r in runs))
    begin = time.monotonic()
    for run_id in runs:
        assert two.cancel(run_id).status_code == 200
    for run_id in runs:
        assert two.end(run_id)["status"] == "cancelled"
    assert time.monotonic() - begin < 1.9, "it took until the next heartbeat"


def test_what_a_killed_server_ran_the_other_finishes(
    managed: Managed, pair: tuple[Server, Server]
) -> None:
    third = Server(**managed.settings, dispatcher_lease_s=2)
    try:
        api = third.start().api()
        task = str(api.create(SLEEPS)["id"])
        # So that the third takes the work.
        stopped = [p for server in pair for p in (server.main, *server.main.descendants())]
        for process in stopped:
            process.send(signal.SIGSTOP)
        runs = [api.start(task, {"s": 5}) for _ in range(2)]
        # Some of what waits is handed to the stopped ones first, and taken back after the lease.
        wait_until("both run", lambda: all(api.run(r)["status"] == "running" for r in runs))
        third.kill()
        for process in stopped:
            process.send(signal.SIGCONT)
        other = pair[0].api()
        for run_id in runs:
            ended = other.end(run_id)
            assert ended["status"] == "completed", ended
            assert ended["attempt"] == 2
    finally:
        third.remove()


def test_an_emptied_redis_loses_nothing(apis: tuple[Api, Api]) -> None:
    one, two = apis
    task = str(one.create(SLEEPS)["id"])
    runs = [one.start(task, {"s": 0.1}) for _ in range(30)]
    redis("FLUSHDB")
    runs += [two.start(task, {"s": 0.1}) for _ in range(10)]
    for run_id in runs:
        ended = two.end(run_id)
        assert ended["status"] == "completed", ended


def test_readiness_tells_of_each_part(apis: tuple[Api, Api]) -> None:
    ready = apis[0].read("/health/ready")
    assert ready["status"] == "ready"
    assert ready["parts"] == {
        part: {"status": "ok"}
        for part in ("database", "objects", "queue", "identity", "worker", "machines")
    }


def test_a_redis_that_is_full_is_told_and_runs_go_on(apis: tuple[Api, Api]) -> None:
    one, two = apis
    task = str(one.create(DOUBLES)["id"])

    def queue(api: Api) -> str:
        return str(api.read("/health/ready")["parts"]["queue"]["status"])

    redis("CONFIG", "SET", "maxmemory", "1")
    try:
        # Also by the one that pushes nothing.
        wait_until("both tell it", lambda: {queue(one), queue(two)} == {"degraded"}, 20)
        begin = time.monotonic()
        while time.monotonic() - begin < 3:
            assert one.execute(task, {"x": 1})["result"] == 2
            assert queue(one) == "degraded"
        assert "OOM" in one.read("/health/ready")["parts"]["queue"]["why"]
    finally:
        redis("CONFIG", "SET", "maxmemory", "0")
    wait_until("both are ready", lambda: {queue(one), queue(two)} == {"ok"}, 20)


def test_the_same_key_at_both_doors_makes_one_run(apis: tuple[Api, Api]) -> None:
    task = str(apis[0].create(DOUBLES)["id"])
    answers = []

    def ask(api: Api) -> None:
        response = api.post(
            f"/api/tasks/{task}/execute", {"inputs": {"x": 1}}, headers={"Idempotency-Key": "once"}
        )
        answers.append(expect(response, 202)["run_id"])

    threads = [threading.Thread(target=ask, args=(api,)) for api in apis for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1


def test_without_a_redis_a_run_of_the_other_has_no_log_before_its_end() -> None:
    own = Managed()
    settings = {k: v for k, v in own.settings.items() if k != "redis_url"}
    servers = [Server(**settings, dispatcher_lease_s=2) for _ in range(2)]
    try:
        apis = [server.start().api() for server in servers]
        run_id = apis[0].start(str(apis[0].create(TALKS)["id"]))
        path = f"/api/runs/{run_id}/logs"
        wait_until("it talks", lambda: any(api.get(path).text == "begun\n" for api in apis))
        here, there = sorted((api.get(path) for api in apis), key=lambda r: r.status_code)
        assert (here.status_code, here.text) == (200, "begun\n")
        assert "another process runs it" in expect_problem(there, 503, "unavailable")["detail"]
        apis[0].cancel(run_id)
        for api in apis:
            assert api.end(run_id)["status"] == "cancelled"
            assert api.log(run_id) == "begun\n"
    finally:
        for server in servers:
            server.remove()
        own.remove()
