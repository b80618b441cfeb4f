"""One house for all faults, and the count of what was judged."""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("faults", "support")

from faults.house import House  # noqa: E402


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    """Two servers on services of their own."""
    seed = int(os.environ.get("MECAPY_E2E_SEED") or time.time_ns() % 2**32)
    own = House(random.Random(seed), f"seed {seed} (repeat with MECAPY_E2E_SEED={seed})")
    yield own
    own.remove()


@pytest.fixture(scope="session")
def tally() -> Counter[str]:
    """Runs judged, by fault."""
    return Counter()
