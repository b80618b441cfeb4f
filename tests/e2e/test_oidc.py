"""Callers that Keycloak vouches for, by its real tokens; and tokens it gave for something else."""

import base64
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from support import services
from support.api import Api, expect_problem
from support.forged import FORGERIES, Loot, OwnKey
from support.keycloak import (
    CALLBACK,
    PASSWORD,
    SDK,
    Browser,
    Pkce,
    Realm,
    claims_of,
    handed_over,
    trusting,
)
from support.server import Server
from support.waiting import wait_until

DOUBLES = "def calculate(inputs):\n    return inputs['x'] * 2\n"


@pytest.fixture(scope="module")
def issuer() -> str:
    """The realm."""
    services.start()
    return services.told("keycloak")


@pytest.fixture(scope="module")
def certificate() -> str:
    """What Keycloak is trusted by."""
    return str(services.FOLDER / "keycloak" / "cert.pem")


@pytest.fixture(scope="module")
def server(issuer: str, certificate: str) -> Iterator[Server]:
    """A server whose callers the realm vouches for."""
    one = Server(oidc_issuer=issuer, oidc_ca=certificate, oidc_skew_s=0)
    try:
        yield one.start()
    finally:
        one.remove()


@pytest.fixture(scope="module")
def realm(issuer: str, certificate: str) -> Realm:
    """The realm as its clients see it."""
    return Realm(issuer, certificate)


def expect_refused(server: Server, token: str, why: str) -> None:
    """The API does not let this token in, and says why."""
    with Api(server.url, token) as api:
        problem = expect_problem(api.get("/api/tasks"), 401, "unauthorized")
        assert why in problem["detail"], problem
        body = {"code": DOUBLES, "inputs": {"x": 1}}
        expect_problem(api.post("/api/tasks/execute", body), 401, "unauthorized")


def test_users_have_tasks_of_their_own(server: Server, realm: Realm) -> None:
    demo, boss = server.api(realm.of_user("demo")), server.api(realm.of_user("boss"))
    task = demo.create(DOUBLES)
    assert demo.execute(str(task["id"]), {"x": 21})["result"] == 42
    assert boss.get(f"/api/tasks/{task['id']}").status_code == 404
    again = server.api(realm.of_user("demo"))  # another token of the same user
    assert again.read(f"/api/tasks/{task['id']}")["id"] == task["id"]


def test_a_service_account_is_a_caller(server: Server, realm: Realm) -> None:
    assert server.api(realm.of_service()).calculate(DOUBLES, {"x": 2})["result"] == 4


def test_es256_is_as_good(server: Server, realm: Realm) -> None:
    token = realm.of_user("demo", "test-es256")
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    assert header["alg"] == "ES256"
    assert server.api(token).calculate(DOUBLES, {"x": 3})["result"] == 6


def expect_good(server: Server, token: str) -> None:
    """The API takes this token of the demo user's, tells him who he is, and calculates."""
    api = server.api(token)
    someone = {"user": claims_of(token)["sub"], "admin": False, "proof": "openid_connect"}
    assert api.read("/api/me") == someone
    assert api.calculate(DOUBLES, {"x": 4})["result"] == 8


def test_a_login_by_browser_with_pkce(server: Server, realm: Realm, certificate: str) -> None:
    pkce = Pkce()
    given = handed_over(Browser(certificate).log_in(realm.login_url(**pkce.shown), "demo"))
    assert given["state"] == "mine"
    exchange = {"grant_type": "authorization_code", "client_id": SDK, "redirect_uri": CALLBACK}
    token = realm.token(**exchange, code=given["code"], code_verifier=pkce.verifier)
    assert claims_of(token)["preferred_username"] == "demo"
    expect_good(server, token)
    assert realm.ask(**exchange, code=given["code"], code_verifier=pkce.verifier).is_client_error


@pytest.mark.parametrize(
    "shown",
    [{}, {"code_challenge": "x" * 43, "code_challenge_method": "plain"}],
    ids=["none", "plain"],
)
def test_a_login_without_pkce_does_not_begin(
    realm: Realm, certificate: str, shown: dict[str, str]
) -> None:
    given = handed_over(Browser(certificate).visit(realm.login_url(**shown)))
    assert given["error"] == "invalid_request"
    assert "code challenge" in given["error_description"].replace("_", " ")
    assert "code" not in given


