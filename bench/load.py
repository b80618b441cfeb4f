"""Clients that submit and wait for the result, with as little of their own time as Python allows.

Each client is a process with one connection kept alive (TCP_NODELAY), one send and one or two
receives a run: a comfortable HTTP library would cost as much as what is measured.
"""

import json
import multiprocessing
import socket
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any


@dataclass(frozen=True)
class Latencies:
    """One time for each run, its parts as the server told them, and how long it all took."""

    ms: list[float]
    setup_ms: list[float]  # from the worker's door to the author's first line
    wall_ms: list[float]  # from the run being ready to its end
    total_s: float


def run_clients(
    port: int, token: str, task_id: str, expected: dict[str, Any], clients: int, runs: int
) -> Latencies:
    """`runs` runs in all, shared evenly; each result is compared with `expected`."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(clients + 1)
    pipes = []
    for _ in range(clients):
        mine, theirs = context.Pipe(duplex=False)
        arguments = (port, token, task_id, expected, runs // clients, start, theirs)
        context.Process(target=_client, args=arguments, daemon=True).start()
        theirs.close()
        pipes.append(mine)
    start.wait(30)
    begin = time.perf_counter()
    found: list[tuple[float, float, float]] = []
    for pipe in pipes:
        answer = pipe.recv()
        if isinstance(answer, str):
            raise RuntimeError(answer)
        found += answer
    total, setup, wall = (list(column) for column in zip(*found, strict=True))
    return Latencies(total, setup, wall, time.perf_counter() - begin)


def _client(
    port: int,
    token: str,
    task_id: str,
    expected: dict[str, Any],
    runs: int,
    start: Barrier,
    answer: Connection,
) -> None:
    try:
        connection = KeptConnection(port)
        request = (
            f"POST /api/tasks/{task_id}/execute?wait=30 HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
            "Content-Length: 2\r\n\r\n{}"
        ).encode()
        start.wait(30)
        times = []
        for _ in range(runs):
            begin = time.perf_counter()
            status, body = connection.ask(request)
            elapsed = (time.perf_counter() - begin) * 1e3
            run = json.loads(body)
            if status != 200 or run.get("result") != expected:
                raise RuntimeError(f"{status}: {body.decode()}")
            times.append((elapsed, run["usage"]["setup_ms"], run["usage"]["wall_ms"]))
        answer.send(times)
    except Exception as error:
        answer.send(f"{type(error).__name__}: {error}")


class KeptConnection:
    """One HTTP/1.1 connection for requests that are already bytes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 40)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send one request; status and body of its answer, which must have a Content-Length."""
        self._socket.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += self._receive()
        return int(head[9:12]), body

    def _receive(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data
