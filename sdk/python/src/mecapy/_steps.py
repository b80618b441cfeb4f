"""The rules of the platform's HTTP are written once, as generators that ask for steps.

A rule yields what it wants done (send a request, pause, read a stream) and gets the outcome back;
it neither blocks nor awaits. `Driver` does the steps for `MecaPy`, `AsyncDriver` for `AsyncMecaPy`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import httpx

from mecapy._deadline import NEVER, Deadline
from mecapy._errors import MecaPyError, PlatformError

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """One HTTP request.

    `url` is absolute; `read_s` bounds the silence before the answer, `until` all of it.
    """

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)  # the token is in it
    params: dict[str, Any] = field(default_factory=dict)
    body: Any = field(
        default=None, repr=False
    )  # a login's secrets may be; bytes, or a callable that opens a new iterator over pieces
    read_s: float = 30.0
    until: Deadline = NEVER


@dataclass(frozen=True)
class Reply:
    """An answer, whole."""

    status: int
    headers: httpx.Headers
    content: bytes


@dataclass(frozen=True)
class Send:
    """Send; the outcome is a `Reply`, or a `MecaPyError` is thrown in."""

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


def within(until: Deadline, rule: Rule[T]) -> Rule[T]:
    """The same rule, none of whose requests lasts longer."""
    outcome: Any = None
    try:
        while True:
            try:
                step = _advance(rule, outcome)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            if isinstance(step, (Send, Open)):
                step = replace(step, request=replace(step.request, until=until))
            try:
                outcome = yield step
            except MecaPyError as error:
                outcome = error
    finally:
        rule.close()


def _advance(rule: Rule[Any], outcome: Any) -> Step:
    return rule.throw(outcome) if isinstance(outcome, MecaPyError) else rule.send(outcome)


@contextlib.contextmanager
def understood() -> Iterator[None]:
    """What cannot be made of an answer within is the platform's fault.

    Raises
    ------
    PlatformError
        The server answered what it never should.
    """
    try:
        yield
    except MecaPyError:
        raise
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        what = f"{type(error).__name__}: {error}"
        text = f"the server's answer cannot be understood ({what}): is it a server of MecaPy?"
        raise PlatformError(text) from error


def resume(rule: Rule[Any], outcome: Any) -> Step:
    """Go on with a rule, whose answers are to be `understood`.

    Raises
    ------
    StopIteration
        It has ended.
    """
    with understood():
        return _advance(rule, outcome)
