"""The peer: what one would do without MecaPy, a fresh `python -c` for each calculation."""

import json
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

PROGRAM = """
import json, sys
inputs = json.loads(sys.argv[2])
namespace = {}
exec(sys.argv[1], namespace)
print(json.dumps(namespace['calculate'](inputs)))
"""


def measure_fresh_python(
    python: Path, code: str, inputs: dict[str, Any], expected: dict[str, Any], times: int
) -> dict[str, float]:
    """Milliseconds from starting the interpreter to having its result, warm caches."""
    command = [str(python), "-c", PROGRAM, code, json.dumps(inputs)]
    found = []
    for _ in range(times + 2):
        begin = time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60)
        found.append((time.perf_counter() - begin) * 1e3)
        if json.loads(done.stdout) != expected:
            raise RuntimeError(f"the fresh python answered {done.stdout!r}")
    found = found[2:]  # the first two fill the file cache
    return {"p50": round(statistics.median(found), 1), "min": round(min(found), 1)}
