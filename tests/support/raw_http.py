"""HTTP byte by byte, for what no well-behaved client would send."""

import json
import socket
from dataclasses import dataclass
from typing import Any

from support.api import POINTED


@dataclass(frozen=True)
class Answer:
    """One response as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """The body of an error, which says the status it came with and what it is about."""
        assert self.headers["content-type"] == "application/problem+json", self
        problem = dict(json.loads(self.body))
        assert problem["status"] == self.status, self
        assert self.status not in POINTED or problem["errors"], self
        return problem

    @property
    def pointers(self) -> list[str]:
        """Where in the request an error is."""
        return [error["pointer"] for error in self.problem["errors"]]


class RawConnection:
    """One TCP connection; every read is bounded by `timeout_s`."""

    def __init__(self, port: int, timeout_s: float = 15, receive_buffer: int | None = None) -> None:
        """`receive_buffer`: bytes the kernel keeps for us unread (it takes twice as many)."""
        self._socket = socket.socket()
        self._socket.settimeout(timeout_s)
        if receive_buffer is not None:  # before connecting: the window is agreed on then
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.connect(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()

    def __enter__(self) -> "RawConnection":
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; the server sees the end."""
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send these bytes."""
        self._socket.sendall(data)

    def read_little(self) -> None:
        """Let the kernel take only a few kilobytes that were not read yet."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def closed_by_server(self) -> bool:
        """Wait for the server's close; False when it sends something instead."""
        try:
            return not self._buffer and self._socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def read_answer(self) -> Answer:
        """The next response, with a fixed length or chunked."""
        status, headers = self.read_head()
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, b"".join(iter(self.read_chunk, b"")))
        return Answer(status, headers, self._exactly(int(headers.get("content-length", "0"))))

    def read_head(self) -> tuple[int, dict[str, str]]:
        """Status and headers of the next response."""
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return int(head[0].split()[1]), headers

    def read_chunk(self) -> bytes:
        """The next chunk of a body, empty at its end."""
        chunk = self._exactly(int(self._until(b"\r\n"), 16))
        self._exactly(2)
        return chunk

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            self._more()
        end = self._buffer.index(mark)
        found = bytes(self._buffer[:end])
        del self._buffer[: end + len(mark)]
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        found = bytes(self._buffer[:size])
        del self._buffer[:size]
        return found

    def _more(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError(f"the server closed after {self._buffer!r}")
        self._buffer += data


def refuses_connections(port: int) -> bool:
    """Whether nobody listens at `port`; one that closes while it is asked is asked again."""
    try:
        RawConnection(port).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # taken by the kernel, closed before the server took it
        return False
    return False


def request(
    method: str, path: str, token: str, body: bytes | None = None, extra: str = ""
) -> bytes:
    """A correct request; `extra` is further header lines, each ending in CRLF."""
    host = "Host: localhost\r\n"
    head = f"{method} {path} HTTP/1.1\r\n{host}Authorization: Bearer {token}\r\n{extra}"
    if body is None:
        return f"{head}\r\n".encode()
    framing = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return f"{head}{framing}".encode() + body
