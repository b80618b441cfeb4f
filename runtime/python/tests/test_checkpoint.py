"""What a calculation saves, in the sandbox and on a machine of one's own."""

from __future__ import annotations

import json
import pathlib
import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from mecapy import _checkpoint
from mecapy._channel import Channel
from mecapy._decoding import decode

MOST = 1 << 20


@pytest.fixture
def wire() -> Iterator[tuple[Channel, socket.socket]]:
    near, far = socket.socketpair()
    far.settimeout(5)
    with near, far:
        yield Channel(near.fileno()), far


def saved(far: socket.socket) -> Any:
    """The next checkpoint that was sent, put together."""
    whole = b""
    with far.makefile("rb") as stream:
        while True:
            kind = stream.read(1)
            payload = stream.read(int.from_bytes(stream.read(4), "little"))
            if kind == b"C":
                size = json.loads(payload)["size"]
            elif kind == b"K":
                assert 0 < len(payload) <= 256 * 1024
                whole += payload
            else:
                assert kind == b"S"
                assert len(whole) == size
                return decode(whole)


def connected(channel: Channel, given: bytes = b"", most: int = MOST) -> _checkpoint._Keeper:
    keeper = _checkpoint._Keeper()
    keeper.connect(channel, given, most)
    return keeper


def test_what_is_saved_is_what_is_given_back(wire: tuple[Channel, socket.socket]) -> None:
    state = {"step": 7, "field": np.array([[0.1, np.nan], [1e-300, -0.0]]), "nested": {"a": [1.5]}}
    keeper = connected(wire[0])
    assert keeper.load("first") == "first"
    assert keeper.save(state, None)
    state["step"] = 8  # changed afterwards
    for back in (saved(wire[1]), keeper.load(None)):
        assert back["step"] == 7
        assert back["nested"] == {"a": [1.5]}
        assert back["field"].tobytes() == state["field"].tobytes()


def test_the_next_attempt_has_it(wire: tuple[Channel, socket.socket]) -> None:
    assert connected(wire[0], b'{"step": 3}').load({}) == {"step": 3}


def test_what_cannot_be_read_is_told(
    wire: tuple[Channel, socket.socket], capsys: pytest.CaptureFixture[str]
) -> None:
    assert connected(wire[0], b'{"$type": "none such"}').load({"step": 0}) == {"step": 0}
    assert "checkpoint: it cannot be read" in capsys.readouterr().err


def test_every_is_kept(
    wire: tuple[Channel, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(_checkpoint.time, "monotonic", lambda: now)
    keeper = connected(wire[0])
    assert not keeper.save(1, "1 min")
    now += 59.9
    assert not keeper.save(2, "1 min")
    now += 0.2
    assert keeper.save(3, "1 min")
    assert not keeper.save(4, 60)
    assert keeper.save(5, None)
    assert [saved(wire[1])] == [3]
    with pytest.raises(ValueError, match="every='soon'"):
        keeper.save(6, "soon")


def test_what_is_too_large_is_not_sent(wire: tuple[Channel, socket.socket]) -> None:
    keeper = connected(wire[0], most=1024)
    with pytest.raises(ValueError, match=r"checkpoint too large: .* of at most 0\.000976562 MiB"):
        keeper.save("x" * 2000, None)
    assert keeper.save("x", None)
    assert saved(wire[1]) == "x"


def test_what_has_no_encoding_is_told_with_its_place(wire: tuple[Channel, socket.socket]) -> None:
    with pytest.raises(TypeError, match=r"^checkpoint\['f'\] is a"):
        connected(wire[0]).save({"f": print}, None)


def test_at_home_it_is_a_file_when_one_is_named(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = _checkpoint._Keeper()
    monkeypatch.delenv("MECAPY_CHECKPOINT", raising=False)
    assert keeper.save({"step": 1}, None)
    assert keeper.load(None) is None
    monkeypatch.setenv("MECAPY_CHECKPOINT", str(tmp_path / "state.json"))
    assert keeper.load("none yet") == "none yet"
    assert keeper.save({"step": 2}, None)
    assert _checkpoint._Keeper().load(None) == {"step": 2}
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]
