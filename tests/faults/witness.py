"""Who looks at the runs of a load, in the storm and at rest, and writes down what is there."""

import contextlib
import threading

import httpx

from faults.checker import Evidence, Seen
from faults.house import House
from faults.load import FACTORS, Load
from support.api import Api, Json
from support.waiting import wait_until

ENDED = ("completed", "failed", "cancelled")


class Watch:
    """Looks at what has ended while the storm goes on, at both doors, and reads some of it."""

    def __init__(self, house: House, tasks: dict[str, list[str]]) -> None:
        """Begin."""
        self.ends: dict[str, Json] = {}
        self.seen: list[Seen] = []
        self.refused: list[str] = []
        self._house = house
        self._tasks = tasks
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        turn = 0
        while not self._stop.wait(0.1):
            user = ("ann", "bob")[turn % 2]
            task = self._tasks[user][turn // 4 % len(FACTORS)]
            with (
                self._house.api(turn // 2 % 2, user) as api,
                contextlib.suppress(httpx.TransportError),
            ):
                turn += 1
                if page := self._read(api, f"/api/runs?task_id={task}&limit=200"):
                    ended = [run for run in page.json()["items"] if run["status"] in ENDED]
                    for run in ended:
                        self.ends.setdefault(run["id"], run)
                    for run in ended[: turn % 3]:  # the last are first, and not only once
                        self._look_into(api, run["id"])

    def _look_into(self, api: Api, run_id: str) -> None:
        path = f"/api/runs/{run_id}"
        if answer := self._read(api, f"{path}/results"):
            run = answer.json()
            files = {one["name"]: self._read(api, one["url"]) for one in run["artifacts"]}
            whole = {name: file.content for name, file in files.items() if file is not None}
            self.seen.append(Seen(run, whole if whole.keys() == files.keys() else None))

    def _read(self, api: Api, path: str) -> httpx.Response | None:
        """Nothing when a part is away; what else is not given out is wrong."""
        answer = api.get(path)
        if answer.status_code not in (200, 503):
            self.refused.append(f"{path} in the storm: {answer.status_code} {answer.text}")
        return answer if answer.status_code == 200 else None


def gather(house: House, load: Load, watch: Watch) -> Evidence:
    """Look at everything, when every run has ended."""
    tasks = tasks_of(house, load)
    refused = [*load.refused, *watch.refused]
    evidence = Evidence(load.accepted, tasks, refused, dict(watch.ends), seen=list(watch.seen))
    users = sorted(tasks)
    for turn, user in enumerate(users):
        other = users[1 - turn]
        with house.api(turn, user) as api, house.api(1 - turn, other) as stranger:
            runs = _listed(api, tasks[user])
            evidence.runs[user] = runs
            evidence.foreign += _seen_by(stranger, other, tasks[user], runs)
            for run_id in runs:
                _read_all(api, run_id, evidence)
            # By now the caches hold them, which are not to answer others.
            evidence.foreign += _seen_by(stranger, other, [], runs, evidence.files)
        with house.api(1 - turn, user) as api:
            evidence.again[user] = _listed(api, tasks[user])
    evidence.recorded = _recorded(house, tasks)
    evidence.claimed = _claimed(house)
    evidence.left = _left(house)
    return evidence


def tasks_of(house: House, load: Load) -> dict[str, list[str]]:
    """The tasks of a load: those that were kept, and those of ad-hoc runs, told of or not."""
    rows = house.sql(
        "SELECT DISTINCT owner, id FROM tasks JOIN task_versions ON task_id = id"
        f" WHERE ad_hoc = 1 AND code LIKE '%{load.name}%'"
    )
    found = [row.split("|") for row in rows.splitlines()]
    ad_hoc = {
        user: [task for owner, task in found if (owner == "bob") == (user == "bob")]
        for user in load.tasks
    }
    return {user: kept + ad_hoc[user] for user, kept in load.tasks.items()}


def _read_all(api: Api, run_id: str, evidence: Evidence) -> None:
    """Result, log and files of a run, as far as it has them."""
    run = api.read(f"/api/runs/{run_id}/results")
    if "result" in run:
        evidence.results[run_id] = run["result"]
    evidence.logs[run_id] = api.log(run_id)
    files = {one["name"]: api.get(one["url"]) for one in run["artifacts"]}
    lost = {name: file.status_code for name, file in files.items() if file.status_code != 200}
    evidence.refused += [f"run {run_id} has no file {name}: {why}" for name, why in lost.items()]
    if files:
        evidence.files[run_id] = {name: file.content for name, file in files.items()}


def _listed(api: Api, tasks: list[str]) -> dict[str, Json]:
    """The runs of these tasks."""
    paths = [f"/api/runs?task_id={task}" for task in tasks]
    return {run["id"]: run for path in paths for page in api.pages(path, limit=200) for run in page}


def _seen_by(
    stranger: Api,
    name: str,
    tasks: list[str],
    runs: dict[str, Json],
    files: dict[str, dict[str, bytes]] | None = None,
) -> list[str]:
    """What this user sees of another's tasks and runs, by name or in lists."""
    paths = [f"/api/tasks/{task}{more}" for task in tasks for more in ("", "/results")]
    for run_id in runs:
        paths += [f"/api/runs/{run_id}", f"/api/runs/{run_id}/results", f"/api/runs/{run_id}/logs"]
    for run_id in runs.keys() & (files or {}).keys():
        paths += [f"/api/runs/{run_id}/artifacts/{file}" for file in (files or {})[run_id]]
    seen = [f"{name} sees {path}" for path in paths if stranger.get(path).status_code != 404]
    pages = stranger.pages("/api/runs", limit=200)
    mine = {run["id"] for page in pages for run in page}
    return seen + [f"{name} finds run {run_id} in a list" for run_id in mine & runs.keys()]


def _recorded(house: House, tasks: dict[str, list[str]]) -> list[tuple[str, str, str]]:
    quoted = ", ".join(f"'{task}'" for some in tasks.values() for task in some)
    rows = house.sql(
        "SELECT run_id, was, became FROM recorded JOIN runs ON run_id = id"
        f" WHERE task_id IN ({quoted})"
    )
    found = [row.split("|") for row in rows.splitlines()]
    return [(run_id, was, became) for run_id, was, became in found]


def _claimed(house: House) -> dict[tuple[str, int], float]:
    rows = house.sql(
        "SELECT run_id, attempt, EXTRACT(EPOCH FROM MAX(at)) FROM claimed GROUP BY 1, 2"
    )
    found = [row.split("|") for row in rows.splitlines()]
    return {(run_id, int(attempt)): float(at) for run_id, attempt, at in found}


def _left(house: House) -> list[str]:
    """Leases, messages and processes that should have gone with their runs."""
    left = []
    held = house.sql(
        "SELECT COUNT(*) FROM runs WHERE status IN ('queued', 'running')"
        " OR claimant IS NOT NULL OR lease_until IS NOT NULL"
    )
    if held != "0":
        left.append(f"{held} runs are held or wait, though all have ended")
    left += _denied(house)
    waits = [("XLEN", "jobs"), ("HLEN", "known"), ("ZCARD", "later")]

    def messages() -> list[str]:
        lengths = [(key, house.services.redis(word, f"mecapy:{key}")) for word, key in waits]
        return [f"{length} in mecapy:{key}" for key, length in lengths if length != "0"]

    try:  # what was given to a process that died goes a few leases later
        wait_until("no message is left", lambda: not messages(), 10)
    except AssertionError:
        left += messages()
    try:
        wait_until("no process is left", lambda: not house.left_over(), 5)
    except AssertionError:
        left += [f"process {p.pid} {p.name} is left over" for p in house.left_over()]
    return left


def _denied(house: House) -> list[str]:
    """Commands that Redis did not let the servers' user do (docs/operations.md)."""
    told = house.services.redis("ACL", "LOG")
    words = told.split()
    mine = [at for at, word in enumerate(words) if word == "username" and words[at + 1] == "mecapy"]
    return [f"Redis denied the servers something: {told}"] if mine else []
