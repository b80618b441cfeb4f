"""One server for each class of attacks: for each test file."""

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("security", "support")

from security.stage import Stage  # noqa: E402
from support.server import Server  # noqa: E402


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A server for this class of attacks alone; at its end the template is as before."""
    server = Server()
    try:
        opened = Stage(server.start())
        yield opened
        opened.expect_same_template()
    finally:
        server.remove()
