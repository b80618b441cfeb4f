"""Server-sent events from pieces of bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from mecapy import _errors as errors

Json = dict[str, Any]

_LONGEST = 4 << 20  # bytes of one event; the server's are 64 KiB of log at most
_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")  # a CR at the end may be half of a CR LF


class EventReader:
    """Events as the HTML standard writes them (server-sent events, 9.2.6)."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._id = self._name = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[tuple[str, str, Json]]:
        """Id, name and JSON of each event that is whole now; an id holds until the next one.

        Raises
        ------
        PlatformError
            An event is longer than any of the server's.
        ValueError
            What came is no UTF-8, or its data no JSON.
        """
        self._rest += piece
        if piece.find(b"\n") >= 0 or piece.find(b"\r") >= 0:
            *lines, rest = _LINE_END.split(self._rest)
            self._rest = bytearray(rest)
            for line in lines:
                if line:
                    self._take(line.decode())
                    continue
                if self._data:
                    yield self._id, self._name, json.loads("\n".join(self._data))
                self._name, self._data, self._size = "", [], 0
        if self._size + len(self._rest) > _LONGEST:
            raise errors.PlatformError("the server sent an event that is too long")

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._size += len(value)
        elif name == "id" and value.isascii() and value.isprintable():  # it goes into a header
            self._id = value
        elif name == "event":
            self._name = value
