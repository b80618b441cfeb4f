"""Runs that are answered by earlier ones, and runs that are answered without the database."""

import hmac
import json
import os
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest

from support.api import Api, Json, expect
from support.server import DEV_TOKEN, ROOT, Server
from support.services import FOLDER, Managed, pid, redis, sql

MakeServer = Callable[..., Server]

RANDOM = "import os\ndef calculate(inputs):\n    return os.urandom(8).hex()\n"
LARGE = """
import os
def calculate(inputs):
    print('l' * 100_000)
    open('a.txt', 'w').write('kept')
    return os.urandom(8).hex() * 5000
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with nothing configured."""
    own = Server()
    try:
        yield own.start()
    finally:
        own.remove()


@pytest.fixture
def api(server: Server) -> Api:
    return server.api()


def cached_task(api: Api, code: str = RANDOM, ttl: float = 600) -> str:
    """A task that asks for the cache."""
    return str(api.create(code, cache={"ttl": ttl})["id"])


def without_run(run: Json) -> Json:
    """What a run shares with one that answered it."""
    own = ("id", "run_id", "attempt", "queued_at", "started_at", "finished_at")
    return {k: v for k, v in run.items() if k not in (*own, "usage", "cost", "cached_from")}


def test_the_same_inputs_are_answered_by_the_earlier_run_which_is_named(api: Api) -> None:
    task = cached_task(api)
    first = api.execute(task, {"a": 1, "b": [1.5, {"c": "é"}]})
    # Said otherwise, it is the same.
    body = b'{"inputs": {"b":[ 1.50 ,{"c":"\\u00e9"}], "a":1 }}'
    again = expect(api.send(f"/api/tasks/{task}/execute?wait=30", body), 200)
    assert again["result"] == first["result"]
    assert again["cached_from"] == first["id"] != again["id"]
    assert without_run(again) == without_run(first)
    assert not again.keys() & {"usage", "cost"}
    assert "cached_from" not in first
    # It is a run like others.
    assert api.run(again["id"])["cached_from"] == first["id"]
    assert api.read(f"/api/runs/{again['id']}/results")["result"] == first["result"]
    [latest, _] = api.read("/api/runs?limit=2")["items"]
    assert latest["id"] == again["id"]


def test_the_order_within_an_input_counts_as_code_can_see_it(api: Api) -> None:
    task = cached_task(api, "def calculate(inputs):\n    return list(inputs['layers'])\n")
    for layers in (["steel", "zinc"], ["zinc", "steel"], ["steel", "zinc"]):
        done = api.execute(task, {"layers": dict.fromkeys(layers, 1)})
        assert done["result"] == layers
    assert "cached_from" in done


@pytest.mark.parametrize("inputs", [{"a": 1.0}, {"a": 2}, {"a": "1"}, {"a": [1]}, {}])
def test_other_inputs_are_calculated(api: Api, inputs: Json) -> None:
    task = cached_task(api)
    first = api.execute(task, {"a": 1})
    other = api.execute(task, inputs)
    assert "cached_from" not in other
    assert other["result"] != first["result"]


def test_another_task_of_the_same_code_is_answered_other_code_is_not(api: Api) -> None:
    code = RANDOM + "# of this test\n"
    first = api.execute(cached_task(api, code), {"x": 1})
    assert api.execute(cached_task(api, code), {"x": 1})["cached_from"] == first["id"]
    assert "cached_from" not in api.execute(cached_task(api, code + "#\n"), {"x": 1})


def test_a_task_that_does_not_ask_is_calculated_each_time(api: Api) -> None:
    task = str(api.create(RANDOM)["id"])
    assert api.execute(task)["result"] != api.execute(task)["result"]


def ask_with(api: Api, task: str, *headers: tuple[str, str]) -> Json:
    path = f"/api/tasks/{task}/execute?wait=30"
    return expect(api.post(path, {"inputs": {"n": 1}}, headers=list(headers)), 200)


