"""What attempts left behind in the object store: removed after a day, and nothing else with it."""

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from support.server import Server
from support.waiting import wait_until

MakeServer = Callable[..., Server]
CODE = """
def calculate(inputs):
    print('x' * 100_000)
    open('out.bin', 'wb').write(b'a' * 1000)
    return inputs
"""


def test_objects_nobody_recorded_go_and_those_of_runs_stay(own_server: MakeServer) -> None:
    server = own_server()
    api = server.api()
    inputs = {"x": "i" * 100_000}
    task = str(api.create(CODE, inputs, cache={"ttl": 600})["id"])
    run, answered = api.execute(task), api.execute(task)
    assert answered["cached_from"] == run["id"]
    server.terminate()
    objects = server.data_dir / "objects"
    of_run = sorted(path for path in objects.glob("*/**/*") if path.is_file())
    assert len(of_run) == 4, of_run  # inputs, result, log, artifact
    later = objects / "results" / f"{run['id']}.2.json"
    unknown = objects / "artifacts" / str(uuid.uuid4()) / "deep" / "a.txt"
    young = objects / "inputs" / f"{uuid.uuid4()}.json"
    for path in (later, unknown, young):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    give_to(objects.stat().st_uid, *unknown.parents[:2])
    for path in (*of_run, later, unknown):
        age(path, hours=25)
    age(young, hours=23)
    api = server.start().api()
    wait_until("the leftovers go", lambda: not later.exists() and not unknown.exists())
    assert young.exists()
    assert all(path.exists() for path in of_run)
    for each in (run["id"], answered["id"]):
        assert api.read(f"/api/runs/{each}/results")["result"] == inputs
        assert api.log(each) == "x" * 100_000 + "\n"
        assert len(api.get(f"/api/runs/{each}/artifacts/out.bin").content) == 1000


def give_to(uid: int, *folders: Path) -> None:
    """Make the folders the server's own, as those are that it makes."""
    for folder in folders:
        os.chown(folder, uid, uid)


def age(path: Path, hours: float) -> None:
    """Make the file look as if it was written so long ago."""
    then = time.time() - hours * 3600
    os.utime(path, (then, then))