@pytest.mark.parametrize("said", [{}, {"code_verifier": "x" * 43}], ids=["none", "another"])
def test_a_code_without_its_verifier_gives_no_token(
    realm: Realm, certificate: str, said: dict[str, str]
) -> None:
    given = handed_over(Browser(certificate).log_in(realm.login_url(**Pkce().shown), "demo"))
    exchange = {"grant_type": "authorization_code", "client_id": SDK, "redirect_uri": CALLBACK}
    answer = realm.ask(**exchange, code=given["code"], **said)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] == "invalid_grant"


def test_a_device_is_let_in_by_its_user(server: Server, realm: Realm, certificate: str) -> None:
    asked = {"client_id": SDK, "scope": "openid"}
    answer = realm.http.post("/auth/device", data=asked)
    assert answer.status_code == 400, "the realm asks for PKCE there, too"
    pkce = Pkce()
    answer = realm.http.post("/auth/device", data=asked | pkce.shown)
    assert answer.status_code == 200, answer.text
    device = answer.json()
    grant = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "client_id": SDK,
        "device_code": str(device["device_code"]),
    }
    early = realm.ask(**grant, code_verifier=pkce.verifier)
    assert (early.status_code, early.json()["error"]) == (400, "authorization_pending")
    browser = Browser(certificate)
    consent = browser.log_in(device["verification_uri_complete"], "demo")
    assert "Success" in browser.submit(consent, accept="Yes").text

    polls = [early]
    next_poll = time.monotonic() + device["interval"]

    def let_in() -> bool:
        nonlocal next_poll
        if time.monotonic() < next_poll:
            return False
        next_poll += device["interval"]
        polls.append(realm.ask(**grant, code_verifier=pkce.verifier))
        return polls[-1].status_code == 200

    wait_until("the device has its token", let_in, 30)
    expect_good(server, str(polls[-1].json()["access_token"]))


def test_the_realms_role_is_told_as_admin(server: Server, realm: Realm) -> None:
    for name, admin in (("boss", True), ("demo", False)):
        token = realm.of_user(name)
        told = server.api(token).read("/api/me")
        expected = {"user": claims_of(token)["sub"], "admin": admin, "proof": "openid_connect"}
        assert told == expected


def test_the_sdks_client_takes_no_password(realm: Realm) -> None:
    form = {"grant_type": "password", "username": "demo", "password": PASSWORD}
    answer = realm.http.post("/token", data={**form, "client_id": "mecapy-sdk"})
    assert answer.status_code in (400, 401), answer.text


def test_a_token_for_somebody_else_is_refused(server: Server, realm: Realm) -> None:
    token = realm.of_user("demo", "test-elsewhere")
    assert "mecapy-api" not in json.dumps(claims_of(token).get("aud", ""))
    expect_refused(server, token, "not for mecapy-api")


def test_a_token_of_another_realm_is_refused(server: Server, issuer: str, certificate: str) -> None:
    other = Realm(issuer.replace("/mecapy", "/other"), certificate)
    expect_refused(server, other.of_user("demo"), "nobody knows its key")


def test_an_id_or_refresh_token_opens_nothing(server: Server, realm: Realm) -> None:
    realm.of_user("demo")
    expect_refused(server, str(realm.last["id_token"]), "the token is not valid")
    expect_refused(server, str(realm.last["refresh_token"]), "the token is not valid")


def test_an_expired_token_is_refused(server: Server, realm: Realm) -> None:
    tokens: list[str] = []

    def taken_while_good() -> bool:
        tokens.append(realm.of_user("demo", "test-brief"))
        return server.api(tokens[-1]).get("/api/tasks").status_code == 200

    # It is good for less than a second, which a busy machine may need to get here.
    wait_until("a token is taken within its time", taken_while_good, 30)
    token = tokens[-1]
    expires = float(str(claims_of(token)["exp"]))
    wait_until("its time is over", lambda: time.time() > expires + 0.1)
    expect_refused(server, token, "it has expired")


@pytest.fixture(scope="module")
def loot(
    realm: Realm, issuer: str, certificate: str, tmp_path_factory: pytest.TempPathFactory
) -> Loot:
    """What a forger can have: good tokens of the demo user's, and what is public."""
    return Loot(
        token=realm.of_user("demo"),
        token_es256=realm.of_user("demo", "test-es256"),
        token_of_other_realm=Realm(issuer.replace("/mecapy", "/other"), certificate).of_user(
            "demo"
        ),
        keys=realm.http.get("/certs").json()["keys"],
        own=OwnKey(tmp_path_factory.mktemp("forger")),
    )


