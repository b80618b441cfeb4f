"""An author who writes into the result channel himself: one verdict, always his own."""

import os
from pathlib import Path
from typing import Any

import pytest

from support.api import Api
from support.server import Server

# What a run holds in its hands: descriptor 3 leads to the worker.
FRAME = """
import os
def frame(kind, payload):
    os.write(3, kind + len(payload).to_bytes(4, 'little') + payload)
"""


def run_frames(api: Api, body: str) -> dict[str, Any]:
    """Run `body` with `frame` at hand."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    run: dict[str, Any] = api.calculate(f"{FRAME}\ndef calculate(inputs):\n{lines}\n")
    return run


def test_a_line_break_between_tokens_breaks_nothing(api: Api) -> None:
    run = run_frames(api, "frame(b'R', b'[1,\\n2,\\r3]')\nos._exit(0)")
    assert (run["status"], run["attempt"]) == ("completed", 1), run
    assert run["result"] == [1, 2, 3]
    run = run_frames(api, 'frame(b\'P\', b\'{"fraction":null,\\n"message":"x"}\')\nreturn 1')
    assert (run["status"], run["attempt"]) == ("completed", 1), run


NAMES = {
    "a file and a folder of one name": ['{"name":"a","size":0}', '{"name":"a/b","size":0}'],
    "a name twice": ['{"name":"a","size":0}', '{"name":"a","size":0}'],
    "an escaped name twice": ['{"name":"a","size":0}', '{"name":"\\\\u0061","size":0}'],
}


@pytest.mark.parametrize("headers", NAMES.values(), ids=NAMES.keys())
def test_artifacts_that_cannot_both_be_kept_are_the_calculations_fault(
    api: Api, headers: list[str]
) -> None:
    body = "\n".join(f"frame(b'A', b'{header}'); frame(b'E', b'')" for header in headers)
    run = run_frames(api, body + "\nreturn 1")
    assert (run["status"], run["attempt"]) == ("failed", 1), run
    assert run["error"]["code"] == "invalid_result"


def test_an_escaped_name_is_the_name_it_says(api: Api) -> None:
    header = '{"name":"\\\\u0061.txt","size":0}'
    run = run_frames(api, f"frame(b'A', b'{header}'); frame(b'E', b'')\nreturn 1")
    assert run["status"] == "completed", run
    assert [artifact["name"] for artifact in run["artifacts"]] == ["a.txt"]


def resident_mib(pid: int) -> float:
    """What the process holds in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def test_a_flood_of_progress_does_not_fill_the_worker(server: Server, api: Api) -> None:
    body = """
import time
payload = b'{"fraction":null,"message":"x","pad":"' + b'y' * 4000 + b'"}'
until = time.monotonic() + 2
while time.monotonic() < until:
    frame(b'P', payload)
return 1
"""
    worker = server.process("worker").pid
    before = resident_mib(worker)
    assert run_frames(api, body.strip())["status"] == "completed"
    assert resident_mib(worker) - before < 50
