"""Workflows: what a node costs beside its own calculation, and a long list through one server.

A chain of trivial nodes, calculated and answered from before, runs of the same task one by one, and
as the peer a chain of Celery's take turns; each figure is the median of its values in the rounds.
Then one node goes through a list of 10,000 elements, while another user asks for runs of his own;
many workflow runs of one user go on at once, while he does the same; and one goes through a shorter
list, in whose middle the process that conducts it is killed.
"""

import concurrent.futures
import contextlib
import dataclasses
import json
import random
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from celery_peer import CeleryWorker
from load import KeptConnection, run_clients
from managed import running
from serve import Serve
from workflow_figures import Chain, describe_chains, describe_fairness, describe_kill

from support.api import Api, expect
from support.workflows import create, given, node, nodes_of, of, run_of, start

Json = dict[str, Any]

STEP = "def calculate(inputs):\n    return {'n': inputs['a'] + 1}\n"
# One that takes a while without keeping a CPU busy, so that what others wait for is their turn.
SLOW_MS = 50
SLOW = (
    "import time\ndef calculate(inputs):\n"
    f"    time.sleep({SLOW_MS / 1000})\n    return {{'n': inputs['a'] + 1}}\n"
)
PAD = "x" * 1500  # beside each number of a list: there is more to an element in earnest
# What each side of the chain does for a node.
SIDES = {
    "a node": "isolated; on disk in SQLite, fsync; whoever is killed, the chain goes on",
    "run by run": "isolated; HTTP; on disk in SQLite, fsync; the client asks for the next",
    "celery": "not isolated; tasks and results in Redis, in memory only; no TLS",
}
PAUSE_S = 0.05  # of the other user between his runs
PATIENCE_S = 300


@dataclasses.dataclass(frozen=True)
class WorkflowPlan:
    """How much is measured."""

    rounds: int
    elements: int  # of a list
    nodes: int = 100  # of a chain
    killed: int = 2000  # of that in whose middle the server is killed
    idle: int = 60  # runs of the other user, while nothing else runs
    many: int = 20  # workflow runs of one user at once
    meanwhile: int = 40  # runs of the other user, beside those


def measure_workflows(binary: Path, celery_python: Path, plan: WorkflowPlan) -> Json:
    """All figures."""
    with running("redis"), Serve(binary) as serve, CeleryWorker(celery_python, {}, {}) as celery:
        chain = _measure_chains(serve, celery, plan)
    with Serve(binary) as serve:
        listed = _measure_list(serve, plan)
        many = _measure_many(serve, plan)
        killed = _measure_kill(serve, plan)
    parts = {"chain": chain, "list": listed, "many": many, "killed": killed}
    return {"does": SIDES, "rounds": plan.rounds, **parts}


# A chain


def _measure_chains(serve: Serve, celery: CeleryWorker, plan: WorkflowPlan) -> Json:
    with _api(serve) as api:
        workflow = _chain_of(api, plan.nodes)
        chance = random.Random(time.time_ns())
        _run_chain(api, workflow, chance.random(), plan.nodes)  # to warm up
        calculated: list[Chain] = []
        reused: list[Chain] = []
        singles: list[float] = []
        peer: list[float] = []
        step = api.create(STEP, {"a": 1})["id"]

        def ours() -> None:
            x = chance.random()  # that nothing could have answered before
            calculated.append(_run_chain(api, workflow, x, plan.nodes))
            reused.append(_run_chain(api, workflow, x, plan.nodes, again=True))

        def one_by_one() -> None:
            found = run_clients(serve.port, serve.token, step, {"n": 2}, 1, plan.nodes)
            singles.append(statistics.median(found.ms))

        def theirs() -> None:
            peer.extend(ms / plan.nodes for ms in celery.chains(plan.nodes, 1))

        sides = [ours, one_by_one, theirs]
        for number in range(plan.rounds):
            print(f"  round {number + 1} of {plan.rounds}: chains ...", file=sys.stderr)
            for place in range(len(sides)):
                sides[(number + place) % len(sides)]()
    return describe_chains(calculated, reused, singles, peer)