def made(data_dir: Path) -> list[int]:
    """How many tasks and runs there are, whoever's they are."""
    with closing(sqlite3.connect(f"file:{data_dir}/mecapy.db?mode=ro", uri=True)) as database:
        tables = ("tasks", "task_versions", "runs")
        return [database.execute(f"SELECT COUNT(*) FROM {one}").fetchone()[0] for one in tables]


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_token_opens_nothing(server: Server, loot: Loot, name: str) -> None:
    forge, why = FORGERIES[name]
    # What it was forged from is good: it is refused for what the forger did.
    for good in (loot.token, loot.token_es256):
        assert server.api(good).get("/api/me").status_code == 200
    before = made(server.data_dir)
    forged = forge(loot)
    expect_refused(server, forged, why)
    with Api(server.url, forged) as api:
        for path in ("/api/me", "/api/runs"):
            expect_problem(api.get(path), 401, "unauthorized")
        expect_problem(api.post("/api/tasks", {"name": "n", "code": DOUBLES}), 401, "unauthorized")
    assert made(server.data_dir) == before


def test_tokens_of_our_own_are_of_no_use_there(server: Server) -> None:
    expect_refused(server, "e2e-token-of-the-local-user", "it is no signed JWT")


def test_readiness_tells_of_the_provider(server: Server) -> None:
    with Api(server.url, None) as nobody:
        assert nobody.read("/health/ready")["parts"]["identity"] == {"status": "ok"}


def test_a_provider_that_is_away_is_no_refusal(certificate: str, realm: Realm) -> None:
    one = Server(oidc_issuer="https://127.0.0.1:1/realms/mecapy", oidc_ca=certificate)
    try:
        api = one.start().api(realm.of_user("demo"))
        answer = api.get("/api/tasks")
        assert answer.status_code == 503, answer.text
        ready = api.get("/health/ready")
        assert ready.status_code == 503
        why = ready.json()["parts"]["identity"]["why"]
        assert why.count("cannot be asked") == 1, why
        assert answer.json()["detail"].count("cannot be asked") == 1, answer.text
        told = f"MecaPy listens at {one.url}, not ready: identity: {why}"
        assert told in [line.strip() for line in one.said], one.said
        [line] = [line for line in one.errors().splitlines() if "away at the start" in line]
        assert "identity: the identity provider cannot be asked" in line
    finally:
        one.remove()


def test_a_provider_whose_certificate_is_not_trusted_is_told_with_the_setting(issuer: str) -> None:
    one = Server(oidc_issuer=issuer)
    try:
        why = one.start().api(None).get("/health/ready").json()["parts"]["identity"]["why"]
        assert "certificate" in why, why
        assert "MECAPY_OIDC_CA" in why, why
    finally:
        one.remove()


def test_a_key_of_a_rotation_is_fetched(
    server: Server, realm: Realm, issuer: str, certificate: str
) -> None:
    # With a key that the server knows then, it has no other reason to ask for more.
    assert server.api(realm.of_user("demo")).get("/api/tasks").status_code == 200
    admin = Realm(issuer.replace("/mecapy", "/master"), certificate)
    form = {"grant_type": "password", "username": "admin", "password": PASSWORD}
    bearer = {"Authorization": f"Bearer {admin.token(**form, client_id='admin-cli')}"}
    base = issuer.replace("/realms/mecapy", "/admin/realms/mecapy")
    with httpx.Client(verify=trusting(certificate), timeout=30, headers=bearer) as http:
        realm_id = http.get(base).json()["id"]
        provider = {
            "name": "rotated",
            "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "parentId": realm_id,
            "config": {"priority": ["200"], "keySize": ["2048"], "algorithm": ["RS256"]},
        }
        made = http.post(base + "/components", json=provider)
        assert made.status_code == 201, made.text
        try:
            token = realm.of_user("demo")
            api = server.api(token)
            # Others may have used up what may be fetched at once.
            wait_until("the key is known", lambda: api.get("/api/tasks").status_code == 200, 35)
        finally:
            http.delete(made.headers["Location"])
