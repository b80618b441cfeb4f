"""Server-sent events: a run followed live, resumed without loss, and ended with the run."""

import time
from collections.abc import Callable

from support.api import Api
from support.server import Server
from support.sse import Event

COUNTING = """
import time
from mecapy import progress
def calculate(inputs):
    for i in range(inputs['n']):
        print(f'line {i}', flush=True)
        progress((i + 1) / inputs['n'], f'step {i}')
        time.sleep(inputs.get('pause', 0))
    return inputs['n']
"""


def text_of(events: list[Event]) -> str:
    """The log bytes that these events carry."""
    return "".join(event.data["text"] for event in events if event.kind == "log")


def statuses_of(events: list[Event]) -> list[str]:
    """The states in the order they were told."""
    return [event.data["status"] for event in events if event.kind == "status"]


def expected_log(n: int) -> str:
    """What COUNTING prints."""
    return "".join(f"line {i}\n" for i in range(n))


def assert_ids_move_on(events: list[Event]) -> None:
    """What must not be told twice has an id of its own; progress may stand on the one before."""
    ids = [event.id for event in events if event.kind in ("status", "log")]
    assert len(set(ids)) == len(ids)


def test_a_run_is_told_from_queued_to_its_end_and_the_stream_closes(
    own_server: Callable[..., Server],
) -> None:
    api = own_server(worker_concurrency=1).api()
    task_id = str(api.create(COUNTING)["id"])
    before = api.start(task_id, {"n": 1, "pause": 60})
    run_id = api.start(task_id, {"n": 5, "pause": 0.05})
    stream = api.events(run_id)
    events = [next(stream)]  # it waits for the one before it
    api.cancel(before)
    events += stream
    told = [event.data for event in events if event.kind == "status"]
    assert told == [
        {"status": "queued", "attempt": 0},
        {"status": "running", "attempt": 1},
        {"status": "completed", "attempt": 1},
    ]
    kinds = [event.kind for event in events]
    assert kinds[:2] == ["status", "status"]
    assert kinds[-1] == "status"
    assert set(kinds[2:-1]) == {"log", "progress"}
    assert text_of(events) == expected_log(5)
    assert_ids_move_on(events)


def test_progress_is_told_with_its_fraction_and_message(api: Api) -> None:
    run_id = api.start(str(api.create(COUNTING)["id"]), {"n": 4, "pause": 0.1})
    told = [event.data for event in api.events(run_id) if event.kind == "progress"]
    assert told, "no progress was told"
    assert [one["fraction"] for one in told] == sorted(one["fraction"] for one in told)
    assert told[-1]["fraction"] <= 1
    assert told[-1]["message"].startswith("step ")


def test_log_lines_arrive_while_the_run_runs(api: Api) -> None:
    run_id = api.start(str(api.create(COUNTING)["id"]), {"n": 2, "pause": 1.5})
    for event in api.events(run_id):
        if event.kind == "log":
            break
    assert api.run(run_id)["status"] == "running"
    assert api.end(run_id)["status"] == "completed"


def test_the_events_of_an_ended_run_are_told_again(api: Api) -> None:
    run = api.calculate(COUNTING, {"n": 3})
    events = list(api.events(run["id"]))
    assert statuses_of(events)[-1] == "completed"
    assert text_of(events) == expected_log(3)


def test_the_end_of_a_failed_run_is_told(api: Api) -> None:
    run = api.calculate("def calculate(inputs):\n    raise ValueError('no')")
    events = list(api.events(run["id"]))
    assert statuses_of(events)[-1] == "failed"


def test_resuming_after_each_event_loses_and_repeats_no_log_byte(api: Api) -> None:
    run_id = api.start(str(api.create(COUNTING)["id"]), {"n": 20, "pause": 0.02})
    seen: list[Event] = []
    last: str | None = None
    while not seen or seen[-1].kind != "status" or seen[-1].data["status"] != "completed":
        for event in api.events(run_id, after=last):
            seen.append(event)
            last = event.id
            break  # hang up after every single event
        else:
            raise AssertionError(f"the stream ended without the end of the run: {seen[-3:]}")
    assert text_of(seen) == expected_log(20)
    assert_ids_move_on(seen)


