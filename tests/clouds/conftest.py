"""Simulated clouds in the process of the tests, nothing booting on their machines."""

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("clouds", "support")

from clouds.client import OpenstackClient, ScalewayClient  # noqa: E402
from clouds.cloud import NoBoots  # noqa: E402
from clouds.simulate import open_clouds  # noqa: E402


@pytest.fixture
def scaleway() -> Iterator[ScalewayClient]:
    """A client of one that is empty."""
    opened = open_clouds(["scaleway"], 0.01, NoBoots())
    _, server = opened["scaleway"]
    client = ScalewayClient(server.url)
    yield client
    assert client.state()["crashes"] == []
    client.close()
    server.close()


@pytest.fixture
def openstack() -> Iterator[OpenstackClient]:
    """A client of one that is empty, with a token."""
    opened = open_clouds(["openstack"], 0.01, NoBoots())
    _, server = opened["openstack"]
    client = OpenstackClient(server.url)
    client.authenticate()
    yield client
    assert client.state()["crashes"] == []
    client.close()
    server.close()
