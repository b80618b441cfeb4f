"""What the platform's API offers, as rules over a `Session`."""

from __future__ import annotations

import datetime
import hashlib
import json
import uuid
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from mecapy import _errors as errors
from mecapy._codec import read_record
from mecapy._deadline import Deadline
from mecapy._errors import MecaPyError, NetworkError
from mecapy._event_reader import EventReader
from mecapy._fields import body_of
from mecapy._session import Session
from mecapy._steps import Emit, Read, Reply, Rule, understood
from mecapy._values import ENDS, CostSum, RunEstimate, estimate_of, event_of, pick

Json = dict[str, Any]


class BudgetWarning(UserWarning):
    """Most of what you may spend this month is spent, or expected."""


_WAIT_S = 25.0  # of one call: proxies give up after a minute
_PAGE = 100
_SILENCE_S = 35.0  # of a stream: the server says something every ten
_MOST_BREAKS = 8  # of a stream in a row that told nothing new


@dataclass(frozen=True)
class Order:
    """One run that is asked for, however often the request is sent.

    Attributes
    ----------
    fresh : bool
        Have it calculated, whatever the cache holds.
    key : str
        The Idempotency-Key.
    """

    fresh: bool = False
    key: str = field(default_factory=lambda: str(uuid.uuid4()))


