"""Cancels of runs while they run, asked for at both doors, again and again until each is taken."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from support.api import Api
from support.waiting import wait_until

_ROUND_S = 0.05


@dataclass
class Cancel:
    """One run that somebody wants to end."""

    user: str
    run_id: str
    asked: bool = False  # the server may have heard of it
    taken_at: float | None = None  # when it said so: seconds since 1970
    over: bool = False  # there is nothing more to ask for


class Cancels:
    """One client of all users, until `close`."""

    def __init__(self, open_client: Callable[[int, str], Api], doors: int) -> None:
        """Begin."""
        self.refused: list[str] = []
        self._open_client = open_client
        self._doors = doors
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._wanted: list[Cancel] = []
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def add(self, user: str, run_id: str) -> Cancel:
        """Have this run cancelled as soon as it runs."""
        wanted = Cancel(user, run_id)
        with self._lock:
            self._wanted.append(wanted)
        return wanted

    def await_over(self, timeout_s: float) -> None:
        """Return when each was taken, or came too late."""
        wait_until(
            "all cancels are taken", lambda: all(one.over for one in self._wanted), timeout_s
        )

    def close(self) -> None:
        """Ask no more."""
        self._closing.set()
        self._thread.join()

    def _work(self) -> None:
        turn = 0
        while not self._closing.wait(_ROUND_S):
            with self._lock:
                wanted = [one for one in self._wanted if not one.over]
            for one in wanted:
                turn += 1
                with self._open_client(turn % self._doors, one.user) as api:
                    try:
                        self._go_on(api, one)
                    except httpx.TransportError:
                        continue

    def _go_on(self, api: Api, one: Cancel) -> None:
        """Look whether it runs, and ask then."""
        path = f"/api/runs/{one.run_id}"
        if not one.asked:
            look = api.get(path)
            if self._refused(look, one) or look.json()["status"] == "queued":
                return
        one.asked = True
        answer = api.post(f"{path}/cancel")
        if answer.status_code == 409:  # it has ended
            one.over = True
        elif not self._refused(answer, one):
            one.over, one.taken_at = True, time.time()

    def _refused(self, answer: httpx.Response, one: Cancel) -> bool:
        if answer.status_code not in (200, 429, 503):
            self.refused.append(f"cancel of {one.run_id}: {answer.status_code} {answer.text}")
            one.over = True
        return answer.status_code != 200
