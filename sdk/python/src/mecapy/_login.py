"""Who calls: a token, or the login that ``mecapy login`` saved.

The saved login is one JSON file, ``$XDG_CONFIG_HOME/mecapy/login.json`` (``~/.config`` when that is
no absolute path, ``%APPDATA%`` on Windows). It is the caller's own, nobody else may read it, and
links are followed. The command line (``src/client/login_file.h``) reads and writes the same one by
the same rules::

    {"url": "https://mecapy.example", "token": "..."}
    {"url": "https://mecapy.example", "token": "...", "expires_at": 1790000000,
     "refresh_token": "...", "token_endpoint": "https://...", "client_id": "mecapy-sdk",
     "revocation_endpoint": "https://..."}   (where the provider has one: for ``mecapy logout``)
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from mecapy._errors import AuthenticationError, ConfigurationError, NetworkError
from mecapy._steps import Reply, Request, Rule, Send

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
DEFAULT_URL = "http://127.0.0.1:8080"
_LARGEST = 256 * 1024  # bytes of the file
# A token that ends so soon is renewed before it is used, seconds.
_SOON_S = 30
_LONGEST_TOKEN_S = 10 * 366 * 86_400


class Login:
    """A token that somebody gave."""

    renewable = False

    def __init__(self, token: str) -> None:
        if not is_token(token):
            raise ConfigurationError("the token is empty, or holds what no token has")
        self._token = token

    def token(self, *, renew: bool) -> Rule[str]:
        """The token to send; with `renew` a new one, where there can be one."""
        del renew
        return self._token
        yield  # a rule without steps


class SavedLogin(Login):
    """What ``mecapy login`` saved, renewed when it ends and saved again.

    Meanwhile the file may become that of another login, or be removed. What is there then is taken
    only when it is for the same server, and replaced only when it is still the login that was
    renewed.
    """

    def __init__(self, path: Path, record: dict[str, Any]) -> None:
        super().__init__(str(record["token"]))
        self._path = path
        self._record = record

    @property
    def renewable(self) -> bool:  # type: ignore[override]
        """Whether another token can be had without the user."""
        return "refresh_token" in self._record

    def token(self, *, renew: bool) -> Rule[str]:
        """The saved token, or a new one when that is over, or soon."""
        over = time.time() > float(self._record.get("expires_at", "inf")) - _SOON_S
        if self.renewable and (renew or over):
            before = self._record
            self._record = self._saved() or before  # another program may have done it
            if self._record.get("token") == before.get("token"):
                yield from self._renew()
        return str(self._record["token"])

    def _renew(self) -> Rule[None]:
        fields = {
            "grant_type": "refresh_token",
            "refresh_token": self._record["refresh_token"],
            "client_id": self._record["client_id"],
        }
        request = Request(
            "POST",
            checked_url(str(self._record["token_endpoint"])),
            {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            {},
            urlencode(fields).encode(),
        )
        reply: Reply = yield Send(request)
        if reply.status >= 500:
            raise NetworkError(f"the identity provider cannot renew the login: {reply.status}")
        if reply.status != 200:
            other = self._saved()
            if other is not None and other.get("token") != self._record.get("token"):
                self._record = other  # who was quicker has spent the refresh token
                return
            raise AuthenticationError("the saved login is over: log in again with `mecapy login`")
        before = self._record["token"]
        self._record = self._record | _tokens_of(reply.content)
        # A read-only home, or a file that is not trusted any more: it is renewed again next time.
        with contextlib.suppress(OSError, ConfigurationError):
            saved = self._saved()
            # Not over what somebody did meanwhile: a logout, or a login, elsewhere or here.
            if saved is not None and saved["token"] == before:
                save_login(self._path, self._record)

    def _saved(self) -> dict[str, Any] | None:
        """What is saved now, when it is for the same server."""
        found = read_login(self._path)
        return found if found is not None and found["url"] == self._record["url"] else None


def _tokens_of(answer: bytes) -> dict[str, Any]:
    """What a provider gave, as members of a saved login; it may be a page of somebody else's."""
    try:
        given = json.loads(answer)
        token, lasts_s = given["access_token"], float(given.get("expires_in", 60))
        refresh = given.get("refresh_token")
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        token = refresh = None
        lasts_s = 0.0
    if not isinstance(token, str) or not is_token(token):
        raise NetworkError("the identity provider gave no token where it should renew the login")
    lasts_s = min(max(lasts_s, 0), _LONGEST_TOKEN_S)
    tokens = {"token": token, "expires_at": time.time() + lasts_s}
    return tokens | ({"refresh_token": refresh} if isinstance(refresh, str) and refresh else {})


