"""The sequences of the facts, as a client of a few lines walks through them."""

import base64
from collections.abc import Callable
from typing import Any

import httpx

from clouds import openstack_things, scaleway_things
from clouds.web import Json
from support.waiting import wait_until

CLOUD_INIT = "#cloud-config\nruncmd: []\n"
ZONE = "fr-par-1"


class Client:
    """Requests to one simulated cloud; and the test's own to its control door."""

    def __init__(self, url: str) -> None:
        """Not authenticated."""
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=10, trust_env=False)
        self.headers: dict[str, str] = {}

    def ask(self, method: str, path: str, body: Json | None = None, **more: Any) -> httpx.Response:
        """One request, as who was authenticated."""
        return self.http.request(method, path, json=body, headers=self.headers, **more)

    def control(self, order: str, **value: Any) -> None:
        """Order something of the simulator."""
        answer = self.http.post(f"/_control/{order}", json=value)
        assert answer.status_code == 200, answer.text

    def fault(self, name: str, **more: Any) -> None:
        """Order one fault."""
        self.control("faults", orders=[{"fault": name, **more}])

    def state(self) -> Json:
        """What is there, and what came."""
        return dict(self.http.get("/_control/state").json())

    def left(self) -> dict[str, int]:
        """How many of what is there."""
        state = self.state()
        return {kind: len(state[kind]) for kind in ("servers", "volumes", "addresses")}

    def close(self) -> None:
        """No more requests."""
        self.http.close()


class ScalewayClient(Client):
    """§2 of the facts."""

    def __init__(self, url: str, zone: str = ZONE) -> None:
        """With the right key."""
        super().__init__(url)
        self.headers = {"X-Auth-Token": scaleway_things.TOKEN}
        self.instances = f"/instance/v1/zones/{zone}"
        self.blocks = f"/block/v1/zones/{zone}"
        self.zone = zone

    def image(self, kind: str = "DEV1-S") -> str:
        """1. Of this type."""
        query = {"image_label": "ubuntu_jammy", "zone": self.zone, "type": "instance_sbs"}
        there = self.ask("GET", "/marketplace/v2/local-images", params=query).json()
        [found] = [
            one for one in there["local_images"] if kind in one["compatible_commercial_types"]
        ]
        return str(found["id"])

    def address(self, *tags: str) -> str:
        """Reserve one."""
        asked = {"project": scaleway_things.PROJECT, "tags": list(tags), "type": "routed_ipv4"}
        made = self.ask("POST", self.instances + "/ips", asked)
        assert made.status_code == 201, made.text
        return str(made.json()["ip"]["id"])

    def asked(self, *addresses: str, **more: Any) -> Json:
        """What a server is asked for with."""
        return {
            "name": "mecapy-1",
            "commercial_type": "DEV1-S",
            "image": self.image(),
            "dynamic_ip_required": False,
            "public_ips": list(addresses),
            "volumes": {"0": {"boot": False}},
            "boot_type": "local",
            "project": scaleway_things.PROJECT,
            "tags": ["mecapy", "machine=1"],
        } | more

    def create(self, *addresses: str, **more: Any) -> httpx.Response:
        """2. A server, off."""
        return self.ask("POST", self.instances + "/servers", self.asked(*addresses, **more))

    def set_cloud_init(self, server: str, text: str = CLOUD_INIT) -> httpx.Response:
        """3. Before it is on."""
        return self.http.patch(
            f"{self.instances}/servers/{server}/user_data/cloud-init",
            content=text.encode(),
            headers=self.headers | {"Content-Type": "text/plain"},
        )

    def act(self, server: str, action: str) -> httpx.Response:
        """4, 6. `poweron` or `terminate`."""
        return self.ask("POST", f"{self.instances}/servers/{server}/action", {"action": action})

    def get(self, server: str) -> httpx.Response:
        """5. How it is."""
        return self.ask("GET", f"{self.instances}/servers/{server}")

    def state_of(self, server: str) -> tuple[str, str]:
        """Its state and its detail; "" when it is not there."""
        answer = self.get(server)
        if answer.status_code == 404:
            return "", ""
        told = answer.json()["server"]
        return told["state"], told["state_detail"]

    def await_state(self, server: str, *states: str) -> None:
        """Until it is in one of these; "" is gone."""
        wait_until(f"{states}", lambda: self.state_of(server)[0] in states)

    def running(self, text: str = CLOUD_INIT) -> tuple[str, str, str]:
        """Server, volume and address of one that runs."""
        address = self.address("mecapy", "machine=1")
        made = self.create(address).json()["server"]
        assert self.set_cloud_init(made["id"], text).status_code == 204
        assert self.act(made["id"], "poweron").status_code == 202
        self.await_state(made["id"], "running")
        return made["id"], made["volumes"]["0"]["id"], address

    def volume(self, method: str, id: str) -> httpx.Response:
        """7. By the block API."""
        return self.ask(method, f"{self.blocks}/volumes/{id}")

    def clear_volume(self, id: str) -> None:
        """7. Once it is let go."""
        free = lambda: self.volume("GET", id).json()["status"] == "available"  # noqa: E731
        wait_until("the volume is available", free)
        assert self.volume("DELETE", id).status_code == 204
        wait_until("it is gone", lambda: self.volume("GET", id).status_code == 404)


