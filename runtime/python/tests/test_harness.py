"""Parts of the harness that need no sandbox."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import socket
import warnings
from collections.abc import Iterator

import mecapy
import pytest
from mecapy import _artifact_name, _artifacts, _harness, _progress
from mecapy._channel import Channel
from mecapy._failure import Failure, from_exception, shorten


@pytest.fixture
def wire() -> Iterator[tuple[Channel, socket.socket]]:
    near, far = socket.socketpair()
    far.settimeout(5)
    with near, far:
        yield Channel(near.fileno()), far


def frames(far: socket.socket, count: int) -> list[tuple[bytes, bytes]]:
    found = []
    with far.makefile("rb") as stream:
        for _ in range(count):
            kind = stream.read(1)
            found.append((kind, stream.read(int.from_bytes(stream.read(4), "little"))))
    return found


def test_public_surface() -> None:
    assert mecapy.__all__ == ["checkpoint", "progress"]


@pytest.mark.parametrize(
    "code",
    [
        "def calculate(inputs): pass",
        "calculate = lambda inputs: 1",
        "from mine import calculate",
        "from mine import *",
        "if True:\n    def calculate(inputs): pass",
        "async def calculate(inputs): pass",
        "globals()['calculate'] = print",
    ],
)
def test_code_that_may_define_calculate_compiles(code: str) -> None:
    _harness._compile(code.encode())


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (b"x = 1", None),
        (b"def calculate(:", 1),
        (b"\xff\xfe", 1),
        (b"def f():\n    def calculate(inputs): pass", None),
        (b"return 1", 1),
        (b"\n  def calculate(inputs): pass", 2),
    ],
)
def test_code_that_is_no_calculation_is_invalid(code: bytes, line: int | None) -> None:
    with pytest.raises(Failure) as raised:
        _harness._compile(code)
    assert raised.value.kind == "invalid_code"
    assert raised.value.line == line


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), "out_of_memory"),
        (OSError(errno.ENOSPC, "full"), "disk_limit"),
        (OSError(errno.EFBIG, "big"), "disk_limit"),
        (BlockingIOError(errno.EAGAIN, "no"), "process_limit"),
        (RuntimeError("can't start new thread"), "process_limit"),
        (KeyboardInterrupt(), "user_error"),
        (ExceptionGroup("many", [ValueError("a"), KeyError("b")]), "user_error"),
    ],
)
def test_exceptions_have_their_kind(error: BaseException, kind: str) -> None:
    failure = from_exception(error)
    assert failure.kind == kind
    assert json.loads(failure.to_json())["kind"] == kind


def test_exception_group_shows_each() -> None:
    failure = from_exception(ExceptionGroup("many", [ValueError("a"), KeyError("b")]))
    assert failure.message == "ExceptionGroup: many (2 sub-exceptions)"
    assert "ValueError: a" in failure.traceback


def test_failure_with_surrogates_is_still_json() -> None:
    assert json.loads(Failure("user_error", "\ud800").to_json())["message"] == "?"


def test_long_text_keeps_both_ends() -> None:
    text = shorten("a" * 50 + "b" * 50, 40)
    assert len(text) <= 40
    assert text.startswith("aaa")
    assert text.endswith("bbb")


@pytest.mark.parametrize(
    "name", ["a", "a b.txt", "a/b", "A-_1.csv", "été/σ (MPa).csv", "50%#1", "x" * 200]
)
def test_artifact_names(name: str) -> None:
    assert _artifact_name.is_artifact_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".a",
        "a/.b",
        "/a",
        "a//b",
        " a",
        "a ",
        "a\n",
        "a\u202eb",
        "\udce9",
        "x" * 201,
        "é" * 101,
        "a/",
        "a\\b",
        "a:b",
    ],
)
def test_names_that_are_no_artifacts(name: str) -> None:
    assert not _artifact_name.is_artifact_name(name)


def test_files_are_sent_whole_and_in_order(
    wire: tuple[Channel, socket.socket], tmp_path: pathlib.Path
) -> None:
    (tmp_path / "b.bin").write_bytes(b"x" * 300_000)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "e.txt").write_text("")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("b.bin")
    channel, far = wire
    received = b""
    import threading

    thread = threading.Thread(
        target=_artifacts.send_all, args=(channel, str(tmp_path), 1 << 20), daemon=True
    )
    thread.start()
    kinds = frames(far, 6)
    thread.join()
    assert [kind for kind, _ in kinds] == [b"A", b"E", b"A", b"D", b"D", b"E"]
    assert json.loads(kinds[0][1]) == {"name": "a/e.txt", "size": 0}
    received = kinds[3][1] + kinds[4][1]
    assert received == b"x" * 300_000


def test_artifacts_over_the_limit_send_nothing(
    wire: tuple[Channel, socket.socket], tmp_path: pathlib.Path
) -> None:
    (tmp_path / "big").write_bytes(b"x" * 2048)
    channel, far = wire
    with pytest.raises(Failure, match="output_limit"):
        _artifacts.send_all(channel, str(tmp_path), 1024)
    far.setblocking(False)
    with pytest.raises(BlockingIOError):
        far.recv(1)


def test_progress_without_a_platform_says_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    mecapy.progress(0.5, "half")
    assert capsys.readouterr().err == "progress: 50% half\n"


def test_progress_in_percent_is_warned_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_progress, "_warned", False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for fraction in (0.0, 1.0, 1 + 1e-9, -1e-9, float("nan")):
            mecapy.progress(fraction)
        assert caught == []
        mecapy.progress(40)
        mecapy.progress(50)
    assert [str(one.message) for one in caught] == ["progress is from 0 to 1, not 40"]
    assert caught[0].filename == __file__


def test_progress_is_bounded_and_its_newest_report_arrives(
    wire: tuple[Channel, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    channel, far = wire
    now = 1000.0
    monkeypatch.setattr(_progress, "_channel", channel)
    monkeypatch.setattr(_progress, "_spent_until", -1e9)
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now)
    monkeypatch.setattr(_progress, "_warned", True)
    mecapy.progress(7, "é" * 150)
    for step in range(1000):
        mecapy.progress(0.1, str(step))
    mecapy.progress(1.0)
    sent = told(far)
    assert sent[0] == {"fraction": 1.0, "message": "é" * 100}
    assert 15 <= len(sent) <= 25
    assert [one["message"] for one in sent[1:-1]] == [str(step) for step in range(len(sent) - 2)]
    assert sent[-1] == {"fraction": 1.0, "message": ""}
    monkeypatch.setattr(_progress, "_spent_until", now)
    now += 0.07
    for message in ("after a pause", "older", "newest"):
        mecapy.progress(0.5, message)
    assert [one["message"] for one in told(far)] == ["after a pause"]
    for _ in range(2):
        _progress.flush()
    assert [one["message"] for one in told(far)] == ["newest"]


def told(far: socket.socket) -> list[dict[str, object]]:
    """The reports of progress that are there."""
    data = far.recv(1 << 20)
    found = []
    while data:
        size = int.from_bytes(data[1:5], "little")
        found.append(json.loads(data[5 : 5 + size]))
        data = data[5 + size :]
    return found


def test_job_is_read_as_it_was_written(wire: tuple[Channel, socket.socket]) -> None:
    channel, far = wire
    header = {
        "kind": "calculate",
        "code_bytes": 4,
        "inputs_bytes": 2,
        "checkpoint_bytes": 3,
        "result_bytes": 1,
        "artifacts_bytes": 2,
        "most_checkpoint_bytes": 5,
        "memory_mb": 3.0,
        "disk_mb": 4.0,
        "processes": 5.0,
        "cpus": 1.0,
    }
    text = json.dumps(header).encode()
    far.sendall(len(text).to_bytes(4, "little") + text + b"code{}[1]")
    job = channel.read_job()
    assert (job.kind, job.code, job.inputs, job.disk_mb) == ("calculate", b"code", b"{}", 4.0)
    assert (job.checkpoint, job.most_checkpoint_bytes) == (b"[1]", 5)


def test_forked_child_does_not_write(wire: tuple[Channel, socket.socket]) -> None:
    channel, far = wire
    pid = os.fork()
    if pid == 0:
        channel.send(b"R", b"child")
        os._exit(0)
    os.waitpid(pid, 0)
    channel.send(b"R", b"parent")
    assert frames(far, 1) == [(b"R", b"parent")]


def test_nothing_follows_the_answer(wire: tuple[Channel, socket.socket]) -> None:
    channel, far = wire
    channel.send(b"R", b"1")
    channel.send(b"I", droppable=True)
    channel.send(b"F", b"{}")
    assert far.recv(100) == b"R\1\0\0\0" + b"1"


def test_code_that_is_too_deep_for_a_tree_is_looked_at_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_deep(source: str) -> None:  # some levels before a compilation is
        raise RecursionError

    monkeypatch.setattr(_harness.ast, "parse", too_deep)
    assert _harness._look(b"def calculate(inputs): return {}") == {"imports": []}
    with pytest.raises(Failure, match="no function calculate"):
        _harness._compile(b"def other(inputs): return {}")


def test_a_look_tells_imports_and_what_is_known() -> None:
    code = b"import math\ndef calculate(inputs):\n    return {'area': inputs['width'] * 2}"
    assert _harness._look(code) == {
        "imports": ["math"],
        "inputs": [{"name": "width", "required": True}],
        "results": ["area"],
    }
    assert _harness._look(b"from a import calculate") == {"imports": ["a"]}
