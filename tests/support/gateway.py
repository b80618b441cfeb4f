"""What stands before serverless containers: TLS, and answers of its own when it likes."""

import contextlib
import select
import socket
import ssl
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


class Gateway:
    """HTTPS on a free port of loopback, before the worker at `url`.

    `faults` are taken one by one by calls of /execute: a status is answered instead of the worker;
    "reset" breaks the connection before the worker hears of the call, "lost" once it has answered,
    "half" in the middle of the answer; "504" lets the worker work and answers 504 for it; a
    function is called before that.
    While `open` is not set, calls of /execute wait for it at the gateway.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.worker = urlsplit(url)
        self.ca = folder / "gateway.pem"
        key = folder / "gateway.key"
        if not self.ca.exists():  # gateways of one folder have one certificate
            _make_certificate(self.ca, key)
        self.faults: deque[int | str | Callable[[], None]] = deque()
        self.headers: list[dict[str, str]] = []  # of each call of /execute
        self.calls: list[bytes] = []  # their bodies
        self.connections = 0
        self.most_at_once = 0  # calls of /execute whose end was not passed on yet
        self.open = threading.Event()
        self.open.set()
        self._lock = threading.Lock()
        self._at_work: set[BaseHTTPRequestHandler] = set()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                gateway.connections += 1
                super().setup()

            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                gateway.answer(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, call: BaseHTTPRequestHandler) -> None:
        """Pass one call on, or not."""
        body = call.rfile.read(int(call.headers["Content-Length"]))
        if call.path != "/execute":
            self._pass_on(call, body, "")
            return
        with self._lock:
            self.headers.append(dict(call.headers))
            self.calls.append(body)
            self._at_work.add(call)
            self.most_at_once = max(self.most_at_once, self.at_once)
            fault = self.faults.popleft() if self.faults else ""
        self.open.wait(60)
        try:
            if isinstance(fault, int):
                self._refuse(call, fault)
            elif fault == "reset":
                self._break(call)
            else:
                self._pass_on(call, body, fault)
        finally:
            self._leave(call)

    @property
    def at_once(self) -> int:
        """Calls of /execute whose end was not passed on yet."""
        return len(self._at_work)

    def _leave(self, call: BaseHTTPRequestHandler) -> None:
        with self._lock:
            self._at_work.discard(call)

    def _pass_on(
        self, call: BaseHTTPRequestHandler, body: bytes, fault: str | Callable[[], None]
    ) -> None:
        worker = HTTPConnection(self.worker.hostname or "", self.worker.port, timeout=60)
        try:
            worker.request("POST", call.path, body, dict(call.headers))
            answer = worker.getresponse()
        except ConnectionRefusedError:
            self._refuse(call, 502)
            return
        except (OSError, HTTPException):  # it has died amid the call
            self._break(call)
            return
        if callable(fault) or fault in ("lost", "504"):
            answer.read()
            if callable(fault):
                fault()
            if fault == "lost":
                self._break(call)
            else:
                self._refuse(call, 504)
            return
        call.send_response(answer.status)
        call.send_header("Content-Type", answer.headers["Content-Type"])
        call.send_header("Transfer-Encoding", "chunked")
        call.end_headers()
        threading.Thread(target=_hang_up_with, args=(call, worker), daemon=True).start()
        try:
            self._pass_back(call, answer, fault)
        except (OSError, HTTPException):  # one of the two has gone
            self._break(call)

    def _pass_back(self, call: BaseHTTPRequestHandler, answer: HTTPResponse, fault: str) -> None:
        while piece := answer.read1(65536):
            if fault == "half":
                piece = piece[: len(piece) // 2]
            if b'"type":"end"' in piece:
                self._leave(call)  # the next may come before the last bytes have gone
            call.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            if fault == "half":
                self._break(call)
                return
        call.wfile.write(b"0\r\n\r\n")

    def _break(self, call: BaseHTTPRequestHandler) -> None:
        self._leave(call)
        call.close_connection = True
        with contextlib.suppress(OSError):  # the client may have gone before
            call.connection.shutdown(socket.SHUT_RDWR)

    def _refuse(self, call: BaseHTTPRequestHandler, status: int) -> None:
        self._leave(call)
        page = b"<html>the gateway's own page \xff</html>"
        call.send_response(status)
        call.send_header("Content-Type", "text/html")
        call.send_header("Content-Length", str(len(page)))
        with contextlib.suppress(OSError):  # the client may have gone before
            call.end_headers()
            call.wfile.write(page)

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


def _make_certificate(certificate: Path, key: Path) -> None:
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    names = ["-days", "2", "-subj", "/CN=gateway", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    certificate.chmod(0o644)


def _hang_up_with(call: BaseHTTPRequestHandler, worker: HTTPConnection) -> None:
    """Leave the worker when the client leaves: it has nothing to send before the answer."""
    with contextlib.suppress(OSError, ValueError):
        if select.select([call.connection], [], [], 60)[0] and worker.sock is not None:
            worker.sock.shutdown(socket.SHUT_RDWR)
