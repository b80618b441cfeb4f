"""Server-sent events, as the WHATWG specification has them read."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """One event; `data` is its JSON."""

    id: str
    kind: str
    data: Any


def read_events(lines: Iterable[str]) -> Iterator[Event]:
    """The events in a stream's lines. Comments (keep-alives) are left out."""
    fields: dict[str, list[str]] = {}
    for line in lines:
        if line == "":
            if "data" in fields:
                yield _event(fields)
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
    assert not fields, f"the stream ended within an event: {fields}"


def _event(fields: dict[str, list[str]]) -> Event:
    assert len(fields.get("id", [])) == 1, f"an event has exactly one id: {fields}"
    data = json.loads("\n".join(fields["data"]))
    return Event(fields["id"][0], fields.get("event", ["message"])[0], data)
