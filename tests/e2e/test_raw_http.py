"""Requests byte by byte: framing that is odd but right is served, what is ambiguous is refused."""

import contextlib
import json
import threading
from collections.abc import Iterator

import pytest

from support.api import Api
from support.raw_http import RawConnection, request
from support.server import DEV_TOKEN, Server

CODE = "def calculate(inputs):\n    return inputs"
TASK = json.dumps({"name": "raw", "code": CODE}).encode()
LIST = request("GET", "/api/tasks?limit=1", DEV_TOKEN)
HEAD = (
    f"POST /api/tasks HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {DEV_TOKEN}\r\n"
    "Content-Type: application/json\r\n"
).encode()


@pytest.fixture(autouse=True)
def _served_afterwards(api: Api) -> Iterator[None]:
    """Whatever was sent, the next request is served."""
    yield
    assert api.get("/api/tasks?limit=1").status_code == 200


def chunked(*chunks: bytes) -> bytes:
    """A chunked body."""
    return b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"


@contextlib.contextmanager
def sending(connection: RawConnection, pieces: list[bytes]) -> Iterator[None]:
    """Send meanwhile, as far as the server takes it: its answer may come before it has it all."""

    def send() -> None:
        with contextlib.suppress(OSError):  # the server, or we, closed
            for piece in pieces:
                connection.send(piece)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        connection.close()
        thread.join()


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    paths = ["/health/live", "/api/nothing", "/api/tasks?limit=1", "/health/ready"]
    with RawConnection(server.port) as connection:
        connection.send(b"".join(request("GET", path, DEV_TOKEN) for path in paths))
        assert [connection.read_answer().status for _ in paths] == [200, 404, 200, 200]


def test_pipelined_posts_each_happen(server: Server) -> None:
    with RawConnection(server.port) as connection:
        connection.send(request("POST", "/api/tasks", DEV_TOKEN, TASK) * 3)
        answers = [connection.read_answer() for _ in range(3)]
    assert [answer.status for answer in answers] == [201] * 3
    assert len({json.loads(answer.body)["id"] for answer in answers}) == 3


def test_a_chunked_body_is_read(server: Server) -> None:
    with RawConnection(server.port) as connection:
        body = chunked(TASK[:1], TASK[1:30], TASK[30:])
        connection.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body + LIST)
        assert connection.read_answer().status == 201
        assert connection.read_answer().status == 200


def test_a_request_in_single_bytes_is_read(server: Server) -> None:
    with RawConnection(server.port) as connection:
        for byte in request("POST", "/api/tasks", DEV_TOKEN, TASK):
            connection.send(bytes([byte]))
        assert connection.read_answer().status == 201


def test_expect_continue_is_answered_before_the_body(server: Server) -> None:
    with RawConnection(server.port) as connection:
        connection.send(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(TASK))
        assert connection.read_answer().status == 100
        connection.send(TASK)
        assert connection.read_answer().status == 201


@pytest.mark.parametrize("order", [("identity", "gzip"), ("gzip", "identity"), ("", "gzip")])
def test_a_coding_in_any_of_the_header_lines_is_refused(
    server: Server, order: tuple[str, str]
) -> None:
    lines = "".join(f"Content-Encoding: {coding}\r\n" for coding in order)
    with RawConnection(server.port) as connection:
        connection.send(request("POST", "/api/tasks", DEV_TOKEN, TASK, lines))
        answer = connection.read_answer()
        assert answer.status == 415
        assert answer.problem["detail"] == "send the body without Content-Encoding: gzip"


def test_a_body_that_is_refused_is_not_asked_for(server: Server) -> None:
    with RawConnection(server.port) as connection:
        connection.send(HEAD + b"Expect: 100-continue\r\nContent-Length: 99000000000\r\n\r\n")
        assert connection.read_answer().status == 413


def test_keep_alive_serves_a_thousand_requests_on_one_connection(server: Server) -> None:
    with RawConnection(server.port) as connection:
        for _ in range(1000):
            connection.send(request("GET", "/health/live", DEV_TOKEN))
            assert connection.read_answer().status == 200


def test_connection_close_is_kept(server: Server) -> None:
    with RawConnection(server.port) as connection:
        connection.send(request("GET", "/health/live", DEV_TOKEN, extra="Connection: close\r\n"))
        assert connection.read_answer().status == 200
        assert connection.closed_by_server()


def test_head_answers_as_get_without_a_body(server: Server) -> None:
    with RawConnection(server.port) as connection:
        connection.send(request("HEAD", "/health/live", DEV_TOKEN))
        connection.send(request("GET", "/health/live", DEV_TOKEN))
        connection._socket.settimeout(5)
        head = connection._until(b"\r\n\r\n")
        assert head.split()[1] == b"200"
        answer = connection.read_answer()  # the head's own is followed by it at once
        assert answer.status == 200
        assert f"content-length: {len(answer.body)}".encode() in head.lower().split(b"\r\n")


