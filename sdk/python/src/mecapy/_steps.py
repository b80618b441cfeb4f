"""The rules of the platform's HTTP are written once, as generators that ask for steps.

A rule yields what it wants done (send a request, pause, read a stream) and gets the outcome back;
it neither blocks nor awaits. `Driver` does the steps for `MecaPy`, `AsyncDriver` for `AsyncMecaPy`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from mecapy._errors import MecaPyError, NetworkError, PlatformError

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """One HTTP request; `url` is absolute, `read_s` bounds the silence before the answer."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)  # the token is in it
    params: dict[str, Any] = field(default_factory=dict)
    body: Any = None  # bytes, or a callable that opens a new iterator over pieces
    read_s: float = 30.0


@dataclass(frozen=True)
class Reply:
    """An answer, whole."""

    status: int
    headers: httpx.Headers
    content: bytes


@dataclass(frozen=True)
class Send:
    """Send; the outcome is a `Reply`, or a `NetworkError` is thrown in."""

    request: Request


@dataclass(frozen=True)
class Pause:
    """Let time pass."""

    seconds: float


@dataclass(frozen=True)
class Open:
    """Send; the outcome is a `Reply` without content, whose body comes by `Read`.

    A rule has one answer open at a time; the next `Open`, and the end of the rule, close it.
    """

    request: Request


@dataclass(frozen=True)
class Read:
    """The next bytes of the open answer, None behind its end."""


@dataclass(frozen=True)
class Emit:
    """Give a value to who iterates."""

    value: Any


Step = Send | Pause | Open | Read | Emit
Rule = Generator[Step, Any, T]


def _translate(error: httpx.HTTPError, request: Request) -> NetworkError:
    place = httpx.URL(request.url)
    text = str(error) or type(error).__name__
    not_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    words = "cannot be reached" if not_sent else "the connection broke"
    if isinstance(error, httpx.ReadTimeout):
        words, text = "no answer in time", f"{request.read_s:g} s"
    where = f"{place.scheme}://{place.netloc.decode('ascii', 'replace')}"
    told = NetworkError(f"{where}: {words}: {text}")
    told.sent = not not_sent
    return told


def _resume(rule: Rule[Any], outcome: Any) -> Step:
    """Go on with a rule; what it cannot make of an answer is the platform's fault.

    Raises
    ------
    StopIteration
        It has ended.
    PlatformError
        The server answered what it never should.
    """
    try:
        return rule.throw(outcome) if isinstance(outcome, NetworkError) else rule.send(outcome)
    except MecaPyError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        text = f"the server's answer cannot be understood ({what}): is it a server of MecaPy?"
        raise PlatformError(text) from error


def _arguments(request: Request) -> dict[str, Any]:
    """What httpx builds a request of; a body of pieces is begun anew each time."""
    content = request.body() if callable(request.body) else request.body
    timeout = httpx.Timeout(connect=10, read=request.read_s, write=60, pool=request.read_s + 60)
    return {
        "method": request.method,
        "url": request.url,
        "headers": request.headers,
        "params": request.params,
        "content": content,
        "timeout": timeout,
    }


