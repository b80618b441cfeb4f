"""The site as it is built and served: whole, from here only, and with the reference of the code."""

import json
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from docs.building import build_site
from support.contract import contract
from support.server import ROOT, Server, run_mecapy

LOADS = {
    ("script", "src"),
    ("img", "src"),
    ("link", "href"),
    ("iframe", "src"),
    ("source", "src"),
    ("object", "data"),
}
BESIDE = {"contract"}  # pages of the server that are not the site's


class Page(HTMLParser):
    """What a page of the site holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.within: list[str] = []  # scripts and styles that stand in the page
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.ids |= {told[name] for name in ("id", "name") if name in told}
        if tag == "a" and "href" in told:
            self.links.append(told["href"])
        self.loads += [told[name] for kind, name in LOADS if kind == tag and name in told]
        self.within += [f"{name} of <{tag}>" for name in told if name.startswith("on")]
        if "style" in told or tag == "style":
            self.within.append(f"style of <{tag}>")
        if tag == "script" and "src" not in told and told.get("type") != "application/json":
            self.within.append("script")

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    """Each page by its place."""
    found = {str(p.relative_to(site)): Page(p.read_text()) for p in site.rglob("*.html")}
    assert len(found) > 20
    return found


@pytest.fixture(scope="module")
def shown(site: Path) -> Iterator[Server]:
    """A server that shows the site."""
    server = Server(server_docs=site)
    try:
        yield server.start()
    finally:
        server.remove()


def test_each_link_within_the_site_leads_to_a_place_in_it(
    site: Path, pages: dict[str, Page]
) -> None:
    broken = []
    for place, page in pages.items():
        for link in page.links:
            parts = urlsplit(urljoin(f"http://site/{place}", link))
            target = unquote(parts.path).lstrip("/")
            if parts.netloc != "site" or target in BESIDE:
                continue
            target = target or "index.html"
            there = (site / target).is_file()
            if there and parts.fragment and target in pages:
                there = unquote(parts.fragment) in pages[target].ids | {"__skip", "__top"}
            if not there:
                broken.append((place, link))
    assert not broken


def copy_of_the_documents(folder: Path) -> None:
    """Copy what the site is built from, to change it."""
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    for name in ("sdk", "tools"):
        (folder / name).symlink_to(ROOT / name)


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    copy_of_the_documents(tmp_path)
    with (tmp_path / "docs/index.md").open("a") as page:
        page.write("[x](nowhere.md) [y](../tools/nothing.sh) [z](guides/plots.md#no-such)")
    done = build_site(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    for link in ("nowhere.md", "../tools/nothing.sh", "#no-such"):
        assert link in done.stderr, done.stderr


def test_the_first_page_leads_to_every_page_of_the_documents() -> None:
    index = (ROOT / "docs/index.md").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        place = str(page.relative_to(ROOT / "docs"))
        assert place == "index.md" or f"({place})" in index, place


def test_a_page_that_is_not_in_the_navigation_fails_the_build(tmp_path: Path) -> None:
    copy_of_the_documents(tmp_path)
    (tmp_path / "docs/guides/lost.md").write_text("# Lost\n")
    done = build_site(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    assert "guides/lost.md" in done.stderr, done.stderr


def test_nothing_comes_from_elsewhere_and_no_script_stands_in_a_page(
    site: Path, pages: dict[str, Page]
) -> None:
    for place, page in pages.items():
        assert not page.within, (place, page.within)
        assert page.loads
        for load in page.loads:
            parts = urlsplit(urljoin(f"http://site/{place}", load))
            assert parts.netloc == "site" or parts.scheme == "data", (place, load)
            assert parts.scheme == "data" or (site / parts.path.lstrip("/")).is_file(), load
    for sheet in site.rglob("*.css"):
        assert not re.search(r"""(url\(\s*['"]?(https?:|//))|@import""", sheet.read_text()), sheet


def test_every_file_is_served_with_a_type_that_browsers_take(site: Path, shown: Server) -> None:
    anyone = shown.api(None)
    wanted = {
        ".html": "text/html",
        ".css": "text/css",
        ".js": "text/javascript",
        ".json": "application/json",
        ".svg": "image/svg+xml",
        ".png": "image/png",
    }
    count = 0
    for path in site.rglob("*"):
        if not path.is_file():
            continue
        response = anyone.get(f"/docs/{path.relative_to(site)}")
        assert response.status_code == 200, path
        assert response.content == path.read_bytes(), path
        if path.suffix in wanted:
            assert response.headers["content-type"].startswith(wanted[path.suffix]), path
        count += 1
    assert count > 50


def test_a_numbered_list_with_code_is_one_list(site: Path) -> None:
    text = (site / "repository/readme.html").read_text()
    moves = text.partition('id="from-one-machine-to-managed-services"')[2].partition("</ol>")[0]
    assert (moves.count("<ol>"), moves.count("<li>")) == (1, 5)
    assert moves.count('class="highlight"') == 4


def test_the_search_has_every_page(site: Path, pages: dict[str, Page]) -> None:
    index = json.loads((site / "search/search_index.json").read_text())
    assert index["config"]["lang"] == ["en", "fr"]
    assert {entry["location"].partition("#")[0] for entry in index["docs"]} == set(pages)
    workers = list((site / "assets/javascripts/workers").glob("search.*.min.js"))
    assert len(workers) == 1
    assert list((site / "assets/javascripts/lunr").rglob("lunr.fr.min.js"))


def test_the_reference_of_settings_has_each(pages: dict[str, Page]) -> None:
    words = pages["reference/settings.html"].words
    rows = json.loads(run_mecapy("config", "--json").stdout)
    assert len(rows) > 50
    for row in rows:
        assert row["name"] in words, row
        assert row["environment"] in words, row


def test_the_reference_of_codes_has_each_with_its_exit_status(site: Path) -> None:
    text = (site / "reference/codes.html").read_text()
    told = contract()
    assert told["outcomes"]
    for row in (*told["outcomes"], *told["errors"]):
        cells = (f"<code>{row['code']}</code>", r"\w*", str(row["exit_status"]))
        assert re.search(r"\s*".join(f"<td>{cell}</td>" for cell in cells), text), row
    for limit in told["limits"]:
        assert f"<td><code>{limit['name']}</code></td>" in text


def test_the_reference_of_http_has_each_route_and_shape(
    pages: dict[str, Page], shown: Server
) -> None:
    page = pages["reference/http.html"]
    openapi = shown.api(None).read("/api/openapi.json")
    for path, methods in openapi["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in page.words
    for name, schema in openapi["components"]["schemas"].items():
        assert name.lower() in page.ids
        for field in schema.get("properties", {}):
            assert field in page.words, (name, field)


def test_the_reference_of_python_has_each_name(pages: dict[str, Page]) -> None:
    source = (ROOT / "sdk/python/src/mecapy/__init__.py").read_text()
    names = re.findall(r'^    "(\w+)",$', source, re.MULTILINE)
    assert len(names) > 30
    for name in names:
        if name != "__version__":
            assert f"mecapy.{name}" in pages["reference/sdk.html"].ids, name
    for member in ("Run.status", "Calculation.map", "Task.id", "Run.id"):
        assert f"mecapy.{member}" in pages["reference/sdk.html"].ids, member


def test_the_reference_of_commands_has_each(pages: dict[str, Page]) -> None:
    words = pages["cli.html"].words
    listed = re.findall(r"^  ([a-z]+)  +", run_mecapy("--help").stdout, re.MULTILINE)
    assert {"serve", "run", "doctor", "contract", "login"} <= set(listed)
    for command in listed:
        assert f"mecapy {command}" in words
    for topic in ("exit-codes", "environment", "json"):
        assert run_mecapy("help", topic).stdout.strip() in words


@pytest.mark.parametrize("place", ["fr/premier-calcul.html", "repository/readme.fr.html"])
def test_the_french_pages_say_that_they_are(site: Path, place: str) -> None:
    assert '<html lang="fr"' in (site / place).read_text()
