"""Clients of two users that ask for runs at both doors, again and again until each is accepted."""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from faults.cancels import Cancel, Cancels
from support.api import Api, Json
from support.waiting import wait_until

CODE = """
import hashlib, time
def calculate(inputs):
    began = time.time()
    print('number', inputs['x'], 'of', inputs['who'])
    time.sleep(inputs['pause'])
    if inputs['file']:
        with open(inputs['file'], 'w') as file:
            file.write(inputs['text'])
    return {'x': inputs['x'], 'times': 2 * inputs['x'], 'who': inputs['who'],
            'digest': hashlib.sha256(inputs['text'].encode()).hexdigest(),
            'back': inputs['text'][::-1], 'began': began}
"""
LONGEST_S = 0.2  # a run sleeps up to this, but for slow ones
TTL_S = 600  # of runs that may be answered from the cache
WAIT_S = 2  # for the end, by those that ask for it: less than a client's patience
CANCELLED_S = 8  # so long would those run that are cancelled while they do
# The tasks of each user: what a result has `times` x, and whether earlier runs may answer.
PLAIN, TWICE, THRICE, LASTING = range(4)
FACTORS = (2, 2, 3, 2)
LASTING_NAME = "runs that are cancelled"  # of the task
_FIELDS: tuple[Json, ...] = ({}, *2 * [{"cache": {"ttl": TTL_S}}], {"name": LASTING_NAME})
_LIMITS = {"timeout_s": 20}
_LARGE = 4000  # characters: beyond the limit of what travels inline
_BETWEEN_TRIES_S = 0.05


def code_of(task: int, load: str) -> str:
    """Of each user's tasks, by its place: the same for all users, and for no other load."""
    return CODE.replace("2 *", f"{FACTORS[task]} *") + f"# of load {load}\n"