AMBIGUOUS = {
    "both lengths": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both, other order": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "negative length": b"Content-Length: -1\r\n\r\n{}",
    "signed length": b"Content-Length: +2\r\n\r\n{}",
    "length that is no number": b"Content-Length: two\r\n\r\n{}",
    "length beyond 64 bits": b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "chunk size that is no number": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}",
    "chunk longer than it says": b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
    "unknown coding": b"Transfer-Encoding: gzip\r\n\r\n{}",
    "coding hidden by a space": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "chunked, then another coding": b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "two hosts": b"Host: other\r\nContent-Length: 2\r\n\r\n{}",
    "header without a colon": b"nonsense\r\nContent-Length: 2\r\n\r\n{}",
    "zero byte in a header": b"X-A: b\x00c\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("rest", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_ambiguous_framing_is_refused_and_the_connection_closed(
    server: Server, rest: bytes
) -> None:
    with RawConnection(server.port) as connection:
        connection.send(HEAD + rest)
        answer = connection.read_answer()
        assert 400 <= answer.status < 500 or answer.status == 501, answer
        assert answer.problem["code"] in ("invalid_request", "too_large")
        assert connection.closed_by_server()


NOT_HTTP = {
    "words": b"hello, world\r\n\r\n",
    "a TLS hello": bytes.fromhex("160301020001 0001fc0303") + bytes(64),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9": b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    "no host": b"GET /health/live HTTP/1.1\r\n\r\n",
    "no method": b" / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target that is no path": b"GET http://[::1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a bad escape": b"GET /api/%zz HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/1.0 with chunks": b"GET /health/live HTTP/1.0\r\nConnection: keep-alive\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "zero bytes": bytes(512),
}


@pytest.mark.parametrize("data", NOT_HTTP.values(), ids=NOT_HTTP.keys())
def test_what_is_not_http_is_refused_and_the_connection_closed(server: Server, data: bytes) -> None:
    with RawConnection(server.port) as connection:
        connection.send(data)
        answer = connection.read_answer()
        assert answer.status == 400, answer
        assert answer.problem["code"] == "invalid_request"
        assert connection.closed_by_server()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-A: b\r\n" * 3_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"x" * 3_000_000,
    ],
    ids=["target", "one header", "many headers", "without an end"],
)
def test_a_header_over_the_limit_is_refused(server: Server, head: bytes) -> None:
    with RawConnection(server.port) as connection, sending(connection, [head]):
        answer = connection.read_answer()
        assert answer.status == 431, answer
        assert answer.problem["code"] == "header_too_large"
        assert answer.pointers == ["#header"]


@pytest.mark.parametrize("size", [1 << 40, (16 << 20) + 1])
def test_a_declared_body_over_the_limit_is_refused_before_it_is_sent(
    server: Server, size: int
) -> None:
    with RawConnection(server.port) as connection:
        connection.send(HEAD + b"Content-Length: %d\r\n\r\n" % size)
        answer = connection.read_answer()
        assert answer.status == 413
        assert answer.problem["code"] == "too_large"


def test_a_chunked_body_over_the_limit_is_refused(server: Server) -> None:
    piece = b"%x\r\n%b\r\n" % (1 << 20, b" " * (1 << 20))
    pieces = [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[piece] * 20]
    with RawConnection(server.port) as connection, sending(connection, pieces):
        answer = connection.read_answer()
        assert answer.status == 413, answer
        assert answer.problem["code"] == "too_large"


def test_a_peer_that_hangs_up_mid_request_leaves_nothing(server: Server) -> None:
    for data in (b"GET /api", HEAD, HEAD + b"Content-Length: 100\r\n\r\n{", LIST):
        for _ in range(20):
            with RawConnection(server.port) as connection:
                connection.send(data)
    with RawConnection(server.port) as connection:
        connection.send(LIST)
        assert connection.read_answer().status == 200


def test_a_waiting_client_that_hangs_up_does_not_take_its_run_with_it(
    api: Api, server: Server
) -> None:
    code = "import time\ndef calculate(inputs):\n    time.sleep(0.5)\n    return 'done'"
    task_id = api.create(code)["id"]
    with RawConnection(server.port) as connection:
        connection.send(request("POST", f"/api/tasks/{task_id}/execute?wait=30", DEV_TOKEN, b"{}"))
        run_id = None
        while run_id is None:
            run_id = api.read(f"/api/tasks/{task_id}/status")["run_id"]
    assert api.end(run_id)["status"] == "completed"
