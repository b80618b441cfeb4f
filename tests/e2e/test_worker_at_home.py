"""`mecapy worker --home` alone, of a home that is played."""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.played_home import PlayedHome
from support.processes import find_process
from support.server import binary, environment
from support.waiting import wait_until

LARGE = "def calculate(inputs):\n    print('begins', flush=True)\n    return 'y' * 100_000\n"
ENDLESS = """
import time

def calculate(inputs):
    while True:
        print("at work", flush=True)
        time.sleep(0.05)
"""


@pytest.fixture
def home(request: pytest.FixtureRequest) -> Iterator[PlayedHome]:
    one = PlayedHome(getattr(request, "param", LARGE))
    try:
        yield one
    finally:
        one.close()


@contextlib.contextmanager
def worker_of(home: PlayedHome, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryDirectory(prefix="mecapy-e2e-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        token = Path(folder) / "token"
        token.write_text("0" * 64)
        words = ["worker", "--home", home.url, "--token-file", str(token), *flags]
        worker = subprocess.Popen(
            [str(binary()), *words, "--data-dir", f"{folder}/data"], env=environment({})
        )
        try:
            yield worker
        finally:
            worker.kill()
            worker.wait()


@pytest.mark.parametrize("flags", [[], ["--quiet-stop"]])
def test_one_that_is_told_to_stop_once_its_run_has_ended_tells_the_end(
    home: PlayedHome, flags: list[str]
) -> None:
    home.away.set()
    with worker_of(home, *flags) as worker:
        # Its log is on its way to home, which does not answer, when the result comes.
        wait_until("home is called", lambda: home.refused > 0, 30)
        home.open.set()
        wait_until("its result is kept", lambda: home.results > 0, 30)
        os.kill(worker.pid, signal.SIGTERM)
        heard = home.refused + 2
        wait_until("home is called again", lambda: home.refused >= heard, 30)
        home.away.clear()
        assert worker.wait(timeout=30) == 0
    assert home.end["status"] == "completed", home.end
    assert home.end["result_key"].startswith("results/")


@pytest.mark.parametrize("home", [ENDLESS], indirect=True)
@pytest.mark.parametrize(
    "answer",
    [(409, "the run is not this machine's any more"), (401, "this token is good for nothing")],
)
def test_one_whose_run_is_lost_ends_it_and_says_no_more(
    home: PlayedHome, answer: tuple[int, str]
) -> None:
    with worker_of(home) as worker:
        wait_until("the calculation runs", lambda: home.log > 0, 30)
        family = find_process(worker.pid).descendants()
        assert any(len(one.status("NSpid")) > 1 for one in family), "no sandbox is there"
        home.lost = answer
        assert worker.wait(timeout=15) == 65
        wait_until("its sandbox is gone", lambda: not any(one.alive for one in family), 5)
    assert home.after_lost == 1
    assert home.end == {}