@dataclass(frozen=True)
class Order:
    """What one run is asked for."""

    user: str
    number: int
    slow_s: float = 0  # so long sleep two of eight that are not cached

    @property
    def task(self) -> int:
        """Which of the user's tasks; the code of an ad-hoc one is that of the first."""
        return LASTING if self.cancelled else (PLAIN, TWICE, THRICE)[self._place]

    @property
    def _place(self) -> int:
        return max(0, self.number % 10 // 2 - 2)

    @property
    def cancelled(self) -> bool:
        """Whether it is cancelled as soon as it runs; not where some are to take long."""
        return self.number % 20 in (4, 13) and self.slow_s == 0

    @property
    def ad_hoc(self) -> bool:
        """Whether it comes with its code, and not by a task that is kept."""
        return self.number % 20 in (5, 14)

    @property
    def waits(self) -> bool:
        """Whether the answer is to be the ended run."""
        return self.number % 5 == 2 or self.number % 20 == 5

    @property
    def cached(self) -> bool:
        """Whether an earlier run of the same task and inputs may answer."""
        return self.task in (TWICE, THRICE)

    @property
    def x(self) -> int:
        """What is calculated with: of cached ones a few, the same for all users and tasks."""
        return 9 + self.number // 30 % 2 if self.cached else self.number

    @property
    def who(self) -> str:
        """Whose inputs these are, as they say."""
        return "all" if self.cached else self.user

    @property
    def inputs(self) -> Json:
        """Of the run; every third's are large, and with them its result."""
        word = hashlib.sha256(f"{self.who} {self.x}".encode()).hexdigest()
        text = word * (_LARGE // len(word)) if self.x % 3 == 0 else word
        slow = self.slow_s > 0 and self.number // 2 % 4 == 1 and not self.cached
        pause = self.slow_s if slow else self.x % 5 / 4 * LONGEST_S
        file = f"of-{self.x}.txt" if self.x % 9 in (1, 2) else ""
        if self.cancelled:
            pause = CANCELLED_S
        return {"x": self.x, "who": self.who, "text": text, "pause": pause, "file": file}

    @property
    def result(self) -> Json:
        """What the calculation makes of these inputs, but for when it began."""
        text = str(self.inputs["text"])
        return {
            "x": self.x,
            "times": FACTORS[self.task] * self.x,
            "who": self.who,
            "digest": hashlib.sha256(text.encode()).hexdigest(),
            "back": text[::-1],
        }

    @property
    def files(self) -> dict[str, bytes]:
        """What it leaves in its folder."""
        inputs = self.inputs
        return {inputs["file"]: inputs["text"].encode()} if inputs["file"] else {}

    @property
    def log(self) -> str:
        """What it prints."""
        return f"number {self.x} of {self.who}\n"


@dataclass
class Accepted:
    """An order that was answered 2xx: with these runs, one if all is well."""

    order: Order
    runs: set[str] = field(default_factory=set)
    answers: list[Json] = field(default_factory=list)  # ended runs, to those who waited
    cancel: Cancel | None = None

    def take(self, answer: httpx.Response) -> None:
        """202 names the run; 200, to who waited, is the run."""
        told: Json = answer.json()
        self.runs.add(str(told["run_id"] if answer.status_code == 202 else told["id"]))
        if answer.status_code == 200:
            self.answers.append(told)


class Load:
    """Clients at work, `rate` orders a second, until `close`."""

    CLIENTS = 6

    def __init__(
        self,
        open_client: Callable[[int, str], Api],
        doors: int,
        rate: float,
        most: int,
        slow_s: float = 0,
    ) -> None:
        """Make each user's tasks, then begin. `open_client` takes a door and a user."""
        self._open_client = open_client
        self._doors = doors
        self._rate = rate
        self._begin = time.monotonic()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._asked = 0
        self._most = most
        self._slow_s = slow_s
        self.name = secrets.token_hex(8)
        self.accepted: list[Accepted] = []
        self.refused: list[str] = []
        self.failed_tries = 0
        self.tasks = {user: self._make_tasks(user) for user in ("ann", "bob")}
        self._cancels = Cancels(open_client, doors)
        self._threads = [
            threading.Thread(target=self._client, args=(n,)) for n in range(self.CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def _make_tasks(self, user: str) -> list[str]:
        with self._open_client(0, user) as api:
            return [
                str(api.create(code_of(task, self.name), limits=_LIMITS, **fields)["id"])
                for task, fields in enumerate(_FIELDS)
            ]

    def await_accepted(self, number: int, timeout_s: float) -> None:
        """Return when so many were accepted."""
        wait_until(f"{number} are accepted", lambda: len(self.accepted) >= number, timeout_s)

    def finish(self, orders: int, timeout_s: float) -> None:
        """Go on until so many orders were given, and each was accepted; then end the clients."""
        with self._lock:
            self._most = min(self._most, max(orders, self._asked))
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0, deadline - time.monotonic()))
        stuck = any(thread.is_alive() for thread in self._threads)
        try:
            self._cancels.await_over(max(1, deadline - time.monotonic()))
        finally:
            self.close()
        left = self._asked - len(self.accepted) - len(self.refused)
        assert not stuck, f"{left} were not accepted in {timeout_s:g} s"
        assert left == 0, f"{left} orders were given up by a client that failed"

    def close(self) -> None:
        """End the clients, whatever they wait for."""
        self._closing.set()
        for thread in self._threads:
            thread.join()
        self._cancels.close()
        self.refused += self._cancels.refused
        self._cancels.refused.clear()

    def _take(self) -> Order | None:
        """The next order, when its time has come."""
        with self._lock:
            if self._asked >= self._most:
                return None
            number = self._asked
            self._asked += 1
        if self._closing.wait(max(0, self._begin + number / self._rate - time.monotonic())):
            return None
        return Order("ann" if number % 2 else "bob", number, self._slow_s)

    def _client(self, number: int) -> None:
        clients = {
            (door, user): self._open_client(door, user)
            for door in range(self._doors)
            for user in self.tasks
        }
        door = number % self._doors
        while (order := self._take()) is not None:
            accepted = Accepted(order)
            # Some are asked for twice: the same key must lead to the same run.
            twice = order.number % 10 in (0, 7) or order.number % 20 == 5
            for _ in range(2 if twice else 1):
                door = (door + 1) % self._doors
                self._ask(clients, door, accepted)
            if accepted.runs:
                if order.cancelled:
                    accepted.cancel = self._cancels.add(order.user, min(accepted.runs))
                with self._lock:
                    self.accepted.append(accepted)
        for client in clients.values():
            client.close()

    def _ask(self, clients: dict[tuple[int, str], Api], door: int, accepted: Accepted) -> None:
        """Ask with one key, at the other door after each failure, until it is accepted."""
        order = accepted.order
        task = self.tasks[order.user][order.task]
        path = "/api/tasks/execute" if order.ad_hoc else f"/api/tasks/{task}/execute"
        path += f"?wait={WAIT_S}" if order.waits else ""
        body: Json = {"inputs": order.inputs}
        if order.ad_hoc:
            body |= {"code": code_of(order.task, self.name), "limits": _LIMITS}
        headers = {"Idempotency-Key": f"{task}-{order.number}"}
        while not self._closing.is_set():
            api = clients[(door, order.user)]
            try:
                answer = api.post(path, body, headers=headers)
            except httpx.TransportError:
                pass
            else:
                if answer.is_success:
                    return accepted.take(answer)
                if answer.status_code not in (429, 503):
                    self.refused.append(f"{order}: {answer.status_code} {answer.text}")
                    return None
            with self._lock:
                self.failed_tries += 1
            door = (door + 1) % self._doors
            self._closing.wait(_BETWEEN_TRIES_S)
        return None
