"""Large objects of a run on a machine go between it and S3, and not through the server."""

import json
import re
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support import services
from support.long_runs import begin, ended, kill_worker, read, token_of
from support.server import Server
from support.waiting import wait_until

MIB = 1 << 20
LARGE = """
import time
from mecapy import checkpoint

def calculate(inputs):
    state = checkpoint.load()
    if state is None and inputs.get("save"):
        checkpoint.save("s" * 3_000_000)
        time.sleep(60)
    with open("large.bin", "wb") as file:
        for i in range(24):
            file.write(bytes([i]) * (1 << 20))
    return {"state": len(state or ""), "text": len(inputs["text"]), "back": "r" * 3_000_000}
"""


class House:
    """A server on S3 with machines that run here; it logs each request."""

    def __init__(self, public: str = "") -> None:
        """Start it; `public` is how machines reach S3, where it is not as the server does."""
        services.start("s3")
        access, secret = services.told("s3", "keys").split()
        url = services.told("s3") + public
        self.server = Server(
            objects_url=url.replace("?", "/links?", 1),
            objects_access_key=access,
            objects_secret_key=secret,
            objects_link_mb=2,
            machines_placers="local",
            machines_capacity=1,
            worker_ca=str(services.FOLDER / "s3" / "cert.pem"),
            limits_max_timeout_s=5,
            log_level="debug",
        )
        self.server.start()

    def close(self) -> None:
        """End it."""
        self.server.remove()

    def log(self) -> str:
        """All that it and its workers said."""
        return (self.server.folder / "stderr.txt").read_text(errors="replace")

    def calls(self, begin: int) -> list[tuple[str, int]]:
        """Methods and statuses of what machines asked of home, from a place of the log on."""
        line = re.compile(r"request answered .*method=(\w+) route=/home/\S* status=(\d+)")
        return [(one[1], int(one[2])) for one in line.finditer(self.log()[begin:])]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    one = House()
    try:
        yield one
    finally:
        one.close()


def test_what_is_large_does_not_go_through_home(house: House) -> None:
    begun = len(house.log())
    run_id = begin(house.server, LARGE, {"text": "t" * 3_000_000}, long=True)
    run = ended(house.server, run_id, 90)
    assert run["status"] == "completed", (run, house.server.errors()[-3000:])
    assert run["result"]["back"] == "r" * 3_000_000
    assert run["result"]["text"] == 3_000_000
    [large] = run["artifacts"]
    assert large["size"] == 24 * MIB
    content = house.server.api().get(large["url"]).content
    assert content == b"".join(bytes([i]) * MIB for i in range(24))
    calls = house.calls(begun)
    assert ("GET", 307) in calls, "for the inputs"
    assert ("POST", 200) in calls
    # Of 30 MB of artifact, inputs and result none: it would have been by these.
    assert ("PUT", 200) not in calls
    assert ("GET", 200) not in calls


def test_nor_does_a_checkpoint(house: House) -> None:
    begun = len(house.log())
    run_id = begin(house.server, LARGE, {"text": "", "save": True}, long=True)
    wait_until("it is kept", lambda: "checkpoint" in read(house.server, run_id), 60)
    kill_worker(house.server, long=True)
    run = ended(house.server, run_id, 90)
    assert (run["status"], run["resumed_from"]) == ("completed", 1), run
    assert run["result"]["state"] == 3_000_000
    calls = house.calls(begun)
    assert calls.count(("GET", 307)) == 1
    assert not {("PUT", 200), ("GET", 200)} & {*calls}


def test_no_link_is_ever_in_a_log(house: House) -> None:
    said = house.log()
    assert house.calls(0), "the requests are logged"
    for word in ("X-Amz", "Signature", "x-amz"):
        assert word not in said


def test_where_links_lead_nowhere_the_bytes_go_through_home() -> None:
    house = House("&public=https://127.0.0.1:1")
    try:
        run_id = begin(house.server, LARGE, {"text": "t" * 3_000_000}, long=True)
        run = ended(house.server, run_id, 90)
        assert run["status"] == "completed", run
        assert run["result"]["back"] == "r" * 3_000_000
        calls = house.calls(0)
        assert calls.count(("PUT", 200)) >= 24 + 3, "in pieces of a MiB"
        assert calls.count(("GET", 200)) == 1
        assert "a link does not work" in house.log()
    finally:
        house.close()


def test_a_worker_gets_links_for_what_it_may_write_and_no_more(house: House) -> None:
    run_id = begin(house.server, LARGE, {"text": "", "save": True}, long=True)
    wait_until("it is kept", lambda: "checkpoint" in read(house.server, run_id), 60)
    who = token_of(house.server)
    ca = str(services.FOLDER / "s3" / "cert.pem")
    context = ssl.create_default_context(cafile=ca)
    with httpx.Client(base_url=house.server.url) as http, httpx.Client(verify=context) as s3:

        def ask(key: str, size: int, sha256: str = "a" * 64) -> httpx.Response:
            path = f"/home/objects/{key}?size={size}&sha256={sha256}"
            return http.post(path, headers=who)

        key = f"artifacts/{run_id}/forged.bin"
        told: dict[str, Any] = ask(key, 5 * MIB).json()
        assert told["url"].startswith("https://127.0.0.1:")
        assert re.search(r"X-Amz-Expires=300&", told["url"])
        signed = re.search(r"X-Amz-SignedHeaders=([^&]*)", told["url"])
        assert signed
        assert "content-length" in signed[1]
        # Of another run or attempt; too large, together as well; no link for what is small.
        for other in (f"artifacts/{run_id}.2/a", "artifacts/x/a", f"inputs/{run_id}.json"):
            assert ask(other, 5 * MIB).status_code == 404
        assert ask(key, 500 * MIB).status_code == 413
        answers = [ask(f"artifacts/{run_id}/{i}", 10 * MIB).status_code for i in range(8)]
        assert answers[0] == 200
        assert answers[-1] == 413
        assert "url" not in ask(key, 10).json()
        assert ask(key, 5 * MIB, "zz").status_code == 422
        # A flood of checkpoints.
        flood = [ask(f"checkpoints/{run_id}/{i}", 5 * MIB).status_code for i in range(100, 200)]
        assert 429 in flood
        # Another body than was asked for.
        headers = told["headers"]
        body = b"x" * (6 * MIB)
        larger = s3.put(
            told["url"], content=body, headers=headers | {"content-length": str(6 * MIB)}
        )
        assert larger.status_code == 403
        # An end that names what is not there is not taken.
        end = {
            "type": "end",
            "status": "completed",
            "result": 1,
            "artifacts": [
                {
                    "name": "forged.bin",
                    "size": 5 * MIB,
                    "content_type": "application/octet-stream",
                    "sha256": "a" * 64,
                    "key": key,
                }
            ],
        }
        lines = http.post("/home/lines?from=0", content=json.dumps(end), headers=who)
        assert lines.status_code == 400
        assert read(house.server, run_id)["status"] == "running"
    kill_worker(house.server, long=True)
    assert ended(house.server, run_id, 90)["status"] == "completed"
