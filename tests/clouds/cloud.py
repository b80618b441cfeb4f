"""What both simulated clouds share: routes, faults, what is kept of each request, the control door.

Under /_control/ the test asks what there is and orders what goes wrong; nothing there is a cloud's.
"""

import re
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Protocol

from clouds.fault_table import Fault, Faults, Kind, Order
from clouds.timeline import Timeline
from clouds.web import Answer, Json, Request, tell

Handler = Callable[..., Answer]
# Told of each request that is a known one, by its operation: as it comes (False), and as its answer
# is about to go (True). It may take its time, and says whether who asked is dead now: then nothing
# more is done.
Tap = Callable[[str, bool], bool]
_CRASHED = b"the simulator itself failed: GET /_control/state tells how"
_HTML = b"<html>\n<head><title>502 Bad Gateway</title></head>\n<body></body>\n</html>\n"


class Computer(Protocol):
    """A machine that is on."""

    def cut_off(self) -> None:
        """Take its power away."""


class Boots(Protocol):
    """Who turns machines on."""

    def start(
        self, machine: str, user_data: bytes, fate: str, when_off: Callable[[], None]
    ) -> Computer:
        """Boot one; `when_off` is called once if it powers off by itself."""

    def running(self) -> list[str]:
        """Machines that are on."""


class _Empty:
    def cut_off(self) -> None:
        """Nothing runs."""


class NoBoots:
    """Machines on which nothing runs: they are on until the cloud takes them away."""

    def start(self, *_: object) -> Computer:
        """See the class."""
        return _Empty()

    def running(self) -> list[str]:
        """None."""
        return []


@dataclass
class Route:
    """A row of a cloud's table of routes; groups of the pattern are handed to the handler."""

    method: str
    path: str
    operation: str
    handler: Handler
    query: Collection[str] = ()


