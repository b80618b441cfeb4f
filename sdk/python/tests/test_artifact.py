"""Where what a run left is saved, and under which names it may be."""

from pathlib import Path

import pytest
from scripted import Answer, scripted

from mecapy import MecaPy, PlatformError
from mecapy._artifact import save_path
from mecapy._artifact_name import is_artifact_name

# As src/model/model_test.cc and src/base/base_test.cc.
NAMES = [
    "plot.png", "a/b/c.csv", "figure 1.svg", "x_-.9", "é/contrainte σ (MPa).csv",
    "50% [a]#1&2.txt", "\U0001f529 \u672c.csv", "a" * 200,
]  # fmt: skip
NO_NAMES = [
    "", "/etc/passwd", "../x", "a/../b", "a//b", ".hidden", "a/.b", "a\nb", 'a"b', "a/", " a", "a ",
    "a/ b", "a\\b", "c:d", "a?", "a" * 201, "a\0b", "é" * 101, "a\x85.txt", "a\u202egpj.exe",
    "\u200b", "\ufeffa", "\ud800", "\ue000", "a\x7f", "\U000e0021",
    ".bashrc", "a/.ssh", "./x", "../../etc/passwd", "C:\\x", "a/..",
]  # fmt: skip


@pytest.mark.parametrize("name", NO_NAMES, ids=ascii)
def test_an_artifact_with_a_name_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="a name that is none") as caught:
        save_path(tmp_path, name, "r")
    assert caught.value.run_id == "r"


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_where_an_artifact_goes(name: str, tmp_path: Path) -> None:
    assert save_path(tmp_path, name) == tmp_path / name
    assert save_path(tmp_path / "c.txt", name) == tmp_path / "c.txt"
    assert save_path(None, name) == Path(name)
    assert save_path(f"{tmp_path}/new/", name) == tmp_path / "new" / name


def test_a_folder_with_a_slash_at_its_end_is_made(client: MecaPy, tmp_path: Path) -> None:
    code = "def calculate(inputs): open('a.txt', 'w').write('1')"
    [one] = client.submit(code).wait().artifacts
    assert one.save(f"{tmp_path}/deep/sub/").read_text() == "1"
    assert (tmp_path / "deep" / "sub" / "a.txt").is_file()


def test_each_character_that_is_taken_here_is_one_of_the_servers(
    client: MecaPy, tmp_path: Path
) -> None:
    """Those beside each range that is not: the server fails a run whose files have others."""
    taken = [is_artifact_name(f"a{chr(code)}a") for code in range(0x110000)]
    edges = {
        f"a{chr(code)}a.txt"
        for code in range(1, 0x10FFFF)
        if taken[code] and not (taken[code - 1] and taken[code + 1])
    }
    assert len(edges) > 30
    code = "def calculate(inputs):\n    for name in inputs['names']: open(name, 'w').close()"
    run = client.submit(code, {"names": sorted(edges)}).wait()
    assert run.error is None
    for one in run.artifacts:
        one.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == edges


@pytest.mark.parametrize("name", [".bashrc", "a/.ssh"])
def test_what_a_server_says_cannot_become_a_hidden_file(name: str, tmp_path: Path) -> None:
    artifact = {"name": name, "size": 0, "content_type": "text/plain", "sha256": "0" * 64}
    run = {"id": "r", "run_id": "r", "task_id": "t", "status": "completed", "artifacts": [artifact]}
    with scripted(Answer(200, run)) as server:
        [one] = MecaPy(base_url=server.url, token="t").runs.get("r").artifacts
        with pytest.raises(PlatformError, match="a name that is none"):
            one.save(tmp_path)
    assert list(tmp_path.iterdir()) == []
