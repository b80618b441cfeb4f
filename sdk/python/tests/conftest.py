"""A real server, and clients of it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.server import DEV_TOKEN, Server

from mecapy import MecaPy


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server, with default settings."""
    shared = Server()
    try:
        yield shared.start()
    finally:
        shared.remove()


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[MecaPy]:
    """The embedded user's client."""
    with MecaPy(token=DEV_TOKEN, base_url=server.url) as one:
        yield one


@pytest.fixture(autouse=True)
def nobody_is_logged_in(monkeypatch: pytest.MonkeyPatch, tmp_path_factory) -> None:
    """No login, address or token of who runs the tests."""
    for name in ("MECAPY_URL", "MECAPY_TOKEN", "MECAPY_CA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))


@pytest.fixture(scope="session")
def child(server: Server) -> dict[str, str]:
    """The environment of a program that uses the package as it is here, at the server."""
    source = str(Path(__file__).resolve().parents[1] / "src")
    own = {"MECAPY_URL": server.url, "MECAPY_TOKEN": DEV_TOKEN, "PYTHONPATH": source}
    return {**os.environ, **own}
