"""A workflow walked by hand, without a server: each node's file as plain Python, here and now.

As a program it reads ``{"folder", "definition", "inputs"}`` from standard input, and writes
``{"outputs", "states"}``; what the nodes print goes to standard error. It needs nothing of the
tests, so the Python that calculations have can run it.
"""

import contextlib
import copy
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Calculate = Callable[[dict[str, Any]], Any]

SKIPPED = object()


def at_pointer(value: Any, pointer: str) -> Any:
    """The value at an RFC 6901 pointer."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def load(path: Path) -> Calculate:
    """`calculate` of a file."""
    spec = importlib.util.spec_from_file_location(f"step_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    calculate: Calculate = module.calculate
    return calculate


def sources(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All that a node takes its values from."""
    yield from node.get("inputs", {}).values()
    for member in ("for_each", "when"):
        if member in node:
            yield node[member]


def needs(node: dict[str, Any]) -> set[str]:
    """The nodes whose results a node takes."""
    return {source["node"] for source in sources(node) if "node" in source}


def order(nodes: dict[str, Any]) -> list[str]:
    """The names of nodes, each behind those that it needs."""
    placed: list[str] = []
    while len(placed) < len(nodes):
        ready = [n for n in nodes if n not in placed and needs(nodes[n]) <= set(placed)]
        assert ready, f"these wait for one another, or for what is not there: {set(nodes)}"
        placed += ready
    return placed


class Walk:
    """One run of a workflow."""

    def __init__(self, folder: Path, definition: dict[str, Any], inputs: dict[str, Any]) -> None:
        self.folder = folder
        self.nodes: dict[str, Any] = definition["nodes"]
        self.results: dict[str, Any] = {}
        declared: dict[str, Any] = definition.get("inputs", {})
        assert set(inputs) <= set(declared), f"not declared: {set(inputs) - set(declared)}"
        self.inputs = {
            name: inputs[name] if name in inputs else told["default"]
            for name, told in declared.items()
        }
        for name in order(self.nodes):
            self.results[name] = self.node(self.nodes[name])
        self.outputs = {
            name: self.value(source)
            for name, source in definition.get("outputs", {}).items()
            if self.results.get(source.get("node")) is not SKIPPED
        }
        self.states = {
            name: "skipped" if result is SKIPPED else "completed"
            for name, result in self.results.items()
        }

    def value(self, source: dict[str, Any], element: Any = None) -> Any:
        """What a source stands for; a copy, as a node's own process would have it."""
        if "value" in source:
            return copy.deepcopy(source["value"])
        if "element" in source:
            return copy.deepcopy(at_pointer(element, source["element"]))
        at = source.get("at", "")
        if "input" in source:
            return copy.deepcopy(at_pointer(self.inputs[source["input"]], at))
        held = self.results[source["node"]]
        if "for_each" in self.nodes[source["node"]]:  # into that of each element
            return [copy.deepcopy(at_pointer(result, at)) for result in held]
        return copy.deepcopy(at_pointer(held, at))

    def node(self, node: dict[str, Any]) -> Any:
        """A node's result."""
        if any(self.results[name] is SKIPPED for name in needs(node)):
            return SKIPPED
        if "when" in node:
            wanted = self.value(node["when"])
            assert isinstance(wanted, bool)
            if not wanted:
                return SKIPPED
        calculate = load(self.folder / node["task"])
        if "for_each" not in node:
            return self.call(node, calculate, None)
        results = [self.call(node, calculate, element) for element in self.value(node["for_each"])]
        return [result for result in results if result is not SKIPPED]

    def call(self, node: dict[str, Any], calculate: Calculate, element: Any) -> Any:
        """The result of one run, or what stands in its place."""
        given = {k: self.value(source, element) for k, source in node.get("inputs", {}).items()}
        try:
            # Through JSON, as between two processes: what cannot be written is an error here too.
            return json.loads(json.dumps(calculate(given), allow_nan=False))
        except Exception:
            if node.get("on_error", "fail") == "fail":
                raise
            return node["default"] if node["on_error"] == "default" else SKIPPED


def main() -> None:
    given = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        walk = Walk(Path(given["folder"]), given["definition"], given["inputs"])
    json.dump({"outputs": walk.outputs, "states": walk.states}, sys.stdout)


if __name__ == "__main__":
    main()
