"""What one request may take, time and bytes; and the errors of httpx as ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx

from mecapy._deadline import NEVER, Deadline
from mecapy._errors import NetworkError, PlatformError, UsageError
from mecapy._steps import Request

_MOST_OF_AN_ERROR = 256 << 10  # bytes
_MOST_OF_AN_ANSWER = 1 << 30
_LEAST_S = 0.001  # no time at all would mean not to wait, to a socket
_ENDLESS_S = 10.0**6
_LOOPBACK = ("localhost", "127.0.0.1", "::1")  # as httpx writes a host


def arguments_of(request: Request) -> dict[str, Any]:
    """What httpx builds a request of; a body of pieces is begun anew each time."""
    left = max(request.until.left(_ENDLESS_S), _LEAST_S)
    timeout = httpx.Timeout(
        connect=min(10, left),
        read=min(request.read_s, left),
        write=min(60, left),
        pool=min(request.read_s + 60, left),
    )
    return {
        "method": request.method,
        "url": request.url,
        "headers": request.headers,
        "params": request.params,
        "content": _in_time(request) if callable(request.body) else request.body,
        "timeout": timeout,
    }


def _in_time(request: Request) -> Iterator[bytes]:
    for piece in request.body():
        if request.until.over:
            raise late(request)
        yield piece


def time_left(request: Request) -> float | None:
    """Seconds that a request may still take; None when nothing bounds it."""
    left = request.until.left(_ENDLESS_S)
    return None if left == _ENDLESS_S else max(left, _LEAST_S)


def build(http: Any, arguments: dict[str, Any], **extensions: Any) -> httpx.Request:
    """The request, of httpx's client.

    Raises
    ------
    UsageError
        It cannot be: an id that is none, say.
    """
    try:
        request: httpx.Request = http.build_request(**arguments, extensions=extensions)
    except (httpx.InvalidURL, ValueError) as error:
        raise UsageError(f"this cannot be asked for: {error}") from error
    return request


def translated(error: httpx.HTTPError, request: Request) -> NetworkError:
    """An error of httpx as ours."""
    place = httpx.URL(request.url)
    text = str(error) or type(error).__name__
    not_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    words = "cannot be reached" if not_sent else "the connection broke"
    if isinstance(error, httpx.ReadTimeout):
        words, text = "no answer in time", f"{request.read_s:g} s"
    where = f"{place.scheme}://{place.netloc.decode('ascii', 'replace')}"
    if not_sent and place.host in _LOOPBACK:
        text += "; is it running? `mecapy serve` starts it"
    told = NetworkError(f"{where}: {words}: {text}")
    told.sent = not not_sent
    return told


def late(request: Request) -> NetworkError:
    """What is told when the deadline of a request has passed."""
    return NetworkError(f"{request.method} {httpx.URL(request.url).path}: no whole answer in time")


def check_encoding(response: httpx.Response) -> None:
    """Refuse an answer that is packed, of whose few bytes gigabytes would be made.

    Raises
    ------
    PlatformError
        It is, though that was not asked for.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise PlatformError(f"the answer is packed ({encoding}), which was not asked for")


class Collected:
    """The bytes of an answer as they come; of one that says no, its beginning.

    Raises
    ------
    PlatformError
        By `add`: they are too many.
    NetworkError
        By `add`: they do not come in time.
    """

    def __init__(self, request: Request, response: httpx.Response) -> None:
        self._request = request
        self._says_no = response.status_code >= 300
        self._most = _MOST_OF_AN_ERROR if self._says_no else _MOST_OF_AN_ANSWER
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        """Keep one more."""
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > self._most and not self._says_no:
            raise PlatformError(f"the answer is longer than {self._most >> 20} MiB")
        if self._request.until.over:
            raise late(self._request)

    @property
    def full(self) -> bool:
        """Whether no more is wanted."""
        return self._size >= self._most and self._says_no

    @property
    def content(self) -> bytes:
        """All of them."""
        return b"".join(self._pieces)[: self._most]


class Bounds:
    """Until when the thread that calls may wait for bytes, also for those of a slow head.

    A timeout of httpx begins anew with each byte that comes.
    """

    def __init__(self) -> None:
        self._own = threading.local()

    @property
    def until(self) -> Deadline:
        """Of the request that this thread has under way."""
        return getattr(self._own, "until", NEVER)

    @until.setter
    def until(self, deadline: Deadline) -> None:
        self._own.until = deadline

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Called by httpcore; a new connection's reads are bounded from then on."""
        if not event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            return
        stream = info["return_value"]
        read = stream.read

        def bounded(size: int, timeout: float | None = None) -> bytes:
            left = self.until.left(_ENDLESS_S if timeout is None else timeout)
            found: bytes = read(size, max(left, _LEAST_S))
            return found

        stream.read = bounded
