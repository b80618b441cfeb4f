"""Keycloak as its clients and its users see it."""

import base64
import hashlib
import json
import secrets
import ssl
from html.parser import HTMLParser

import httpx

PASSWORD = "mecapy-for-tests"
SDK = "mecapy-sdk"
# Where a program of the user's own machine waits for its code, on whatever port is free.
CALLBACK = "http://127.0.0.1:49152/callback"


def trusting(certificate: str) -> ssl.SSLContext:
    """Trust in this one certificate."""
    return ssl.create_default_context(cafile=certificate)


def claims_of(token: str) -> dict[str, object]:
    """What a token says."""
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


class Pkce:
    """A client's secret, and what it shows of it at first (RFC 7636)."""

    def __init__(self) -> None:
        """Make one up."""
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        self.shown = {"code_challenge": challenge, "code_challenge_method": "S256"}


class Realm:
    """Gets tokens as clients do."""

    def __init__(self, issuer: str, certificate: str) -> None:
        """Of this realm."""
        self.http = httpx.Client(
            base_url=issuer + "/protocol/openid-connect", verify=trusting(certificate), timeout=30
        )

    def ask(self, **form: str) -> httpx.Response:
        """The answer to one grant, whatever it is."""
        return self.http.post("/token", data=form)

    def token(self, **form: str) -> str:
        """The access token of one grant."""
        answer = self.ask(**form)
        assert answer.status_code == 200, answer.text
        self.last = answer.json()
        return str(self.last["access_token"])

    def of_user(self, name: str, client: str = "test-direct") -> str:
        """The access token of somebody's password."""
        form = {"grant_type": "password", "username": name, "password": PASSWORD}
        return self.token(**form, client_id=client, scope="openid")

    def of_service(self) -> str:
        """The access token of the worker's service account."""
        return self.token(
            grant_type="client_credentials", client_id="mecapy-worker", client_secret=PASSWORD
        )

    def login_url(self, **shown: str) -> str:
        """Where the SDK's client sends a browser; its state is "mine"."""
        query = {"response_type": "code", "client_id": SDK, "scope": "openid", "state": "mine"}
        url = httpx.URL(f"{self.http.base_url}auth", params=query | {"redirect_uri": CALLBACK})
        return str(url.copy_merge_params(shown))


class _Form(HTMLParser):
    """The first form of a page: where it goes and what it carries unseen."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.hidden: dict[str, str] = {}
        self.feed(page)
        assert self.action, f"a page without a form: {page}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = self.action or said["action"]
        elif tag == "input" and said.get("type") == "hidden":
            self.hidden[said["name"]] = said.get("value", "")


class Browser:
    """Somebody before Keycloak's pages, who was never there."""

    def __init__(self, certificate: str) -> None:
        """Without cookies."""
        self.http = httpx.Client(verify=trusting(certificate), timeout=30)

    def visit(self, url: str) -> httpx.Response:
        """The page there, or the answer that leads away from Keycloak."""
        return self._follow(self.http.get(url))

    def submit(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Fill in the page's form; what comes then."""
        form = _Form(page.text)
        return self._follow(self.http.post(page.url.join(form.action), data=form.hidden | fields))

    def log_in(self, url: str, name: str) -> httpx.Response:
        """Visit a page that asks who one is, and say so; what comes then."""
        return self.submit(self.visit(url), username=name, password=PASSWORD)

    def _follow(self, answer: httpx.Response) -> httpx.Response:
        while (then := answer.next_request) and then.url.netloc == answer.url.netloc:
            answer = self.http.send(then)
        return answer


def handed_over(answer: httpx.Response) -> dict[str, str]:
    """What the answer has the browser carry to the program that waits for it."""
    assert answer.status_code == 302, answer.text
    there = httpx.URL(answer.headers["location"])
    assert str(there.copy_with(query=None)) == CALLBACK
    return dict(there.params)
