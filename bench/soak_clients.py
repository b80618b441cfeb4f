"""Clients of the soak: each a process that sends calculations and looks at how they end."""

import contextlib
import json
import multiprocessing
import random
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from load import KeptConnection
from soak_calculations import ALL, PROBE, Calculation

WAIT_S = 30  # for an end; beyond it the run has failed the soak
HANG_UPS = 0.03  # shares of the runs whose client hangs up, or cancels
CANCELS = 0.03

Json = dict[str, Any]


@dataclass
class Seen:
    """What one or more clients saw."""

    sent: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)  # ends that were not the right ones
    objects: int = 0  # that the runs left in the object store

    def add(self, other: "Seen") -> None:
        """Both together."""
        self.sent += other.sent
        self.wrong += other.wrong
        self.objects += other.objects


def load(port: int, token: str, clients: int, seconds: float, seed: int) -> Seen:
    """Let `clients` send what they like for `seconds`."""
    context = multiprocessing.get_context("fork")
    pipes = []
    for client in range(clients):
        mine, theirs = context.Pipe(duplex=False)
        arguments = (port, token, time.monotonic() + seconds, seed + client, theirs)
        context.Process(target=_client, args=arguments, daemon=True).start()
        theirs.close()
        pipes.append(mine)
    seen = Seen()
    for pipe in pipes:
        seen.add(pipe.recv())
    return seen


def probe(port: int, token: str, runs: int) -> list[float]:
    """Milliseconds of honest numpy runs, one after another, from request to result."""
    connection = KeptConnection(port)
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        status, body = connection.ask(_execute(token, PROBE, WAIT_S))
        times.append((time.perf_counter() - begin) * 1e3)
        if status != 200 or json.loads(body)["status"] != "completed":
            raise RuntimeError(f"a probe ended as {status}: {body.decode()}")
    return times


def _request(token: str, method: str, path: str, body: bytes = b"") -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _execute(token: str, what: Calculation, wait_s: int) -> bytes:
    body = {"code": what.code, "inputs": what.inputs, "limits": what.limits}
    path = f"/api/tasks/execute?wait={wait_s}" if wait_s else "/api/tasks/execute"
    return _request(token, "POST", path, json.dumps(body).encode())


def _client(port: int, token: str, until: float, seed: int, answer: Connection) -> None:
    seen = Seen()
    chance = random.Random(seed)
    names = list(ALL)
    weights = [ALL[name].weight for name in names]
    try:
        connection = KeptConnection(port)
        while time.monotonic() < until:
            name = chance.choices(names, weights)[0]
            draw = chance.random() if ALL[name].objects == 0 else 1.0
            if draw < HANG_UPS:
                _hang_up(port, token, ALL[name])
                name = "hung up"
            elif draw < HANG_UPS + CANCELS:
                _cancel(connection, token, name, seen)
                name = "cancelled"
            else:
                _wait(connection, token, name, seen)
            seen.sent[name] += 1
    except Exception as error:
        seen.wrong.append(f"a client died: {type(error).__name__}: {error}")
    answer.send(seen)


def _hang_up(port: int, token: str, what: Calculation) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(_execute(token, what, WAIT_S))


def _end_of(run: Json) -> str:
    """Status, or the failure's code."""
    return str(run["error"]["code"] if run["status"] == "failed" else run["status"])


def _wait(connection: KeptConnection, token: str, name: str, seen: Seen) -> None:
    what = ALL[name]
    status, body = connection.ask(_execute(token, what, WAIT_S))
    run = json.loads(body)
    end = _end_of(run) if status == 200 else f"HTTP {status}"
    if end in what.ends:
        seen.objects += what.objects
    else:
        detail = run.get("error") or run.get("detail")
        seen.wrong.append(f"{name}: {end}, not {' or '.join(sorted(what.ends))}: {detail}")


def _cancel(connection: KeptConnection, token: str, name: str, seen: Seen) -> None:
    _, body = connection.ask(_execute(token, ALL[name], 0))
    run_id = json.loads(body)["run_id"]
    connection.ask(_request(token, "POST", f"/api/runs/{run_id}/cancel"))
    until = time.monotonic() + WAIT_S
    run: Json = {"status": "unknown"}
    while run["status"] not in ("completed", "failed", "cancelled"):
        if time.monotonic() > until:
            seen.wrong.append(f"{name}: did not end after its cancel: {run['status']}")
            return
        time.sleep(0.01)
        with contextlib.suppress(KeyError):
            run = json.loads(connection.ask(_request(token, "GET", f"/api/runs/{run_id}"))[1])
    if _end_of(run) not in ALL[name].ends | {"cancelled"}:
        seen.wrong.append(f"{name}, cancelled: {_end_of(run)}: {run.get('error')}")
