"""HTTP/1.1 as the clouds speak it, from Python's standard library: requests, answers, a server.

Everything of tests/clouds but the boot of machines and the tests needs no package, so that the unit
tests of the placers can start the simulators with any Python 3.
"""

import json
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Json = dict[str, Any]


@dataclass
class Request:
    """What came. `number` counts the requests of one server from 1."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in small letters
    body: bytes
    number: int = 0
    wrong: list[str] = field(default_factory=list)  # what the facts do not allow

    def json(self) -> Json:
        """The body as an object; an empty one, and a note in `wrong`, when it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        if isinstance(value, dict):
            return value
        self.wrong.append("its body is no JSON object")
        return {}


@dataclass
class Answer:
    """What goes back, after `wait_s`; nothing but the end of the connection when `cut`."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    cut: bool = False


def tell(status: int, value: object = None, **headers: str) -> Answer:
    """An answer of JSON; without a body when there is no value."""
    if value is None:
        return Answer(status, headers=dict(headers))
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"} | named)


class Server:
    """Calls `handle` for each request, each on a thread of its own."""

    def __init__(self, handle: Callable[[Request], Answer], port: int = 0) -> None:
        """Listen on 127.0.0.1; `serve` answers."""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60
            disable_nagle_algorithm = True

            def _any(self) -> None:
                split = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                request = Request(
                    method=self.command,
                    path=split.path,
                    query=dict(parse_qsl(split.query, keep_blank_values=True)),
                    headers={name.lower(): text for name, text in self.headers.items()},
                    body=self.rfile.read(length),
                )
                answer = handle(request)
                time.sleep(answer.wait_s)  # a slow cloud is what is played
                if answer.cut:
                    self._cut()
                    return
                self.send_response(answer.status)
                for name, text in answer.headers.items():
                    self.send_header(name, text)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if answer.status != 204:
                    self.wfile.write(answer.body)

            def _cut(self) -> None:
                # With nothing lingering the other side reads a reset, not an orderly end.
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                self.close_connection = True
                self.connection.close()

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

            def log_message(self, *_: object) -> None:
                """What came is kept by who answers."""

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    self.close_connection = True

            def finish(self) -> None:
                try:
                    super().finish()
                except (OSError, ValueError):
                    self.close_connection = True

        class Listener(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self._listener = Listener(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._listener.server_address[1]}"

    def serve(self) -> None:
        """Until `close`."""
        self._listener.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        """Answer nothing any more."""
        self._listener.shutdown()
        self._listener.server_close()
