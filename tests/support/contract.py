"""What the program says of its own tables: `mecapy contract`."""

import functools
import json
from typing import Any

from support.server import run_mecapy


@functools.cache
def contract() -> dict[str, Any]:
    """Routes, outcomes, errors and limits."""
    return dict(json.loads(run_mecapy("contract").stdout))


def outcomes(fault: str | None = None) -> set[str]:
    """The codes that a failed run may have; those of one party's fault when it is named."""
    return {
        str(row["code"]) for row in contract()["outcomes"] if fault in (None, str(row["fault"]))
    }
