"""Scaleway Instances v1 as docs and recorded exchanges have it, with the block volumes, addresses
and the marketplace that a machine needs.

The traps are played: a server is made without its cloud-init and off; only a running one can be
terminated and only a stopped one deleted; its SBS volume outlives it, is unknown to the Instances
API and cannot be deleted before it is let go; a reserved address stays; an address of its own comes
with a server for which nobody declined it; without any address a machine reaches nobody.
"""

import re
import time

from clouds.cloud import Route, new_id, now
from clouds.scaleway_parts import ID, INSTANCES, PAGES, Parts
from clouds.scaleway_things import (
    ALLOCATION,
    FAULTS,
    LET_GO,
    PROJECT,
    TERMINATION,
    TYPES,
    ZONES,
    Address,
    Machine,
    Volume,
)
from clouds.web import Answer, Json, Request, tell

# A placer need not know of what changed by itself since.
LOOKED_AT_WITHIN_S = 5.0


class Scaleway(Parts):
    """See the module."""

    name = "scaleway"

    def routes(self) -> list[Route]:
        """See the base."""
        servers = INSTANCES + "/servers"
        one = servers + ID
        return [
            *super().routes(),
            Route("POST", servers, "create", self._create),
            Route("GET", servers, "list", self._list_servers, PAGES),
            Route("GET", one, "get", self._get),
            Route("DELETE", one, "delete", self._delete),
            Route("POST", one + "/action", "action", self._act),
            Route("PATCH", one + "/user_data/cloud-init", "user_data", self._set_user_data),
        ]

    def operation_of(self, route: Route, request: Request) -> str:
        """An action is named by what it does."""
        if route.operation != "action":
            return route.operation
        found = re.search(rb'"action"\s*:\s*"(\w+)"', request.body)
        return found[1].decode() if found else "action"

    # ---- servers

    def _create(self, request: Request, zone: str) -> Answer:
        asked = request.json()
        wrong = self.fields(
            asked,
            ("name", "commercial_type", "image", "volumes", "project", "tags"),
            ("dynamic_ip_required", "boot_type", "public_ips"),
        )
        kind = asked.get("commercial_type")
        if zone not in ZONES or kind not in TYPES:
            wrong.append("commercial_type is not one of this zone")
        image = next(
            (one for one in self.images.get(zone, ()) if one["id"] == asked.get("image")), None
        )
        if image is None or kind not in image["compatible_commercial_types"]:
            wrong.append("image is none for this type here")
        elif image["type"] != "instance_sbs":
            wrong.append("image is not of instance_sbs: this type has no local storage")
        if asked.get("volumes") != {"0": {"boot": False}}:
            wrong.append('volumes is not {"0": {"boot": false}}')
        if asked.get("boot_type", "local") != "local":
            wrong.append("boot_type is not local")
        if asked.get("project") != PROJECT:
            wrong.append("project is not ours")
        addresses = [self.addresses.get(id) for id in asked.get("public_ips", ())]
        given = [one for one in addresses if one and one.zone == zone and one.server is None]
        if len(given) != len(addresses):
            wrong.append("public_ips names what is not free here")
        if wrong:
            return self.invalid(request, wrong)
        if len(self.servers) >= self.quota:
            return tell(*FAULTS["quota"])
        if zone in self.no_stock:
            return self.out_of_stock()
        machine = self._make(zone, asked, given, self.fate())
        return tell(201, {"server": machine.told()})

    def _make(self, zone: str, asked: Json, given: list[Address], fate: str) -> Machine:
        volume = Volume(new_id(), zone, asked["name"] + "-root")
        self.volumes[volume.id] = volume
        if asked.get("dynamic_ip_required", True) and not given:
            given = [self.make_address(zone, [], reserved=False)]
        # What ends a server that is "stopped in place" the facts do not say: either, in turn.
        self._made += 1
        machine = Machine(new_id(), zone, asked, volume, given, fate, self._made % 2 == 0)
        for one in given:
            one.server = machine.id
        self.servers[machine.id] = machine
        return machine

    def _list_servers(self, request: Request, zone: str) -> Answer:
        there = [one for one in self.servers.values() if one.zone == zone]
        if "state" in request.query:
            there = [one for one in there if one.state == request.query["state"]]
        return self.page(request, "servers", [one.told() for one in there])

    def _server(self, zone: str, id: str) -> Machine | None:
        found = self.servers.get(id)
        return found if found is not None and found.zone == zone else None

    def _get(self, _: Request, zone: str, id: str) -> Answer:
        machine = self._server(zone, id)
        if machine is None:
            return self.not_found("instance_server", id)
        return tell(200, {"server": machine.told()})

    def _set_user_data(self, request: Request, zone: str, id: str) -> Answer:
        machine = self._server(zone, id)
        if machine is None:
            return self.not_found("instance_server", id)
        wrong = []
        if request.headers.get("content-type", "").split(";")[0] != "text/plain":
            wrong.append("content-type is not text/plain")
        if not request.body.startswith(b"#cloud-config\n"):
            wrong.append("cloud-init does not begin with #cloud-config")
        if machine.state != "stopped":
            wrong.append("cloud-init comes after power-on")
        if wrong:
            return self.invalid(request, wrong)
        machine.user_data = request.body
        return Answer(204)

    def _act(self, request: Request, zone: str, id: str) -> Answer:
        machine = self._server(zone, id)
        if machine is None:
            return self.not_found("instance_server", id)
        asked = request.json()
        action = asked.get("action")
        if wrong := self.fields(asked, ("action",), ()):
            return self.invalid(request, wrong)
        if action not in ("poweron", "terminate"):
            return self.invalid(request, [f"action {action} is not one of the sequence"])
        if machine.state in ("starting", "stopping"):
            return tell(
                409,
                {
                    "type": "transient_state",
                    "message": "the server is in a transient state",
                    "resource": "instance_server",
                    "resource_id": id,
                    "current_state": machine.state,
                },
            )
        if action == "terminate":
            endable = ("running",) if machine.by_delete else ("running", "stopped in place")
            if machine.state not in endable:
                return self._not_now(
                    request, machine, "action terminate: the server is not running"
                )
            self.really(lambda: self._terminate(machine))
        else:
            if machine.state == "running":
                return self._not_now(request, machine, "action poweron: the server is running")
            if not machine.user_data:
                request.wrong.append("power-on without cloud-init")
            if zone in self.no_stock:
                return self.out_of_stock()
            self.really(lambda: self._power_on(machine))
        task = {
            "id": new_id(),
            "description": "server_" + str(action),
            "status": "pending",
            "progress": 0,
            "started_at": now(),
            "terminated_at": None,
            "href_from": f"/servers/{id}/action",
            "href_result": f"/servers/{id}",
            "zone": zone,
        }
        return tell(202, {"task": task})

    def _not_now(self, request: Request, machine: Machine, why: str) -> Answer:
        """Refused; a wrong order only where it could have been seen before."""
        answer = self.invalid(request, [why])
        if time.monotonic() - machine.changed_at < LOOKED_AT_WITHIN_S:
            request.wrong.remove(why)
        return answer

    def _delete(self, request: Request, zone: str, id: str) -> Answer:
        machine = self._server(zone, id)
        if machine is None:
            return self.not_found("instance_server", id)
        deletable = ("stopped", "stopped in place") if machine.by_delete else ("stopped",)
        if machine.state not in deletable:
            # The legacy form of a refusal, in which no list of details comes.
            message = "instance should be powered off"
            return tell(400, {"type": "invalid_request_error", "message": message})
        self.really(lambda: self._gone(machine))
        return Answer(204)

    # ---- a machine's life

    def _power_on(self, machine: Machine) -> None:
        machine.state, machine.detail = "starting", "allocating node"

        def allocated() -> None:
            with self.lock:
                if machine.id not in self.servers:
                    return
                if machine.fate == "fails":
                    machine.state, machine.detail = "stopped", ""
                    self.faults.met("fails", bit=True)
                    return
                machine.state, machine.detail = "running", "booting kernel"
                machine.changed_at = time.monotonic()
                if machine.addresses and machine.user_data:
                    machine.computer = self.boots.start(
                        machine.id,
                        machine.user_data,
                        machine.fate,
                        lambda: self.power_off(machine.id),
                    )

        self.timeline.later(ALLOCATION, allocated)

    def power_off(self, server: str) -> None:
        """See the base."""
        with self.lock:
            machine = self.servers.get(server)
            if machine is None or machine.state != "running":
                return
            in_place = machine.fate == "stops_in_place"
            if in_place:
                self.faults.met("stops_in_place", bit=True)
            machine.state, machine.detail = "stopped in place" if in_place else "stopped", ""
            machine.changed_at = time.monotonic()
            self._unplug(machine)

    def _unplug(self, machine: Machine) -> None:
        if machine.computer is not None:
            machine.computer.cut_off()
            machine.computer = None

    def _terminate(self, machine: Machine) -> None:
        machine.state, machine.detail = "stopping", "terminating"
        self._unplug(machine)

        def done() -> None:
            with self.lock:
                self._gone(machine)

        self.timeline.later(TERMINATION, done)

    def vanish(self, server: str) -> None:
        """See the base."""
        self._gone(self.servers[server])

    def _gone(self, machine: Machine) -> None:
        self._unplug(machine)
        if self.servers.pop(machine.id, None) is not None:
            self.faults.gone(machine.fate)
        for one in machine.addresses:
            one.server = None
            if not one.reserved:
                self.addresses.pop(one.id, None)

        def let_go() -> None:
            with self.lock:
                machine.volume.status = "available"

        self.timeline.later(LET_GO, let_go)

    # ---- what the test asks

    def there(self) -> Json:
        """See the base."""
        return {
            "servers": [one.told() for one in self.servers.values()],
            "volumes": [one.told() for one in self.volumes.values()],
            "addresses": [one.told() for one in self.addresses.values()],
        }

    def plant(self, what: Json) -> None:
        """`{"zone", "tags", "servers", "volumes", "addresses"}`: so many, with these tags."""
        zone, tags = str(what["zone"]), list(what["tags"])
        for number in range(int(what.get("servers", 0))):
            asked = {
                "name": f"planted-{number}",
                "commercial_type": "DEV1-S",
                "image": self.images[zone][0]["id"],
                "tags": tags,
                "dynamic_ip_required": False,
            }
            self._make(zone, asked, [], "").volume.tags = tags
        for number in range(int(what.get("volumes", 0))):
            volume = Volume(new_id(), zone, f"planted-{number}", "available", tags)
            self.volumes[volume.id] = volume
        for _ in range(int(what.get("addresses", 0))):
            self.make_address(zone, tags, reserved=True)
