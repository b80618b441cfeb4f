"""The simulators answer as the facts have it, and note what the facts do not allow."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clouds import openstack_things, scaleway_things
from clouds.client import OpenstackClient, ScalewayClient, refused
from support.waiting import wait_until

NOTHING = {"servers": 0, "volumes": 0, "addresses": 0}
FAR = "00000000-0000-4000-8000-000000000000"


# ---- Scaleway


def test_scaleway_walks_through_the_sequence(scaleway: ScalewayClient) -> None:
    address = scaleway.address("mecapy", "machine=1")
    made = scaleway.create(address)
    assert made.status_code == 201
    server = made.json()["server"]
    assert (server["state"], server["tags"]) == ("stopped", ["mecapy", "machine=1"])
    assert [one["id"] for one in server["public_ips"]] == [address]
    volume = server["volumes"]["0"]["id"]
    assert scaleway.set_cloud_init(server["id"]).status_code == 204
    scaleway.control("hold", held=True)
    asked = scaleway.act(server["id"], "poweron")
    assert (asked.status_code, asked.json()["task"]["status"]) == (202, "pending")
    assert scaleway.state_of(server["id"]) == ("starting", "allocating node")
    scaleway.control("hold", held=False)
    scaleway.await_state(server["id"], "running")
    assert scaleway.state_of(server["id"]) == ("running", "booting kernel")
    assert scaleway.volume("GET", volume).json()["status"] == "in_use"
    scaleway.control("hold", held=True)
    assert scaleway.act(server["id"], "terminate").status_code == 202
    assert scaleway.state_of(server["id"]) == ("stopping", "terminating")
    scaleway.control("hold", held=False)
    scaleway.await_state(server["id"], "")
    assert scaleway.left() == {"servers": 0, "volumes": 1, "addresses": 1}
    scaleway.clear_volume(volume)
    assert scaleway.ask("DELETE", f"{scaleway.instances}/ips/{address}").status_code == 204
    assert scaleway.left() == NOTHING
    assert scaleway.state()["violations"] == []


def test_only_a_running_server_is_terminated_and_only_a_stopped_one_deleted(
    scaleway: ScalewayClient,
) -> None:
    server = scaleway.create(scaleway.address()).json()["server"]["id"]
    path = f"{scaleway.instances}/servers/{server}"
    refused(scaleway.act(server, "terminate"), 400, type="invalid_arguments")
    scaleway.set_cloud_init(server)
    scaleway.act(server, "poweron")
    refused(
        scaleway.act(server, "terminate"), 409, type="transient_state", current_state="starting"
    )
    scaleway.await_state(server, "running")
    refused(scaleway.ask("DELETE", path), 400, type="invalid_request_error")
    refused(scaleway.act(server, "poweron"), 400, type="invalid_arguments")
    assert scaleway.act(server, "terminate").status_code == 202
    refused(
        scaleway.act(server, "terminate"), 409, type="transient_state", current_state="stopping"
    )
    other = scaleway.create(scaleway.address()).json()["server"]
    assert scaleway.ask("DELETE", f"{scaleway.instances}/servers/{other['id']}").status_code == 204
    assert scaleway.state_of(other["id"]) == ("", "")
    assert scaleway.volume("GET", other["volumes"]["0"]["id"]).status_code == 200


def test_a_volume_is_the_block_apis_and_is_let_go_late(scaleway: ScalewayClient) -> None:
    server, volume, _ = scaleway.running()
    old = f"{scaleway.instances}/volumes/{volume}"
    for method in ("GET", "DELETE"):
        refused(scaleway.ask(method, old), 404, type="not_found", resource_id=volume)
    refused(scaleway.volume("DELETE", volume), 412, type="precondition_failed")
    path = f"{scaleway.blocks}/volumes"
    assert scaleway.ask("GET", path, params={"tags": "mecapy"}).json()["volumes"] == []
    scaleway.ask("PATCH", f"{path}/{volume}", {"tags": ["mecapy"]})
    [told] = scaleway.ask("GET", path, params={"tags": "mecapy"}).json()["volumes"]
    assert told["id"] == volume
    scaleway.act(server, "terminate")
    scaleway.clear_volume(volume)


def test_an_address_that_nobody_declined_comes_and_goes_with_its_server(
    scaleway: ScalewayClient,
) -> None:
    asked = scaleway.asked()
    del asked["dynamic_ip_required"], asked["public_ips"]
    server = scaleway.ask("POST", scaleway.instances + "/servers", asked).json()["server"]
    assert scaleway.left()["addresses"] == 1
    scaleway.ask("DELETE", f"{scaleway.instances}/servers/{server['id']}")
    assert scaleway.left()["addresses"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"nmae": "x"},
        {"commercial_type": "DEV2-S"},
        {"image": FAR},
        {"volumes": {}},
        {"project": FAR},
        {"public_ips": [FAR]},
    ],
)
def test_scaleway_refuses_a_server_wrongly_asked_for(
    scaleway: ScalewayClient, change: dict[str, Any]
) -> None:
    answer = scaleway.create(**change)
    refused(answer, 400, type="invalid_arguments")
    named = [detail["argument_name"] for detail in answer.json()["details"]]
    assert next(iter(change)) in named
    assert len(scaleway.state()["violations"]) == len(named)
    assert scaleway.left() == NOTHING


def test_the_image_is_the_one_for_the_type(scaleway: ScalewayClient) -> None:
    query = {"image_label": "ubuntu_jammy", "zone": "fr-par-1"}
    there = scaleway.ask("GET", "/marketplace/v2/local-images", params=query).json()
    wrong = [one["id"] for one in there["local_images"] if one["id"] != scaleway.image()]
    assert len(wrong) == 2
    for image in wrong:
        refused(scaleway.create(image=image), 400, type="invalid_arguments")


def test_cloud_init_is_plain_text_and_comes_before_power(scaleway: ScalewayClient) -> None:
    server = scaleway.create(scaleway.address()).json()["server"]["id"]
    path = f"{scaleway.instances}/servers/{server}/user_data/cloud-init"
    assert scaleway.ask("PATCH", path, {"a": 1}).status_code == 400
    assert scaleway.set_cloud_init(server, "runcmd: []").status_code == 400
    scaleway.act(server, "poweron")
    assert scaleway.set_cloud_init(server).status_code == 400
    wrong = scaleway.state()["violations"]
    assert any("power-on without cloud-init" in one for one in wrong)
    assert any("cloud-init comes after power-on" in one for one in wrong)


def test_lists_come_in_pages_and_by_tags(scaleway: ScalewayClient) -> None:
    for tags in (["a", "b"], ["a"]):
        scaleway.control("plant", zone="fr-par-1", tags=tags, servers=130, addresses=3)
    path = scaleway.instances + "/servers"
    seen = set()
    for page, size in ((1, 100), (2, 30), (3, 0)):
        query = {"tags": "a,b", "page": page, "per_page": 100}
        answer = scaleway.ask("GET", path, params=query)
        assert answer.headers["X-Total-Count"] == "130"
        there = answer.json()["servers"]
        assert len(there) == size
        seen |= {one["id"] for one in there}
    assert len(seen) == 130
    assert len(scaleway.ask("GET", path).json()["servers"]) == 50
    assert scaleway.ask("GET", path, params={"per_page": 101}).status_code == 400
    scaleway.control("plant", zone="fr-par-1", tags=["a"], volumes=3)
    for of_kind, name, by in (
        (path, "servers", "project"),
        (scaleway.instances + "/ips", "ips", "project"),
        (scaleway.blocks + "/volumes", "volumes", "project_id"),
    ):
        for project, some in ((scaleway_things.PROJECT, True), (FAR, False)):
            there = scaleway.ask("GET", of_kind, params={"tags": "a", by: project}).json()
            assert bool(there[name]) == some, (name, project)
    other = ScalewayClient(scaleway.url, "pl-waw-2")
    assert other.ask("GET", other.instances + "/servers").json()["servers"] == []
    other.close()


def test_stock_and_quota_are_told_apart(scaleway: ScalewayClient) -> None:
    scaleway.control("stock", none_in=["fr-par-1"])
    for _ in range(5):
        answer = scaleway.create()
        assert answer.status_code >= 400
        assert answer.json()["type"] == "out_of_stock"
    path = scaleway.instances + "/products/servers/availability"
    assert scaleway.ask("GET", path).json()["servers"]["DEV1-S"] == {"availability": "shortage"}
    other = ScalewayClient(scaleway.url, "fr-par-2")
    assert other.create().status_code == 201
    other.control("quota", servers=1)
    refused(other.create(), 403, type="quotas_exceeded")
    other.close()


def test_scaleway_knows_its_key_and_its_paths(scaleway: ScalewayClient) -> None:
    path = scaleway.instances + "/servers"
    assert scaleway.http.get(path).status_code == 401
    refused(scaleway.get(FAR), 404, type="not_found", resource_id=FAR)
    assert scaleway.state()["violations"] == []
    assert scaleway.ask("GET", scaleway.instances + "/snapshots").status_code == 404
    scaleway.ask("GET", path, params={"organisation": "x"})
    assert len(scaleway.state()["violations"]) == 2


# ---- OpenStack


def test_openstack_walks_through_the_sequence(openstack: OpenstackClient) -> None:
    openstack.control("hold", held=True)
    made = openstack.create(key_name="operator")
    assert made.status_code == 202
    server = made.json()["server"]["id"]
    assert openstack.status_of(server) == "BUILD"
    openstack.control("hold", held=False)
    openstack.await_status(server, "ACTIVE")
    [told] = openstack.ask("GET", openstack.compute + "/servers/detail").json()["servers"]
    assert told["metadata"] == {"mecapy-machine": "1"}
    openstack.control("hold", held=True)
    assert openstack.delete(server).status_code == 204
    assert openstack.delete(server).status_code == 204  # on its way
    openstack.control("hold", held=False)
    openstack.await_status(server, "")
    refused(openstack.delete(server), 404)
    assert openstack.get(server).json()["itemNotFound"]["code"] == 404
    assert openstack.left() == NOTHING
    assert openstack.state()["violations"] == []


def test_a_password_names_its_project_and_a_credential_must_not(openstack: OpenstackClient) -> None:
    name, password = openstack_things.USER
    user = {"name": name, "domain": {"name": "Default"}, "password": password}
    identity = {"methods": ["password"], "password": {"user": user}}
    scope = {"project": {"id": openstack_things.PROJECT}}
    auth = {"auth": {"identity": identity, "scope": scope}}
    assert openstack.authenticate(auth).status_code == 201
    del auth["auth"]["scope"]
    assert openstack.authenticate(auth).status_code == 401
    credential = openstack.auth()
    credential["auth"]["scope"] = scope
    assert openstack.authenticate(credential).status_code == 401
    assert len(openstack.state()["violations"]) == 2


def test_a_token_ends(openstack: OpenstackClient) -> None:
    openstack.control("expire")
    answer = openstack.create()
    assert answer.status_code == 401
    assert answer.json()["error"]["title"] == "Unauthorized"
    openstack.authenticate()
    assert openstack.create().status_code == 202
    openstack.control("token_life", seconds=0)
    openstack.authenticate()
    assert openstack.create().status_code == 401


def test_sixty_tokens_a_minute_are_given(openstack: OpenstackClient) -> None:
    for _ in range(59):
        assert openstack.authenticate().status_code == 201
    answer = openstack.authenticate()
    assert (answer.status_code, answer.content) == (429, b"")
    assert len(openstack.state()["violations"]) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"flavor": "x"},
        {"flavorRef": FAR},
        {"imageRef": FAR},
        {"networks": []},
        {"user_data": "not base64"},
        {"user_data": "QUJD" * 16_384},
        {"metadata": {"a": 1}},
        {"key_name": "nobody"},
    ],
)
def test_openstack_refuses_a_server_wrongly_asked_for(
    openstack: OpenstackClient, change: dict[str, Any]
) -> None:
    answer = openstack.create(**change)
    assert answer.status_code == 400
    assert answer.json()["badRequest"]["code"] == 400
    assert next(iter(change)) in answer.json()["badRequest"]["message"]
    assert openstack.state()["violations"] != []
    assert openstack.left() == NOTHING


def test_what_cannot_be_placed_is_told_late(openstack: OpenstackClient) -> None:
    openstack.control("stock", none_in=["GRA11"])
    server = openstack.create().json()["server"]["id"]
    openstack.await_status(server, "ERROR")
    told = openstack.get(server).json()["server"]["fault"]
    assert told["code"] == 500
    assert "No valid host" in told["message"]
    openstack.control("quota", servers=1)
    answer = openstack.create()
    assert answer.status_code == 403
    assert "Quota exceeded" in answer.json()["forbidden"]["message"]


def test_openstack_lists_in_pages(openstack: OpenstackClient) -> None:
    openstack.control("plant", servers=7, page=3, metadata={"a": "b"})
    path: str | None = openstack.compute + "/servers/detail"
    seen: list[str] = []
    while path:
        page = openstack.ask("GET", path).json()
        seen += [one["id"] for one in page["servers"]]
        path = next((link["href"] for link in page.get("servers_links", ())), None)
    assert len(set(seen)) == len(seen) == 7


# ---- as a process


def test_it_is_a_process_that_ends_with_its_input(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps([{"fault": "quota"}]))
    words = ["scaleway", "openstack", "--fault", "made_error:create", "--plan", str(plan)]
    program = Path(__file__).with_name("simulate.py")
    # Without packages, as unit tests of the placers start it.
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(program), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    assert told["scaleway"]["token"] == scaleway_things.TOKEN
    client = OpenstackClient(told["openstack"]["url"])
    client.authenticate()
    refused(client.create(), 500)
    refused(client.create(), 403)
    assert client.left()["servers"] == 1
    client.close()
    process.stdin.close()
    assert process.wait(10) == 0


def test_machines_power_off_from_inside_and_vanish(scaleway: ScalewayClient) -> None:
    server, _, _ = scaleway.running()
    scaleway.control("power_off", server=server)
    assert scaleway.state_of(server)[0] == "stopped"
    scaleway.fault("stops_in_place")
    other, volume, _ = scaleway.running()
    scaleway.control("power_off", server=other)
    assert scaleway.state_of(other)[0] == "stopped in place"
    scaleway.control("vanish", server=other)
    assert scaleway.state_of(other)[0] == ""
    free = lambda: scaleway.volume("GET", volume).json()["status"] == "available"  # noqa: E731
    wait_until("its volume is let go", free)
