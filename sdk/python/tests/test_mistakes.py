"""Mistakes are told as those of who made them; what strangers wrote gives a terminal no orders."""

import asyncio
import enum
import inspect
import io
import re
import subprocess
import sys
from typing import Any

import pytest
from hostile import answer, hostile
from PIL import Image, UnidentifiedImageError
from running import run
from scripted import Answer, scripted

from mecapy import (
    AsyncMecaPy,
    AsyncTask,
    CalculationError,
    ConfigurationError,
    EncodingError,
    InvalidRequestError,
    MecaPy,
    MecaPyError,
    NotFoundError,
    PlatformError,
    Sweep,
    Task,
    UsageError,
)
from mecapy._errors import harmless
from mecapy._source import calculation_of
from mecapy._steps import Request

RUN = {"id": "r", "run_id": "r", "task_id": "t", "status": "running"}
ORDERS = "\x1b]0;owned\x07 \x9b2J\r\u202e"
FINE = "é\t\n≥ 3"


def client_of(url: str) -> MecaPy:
    return MecaPy(token="t", base_url=url, retries=0)


NOBODY = client_of("http://127.0.0.1:9")
CODE = "def calculate(inputs): return 1"


@pytest.mark.parametrize(
    ("ask", "kind"),
    [
        (lambda: NOBODY.tasks.create("n", CODE, tags={"a"}), EncodingError),  # type: ignore[arg-type]
        (lambda: NOBODY.tasks.create(object(), CODE), EncodingError),  # type: ignore[arg-type]
        (lambda: NOBODY.tasks.create("n\ud800", CODE), EncodingError),
        (lambda: NOBODY.run("x = '\ud800'"), EncodingError),
        (lambda: NOBODY.run(CODE, {"x": "\ud800"}), EncodingError),
        (lambda: NOBODY.tasks.create("n", CODE, cache=float("nan")), EncodingError),
        (lambda: NOBODY.tasks.get(5), UsageError),  # type: ignore[arg-type]
        (lambda: NOBODY.runs.get(None), UsageError),  # type: ignore[arg-type]
        (lambda: NOBODY.runs.get("\ud800"), UsageError),
    ],
)
def test_the_callers_mistakes_are_told_as_such_before_anything_is_sent(ask: Any, kind: Any) -> None:
    with pytest.raises(kind):  # nobody is there: asking would be a NetworkError
        ask()


@pytest.mark.parametrize("client", [MecaPy, AsyncMecaPy])
def test_an_address_in_another_place_is_told_where_it_goes(client: Any) -> None:
    right = re.escape(f"{client.__name__}(base_url=...)")
    address = "http://127.0.0.1:9"
    for give in (lambda: client(address), lambda: client(token=address)):
        with pytest.raises(ConfigurationError, match=f"^that is an address, not a token: {right}$"):
            give()
    for name in ("url", "server"):
        with pytest.raises(TypeError, match=f"^there is no argument {name}; .*: {right}$"):
            client("t", **{name: address})
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        client("t", colour=1)
    assert "base_url" in inspect.signature(client).parameters
    assert client("t", base_url=address).base_url == address


def test_a_name_where_an_id_is_wanted_is_told_what_shows_ids(client: MecaPy) -> None:
    task = client.tasks.create("bolt-by-name", CODE)
    told = "^no such task: an id is wanted, no name; tasks.list\\(\\) shows yours$"
    with pytest.raises(NotFoundError, match=told):
        client.tasks.get("bolt-by-name")
    task.delete()
    with pytest.raises(NotFoundError, match="^no such run: runs.list\\(\\) shows yours$"):
        client.runs.get("bolt")


def test_a_limit_over_its_ceiling_is_told_whose_that_is(client: MecaPy) -> None:
    def stay():
        return 1

    told = "over the ceiling of .*; it is the server's: its operator raises limits.max_timeout_s$"
    with pytest.raises(InvalidRequestError, match=told):
        client.task(timeout="100 h")(stay).remote()
    with pytest.raises(InvalidRequestError) as refused:
        client.task(timeout=-1)(stay).remote()
    assert "operator" not in str(refused.value)


class Grade(enum.Enum):
    S355 = 355


