"""What the tests of the documents share."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.server import ROOT, Server, binary


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
    command = [str(ROOT / "build/docs-venv/bin/mkdocs"), "build", "-q", "-d", str(folder)]
    own = {"MECAPY_BINARY": str(binary()), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | own, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
