"""Fails on an #include that the table of rooms in ARCHITECTURE.md does not allow.

The table's rows read ``| `src/NAME` | what it holds | room room ... |``; ``nothing`` and
``anything`` are words of it. FOREIGN says which rooms alone may see a library.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| `src/(\w+)` \|[^|]*\| ([^|]+) \|$", re.MULTILINE)
INCLUDE = re.compile(r'^#include [<"]([^>"]+)[>"]', re.MULTILINE)
FOREIGN = {
    "boost/beast": {"net"},
    "curl/": {"net"},
    "cjose/": {"auth"},
    "hiredis/": {"redis"},
    "libpq-fe.h": {"store"},
    "prometheus/": {"metrics"},
    "pugixml": {"objects"},
    "soci/": {"store"},
    "sqlite3.h": {"store"},
    "seccomp.h": {"sandbox", "zygote"},
    "spdlog/": {"base"},
    "Python.h": {"zygote"},
    "CLI/": {"main"},
    "toml++": {"config", "cost"},
    "yaml-cpp/": {"cli"},
}


def allowed_rooms() -> dict[str, set[str] | None]:
    """Return for each room those it may include; None means any."""
    table: dict[str, set[str] | None] = {}
    for name, words in ROW.findall((ROOT / "ARCHITECTURE.md").read_text()):
        rooms = set(words.replace("`", "").split())
        table[name] = None if "anything" in rooms else rooms - {"nothing"}
    return table


def complaints() -> list[str]:
    """Return one line for each include that is not allowed."""
    table = allowed_rooms()
    found: list[str] = []
    for path in sorted((ROOT / "src").rglob("*.[ch]*")):
        room = path.relative_to(ROOT / "src").parts[0]
        if room not in table:
            found.append(f"{path.relative_to(ROOT)}: room src/{room} has no row in ARCHITECTURE.md")
            continue
        rooms = table[room]
        for header in INCLUDE.findall(path.read_text()):
            other = header.split("/")[0]
            if rooms is not None and other in table and other not in rooms | {room}:
                found.append(f"{path.relative_to(ROOT)}: {room} may not include {header}")
            for prefix, owners in FOREIGN.items():
                if header.startswith(prefix) and room not in owners:
                    names = ", ".join(sorted(owners))
                    found.append(f"{path.relative_to(ROOT)}: {header} is for {names} only")
    return found


if __name__ == "__main__":
    lines = complaints()
    print("\n".join(lines), file=sys.stderr, end="\n" if lines else "")
    sys.exit(1 if lines else 0)
