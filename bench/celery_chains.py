"""Chains of Celery's: `celery_chains.py LENGTH CHAINS`, JSON on stdout.

A chain is submitted, and its last result waited for with `get`. The first one, by which connections
are made, does not count.
"""

import json
import sys
import time

from celery import chain
from celery_app import step


def main() -> None:
    """Run them one after another and tell the milliseconds of each."""
    length, chains = int(sys.argv[1]), int(sys.argv[2])
    found = []
    for number in range(chains + 1):
        begin = time.perf_counter()
        result = chain(step.s(number), *[step.s() for _ in range(length - 1)]).delay().get(60)
        found.append((time.perf_counter() - begin) * 1e3)
        if result != number + length:
            raise RuntimeError(f"Celery answered {result!r}")
    json.dump(found[1:], sys.stdout)


if __name__ == "__main__":
    main()
