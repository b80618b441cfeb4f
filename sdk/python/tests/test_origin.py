"""What a failure tells of the author's own: his file, the names of his inputs, what to ask for."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mending import at_most
from support.server import DEV_TOKEN, Server

from mecapy import AsyncMecaPy, CalculationError, LimitError, Limits, MecaPy
from mecapy._origin import Origin, Stretch
from mecapy._outcome import failure_to_raise

HELPER = str(Path(__file__).with_name("mending.py"))


def line_of(file: str, mark: str) -> int:
    lines = Path(file).read_text().splitlines()
    return next(number for number, text in enumerate(lines, 1) if text.endswith(f"# {mark}"))


def bounded(force, most):
    return at_most(force, most)  # ASKS


def expected() -> list[str]:
    return [
        f'File "{__file__}", line {line_of(__file__, "ASKS")}, in bounded',
        f'File "{HELPER}", line {line_of(HELPER, "REFUSES")}, in at_most',
    ]


def test_a_traceback_names_the_authors_files_and_their_lines(client: MecaPy) -> None:
    task = client.task(bounded)
    assert task.map([(1, 2)]).results() == [1]
    run = task.submit(3, 2).wait()
    with pytest.raises(CalculationError) as failed:
        run.result()
    with pytest.raises(CalculationError) as waited:
        task.remote(3, 2)
    told = [str(failed.value), failed.value.traceback, str(waited.value), run.error.traceback]
    told += [str(task.map([(3, 2)]).failures[0].error), run._repr_html_().replace("&quot;", '"')]
    for text in told:
        assert all(frame in text for frame in expected()), text
        assert "calc.py" not in text
    assert failed.value.line == run.error.line == line_of(HELPER, "REFUSES")


def test_who_awaits_is_told_the_same(server: Server) -> None:
    async def story() -> list[str]:
        async with AsyncMecaPy(token=DEV_TOKEN, base_url=server.url) as client:
            with pytest.raises(CalculationError) as waited:
                await client.task(bounded).remote(3, 2)
            run = await client.task(bounded).submit(3, 2)
            with pytest.raises(CalculationError) as failed:
                await run.result()
            with pytest.raises(CalculationError) as unnamed:
                await client.run(MISSES, {"force": 1})
            return [str(waited.value), str(failed.value), str(unnamed.value)]

    *told, unnamed = asyncio.run(story())
    for text in told:
        assert all(frame in text for frame in expected()), text
    assert "KeyError: 'forc'; inputs given: force; did you mean force?" in unnamed


def test_a_file_is_named_as_it_was_given(client: MecaPy, tmp_path: Path) -> None:
    file = tmp_path / "bolt.py"
    file.write_text("\n\ndef calculate(inputs):\n    return 1 / inputs['x']\n")
    with pytest.raises(CalculationError, match=f'File "{file}", line 4, in calculate'):
        client.run(file, {"x": 0})


def test_what_is_known_of_no_file_stays_as_it_is() -> None:
    text = 'File "calc.py", line {}, in f\n    x\n  File "/usr/lib/a.py", line 2, in g'
    origin = Origin((Stretch(2, 4, "mine.py", 10),))
    for line, told in ((1, 'calc.py", line 1'), (3, 'mine.py", line 11'), (4, 'calc.py", line 4')):
        failure = origin.placed({"traceback": "  " + text.format(line), "line": line})
        assert failure["traceback"].startswith(f'  File "{told}, in f')
        assert failure["traceback"].endswith('File "/usr/lib/a.py", line 2, in g')
    assert origin.placed({"code": "x"}) == {"code": "x"}


MISSES = "def calculate(inputs):\n    return inputs['forc']"
OTHERS = "def calculate(inputs):\n    table = {}\n    return table['forc']"


def error_of(client: MecaPy, code: str, inputs: dict[str, Any]) -> str:
    with pytest.raises(CalculationError) as caught:
        client.run(code, inputs)
    return str(caught.value).partition("\n")[0]


def test_an_input_that_there_is_not_is_told_with_those_that_are(client: MecaPy) -> None:
    given = {"force": 1, "section": 2}
    words = "KeyError: 'forc'; inputs given: force, section; did you mean force?"
    assert error_of(client, MISSES, given) == words
    assert error_of(client, MISSES, {"x": 1}) == "KeyError: 'forc'; inputs given: x"
    assert error_of(client, MISSES, {}) == "KeyError: 'forc'; inputs given: none"
    assert error_of(client, OTHERS, given) == "KeyError: 'forc'"
    many = {f"x{number:02}": 1 for number in range(21)}
    assert error_of(client, MISSES, many).endswith("x18, x19, ...")
    task = client.tasks.create("misses", MISSES, {"x": 1})
    for inputs, names in ((None, "x"), (given, "force, section; did you mean force?")):
        with pytest.raises(CalculationError) as caught:
            task.execute(inputs)
        assert str(caught.value).startswith(f"KeyError: 'forc'; inputs given: {names}\n")


@pytest.mark.parametrize(
    ("code", "limits", "option"),
    [
        ("while True: pass", Limits(timeout=0.3), "timeout"),
        ("while True: pass", Limits(cpu_time=0.3), "cpu_time"),
        ("x = bytearray(2**30)", Limits(memory=128), "memory"),
        ("open('a', 'wb').write(bytes(2**24))", Limits(disk=1), "disk"),
        ("print('x' * 2**21)", Limits(log=0.1), "log"),
        ("return 'x' * 2**21", Limits(result=1), "result"),
        ("open('a', 'wb').write(bytes(2**22))", Limits(artifacts=1), "artifacts"),
    ],
)
def test_a_limit_says_how_to_ask_for_more(
    client: MecaPy, code: str, limits: Limits, option: str
) -> None:
    with pytest.raises(LimitError) as caught:
        client.run(f"def calculate(inputs):\n    {code}", limits=limits)
    words = f"; ask for more: @client.task({option}=...) or Limits({option}=...)"
    assert str(caught.value).partition("\n")[0].endswith(words)
    assert words not in caught.value.failure.message


def test_what_no_limit_helps_has_no_next_step() -> None:
    failure = {"code": "output_limit", "message": "257 artifacts", "fault": "limit"}
    told = failure_to_raise({"id": "r", "status": "failed", "error": failure})
    assert str(told) == "257 artifacts"