def test_resuming_in_the_middle_of_an_ended_run_gives_the_rest(api: Api) -> None:
    run = api.calculate(COUNTING, {"n": 50})
    live = list(api.events(run["id"]))
    for i, event in enumerate(live[:-1]):
        rest = list(api.events(run["id"], after=event.id))
        assert text_of(live[: i + 1]) + text_of(rest) == expected_log(50)
        assert statuses_of(rest)[-1:] == ["completed"]


def test_resuming_after_the_last_event_ends_at_once(api: Api) -> None:
    run = api.calculate(COUNTING, {"n": 1})
    last = list(api.events(run["id"]))[-1]
    assert text_of(list(api.events(run["id"], after=last.id))) == ""


def test_an_unknown_last_event_id_begins_anew(api: Api) -> None:
    run = api.calculate(COUNTING, {"n": 2})
    assert text_of(list(api.events(run["id"], after="nonsense"))) == expected_log(2)


def test_characters_cut_by_a_pipe_arrive_whole(api: Api) -> None:
    code = """
import os, time
def calculate(inputs):
    for byte in '\u00e9\u2194\U0001d6d4'.encode():
        os.write(1, bytes([byte]))
        time.sleep(0.02)
    return 1
"""
    run_id = api.start(str(api.create(code)["id"]))
    assert text_of(list(api.events(run_id))) == "é↔𝛔"


def test_lines_of_all_endings_stay_within_their_event(api: Api) -> None:
    code = r"""
def calculate(inputs):
    print('a\rb\r\nc\n\ndata: x\nevent: status\n:c', end='')
    return 1
"""
    run = api.calculate(code)
    text = "a\rb\r\nc\n\ndata: x\nevent: status\n:c"
    assert text_of(list(api.events(run["id"]))) == text


def test_a_long_log_is_told_in_pieces_of_whole_characters(api: Api) -> None:
    code = "def calculate(inputs):\n    for i in range(9000): print(i, 'é↔𝛔' * 8)"
    run = api.calculate(code, limits={"log_kb": 1024})
    events = list(api.events(run["id"]))
    pieces = [event.data["text"] for event in events if event.kind == "log"]
    assert len(pieces) > 10
    assert max(len(piece.encode()) for piece in pieces) <= 64 * 1024
    assert "".join(pieces) == api.log(run["id"])
    assert_ids_move_on(events)
    rest = list(api.events(run["id"], after=events[5].id))
    assert rest == events[6:]
    assert list(api.events(run["id"], after=f"1.2.{10**15}"))[-1].data["status"] == "completed"


def test_a_cancelled_run_ends_its_stream(api: Api) -> None:
    run_id = api.start(str(api.create(COUNTING)["id"]), {"n": 1, "pause": 60})
    stream = api.events(run_id)
    seen = [next(stream)]
    while seen[-1].kind != "log":
        seen.append(next(stream))
    begin = time.monotonic()
    api.cancel(run_id)
    seen += list(stream)
    assert statuses_of(seen)[-1] == "cancelled"
    assert time.monotonic() - begin < 5


def test_many_listeners_hear_the_same(api: Api) -> None:
    run_id = api.start(str(api.create(COUNTING)["id"]), {"n": 10, "pause": 0.05})
    streams = [api.events(run_id) for _ in range(10)]
    first = [next(stream) for stream in streams]
    heard = [[one, *stream] for one, stream in zip(first, streams, strict=True)]
    assert {text_of(events) for events in heard} == {expected_log(10)}
    assert {statuses_of(events)[-1] for events in heard} == {"completed"}
