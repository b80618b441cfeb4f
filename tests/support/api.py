"""A thin client of the HTTP contract: it sends what a test says and checks only the status."""

import json
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

import httpx

from support.sse import Event, read_events

Json = dict[str, Any]


class Api:
    """One user's connection to one server."""

    def __init__(self, url: str, token: str | None) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(
            base_url=url, headers=headers, timeout=httpx.Timeout(45), trust_env=False
        )

    def __enter__(self) -> "Api":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self.http.close()

    def get(self, path: str, **options: Any) -> httpx.Response:
        """GET, whatever the answer."""
        return self.http.get(path, **options)

    def post(self, path: str, body: object = None, **options: Any) -> httpx.Response:
        """POST of a JSON body, whatever the answer."""
        return self.http.post(path, json={} if body is None else body, **options)

    def send(self, path: str, raw: bytes, **headers: str) -> httpx.Response:
        """POST of bytes as they are, declared as JSON."""
        return self.http.post(
            path, content=raw, headers={"Content-Type": "application/json"} | headers
        )

    def read(self, path: str) -> Json:
        """GET that must succeed."""
        return expect(self.get(path), 200)

    def create(self, code: str, inputs: Json | None = None, **fields: object) -> Json:
        """A new task."""
        body: Json = {"name": "e2e", "code": code} | fields
        if inputs is not None:
            body["inputs"] = inputs
        return expect(self.post("/api/tasks", body), 201)

    def start(self, task_id: str, inputs: Json | None = None, **options: Any) -> str:
        """Execute a task without waiting; the run's id."""
        body = {} if inputs is None else {"inputs": inputs}
        accepted = expect(self.post(f"/api/tasks/{task_id}/execute", body, **options), 202)
        return str(accepted["run_id"])

    def execute(self, task_id: str, inputs: Json | None = None, wait_s: float = 30) -> Json:
        """Execute a task and wait for its end; the whole run."""
        body = {} if inputs is None else {"inputs": inputs}
        return expect(self.post(f"/api/tasks/{task_id}/execute?wait={wait_s:g}", body), 200)

    def calculate(
        self, code: str, inputs: Json | None = None, limits: Mapping[str, float] | None = None
    ) -> Json:
        """Create a task, execute it, wait for its end; the whole run."""
        fields = {} if limits is None else {"limits": limits}
        return self.execute(str(self.create(code, inputs, **fields)["id"]))

    def run(self, run_id: str) -> Json:
        """The run as it is now."""
        return self.read(f"/api/runs/{run_id}")

    def log(self, run_id: str) -> str:
        """What the run printed."""
        response = self.get(f"/api/runs/{run_id}/logs")
        assert response.status_code == 200, response.text
        return response.text

    def events(self, run_id: str, after: str | None = None) -> Iterator[Event]:
        """The run's events until the server ends the stream."""
        headers = {} if after is None else {"Last-Event-ID": after}
        with self.http.stream("GET", f"/api/runs/{run_id}/events", headers=headers) as response:
            assert response.status_code == 200, response.read()
            assert response.headers["content-type"].startswith("text/event-stream")
            yield from read_events(response.iter_lines())

    def end(self, run_id: str) -> Json:
        """Wait for the run's end (its events end then); the run."""
        for _ in self.events(run_id):
            pass
        run = self.run(run_id)
        assert run["status"] in ("completed", "failed", "cancelled"), run
        return run

    def wait_for_log(self, run_id: str, text: str) -> None:
        """Wait until the run has printed `text`."""
        seen = ""
        for event in self.events(run_id):
            if event.kind == "log":
                seen += event.data["text"]
            if text in seen:
                return
        raise AssertionError(f"the run ended without printing {text!r}: {self.run(run_id)}")

    def cancel(self, run_id: str) -> httpx.Response:
        """Ask to stop a run."""
        return self.post(f"/api/runs/{run_id}/cancel")

    def pages(self, path: str, limit: int) -> Iterator[list[Json]]:
        """The pages of a list."""
        mark = "&" if "?" in path else "?"
        cursor = ""
        while True:
            page = self.read(f"{path}{mark}limit={limit}{cursor}")
            yield page["items"]
            if "next" not in page:
                return
            cursor = f"&cursor={page['next']}"


def expect(response: httpx.Response, status: int) -> Json:
    """The JSON object of an answer that must have this status."""
    assert response.status_code == status, f"{response.status_code}: {response.text}"
    body = json.loads(response.content)
    assert isinstance(body, dict)
    return body


# Every answer that blames the request says where in it.
POINTED = {400, 401, 404, 405, 408, 413, 415, 422, 431}


def expect_problem(
    response: httpx.Response, status: int, code: str, pointer: str | None = None
) -> Json:
    """The problem of an answer that must be one, with this code and a field error at `pointer`."""
    assert response.status_code == status, f"{response.status_code}: {response.text}"
    assert response.headers["content-type"] == "application/problem+json"
    problem = expect(response, status)
    assert problem["code"] == code, problem
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["title"]
    assert problem["detail"]
    if status in POINTED:
        assert problem.get("errors"), problem
    if pointer is not None:
        assert pointer in [e["pointer"] for e in problem.get("errors", [])], problem
    return problem


def detail_at(problem: Json, pointer: str) -> str:
    """What is wrong with the field at `pointer`."""
    return str(next(e["detail"] for e in problem["errors"] if e["pointer"] == pointer))