@pytest.mark.parametrize(
    ("entries", "kind", "words"),
    [
        ([(1, 2), (1, 2, 3)], TypeError, "^entry 1: too many positional arguments$"),
        ([{"force": 1, "sectoin": 2}], TypeError,
         "^entry 0: missing a required argument: 'section'; there is no argument 'sectoin': "
         "did you mean section\\?$"),
        ([(1, 2), (Grade.S355, 2)], EncodingError, "^entry 1: force is an Enum's member"),
        ({"force": [1]}, TypeError, "^map takes a list of entries, not one dict"),
    ],
)  # fmt: skip
def test_an_entry_that_is_no_call_is_told_by_its_number(
    entries: Any, kind: Any, words: str
) -> None:
    def stress(force, section):
        return force / section

    with pytest.raises(kind, match=words):
        NOBODY.task(stress).map(entries)

    async def story() -> None:
        async with AsyncMecaPy(token="t", base_url="http://127.0.0.1:9", retries=0) as client:
            await client.task(stress).map(entries)

    with pytest.raises(kind, match=words):
        asyncio.run(story())


def test_a_call_names_the_argument_that_there_is_not() -> None:
    def double(x):
        return 2 * x

    with pytest.raises(TypeError, match="missing a required argument: 'x'; .* no argument 'y'$"):
        NOBODY.task(double).remote(y=1)
    with pytest.raises(TypeError, match="^missing a required argument: 'x'$"):
        NOBODY.task(double).remote()


def test_inputs_given_as_arguments_are_told_where_they_go() -> None:
    task = Task(NOBODY, {"id": "t"})
    other = AsyncTask(AsyncMecaPy(token="t"), {"id": "t"})

    def call(method: Any, *given: Any) -> None:
        made = method(*given, force=1)
        if inspect.iscoroutinefunction(method):
            asyncio.run(made)

    for method in (task.execute, task.execute_async, other.execute, other.execute_async):
        shown = re.escape(f"no argument force; inputs: {method.__name__}({{'force': ...}})")
        with pytest.raises(TypeError, match=shown):
            call(method)
    for ask in (NOBODY.run, NOBODY.submit, AsyncMecaPy(token="t").run):
        with pytest.raises(TypeError, match=r"\(code, {'force': \.\.\.}\)"):
            call(ask, CODE)
    with pytest.raises(TypeError):
        task.execute({}, None, 5)  # type: ignore[misc]


DEEP = b"[" * 200_000 + b"]" * 200_000


@pytest.mark.parametrize(
    "body",
    [
        DEEP,
        b'{"run_id": "r", "status": "completed", "result": ' + DEEP + b"}",
        {"run_id": "r", "status": "completed"},
        {"run_id": "r", "status": "failed"},
        {"run_id": "r", "status": "failed", "error": {"code": "x"}},
        {"run_id": "r", "status": ["completed"]},
        {"run_id": 5, "status": "completed", "result": 1},
        {"run_id": "r", "status": "completed", "result": {"$type": "artifact", "name": "no.png"}},
        {"run_id": "r", "status": "completed", "artifacts": 1,
         "result": {"$type": "artifact", "name": "no.png"}},
        ["a"],
        b"\xff",
    ],
    ids=lambda body: str(body)[:60],
)  # fmt: skip
def test_an_answer_that_is_none_is_the_platforms_fault(body: Any) -> None:
    with scripted(Answer(200, body)) as server:
        with pytest.raises(PlatformError):
            client_of(server.url).run("x")

        async def story() -> None:
            async with AsyncMecaPy(token="t", base_url=server.url, retries=0) as client:
                await client.run("x")

        with pytest.raises(PlatformError):
            asyncio.run(story())


@pytest.mark.parametrize("event_id", ["é", "a\x1bb", "\x00"])
def test_the_id_of_an_event_that_no_header_can_hold_is_left(event_id: str) -> None:
    log = f'id: 7\nevent: log\ndata: {{"text": "a"}}\n\nid: {event_id}\nevent: log\n'
    log += 'data: {"text": "b"}\n\n'
    end = b'event: status\ndata: {"status": "completed", "attempt": 1}\n\n'
    with scripted(Answer(200, RUN), Answer(200, log.encode()), Answer(200, end)) as server:
        events = list(client_of(server.url).runs.get("r").stream())
        assert len(events) == 3
        assert server.asked[2].headers["last-event-id"] == "7"


