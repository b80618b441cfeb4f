"""Who calls: a token, or the login that ``mecapy login`` saved.

The saved login is one JSON file, ``$XDG_CONFIG_HOME/mecapy/login.json`` (``~/.config`` when that is
not set, ``%APPDATA%`` on Windows), readable by its owner alone. The command line writes and reads
the same one::

    {"url": "https://mecapy.example", "token": "..."}
    {"url": "https://mecapy.example", "token": "...", "expires_at": 1790000000,
     "refresh_token": "...", "token_endpoint": "https://...", "client_id": "mecapy-sdk"}
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

from mecapy._errors import AuthenticationError, ConfigurationError, NetworkError
from mecapy._steps import Reply, Request, Rule, Send

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
DEFAULT_URL = "http://127.0.0.1:8080"
# A token that ends so soon is renewed before it is used, seconds.
_SOON_S = 30


class Login:
    """A token that somebody gave."""

    renewable = False

    def __init__(self, token: str) -> None:
        if not token or not token.isascii() or any(c <= " " for c in token):
            raise ConfigurationError("the token is empty, or holds what no token has")
        self._token = token

    def token(self, *, renew: bool) -> Rule[str]:
        """The token to send; with `renew` a new one, where there can be one."""
        del renew
        return self._token
        yield  # a rule without steps


class SavedLogin(Login):
    """What ``mecapy login`` saved, renewed when it ends and saved again."""

    def __init__(self, path: Path, record: dict[str, Any]) -> None:
        super().__init__(str(record.get("token", "")))
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
            self._record = read_login(self._path) or before  # another program may have done it
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
            other = read_login(self._path)
            if other is not None and other.get("token") != self._record.get("token"):
                self._record = other  # who was quicker has spent the refresh token
                return
            raise AuthenticationError("the saved login is over: log in again with `mecapy login`")
        answer = json.loads(reply.content)
        self._record = self._record | {
            "token": answer["access_token"],
            "expires_at": time.time() + float(answer.get("expires_in", 60)),
            "refresh_token": answer.get("refresh_token", self._record["refresh_token"]),
        }
        with contextlib.suppress(OSError):  # a read-only home: it is renewed again next time
            save_login(self._path, self._record)


def checked_url(text: str) -> str:
    """`text` without a slash at its end.

    Raises
    ------
    ConfigurationError
        It is no address of a server, or one that a token must not be sent to.
    """
    parts = urlsplit(text.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
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


def login_path() -> Path:
    """Where the login is saved."""
    if os.name == "nt":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "mecapy" / "login.json"


def read_login(path: Path) -> dict[str, Any] | None:
    """The saved login; None when there is none.

    Raises
    ------
    ConfigurationError
        It cannot be read, or others may read it.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(path, flags)
        with os.fdopen(handle, encoding="utf-8") as file:
            _check_owner(os.fstat(handle), path)
            record = json.load(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the saved login cannot be read: {error}") from error
    if not _is_login(record):
        raise ConfigurationError(f"{path} holds no login: log in again with `mecapy login`")
    return dict(record)


def _check_owner(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigurationError(f"{path} is no file: remove it, and log in again")
    if os.name == "nt":
        return
    if found.st_uid != os.getuid():
        raise ConfigurationError(f"{path} is somebody else's: remove it, and log in again")
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(f"others may read {path}: chmod 600 it, and log in again")


def _is_login(record: Any) -> bool:
    if not isinstance(record, dict):
        return False
    renewal = [record.get(name) for name in ("refresh_token", "token_endpoint", "client_id")]
    whole = all(isinstance(value, str) for value in renewal) or renewal == [None] * 3
    ends = record.get("expires_at", 0)
    texts = all(isinstance(record.get(name), str) for name in ("url", "token"))
    return texts and whole and isinstance(ends, (int, float)) and not isinstance(ends, bool)


def save_login(path: Path, record: dict[str, Any]) -> None:
    """Write the login, whole or not at all, for its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
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
        There is no token.
    """
    base_url = base_url or os.environ.get("MECAPY_URL")
    token = token or os.environ.get("MECAPY_TOKEN")
    if token:
        return base_url or _saved_url() or DEFAULT_URL, Login(token)
    path = login_path()
    record = read_login(path)
    if record is None:
        raise ConfigurationError(
            "no token: log in with `mecapy login`, set MECAPY_TOKEN, or give token="
        )
    saved_url = str(record.get("url", ""))
    if base_url and base_url.rstrip("/") != saved_url.rstrip("/"):
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
    return None if record is None else str(record.get("url", "")) or None