def _chain_of(api: Api, length: int) -> str:
    step = api.create(STEP)
    nodes = {"n0": node(step, a=given("x"))}
    for i in range(1, length):
        nodes[f"n{i}"] = node(step, a=of(f"n{i - 1}", "/n"))
    return create(api, nodes, {"n": of(f"n{length - 1}", "/n")}, {"x": {}})


def _run_chain(api: Api, workflow: str, x: float, length: int, again: bool = False) -> Chain:
    path = f"/api/workflows/{workflow}/execute?wait=40"
    begin = time.perf_counter()
    answer = api.post(path, {"inputs": {"x": x}})
    total_ms = (time.perf_counter() - begin) * 1e3
    run = expect(answer, 200)
    if run["status"] != "completed" or abs(run["result"]["n"] - x - length) > 1e-6:
        raise RuntimeError(f"the chain ended as {run}")
    reused = [one for one in run["nodes"] if "reused_from" in one]
    if len(reused) != (length if again else 0):
        raise RuntimeError(f"{len(reused)} of {length} nodes were answered from before")
    if again:
        return Chain(total_ms, 0.0, 0.0, length)
    usages = [api.run(one["run_id"])["usage"] for one in run["nodes"]]
    calculation_ms = sum(one["wall_ms"] for one in usages)
    return Chain(total_ms, calculation_ms, sum(one["setup_ms"] for one in usages), length)


# A list