class Driver:
    """Does the steps in the thread that calls. May be used by several threads.

    A process that was forked has connections of its own: on shared ones each would read answers
    to the other.

    Parameters
    ----------
    make : callable
        Makes the client.
    """

    def __init__(self, make: Callable[[], httpx.Client]) -> None:
        self._make = make
        self._http = make()
        self._owner = os.getpid()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _client(self) -> httpx.Client:
        if self._owner != os.getpid():
            self._parents = self._http  # not closed: its connections are the other's
            self._http, self._owner = self._make(), os.getpid()
        return self._http

    def run(self, rule: Rule[T]) -> T:
        """What `rule` returns."""
        playing = self._play(rule)
        try:
            next(playing)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        raise TypeError("a rule that emits is iterated")

    def iterate(self, rule: Rule[None]) -> Iterator[Any]:
        """What `rule` emits, as it comes."""
        yield from self._play(rule)

    def _play(self, rule: Rule[T]) -> Generator[Any, None, T]:
        answer = _Open()
        outcome: Any = None
        try:
            while True:
                try:
                    step = _resume(rule, outcome)
                except StopIteration as end:
                    return end.value  # type: ignore[no-any-return]
                outcome = None
                if isinstance(step, Emit):
                    yield step.value
                else:
                    outcome = self._do(step, answer)
        finally:
            answer.close()

    def _do(self, step: Step, answer: _Open) -> Any:
        try:
            if isinstance(step, Pause):
                return time.sleep(step.seconds)
            if isinstance(step, Read):
                return next(answer.pieces, None)
            assert isinstance(step, (Send, Open))
            http = self._client()
            request = http.build_request(**_arguments(step.request))
            answer.request = step.request
            if isinstance(step, Send):
                whole = http.send(request)
                return Reply(whole.status_code, whole.headers, whole.content)
            answer.close()
            answer.response = http.send(request, stream=True)
            answer.pieces = answer.response.iter_bytes()
            return Reply(answer.response.status_code, answer.response.headers, b"")
        except httpx.HTTPError as error:
            return _translate(error, answer.request)


class _Open:
    """The answer that a rule has open."""

    request = Request("GET", "")
    response: httpx.Response | None = None
    pieces: Any = None

    def close(self) -> None:
        if self.response is not None:
            self.response.close()
            self.response = None

    async def aclose(self) -> None:
        if self.response is not None:
            await self.response.aclose()
            self.response = None


class AsyncDriver:
    """Does the steps on the event loop that calls; each loop has connections of its own.

    Parameters
    ----------
    make : callable
        Makes the client.
    """

    def __init__(self, make: Callable[[], httpx.AsyncClient]) -> None:
        self._make = make
        self._http: httpx.AsyncClient | None = None
        self._owner: Any = None

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None and self._owner is asyncio.get_running_loop():
            await self._http.aclose()

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._http is None or self._owner is not loop:
            self._http, self._owner = self._make(), loop
        return self._http

    async def run(self, rule: Rule[T]) -> T:
        """What `rule` returns."""
        answer = _Open()
        try:
            done, value = await self._advance(rule, answer)
        finally:
            await answer.aclose()
        if not done:
            raise TypeError("a rule that emits is iterated")
        return value  # type: ignore[no-any-return]

    async def iterate(self, rule: Rule[None]) -> AsyncIterator[Any]:
        """What `rule` emits, as it comes."""
        answer = _Open()
        try:
            while True:
                done, value = await self._advance(rule, answer)
                if done:
                    return
                yield value
        finally:
            await answer.aclose()

    async def _advance(self, rule: Rule[Any], answer: _Open) -> tuple[bool, Any]:
        """Steps until the rule has ended, (True, its outcome), or emits, (False, the value)."""
        outcome: Any = None
        while True:
            try:
                step = _resume(rule, outcome)
            except StopIteration as end:
                return True, end.value
            if isinstance(step, Emit):
                return False, step.value
            outcome = await self._do(step, answer)

    async def _do(self, step: Step, answer: _Open) -> Any:
        try:
            if isinstance(step, Pause):
                return await asyncio.sleep(step.seconds)
            if isinstance(step, Read):
                return await _next_piece(answer.pieces)
            assert isinstance(step, (Send, Open))
            arguments = _arguments(step.request)
            if arguments["content"] is not None and not isinstance(arguments["content"], bytes):
                arguments["content"] = _on_loop(arguments["content"])
            http = self._client()
            request = http.build_request(**arguments)
            answer.request = step.request
            if isinstance(step, Send):
                whole = await http.send(request)
                return Reply(whole.status_code, whole.headers, whole.content)
            await answer.aclose()
            answer.response = await http.send(request, stream=True)
            answer.pieces = answer.response.aiter_bytes()
            return Reply(answer.response.status_code, answer.response.headers, b"")
        except httpx.HTTPError as error:
            return _translate(error, answer.request)


async def _next_piece(pieces: AsyncIterator[bytes]) -> bytes | None:
    """The next piece, None behind the last."""
    async for piece in pieces:
        return piece
    return None


async def _on_loop(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
