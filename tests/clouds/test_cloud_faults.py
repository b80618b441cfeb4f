"""Each fault of the table, played: what it does, and what it says."""

import contextlib
from collections.abc import Callable
from typing import NoReturn

import httpx
import pytest

from clouds.client import OpenstackClient, ScalewayClient
from clouds.cloud import NoBoots
from clouds.fault_table import TABLE, Fault, Kind
from clouds.scaleway_things import NO_STOCK_STATUSES
from clouds.simulate import open_clouds
from support.waiting import wait_until

# What each fault answers: one of these statuses, and what is in its body; None: no answer at all.
SAID: dict[str, tuple[tuple[int, ...], str] | None] = {
    "busy_empty": ((429,), ""),
    "busy": ((429,), "oo many requests"),
    "bad_gateway": ((502,), "<html>"),
    "error": ((500,), "rror"),
    "cut": None,
    "silent": None,
    "transient": ((409,), "n"),
    "out_of_stock": (NO_STOCK_STATUSES, '"type": "out_of_stock"'),
    "quota": ((403,), "uota"),
    "quota_legacy": ((403,), "Quota exceeded for this resource."),
    "forbidden": ((403,), "er"),
    "expired": ((401,), "requires authentication"),
    "slow": ((201, 202), '"server"'),
}
BOTH = [
    (fault, api)
    for fault in TABLE
    for api in fault.apis
    if fault.kind in (Kind.INSTEAD, Kind.AFTER)
]


def create(client: ScalewayClient | OpenstackClient) -> Callable[[], httpx.Response]:
    """The call that the faults of this file befall, ready to be made."""
    if isinstance(client, OpenstackClient):
        return client.create
    address = client.address()
    asked = client.asked(address)
    return lambda: client.ask("POST", client.instances + "/servers", asked)


@pytest.mark.parametrize(
    ("fault", "api"), BOTH, ids=lambda value: value.name if isinstance(value, Fault) else value
)
def test_a_fault_of_a_call(
    fault: Fault, api: str, scaleway: ScalewayClient, openstack: OpenstackClient
) -> None:
    client = scaleway if api == "scaleway" else openstack
    call = create(client)
    client.control("patience", slow_s=0.01, silent_s=0.01)
    on = "create" if "create" in fault.on else fault.on[0]
    client.fault(fault.name, on=on)
    answer = None
    with contextlib.suppress(httpx.TransportError):
        answer = call()
    assert client.left()["servers"] == (1 if fault.kind is Kind.AFTER else 0)
    said = SAID[fault.name.removeprefix("made_")]
    if said is None:
        assert answer is None
    else:
        assert answer is not None
        assert answer.status_code in said[0]
        assert said[1] in answer.text
        assert bool(said[1]) == bool(answer.content)
    assert client.state()["played"] == {fault.name: 1}
    assert call().is_success or fault.kind is Kind.AFTER  # once, and no more


def test_every_fault_that_speaks_has_its_words_here() -> None:
    calls = {fault.name.removeprefix("made_") for fault, _ in BOTH}
    assert calls == SAID.keys()


def test_a_lost_end_says_that_it_is_done(scaleway: ScalewayClient) -> None:
    server, volume, address = scaleway.running()
    scaleway.fault("lost", on="terminate")
    assert scaleway.act(server, "terminate").status_code == 202
    assert scaleway.state_of(server)[0] == "running"
    scaleway.act(server, "terminate")
    scaleway.await_state(server, "")
    free = lambda: scaleway.volume("GET", volume).json()["status"] == "available"  # noqa: E731
    wait_until("the volume is let go", free)
    for on in ("delete_volume", "delete_address"):
        scaleway.fault("lost", on=on)
    assert scaleway.volume("DELETE", volume).status_code == 204
    path = f"{scaleway.instances}/ips/{address}"
    assert scaleway.ask("DELETE", path).status_code == 204
    assert scaleway.left() == {"servers": 0, "volumes": 1, "addresses": 1}
    scaleway.clear_volume(volume)
    scaleway.ask("DELETE", path)
    assert scaleway.left() == {"servers": 0, "volumes": 0, "addresses": 0}


def test_a_lost_delete_of_openstack(openstack: OpenstackClient) -> None:
    server = openstack.create().json()["server"]["id"]
    openstack.await_status(server, "ACTIVE")
    openstack.fault("lost", on="delete")
    assert openstack.delete(server).status_code == 204
    assert openstack.status_of(server) == "ACTIVE"
    openstack.delete(server)
    openstack.await_status(server, "")


def test_a_machine_that_fails(scaleway: ScalewayClient, openstack: OpenstackClient) -> None:
    scaleway.fault("fails")
    server = scaleway.create(scaleway.address()).json()["server"]["id"]
    scaleway.set_cloud_init(server)
    scaleway.act(server, "poweron")
    scaleway.await_state(server, "stopped")
    openstack.fault("fails")
    other = openstack.create().json()["server"]["id"]
    openstack.await_status(other, "ERROR")


def test_an_order_befalls_what_it_names_and_when(scaleway: ScalewayClient) -> None:
    scaleway.control("faults", orders=["busy_empty:list:2:1", {"fault": "error", "on": "get"}])
    path = scaleway.instances + "/servers"
    assert [scaleway.ask("GET", path).status_code for _ in range(4)] == [200, 429, 429, 200]
    assert scaleway.get("00000000-0000-4000-8000-000000000000").status_code == 500
    for wrong in ("moon", "quota:get", {"fault": "error", "when": 1}):
        answer = scaleway.http.post("/_control/faults", json={"orders": [wrong]})
        assert answer.status_code == 400


def test_a_cloud_that_is_down_comes_back(scaleway: ScalewayClient) -> None:
    path = scaleway.instances + "/servers"
    scaleway.control("down", seconds=60)
    seen = set()
    for _ in range(2):
        try:
            seen.add(scaleway.ask("GET", path).status_code)
        except httpx.TransportError:
            seen.add(0)
    assert seen == {0, 503}
    scaleway.control("calm")
    assert scaleway.ask("GET", path).status_code == 200


def test_what_is_made_late_is_made_when_nobody_waits(scaleway: ScalewayClient) -> None:
    call = create(scaleway)
    scaleway.control("patience", late_s=0.2)
    scaleway.fault("made_late")
    with pytest.raises(httpx.TransportError):
        call()
    assert scaleway.state()["pending"] == 1
    assert scaleway.left()["servers"] == 0
    wait_until("it is made", lambda: scaleway.left()["servers"] == 1)
    assert scaleway.state()["pending"] == 0


class _Broken(NoBoots):
    def start(self, *_: object) -> NoReturn:
        raise RuntimeError("no machine room")


def test_a_simulator_that_fails_says_so_and_goes_on() -> None:
    opened = open_clouds(["openstack"], 0.01, _Broken())
    cloud, server = opened["openstack"]
    client = OpenstackClient(server.url)
    client.authenticate()
    client.create()
    wait_until("it is noted", lambda: len(client.state()["crashes"]) == 1)
    assert "no machine room" in client.state()["crashes"][0]
    cloud.quota = None  # type: ignore[assignment]  # no number to compare with
    assert client.create().status_code == 500
    assert len(client.state()["crashes"]) == 2
    assert cloud.requests[-1]["operation"] == "create"
    cloud.quota = 10
    assert client.create().is_success
    client.close()
    server.close()
