"""What the network, a proxy or a busy server does to a call; and where a token may go."""

import asyncio
import json
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from scripted import Answer, scripted

from mecapy import (
    AsyncMecaPy,
    BusyError,
    ConfigurationError,
    MecaPy,
    NetworkError,
    NotFoundError,
    PlatformError,
    WaitTimeout,
)
from mecapy._bounds import translated
from mecapy._steps import Request

ME = {"user": "local", "admin": False, "proof": "token"}
TASK = {"id": "t", "name": "n", "version": 1}
FAST = {"token": "t", "retries": 3}
URL = "https://mecapy.example"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were wanted; none is made."""
    made: list[float] = []
    monkeypatch.setattr("mecapy._drivers.time.sleep", made.append)
    return made


def test_what_passes_is_tried_again_with_jitter(pauses: list[float]) -> None:
    answers = [Answer(503, {}), Answer(broken=True), Answer(502, b"<html>"), Answer(200, ME)]
    with scripted(*answers) as server:
        assert MecaPy(base_url=server.url, **FAST).me() == ME
        assert len(server.asked) == 4
    assert [0.1 <= pauses[0] <= 0.2, 0.2 <= pauses[1] <= 0.4, 0.4 <= pauses[2] <= 0.8] == [True] * 3


def test_a_repeated_post_carries_its_key_and_another_post_another() -> None:
    with scripted(Answer(broken=True), Answer(201, TASK)) as server:
        client = MecaPy(base_url=server.url, **FAST)
        client.tasks.create("n", "def calculate(inputs): return 1", {"x": 1})
        client.tasks.create("n", "def calculate(inputs): return 1", {"x": 1})
    first, again, other = (asked.headers["idempotency-key"] for asked in server.asked)
    assert first == again != other
    assert server.asked[0].body == server.asked[1].body
    assert json.loads(server.asked[0].body)["inputs"] == {"x": 1}


def test_a_change_is_sent_again_only_when_nobody_had_it() -> None:
    with scripted(Answer(201, TASK), Answer(broken=True), Answer(200, TASK)) as server:
        task = MecaPy(base_url=server.url, **FAST).tasks.create("n", "x")
        with pytest.raises(NetworkError) as caught:
            task.update(name="m")
        assert caught.value.sent
        assert len(server.asked) == 2


def test_a_busy_server_is_asked_again_when_it_wants_to(pauses: list[float]) -> None:
    busy = Answer(429, {"detail": "the queue is full", "code": "busy"}, {"Retry-After": "7"})
    with scripted(busy, Answer(200, ME)) as server:
        assert MecaPy(base_url=server.url, **FAST).me() == ME
    assert 7 <= pauses[0] <= 7.1
    with scripted(busy) as server, pytest.raises(BusyError, match="the queue is full") as caught:
        MecaPy(base_url=server.url, **FAST).me()
    assert (caught.value.retry_after, caught.value.code) == (7, "busy")
    assert len(server.asked) == 4


def test_a_defect_is_not_tried_again() -> None:
    problem = {"detail": "a defect", "code": "internal", "request_id": "abc"}
    with scripted(Answer(500, problem)) as server, pytest.raises(PlatformError, match="abc"):
        MecaPy(base_url=server.url, **FAST).me()
    assert len(server.asked) == 1


def test_nobody_is_there() -> None:
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1:9: cannot be reached") as caught:
        MecaPy(base_url="http://127.0.0.1:9", **FAST).me()
    assert not caught.value.sent
    assert str(caught.value).endswith("; is it running? `mecapy serve` starts it")


@pytest.mark.parametrize(
    ("url", "here"),
    [("http://localhost:9", True), ("http://[::1]:9", True), ("https://mecapy.invalid", False)],
)
def test_only_a_server_of_this_machine_is_said_to_be_one_to_start(url: str, here: bool) -> None:
    told = translated(httpx.ConnectError("refused"), Request("GET", url))
    assert ("mecapy serve" in str(told)) is here
    broken = translated(httpx.ReadError("reset"), Request("GET", url))
    assert "mecapy serve" not in str(broken)


def test_silence_is_bounded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, says nothing
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = MecaPy(base_url=url, token="t", retries=0, timeout=0.2)
        with pytest.raises(NetworkError, match=r"no answer in time: 0\.2 s"):
            client.me()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://mecapy.example", "without TLS"),
        ("http://127.0.0.1.example.org", "without TLS"),
        ("mecapy.example", "no address"),
        ("http://[", "no address"),
        ("https://h:99999", "no address"),
        ("https://h:x", "no address"),
        ("https://a\x07b", "no address"),
        ("ftp://mecapy.example", "no address"),
        ("https://", "no address"),
        ("https://mecapy.example/#x", "no address"),
        ("https://mecapy.example#", "no address"),
        ("https://mecapy.example?", "no address"),
        ("https://user:secret@mecapy.example", "no user in it"),
    ],
)
def test_a_token_goes_nowhere_it_should_not(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        MecaPy(token="t", base_url=url)


def test_a_redirect_is_not_followed_with_the_token() -> None:
    with scripted(Answer(200, ME)) as other:
        elsewhere = Answer(302, {}, {"Location": other.url})
        with scripted(elsewhere) as server, pytest.raises(ConfigurationError, match=other.url):
            MecaPy(base_url=server.url, **FAST).me()
        assert other.asked == []


def test_without_a_token_it_says_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match="mecapy login"):
        MecaPy()


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "é"])
def test_a_token_that_is_none(token: str) -> None:
    with pytest.raises(ConfigurationError):
        MecaPy(token=token, base_url="http://127.0.0.1:1")


def test_the_environment_says_who_and_where(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(Answer(200, ME)) as server:
        monkeypatch.setenv("MECAPY_URL", server.url + "/api/")
        monkeypatch.setenv("MECAPY_TOKEN", "from-there")
        assert MecaPy().me() == ME
    assert server.asked[0].path == "/api/me"
    assert server.asked[0].headers["authorization"] == "Bearer from-there"


def certificate_for(host: str, folder: Path) -> Path:
    """A new certificate of its own authority, with its key, in one file."""
    both = folder / f"{host}.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName={host}"]
    done = subprocess.run([*command, "-keyout", "-", "-out", "-"], capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    both.write_bytes(done.stdout)
    return both


def test_only_a_server_with_a_trusted_certificate_for_its_name_is_told_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = certificate_for("IP:127.0.0.1", tmp_path)
    with scripted(Answer(200, ME), certificate=good) as server:
        with pytest.raises(NetworkError, match="CERTIFICATE_VERIFY_FAILED"):
            MecaPy(token="t", base_url=server.url, retries=0).me()
        assert MecaPy(token="t", base_url=server.url, ca=good).me() == ME
        monkeypatch.setenv("MECAPY_CA", str(good))
        assert MecaPy(token="t", base_url=server.url).me() == ME
    other = certificate_for("DNS:other.example", tmp_path)
    with scripted(Answer(200, ME), certificate=other) as server:
        with pytest.raises(NetworkError, match="CERTIFICATE_VERIFY_FAILED"):
            MecaPy(token="t", base_url=server.url, ca=other, retries=0).me()
        assert server.asked == []


def test_certificates_of_ones_own(tmp_path: Path) -> None:
    wrong = tmp_path / "ca.pem"
    wrong.write_text("no certificate")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        MecaPy(token="t", base_url="https://127.0.0.1:1", ca=wrong)


def test_a_proxy_that_is_given_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    async def awaited(proxy: str) -> None:
        async with AsyncMecaPy("t", base_url=URL, retries=0, proxy=proxy) as client:
            await client.me()

    with scripted(Answer(405, {})) as proxy:
        with pytest.raises(NetworkError):
            MecaPy(base_url=URL, token="t", retries=0, proxy=proxy.url).me()
        with pytest.raises(NetworkError):
            asyncio.run(awaited(proxy.url))
        asked = [(one.method, one.path) for one in proxy.asked]
    assert asked == [("CONNECT", "mecapy.example:443")] * 2


def test_a_proxy_is_used_but_never_sees_what_goes_without_tls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with scripted(Answer(405, {})) as proxy, scripted(Answer(200, ME)) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert MecaPy(base_url=server.url, **FAST).me() == ME
        assert MecaPy(base_url=server.url, proxy=proxy.url, **FAST).me() == ME
        assert proxy.asked == []
        with pytest.raises(NetworkError):  # the proxy's 405 to CONNECT
            MecaPy(base_url="https://mecapy.example", token="t", retries=0).me()
        [asked] = proxy.asked
        assert (asked.method, asked.path) == ("CONNECT", "mecapy.example:443")
        assert "authorization" not in asked.headers


def event(cursor: str, name: str, data: object) -> bytes:
    return f"id: {cursor}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()


def test_a_stream_that_breaks_is_taken_up_where_it_was() -> None:
    first = event("1.2.0", "status", {"status": "running", "attempt": 1})
    first += event("1.2.3", "log", {"text": "abc"}) + b"id: 1.2.9\nevent: log\nda"
    rest = event("1.2.4", "log", {"text": "d"}) + b": still here\n\n"
    rest += event("1.3.4", "status", {"status": "completed", "attempt": 1})
    run = {"id": "r", "run_id": "r", "task_id": "t", "status": "running"}
    with scripted(Answer(200, run), Answer(200, first), Answer(200, rest)) as server:
        one = MecaPy(base_url=server.url, **FAST).runs.get("r")
        events = list(one.stream())
    assert "".join(getattr(e, "text", "") for e in events) == "abcd"
    assert server.asked[2].headers["last-event-id"] == "1.2.3"
    assert events[-1].status == "completed"


def test_bytes_that_changed_are_told(tmp_path: Path) -> None:
    artifact = {"name": "a.txt", "size": 1, "content_type": "text/plain", "sha256": "0" * 64}
    run = {"id": "r", "run_id": "r", "task_id": "t", "status": "completed", "artifacts": [artifact]}
    with scripted(Answer(200, run), Answer(200, b"other bytes")) as server:
        [one] = MecaPy(base_url=server.url, **FAST).runs.get("r").artifacts
        with pytest.raises(PlatformError, match="not those that the run left"):
            one.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


RUN = {"id": "r", "run_id": "r", "task_id": "t", "status": "running"}


@pytest.mark.parametrize(
    ("answers", "ask", "words"),
    [
        ([Answer(200, b"<html>log in to the hotel</html>")], "me", "cannot be understood"),
        ([Answer(200, {})], "run", "cannot be understood"),
        ([Answer(422, {"errors": ["x"]})], "me", "cannot be understood"),
        ([Answer(200, RUN), Answer(200, b"id: 1\nevent: log\ndata: {}\n\n")], "stream",
         "cannot be understood"),
        ([Answer(200, RUN), Answer(200, b"id: 1\nevent: log\ndata: nothing\n\n")], "stream",
         "cannot be understood"),
        ([Answer(200, RUN), Answer(200, b"data: " + b"x" * (5 << 20))], "stream", "too long"),
        ([Answer(200, RUN), Answer(200, b"")], "stream", "end without its end"),
    ],
)  # fmt: skip
def test_answers_that_no_server_of_ours_gives(answers: list[Answer], ask: str, words: str) -> None:
    with scripted(*answers) as server:
        client = MecaPy(base_url=server.url, token="t", retries=0)
        with pytest.raises(PlatformError, match=words):
            {
                "me": lambda: client.me(),
                "run": lambda: client.run("x"),
                "stream": lambda: list(client.runs.get("r").stream()),
            }[ask]()


def test_pages_that_lead_nowhere_end() -> None:
    page = Answer(200, {"items": [RUN], "next": "again"})
    with scripted(page) as server:
        assert len(list(MecaPy(base_url=server.url, **FAST).runs.list())) == 2


def test_an_artifact_is_not_read_beyond_its_size(tmp_path: Path) -> None:
    artifact = {"name": "a.txt", "size": 2, "content_type": "text/plain", "sha256": "0" * 64}
    run = RUN | {"status": "completed", "artifacts": [artifact]}
    with scripted(Answer(200, run), Answer(200, b"x" * (8 << 20))) as server:
        [one] = MecaPy(base_url=server.url, **FAST).runs.get("r").artifacts
        seen: list[bytes] = []
        with pytest.raises(PlatformError, match="not those that the run left"):
            seen.extend(one.iter_bytes())
    assert sum(map(len, seen)) <= 2


def test_a_wait_is_over_when_it_was_to_be_over() -> None:
    with scripted(Answer(200, RUN), Answer(broken=True)) as server:
        run = MecaPy(base_url=server.url, token="t", retries=10**6).runs.get("r")
        begin = time.monotonic()
        with pytest.raises(WaitTimeout, match="as far as can be told"):
            run.wait(timeout=0.5)
        assert time.monotonic() - begin < 5


def test_an_answer_that_is_none() -> None:
    page = Answer(404, b"<html>nginx</html>")
    with scripted(page) as server, pytest.raises(NotFoundError, match="HTTP 404: <html>nginx"):
        MecaPy(base_url=server.url, **FAST).me()
