"""A server that means no good, or is none of ours at all: it answers what a test wants it to."""

import hashlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

RUN = "01a2184d-5c10-7001-bd4d-bcb3065cf335"
BYTES = b"what the server sends"


class Hostile(ThreadingHTTPServer):
    """Answers what a test wants it to; anything else is 404."""

    def __init__(self) -> None:
        """Listen on loopback."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        self.tokens: list[str] = []  # that were sent with each GET
        self.grants: list[tuple[int, bytes]] = []  # answers to each POST
        self.posts: list[tuple[str, float]] = []
        self.bodies: list[str] = []  # of them
        self.meanwhile: Callable[[], object] = lambda: None  # done before each POST is answered
        self.went_on: list[str] = []  # Last-Event-ID of each GET that had one
        self.streams: list[bytes] = []  # of events, each of which then ends
        self.everywhere: tuple[int, dict[str, str], bytes] | None = None  # the answer to all

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def run(self, **members: object) -> None:
        """Have one run, with an artifact or other members."""
        run = {"id": RUN, "run_id": RUN, "status": "completed", "result": 1} | members
        body = json.dumps(run).encode()
        for path in ("", "/results"):
            self.answers[f"/api/runs/{RUN}{path}"] = (200, body)

    def artifact(self, name: str, sha256: str = "", size: int = len(BYTES)) -> None:
        """Have a run with this one."""
        right = hashlib.sha256(BYTES).hexdigest()
        self.run(artifacts=[{"name": name, "size": size, "sha256": sha256 or right}])
        self.answers[f"/api/runs/{RUN}/artifacts/{name}"] = (200, BYTES)


class _Handler(BaseHTTPRequestHandler):
    server: Hostile

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if proof := self.headers["Authorization"]:
            self.server.tokens.append(proof.removeprefix("Bearer "))
        if behind := self.headers["Last-Event-ID"]:
            self.server.went_on.append(behind)
        assert not self.headers["X-Evil"]
        if self.path.endswith("/events") and self.server.streams:
            self._send(200, self.server.streams.pop(0))
        else:
            self._send(*self.server.answers.get(self.path.partition("?")[0], (404, b"{}")))

    def do_DELETE(self) -> None:
        self._send(*self.server.answers.get(self.path, (404, b"{}")))

    def do_POST(self) -> None:
        self.server.bodies.append(
            self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        )
        self.server.posts.append((self.path, time.monotonic()))
        self.server.meanwhile()
        if self.path.startswith("/api/"):
            self._send(*self.server.answers.get(self.path.partition("?")[0], (404, b"{}")))
        else:
            self._send(*self.server.grants.pop(0))

    do_PATCH = do_POST

    def _send(self, status: int, body: bytes) -> None:
        headers = {"Content-Type": self._media()}
        if self.server.everywhere is not None:
            status, headers, body = self.server.everywhere
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _media(self) -> str:
        kinds = {"events": "text/event-stream", "logs": "text/plain; charset=utf-8"}
        return kinds.get(self.path.rpartition("/")[2], "application/json")

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def hostile_server(certificate: Path | None = None) -> Iterator[Hostile]:
    """One that listens; over TLS with a certificate and its key in one file."""
    server = Hostile()
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
