"""OpenStack as OVH runs it: keystone v3 tokens with a catalogue, and nova's servers.

The traps are played: the catalogue lists several services, regions and interfaces; a token ends and
is then refused; no more than 60 a minute are given; lists come in pages; what cannot be placed is
accepted first, and told as ERROR with its fault later.
"""

import base64
import time

from clouds.cloud import Boots, Cloud, Route, new_id
from clouds.fault_table import Fault, Faults
from clouds.openstack_things import (
    BUILDING,
    DELETING,
    FAULTS,
    FLAVORS,
    IMAGE,
    OTHERS,
    PROJECT,
    REGION,
    TOKENS_A_MINUTE,
    USER,
    Instance,
    fault,
    stamp,
    unauthorized,
    wrong_auth,
    wrong_values,
)
from clouds.timeline import Timeline
from clouds.web import Answer, Json, Request, tell

_C = r"/compute/v2\.1/" + PROJECT
_ID = r"/([0-9a-f-]{36})"


class Openstack(Cloud):
    """See the module."""

    name = "openstack"

    def __init__(self, timeline: Timeline, boots: Boots, faults: Faults) -> None:
        """Empty."""
        super().__init__(timeline, boots, faults)
        self.servers: dict[str, Instance] = {}
        self.url = ""  # its own, for its catalogue; set when it listens
        self.token_life_s = 86_400.0
        self.page = 1000  # of a list, at most
        self._tokens: dict[str, float] = {}  # until when each is good
        self._given: list[float] = []

    def routes(self) -> list[Route]:
        """See the base."""
        return [
            Route("POST", "/v3/auth/tokens", "token", self._give_token),
            Route("POST", _C + "/servers", "create", self._create),
            Route("GET", _C + "/servers/detail", "list", self._list, ("limit", "marker", "name")),
            Route("GET", _C + "/servers" + _ID, "get", self._get),
            Route("DELETE", _C + "/servers" + _ID, "delete", self._delete),
        ]

    def authorize(self, request: Request, operation: str) -> Answer | None:
        """By a token that is good still."""
        if operation == "token":
            return None
        until = self._tokens.get(request.headers.get("x-auth-token", ""), 0.0)
        return None if time.monotonic() < until else unauthorized()

    def fault_answer(self, fault_: Fault) -> Answer:
        """See the base."""
        name = fault_.name.removeprefix("made_")
        return unauthorized() if name == "expired" else fault(*FAULTS[name])

    def not_found(self, resource: str, id: str) -> Answer:
        """See the base."""
        return fault(404, "itemNotFound", f"{resource.capitalize()} {id} could not be found.")

    # ---- keystone

    def _give_token(self, request: Request) -> Answer:
        auth = request.json().get("auth")
        wrong, scoped = wrong_auth(auth if isinstance(auth, dict) else {})
        request.wrong += wrong
        if wrong:
            return unauthorized()
        now = time.monotonic()
        self._given = [at for at in self._given if at > now - 60]
        if len(self._given) >= TOKENS_A_MINUTE:
            request.wrong.append("more than 60 tokens in a minute")
            return Answer(429)
        self._given.append(now)
        token = "gAAAAAB" + new_id().replace("-", "")
        self._tokens[token] = now + self.token_life_s
        at = time.time()
        form = "%Y-%m-%dT%H:%M:%S.000000Z"
        value = {
            "methods": ["password" if scoped else "application_credential"],
            "user": {
                "id": USER[0],
                "name": USER[0],
                "domain": {"id": "default", "name": "Default"},
            },
            "project": {"id": PROJECT, "name": "simulated"},
            "issued_at": stamp(at, form),
            "expires_at": stamp(at + self.token_life_s, form),
            "catalog": self._catalogue(),
        }
        return tell(201, {"token": value}, X_Subject_Token=token)

    def _catalogue(self) -> list[Json]:
        def at(region: str, interface: str, url: str) -> Json:
            return {
                "id": new_id(),
                "interface": interface,
                "region": region,
                "region_id": region,
                "url": url,
            }

        compute = [
            at("SBG5", "public", OTHERS),
            at(REGION, "internal", OTHERS),
            at(REGION, "public", self.compute_url),
            at(REGION, "admin", OTHERS),
            at("WAW1", "public", OTHERS),
        ]
        others = [
            {
                "id": new_id(),
                "name": name,
                "type": kind,
                "endpoints": [at(REGION, "public", OTHERS)],
            }
            for name, kind in (("glance", "image"), ("neutron", "network"), ("cinder", "volumev3"))
        ]
        return [*others, {"id": new_id(), "name": "nova", "type": "compute", "endpoints": compute}]

    @property
    def compute_url(self) -> str:
        """Of the region's servers."""
        return f"{self.url}/compute/v2.1/{PROJECT}"

    def expire_tokens(self) -> None:
        """None that was given is good any more."""
        self._tokens.clear()

    # ---- nova

    def _create(self, request: Request) -> Answer:
        body = request.json()
        asked = body.get("server")
        wrong = self.fields(body, ("server",), ())
        if not isinstance(asked, dict):
            return self._bad(request, [*wrong, "server is no object"])
        wrong += self.fields(
            asked,
            ("name", "flavorRef", "imageRef", "networks", "user_data", "metadata"),
            ("key_name",),
        )
        wrong += wrong_values(asked)
        if wrong:
            return self._bad(request, wrong)
        if len(self.servers) >= self.quota:
            return fault(*FAULTS["quota"])
        made = Instance(new_id(), asked, self.fate())
        self.servers[made.id] = made
        self.timeline.later(BUILDING, lambda: self._built(made))
        links = [{"rel": "self", "href": f"{self.compute_url}/servers/{made.id}"}]
        kept = {
            "id": made.id,
            "links": links,
            "OS-DCF:diskConfig": "MANUAL",
            "security_groups": [{"name": "default"}],
        }
        return tell(202, {"server": kept})

    def _bad(self, request: Request, wrong: list[str]) -> Answer:
        request.wrong += wrong
        message = f"Invalid input for field/attribute server: {'; '.join(wrong)}"
        return fault(400, "badRequest", message)

    def _list(self, request: Request) -> Answer:
        there = list(self.servers.values())
        marker = request.query.get("marker")
        if marker is not None:
            ids = [one.id for one in there]
            if marker not in ids:
                return fault(400, "badRequest", f"marker [{marker}] not found")
            there = there[ids.index(marker) + 1 :]
        there = [one for one in there if request.query.get("name", "") in one.asked["name"]]
        limit = min(int(request.query.get("limit", self.page)), self.page)
        shown = there[:limit]
        value: Json = {"servers": [one.told(self.compute_url) for one in shown]}
        if len(there) > limit:
            href = f"{self.compute_url}/servers/detail?limit={limit}&marker={shown[-1].id}"
            value["servers_links"] = [{"rel": "next", "href": href}]
        return tell(200, value)

    def _get(self, _: Request, id: str) -> Answer:
        found = self.servers.get(id)
        if found is None:
            return self.not_found("instance", id)
        return tell(200, {"server": found.told(self.compute_url)})

    def _delete(self, _: Request, id: str) -> Answer:
        found = self.servers.get(id)
        if found is None:
            return self.not_found("instance", id)
        self.really(lambda: self._end(found))
        return Answer(204)

    # ---- a machine's life

    def _built(self, made: Instance) -> None:
        with self.lock:
            if self.servers.get(made.id) is not made or made.task == "deleting":
                return
            made.task = None
            if made.fate == "fails":
                self.faults.met("fails", bit=True)
            if made.fate == "fails" or self.no_stock:
                made.status = "ERROR"
                made.wrong = "No valid host was found. There are not enough hosts available."
                return
            made.status = "ACTIVE"
            made.computer = self.boots.start(
                made.id,
                base64.b64decode(made.asked["user_data"]),
                made.fate,
                lambda: self.power_off(made.id),
            )

    def power_off(self, server: str) -> None:
        """See the base."""
        with self.lock:
            found = self.servers.get(server)
            if found is not None and found.status == "ACTIVE":
                found.status = "SHUTOFF"
                self._unplug(found)

    def _unplug(self, one: Instance) -> None:
        if one.computer is not None:
            one.computer.cut_off()
            one.computer = None

    def _end(self, one: Instance) -> None:
        if one.task == "deleting":
            return
        one.task = "deleting"
        self._unplug(one)

        def gone() -> None:
            with self.lock:
                if self.servers.pop(one.id, None) is not None:
                    self.faults.gone(one.fate)

        self.timeline.later(DELETING, gone)

    def vanish(self, server: str) -> None:
        """See the base."""
        self._unplug(self.servers.pop(server))

    # ---- what the test asks

    def there(self) -> Json:
        """See the base; a server has its disk and its address with it."""
        servers = [one.told(self.compute_url) for one in self.servers.values()]
        return {"servers": servers, "volumes": [], "addresses": []}

    def plant(self, what: Json) -> None:
        """`{"metadata", "servers", "page"}`: so many, and lists in pages of that size."""
        self.page = int(what.get("page", self.page))
        for number in range(int(what.get("servers", 0))):
            asked = {
                "name": f"planted-{number}",
                "flavorRef": FLAVORS[0],
                "imageRef": IMAGE,
                "metadata": dict(what.get("metadata", {})),
            }
            made = Instance(new_id(), asked, "", "ACTIVE", None)
            self.servers[made.id] = made

    def _order(self, what: str, value: Json) -> None:
        match what:
            case "expire":
                self.expire_tokens()
            case "token_life":
                self.token_life_s = float(value["seconds"])
            case _:
                super()._order(what, value)
