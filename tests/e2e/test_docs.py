"""OpenAPI and the page of the contract: what they say is what the server does."""

import ast
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from support.api import Api, Json
from support.server import ROOT, Server

ROUTES = {
    "/": {"get"},
    "/.well-known/oauth-protected-resource": {"get"},
    "/api/tasks": {"get", "post"},
    "/api/tasks/{id}": {"get", "patch", "delete"},
    "/api/tasks/{id}/execute": {"post"},
    "/api/tasks/{id}/status": {"get"},
    "/api/tasks/{id}/results": {"get"},
    "/api/tasks/{id}/estimate": {"post"},
    "/api/tasks/estimate": {"post"},
    "/api/workflows": {"get", "post"},
    "/api/workflows/check": {"post"},
    "/api/workflows/{id}": {"get", "patch", "delete"},
    "/api/workflows/{id}/execute": {"post"},
    "/api/workflows/{id}/status": {"get"},
    "/api/workflows/{id}/results": {"get"},
    "/api/workflow-runs": {"get"},
    "/api/workflow-runs/{id}": {"get"},
    "/api/workflow-runs/{id}/results": {"get"},
    "/api/workflow-runs/{id}/nodes/{node}": {"get"},
    "/api/workflow-runs/{id}/cancel": {"post"},
    "/api/workflow-runs/{id}/resume": {"post"},
    "/api/workflow-runs/{id}/events": {"get"},
    "/api/costs": {"get"},
    "/api/machines": {"get", "delete"},
    "/api/machines/leftovers": {"get"},
    "/api/tasks/execute": {"post"},
    "/tasks/execute": {"post"},
    "/api/me": {"get"},
    "/api/runs": {"get"},
    "/api/runs/{id}": {"get"},
    "/api/runs/{id}/results": {"get"},
    "/api/runs/{id}/logs": {"get"},
    "/api/runs/{id}/artifacts/{name}": {"get"},
    "/api/runs/{id}/cancel": {"post"},
    "/api/runs/{id}/events": {"get"},
    "/health/live": {"get"},
    "/health/ready": {"get"},
}
REMOTE = re.compile(r"""(url|fetch|import)\(\s*['"]?(https?:|//)|@import""")
CODE = "def calculate(inputs):\n    open('a.txt', 'w').write('a')\n    return 1 / inputs['x']"
UNKNOWN = "00000000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def openapi(server: Server) -> Json:
    """The document as served."""
    return server.api(None).read("/api/openapi.json")


