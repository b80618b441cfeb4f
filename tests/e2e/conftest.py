"""The server most tests share, its users, and the order of the files: quick ones first."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.api import Api
from support.person import Person
from support.server import Server
from support.services import Managed

# Files that are not named here come before those that are: these take seconds each.
SLOW_LAST = (
    "test_cli",
    "test_cli_run",
    "test_cli_token",
    "test_cli_remote",
    "test_cli_tasks",
    "test_cli_runs",
    "test_cli_workflows",
    "test_cli_files",
    "test_cli_terminal",
    "test_cli_hostile",
    "test_cli_completion",
    "test_cli_doctor",
    "test_privileges",
    "test_platform_outcomes",
    "test_drain",
    "test_slow_clients",
    "test_services",
    "test_redis_user",
    "test_moving_to_services",
    "test_cache",
    "test_backends",
    "test_serverless",
    "test_readiness",
    "test_oidc",
    "test_cli_login",
    "test_durability",
    "test_workflow_durability",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow files last; within a file the order stays."""

    def place(item: pytest.Item) -> int:
        name = Path(str(item.path)).stem
        return SLOW_LAST.index(name) + 1 if name in SLOW_LAST else 0

    items.sort(key=place)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server with default settings; tests leave it as they found it: running."""
    shared = Server()
    try:
        yield shared.start()
    finally:
        shared.remove()


@pytest.fixture(scope="session")
def api(server: Server) -> Api:
    """The embedded user."""
    return server.api()


@pytest.fixture
def new_user(server: Server) -> Callable[[str], Api]:
    """Makes further users; a name makes the user once, so choose one per test."""
    return lambda name: server.api(server.add_user(name))


@pytest.fixture(scope="module")
def managed() -> Iterator[Managed]:
    """Services of a module's own."""
    own = Managed()
    yield own
    own.remove()


@pytest.fixture(scope="module")
def pair(managed: Managed) -> Iterator[tuple[Server, Server]]:
    """Two servers on them."""
    servers = [Server(**managed.settings, dispatcher_lease_s=2) for _ in range(2)]
    try:
        yield servers[0].start(), servers[1].start()
    finally:
        for server in servers:
            server.remove()


@pytest.fixture
def own_server() -> Iterator[Callable[..., Server]]:
    """Makes servers with settings of their own, started, removed after the test."""
    made: list[Server] = []

    def make(**settings: object) -> Server:
        made.append(Server(**settings))
        return made[-1].start()

    yield make
    for one in made:
        one.remove()


@pytest.fixture
def person(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Person:
    """A user of the shared server who has a token in the environment, and nobody's runs."""
    name = "cli-" + "".join(c for c in request.node.name[:50] if c.isalnum())
    return Person(tmp_path, server.url, server.add_user(name))


@pytest.fixture
def there(person: Person, server: Server) -> Api:
    """The same user over HTTP."""
    return server.api(person.settings["MECAPY_TOKEN"])


BOLT = """
def calculate(inputs):
    import numpy as np
    print('a line of the log')
    return {'stress': inputs['force'] / inputs['section']}
"""


@pytest.fixture
def bolt(tmp_path: Path) -> Path:
    """The seed's calculation as a file."""
    path = tmp_path / "bolt.py"
    path.write_text(BOLT)
    return path


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are closed."""
    path = Path(tempfile.mkdtemp(prefix="mecapy-e2e-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)
