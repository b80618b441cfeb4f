"""What there is in the simulated OpenStack, its words, and what it refuses."""

import base64
import binascii
import time
from dataclasses import dataclass, field

from clouds.cloud import Computer
from clouds.web import Answer, Json, tell

CREDENTIAL = ("0c7e3e9a5d6f4b1f8a2d4c6e8f0a1b2c", "simulated-secret")
USER = ("user-simulated", "simulated-password")
PROJECT = "a3b1c5d7e9f04a6b8c0d2e4f6a8b0c1d"
REGION = "GRA11"
NETWORK = "581fad02-158d-4dc6-81f0-c1ec2794bbec"
FLAVORS = tuple(f"e81b46c0-7d9a-4b6d-9d5b-2f1d2c3b4a{number:02x}" for number in range(40))
IMAGE = "3d1a2d9c-6a57-4c1f-8f0e-6f3f1a2b9c7d"
KEY = "operator"
TOKENS_A_MINUTE = 60
# Seconds of the real cloud.
BUILDING = 30.0
DELETING = 8.0
LONGEST_USER_DATA = 65_535
OTHERS = "http://127.0.0.1:1/not-this-one"
FAULTS = {
    "busy": (429, "overLimit", "Too many requests."),
    "error": (
        500,
        "computeFault",
        "Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/ and attach the"
        " Nova API log if possible.\n<class 'oslo_messaging.exceptions.MessagingTimeout'>",
    ),
    "transient": (409, "conflictingRequest", "Cannot do it while it is in task_state spawning"),
    "quota": (
        403,
        "forbidden",
        "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances",
    ),
    "forbidden": (403, "forbidden", "Policy doesn't allow it to be performed."),
}


def fault(status: int, name: str, message: str) -> Answer:
    """In nova's words."""
    return tell(status, {name: {"code": status, "message": message}})


def unauthorized() -> Answer:
    """In keystone's words."""
    message = "The request you have made requires authentication."
    return tell(
        401,
        {"error": {"code": 401, "message": message, "title": "Unauthorized"}},
        WWW_Authenticate='Keystone uri="http://127.0.0.1"',
    )


def stamp(at: float, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """UTC."""
    return time.strftime(form, time.gmtime(at))


@dataclass
class Instance:
    """A server."""

    id: str
    asked: Json
    fate: str
    status: str = "BUILD"
    task: str | None = "spawning"
    wrong: str = ""
    computer: Computer | None = None
    made: float = field(default_factory=time.time)

    def told(self, url: str) -> Json:
        """As nova does."""
        value: Json = {
            "id": self.id,
            "name": self.asked["name"],
            "status": self.status,
            "tenant_id": PROJECT,
            "user_id": USER[0],
            "metadata": self.asked.get("metadata", {}),
            "flavor": {"id": self.asked["flavorRef"], "links": []},
            "image": {"id": self.asked["imageRef"], "links": []},
            "key_name": self.asked.get("key_name"),
            "addresses": {},
            "created": stamp(self.made),
            "updated": stamp(self.made),
            "links": [{"rel": "self", "href": f"{url}/servers/{self.id}"}],
            "OS-EXT-STS:task_state": self.task,
            "OS-EXT-STS:power_state": 1 if self.status == "ACTIVE" else 0,
        }
        if self.status == "ACTIVE":
            value["addresses"] = {"Ext-Net": [{"version": 4, "addr": "51.68.0.9"}]}
        if self.status == "ERROR":
            value["fault"] = {"code": 500, "message": self.wrong, "created": stamp(self.made)}
        return value


def wrong_auth(auth: Json) -> tuple[list[str], bool]:
    """What is wrong with it, and whether it is by password, and so names its project."""
    identity = auth.get("identity", {})
    if auth.keys() - {"identity", "scope"} or identity.keys() - {
        "methods",
        "application_credential",
        "password",
    }:
        return ["auth has fields that are none of it"], False
    match identity.get("methods"):
        case ["application_credential"]:
            if "scope" in auth:
                return ["an application credential takes no scope"], False
            expected = {"id": CREDENTIAL[0], "secret": CREDENTIAL[1]}
            fine = identity.get("application_credential") == expected
            return ([] if fine else ["the application credential is not known"]), False
        case ["password"]:
            user = {"name": USER[0], "domain": {"name": "Default"}, "password": USER[1]}
            fine = identity.get("password") == {"user": user}
            fine = fine and auth.get("scope") == {"project": {"id": PROJECT}}
            return ([] if fine else ["user, password or scope are not known"]), True
    return ["methods is not one of the two"], False


def wrong_values(asked: Json) -> list[str]:
    """What is wrong with what a server is asked for with."""
    wrong = []
    if asked.get("flavorRef") not in FLAVORS:
        wrong.append("flavorRef is not known")
    if asked.get("imageRef") != IMAGE:
        wrong.append("imageRef is not known")
    if asked.get("networks") != [{"uuid": NETWORK}]:
        wrong.append("networks is not the one of Ext-Net")
    if asked.get("key_name", KEY) != KEY:
        wrong.append("key_name is not known")
    metadata = asked.get("metadata")
    if not isinstance(metadata, dict) or not all(
        isinstance(text, str) and len(text) <= 255 and len(name) <= 255
        for name, text in metadata.items()
    ):
        wrong.append("metadata is not of texts of 255 characters at most")
    data = asked.get("user_data")
    try:
        plain = base64.b64decode(str(data), validate=True)
    except binascii.Error:
        return [*wrong, "user_data is not base64"]
    if len(str(data)) > LONGEST_USER_DATA:
        wrong.append("user_data is longer than 65535 bytes")
    if not plain.startswith(b"#cloud-config\n"):
        wrong.append("user_data does not begin with #cloud-config")
    return wrong
