"""What there is in the simulated Scaleway: servers, volumes, addresses, images, and its words."""

from dataclasses import dataclass, field

from clouds.cloud import Computer, new_id, now
from clouds.web import Json

TOKEN = "simulated-secret-key"
PROJECT = "6f1c3c66-3c3c-4f5e-9f25-0a6f7d3a1b11"
ZONES = tuple(
    f"{region}-{number}"
    for region, count in (("fr-par", 3), ("nl-ams", 3), ("pl-waw", 3), ("it-mil", 1))
    for number in range(1, count + 1)
)
TYPES = (
    *(f"DEV1-{size}" for size in ("S", "M", "L", "XL")),
    *(f"GP1-{size}" for size in ("XS", "S", "M", "L", "XL")),
    *(f"PRO2-{size}" for size in ("XXS", "XS", "S", "M", "L")),
    *(f"PLAY2-{size}" for size in ("PICO", "NANO", "MICRO")),
    *(f"L4-{count}-24G" for count in (1, 2, 4, 8)),
    *(f"L40S-{count}-48G" for count in (1, 2, 4, 8)),
    *(f"H100-{count}-80G" for count in (1, 2)),
    *(f"H100-SXM-{count}-80G" for count in (2, 4, 8)),
)
GPU_TYPES = tuple(name for name in TYPES if name.startswith(("L4", "H1")))
LABEL = "ubuntu_jammy"
GPU_LABEL = "ubuntu_jammy_gpu_os_12"
# Seconds of the real cloud.
ALLOCATION = 6.0
TERMINATION = 16.0
LET_GO = 2.0  # from the end of a server to its volume being available
FAULTS = {
    "busy": (429, {"type": "too_many_requests", "message": "too many requests"}),
    "error": (500, {"type": "internal_error", "message": "Internal error"}),
    "transient": (409, {"type": "transient_state", "current_state": "starting"}),
    "quota": (
        403,
        {
            "type": "quotas_exceeded",
            "message": "quotas exceeded",
            "details": [{"resource": "instances_servers", "quota": 2, "current": 2}],
        },
    ),
    "quota_legacy": (
        403,
        {"type": "invalid_request_error", "message": "Quota exceeded for this resource."},
    ),
    "forbidden": (
        403,
        {
            "type": "permissions_denied",
            "message": "insufficient permissions",
            "details": [{"resource": "compute_servers", "action": "write"}],
        },
    ),
}
# The facts name the type of this error and no status: none can be relied on.
NO_STOCK_STATUSES = (409, 412, 403, 503)


@dataclass
class Volume:
    """A block volume."""

    id: str
    zone: str
    name: str
    status: str = "in_use"
    tags: list[str] = field(default_factory=list)
    made: str = field(default_factory=now)

    def told(self) -> Json:
        """As the block API does."""
        return {
            "id": self.id,
            "name": self.name,
            "type": "sbs_5k",
            "size": 10_000_000_000,
            "project_id": PROJECT,
            "created_at": self.made,
            "updated_at": self.made,
            "references": [],
            "status": self.status,
            "tags": self.tags,
            "zone": self.zone,
        }


@dataclass
class Address:
    """A public address; one that is not reserved goes with its server."""

    id: str
    zone: str
    tags: list[str]
    number: int
    reserved: bool = True
    server: str | None = None

    def told(self) -> Json:
        """As the Instances API does."""
        return {
            "id": self.id,
            "address": f"51.15.{self.number // 256 % 256}.{self.number % 256}",
            "prefix": None,
            "reverse": None,
            "server": None if self.server is None else {"id": self.server, "name": "server"},
            "organization": PROJECT,
            "project": PROJECT,
            "tags": self.tags,
            "type": "routed_ipv4",
            "state": "detached" if self.server is None else "attached",
            "dynamic": not self.reserved,
            "zone": self.zone,
        }


@dataclass
class Machine:
    """A server."""

    id: str
    zone: str
    asked: Json
    volume: Volume
    addresses: list[Address]
    fate: str
    by_delete: bool = True  # ended when it is "stopped in place"; else by terminate
    state: str = "stopped"
    detail: str = ""
    user_data: bytes = b""
    computer: Computer | None = None
    changed_at: float = 0.0  # when its state last changed by itself, by the monotonic clock
    made: str = field(default_factory=now)

    def told(self) -> Json:
        """As the Instances API does."""
        return {
            "id": self.id,
            "name": self.asked["name"],
            "hostname": self.asked["name"],
            "arch": "x86_64",
            "commercial_type": self.asked["commercial_type"],
            "boot_type": self.asked.get("boot_type", "local"),
            "organization": self.asked.get("project", PROJECT),
            "project": self.asked.get("project", PROJECT),
            "dynamic_ip_required": self.asked.get("dynamic_ip_required", True),
            "image": {"id": self.asked["image"], "name": "Ubuntu 22.04 Jammy Jellyfish"},
            "public_ip": self.addresses[0].told() if self.addresses else None,
            "public_ips": [one.told() for one in self.addresses],
            "state": self.state,
            "state_detail": self.detail,
            "tags": self.asked.get("tags", []),
            "volumes": {
                "0": {
                    "boot": False,
                    "id": self.volume.id,
                    "volume_type": "sbs_volume",
                    "zone": self.zone,
                }
            },
            "creation_date": self.made,
            "modification_date": self.made,
            "maintenances": [],
            "private_nics": [],
            "zone": self.zone,
        }


def images(zone: str) -> list[Json]:
    """Of one zone: for another processor, for local storage, and those to take."""

    def image(kind: str, arch: str, types: tuple[str, ...], label: str = LABEL) -> Json:
        return {
            "id": new_id(),
            "arch": arch,
            "label": label,
            "zone": zone,
            "type": kind,
            "compatible_commercial_types": list(types),
        }

    return [
        image("instance_sbs", "arm64", ("AMP2-C1", "AMP2-C2")),
        image("instance_local", "x86_64", TYPES),
        image("instance_sbs", "x86_64", TYPES),
        image("instance_sbs", "x86_64", GPU_TYPES, GPU_LABEL),
    ]
