"""A home of one worker, as src/home has it, that is away when a test says so."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

RUN = "0190a0a0-0000-7000-8000-000000000001"


class PlayedHome:
    """HTTP on a free port of loopback; has one run of `code` for whoever calls.

    While `away` is set, calls that tell lines are answered 503. Once `lost` is set, to an answer of
    home/home.h, every call has it: the run is another's. Large results are taken once `open` is
    set.
    """

    def __init__(self, code: str) -> None:
        """Listen."""
        self.away = threading.Event()
        self.open = threading.Event()
        self.lost: tuple[int, str] | None = None  # status and error
        self.refused = 0  # calls that were answered 503
        self.after_lost = 0  # calls that were answered `lost`
        self.log = 0  # bytes of it that are here
        self.results = 0  # large results that are here
        self.end: dict[str, Any] = {}  # as the worker told it
        self._code = code
        home = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                home._answer(self)

            do_PUT = do_POST

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, call: BaseHTTPRequestHandler) -> None:
        body = call.rfile.read(int(call.headers.get("Content-Length") or 0))
        path = urlsplit(call.path)
        if self.lost:
            self.after_lost += 1
            _respond(call, self.lost[0], {"error": self.lost[1]})
        elif path.path == "/home/job":
            _respond(call, 200, self._job())
        elif path.path == "/home/lines":
            self._hear(call, body, int(parse_qs(path.query)["from"][0]))
        else:
            if path.path.startswith("/home/objects/results/"):
                self.open.wait(60)
                self.results += 1
            _respond(call, 200, {"have": len(body)})

    def _job(self) -> dict[str, Any]:
        return {
            "task_id": RUN,
            "run_id": RUN,
            "attempt": 1,
            "user_id": "ann",
            "code": base64.b64encode(self._code.encode()).decode(),
            "inputs_s3_key": "",
            "inputs": {},
            "limits": {},
        }

    def _hear(self, call: BaseHTTPRequestHandler, body: bytes, at: int) -> None:
        if self.away.is_set():
            _respond(call, 503, {})
            self.refused += 1
            return
        for line in map(json.loads, body.splitlines()):
            if line["type"] == "log":
                at += len(line["text"].encode())
                self.log = max(self.log, at)
            elif line["type"] == "end":
                self.end = line
        told = {"lease_s": 60, "stop": False, "log": self.log, "recorded": bool(self.end)}
        _respond(call, 200, told)


def _respond(call: BaseHTTPRequestHandler, status: int, answer: dict[str, Any]) -> None:
    body = json.dumps(answer).encode()
    call.send_response(status)
    call.send_header("Content-Length", str(len(body)))
    call.end_headers()
    call.wfile.write(body)