def checked_url(text: str) -> str:
    """`text` without a slash at its end.

    Raises
    ------
    ConfigurationError
        It is no address of a server, or one that a token must not be sent to.
    """
    try:
        parts = urlsplit(text.strip())
        _ = parts.port, httpx.URL(text.strip())  # what they refuse
    except (ValueError, httpx.InvalidURL):
        parts = urlsplit("")
    odd = "?" in text or "#" in text
    if parts.scheme not in ("http", "https") or not parts.hostname or odd:
        raise ConfigurationError(
            f"{text!r} is no address of a server: write it as https://HOST or http://127.0.0.1:8080"
        )
    if parts.username is not None:
        raise ConfigurationError("the address of a server has no user in it: give a token")
    if parts.scheme == "http" and f"{parts.hostname}".replace("::1", "[::1]") not in LOOPBACK:
        raise ConfigurationError(
            f"{text}: a token is not sent to another machine without TLS: use https://"
        )
    return text.strip().rstrip("/")


def login_path() -> Path | None:
    """Where the login is saved; None without a home."""
    if os.name == "nt":
        base = os.environ.get("APPDATA") or str(Path.home() / "AppData" / "Roaming")
        return Path(base) / "mecapy" / "login.json"
    # The XDG Base Directory Specification has paths that are not absolute ignored.
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if not base.startswith("/"):
        base = os.environ.get("HOME", "") + "/.config"
    return Path(base) / "mecapy" / "login.json" if base.startswith("/") else None


def read_login(path: Path | None) -> dict[str, Any] | None:
    """The saved login; None when there is none.

    Raises
    ------
    ConfigurationError
        It cannot be read, holds no login, is somebody else's, or leaves others any right.
    """
    if path is None:
        return None
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigurationError(f"the saved login cannot be read: {error}") from error
    try:
        _check_owner(os.fstat(handle), path)
        with os.fdopen(handle, "rb", closefd=False) as file:
            text = file.read(_LARGEST)
    except OSError as error:
        raise ConfigurationError(f"the saved login cannot be read: {error}") from error
    finally:
        os.close(handle)
    record = _login_of(text)
    if record is None:
        raise ConfigurationError(f"{path} holds no login: log in again with `mecapy login`")
    return record


def _check_owner(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigurationError(f"{path} is no file: remove it, and log in again")
    if os.name == "nt":
        return
    if found.st_uid != os.geteuid():
        raise ConfigurationError(f"{path} is somebody else's: remove it, and log in again")
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(f"others may read {path}: chmod 600 it, and log in again")


def _login_of(text: bytes) -> dict[str, Any] | None:
    """The login that a file holds, or None when it holds none."""
    try:
        record = json.loads(text.decode(), parse_constant=float)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    ends = record.get("expires_at", 0)
    if isinstance(ends, bool) or not isinstance(ends, (int, float)) or not abs(ends) < 1e300:
        return None
    given = [record[name] for name in _RENEWAL if name in record]
    texts = [record.get("url"), record.get("token"), *given]
    if not all(isinstance(value, str) and value for value in texts):
        return None
    return record if len(given) in (0, len(_RENEWAL)) and is_token(record["token"]) else None


_RENEWAL = ("refresh_token", "token_endpoint", "client_id")


def is_token(text: str) -> bool:
    """Whether it may be one: what a header can carry."""
    return bool(text) and all("!" <= c <= "~" for c in text)


def save_login(path: Path, record: dict[str, Any]) -> None:
    """Write the file that `path` leads to, whole or not at all, for its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = path.resolve() if path.exists() else path
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".login-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def find_login(token: str | None, base_url: str | None) -> tuple[str, Login]:
    """Server and login: what is given, else the environment, else what is saved.

    Raises
    ------
    ConfigurationError
        There is no token, or the address will not do.
    """
    base_url = base_url or os.environ.get("MECAPY_URL")
    if base_url:
        base_url = checked_url(base_url)
    token = token or os.environ.get("MECAPY_TOKEN")
    if token:
        return base_url or _saved_url() or DEFAULT_URL, Login(
            token.strip()
        )  # a file's line has an end
    path = login_path()
    record = read_login(path)
    if path is None or record is None:
        raise ConfigurationError(
            "no token: log in with `mecapy login`, set MECAPY_TOKEN, or give token="
        )
    saved_url = str(record["url"])
    if base_url and base_url != saved_url.rstrip("/"):
        raise ConfigurationError(
            f"the saved login is for {saved_url}, not for {base_url}: "
            "log in there with `mecapy login`, or give token="
        )
    return saved_url, SavedLogin(path, record)


def _saved_url() -> str | None:
    try:
        record = read_login(login_path())
    except ConfigurationError:
        return None  # who gives a token needs none of it
    return None if record is None else str(record["url"])