class Cloud(ABC):
    """One API. Its handlers run one at a time."""

    name = ""

    def __init__(self, timeline: Timeline, boots: Boots, faults: Faults) -> None:
        """Empty."""
        self.timeline = timeline
        self.boots = boots
        self.faults = faults
        self.lock = threading.RLock()
        self.requests: list[Json] = []
        self.quota = 10_000  # servers
        self.no_stock: set[str] = set()  # zones
        self.tap: Tap = lambda _operation, _answered: False
        self._down_until = 0.0
        self._pretend = False
        self._pending = 0  # requests that are done later
        self._routes = [(re.compile(route.path), route) for route in self.routes()]

    @abstractmethod
    def routes(self) -> list[Route]:
        """The table of what it answers."""

    @abstractmethod
    def authorize(self, request: Request, operation: str) -> Answer | None:
        """The refusal of who may not; nothing when all is well."""

    @abstractmethod
    def fault_answer(self, fault: Fault) -> Answer:
        """In this cloud's words, for busy, error, transient, quota, …."""

    @abstractmethod
    def not_found(self, resource: str, id: str) -> Answer:
        """In this cloud's words."""

    @abstractmethod
    def there(self) -> Json:
        """Lists of servers, volumes and addresses that are there."""

    @abstractmethod
    def plant(self, what: Json) -> None:
        """Make things that nobody asked for."""

    @abstractmethod
    def power_off(self, server: str) -> None:
        """The machine powers off from inside."""

    @abstractmethod
    def vanish(self, server: str) -> None:
        """The cloud loses it."""

    # ---- requests

    def answer(self, request: Request) -> Answer:
        """Of the API or of the control door."""
        if request.path.startswith("/_control/"):
            return self._control(request)
        route, groups = self._find(request)
        with self.lock:
            request.number = len(self.requests) + 1
            kept: Json = {"number": request.number}
            self.requests.append(kept)
        operation = "unknown" if route is None else self.operation_of(route, request)
        fault: Fault | None = None
        if time.monotonic() < self._down_until:
            answer = _away(request.number)
            self.faults.played["down"] += 1
        elif route is None:
            request.wrong.append("no such path is known")
            answer = self.not_found("path", request.path)
        elif self.tap(operation, False):
            answer = Answer(0, cut=True)
        else:
            fault = self.faults.take(operation)
            answer = self.timeline.guard(
                lambda: self._befallen(fault, route, request, groups), Answer(500, _CRASHED)
            )
            if self.tap(operation, True):
                answer = Answer(0, cut=True)
        self._keep(kept, request, operation, fault, answer)
        return answer

    def operation_of(self, route: Route, request: Request) -> str:
        """The name of what is asked."""
        del request
        return route.operation

    def _find(self, request: Request) -> tuple[Route | None, tuple[str, ...]]:
        for pattern, route in self._routes:
            if route.method == request.method and (match := pattern.fullmatch(request.path)):
                return route, match.groups()
        return None, ()

    def _befallen(
        self, fault: Fault | None, route: Route, request: Request, groups: tuple[str, ...]
    ) -> Answer:
        if fault is not None and fault.kind is Kind.INSTEAD:
            return self._spoiled(fault)
        if fault is not None and fault.kind is Kind.LATE:
            self._pending += 1
            delay = threading.Timer(self.faults.late_s, self._late, (route, request, groups))
            delay.daemon = True
            delay.start()
            return Answer(0, cut=True)
        with self.lock:
            if unknown := request.query.keys() - set(route.query):
                request.wrong.append(f"its query names {sorted(unknown)}")
            self._pretend = fault is not None and fault.kind is Kind.LOST
            try:
                answer = self.authorize(request, route.operation) or route.handler(request, *groups)
            finally:
                self._pretend = False
        if fault is None or fault.kind is not Kind.AFTER:
            return answer
        if fault.name == "slow":
            answer.wait_s = self.faults.slow_s
            return answer
        return self._spoiled(fault)

    def _late(self, route: Route, request: Request, groups: tuple[str, ...]) -> None:
        def act() -> None:
            if self.authorize(request, route.operation) is None:
                route.handler(request, *groups)

        with self.lock:
            self.timeline.guard(act, None)
            request.wrong.clear()  # what it named may have been there when it was asked for
            self._pending -= 1

    def _spoiled(self, fault: Fault) -> Answer:
        match fault.name.removeprefix("made_"):
            case "cut":
                return Answer(0, cut=True)
            case "silent":
                return Answer(0, cut=True, wait_s=self.faults.patience_s)
            case "busy_empty":
                return Answer(429)
            case "bad_gateway":
                return Answer(502, _HTML, {"Content-Type": "text/html"})
            case _:
                return self.fault_answer(fault)

    def really(self, act: Callable[[], None]) -> None:
        """Do it, unless this is the request that is answered well and lost."""
        if not self._pretend:
            act()

    def fields(
        self, value: Json, required: Collection[str], optional: Collection[str]
    ) -> list[str]:
        """What is wrong with the names of an object."""
        wrong = [f"{name} is missing" for name in required if name not in value]
        known = {*required, *optional}
        return wrong + [f"{name} is not a field of it" for name in value if name not in known]

    def go_down(self, seconds: float) -> None:
        """Answer nothing of use for so long."""
        self._down_until = time.monotonic() + seconds

    def fate(self) -> str:
        """Of the machine that is made now: the name of a fault, or nothing."""
        fault = self.faults.take("create", fate=True)
        return "" if fault is None else fault.name

    def _keep(
        self, kept: Json, request: Request, operation: str, fault: Fault | None, answer: Answer
    ) -> None:
        kept |= {
            "operation": operation,
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "headers": request.headers,
            "body": request.body.decode(errors="replace"),
            "status": answer.status,
            "fault": None if fault is None else fault.name,
            "wrong": request.wrong,
        }

    # ---- the control door

    def state(self) -> Json:
        """What is there, and what came until now."""
        with self.lock:
            violations = [
                f"{one['method']} {one['path']}: {wrong}"
                for one in self.requests
                for wrong in one.get("wrong", ())
            ]
            return self.there() | {
                "running": self.boots.running(),
                "pending": self._pending,
                "requests": len(self.requests),
                "violations": violations,
                "crashes": list(self.timeline.crashes),  # of the simulators, in all clouds' states
                "played": dict(self.faults.played),
            }

    def _control(self, request: Request) -> Answer:
        what = request.path.removeprefix("/_control/")
        if request.method == "GET":
            if what == "state":
                return tell(200, self.state())
            if what == "requests":
                with self.lock:
                    since = int(request.query.get("since", 0))
                    return tell(200, {"requests": self.requests[since:]})
            return tell(404, {"error": "state or requests"})
        try:
            value: Any = request.json() if request.body else {}
            with self.lock:
                self._order(what, value)
        except (KeyError, ValueError) as error:
            return tell(400, {"error": repr(error)})
        return tell(200, {})

    def _order(self, what: str, value: Json) -> None:
        match what:
            case "faults":
                self.faults.order([Order.read(one) for one in value["orders"]])
            case "patience":
                self.faults.slow_s = float(value.get("slow_s", self.faults.slow_s))
                self.faults.patience_s = float(value.get("silent_s", self.faults.patience_s))
                self.faults.late_s = float(value.get("late_s", self.faults.late_s))
            case "calm":
                self.faults.forget()
                self._down_until = 0.0
                self.no_stock = set()
            case "down":
                self.go_down(float(value["seconds"]))
            case "hold":
                self.timeline.hold(bool(value["held"]))
            case "stock":
                self.no_stock = set(value["none_in"])
            case "quota":
                self.quota = int(value["servers"])
            case "plant":
                self.plant(value)
            case "power_off":
                self.power_off(str(value["server"]))
            case "vanish":
                self.vanish(str(value["server"]))
            case _:
                raise ValueError(f"no order {what}")


def _away(number: int) -> Answer:
    """A cloud that is down: cut connections, and what a proxy before it says."""
    if number % 2:
        return Answer(0, cut=True)
    return Answer(503, b"upstream connect error", {"Content-Type": "text/plain"})


def new_id() -> str:
    """As the clouds give them."""
    return str(uuid.uuid4())


def now() -> str:
    """UTC, as the clouds write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + ".000000+00:00"
