"""A timeout holds whatever the server does, and an answer is bounded before it is kept."""

import asyncio
import gzip
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hostile import Speak, answer, hostile

from mecapy import AsyncMecaPy, MecaPy, NotFoundError, PlatformError, WaitTimeout
from mecapy._bounds import arguments_of
from mecapy._deadline import Deadline
from mecapy._steps import Request

RUN = {"id": "r", "run_id": "r", "task_id": "t", "status": "running"}
TIMEOUT, GRACE = 0.4, 0.2
LONGEST = TIMEOUT + GRACE + 1.5  # the machine may be busy


def slowly(data: bytes) -> Callable[[socket.socket], None]:
    """Sends a byte each fifth of a second."""

    def speak(connection: socket.socket) -> None:
        for i in range(len(data)):
            connection.sendall(data[i : i + 1])
            if STOP.wait(0.2):
                return

    return speak


STOP = threading.Event()
HEAD = b"HTTP/1.1 200 X\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n"
SAYS: dict[str, Callable[[socket.socket], None]] = {
    "busy": lambda c: c.sendall(answer(503, {"detail": "busy"}, Retry_After="20")),
    "too many": lambda c: c.sendall(answer(429, {"detail": "busy"}, Retry_After="20")),
    "gateway": lambda c: c.sendall(answer(502, b"<html>")),
    "a slow body": lambda c: (c.sendall(HEAD), slowly(b" " * 1000)(c))[0],
    "a slow head": lambda c: slowly(HEAD)(c),
    "silence": lambda c: STOP.wait(20) and None,
    "a head alone": lambda c: (c.sendall(HEAD), STOP.wait(20))[0],
    "nothing": lambda c: c.close(),
}


@pytest.fixture(autouse=True)
def end_of_slow_answers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mecapy._session._GRACE_S", GRACE)
    STOP.clear()
    yield
    STOP.set()


def ask(awaits: bool, url: str, what: str) -> Any:
    """Ask a client of either kind; `retries` never end it."""
    given: dict[str, Any] = {"token": "t", "base_url": url, "retries": 10**6}

    async def story() -> Any:
        async with AsyncMecaPy(**given) as client:
            if what == "run":
                return await client.run("x", timeout=TIMEOUT)
            return await (await client.runs.get("r")).result(TIMEOUT)

    if awaits:
        return asyncio.run(story())
    with MecaPy(**given) as client:
        if what == "run":
            return client.run("x", timeout=TIMEOUT)
        return client.runs.get("r").result(TIMEOUT)


@pytest.mark.parametrize("awaits", [False, True], ids=["blocking", "awaiting"])
@pytest.mark.parametrize("what", ["result", "run"])
@pytest.mark.parametrize("says", SAYS)
def test_a_timeout_holds_whatever_the_server_does(says: str, what: str, awaits: bool) -> None:
    def speak(connection: socket.socket, path: str) -> None:
        if path == "/api/runs/r":
            connection.sendall(answer(200, RUN))
        else:
            SAYS[says](connection)

    with hostile(speak) as url:
        begin = time.monotonic()
        with pytest.raises(WaitTimeout, match="as far as can be told") as caught:
            ask(awaits, url, what)
        assert time.monotonic() - begin < LONGEST
        STOP.set()
    assert caught.value.run_id == ("r" if what == "result" else None)


def test_a_timeout_holds_on_a_connection_that_was_used_before() -> None:
    def speak(connection: socket.socket, path: str) -> None:
        connection.sendall(answer(200, RUN, Connection="keep-alive"))
        while b"\r\n\r\n" not in connection.recv(65536):
            pass
        slowly(HEAD)(connection)

    with hostile(speak) as url, MecaPy(token="t", base_url=url, retries=0) as client:
        run = client.runs.get("r")
        begin = time.monotonic()
        with pytest.raises(WaitTimeout):
            run.result(TIMEOUT)
        assert time.monotonic() - begin < LONGEST
        STOP.set()


