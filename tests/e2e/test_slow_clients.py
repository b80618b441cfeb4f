"""Clients that take their time: each has a deadline, and none keeps the others waiting."""

import contextlib
import json
import resource
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.api import Api
from support.raw_http import RawConnection, request
from support.server import DEV_TOKEN, Server
from support.sse import read_events

MakeServer = Callable[..., Server]
CODE = "def calculate(inputs):\n    return inputs"
HEAD = (
    f"POST /api/tasks HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {DEV_TOKEN}\r\n"
    "Content-Type: application/json\r\n"
).encode()
HALVES = {  # and the part that is not whole
    "half a request line": (b"GET /api/ta", "#header"),
    "half a header": (HEAD[:80], "#header"),
    "half a body": (HEAD + b'Content-Length: 100\r\n\r\n{"name":', ""),
    "half a chunk": (HEAD + b'Transfer-Encoding: chunked\r\n\r\n20\r\n{"name":', ""),
    "no last chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", ""),
}


@pytest.fixture(scope="module")
def impatient() -> Iterator[Server]:
    """A server with short deadlines."""
    one = Server(
        server_header_timeout_s=1, server_body_timeout_s=1, server_idle_timeout_s=2
    ).start()
    yield one
    one.remove()


@pytest.mark.parametrize(("data", "part"), HALVES.values(), ids=HALVES.keys())
def test_a_request_that_stops_half_way_is_ended_at_its_deadline(
    impatient: Server, data: bytes, part: str
) -> None:
    with RawConnection(impatient.port) as connection:
        begin = time.monotonic()
        connection.send(data)
        answer = connection.read_answer()
        assert 0.5 < time.monotonic() - begin < 5
        assert answer.status == 408
        assert answer.problem["code"] == "request_timeout"
        assert answer.pointers == [part]
        assert connection.closed_by_server()
    assert impatient.api().get("/api/tasks").status_code == 200


@pytest.mark.parametrize("start", [b"", HEAD + b"Content-Length: 100000\r\n\r\n"])
def test_a_slow_loris_does_not_move_its_deadline_by_sending_on(
    impatient: Server, start: bytes
) -> None:
    with RawConnection(impatient.port) as connection:
        begin = time.monotonic()
        connection.send(start or b"GET / HTTP/1.1\r\n")
        stop = threading.Event()

        def drip() -> None:
            with contextlib.suppress(OSError):
                while not stop.wait(0.1):
                    connection.send(b"X: y\r\n" if not start else b" ")

        dripper = threading.Thread(target=drip)
        dripper.start()
        try:
            with contextlib.suppress(ConnectionError):
                assert connection.read_answer().status == 408
            assert time.monotonic() - begin < 5
        finally:
            stop.set()
            dripper.join()


def test_an_idle_connection_is_closed_at_its_deadline(impatient: Server) -> None:
    with RawConnection(impatient.port) as connection:
        connection.send(request("GET", "/health/live", DEV_TOKEN))
        assert connection.read_answer().status == 200
        begin = time.monotonic()
        assert connection.closed_by_server()
        assert 1 < time.monotonic() - begin < 6


def test_a_long_wait_and_a_long_stream_are_no_idleness(impatient: Server) -> None:
    api = impatient.api()
    code = "import time\ndef calculate(inputs):\n    time.sleep(3)\n    return 'done'"
    assert api.calculate(code)["result"] == "done"
    run_id = api.start(str(api.create(code)["id"]))
    assert api.end(run_id)["status"] == "completed"


def test_a_thousand_idle_connections_keep_nobody_waiting(own_server: MakeServer) -> None:
    server = own_server()
    allow_files(2000)
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(RawConnection(server.port)) for _ in range(1000)]
        for i, connection in enumerate(idle):
            connection.send(b"GET /api/tasks HTTP/1.1\r\nHost: a" if i % 2 else b"")
        begin = time.monotonic()
        run = server.api().calculate(CODE, {"x": 1})
        assert run["result"] == {"x": 1}
        assert time.monotonic() - begin < 5
        idle[0].send(request("GET", "/health/live", DEV_TOKEN))
        assert idle[0].read_answer().status == 200


def test_idle_connections_up_to_the_limit_give_way_to_a_newcomer(own_server: MakeServer) -> None:
    server = own_server(server_max_connections=16)
    code = "import time\ndef calculate(inputs):\n    time.sleep(1)\n    return 'done'"
    busy = server.api()
    events = busy.events(busy.start(str(busy.create(code)["id"])))
    next(events)
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(RawConnection(server.port)) for _ in range(40)]
        for i, connection in enumerate(idle):
            with contextlib.suppress(OSError):
                connection.send(b"GET /api/tasks HTTP/1.1\r\nHost: a" if i % 2 else b"")
        with Api(server.url, DEV_TOKEN) as newcomer:
            assert newcomer.calculate(CODE, {"x": 1})["result"] == {"x": 1}
        assert all(connection.closed_by_server() for connection in idle[:24])
        idle[-1].send(b": b\r\n" + f"Authorization: Bearer {DEV_TOKEN}\r\n\r\n".encode())
        assert idle[-1].read_answer().status == 200
    assert list(events)[-1].data["status"] == "completed"  # what is at work does not give way