class OpenstackClient(Client):
    """§3 of the facts."""

    def __init__(self, url: str) -> None:
        """No token yet."""
        super().__init__(url)
        self.compute = ""

    def auth(self) -> Json:
        """By application credential."""
        id, secret = openstack_things.CREDENTIAL
        by = {"id": id, "secret": secret}
        methods = ["application_credential"]
        return {"auth": {"identity": {"methods": methods, "application_credential": by}}}

    def authenticate(self, auth: Json | None = None) -> httpx.Response:
        """1. A token, and where the servers are."""
        answer = self.http.post("/v3/auth/tokens", json=auth or self.auth())
        if answer.status_code == 201:
            self.headers = {"X-Auth-Token": answer.headers["X-Subject-Token"]}
            [self.compute] = [
                at["url"]
                for service in answer.json()["token"]["catalog"]
                if service["type"] == "compute"
                for at in service["endpoints"]
                if (at["region"], at["interface"]) == (openstack_things.REGION, "public")
            ]
        return answer

    def asked(self, text: str = CLOUD_INIT, **more: Any) -> Json:
        """What a server is asked for with."""
        server = {
            "name": "mecapy-1",
            "flavorRef": openstack_things.FLAVORS[0],
            "imageRef": openstack_things.IMAGE,
            "networks": [{"uuid": openstack_things.NETWORK}],
            "user_data": base64.b64encode(text.encode()).decode(),
            "metadata": {"mecapy-machine": "1"},
        }
        return {"server": server | more}

    def create(self, text: str = CLOUD_INIT, **more: Any) -> httpx.Response:
        """2. A server."""
        return self.ask("POST", self.compute + "/servers", self.asked(text, **more))

    def get(self, server: str) -> httpx.Response:
        """3. How it is."""
        return self.ask("GET", f"{self.compute}/servers/{server}")

    def delete(self, server: str) -> httpx.Response:
        """4. Away with it."""
        return self.ask("DELETE", f"{self.compute}/servers/{server}")

    def status_of(self, server: str) -> str:
        """BUILD, ACTIVE, …; "" when it is not there."""
        answer = self.get(server)
        return "" if answer.status_code == 404 else str(answer.json()["server"]["status"])

    def await_status(self, server: str, *statuses: str) -> None:
        """Until it is one of these; "" is gone."""
        wait_until(f"{statuses}", lambda: self.status_of(server) in statuses)


def refused(answer: httpx.Response, status: int, **members: Any) -> None:
    """The answer is this status, and a body with these members."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert {name: body.get(name) for name in members} == members


Opened = Callable[..., Any]