def test_the_document_is_valid_openapi_3_1(openapi: Json) -> None:
    assert openapi["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(dict(openapi.items())).validate()


def test_every_route_of_the_contract_is_in_it(openapi: Json) -> None:
    about = {"/api/openapi.json", "/docs", "/docs/", "/docs/contract", "/docs/{name}"}
    served = {path: set(methods) for path, methods in openapi["paths"].items()}
    assert served == ROUTES | {path: {"get"} for path in about}


def test_every_reference_resolves(openapi: Json) -> None:
    references = list(find_references(openapi))
    assert references
    for reference in references:
        node: Any = openapi
        for part in reference.removeprefix("#/").split("/"):
            node = node[part.replace("~1", "/").replace("~0", "~")]


def test_every_operation_says_what_it_is_and_how_it_fails(openapi: Json) -> None:
    names = []
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            if method == "parameters":
                continue
            assert operation.get("summary") or operation.get("description"), (method, path)
            assert operation["responses"], (method, path)
            names.append(operation.get("operationId"))
    assert None not in names
    assert len(set(names)) == len(names)


def test_a_token_is_asked_for_where_it_is_needed(openapi: Json) -> None:
    schemes = openapi["components"]["securitySchemes"]
    assert any(one.get("scheme") == "bearer" for one in schemes.values())
    for path in ("/api/tasks", "/api/runs/{id}"):
        assert needs_token(openapi, path, "get"), path
    for path in ("/health/live", "/health/ready"):
        assert not needs_token(openapi, path, "get"), path


def needs_token(openapi: Json, path: str, method: str) -> bool:
    """Whether an operation, or the document for it, asks for a credential."""
    return bool(openapi["paths"][path][method].get("security", openapi.get("security", [])))


@pytest.fixture(scope="module")
def answers(api: Api) -> list[tuple[str, str, httpx.Response]]:
    """One answer at least of each main route, good and bad: method, path of the route, answer."""
    found: list[tuple[str, str, httpx.Response]] = []

    def ask(method: str, route: str, body: object = None, query: str = "", **ids: str) -> Json:
        path = route.format(**ids) + query
        response = api.http.request(method, path, json=body)
        found.append((method.lower(), route, response))
        return dict(response.json()) if "json" in response.headers["content-type"] else {}

    task = ask("POST", "/api/tasks", {"name": "a", "code": CODE, "inputs": {"x": 1}})
    ask("POST", "/api/tasks", {"name": 7})
    ask("POST", "/api/tasks", {"name": "a", "code": "def calculate(:"})
    ask("GET", "/api/tasks/{id}", id=task["id"])
    ask("GET", "/api/tasks/{id}", id=UNKNOWN)
    ask("PATCH", "/api/tasks/{id}", {"description": "new"}, id=task["id"])
    ask("GET", "/api/tasks/{id}/status", id=task["id"])  # it never ran
    ask("GET", "/api/tasks/{id}/results", id=task["id"])
    run = ask("POST", "/api/tasks/{id}/execute", {}, "?wait=30", id=task["id"])
    failed = ask("POST", "/api/tasks/{id}/execute", {"inputs": {"x": 0}}, "?wait=30", id=task["id"])
    accepted = ask("POST", "/api/tasks/{id}/execute", {}, id=task["id"])
    ask("POST", "/api/tasks/execute", {"code": CODE, "inputs": {"x": 2}})
    ask("POST", "/tasks/execute", {"code": CODE, "inputs": {"x": 2}}, "?wait=30")
    ask("GET", "/api/tasks/{id}/status", id=task["id"])
    ask("GET", "/api/tasks/{id}/results", id=task["id"])
    for one in (run, failed, accepted):
        ask("GET", "/api/runs/{id}", id=one["run_id"])
        ask("GET", "/api/runs/{id}/results", id=one["run_id"])
    ask("POST", "/api/runs/{id}/cancel", id=run["run_id"])
    ask("GET", "/api/tasks", query="?limit=2")
    ask("GET", "/api/runs", query="?limit=2")
    ask("GET", "/api/runs", query="?limit=0")
    ask("GET", "/api/me")
    ask("GET", "/.well-known/oauth-protected-resource")
    ask("GET", "/health/live")
    ask("GET", "/health/ready")
    return found


def test_every_answer_fits_its_schema(
    openapi: Json, answers: list[tuple[str, str, httpx.Response]]
) -> None:
    for method, route, response in answers:
        declared = openapi["paths"][route][method]["responses"]
        key = str(response.status_code)
        assert key in declared or "default" in declared, (method, route, key)
        content = resolve(openapi, declared.get(key, declared.get("default")))["content"]
        media = response.headers["content-type"].partition(";")[0]
        assert media in content, (method, route, key, media)
        schema = content[media]["schema"] | {"components": openapi["components"]}
        checker = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        found = checker.iter_errors(response.json())
        faults = [f"{fault.json_path}: {fault.message}" for fault in found]
        assert not faults, (method, route, key, faults, response.text)


def resolve(openapi: Json, node: Json) -> Json:
    """The node, or the component it refers to."""
    if "$ref" not in node:
        return node
    for part in node["$ref"].removeprefix("#/").split("/"):
        openapi = openapi[part]
    return openapi


def find_references(node: Any) -> list[str]:
    """Every $ref below a node."""
    if isinstance(node, dict):
        found = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return found + [one for value in node.values() for one in find_references(value)]
    if isinstance(node, list):
        return [one for value in node for one in find_references(value)]
    return []


class Page(HTMLParser):
    """What a page loads, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            wanted = {"script": "src", "img": "src", "link": "href", "iframe": "src"}.get(tag)
            if name == wanted and value is not None:
                self.loads.append(value)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_of_the_contract_loads_nothing_from_elsewhere(server: Server) -> None:
    api = server.api(None)
    response = api.get("/docs/contract")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    policy = response.headers["content-security-policy"].split("; ")
    for nobody in ("default-src", "base-uri", "form-action", "frame-ancestors"):
        assert f"{nobody} 'none'" in policy
    page = Page()
    page.feed(response.text)
    bodies = [("/docs/contract", response.text)]
    for url in page.loads:
        if url.startswith("data:"):
            continue
        full = urljoin(f"{server.url}/docs/contract", url)
        assert urlsplit(full).netloc == urlsplit(server.url).netloc, url
        loaded = api.get(full)
        assert loaded.status_code == 200, url
        bodies.append((url, loaded.text))
    for url, body in bodies:
        assert not REMOTE.search(body), url
    policy = response.headers.get("content-security-policy", "")
    assert "http:" not in policy
    assert "https:" not in policy


def test_the_bare_address_leads_to_the_documents(server: Server) -> None:
    response = server.api(None).get("/")
    assert response.status_code == 303
    assert response.headers["location"] == "/docs"
    assert response.content == b""


# What ends a program, or stays between its parts: no answer carries it.
NEVER_ANSWERED = {"forbidden", "sandbox", "usage"}


def test_only_what_can_be_answered_is_among_the_errors(server: Server, openapi: Json) -> None:
    served = set(openapi["components"]["schemas"]["Problem"]["properties"]["code"]["enum"])
    assert not served & NEVER_ANSWERED
    assert served >= answered_in_tests()
    table = (
        server.api(None)
        .get("/docs/contract")
        .text.partition('id="errors"')[2]
        .partition("</table>")[0]
    )
    assert set(re.findall(r"<td><code>(\w+)</code></td>", table)) == served


def answered_in_tests() -> set[str]:
    """The codes that tests through this door expect of a problem."""
    found: set[str] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "expect_problem"
                and isinstance(node.args[2], ast.Constant)
            ):
                found.add(str(node.args[2].value))
    return found


def test_the_page_of_the_contract_names_every_route_and_every_code(
    server: Server, openapi: Json
) -> None:
    text = server.api(None).get("/docs/contract").text
    for path in openapi["paths"]:
        assert f"<code>{path.replace('{name}', '{name...}')}</code>" in text, path
    schemas = openapi["components"]["schemas"]
    for shape in ("RunError", "Problem"):
        codes = schemas[shape]["properties"]["code"]["enum"]
        assert len(codes) > 10
        for code in codes:
            assert f"<td><code>{code}</code></td>" in text, code


def test_the_page_of_the_contract_shows_defaults_and_ceilings(
    own_server: Callable[..., Server],
) -> None:
    text = (
        own_server(limits_max_memory_mb=4096, limits_max_timeout_s=7)
        .api(None)
        .get("/docs/contract")
        .text
    )
    assert "<code>memory_mb</code></td><td>2048 MiB</td><td>4096 MiB</td>" in text
    assert "<code>timeout_s</code></td><td>7 s</td><td>7 s</td>" in text


def test_the_page_of_the_contract_names_every_type_of_the_encoding(server: Server) -> None:
    page = Page()
    page.feed(server.api(None).get("/docs/contract").text)
    source = (ROOT / "runtime/python/mecapy/_encoding.py").read_text()
    types = set(re.findall(r'"\$type": "(\w+)"', source))
    assert len(types) > 15
    for name in types:
        assert f'"{name}"' in page.text, name
    assert "24 h" in page.text
