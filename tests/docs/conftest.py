"""What the tests of the documents share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.building import build_site
from support import services
from support.server import ROOT, Server
from support.services import Managed
from support.slurm import Cluster


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server, for pages that start none."""
    shared = Server()
    try:
        yield shared.start()
    finally:
        shared.remove()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it; it is built in strict mode."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = build_site(ROOT, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def managed() -> Iterator[Managed]:
    """Services that belong to one page."""
    own = Managed()
    yield own
    own.remove()


@pytest.fixture(scope="session")
def keycloak() -> None:
    """Keycloak runs."""
    services.start("keycloak")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A Slurm cluster that belongs to one page."""
    own = Cluster()
    try:
        yield own
    finally:
        own.stop()
