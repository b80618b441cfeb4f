"""Runs on a house, what is done to it meanwhile, and the judgement of their ends."""

import queue
import random
import threading
import time
from collections.abc import Iterator

import httpx

from clouds.lives import House, Killer
from clouds.web import Json
from support.contract import outcomes

CANCELLED = 0.05
MORE_AT_A_TIME = 6


class Story:
    """What was done to a house, and what came of it."""

    def __init__(
        self, house: House, lives: int, killer: Killer, down_s: float = 4, quiet: bool = False
    ) -> None:
        """Nothing yet. Each cloud is down once for `down_s`.

        When it is quiet, nothing is done to the house but by `killer`.
        """
        self.house = house
        self.killer = killer
        self.runs: dict[str, int] = {}
        self.cancelled: set[str] = set()
        self.begin = time.monotonic()
        self._lives = lives
        self._trouble: list[Exception] = []
        self._to_cancel = 0 if quiet else round(CANCELLED * lives)
        self._to_strike = 0 if quiet else lives // 20
        self._down_s = down_s
        self._to_go_down = [] if quiet else list(house.clouds)
        self._down_until = 0.0

    def _submit(self) -> None:
        """All, one after the other, whatever becomes of the server."""
        chance = random.Random(self.house.seed)
        try:
            for number in self._numbers():
                seconds, memory_mb = chance.choice([0.0, 0.5, 2.0]), chance.choice([256, 3000])
                run_id = self.house.submit(number, seconds, memory_mb, patience_s=60)
                self.runs[run_id] = number
        except Exception as error:
            self._trouble.append(error)

    def _numbers(self) -> Iterator[int]:
        """Of the lives; and of a few more at a time while a step is left to be killed at."""
        yield from range(self._lives)
        for number in range(self._lives, 2 * self._lives):
            while self.house.unfinished() >= MORE_AT_A_TIME:
                time.sleep(0.2)  # nothing announces an end to who submits
            if not self.killer.left:
                return
            yield number

    def play(self, timeout_s: float) -> None:
        """Until every run has ended."""
        deadline = time.monotonic() + timeout_s
        submission = threading.Thread(target=self._submit)
        submission.start()
        self.killer.arm(self.house.chance.randrange(20))
        while (left := self.house.unfinished()) > 0 or submission.is_alive():
            there = list(self.house.left())
            assert time.monotonic() < deadline, f"{left} runs have not ended: {there}"
            try:
                self.killer.news.get(timeout=0.3)
            except queue.Empty:
                self._stir()
            else:
                self.house.server.start()
                self.killer.arm(self.house.chance.randrange(60))
        submission.join()
        self.killer.disarm()
        if not self.house.server.running:
            self.house.server.start()
        assert not self._trouble

    def _stir(self) -> None:
        """Now and then cancel a run or kill the server; take each cloud down once."""
        came = list(self.runs)
        ended = len(came) - self.house.unfinished()
        if (
            self._to_go_down
            and ended > self._lives / (2 * len(self._to_go_down) + 1)
            and time.monotonic() > self._down_until
        ):
            cloud = self.house.clouds[self._to_go_down[-1]]
            if cloud.there()["servers"]:
                self._to_go_down.pop()
                cloud.go_down(self._down_s)
                self._down_until = time.monotonic() + self._down_s
        if self._to_strike > 0 and came and self.house.chance.random() < 0.1:
            self._to_strike -= 1
            self.killer.strike()
            return
        if self._to_cancel > 0 and came and self.house.chance.random() < 0.3:
            run_id = self.house.chance.choice(came)
            self.cancelled.add(run_id)
            try:
                self.house.api.post(f"/api/runs/{run_id}/cancel")
                self._to_cancel -= 1
            except httpx.TransportError:
                pass  # the next time

    def judge(self) -> tuple[list[str], dict[str, int]]:
        """What is wrong of the ends, and how many of each there are."""
        wrong: list[str] = []
        count: dict[str, int] = {}
        recorded = self.house.sql("SELECT run_id, was, became FROM recorded")
        ends: dict[str, list[tuple[str, str]]] = {run_id: [] for run_id in self.runs}
        for run_id, was, became in recorded:
            ends[run_id].append((was, became))
        for run_id, number in self.runs.items():
            run = self.house.read(run_id)
            count[run["status"]] = count.get(run["status"], 0) + 1
            if len(ends[run_id]) != 1 or ends[run_id][0][1] != run["status"]:
                wrong.append(f"{run_id} ended {ends[run_id]} and is {run['status']}")
            if why := self._wrong_end(run, number):
                wrong.append(f"{run_id}: {why}: {run}")
        return wrong, count

    def _wrong_end(self, run: Json, number: int) -> str:
        match run["status"]:
            case "completed":
                return "" if run["result"] == {"stress": number / 10} else "another result"
            case "cancelled":
                return "" if run["id"] in self.cancelled else "nobody cancelled it"
            case "failed":
                fine = run["error"]["code"] in outcomes("platform")
                return "" if fine else "it is not the platform that failed"
        return "it has not ended"
