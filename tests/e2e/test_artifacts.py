"""What a calculation leaves in its working folder: figures and files, whole and by name."""

import hashlib
import struct
import urllib.parse
import zlib

import pytest

from support.api import Api, Json, expect_problem
from support.raw_http import RawConnection, request
from support.server import DEV_TOKEN, Server


def names_of(run: Json) -> list[str]:
    """The artifacts' names."""
    return [artifact["name"] for artifact in run["artifacts"]]


def leave(api: Api, *lines: str) -> Json:
    """A completed run of these lines."""
    body = "".join(f"    {line}\n" for line in lines)
    run = api.calculate(f"import os\ndef calculate(inputs):\n{body}    return None\n")
    assert run["status"] == "completed", run
    return run


def test_a_written_file_comes_back_byte_for_byte(api: Api) -> None:
    run = leave(api, "open('table.csv', 'wb').write(bytes(range(256)) * 3)")
    content = bytes(range(256)) * 3
    digest = hashlib.sha256(content).hexdigest()
    [artifact] = run["artifacts"]
    assert artifact["name"] == "table.csv"
    assert artifact["size"] == len(content)
    assert artifact["sha256"] == digest
    assert artifact["content_type"] == "text/csv"
    assert run["usage"]["artifact_bytes"] == len(content)
    response = api.get(f"/api/runs/{run['id']}/artifacts/table.csv")
    assert response.content == content
    assert response.headers["content-type"].startswith("text/csv")
    assert response.headers["content-disposition"].startswith("attachment")
    assert "table.csv" in response.headers["content-disposition"]
    assert response.headers["etag"] == f'"{digest}"'
    assert response.headers["x-content-type-options"] == "nosniff"


def test_the_results_name_where_each_artifact_is(api: Api) -> None:
    run = leave(api, "open('a.txt', 'w').write('a')")
    [artifact] = api.read(f"/api/runs/{run['id']}/results")["artifacts"]
    assert api.get(artifact["url"]).content == b"a"


@pytest.mark.parametrize("name", ["résultat σ (MPa).csv", "50% #1 & 2+3.txt", "été/[a];b='c'.txt"])
def test_a_file_keeps_the_name_its_author_gave_it(api: Api, name: str) -> None:
    run = leave(
        api,
        f"path = {name!r}",
        "os.makedirs(os.path.dirname(path) or '.', exist_ok=True)",
        "open(path, 'w').write('a')",
    )
    assert names_of(run) == [name]
    [artifact] = api.read(f"/api/runs/{run['id']}/results")["artifacts"]
    response = api.get(artifact["url"])
    assert response.content == b"a"
    saved = response.headers["content-disposition"].partition("filename*=UTF-8''")[2]
    assert urllib.parse.unquote(saved) == name.rpartition("/")[2]


def test_an_open_figure_becomes_a_picture(api: Api) -> None:
    code = """
import matplotlib.pyplot as plt
def calculate(inputs):
    plt.plot([0, 1], [0, 1])
    plt.xlabel('force / N')
    return 1
"""
    run = api.calculate(code)
    assert run["status"] == "completed", run
    [artifact] = run["artifacts"]
    assert artifact["name"] == "figure-1.png"
    assert artifact["content_type"] == "image/png"
    picture = api.get(f"/api/runs/{run['id']}/artifacts/{artifact['name']}").content
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", picture[16:24])
    assert width > 100
    assert height > 100
    rows = rows_of(picture)
    assert len(rows) == height
    assert len(set(rows)) > height // 2, "it shows no line from corner to corner"


def rows_of(picture: bytes) -> list[bytes]:
    """The rows of a PNG (8 bits, RGBA, not interlaced) as they are filtered.

    Every filter makes the rows of one plain colour alike, but for the first.
    """
    at, packed, header = 8, b"", b""
    while at < len(picture):
        length, kind = struct.unpack(">I4s", picture[at : at + 8])
        data = picture[at + 8 : at + 8 + length]
        header = data if kind == b"IHDR" else header
        packed += data if kind == b"IDAT" else b""
        at += 12 + length
    width, _, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    assert (depth, colour, interlaced) == (8, 6, 0)
    raw, size = zlib.decompress(packed), 1 + 4 * width
    return [raw[start : start + size] for start in range(0, len(raw), size)]


def test_a_figure_saved_by_its_author_keeps_its_name(api: Api) -> None:
    code = """
import matplotlib.pyplot as plt
def calculate(inputs):
    figure, axes = plt.subplots()
    axes.plot([0, 1])
    figure.savefig('stress.svg')
    plt.close(figure)
    return 1
"""
    run = api.calculate(code)
    assert run["status"] == "completed", run
    assert names_of(run) == ["stress.svg"]
    assert run["artifacts"][0]["content_type"] == "image/svg+xml"
    drawing = api.get(f"/api/runs/{run['id']}/artifacts/stress.svg").text
    assert '<g id="axes_1">' in drawing, "it shows nothing"


