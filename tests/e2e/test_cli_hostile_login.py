"""Logging in, and staying so, where a provider has its ways and others are at work."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from support.hostile import Hostile, hostile_server
from support.person import Person


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    """The server."""
    with hostile_server() as server:
        yield server


@pytest.fixture
def person(hostile: Hostile, tmp_path: Path) -> Person:
    """Somebody who works there."""
    return Person(tmp_path, hostile.url, "token")


def provider(hostile: Hostile) -> None:
    """Have it log people in, too; its code is good for 30 seconds, and to be asked for each."""
    told = {
        "resource": hostile.url,
        "authorization_servers": [hostile.url],
        "mecapy_client_id": "sdk",
    }
    found = {
        "issuer": hostile.url,
        "device_authorization_endpoint": f"{hostile.url}/device",
        "token_endpoint": f"{hostile.url}/token",
    }
    code = {"device_code": "d", "user_code": "ABCD", "verification_uri": "https://i.example/d"}
    for path, answer in (("oauth-protected-resource", told), ("openid-configuration", found)):
        hostile.answers[f"/.well-known/{path}"] = (200, json.dumps(answer).encode())
    hostile.grants.append((200, json.dumps(code | {"interval": 1, "expires_in": 30}).encode()))
    hostile.answers["/api/me"] = (200, b'{"user":"ada"}')


def grant(**members: object) -> bytes:
    """An answer of the token endpoint."""
    return json.dumps(members).encode()


def test_the_device_flow_goes_as_slowly_as_it_is_told(hostile: Hostile, person: Person) -> None:
    provider(hostile)
    hostile.grants += [
        (400, grant(error="authorization_pending")),
        (400, grant(error="slow_down")),
        (200, grant(access_token="a", expires_in=300, refresh_token="r")),
    ]
    done = person.does("login", hostile.url)
    assert "There type the code ABCD" in done.stderr
    assert "https://i.example/d" in done.stderr
    assert f"You log in to {hostile.url} by {hostile.url}" in done.stderr
    for body in hostile.bodies:
        assert f"resource={quote(hostile.url, safe='')}&" in body + "&"
    assert "Logged in as ada" in done.stderr
    device, first, second, third = (when for _, when in hostile.posts)
    assert first - device >= 0.9
    assert 0.9 <= second - first < 5
    assert third - second >= 5.9  # RFC 8628, section 3.5: five more from now on
    assert json.loads(person.login_file.read_text())["refresh_token"] == "r"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        ("access_denied", 77, "refused in the browser"),
        ("expired_token", 75, "nobody agreed"),
        ("invalid_client", 77, "invalid_client"),
    ],
)
def test_a_login_that_comes_to_nothing_says_why(
    hostile: Hostile, person: Person, error: str, status: int, said: str
) -> None:
    provider(hostile)
    hostile.grants.append((400, grant(error=error)))
    assert said in person.does("login", hostile.url, status=status).stderr
    assert not person.login_file.exists()


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)//",
        "file:///etc/passwd",
        "http://i.example/d",
        "https://i.example/\x1b[2J",
        "https://i.example/\u202ed",
        "i.example",
    ],
)
@pytest.mark.parametrize("member", ["verification_uri", "verification_uri_complete"])
def test_nobody_is_sent_to_what_is_no_web_page(
    hostile: Hostile, person: Person, member: str, address: str
) -> None:
    provider(hostile)
    code = json.loads(hostile.grants.pop()[1])
    hostile.grants.append((200, json.dumps(code | {member: address}).encode()))
    done = person.does("login", hostile.url, status=69)
    assert "no address of a web page" in done.stderr
    assert address not in done.stderr


def test_times_beyond_all_bounds_are_no_trouble(hostile: Hostile, person: Person) -> None:
    provider(hostile)
    code = json.loads(hostile.grants.pop()[1]) | {"interval": -1e300, "expires_in": 1e300}
    hostile.grants.append((200, json.dumps(code).encode()))
    hostile.grants.append((200, grant(access_token="a", expires_in=1e300, refresh_token="r")))
    person.does("login", hostile.url)
    assert 0 < json.loads(person.login_file.read_text())["expires_at"] < 1e10


@pytest.mark.parametrize("place", ["device_authorization_endpoint", "token_endpoint"])
def test_no_secret_goes_to_a_provider_without_tls(
    hostile: Hostile, person: Person, place: str
) -> None:
    provider(hostile)
    path = "/.well-known/openid-configuration"
    found = json.loads(hostile.answers[path][1]) | {place: "http://10.0.0.1/x"}
    hostile.answers[path] = (200, json.dumps(found).encode())
    done = person.does("login", hostile.url, status=69)
    assert "no login for programs" in done.stderr
    assert hostile.posts == []


# ---- logging out


def log_in_with_revocation(hostile: Hostile, person: Person) -> None:
    """Have a login whose provider can take it back."""
    provider(hostile)
    path = "/.well-known/openid-configuration"
    found = json.loads(hostile.answers[path][1]) | {"revocation_endpoint": f"{hostile.url}/revoke"}
    hostile.answers[path] = (200, json.dumps(found).encode())
    hostile.grants.append((200, grant(access_token="a", expires_in=300, refresh_token="r")))
    person.does("login", hostile.url)
    hostile.bodies.clear()


def test_who_logs_out_has_the_provider_take_the_login_back(
    hostile: Hostile, person: Person
) -> None:
    log_in_with_revocation(hostile, person)
    hostile.grants.append((200, b""))
    done = person.does("logout")
    assert hostile.bodies == ["token=r&token_type_hint=refresh_token&client_id=sdk"]
    assert "renews it for nobody any more" in done.stderr
    assert not person.login_file.exists()


@pytest.mark.parametrize("answer", [(503, b""), (302, b""), (400, b'{"error":"invalid_client"}')])
def test_who_logs_out_is_told_when_the_provider_does_not_take_it_back(
    hostile: Hostile, person: Person, answer: tuple[int, bytes]
) -> None:
    log_in_with_revocation(hostile, person)
    hostile.grants.append(answer)
    done = person.does("logout")
    assert "was not told" in done.stderr
    assert not person.login_file.exists()


def test_who_logs_out_of_a_provider_without_a_place_for_it_is_told(
    hostile: Hostile, person: Person
) -> None:
    provider(hostile)
    hostile.grants.append((200, grant(access_token="a", expires_in=300, refresh_token="r")))
    person.does("login", hostile.url)
    assert "no place for that" in person.does("logout").stderr
    assert not person.login_file.exists()


# ---- the saved login


@pytest.mark.parametrize("done", ["login elsewhere", "login here", "logout"])
def test_a_renewal_leaves_what_was_done_with_the_login_meanwhile(
    hostile: Hostile, person: Person, done: str
) -> None:
    def saves(login: Mapping[str, object] | None) -> None:
        person.login_file.unlink(missing_ok=True)
        if login is not None:
            person.login_file.parent.mkdir(parents=True, exist_ok=True)
            person.login_file.touch(mode=0o600)
            person.login_file.write_text(json.dumps(login))

    old = {
        "url": hostile.url,
        "token": "old",
        "expires_at": 1,
        "refresh_token": "r1",
        "token_endpoint": f"{hostile.url}/token",
        "client_id": "sdk",
    }
    after = {
        "login elsewhere": {"url": "https://b.example", "token": "of-another-server"},
        "login here": {"url": hostile.url, "token": "of-somebody-else-here"},
        "logout": None,
    }[done]
    del person.settings["MECAPY_TOKEN"], person.settings["MECAPY_URL"]
    saves(old)
    hostile.meanwhile = lambda: saves(after)
    hostile.grants = [(200, grant(access_token="new", expires_in=300, refresh_token="r2"))]
    hostile.answers["/api/me"] = (200, b'{"user":"ada"}')
    person.does("whoami")
    there = json.loads(person.login_file.read_text()) if person.login_file.exists() else None
    assert there == after
    assert hostile.tokens == ["new"]