def test_a_fault_within_the_time_is_none_of_the_timeout() -> None:
    with hostile(lambda c, _: c.sendall(answer(500, {"detail": "a defect"}))) as url:
        client = MecaPy(token="t", base_url=url, retries=0)
        with pytest.raises(PlatformError, match="a defect"):
            client.run("x", timeout=20)


def test_no_wait_of_a_request_is_without_end() -> None:
    for until in (Deadline(None), Deadline(5), Deadline(0)):
        timeout = arguments_of(Request("GET", "http://127.0.0.1", until=until))["timeout"]
        waits = [timeout.connect, timeout.read, timeout.write, timeout.pool]
        assert all(wait is not None and 0 < wait <= until.left(100) + 0.1 for wait in waits)
        assert timeout.connect <= 10
        assert timeout.write <= 60


def packed(connection: socket.socket, path: str) -> None:
    if path == "/api/runs/r":
        artifact = {"name": "a", "size": 9, "content_type": "text/plain", "sha256": "0" * 64}
        connection.sendall(answer(200, {**RUN, "status": "completed", "artifacts": [artifact]}))
    else:
        connection.sendall(answer(200, gzip.compress(b'{"user": "u"}'), Content_Encoding="gzip"))


@pytest.mark.parametrize("awaits", [False, True], ids=["blocking", "awaiting"])
def test_an_answer_that_is_packed_is_refused(awaits: bool) -> None:
    with hostile(packed) as url:
        with MecaPy(token="t", base_url=url, retries=0) as client:
            asks = {
                "me": client.me,
                "events": lambda: list(client.runs.get("r").stream()),
                "artifact": lambda: client.runs.get("r").artifacts[0].read(),
            }
            for one in asks.values() if not awaits else ():
                with pytest.raises(PlatformError, match="packed .gzip."):
                    one()

        async def story() -> None:
            async with AsyncMecaPy(token="t", base_url=url, retries=0) as client:
                with pytest.raises(PlatformError, match="packed .gzip."):
                    await client.me()
                with pytest.raises(PlatformError, match="packed .gzip."):
                    [event async for event in (await client.runs.get("r")).stream()]

        if awaits:
            asyncio.run(story())


@pytest.mark.parametrize("awaits", [False, True], ids=["blocking", "awaiting"])
def test_an_answer_is_read_no_further_than_it_may_be_long(
    awaits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mecapy._bounds._MOST_OF_AN_ANSWER", 1 << 20)
    sent = {200: 0, 404: 0}

    def endless(status: int) -> Speak:
        def speak(connection: socket.socket, _: str) -> None:
            connection.sendall(f"HTTP/1.1 {status} X\r\nConnection: close\r\n\r\n".encode())
            for _ in range(1000):
                connection.sendall(b" " * (1 << 20))
                sent[status] += 1

        return speak

    def me(url: str) -> Any:
        async def story() -> Any:
            async with AsyncMecaPy(token="t", base_url=url, retries=0) as client:
                return await client.me()

        return asyncio.run(story()) if awaits else MecaPy(token="t", base_url=url, retries=0).me()

    with hostile(endless(200)) as url, pytest.raises(PlatformError, match="longer than 1 MiB"):
        me(url)
    with hostile(endless(404)) as url, pytest.raises(NotFoundError) as caught:
        me(url)
    assert len(str(caught.value)) < 1000
    assert max(sent.values()) < 50


@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_sweep_asks_for_no_more_runs_at_once_than_it_may(concurrency: int) -> None:
    open_ones, most = 0, 0
    lock = threading.Lock()
    done = answer(200, {**RUN, "status": "completed", "result": 1})

    def speak(connection: socket.socket, _: str) -> None:
        nonlocal open_ones, most
        with lock:
            open_ones += 1
            most = max(most, open_ones)
        STOP.wait(0.1)
        with lock:
            open_ones -= 1
        connection.sendall(done)

    with hostile(speak) as url, MecaPy(token="t", base_url=url, retries=0) as client:
        sweep = client.task(same).map(range(9), concurrency=concurrency, progress=False)
        assert sweep.results() == [1] * 9
    assert most == concurrency


def same(x):
    return x
