"""A proxy as networks of companies have it: it connects to what it is asked for (CONNECT)."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer


class ConnectProxy(ThreadingTCPServer):
    """Carries bytes to one port of this machine, whatever host is named."""

    daemon_threads = True

    def __init__(self, upstream: int) -> None:
        """Listen on loopback."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.asked: list[str] = []  # the first line of each request
        self.seen = b""  # all that clients sent

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(StreamRequestHandler):
    server: ConnectProxy

    def handle(self) -> None:
        self.server.asked.append(self.rfile.readline().decode().strip())
        while self.rfile.readline().strip():
            pass
        if not self.server.asked[-1].startswith("CONNECT "):
            return
        with socket.create_connection(("127.0.0.1", self.server.upstream)) as there:
            self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            self._carry(self.connection, there)

    def _carry(self, here: socket.socket, there: socket.socket) -> None:
        while True:
            for one in select.select([here, there], [], [], 30)[0]:
                piece = one.recv(65_536)
                if not piece:
                    return
                if one is here:
                    self.server.seen += piece
                (there if one is here else here).sendall(piece)


@contextmanager
def connect_proxy(upstream: int) -> Iterator[ConnectProxy]:
    """One that listens."""
    proxy = ConnectProxy(upstream)
    threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
