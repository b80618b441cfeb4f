"""tools/services.sh, by which tests and people start the services."""

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.services import Services


@pytest.fixture
def own() -> Iterator[Services]:
    """Services of this test's own; none runs yet."""
    folder = Path(tempfile.mkdtemp(prefix="mecapy-e2e-", dir="/tmp"))
    folder.chmod(0o755)  # PostgreSQL has a user of its own
    services = Services(folder)
    try:
        yield services
    finally:
        services.stop()
        shutil.rmtree(folder)


def test_who_starts_what_another_is_starting_has_it_ready(own: Services) -> None:
    def start_and_ask(_: int) -> tuple[list[str], str]:
        return own.start("postgres"), own.sql("SELECT 'there'")

    with ThreadPoolExecutor() as pool:
        one, two = pool.map(start_and_ask, range(2))
    assert one == two
    assert one[1] == "there"
