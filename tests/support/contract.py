"""What the program says of its own tables: `mecapy contract`."""

import functools
import json
from typing import Any

from support.server import run_mecapy


@functools.cache
def contract() -> dict[str, Any]:
    """Routes, outcomes, errors and limits."""
    return dict(json.loads(run_mecapy("contract").stdout))


def outcomes() -> set[str]:
    """The codes that a failed run may have."""
    return {str(row["code"]) for row in contract()["outcomes"]}
