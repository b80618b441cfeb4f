"""Events of a run from bytes, as the HTML standard lets them be written."""

import pytest

from mecapy import PlatformError
from mecapy._event_reader import EventReader

WRITTEN = {
    "as the server does": b'id: 1\nevent: log\ndata: {"text": "a: b"}\n\n',
    "without spaces": b'id:1\nevent:log\ndata:{"text": "a: b"}\n\n',
    "CR LF": b'id: 1\r\nevent: log\r\ndata: {"text": "a: b"}\r\n\r\n',
    "CR": b'id: 1\revent: log\rdata: {"text": "a: b"}\r\r:\n',
    "data in lines": b'id: 1\nevent: log\ndata: {"text":\ndata:  "a: b"}\n\n',
    "with comments": b':\n: still here\n\nid: 1\nevent: log\nretry: 5\ndata: {"text": "a: b"}\n\n',
}


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("how", WRITTEN)
def test_an_event_is_read_however_it_is_written_and_cut(how: str, size: int) -> None:
    reader, text = EventReader(), WRITTEN[how]
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    events = [event for piece in pieces for event in reader.feed(piece)]
    assert events == [("1", "log", {"text": "a: b"})]


def test_an_event_has_its_own_name_and_the_last_id() -> None:
    text = b"id: 1\nevent: log\ndata: 1\n\ndata: 2\n\nevent: log\n\nevent: status\ndata: 3\n\n"
    assert list(EventReader().feed(text)) == [("1", "log", 1), ("1", "", 2), ("1", "status", 3)]


@pytest.mark.parametrize("line", [b"data: " + b"x" * 100_000, b"data: " + b"x" * 100_000 + b"\n"])
def test_an_event_without_end_is_given_up(line: bytes) -> None:
    reader = EventReader()
    for _ in range(41):
        list(reader.feed(line))
    with pytest.raises(PlatformError, match="too long"):
        list(reader.feed(line))
