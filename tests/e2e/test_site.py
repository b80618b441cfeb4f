"""The site of the documents under /docs/: its files, for anyone, and nothing else."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.api import Api, expect_problem
from support.raw_http import RawConnection
from support.server import Server, binary, run_mecapy
from support.waiting import wait_until

SECRET = b"nobody's business"
LARGE = bytes(range(256)) * 1200  # several pieces
FILES = {
    "index.html": (b"<h1>start</h1>", "text/html; charset=utf-8"),
    "guides/plots.html": (b"<h1>plots</h1>", "text/html; charset=utf-8"),
    "assets/bundle.0a1b2c3d.min.js": (b"1;", "text/javascript; charset=utf-8"),
    "assets/main.css": (b"a{}", "text/css; charset=utf-8"),
    "search/search_index.json": (b"{}", "application/json"),
    "pictures/way.svg": (b"<svg/>", "image/svg+xml"),
    "pictures/way.png": (LARGE, "image/png"),
    "empty.txt": (b"", "text/plain; charset=utf-8"),
    "objects.inv": (b"\x00", "application/octet-stream"),
}
# Targets as they are sent; none may be answered with anything but 404, or 400 for what is no path.
ATTACKS = [
    "/docs/../secret.txt",
    "/docs/%2e%2e/secret.txt",
    "/docs/..%2fsecret.txt",
    "/docs/%2e%2e%2fsecret.txt",
    "/docs/%252e%252e/secret.txt",
    "/docs/guides/../../secret.txt",
    "/docs/guides/../index.html",
    "/docs/./index.html",
    "/docs/....//secret.txt",
    "/docs//etc/passwd",
    "/docs/%2fetc%2fpasswd",
    "/docs/..\\secret.txt",
    "/docs/..%5csecret.txt",
    "/docs/%c0%ae%c0%ae/secret.txt",
    "/docs/index.html%00",
    "/docs/index.html%00.txt",
    "/docs/index.html/",
    "/docs/index.html/x",
    "/docs/guides",
    "/docs/guides/",
    "/docs/link.html",
    "/docs/inner.html",
    "/docs/links/secret.txt",
    "/docs/within/plots.html",
    "/docs/.hidden",
    "/docs/fifo.html",
    "/docs/closed.html",
    "/docs/contract/",
    "/docs/" + "a/" * 2000,
    "/docs/" + "a" * 3000,
]


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A site beside a secret that everybody on the machine may read."""
    folder = Path(tempfile.mkdtemp(prefix="mecapy-e2e-", dir="/tmp"))
    folder.chmod(0o755)
    site = folder / "site"
    for name, (content, _) in FILES.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    secret = folder / "secret.txt"
    secret.write_bytes(SECRET)
    (site / "link.html").symlink_to(secret)
    (site / "inner.html").symlink_to("index.html")
    (site / "links").symlink_to(folder)
    (site / "within").symlink_to("guides")
    (site / ".hidden").write_bytes(SECRET)
    (site / "closed.html").write_bytes(SECRET)
    for path in (site, *site.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    (site / "closed.html").chmod(0o600)
    os.mkfifo(site / "fifo.html")
    yield site
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def documented(place: Path) -> Iterator[Server]:
    """A server that shows it."""
    server = Server(server_docs=place)
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.fixture
def anyone(documented: Server) -> Api:
    """Who has no token."""
    return documented.api(None)


@pytest.mark.parametrize("name", FILES)
def test_each_file_comes_whole_with_its_type(anyone: Api, name: str) -> None:
    content, media = FILES[name]
    response = anyone.get(f"/docs/{name}")
    assert (response.status_code, response.content) == (200, content)
    assert response.headers["content-type"] == media
    assert response.headers["content-length"] == str(len(content))
    assert response.headers["x-content-type-options"] == "nosniff"
    for word in ("http:", "https:", "unsafe", "*", "blob:"):
        assert word not in response.headers["content-security-policy"]
    head = anyone.http.head(f"/docs/{name}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(content))


def test_docs_leads_to_the_first_page(anyone: Api) -> None:
    response = anyone.get("/docs")
    assert (response.status_code, response.headers["location"]) == (303, "/docs/")
    assert anyone.get("/docs/").content == FILES["index.html"][0]


def test_the_page_of_the_contract_stays_and_leads_to_the_documents(anyone: Api) -> None:
    assert '<a href="/docs/">' in anyone.get("/docs/contract").text


def test_a_page_that_is_known_is_not_sent_again(anyone: Api, place: Path) -> None:
    page = anyone.get("/docs/guides/plots.html")
    assert page.headers["cache-control"] == "no-cache"
    etag = page.headers["etag"]
    for said in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        same = anyone.get("/docs/guides/plots.html", headers={"If-None-Match": said})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    for said in ('"other"', etag[:-1], "x"):
        again = anyone.get("/docs/guides/plots.html", headers={"If-None-Match": said})
        assert again.status_code == 200
    named = anyone.get("/docs/assets/bundle.0a1b2c3d.min.js")
    assert "immutable" in named.headers["cache-control"]
    (place / "guides/plots.html").write_bytes(b"<h1>new!!</h1>")
    try:
        assert anyone.get("/docs/guides/plots.html", headers={"If-None-Match": etag}).text == (
            "<h1>new!!</h1>"
        )
    finally:
        (place / "guides/plots.html").write_bytes(FILES["guides/plots.html"][0])


@pytest.mark.parametrize("target", ATTACKS, ids=lambda t: t[:40])
def test_no_name_leads_out_of_the_folder(documented: Server, target: str) -> None:
    with RawConnection(documented.port) as connection:
        connection.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = connection.read_answer()
    assert answer.status in (400, 404, 414, 431), answer
    assert SECRET not in answer.body
    assert b"root:" not in answer.body
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_folder_that_becomes_a_link_is_not_followed(documented: Server, place: Path) -> None:
    anyone = documented.api(None)
    assert anyone.get("/docs/pictures/way.svg").status_code == 200
    (place / "pictures").rename(place.parent / "kept")
    (place / "pictures").symlink_to(place.parent / "kept")
    try:
        expect_problem(anyone.get("/docs/pictures/way.svg"), 404, "not_found")
    finally:
        (place / "pictures").unlink()
        (place.parent / "kept").rename(place / "pictures")


def test_other_methods_and_queries_are_refused(anyone: Api) -> None:
    expect_problem(anyone.post("/docs/index.html"), 405, "method_not_allowed")
    expect_problem(anyone.get("/docs/index.html?x=1"), 422, "invalid_fields")
    for page in ("", "guides/plots.html"):  # what the theme's search adds to addresses
        assert anyone.get(f"/docs/{page}?q=bolt&h=bolt").status_code == 200


def test_without_documents_docs_leads_to_the_contract(
    own_server: Callable[..., Server], open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MECAPY_BINARY", str(without_documents(open_folder)))
    server = own_server()
    line = f"docs:  {server.url}/docs/contract (the guides: make docs)\n"
    wait_until("the contract is named", lambda: line in server.said)
    anyone = server.api(None)
    response = anyone.get("/docs")
    assert (response.status_code, response.headers["location"]) == (303, "/docs/contract")
    problem = expect_problem(anyone.get("/docs/"), 404, "not_found")
    assert "make docs" in problem["detail"]
    expect_problem(anyone.get("/docs/index.html"), 404, "not_found")
    assert '<a href="/docs/">' not in anyone.get("/docs/contract").text


def test_a_site_beside_the_program_is_shown_without_a_setting(
    own_server: Callable[..., Server], open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MECAPY_BINARY", str(without_documents(open_folder)))
    (open_folder / "site").mkdir()
    (open_folder / "site/index.html").write_text("<h1>start</h1>")
    server = own_server()
    wait_until("the site is named", lambda: f"docs:  {server.url}/docs\n" in server.said)
    anyone = server.api(None)
    assert anyone.get("/docs", follow_redirects=True).text == "<h1>start</h1>"


def without_documents(folder: Path) -> Path:
    """The program with all that it needs beside it, but no site."""
    build = binary().parent
    for name in ("mecapy", "mecapy-zygote"):
        shutil.copy(build / name, folder / name)
    for name in ("runtime", "venv"):
        (folder / name).symlink_to((build / name).resolve())
    return folder / "mecapy"


def test_a_site_where_only_root_may_go_is_shown(
    own_server: Callable[..., Server], tmp_path: Path
) -> None:
    site = tmp_path / "site"
    site.mkdir(mode=0o755)
    (site / "index.html").write_text("<h1>start</h1>")
    tmp_path.chmod(0o700)
    assert own_server(server_docs=site).api(None).get("/docs/").text == "<h1>start</h1>"


def test_a_folder_without_documents_is_told_at_the_start(open_folder: Path) -> None:
    done = run_mecapy(
        "serve", "--port", "0", "--data-dir", str(open_folder / "data"),
        settings={"MECAPY_SERVER_DOCS": str(open_folder)},
    )  # fmt: skip
    assert done.returncode == 64
    assert "server.docs" in done.stderr
    assert not (open_folder / "data").exists()