def _measure_list(serve: Serve, plan: WorkflowPlan) -> Json:
    with _api(serve) as api, Api(_url(serve), serve.add_user("bench-other")) as other:
        single = Single(serve, other)
        single.time(plan.idle // 3)  # to warm up
        idle = single.time(plan.idle)
        workflow = _list_of(api, api.create(STEP))
        print(f"  a list of {plan.elements} elements ...", file=sys.stderr)
        with _watched(serve.api_pid()) as memory:
            numbers = list(range(plan.elements))
            elements = _elements(numbers)
            begin = time.perf_counter()
            run = start(api, workflow, inputs={"list": elements})
            accepted_s = time.perf_counter() - begin
            with concurrent.futures.ThreadPoolExecutor(1) as threads:
                ended = threads.submit(_wait, api, run)
                meanwhile = []
                while not ended.done():
                    meanwhile += single.time(1)
            completed_s = time.perf_counter() - begin
        _expect_all(ended.result(), numbers)
    return {
        "elements": plan.elements,
        "accepted_s": round(accepted_s, 3),
        "completed_s": round(completed_s, 1),
        "elements_per_second": round(plan.elements / completed_s, 1),
        "list_mb": round(len(json.dumps(elements)) / 2**20, 1),
        "api_grown_mb": round(memory.grown_mb, 1),
        "api_holds_mb": round(memory.holds_mb, 1),
        **describe_fairness(idle, meanwhile),
    }


class Single:
    """The other user, who asks for one run after the other."""

    def __init__(self, serve: Serve, api: Api) -> None:
        task = api.create(STEP, {"a": 1})["id"]
        self._connection = KeptConnection(serve.port)
        token = api.http.headers["Authorization"]
        self._request = (
            f"POST /api/tasks/{task}/execute?wait=30 HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: {token}\r\nContent-Type: application/json\r\n"
            "Content-Length: 2\r\n\r\n{}"
        ).encode()

    def time(self, runs: int) -> list[float]:
        """The milliseconds of so many, from asking to having the result."""
        found = []
        for _ in range(runs):
            begin = time.perf_counter()
            status, body = self._connection.ask(self._request)
            found.append((time.perf_counter() - begin) * 1e3)
            if status != 200 or json.loads(body).get("result") != {"n": 2}:
                raise RuntimeError(f"{status}: {body.decode()}")
            time.sleep(PAUSE_S)
        return found


class Memory:
    """What a process has in memory, from a moment on."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._before = self._now()
        self._seen = [self._before]

    def look(self) -> None:
        """Remember it."""
        self._seen.append(self._now())

    def _now(self) -> int:
        [line] = [one for one in self._status.read_text().splitlines() if one.startswith("VmRSS:")]
        return int(line.split()[1])

    @property
    def grown_mb(self) -> float:
        """By how much it was more, at most."""
        return (max(self._seen) - self._before) / 1024

    @property
    def holds_mb(self) -> float:
        """The same, at the median."""
        return (statistics.median(self._seen) - self._before) / 1024


@contextlib.contextmanager
def _watched(pid: int) -> Iterator[Memory]:
    """The memory of a process is looked at meanwhile."""
    memory, over = Memory(pid), threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            memory.look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield memory
    finally:
        over.set()
        watcher.join()


def _list_of(api: Api, step: Json) -> str:
    each = node(step, a={"element": "/x"}) | {"for_each": given("list")}
    return create(api, {"each": each}, {"l": of("each", "/n")}, {"list": {}})


def _elements(numbers: list[int]) -> list[Json]:
    return [{"x": number, "pad": PAD} for number in numbers]


def _wait(api: Api, run: str) -> Json:
    until = time.monotonic() + PATIENCE_S
    while (found := run_of(api, run, wait_s=40))["status"] == "running":
        if time.monotonic() > until:
            raise RuntimeError(f"it had not ended after {PATIENCE_S} s")
    return found


def _expect_all(run: Json, numbers: list[int]) -> None:
    if run["status"] != "completed" or run["result"]["l"] != [n + 1 for n in numbers]:
        raise RuntimeError(f"the list ended as {run['status']}, or with other results")


# Many at once


def _measure_many(serve: Serve, plan: WorkflowPlan) -> Json:
    """What another user's runs take while one has many workflow runs, longer than those last."""
    print(f"  {plan.many} workflow runs at once ...", file=sys.stderr)
    with _api(serve) as api, Api(_url(serve), serve.add_user("bench-third")) as other:
        single = Single(serve, other)
        single.time(plan.idle // 3)  # to warm up
        idle = single.time(plan.idle)
        workflow = _list_of(api, api.create(SLOW))
        chance = random.Random(time.time_ns())
        numbers = [chance.randrange(2**40) for _ in range(1000)]
        runs = [
            start(api, workflow, inputs={"list": _elements(numbers[i :: plan.many])})
            for i in range(plan.many)
        ]
        meanwhile = single.time(plan.meanwhile)
        for run in runs:
            api.post(f"/api/workflow-runs/{run}/cancel")
        statuses = [_wait(api, run)["status"] for run in runs]
    return {
        "runs": plan.many,
        "element_ms": SLOW_MS,
        "cancelled": statuses.count("cancelled"),  # the others had ended meanwhile
        **describe_fairness(idle, meanwhile),
    }


# A kill


def _measure_kill(serve: Serve, plan: WorkflowPlan) -> Json:
    """What becomes of a list in whose middle the process that conducts it is killed."""
    print(f"  a list of {plan.killed}, killed half-way ...", file=sys.stderr)
    numbers = list(range(plan.elements, plan.elements + plan.killed))  # that nothing answers
    with _api(serve) as api:
        step = api.create(STEP + "# killed\n")
        run = start(api, _list_of(api, step), inputs={"list": _elements(numbers)})
        while (ended := nodes_of(run_of(api, run))["each"].get("ended", 0)) < plan.killed / 2:
            time.sleep(0.02)
    begin = time.perf_counter()
    serve.kill_api()
    with _api(serve) as api:
        _expect_all(_wait(api, run), numbers)
        whole_s = time.perf_counter() - begin
        runs = [
            one for page in api.pages(f"/api/runs?task_id={step['id']}", limit=200) for one in page
        ]
    return {
        "elements": plan.killed,
        "ended_before": ended,
        "rest_s": round(whole_s, 1),
        **describe_kill(runs, plan.killed),
    }


def _api(serve: Serve) -> Api:
    return Api(_url(serve), serve.token)


def _url(serve: Serve) -> str:
    return f"http://127.0.0.1:{serve.port}"