@pytest.mark.parametrize(
    "headers",
    [
        [("Cache-Control", "No-Cache")],
        [("Cache-Control", "no-store")],
        [("Cache-Control", "max-age=0")],
        [("Cache-Control", "no-transform,\tMax-Age=0 , x")],
        [("Cache-Control", "no-transform"), ("Cache-Control", "no-cache")],
        [("Pragma", "no-cache")],
    ],
)
def test_the_caller_can_have_it_calculated(api: Api, headers: list[tuple[str, str]]) -> None:
    task = cached_task(api, f"{RANDOM}# {headers}\n")
    first = api.execute(task, {"n": 1})
    second = ask_with(api, task, *headers)
    assert second["result"] != first["result"]
    assert api.execute(task, {"n": 1})["cached_from"] == second["id"]


def test_inputs_that_are_hard_to_compare_hold_up_nobody(own_server: MakeServer) -> None:
    """An event loop that stands still for ten seconds would be taken for dead."""
    server = own_server()
    api = server.api()
    task = cached_task(api)
    body = b'{"inputs":{"a":[%s]}}' % b",".join([b"{}"] * 86_000)
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(150)]
    head = (
        f"POST /api/tasks/{task}/execute HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        f"Authorization: Bearer {DEV_TOKEN}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    with ThreadPoolExecutor(len(clients)) as threads:
        list(threads.map(lambda client: client.sendall(head + body[:-1]), clients))
        for _ in range(50):  # time for the server to read what there is
            api.get("/health/live")
        for client in clients:  # all are whole at the same moment
            client.sendall(body[-1:])
        answers = list(threads.map(lambda client: client.makefile("rb").read(), clients))
    for client in clients:
        client.close()
    assert {answer.split(maxsplit=2)[1] for answer in answers} <= {b"200", b"202", b"429"}
    assert server.running


def test_other_wishes_of_the_caller_are_answered(api: Api) -> None:
    task = cached_task(api)
    first = api.execute(task, {"n": 1})
    for wish in ("x-no-cachefoo", "no-cachefoo", "max-age=01, max-age=10", "no-transform", ",", ""):
        assert ask_with(api, task, ("Cache-Control", wish))["result"] == first["result"], wish


def test_what_is_too_old_is_calculated(api: Api) -> None:
    task = cached_task(api, ttl=1)
    first = api.execute(task, {"n": 2})
    run = first
    while run["result"] == first["result"]:  # until a second is over
        run = api.execute(task, {"n": 2})
    assert "cached_from" not in run


def test_a_failure_answers_nobody(api: Api) -> None:
    code = "def calculate(inputs):\n    raise ValueError(inputs['x'])\n"
    task = cached_task(api, code)
    for _ in range(2):
        run = api.execute(task, {"x": 1})
        assert (run["status"], run["attempt"]) == ("failed", 1)


def test_large_results_logs_and_files_are_shared(api: Api) -> None:
    task = cached_task(api, LARGE)
    first, again = api.execute(task), api.execute(task)
    assert again["cached_from"] == first["id"]
    assert again["result"] == first["result"]
    assert api.log(again["id"]) == "l" * 100_000 + "\n"
    [artifact] = again["artifacts"]
    assert again["id"] in artifact["url"]
    assert api.get(artifact["url"]).text == "kept"


def test_an_answer_writes_neither_rows_nor_objects_of_its_own_but_the_run(server: Server) -> None:
    api = server.api()
    body = {"x": "i" * 100_000}
    files = "    for i in range(20): open(f'{i}.txt', 'w').write('kept')\n"
    code = LARGE.replace("    open('a.txt', 'w').write('kept')\n", files)
    task = str(api.create(code, body, cache={"ttl": 600})["id"])
    first = api.execute(task)
    assert len(first["artifacts"]) == 20
    small = cached_task(api, "def calculate(inputs):\n    print(inputs)\n    return inputs\n")
    api.execute(small, {"a": 1})

    def kept() -> tuple[int, int, int]:
        with closing(sqlite3.connect(f"file:{server.data_dir}/mecapy.db?mode=ro", uri=True)) as db:
            [(artifacts,)] = db.execute("SELECT COUNT(*) FROM artifacts")
            [(texts,)] = db.execute(
                "SELECT SUM(LENGTH(inputs) + LENGTH(result) + LENGTH(log)) FROM runs"
            )
        objects = server.data_dir / "objects"
        return artifacts, texts, sum(path.is_file() for path in objects.glob("*/**/*"))

    before = kept()
    for _ in range(5):
        again = api.execute(task)
        assert again["cached_from"] == first["id"]
        assert "cached_from" in api.execute(small, {"a": 1})
    assert kept() == before
    assert api.run(again["id"])["artifact_count"] == 20
    assert api.get(again["artifacts"][7]["url"]).text == "kept"


def test_nobody_is_answered_by_another_users_run(api: Api, server: Server) -> None:
    mine = api.execute(cached_task(api, RANDOM + "# mine\n"), {"x": 1})
    other = server.api(server.add_user("somebody"))
    theirs = other.execute(cached_task(other, RANDOM + "# mine\n"), {"x": 1})
    assert "cached_from" not in theirs
    assert theirs["result"] != mine["result"]


def test_an_ad_hoc_run_may_ask_too(api: Api) -> None:
    body = {"code": RANDOM + "# ad hoc\n", "inputs": {"x": 1}, "cache": {"ttl": 60}}
    first = expect(api.post("/api/tasks/execute?wait=30", body), 200)
    again = expect(api.post("/api/tasks/execute?wait=30", body), 200)
    assert again["cached_from"] == first["id"]


def test_it_can_be_asked_for_and_taken_away(api: Api) -> None:
    task = str(api.create(RANDOM + "# patched\n")["id"])
    assert "cache" not in api.read(f"/api/tasks/{task}")
    patched = expect(api.http.patch(f"/api/tasks/{task}", json={"cache": {"ttl": 60}}), 200)
    assert (patched["cache"], patched["version"]) == ({"ttl": 60}, 1)
    assert api.execute(task)["result"] == api.execute(task)["result"]
    assert "cache" not in expect(api.http.patch(f"/api/tasks/{task}", json={"cache": None}), 200)
    assert api.execute(task)["result"] != api.execute(task)["result"]


@pytest.mark.parametrize(
    ("cache", "pointer"),
    [
        ({}, "/cache/ttl"),
        ({"ttl": 0}, "/cache/ttl"),
        ({"ttl": "1"}, "/cache/ttl"),
        ({"ttl": 1, "tll": 1}, "/cache/tll"),
        (60, "/cache"),
        (None, "/cache"),
    ],
)
def test_a_wrong_wish_is_named(api: Api, cache: object, pointer: str) -> None:
    refused = api.post("/api/tasks", {"name": "n", "code": RANDOM, "cache": cache})
    assert refused.status_code == 422
    assert [problem["pointer"] for problem in refused.json()["errors"]] == [pointer]


@pytest.mark.parametrize("kept_in", ["memory", "redis"])
def test_another_environment_is_calculated_anew(kept_in: str, managed: Managed) -> None:
    own = Server(**(managed.settings if kept_in == "redis" else {}))
    try:
        api = own.start().api()
        task = cached_task(api)
        first = api.execute(task)
        assert api.execute(task)["cached_from"] == first["id"]
        own.terminate()
        api = own.start().api()
        # The same environment: the database knows, where the cache is empty.
        assert api.execute(task)["cached_from"] == first["id"]
        own.terminate()
        runtime = own.folder / "runtime"
        shutil.copytree(ROOT / "runtime" / "python", runtime)
        (runtime / "mecapy" / "_added.py").write_text("# a later version\n")
        own.set("worker_runtime", runtime)
        api = own.start().api()
        other = api.execute(task)
        assert "cached_from" not in other
        assert other["environment"] != first["environment"]
    finally:
        own.remove()


def test_ended_runs_are_told_while_the_database_stands_still(pair: tuple[Server, Server]) -> None:
    one, two = (server.api() for server in pair)
    runs = [one.calculate(code) for code in (RANDOM, LARGE)]
    task = cached_task(one, LARGE)
    runs += [one.execute(task), one.execute(task)]
    assert runs[3]["cached_from"] == runs[2]["id"]
    for run in runs:
        assert one.run(run["id"])["status"] == "completed"
    postgres = pid("postgres")
    children = _family(postgres)
    for process in children:
        os.kill(process, signal.SIGSTOP)
    try:
        for api in (one, two):  # what one has asked for, the other knows
            for run in runs:
                assert api.run(run["id"])["status"] == "completed"
                result = api.read(f"/api/runs/{run['id']}/results")["result"]
                assert result == run["result"]
                assert api.run(run["id"])["artifacts"] == run["artifacts"]
        stranger = pair[1].api(pair[1].add_user("stranger"))
        assert stranger.get(f"/api/runs/{runs[0]['id']}").status_code == 404
    finally:
        for process in children:
            os.kill(process, signal.SIGCONT)


def _family(process: int) -> list[int]:
    children = subprocess.run(
        ["pgrep", "-P", str(process)], capture_output=True, text=True, check=False
    )
    return [process, *map(int, children.stdout.split())]


def test_what_was_calculated_last_answers_whatever_answered_before(
    pair: tuple[Server, Server],
) -> None:
    one, two = (server.api() for server in pair)
    task = cached_task(one, f"{RANDOM}# anew\n")
    first = one.execute(task, {"n": 1})
    for api in (one, two, one):
        assert api.execute(task, {"n": 1})["cached_from"] == first["id"]
    anew = ask_with(two, task, ("Cache-Control", "no-cache"))
    assert anew["result"] != first["result"]
    for api in (one, two):
        again = api.execute(task, {"n": 1})
        assert (again["cached_from"], again["result"]) == (anew["id"], anew["result"])


def test_what_answers_share_is_kept_once(pair: tuple[Server, Server]) -> None:
    one, two = (server.api() for server in pair)
    code = "def calculate(inputs):\n    print('l' * 20_000)\n    return 'r' * 20_000\n"
    task = cached_task(one, code)
    first = one.execute(task)
    for _ in range(3):
        again = one.execute(task)
        for api in (one, two, one):
            assert api.read(f"/api/runs/{again['id']}/results")["result"] == "r" * 20_000
            assert api.log(again["id"]) == "l" * 20_000 + "\n"
        assert int(redis("STRLEN", f"mecapy:cache:run:{again['id']}")) < 2_000
    assert int(redis("STRLEN", f"mecapy:cache:run:{first['id']}")) > 40_000


def test_a_redis_that_was_emptied_is_filled_from_the_database(pair: tuple[Server, Server]) -> None:
    one, two = (server.api() for server in pair)
    task = cached_task(one)
    first = one.execute(task, {"n": 1})
    assert two.execute(task, {"n": 1})["cached_from"] == first["id"]
    redis("FLUSHDB")
    again = two.execute(task, {"n": 1})
    assert (again["cached_from"], again["result"]) == (first["id"], first["result"])
    one.run(first["id"])
    # A Redis that the queue needs is not filled for as long as the database keeps them.
    [kept] = redis("KEYS", "mecapy:cache:run:*").split()
    assert 0 < int(redis("TTL", kept)) <= 3600


def test_a_run_that_only_redis_knows_answers_nobody(
    managed: Managed, pair: tuple[Server, Server]
) -> None:
    one, two = (server.api() for server in pair)
    body = {"code": RANDOM + "# lost\n", "inputs": {"x": "i" * 100_000}, "cache": {"ttl": 600}}
    task = cached_task(one, str(body["code"]))
    runs = [one.execute(task, {"x": "i" * 100_000}), one.execute(task, {"n": 1})]
    database = str(managed.settings["database_url"])
    assert two.execute(task, {"n": 1})["cached_from"] == runs[1]["id"]
    assert expect(two.post("/api/tasks/execute?wait=30", body), 200)["cached_from"] == runs[0]["id"]
    for run in runs:  # as after a database was put back to an earlier state
        sql(f"DELETE FROM runs WHERE cached_from = '{run['id']}'", database)
        sql(f"DELETE FROM runs WHERE id = '{run['id']}'", database)
    again = two.execute(task, {"n": 1})
    ad_hoc = expect(two.post("/api/tasks/execute?wait=30", body), 200)
    for lost, fresh in zip(runs, (ad_hoc, again), strict=True):
        assert "cached_from" not in fresh
        assert (fresh["status"], fresh["attempt"]) == ("completed", 1)
        assert fresh["result"] != lost["result"]


def test_a_link_to_a_file_of_an_answer_is_good(pair: tuple[Server, Server]) -> None:
    one, two = (server.api() for server in pair)
    task = cached_task(one, LARGE + "# linked\n")
    first, again = one.execute(task), two.execute(task)
    assert again["cached_from"] == first["id"]
    link = one.read(again["artifacts"][0]["url"] + "?link=60")["url"]
    trusted = ssl.create_default_context(cafile=FOLDER / "s3" / "cert.pem")
    with httpx.Client(verify=trusted, trust_env=False) as bucket:
        got = bucket.get(link)
    assert (got.status_code, got.text) == (200, "kept")


def sealed(managed: Managed, run_id: str, record: bytes) -> bytes:
    """The record of a run as a process of ours keeps it in Redis."""
    secret = sql("SELECT value FROM secrets", str(managed.settings["database_url"]))
    place = f"run:{run_id}".encode()
    text = b"%d:%b%b" % (len(place), place, record)
    return hmac.digest(secret.encode(), text, "sha256") + record


def put_in_redis(run_id: str, value: bytes) -> None:
    """Keep these bytes as the record of a run."""
    unhex = "ARGV[1]:gsub('..', function(x) return string.char(tonumber(x, 16)) end)"
    script = f"local v = {unhex} return redis.call('SET', KEYS[1], v)"
    assert redis("EVAL", script, "1", f"mecapy:cache:run:{run_id}", value.hex()) == "OK"


def test_what_stands_in_redis_is_not_believed_whatever_it_is(
    managed: Managed, pair: tuple[Server, Server]
) -> None:
    api = pair[0].api()
    run = api.calculate(RANDOM)
    api.run(run["id"])  # from now on it is kept
    hexed = "return (redis.call('GET', KEYS[1]):gsub('.', function(c)"
    hexed += " return string.format('%02x', c:byte()) end))"
    kept = bytes.fromhex(redis("EVAL", hexed, "1", f"mecapy:cache:run:{run['id']}"))[32:]
    changed = kept.replace(run["result"].encode(), b"0" * len(run["result"]))
    whole = json.loads(kept)
    junk = [b"", b"{}", b'{"shape":"2"}', b"\xff", b"[" * 10_000, kept[:-1], kept + b"x"]
    junk += [json.dumps(whole | {name: []}).encode() for name in whole]
    for record in junk:
        for value in (record, sealed(managed, run["id"], record)):
            put_in_redis(run["id"], value)
            assert api.read(f"/api/runs/{run['id']}/results")["result"] == run["result"], value
    # The seal of this test is the right one: a good record under it is believed.
    put_in_redis(run["id"], sealed(managed, run["id"], changed))
    assert set(api.read(f"/api/runs/{run['id']}/results")["result"]) == {"0"}
    redis("DEL", f"mecapy:cache:run:{run['id']}")


def test_a_record_that_another_wrote_or_moved_in_redis_is_not_believed(
    pair: tuple[Server, Server],
) -> None:
    one, two = (server.api() for server in pair)
    forged, other = (one.calculate(RANDOM, {"n": n}) for n in (1, 2))
    places = [f"mecapy:cache:run:{run['id']}" for run in (forged, other)]
    for run in (forged, other):
        two.run(run["id"])  # from now on they are kept
    change = "local v = redis.call('GET', KEYS[1]) return redis.call('SET', KEYS[1], {})"
    result = forged["result"]
    for bad in (f"v:gsub('{result}', ('0'):rep({len(result)}))", "v:sub(33)", "'x' .. v:sub(2)"):
        redis("EVAL", change.format(bad), "1", places[0])
        assert two.read(f"/api/runs/{forged['id']}/results")["result"] == result, bad
        two.run(forged["id"])
    redis("COPY", places[1], places[0], "REPLACE")
    assert two.read(f"/api/runs/{forged['id']}/results")["result"] == result
