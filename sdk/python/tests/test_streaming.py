"""Large inputs go in pieces, each made when it is its turn, and made anew for each try."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scripted import Answer, scripted

from mecapy import EncodingError, MecaPy
from mecapy._codec import encode_inputs
from mecapy._encoding import encode
from mecapy._session import Body

TASK = {"id": "t", "name": "n", "version": 1}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mecapy._drivers.time.sleep", lambda _: None)


LARGE = {
    "array": np.random.default_rng(1).standard_normal(600_000),
    "matrix": np.arange(60_000, dtype=np.int32).reshape(200, 300),
    "numbers": [float(n) for n in range(30_000)],
    "complex": np.full(20_000, complex(1, float("nan"))),
    "table": pd.DataFrame(
        {"t": pd.date_range("2026-01-01", periods=20_000, freq="h"), "v": np.full(20_000, np.inf)}
    ),
    "masked": np.ma.MaskedArray(np.zeros(20_000), mask=np.arange(20_000) % 2 == 0),
    "text": "\x00é" * 10,
    "small": np.arange(3),
}


def test_what_is_sent_in_pieces_is_the_same_text_each_time() -> None:
    body = Body({"code": b'"x"', "inputs": encode_inputs(LARGE)})
    pieces = list(body.pieces())
    whole = b"".join(pieces)
    assert whole == b'{"code":"x","inputs":' + encode(LARGE) + b"}"
    assert len(whole) == len(body) == sum(map(len, body.pieces()))
    assert len(pieces) > 100
    assert max(map(len, pieces)) < 1 << 20


def test_a_large_array_is_never_encoded_as_a_whole_and_as_often_as_it_is_sent() -> None:
    value = LARGE["array"][:200_000]  # 4 MB of JSON
    with scripted(Answer(503, {}), Answer(broken=True), Answer(201, TASK)) as server:
        client = MecaPy(token="t", base_url=server.url, retries=3)
        tracemalloc.start()
        client.tasks.create("n", "x", {"value": value})
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 2 << 20
    assert len({one.body for one in server.asked}) == 1
    size = int(server.asked[0].headers["content-length"])
    assert size > 3 << 20
    assert server.asked[0].body.startswith(f"{size} ".encode())


def test_inputs_that_change_while_they_are_sent_are_told() -> None:
    value = np.zeros(100_000)
    body = Body({"inputs": encode_inputs({"value": value})})
    value[:] = 1 / 3
    with pytest.raises(EncodingError, match="changed while they were sent"):
        list(body.pieces())
    value[:] = 0
    assert sum(map(len, body.pieces())) == len(body)
