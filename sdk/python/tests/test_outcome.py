"""What a run that has ended gives or raises, also where the server is a later one."""

import asyncio
import sys
from typing import Any

import pytest
from scripted import Answer, Scripted, scripted

from mecapy import (
    AsyncMecaPy,
    CalculationError,
    ConfigurationError,
    ConflictError,
    LimitError,
    MecaPy,
    MecaPyError,
    PlatformError,
)

RUNNING = {"id": "r", "run_id": "r", "task_id": "t", "status": "running"}
DONE = RUNNING | {"status": "completed"}
SERIES = {"$type": "series", "name": "s", "index": [0], "data": [1.0], "dtype": "float64"}


def client_of(server: Scripted) -> MecaPy:
    return MecaPy(base_url=server.url, token="t", retries=0)


def error_of(**record: Any) -> MecaPyError:
    """What the result of an ended run raises; the run itself is known without it."""
    with scripted(Answer(200, RUNNING), Answer(200, DONE | record)) as server:
        run = client_of(server).runs.get("r").wait()
        assert run.status == record.get("status", "completed")
        assert "MecaPy run r" in run._repr_html_()
        with pytest.raises(MecaPyError) as caught:
            run.result()
    assert caught.value.run_id == "r"
    return caught.value


def test_a_result_of_a_package_that_is_not_here_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    error = error_of(result={"load": SERIES})
    assert type(error) is ConfigurationError
    assert "pip install pandas" in str(error)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"$type": "tensor"}, "unknown $type 'tensor'"),
        ({"$type": "series"}, "malformed $type 'series'"),
        ({"$type": "artifact", "name": "a.png"}, "which the run did not leave"),
    ],
)
def test_a_result_that_cannot_be_read_is_the_platforms_fault(result: Any, words: str) -> None:
    error = error_of(result=[result])
    assert type(error) is PlatformError
    assert words in str(error)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("calculation", CalculationError),
        ("limit", LimitError),
        ("platform", PlatformError),
        ("operator", PlatformError),
    ],
)
def test_a_failure_is_told_by_whose_fault_it_was(fault: str, kind: type[MecaPyError]) -> None:
    failure = {"code": "new_code", "message": "why", "fault": fault}
    error = error_of(status="failed", error=failure)
    assert type(error) is kind
    assert error.failure.fault == fault
    assert error.code == "new_code"


def test_a_result_is_read_when_it_is_asked_for_and_once() -> None:
    with scripted(Answer(200, DONE | {"result": {"$type": "set", "value": [1]}})) as server:
        run = client_of(server).submit("x")
        assert run.result() == {1}
        assert run.result() is run.result()
    assert len(server.asked) == 1


CONFLICT = Answer(409, {"detail": "it has ended", "code": "conflict"})


def test_cancelling_tells_how_a_run_ended_that_was_quicker() -> None:
    with scripted(Answer(200, RUNNING), CONFLICT, Answer(200, DONE)) as server:
        assert client_of(server).runs.get("r").cancel()._status() == "completed"

    async def story(url: str) -> str:
        async with AsyncMecaPy(base_url=url, token="t", retries=0) as client:
            return (await (await client.runs.get("r")).cancel()).status

    with scripted(Answer(200, RUNNING), CONFLICT, Answer(200, DONE)) as server:
        assert asyncio.run(story(server.url)) == "completed"


def test_another_conflict_is_told() -> None:
    with scripted(Answer(200, RUNNING), CONFLICT, Answer(200, RUNNING)) as server:
        run = client_of(server).runs.get("r")
        with pytest.raises(ConflictError, match="it has ended"):
            run.cancel()


COST = {"eur": 0.25, "complete": True, "free_allowances": "left_out", "components": []}


def test_what_a_run_cost_is_what_the_server_tells() -> None:
    with scripted(Answer(200, DONE), Answer(200, DONE | {"cost": COST})) as server:
        client = client_of(server)
        assert client.runs.get("r").cost is None
        assert client.runs.get("r").cost.eur == 0.25
