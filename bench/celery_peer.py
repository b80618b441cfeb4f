"""The peer of the whole way of a run: a Celery worker with two processes, and its clients.

It stands on the same Redis as the server that is measured beside it, in a database of its own, but
without TLS, which favours it. With TLS and eight clients, on a busy machine, `get` waited in vain
in each of several series of 3000 runs (Celery 5.6, Redis 7.0), the result in Redis. The likely
reason, not proven: SUBSCRIBE is heard late, behind the UNSUBSCRIBEs of former runs, when the result
has been published. What costs a worker time and is of no use here is switched off: the talk with
other workers and its log.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from load import Latencies

from support.services import redis, told

HERE = Path(__file__).parent
DATABASE = 2
WORKER = ("-m", "celery", "-A", "celery_app", "worker", "--pool", "prefork", "--concurrency", "2")
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
CLIENTS_S = 180  # for one load, with the start of its processes


class CeleryWorker:
    """Runs from `with` to its end; `python` is that of an environment with Celery."""

    def __init__(self, python: Path, inputs: dict[str, Any], expected: dict[str, Any]) -> None:
        self._python = str(python.absolute())
        self._sides = [json.dumps(inputs), json.dumps(expected)]
        self.versions: dict[str, str] = {}

    def __enter__(self) -> "CeleryWorker":
        account = told("redis", "tests_url").removeprefix("rediss://").partition("@")[0]
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        url = f"redis://{account}@127.0.0.1:{port}/{DATABASE}"
        self._environment = os.environ | {"BENCH_CELERY_REDIS_URL": url}
        with contextlib.ExitStack() as stack:
            self._log = stack.enter_context(tempfile.TemporaryFile())
            redis("CONFIG", "SET", "port", str(port))
            stack.callback(redis, "CONFIG", "SET", "port", "0")
            redis("FLUSHDB", database=DATABASE)
            stack.callback(redis, "FLUSHDB", database=DATABASE)
            command = [self._python, *WORKER, *QUIET]
            self._worker = stack.enter_context(
                _group(command, self._environment, self._log, self._log)
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *unused: object) -> None:
        self._stack.close()

    def run(self, clients: int, runs: int) -> Latencies:
        """`runs` runs in all, shared evenly; each result is compared with what is expected."""
        answer = self._ask("celery_clients.py", str(clients), str(runs), *self._sides)
        self.versions = answer["versions"]
        return Latencies(answer["ms"], [], [], answer["total_s"])

    def chains(self, length: int, chains: int) -> list[float]:
        """The milliseconds of chains of so many trivial tasks, one after another."""
        return [float(ms) for ms in self._ask("celery_chains.py", str(length), str(chains))]

    def _ask(self, script: str, *arguments: str) -> Any:
        command = [self._python, str(HERE / script), *arguments]
        with (
            tempfile.TemporaryFile() as errors,
            _group(command, self._environment, subprocess.PIPE, errors) as asking,
        ):
            said, _ = asking.communicate(timeout=CLIENTS_S)
            if asking.returncode != 0 or self._worker.poll() is not None:
                raise RuntimeError(f"Celery failed: {_last(errors)}\n{_last(self._log)}")
        return json.loads(said)


@contextlib.contextmanager
def _group(
    command: list[str], environment: dict[str, str], output: Any, errors: Any
) -> Iterator["subprocess.Popen[bytes]"]:
    """The command with a process group of its own, which ends whole, and when this process ends."""
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *command],
        cwd=HERE,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _last(log: Any) -> str:
    """The end of what was written to it."""
    size = os.fstat(log.fileno()).st_size
    return os.pread(log.fileno(), 2000, max(0, size - 2000)).decode(errors="replace")