class Rules:
    """The calls of the API. JSON objects are as the server's, but for inputs and results.

    Parameters
    ----------
    session : Session
        How calls are made.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    def me(self) -> Rule[Json]:
        """Who calls: user, admin, proof."""
        reply = yield from self.session.call("GET", "/api/me")
        return _json(reply.content)

    # Tasks

    def create_task(self, fields: Mapping[str, Any]) -> Rule[Json]:
        """Keep a calculation."""
        reply = yield from self.session.call("POST", "/api/tasks", body=body_of(fields))
        return read_record(reply.content, "inputs")

    def get_task(self, task_id: str, version: int | None = None) -> Rule[Json]:
        """A task, with the version asked for or the latest."""
        path = f"/api/tasks/{_id(task_id)}"
        reply = yield from self.session.call("GET", path, params={"version": version})
        return read_record(reply.content, "inputs")

    def update_task(self, task_id: str, fields: Mapping[str, Any]) -> Rule[Json]:
        """Change what is given; a None takes that away."""
        path = f"/api/tasks/{_id(task_id)}"
        reply = yield from self.session.call("PATCH", path, body=body_of(fields))
        return read_record(reply.content, "inputs")

    def delete_task(self, task_id: str) -> Rule[None]:
        """Hide a task; its runs stay."""
        yield from self.session.call("DELETE", f"/api/tasks/{_id(task_id)}")

    def list_tasks(self, limit: int | None) -> Rule[None]:
        """Emits tasks without code and inputs, newest first."""
        yield from self._pages("/api/tasks", {}, limit)

    def latest_run(self, task_id: str) -> Rule[Json | None]:
        """The latest run of a task, without its result; None when it never ran."""
        reply = yield from self.session.call("GET", f"/api/tasks/{_id(task_id)}/status")
        record = _json(reply.content)
        return record if record["run_id"] is not None else None

    # Runs

    def execute(
        self,
        task_id: str | None,
        fields: Mapping[str, Any],
        order: Order,
        deadline: Deadline | None = None,
    ) -> Rule[Json]:
        """Start a run of a task, or of the code in `fields`; the run as it is then.

        Parameters
        ----------
        order : Order
            Whoever gives the same one again gets the same run.
        deadline : Deadline, optional
            Until then its end is waited for, as long as one call may; not at all without.
        """
        wait = 0 if deadline is None else deadline.left(_WAIT_S)
        path = "/api/tasks/execute" if task_id is None else f"/api/tasks/{_id(task_id)}/execute"
        params = {"wait": f"{wait:.3f}"} if wait > 0 else {}
        headers = {"Idempotency-Key": order.key}
        if order.fresh:
            headers["Cache-Control"] = "no-cache"
        reply = yield from self.session.call(
            "POST",
            path,
            params=params,
            body=body_of(fields),
            wait=wait,
            headers=headers,
            deadline=deadline,
        )
        _warn(reply)
        return _run_record(reply.content)

    def estimate(self, task_id: str | None, fields: Mapping[str, Any]) -> Rule[RunEstimate]:
        """What a run of a task, or of none, would take and cost."""
        path = "/api/tasks/estimate" if task_id is None else f"/api/tasks/{_id(task_id)}/estimate"
        reply = yield from self.session.call("POST", path, body=body_of(fields))
        with understood():
            return estimate_of(_json(reply.content))

    def costs(
        self, by: str, first: datetime.date | str | None, last: datetime.date | str | None
    ) -> Rule[list[CostSum]]:
        """The sums, in the order of their keys."""
        asked: Json = {"by": by, "from": _day(first), "to": _day(last), "limit": _PAGE}
        sums: list[CostSum] = []
        while True:
            reply = yield from self.session.call("GET", "/api/costs", params=asked)
            with understood():
                page = _json(reply.content)
                sums += [pick(CostSum, one) for one in page["items"]]
            if page.get("next") in (None, asked.get("cursor")):
                return sums
            asked["cursor"] = page["next"]

    def execute_and_finish(
        self,
        task_id: str | None,
        fields: Mapping[str, Any],
        order: Order,
        timeout: float | None,
    ) -> Rule[Json]:
        """Start a run and wait for its end; see `finish`."""
        deadline = Deadline(timeout)
        try:
            record = yield from self.execute(task_id, fields, order, deadline)
        except MecaPyError as error:
            if not (error._passes and deadline.over):
                raise
            text = f"no run has begun after {timeout:g} s, as far as can be told: {error}"
            raise errors.WaitTimeout(text) from error
        if record["status"] in ENDS:
            return record
        return (yield from self._finish(record["id"], timeout, deadline))

    def abandon(self, task_id: str | None, fields: Mapping[str, Any], order: Order) -> Rule[None]:
        """Cancel the run of an order, whose answer nobody waited for."""
        record = yield from self.execute(task_id, fields, order)
        if record["status"] not in ENDS:
            yield from self.cancel(record["id"])

    def get_run(self, run_id: str) -> Rule[Json]:
        """A run without its result."""
        reply = yield from self.session.call("GET", f"/api/runs/{_id(run_id)}")
        return _json(reply.content)

    def finish(self, run_id: str, timeout: float | None) -> Rule[Json]:
        """The run with its result, once it has ended.

        Raises
        ------
        WaitTimeout
            It has not ended in `timeout` seconds.
        """
        return (yield from self._finish(run_id, timeout, Deadline(timeout)))

    def _finish(self, run_id: str, timeout: float | None, deadline: Deadline) -> Rule[Json]:
        path = f"/api/runs/{_id(run_id)}/results"
        return (yield from self._end(f"run {run_id}", path, _run_record, timeout, deadline))

    def _end(
        self,
        what: str,
        path: str,
        read: Callable[[bytes], Json],
        timeout: float | None,
        deadline: Deadline,
    ) -> Rule[Json]:
        """What `read` makes of the answer at `path`, once it is that of an end."""
        run_id = what.rpartition(" ")[2]
        while True:
            wait = deadline.left(_WAIT_S)
            try:
                reply = yield from self.session.call(
                    "GET",
                    path,
                    params={"wait": f"{wait:.3f}"},
                    wait=wait,
                    deadline=deadline,
                )
            except MecaPyError as error:
                if not (error._passes and deadline.over):
                    raise
                text = f"{what} has not ended after {timeout:g} s, as far as can be told"
                raise errors.WaitTimeout(text, run_id=run_id) from error
            record = read(reply.content)
            if record["status"] in ENDS:
                return record
            if deadline.over:
                text = f"{what} is {record['status']} after {timeout:g} s; it goes on"
                raise errors.WaitTimeout(text, run_id=run_id)

    def cancel(self, run_id: str) -> Rule[Json]:
        """Stop a run wherever it is; one that has ended stays as it is."""
        try:
            reply = yield from self.session.call("POST", f"/api/runs/{_id(run_id)}/cancel")
        except errors.ConflictError:
            record = yield from self.get_run(run_id)
            if record["status"] not in ENDS:
                raise
            return record
        return _json(reply.content)

    def list_runs(
        self,
        task_id: str | None,
        status: str | None,
        workflow_run_id: str | None,
        limit: int | None,
    ) -> Rule[None]:
        """Emits runs without results, newest first."""
        which = {"task_id": task_id, "status": status, "workflow_run_id": workflow_run_id}
        yield from self._pages("/api/runs", which, limit)

    def logs(self, run_id: str) -> Rule[str]:
        """What the run printed so far."""
        reply = yield from self.session.call("GET", f"/api/runs/{_id(run_id)}/logs")
        return reply.content.decode("utf-8", "replace")

    def events(self, run_id: str) -> Rule[None]:
        """Emits what happens to a run until it has ended; a broken stream is taken up again."""
        path = f"/api/runs/{_id(run_id)}/events"
        yield from self._stream(f"run {run_id}", path, event_of)

    def _stream(
        self,
        what: str,
        path: str,
        read: Callable[[str, Json], Any],
        *,
        goes_on: bool = False,
    ) -> Rule[None]:
        """Emits what `read` makes of each event until an end is told.

        Where more can come behind an end (`goes_on`), until the server closes the stream as well.
        """
        cursor = ""
        tried = 0
        ended = False
        while True:
            headers = {"Accept": "text/event-stream"}
            if cursor:
                headers["Last-Event-ID"] = cursor
            try:
                yield from self.session.open(path, headers, _SILENCE_S)
                reader = EventReader()
                while (piece := (yield Read())) is not None:
                    for event_id, name, data in reader.feed(piece):
                        cursor, tried = event_id or cursor, 0
                        event = read(name, data)
                        if event is not None:
                            yield Emit(event)
                        if name == "status":
                            ended = data["status"] in ENDS
                        if ended and not goes_on:
                            return
                if ended:
                    return
            except NetworkError:
                if tried >= _MOST_BREAKS:
                    raise
            if tried >= _MOST_BREAKS:
                run_id = what.rpartition(" ")[2]
                raise errors.PlatformError(
                    f"the events of {what} end without its end", run_id=run_id
                )
            yield from self.session.pause(tried)
            tried += 1

    def read_artifact(self, run_id: str, artifact: Json) -> Rule[None]:
        """Emits the bytes of an artifact.

        Raises
        ------
        PlatformError
            They are not those that the run left.
        """
        path = f"/api/runs/{_id(run_id)}/artifacts/{quote(artifact['name'])}"
        yield from self.session.open(path, {"Accept": "*/*"}, 60)
        digest = hashlib.sha256()
        size = 0
        while (piece := (yield Read())) is not None:
            digest.update(piece)
            size += len(piece)
            if size > artifact["size"]:
                break
            yield Emit(piece)
        if digest.hexdigest() != artifact["sha256"]:
            text = f"the bytes of {artifact['name']} are not those that the run left"
            raise errors.PlatformError(text, run_id=run_id)

    def _pages(self, path: str, params: Mapping[str, Any], limit: int | None) -> Rule[None]:
        left = limit if limit is not None else 10**9
        cursor = None
        while left > 0:
            asked = {**params, "cursor": cursor, "limit": min(_PAGE, left)}
            reply = yield from self.session.call("GET", path, params=asked)
            page = _json(reply.content)
            for item in page["items"][:left]:
                yield Emit(item)
            left -= len(page["items"])
            before, cursor = cursor, page.get("next")
            if cursor is None or cursor == before or not page["items"]:
                return

    def _everything(self, path: str) -> Rule[list[Json]]:
        """All items of a list at once."""
        items: list[Json] = []
        cursor = None
        while True:
            asked = {"cursor": cursor, "limit": _PAGE}
            page = _json((yield from self.session.call("GET", path, params=asked)).content)
            items += page["items"]
            before, cursor = cursor, page.get("next")
            if cursor is None or cursor == before or not page["items"]:
                return items


def _warn(reply: Reply) -> None:
    """Tell what the server says beside its answer."""
    if "mecapy-warning" in reply.headers:
        text = errors.harmless(reply.headers["mecapy-warning"])
        warnings.warn(text, BudgetWarning, stacklevel=3)


def _run_record(content: bytes) -> Json:
    record = read_record(content, "result")
    return record | {"id": record["run_id"]}


def _json(content: bytes) -> Json:
    return dict(json.loads(content))


def _day(given: datetime.date | str | None) -> str | None:
    return given.isoformat() if isinstance(given, datetime.date) else given


def _id(given: str) -> str:
    if not isinstance(given, str):
        raise errors.UsageError(f"an id is a text, not {given!r}")
    try:
        return quote(given, safe="")
    except UnicodeEncodeError as error:
        raise errors.UsageError(f"{given!r} is no id") from error
