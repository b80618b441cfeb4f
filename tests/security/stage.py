"""One server for one class of attacks, and the look at everything around it after each of them."""

import json
import re
from pathlib import Path
from typing import Any

from security.attack import LIMITS, Attack
from security.contained import difference
from security.honest import expect_clean, honest_code, surroundings
from security.host import Host
from security.profile import Profile
from support.api import Api
from support.server import Server
from support.waiting import wait_until

Json = dict[str, Any]
_FONTS = """
import numpy, os, mecapy._places
def calculate(inputs): return os.path.exists(mecapy._places.cache + '/ready')
"""


class Stage:
    """Plays attacks through the public door, one after another."""

    def __init__(self, server: Server, profile: Profile, scratch: Path) -> None:
        self.server = server
        self.profile = profile
        self.api: Api = server.api()
        self._runs: set[str] = set()  # those that may have left objects
        self._draws: set[object] = set()
        # What a zygote fills beside its first runs is there before anything is compared.
        wait_until("the cache of fonts is there", lambda: self.run(_FONTS)["result"] is True, 60)
        self.host = Host(server, profile, scratch)
        self._before = {numpy: self._honest(numpy, whole=True) for numpy in (False, True)}
        self._after_each = {numpy: self._honest(numpy) for numpy in (False, True)}
        self.host.note_the_start()
        self._memory = self.host.memory_of_zygotes()

    def run(self, code: str, inputs: object = None, limits: object = None) -> Json:
        """One run through the public door, to its end."""
        body: Json = {"code": code, "inputs": inputs or {}}
        if limits is not None:
            body["limits"] = limits
        response = self.api.post("/api/tasks/execute?wait=40", body)
        assert response.status_code == 200, response.text
        run: Json = json.loads(response.content.decode())  # strictly UTF-8
        self._runs.add(run["id"])
        return run

    def play(self, attack: Attack) -> Json:
        """The attack, its verdict, and that nothing is left of it."""
        differs = difference(attack, self.profile)
        inputs = dict(attack.inputs)
        if attack.memory:
            inputs["ranges"] = self.host.ranges(template=attack.memory == "template")
        limits = {**LIMITS, **attack.limits, **(differs.limits if differs else {})}
        run = self.run(attack.source, inputs, limits)
        (differs or attack).ends.judge(run)
        artifacts, log = attack.artifacts, attack.log
        if differs:
            artifacts = artifacts if differs.artifacts is None else differs.artifacts
            log = log if differs.log is None else differs.log
        assert tuple(a["name"] for a in run.get("artifacts", ())) == artifacts
        if log is not None:
            told = self.api.log(run["id"])
            assert re.fullmatch(log, told, re.DOTALL), told
        self.expect_clean(numpy="import numpy" in attack.source)
        return run

    def expect_clean(self, numpy: bool = False) -> None:
        """What is true after every attack; the next run is of the attack's zygote."""
        self.host.expect_unchanged(self._runs)
        assert self._honest(numpy) == self._after_each[numpy]
        self.host.expect_same_memory(self._memory)

    def expect_same_template(self) -> None:
        """The whole template as runs see it is what it was at the start."""
        for numpy, before in self._before.items():
            assert self._honest(numpy, whole=True) == before
        self.host.expect_unchanged(self._runs)
        self.host.expect_no_descriptor_kept()
        self.host.expect_same_memory(self._memory)

    def _honest(self, numpy: bool, whole: bool = False) -> Json:
        run = self.run(honest_code(numpy), {"numpy": numpy, "whole": whole})
        assert run["status"] == "completed", run
        result: Json = run["result"]
        expect_clean(result, numpy, self.profile)
        assert result["user"] in (self.host.users if self.profile.user is None else [1000])
        fresh = set(result["draws"])
        assert len(fresh) == len(result["draws"])
        assert not fresh & self._draws, "a run drew what an earlier one had drawn"
        self._draws |= fresh
        return surroundings(result)
