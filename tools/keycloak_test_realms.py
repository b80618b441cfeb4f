"""The realm that we ship, made ready for tests: usage: keycloak_test_realms.py REALM.json FOLDER.

Writes two realms into FOLDER: "mecapy" with a demo user, an administrator and clients that tests
get tokens from, and "other", which has the same and must open nothing.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def user(name: str, password: str, roles: list[str]) -> Json:
    """A user who can log in at once."""
    return {
        "username": name,
        "email": f"{name}@example.org",
        "emailVerified": True,
        "firstName": name.capitalize(),
        "lastName": "Example",
        "enabled": True,
        "credentials": [{"type": "password", "value": password}],
        "realmRoles": roles,
    }


def main(realm_file: str, folder: str) -> None:
    """Write both realms."""
    password = os.environ["PASSWORD"]
    realm: Json = json.loads(Path(realm_file).read_text())
    [sdk] = [client for client in realm["clients"] if client["clientId"] == "mecapy-sdk"]
    direct = copy.deepcopy(sdk) | {"clientId": "test-direct", "directAccessGrantsEnabled": True}
    direct["attributes"] = {}
    elsewhere = copy.deepcopy(direct) | {"clientId": "test-elsewhere"}
    elsewhere["defaultClientScopes"] = [s for s in sdk["defaultClientScopes"] if s != "mecapy-api"]
    brief = copy.deepcopy(direct) | {"clientId": "test-brief"}
    brief["attributes"] = {"access.token.lifespan": "1"}
    elliptic = copy.deepcopy(direct) | {"clientId": "test-es256"}
    elliptic["attributes"] = {"access.token.signed.response.alg": "ES256"}
    realm["clients"] += [direct, elsewhere, brief, elliptic]
    realm["users"] = [
        user("demo", password, ["default-roles-mecapy"]),
        user("boss", password, ["default-roles-mecapy", "mecapy-admin"]),
    ]
    other = copy.deepcopy(realm) | {"realm": "other"}
    for one in other["users"]:
        one["realmRoles"] = [role for role in one["realmRoles"] if role == "mecapy-admin"]
    for made in (realm, other):
        target = Path(folder) / f"{made['realm']}-realm.json"
        target.write_text(json.dumps(made, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
