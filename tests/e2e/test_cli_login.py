"""`mecapy login` by the device flow, on a real Keycloak, and what becomes of the login."""

import json
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import services
from support.api import Json
from support.keycloak import SDK, Browser, claims_of
from support.person import Person
from support.server import Server


@pytest.fixture(scope="module")
def certificate() -> str:
    """What Keycloak is trusted by."""
    services.start("keycloak")
    return str(services.FOLDER / "keycloak" / "cert.pem")


@pytest.fixture(scope="module")
def server(certificate: str) -> Iterator[Server]:
    """A server whose callers a realm vouches for."""
    one = Server(oidc_issuer=services.told("keycloak"), oidc_ca=certificate)
    try:
        yield one.start()
    finally:
        one.remove()


@pytest.fixture
def person(certificate: str, tmp_path: Path) -> Person:
    """Somebody who trusts that Keycloak, and is not logged in."""
    someone = Person(tmp_path)
    someone.settings["MECAPY_CA"] = certificate
    return someone


def decide(person: Person, server: Server, certificate: str, **decision: str) -> tuple[int, str]:
    """Log in at the command line, and agree, or not, in a browser; status and words."""
    process = person.begins("login", server.url)
    assert process.stderr is not None
    said = ""
    while not (found := re.search(r"(https://\S+user_code=\S+)[^$]*Ctrl-C leaves", said)):
        line = process.stderr.readline()
        assert line, said
        said += line
    browser = Browser(certificate)
    browser.submit(browser.log_in(found[1], "demo"), **decision)
    out, errors = process.communicate(timeout=40)
    assert out == ""
    return process.returncode, said + errors


@pytest.fixture
def login(person: Person, server: Server, certificate: str) -> Json:
    """A login that the demo user agreed to, as it was saved."""
    status, said = decide(person, server, certificate, accept="Yes")
    assert status == 0, said
    assert "Logged in as" in said
    assert f"You log in to {server.url} by {services.told('keycloak')}." in said
    return dict(json.loads(person.login_file.read_text()))


def change(person: Person, **members: object) -> None:
    """Change the saved login, as another program might."""
    saved = json.loads(person.login_file.read_text())
    person.login_file.write_text(json.dumps(saved | members))


def test_a_person_logs_in_with_a_browser(person: Person, server: Server, login: Json) -> None:
    assert set(login) == {
        "url",
        "token",
        "expires_at",
        "refresh_token",
        "token_endpoint",
        "client_id",
        "revocation_endpoint",
    }
    assert (login["url"], login["client_id"]) == (server.url, SDK)
    assert time.time() < login["expires_at"] < time.time() + 301
    assert stat.S_IMODE(person.login_file.stat().st_mode) == 0o600
    me = person.gets("whoami", "--json")
    assert (me["user"], me["server"]) == (claims_of(login["token"])["sub"], server.url)
    (person.home / "calc.py").write_text("def calculate(i):\n    return i['x'] * 2\n")
    assert person.gets("run", "calc.py", "-i", "x=21", "--remote") == 42


def test_a_login_that_is_over_soon_is_renewed_and_saved(person: Person, login: Json) -> None:
    person.does("whoami")
    assert json.loads(person.login_file.read_text()) == login  # it has time yet
    change(person, expires_at=time.time() + 29)
    person.does("whoami")
    renewed = json.loads(person.login_file.read_text())
    assert renewed["token"] != login["token"]
    assert renewed["expires_at"] > time.time() + 60
    assert stat.S_IMODE(person.login_file.stat().st_mode) == 0o600


def test_a_token_that_is_refused_is_renewed_once(person: Person, login: Json) -> None:
    header, claims, _ = login["token"].split(".")
    change(person, token=f"{header}.{claims}.AAAA")
    person.does("runs")
    assert json.loads(person.login_file.read_text())["token"].split(".")[2] != "AAAA"


@pytest.mark.usefixtures("login")
def test_a_login_that_cannot_be_renewed_says_to_log_in_again(person: Person) -> None:
    change(person, expires_at=1, refresh_token="none")
    done = person.does("whoami", status=77)
    assert "the saved login is over" in done.stderr
    assert "-> mecapy login http" in done.stderr


def test_a_login_that_somebody_logged_out_of_is_renewed_for_nobody(
    person: Person, login: Json
) -> None:
    assert "renews it for nobody any more" in person.does("logout").stderr
    person.login_file.touch(mode=0o600)
    person.login_file.write_text(json.dumps(login))  # a copy that somebody has
    change(person, expires_at=1)
    assert "the saved login is over" in person.does("whoami", status=77).stderr


def test_who_refuses_in_the_browser_is_not_logged_in(
    person: Person, server: Server, certificate: str
) -> None:
    status, said = decide(person, server, certificate, cancel="No")
    assert status == 77
    assert "refused in the browser" in said
    assert not person.login_file.exists()


def test_a_login_may_be_left_with_ctrl_c(person: Person, server: Server) -> None:
    terminal = person.at_terminal("login", server.url)
    terminal.expect("Ctrl-C leaves.")
    terminal.types("\x03")
    assert terminal.ends() in (130, -2)
    assert not person.login_file.exists()


def test_a_server_of_an_issuer_tells_where_people_log_in(server: Server) -> None:
    told = server.api(None).read("/.well-known/oauth-protected-resource")
    assert told == {
        "resource": server.url,
        "authorization_servers": [services.told("keycloak")],
        "bearer_methods_supported": ["header"],
        "mecapy_client_id": SDK,
    }


def test_an_issuer_that_is_not_trusted_is_told_with_the_variable(
    server: Server, tmp_path: Path
) -> None:
    done = Person(tmp_path).does("login", server.url, status=69)
    assert "certificate" in done.stderr
    assert "MECAPY_CA" in done.stderr