def test_what_strangers_wrote_gives_a_terminal_no_orders() -> None:
    assert harmless(FINE) == FINE
    failure = {"code": "user_error", "message": ORDERS, "fault": "calculation", "traceback": ORDERS}
    results = answer(200, {**RUN, "status": "failed", "error": failure})
    answers = {
        "/api/me": answer(404, {"detail": ORDERS + FINE}),
        "/api/runs/r": answer(200, {**RUN, "id": "r" + ORDERS, "status": "odd" + ORDERS}),
        "/api/runs/f/results?wait=25.000": results,
        "/api/runs/f": answer(200, {**RUN, "id": "f"}),
        "/api/tasks/t": answer(200, {"id": ORDERS, "name": ORDERS, "version": 1}),
    }
    with hostile(lambda c, path: c.sendall(answers[path])) as url:
        client = client_of(url)
        with pytest.raises(NotFoundError) as unknown:
            client.me()
        with pytest.raises(CalculationError) as failed:
            client.runs.get("f").result()
        run = client.runs.get("r")
        told = [str(unknown.value), repr(failed.value), str(failed.value), repr(run), run._status()]
        told.append(repr(client.tasks.get("t")))
    for text in told:
        assert not set("\x1b\x07\x9b\r\u202e") & set(text)
    assert r"\x1b]0;owned\x07 \x9b2J\r\u202e" in told[0]
    assert FINE in told[0]
    assert failed.value.failure.message == ORDERS  # as it came, for programs


def test_a_request_that_is_shown_shows_no_secret() -> None:
    shown = repr(Request("POST", "https://h", {"Authorization": "Bearer s3"}, body=b"token=s3"))
    assert "s3" not in shown


def picture(kind: str) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (3, 2)).save(held, kind)
    return held.getvalue()


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(x) print\n%%EOF\n"


def left(content: bytes, name: str = "figure.png", media: str = "image/png") -> list[Answer]:
    """A run that left one file, and the file."""
    import hashlib

    digest = hashlib.sha256(content).hexdigest()
    artifact = {"name": name, "size": len(content), "content_type": media, "sha256": digest}
    run = {**RUN, "status": "completed", "artifacts": [artifact]}
    return [Answer(200, run), Answer(200, content)]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"])
def test_an_image_is_opened_by_both_clients(kind: str) -> None:
    with scripted(*left(picture(kind))) as server:
        [figure] = client_of(server.url).runs.get("r").artifacts
        assert (figure.open().size, figure.open().format) == ((3, 2), kind)

    async def story(url: str) -> Any:
        async with AsyncMecaPy(token="t", base_url=url, retries=0) as client:
            [figure] = (await client.runs.get("r")).artifacts
            shown = figure._repr_mimebundle_()
            return (await figure.open()).format, list(shown)

    with scripted(*left(picture(kind))) as server:
        assert asyncio.run(story(server.url)) == (kind, ["image/png"])


def test_what_is_called_an_image_starts_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(subprocess, "check_call", lambda *given, **_: started.append(given))
    monkeypatch.setattr(subprocess, "Popen", lambda *given, **_: started.append(given))
    with scripted(*left(EPS)) as server:
        [figure] = client_of(server.url).runs.get("r").artifacts
        with pytest.raises(UnidentifiedImageError, match=r"figure\.png is no image that open\(\)"):
            figure.open().load()
    assert started == []


def test_a_package_that_is_missing_here_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = picture("PNG")
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with scripted(*left(content)) as server:
        [figure] = client_of(server.url).runs.get("r").artifacts
        with pytest.raises(ImportError, match=r"pip install pillow; read\(\) gives the bytes"):
            figure.open()
        assert len(server.asked) == 1  # nothing is fetched for it
    with pytest.raises(ImportError, match="pip install pandas"):
        Sweep([]).to_frame()


def test_what_is_no_image_is_shown_by_its_name() -> None:
    with scripted(*left(b"<svg/>", "a.svg", "image/svg+xml")) as server:
        [one] = client_of(server.url).runs.get("r").artifacts
        assert one._repr_mimebundle_() == {"text/plain": "<Artifact 'a.svg' 6 bytes>"}
        assert len(server.asked) == 1


PASSWORD = "s3cret-of-mine"
LIMIT = 5


class Holder:
    word = PASSWORD


def annotated(x: PASSWORD, y: "Holder" = None, z: "list[PASSWORD]" = None) -> PASSWORD:  # type: ignore
    held: PASSWORD = x
    return held * LIMIT


def test_no_value_goes_along_for_an_annotation() -> None:
    source = calculation_of(annotated)
    assert PASSWORD not in source
    assert run(source, x=2) == 10
    assert issubclass(EncodingError, MecaPyError)
