"""The parts of the simulated Scaleway beside its servers: images, stock, addresses, volumes."""

from clouds.cloud import Boots, Cloud, Route, new_id
from clouds.fault_table import Fault, Faults
from clouds.scaleway_things import (
    FAULTS,
    LET_GO,
    NO_STOCK_STATUSES,
    PROJECT,
    TOKEN,
    TYPES,
    ZONES,
    Address,
    Machine,
    Volume,
    images,
)
from clouds.timeline import Timeline
from clouds.web import Answer, Json, Request, tell

INSTANCES = r"/instance/v1/zones/([^/]+)"
BLOCKS = r"/block/v1/zones/([^/]+)"
ID = r"/([0-9a-f-]{36})"
PAGES = ("page", "per_page", "tags", "project", "state", "order")
BLOCK_PAGES = ("page", "page_size", "tags", "project_id", "order_by")


class Parts(Cloud):
    """See the module."""

    def __init__(self, timeline: Timeline, boots: Boots, faults: Faults) -> None:
        """Empty."""
        super().__init__(timeline, boots, faults)
        self.servers: dict[str, Machine] = {}
        self.volumes: dict[str, Volume] = {}
        self.addresses: dict[str, Address] = {}
        self.images = {zone: images(zone) for zone in ZONES}
        self._told_no_stock = 0
        self._made = 0

    def routes(self) -> list[Route]:
        """See the base."""
        return [
            Route(
                "GET",
                "/marketplace/v2/local-images",
                "images",
                self._local_images,
                ("image_label", "zone", "type", "page", "page_size", "order_by"),
            ),
            Route("GET", INSTANCES + "/products/servers/availability", "stock", self._stock, PAGES),
            Route("POST", INSTANCES + "/ips", "create_address", self._create_address),
            Route("GET", INSTANCES + "/ips", "list_addresses", self._list_addresses, PAGES),
            Route("GET", INSTANCES + "/ips" + ID, "get_address", self._get_address),
            Route("DELETE", INSTANCES + "/ips" + ID, "delete_address", self._delete_address),
            Route("GET", INSTANCES + "/volumes" + ID, "get_old_volume", self._no_old_volume),
            Route("DELETE", INSTANCES + "/volumes" + ID, "delete_old_volume", self._no_old_volume),
            Route("GET", BLOCKS + "/volumes", "list_volumes", self._list_volumes, BLOCK_PAGES),
            Route("GET", BLOCKS + "/volumes" + ID, "get_volume", self._get_volume),
            Route("PATCH", BLOCKS + "/volumes" + ID, "tag_volume", self._tag_volume),
            Route("DELETE", BLOCKS + "/volumes" + ID, "delete_volume", self._delete_volume),
        ]

    # ---- refusals

    def authorize(self, request: Request, operation: str) -> Answer | None:
        """By the secret key, in each request; the marketplace is open to all."""
        if operation == "images" or request.headers.get("x-auth-token") == TOKEN:
            return None
        return tell(
            401,
            {
                "type": "denied_authentication",
                "method": "api_key",
                "reason": "not_found",
                "message": "authentication is denied",
            },
        )

    def fault_answer(self, fault: Fault) -> Answer:
        """See the base."""
        name = fault.name.removeprefix("made_")
        return self.out_of_stock() if name == "out_of_stock" else tell(*FAULTS[name])

    def out_of_stock(self) -> Answer:
        self._told_no_stock += 1
        status = NO_STOCK_STATUSES[self._told_no_stock % len(NO_STOCK_STATUSES)]
        return tell(status, {"type": "out_of_stock", "resource": "DEV1-S"})

    def not_found(self, resource: str, id: str) -> Answer:
        """See the base."""
        message = f'"{id}" not found'
        return tell(
            404,
            {"type": "not_found", "message": message, "resource": resource, "resource_id": id},
        )

    def invalid(self, request: Request, wrong: list[str]) -> Answer:
        request.wrong += wrong
        details = [
            {"argument_name": one.split()[0], "reason": "constraint", "help_message": one}
            for one in wrong
        ]
        return tell(
            400,
            {"type": "invalid_arguments", "message": "invalid argument(s)", "details": details},
        )

    # ---- images, stock

    def _local_images(self, request: Request) -> Answer:
        zone = request.query.get("zone", "")
        if zone not in ZONES:
            return self.invalid(request, ["zone is not known"])
        label, kind = request.query.get("image_label"), request.query.get("type")
        found = [
            one
            for one in self.images[zone]
            if one["label"] == label and kind in (None, one["type"])
        ]
        return tell(200, {"local_images": found, "total_count": len(found)})

    def _stock(self, request: Request, zone: str) -> Answer:
        there = "shortage" if zone in self.no_stock else "available"
        kinds = {name: {"availability": there} for name in TYPES}
        return tell(200, {"servers": kinds}, X_Total_Count=str(len(kinds)))

    def page(self, request: Request, name: str, there: list[Json]) -> Answer:
        wanted = [tag for tag in request.query.get("tags", "").split(",") if tag]
        there = [one for one in there if set(wanted) <= set(one["tags"])]
        if request.query.get("project", PROJECT) != PROJECT:
            there = []
        page = int(request.query.get("page", 1))
        per_page = int(request.query.get("per_page", 50))
        if not 1 <= per_page <= 100 or page < 1:
            return self.invalid(request, ["per_page is not 1 to 100"])
        shown = there[(page - 1) * per_page : page * per_page]
        return tell(200, {name: shown}, X_Total_Count=str(len(there)))

    # ---- addresses, volumes

    def make_address(self, zone: str, tags: list[str], reserved: bool) -> Address:
        one = Address(new_id(), zone, tags, len(self.addresses) + 1, reserved)
        self.addresses[one.id] = one
        return one

    def _create_address(self, request: Request, zone: str) -> Answer:
        asked = request.json()
        wrong = self.fields(asked, ("project", "tags", "type"), ())
        if asked.get("type") != "routed_ipv4":
            wrong.append("type is not routed_ipv4")
        if asked.get("project") != PROJECT or zone not in ZONES:
            wrong.append("project is not ours")
        if wrong:
            return self.invalid(request, wrong)
        made = self.make_address(zone, list(asked["tags"]), reserved=True)
        return tell(201, {"ip": made.told()})

    def _list_addresses(self, request: Request, zone: str) -> Answer:
        there = [one.told() for one in self.addresses.values() if one.zone == zone]
        return self.page(request, "ips", there)

    def _address(self, zone: str, id: str) -> Address | None:
        found = self.addresses.get(id)
        return found if found is not None and found.zone == zone else None

    def _get_address(self, _: Request, zone: str, id: str) -> Answer:
        found = self._address(zone, id)
        return tell(200, {"ip": found.told()}) if found else self.not_found("instance_ip", id)

    def _delete_address(self, _: Request, zone: str, id: str) -> Answer:
        found = self._address(zone, id)
        if found is None:
            return self.not_found("instance_ip", id)

        def drop() -> None:
            for machine in self.servers.values():
                machine.addresses = [one for one in machine.addresses if one.id != id]
            self.addresses.pop(id)

        self.really(drop)
        return Answer(204)

    def _no_old_volume(self, _: Request, zone: str, id: str) -> Answer:
        """SBS volumes are not there for the Instances API."""
        del zone
        return self.not_found("instance_volume", id)

    def _list_volumes(self, request: Request, zone: str) -> Answer:
        wanted = [tag for tag in request.query.get("tags", "").split(",") if tag]
        there = [
            one.told()
            for one in self.volumes.values()
            if one.zone == zone and set(wanted) <= set(one.tags)
        ]
        if request.query.get("project_id", PROJECT) != PROJECT:
            there = []
        page = int(request.query.get("page", 1))
        size = int(request.query.get("page_size", 50))
        if not 1 <= size <= 100 or page < 1:
            return self.invalid(request, ["page_size is not 1 to 100"])
        shown = there[(page - 1) * size : page * size]
        return tell(200, {"volumes": shown, "total_count": len(there)})

    def _volume(self, zone: str, id: str) -> Volume | None:
        found = self.volumes.get(id)
        return found if found is not None and found.zone == zone else None

    def _get_volume(self, _: Request, zone: str, id: str) -> Answer:
        found = self._volume(zone, id)
        return tell(200, found.told()) if found else self.not_found("volume", id)

    def _tag_volume(self, request: Request, zone: str, id: str) -> Answer:
        found = self._volume(zone, id)
        if found is None:
            return self.not_found("volume", id)
        asked = request.json()
        if wrong := self.fields(asked, ("tags",), ()):
            return self.invalid(request, wrong)
        found.tags = list(asked["tags"])
        return tell(200, found.told())

    def _delete_volume(self, _: Request, zone: str, id: str) -> Answer:
        found = self._volume(zone, id)
        if found is None:
            return self.not_found("volume", id)
        if found.status != "available":
            return tell(
                412,
                {
                    "type": "precondition_failed",
                    "precondition": "resource_not_usable",
                    "help_message": f"the volume is {found.status}",
                },
            )
        self.really(lambda: self._drop_volume(found))
        return Answer(204)

    def _drop_volume(self, volume: Volume) -> None:
        volume.status = "deleting"

        def gone() -> None:
            with self.lock:
                self.volumes.pop(volume.id, None)

        self.timeline.later(LET_GO, gone)
