"""Clients that submit and wait for the result, with as little of their own time as Python allows.

Each client is a process with one connection kept alive (TCP_NODELAY), one send and one or two
receives a run: a comfortable HTTP library would cost as much as what is measured.
"""

import contextlib
import json
import multiprocessing
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError
from typing import Any

PATIENCE_S = 120  # for one load, whatever happens

# What a client does once it is connected: one run, submitted, waited for and looked at. It answers
# times that the other side told of it, in ms.
Run = Callable[[], tuple[float, ...]]


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
    request = (
        f"POST /api/tasks/{task_id}/execute?wait=30 HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        "Content-Length: 2\r\n\r\n{}"
    ).encode()

    def connect() -> Run:
        connection = KeptConnection(port)

        def submit() -> tuple[float, ...]:
            status, body = connection.ask(request)
            run = json.loads(body)
            if status != 200 or run.get("result") != expected:
                raise RuntimeError(f"{status}: {body.decode()}")
            return run["usage"]["setup_ms"], run["usage"]["wall_ms"]

        return submit

    found, total_s = run_together(connect, clients, runs)
    ms, setup, wall = (list(column) for column in zip(*found, strict=True))
    return Latencies(ms, setup, wall, total_s)


def run_together(
    connect: Callable[[], Run], clients: int, runs: int
) -> tuple[list[tuple[float, ...]], float]:
    """`runs` runs in all, shared evenly by processes that begin when all of them are connected.

    Of each run the milliseconds it took and what it answered; and the seconds of it all.
    """
    context = multiprocessing.get_context("fork")
    start = context.Barrier(clients + 1)
    pipes = []
    processes = []
    try:
        for _ in range(clients):
            mine, theirs = context.Pipe(duplex=False)
            arguments = (connect, runs // clients, start, theirs)
            processes.append(context.Process(target=_client, args=arguments, daemon=True))
            processes[-1].start()
            theirs.close()
            pipes.append(mine)
        with contextlib.suppress(BrokenBarrierError):
            start.wait(30)
        begin = time.perf_counter()
        answers = [_answer(pipe, begin + PATIENCE_S) for pipe in pipes]
        total_s = time.perf_counter() - begin
        complaints = [answer for answer in answers if isinstance(answer, str)]
        if complaints:  # those who only waited for the one that failed say less
            raise RuntimeError(min(complaints, key=lambda words: words.startswith("Broken")))
        return [run for answer in answers for run in answer], total_s
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _answer(pipe: Connection, until: float) -> Any:
    if not pipe.poll(max(0, until - time.perf_counter())):
        raise RuntimeError(f"a client was not done in {PATIENCE_S} s")
    return pipe.recv()


def _client(connect: Callable[[], Run], runs: int, start: Barrier, answer: Connection) -> None:
    # Whoever started it ends it, and hears the keyboard.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        run = connect()
        start.wait(30)
        times = []
        for _ in range(runs):
            begin = time.perf_counter()
            told = run()
            times.append(((time.perf_counter() - begin) * 1e3, *told))
        answer.send(times)
    except Exception as error:
        start.abort()
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
