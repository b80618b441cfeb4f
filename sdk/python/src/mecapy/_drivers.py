"""Who does the steps of the rules: one that blocks, one on an event loop."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any, TypeVar

import httpx

from mecapy._bounds import (
    Bounds,
    Collected,
    arguments_of,
    build,
    check_encoding,
    late,
    time_left,
    translated,
)
from mecapy._errors import MecaPyError
from mecapy._steps import Emit, Open, Pause, Read, Reply, Request, Rule, Send, Step, resume

T = TypeVar("T")


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
        self._bounds = Bounds()

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
                    step = resume(rule, outcome)
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
                self._bounds.until = answer.request.until
                return next(answer.pieces, None)
            assert isinstance(step, (Send, Open))
            answer.close()
            answer.request = step.request
            self._bounds.until = step.request.until
            http = self._client()
            request = build(http, arguments_of(step.request), trace=self._bounds.trace)
            response = answer.response = http.send(request, stream=True)
            check_encoding(response)
            answer.pieces = response.iter_raw()
            content = b"" if isinstance(step, Open) else _whole(answer, response)
            return Reply(response.status_code, response.headers, content)
        except httpx.HTTPError as error:
            return translated(error, answer.request)
        except MecaPyError as error:
            return error


def _whole(answer: _Open, response: httpx.Response) -> bytes:
    collected = Collected(answer.request, response)
    try:
        while not collected.full and (piece := next(answer.pieces, None)) is not None:
            collected.add(piece)
    finally:
        answer.close()
    return collected.content


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
                step = resume(rule, outcome)
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
            await answer.aclose()
            answer.request = step.request
            return await asyncio.wait_for(self._send(step, answer), time_left(step.request))
        except asyncio.TimeoutError:  # noqa: UP041 - Python 3.10
            await answer.aclose()
            return late(answer.request)
        except httpx.HTTPError as error:
            return translated(error, answer.request)
        except MecaPyError as error:
            return error

    async def _send(self, step: Send | Open, answer: _Open) -> Reply:
        arguments = arguments_of(step.request)
        if arguments["content"] is not None and not isinstance(arguments["content"], bytes):
            arguments["content"] = _on_loop(arguments["content"])
        http = self._client()
        response = answer.response = await http.send(build(http, arguments), stream=True)
        check_encoding(response)
        answer.pieces = response.aiter_raw()
        content = b"" if isinstance(step, Open) else await _awaited_whole(answer, response)
        return Reply(response.status_code, response.headers, content)


async def _awaited_whole(answer: _Open, response: httpx.Response) -> bytes:
    collected = Collected(answer.request, response)
    try:
        while not collected.full and (piece := await _next_piece(answer.pieces)) is not None:
            collected.add(piece)
    finally:
        await answer.aclose()
    return collected.content


async def _next_piece(pieces: AsyncIterator[bytes]) -> bytes | None:
    """The next piece, None behind the last."""
    async for piece in pieces:
        return piece
    return None


async def _on_loop(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