def test_large_bodies_that_do_not_come_take_no_room_from_others(own_server: MakeServer) -> None:
    server = own_server()
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            connection = stack.enter_context(RawConnection(server.port))
            connection.send(
                HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (16 << 20)
            )
            assert connection.read_answer().status == 100
            connection.send(b"{")
        inputs = {"x": "x" * (8 << 20)}
        assert server.api().calculate("def calculate(i): return len(i['x'])", inputs)["result"] == (
            8 << 20
        )


LARGE = """
def calculate(inputs):
    for _ in range(1000): print('y' * 999)
    open('large.bin', 'wb').write(b'a' * (48 << 20))
    return 'r' * (8_000_000 - 2)
"""


def test_large_answers_to_slow_readers_do_not_fill_the_memory(own_server: MakeServer) -> None:
    server = own_server()
    api = server.api()
    run = api.calculate(LARGE, limits={"log_kb": 1024})
    parts = ("/results", "/artifacts/large.bin", "/events")
    paths = [f"/api/runs/{run['id']}{part}" for part in parts]
    before = server.api_peak_mib()
    with contextlib.ExitStack() as stack:
        late = [stack.enter_context(RawConnection(server.port)) for _ in paths]
        for reader, path in zip(late, paths, strict=True):
            reader.send(request("GET", path, DEV_TOKEN))
        for path in paths * 40:
            reader = stack.enter_context(RawConnection(server.port))
            reader.read_little()
            reader.send(request("GET", path, DEV_TOKEN))
            assert reader._until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        result, artifact, events = (reader.read_answer() for reader in late)
        assert (result.status, artifact.status, events.status) == (200, 200, 200)
        assert events.body.count(b"y") == 999_000
        assert json.loads(result.body)["result"] == "r" * (8_000_000 - 2)
        assert artifact.body == b"a" * (48 << 20)
        whole = api.get(paths[0])  # and nobody else is refused because of them
        assert whole.json()["result"] == run["result"]
    assert server.api_peak_mib() - before < 40


def test_many_large_answers_at_once_come_whole(own_server: MakeServer) -> None:
    server = own_server()
    run = server.api().calculate(LARGE, limits={"log_kb": 1024})
    path = f"/api/runs/{run['id']}/results"
    before = server.api_peak_mib()
    found: list[bool] = []

    def download() -> None:
        with Api(server.url, DEV_TOKEN) as own:
            found.append(own.read(path)["result"] == run["result"])

    threads = [threading.Thread(target=download) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 40
    assert server.api_peak_mib() - before < 40


def test_a_listener_that_reads_nothing_does_not_hold_up_the_run(own_server: MakeServer) -> None:
    lines = 9000
    server = own_server(worker_concurrency=1, limits_max_log_kb=16384)
    api = server.api()
    code = (
        f"def calculate(inputs):\n    for _ in range({lines}): print('x' * 999)\n    return 'done'"
    )
    task_id = api.create(code, limits={"log_kb": 16384})["id"]
    first = api.start(api.create("import time\ndef calculate(inputs): time.sleep(60)")["id"])
    with RawConnection(server.port, receive_buffer=4096) as deaf:
        run_id = api.start(task_id)
        deaf.send(request("GET", f"/api/runs/{run_id}/events", DEV_TOKEN))
        assert deaf.read_head()[0] == 200
        stream = deaf.read_chunk()
        assert b'"queued"' in stream  # it listens, and the run has not begun
        api.cancel(first)
        begin = time.monotonic()
        assert api.end(run_id)["status"] == "completed"
        assert api.execute(task_id)["result"] == "done"
        assert time.monotonic() - begin < 15  # before the server gives the deaf one up
        assert lines * 1000 > most_unread() + 2 * 4096  # so the server is still writing
        stream += b"".join(iter(deaf.read_chunk, b""))
    events = list(read_events(stream.decode().split("\n")))
    assert events[-1].data == {"status": "completed", "attempt": 1}
    told = "".join(event.data["text"] for event in events if event.kind == "log")
    assert told == api.log(run_id)
    assert told == ("x" * 999 + "\n") * lines


def most_unread() -> int:
    """What the kernel takes at most from a sender whose peer reads nothing, bytes."""
    return int(Path("/proc/sys/net/ipv4/tcp_wmem").read_text().split()[2])


def allow_files(number: int) -> None:
    """Raise this process's own bound on open files as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
