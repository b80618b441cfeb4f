"""Where the server is, who calls, and how a call is made: retries, deadlines, errors."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mecapy import _errors as errors
from mecapy._deadline import NEVER, Deadline
from mecapy._entries import Pieces
from mecapy._errors import MecaPyError, NetworkError
from mecapy._login import Login, checked_url
from mecapy._steps import Open, Pause, Reply, Request, Rule, Send, within
from mecapy._version import __version__

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 10.0
_LONGEST_RETRY_AFTER_S = 60.0
_GRACE_S = 1.0  # after a deadline, for the answer that says so
# What is over soon; 500 is a defect, which asking again does not mend.
_PASSING = frozenset({408, 429, 502, 503, 504})


class Body:
    """A JSON object that is sent in pieces, which are made anew for each try.

    Parameters
    ----------
    members : mapping of str to bytes or Pieces
        Each member's JSON.
    """

    def __init__(self, members: Mapping[str, bytes | Pieces]) -> None:
        self._members = members
        self._size = sum(map(len, self._all()))

    def __len__(self) -> int:
        return self._size

    def pieces(self) -> Iterator[bytes]:
        """The bytes, from the beginning.

        Raises
        ------
        EncodingError
            They are not as many as they were: an array changed meanwhile.
        """
        left = self._size
        for piece in self._all():
            left -= len(piece)
            if left < 0:
                break
            yield piece
        if left != 0:
            raise errors.EncodingError(
                "inputs changed while they were sent: leave them as they are"
            )

    def _all(self) -> Iterator[bytes]:
        yield b"{"
        for position, (name, text) in enumerate(self._members.items()):
            yield (b"," if position else b"") + json.dumps(name).encode() + b":"
            yield from text if isinstance(text, Pieces) else (text,)
        yield b"}"


class Session:
    """The rules that all calls share.

    Parameters
    ----------
    base_url : str
        Of the server, without ``/api``.
    login : Login
        Who calls.
    timeout : float
        Silence that is endured before an answer, seconds.
    retries : int
        How often what passes by itself is tried again.
    """

    def __init__(self, base_url: str, login: Login, *, timeout: float, retries: int) -> None:
        self.base_url = checked_url(base_url).removesuffix("/api")
        self.login = login
        self._timeout = timeout
        self._retries = retries

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Body | None = None,
        wait: float = 0,
        headers: Mapping[str, str] | None = None,
        deadline: Deadline | None = None,
    ) -> Rule[Reply]:
        """Call the API, trying again what is safe to try again.

        A POST carries an Idempotency-Key, so that it is safe; a PATCH is repeated only when the
        server did not have it.

        Parameters
        ----------
        wait : float
            Seconds the server may wait before it answers.
        deadline : Deadline, optional
            After it nothing is tried again, and what has not come a second later is given up.

        Raises
        ------
        MecaPyError
            By the answer's code.
        """
        sent = {"Accept": "application/json"}
        if method == "POST":
            sent["Idempotency-Key"] = str(uuid.uuid4())
        sent |= headers or {}
        until = deadline or NEVER
        request = self._request(method, path, params, sent, body, self._timeout + wait)
        calling = self._persist(request, Send, method != "PATCH", until)
        reply = yield from within(until.later(_GRACE_S), calling)
        if reply.status >= 300:
            raise error_of(reply)
        return reply

    def open(self, path: str, headers: Mapping[str, str], read_s: float) -> Rule[Reply]:
        """Open an answer that is read piece by piece (`Read`); its silences are bounded too."""
        request = self._request("GET", path, None, dict(headers), None, read_s)
        reply = yield from self._persist(request, Open, True, NEVER)
        if reply.status >= 300:
            # The body of an error is short: once more, whole.
            raise error_of((yield from self._once(request, Send)))
        return reply

    def pause(self, tried: int) -> Rule[None]:
        """Let some time pass after the `tried`-th failure in a row (0 the first), with jitter."""
        yield Pause(_pause(tried))

    def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        headers: dict[str, str],
        body: Body | None,
        read_s: float,
    ) -> Request:
        headers["Accept-Encoding"] = "identity"  # of a few bytes no gigabyte is made
        headers["User-Agent"] = f"mecapy-python/{__version__}"
        content: Callable[[], Iterator[bytes]] | None = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            headers["Content-Length"] = str(len(body))
            content = body.pieces
        given = {k: v for k, v in (params or {}).items() if v is not None}
        return Request(method, self.base_url + path, headers, given, content, read_s)

    def _persist(
        self, request: Request, step: Any, repeatable: bool, deadline: Deadline
    ) -> Rule[Reply]:
        tried = 0
        while True:
            try:
                reply = yield from self._once(request, step)
            except NetworkError as error:
                over = tried >= self._retries or deadline.over
                if over or (error.sent and not repeatable):
                    raise
                yield Pause(deadline.left(_pause(tried)))
                if deadline.over:
                    raise
            else:
                over = tried >= self._retries or deadline.over
                if reply.status not in _PASSING or over:
                    return reply
                if not repeatable and reply.status not in (429, 503):
                    return reply
                after = retry_after(reply)
                if after is not None and after > _LONGEST_RETRY_AFTER_S:
                    return reply
                pause = _pause(tried) if after is None else after + random.uniform(0, 0.1)
                yield Pause(deadline.left(pause))
                if deadline.over:
                    return reply
            tried += 1

    def _once(self, request: Request, step: Any) -> Rule[Reply]:
        """One call with a token; a token that is refused is renewed once."""
        for last in (False, True):
            token = yield from self.login.token(renew=last)
            request.headers["Authorization"] = f"Bearer {token}"
            reply: Reply = yield step(request)
            if reply.status != 401 or last or not self.login.renewable:
                return reply
        raise AssertionError("unreachable")


def _pause(tried: int) -> float:
    longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**tried)
    return random.uniform(longest / 2, longest)


def retry_after(reply: Reply) -> float | None:
    """Seconds until the server wants to be asked again; None when it does not say."""
    text = reply.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None


_KINDS: dict[int, type[MecaPyError]] = {
    400: errors.InvalidRequestError,
    401: errors.AuthenticationError,
    402: errors.BudgetExhausted,
    403: errors.AuthenticationError,
    404: errors.NotFoundError,
    405: errors.InvalidRequestError,
    408: errors.NetworkError,
    409: errors.ConflictError,
    413: errors.InvalidRequestError,
    415: errors.InvalidRequestError,
    422: errors.InvalidRequestError,
    429: errors.BusyError,
    431: errors.InvalidRequestError,
}


# What to do next, by what the server says.
_NEXT_STEPS = {
    "no such task": ": an id is wanted, no name; tasks.list() shows yours",
    "no such run": ": runs.list() shows yours",
    "no such workflow": ": workflows.list() shows yours",
    "no such workflow run": ": workflow_runs.list() shows yours",
}


def error_of(reply: Reply) -> MecaPyError:
    """The exception of an answer that says no (RFC 9457)."""
    if reply.status < 400:  # a token is not sent after it
        place = reply.headers.get("location", "elsewhere")
        return errors.ConfigurationError(f"the server leads to {place}: give that address")
    problem = _problem(reply)
    kind = _KINDS.get(reply.status)
    if kind is None:
        kind = errors.PlatformError if reply.status >= 500 else errors.InvalidRequestError
    problems = tuple(
        errors.FieldProblem(p["pointer"], p["detail"], p.get("line"), p.get("column"))
        for p in problem.get("errors", [])
    )
    message = str(problem.get("detail") or problem.get("title") or f"HTTP {reply.status}")
    said = message  # what it tells already is not told again with its place
    message += "".join(
        f"\n  {_place(p)}: {p.detail}{_whose_ceiling(p)}" for p in problems if p.detail not in said
    )
    message += _NEXT_STEPS.get(said, "")
    request_id = problem.get("request_id") or reply.headers.get("x-request-id")
    if kind is errors.AuthenticationError:
        message += "; log in with `mecapy login`, or give token= or MECAPY_TOKEN"
    if issubclass(kind, errors.PlatformError) and request_id:
        message += f" (request {request_id})"
    error = kind(message, code=problem.get("code"), request_id=request_id)
    error._passes = reply.status in _PASSING
    if isinstance(error, errors.InvalidRequestError):
        error.problems = problems
    if isinstance(error, errors.BusyError):
        error.retry_after = retry_after(reply)
    return error


def _whose_ceiling(problem: errors.FieldProblem) -> str:
    limit = problem.pointer.removeprefix("/limits/")
    if limit == problem.pointer or "over the ceiling" not in problem.detail:
        return ""
    return f"; it is the server's: its operator raises limits.max_{limit}"


def _place(problem: errors.FieldProblem) -> str:
    where = problem.pointer or "the body"
    return where if problem.line is None else f"{where}, line {problem.line}"


def _problem(reply: Reply) -> dict[str, Any]:
    try:
        problem = json.loads(reply.content)
    except ValueError:  # of a proxy, say
        text = reply.content[:200].decode("utf-8", "replace").strip()
        return {"detail": f"HTTP {reply.status}: {text}" if text else f"HTTP {reply.status}"}
    return problem if isinstance(problem, dict) else {}
