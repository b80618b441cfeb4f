"""The seed's first calculation through HTTP, told stage by stage.

Usage: demo.py URL TOKEN
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

TASK = {
    "name": "Calcul contrainte vis",
    "code": """
def calculate(inputs):
    import numpy as np
    force = inputs['force']
    section = inputs['section']
    return {'stress': force / section}
""",
    "inputs": {"force": 1000, "section": 10},
}


class Client:
    """One keep-alive connection with a token."""

    def __init__(self, url: str, token: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def post(self, path: str, body: object) -> tuple[dict[str, Any], float]:
        """Return the answer and the round trip in milliseconds."""
        start = time.perf_counter()
        self._connection.request("POST", path, json.dumps(body), self._headers)
        response = self._connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        elapsed = (time.perf_counter() - start) * 1e3
        if response.status >= 400:
            sys.exit(f"{path}: {response.status} {answer}")
        return answer, elapsed


def moment(text: str) -> float:
    """Return an RFC 3339 time as milliseconds."""
    return datetime.fromisoformat(text).timestamp() * 1e3


def plain(value: object) -> object:
    """Return whole floats as integers, as a person writes them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def main(url: str, token: str) -> None:
    """Create the task, execute it twice, print the result and the stages of the second run."""
    client = Client(url, token)
    task, create_ms = client.post("/api/tasks", TASK)
    print(f'==> task {task["id"]} "{task["name"]}" kept, its code checked: {create_ms:.1f} ms')
    _, first_ms = client.post(f"/api/tasks/{task['id']}/execute?wait=60", {})
    print(f"==> executed once: {first_ms:.1f} ms; and once more, now that all is warm:")
    run, total_ms = client.post(f"/api/tasks/{task['id']}/execute?wait=60", {})
    if run["status"] != "completed":
        sys.exit(f"the run ended as {run['status']}: {run.get('error')}")
    usage = run["usage"]
    waited = moment(run["started_at"]) - moment(run["queued_at"])
    held = moment(run["finished_at"]) - moment(run["started_at"])
    stages = [
        ("accepted, kept and claimed by the dispatcher", waited),
        ("sandbox made (namespaces, limits, filters)", usage["setup_ms"]),
        ("job read, calculate(inputs), process gone", usage["wall_ms"]),
        ("evidence read, end recorded", held - usage["setup_ms"] - usage["wall_ms"]),
        ("HTTP and the rest", total_ms - waited - held),
    ]
    print(f"==> run {run['id']} {run['status']}")
    for name, cost in stages:
        print(f"    {name:<48}{cost:8.1f} ms")
    print(f"    {'request to result':<48}{total_ms:8.1f} ms")
    print(json.dumps(plain(run["result"])))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
