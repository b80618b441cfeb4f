"""Tells the front which package is being imported: a limit met meanwhile can then name it."""

from __future__ import annotations

import importlib
from typing import Any

from mecapy._channel import Channel

_LONGEST_NAME = 64  # src/sandbox/channel.cc


def tell(channel: Channel) -> None:
    """Say over `channel` when an import that is not done yet begins and ends.

    Only the outermost is told: what `import pandas` imports belongs to pandas. The wrapped function
    is what CPython's `import` calls when a module is not loaded yet (Python/import.c).
    """
    bootstrap: Any = importlib._bootstrap
    find_and_load = bootstrap._find_and_load
    under_way = False

    def told(name: str, import_: Any) -> Any:
        nonlocal under_way
        if under_way:
            return find_and_load(name, import_)
        under_way = True
        package = name.partition(".")[0]
        if package.isascii() and len(package) <= _LONGEST_NAME:
            channel.send(b"I", package.encode(), droppable=True)
        try:
            return find_and_load(name, import_)
        finally:
            under_way = False
            channel.send(b"I", droppable=True)

    # Python leaves frames of this file out of what it shows of a failed import.
    told.__code__ = told.__code__.replace(co_filename="<frozen importlib._bootstrap>")
    bootstrap._find_and_load = told