def test_a_file_in_a_nested_folder_keeps_its_path(api: Api) -> None:
    run = leave(
        api,
        "os.makedirs('out/deep')",
        "open('out/deep/mesh 1.vtk', 'w').write('mesh')",
        "open('top.txt', 'w').write('top')",
    )
    assert sorted(names_of(run)) == ["out/deep/mesh 1.vtk", "top.txt"]
    assert api.get(f"/api/runs/{run['id']}/artifacts/out/deep/mesh 1.vtk").content == b"mesh"
    encoded = api.get(f"/api/runs/{run['id']}/artifacts/out%2Fdeep%2Fmesh%201.vtk")
    assert encoded.content == b"mesh"


def test_a_large_file_comes_back_whole(api: Api) -> None:
    run = leave(
        api,
        "import random",
        "random.seed(1)",
        "open('large.bin', 'wb').write(random.randbytes(20 << 20))",
    )
    [artifact] = run["artifacts"]
    assert artifact["size"] == 20 << 20
    content = api.get(f"/api/runs/{run['id']}/artifacts/large.bin").content
    assert len(content) == 20 << 20
    assert hashlib.sha256(content).hexdigest() == artifact["sha256"]


def test_a_file_that_was_not_closed_is_whole(api: Api) -> None:
    run = leave(api, "inputs['kept'] = open('open.txt', 'w')", "inputs['kept'].write('abc')")
    assert run["artifacts"][0]["size"] == 3


def test_an_empty_file_is_an_artifact(api: Api) -> None:
    run = leave(api, "open('empty.dat', 'w').close()")
    assert run["artifacts"][0]["size"] == 0
    response = api.get(f"/api/runs/{run['id']}/artifacts/empty.dat")
    assert response.status_code == 200
    assert response.content == b""


def test_links_and_devices_are_not_followed(api: Api) -> None:
    run = leave(
        api,
        "import contextlib",
        "with contextlib.suppress(OSError): os.symlink('/etc/passwd', 'passwd.txt')",
        "with contextlib.suppress(OSError): os.symlink('/etc', 'etc')",
        "with contextlib.suppress(OSError): os.mkfifo('pipe')",
        "open('real.txt', 'w').write('r')",
    )
    assert names_of(run) == ["real.txt"]


@pytest.mark.parametrize(
    "path",
    [
        "absent.txt",
        "a.txt/",
        "../a.txt",
        "..%2F..%2Fmecapy.db",
        "%2e%2e/%2e%2e/token",
        "/etc/passwd",
        "%2Fetc%2Fpasswd",
        "a.txt%00",
        ".hidden",
        "",
    ],
)
def test_only_a_recorded_name_is_served(api: Api, server: Server, path: str) -> None:
    run = leave(api, "open('a.txt', 'w').write('a')")
    with RawConnection(server.port) as connection:  # httpx would tidy the path first
        connection.send(request("GET", f"/api/runs/{run['id']}/artifacts/{path}", DEV_TOKEN))
        answer = connection.read_answer()
    refusal = (400, "invalid_request") if "%00" in path else (404, "not_found")
    assert (answer.status, answer.problem["code"]) == refusal


def test_names_that_no_header_or_path_can_hold_are_not_lost_silently(api: Api) -> None:
    run = leave(
        api,
        "open('.hidden', 'w').write('h')",
        r"open('a\nb.txt', 'w').write('n')",
        "open('good.txt', 'w').write('g')",
        "print('end')",
    )
    assert names_of(run) == ["good.txt"]
    assert "b.txt" in api.log(run["id"]), "a file was left out and nobody said so"


@pytest.mark.parametrize(("files", "status"), [(256, "completed"), (257, "failed")])
def test_too_many_files_are_named_as_the_cause(api: Api, files: int, status: str) -> None:
    code = f"def calculate(i):\n    for n in range({files}): open(f'{{n}}.txt', 'w').close()\n"
    run = api.calculate(code)
    assert run["status"] == status, run
    if status == "failed":
        assert run["error"]["code"] == "output_limit"
        assert "256" in run["error"]["message"]
    else:
        assert len(run["artifacts"]) == 256


def test_a_run_without_files_has_no_artifacts(api: Api) -> None:
    run = leave(api, "pass")
    assert run["artifacts"] == []
    expect_problem(api.get(f"/api/runs/{run['id']}/artifacts/a.txt"), 404, "not_found")


def test_the_whole_file_comes_whatever_part_is_asked_for(api: Api) -> None:
    run = leave(api, "open('a.txt', 'w').write('0123456789')")
    path = f"/api/runs/{run['id']}/artifacts/a.txt"
    response = api.get(path, headers={"Range": "bytes=2-5"})
    assert response.status_code == 200  # a server may ignore Range (RFC 9110, section 14.2)
    assert response.content == b"0123456789"
    assert "content-range" not in response.headers


def test_a_folder_of_objects_has_no_links_and_says_what_to_do(api: Api) -> None:
    run = api.calculate("def calculate(inputs):\n    open('a.txt', 'w').write('x')\n")
    refused = api.get(f"/api/runs/{run['id']}/artifacts/a.txt?link=60")
    assert refused.status_code == 404
    [problem] = refused.json()["errors"]
    assert problem["pointer"] == "#query/link"
    assert api.get(f"/api/runs/{run['id']}/artifacts/a.txt").text == "x"
