"""A real HTTP server that answers as it was told, and remembers what it was asked."""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """One answer; `broken` ends the connection instead."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    broken: bool = False


class Scripted:
    """Gives its answers in turn; the last one again and again."""

    def __init__(self, answers: list[Answer], certificate: Path | None = None) -> None:
        self.asked: list[Asked] = []
        self._answers = answers
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.url = self.url.replace("http:", "https:")

    def _handler(self) -> Callable[..., BaseHTTPRequestHandler]:
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                body = _body(self.rfile, int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                script.asked.append(Asked(self.command, self.path, headers, body))
                turn = max(min(len(script.asked), len(script._answers)) - 1, 0)
                answer = script._answers[turn]
                if answer.broken:
                    self.close_connection = True
                    self.connection.close()
                    return
                content = answer.body if isinstance(answer.body, bytes) else b""
                if not isinstance(answer.body, bytes):
                    content = json.dumps(answer.body).encode()
                self.send_response(answer.status)
                kind = (
                    {} if isinstance(answer.body, bytes) else {"Content-Type": "application/json"}
                )
                for name, value in (kind | answer.headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_DELETE = do_CONNECT = _any

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _body(stream: IO[bytes], size: int) -> bytes:
    """What came; of a large one size and SHA-256, so that it takes no memory."""
    if size <= 1 << 20:
        return stream.read(size)
    digest, left = hashlib.sha256(), size
    while left > 0 and (piece := stream.read(min(left, 1 << 16))):
        digest.update(piece)
        left -= len(piece)
    return f"{size - left} {digest.hexdigest()}".encode()


@contextmanager
def scripted(*answers: Answer, certificate: Path | None = None) -> Iterator[Scripted]:
    """Serve `answers`; over TLS with a certificate and its key in one file."""
    one = Scripted(list(answers), certificate)
    thread = threading.Thread(target=one._server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield one
    finally:
        one._server.shutdown()
        thread.join()
        one._server.server_close()
