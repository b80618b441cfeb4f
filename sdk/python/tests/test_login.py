"""The saved login: one file, which the package and the command line read by the same rules."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from scripted import Answer, Scripted, scripted
from support.server import binary, environment

from mecapy import AuthenticationError, ConfigurationError, MecaPy, NetworkError
from mecapy._login import login_path, save_login

ME = {"user": "local", "admin": False, "proof": "token"}
RENEWAL = {"refresh_token": "r", "token_endpoint": "https://i.example", "client_id": "c"}


class Home:
    """Of somebody who may have a login for the server at `url`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.login = {"url": url, "token": "saved"}
        self.xdg: str | None = str(folder / "config")
        self.home: str | None = str(folder)
        self.file = folder / "config/mecapy/login.json"

    def save(self, file: Path | None = None, mode: int = 0o600, **more: object) -> Path:
        """Write the login, as another program might."""
        return self.write(json.dumps(self.login | more), file, mode)

    def write(self, text: str, file: Path | None = None, mode: int = 0o600) -> Path:
        file = file or self.file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file

    def link(self, target: Path, file: Path | None = None) -> None:
        file = file or self.file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(target)

    def lead(self, **xdg_and_home: str | None) -> None:
        """What the environment says."""
        vars(self).update(xdg_and_home)


def somebody_elses(home: Home, file: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(file, 12345, 12345)


USED: dict[str, Callable[[Home], object]] = {
    "as it is saved": lambda h: h.save(),
    "read by its owner only": lambda h: h.save(mode=0o400),
    "of a device": lambda h: h.save(expires_at=time.time() + 1e6, **RENEWAL),
    "with more members": lambda h: h.save(note=None, expires_at=1e12),
    "a link": lambda h: h.link(h.save(h.folder / "dotfiles/login.json")),
    "a link to a link": lambda h: (
        h.link(h.save(h.folder / "a.json"), h.folder / "b.json"), h.link(h.folder / "b.json"),
    ),
    "a folder that is a link": lambda h: (
        h.save(h.folder / "dotfiles/login.json"),
        h.link(h.folder / "dotfiles", h.folder / "config/mecapy"),
    ),
    "below home": lambda h: (h.save(h.folder / ".config/mecapy/login.json"), h.lead(xdg=None)),
    "XDG_CONFIG_HOME empty": lambda h: (
        h.save(h.folder / ".config/mecapy/login.json"), h.lead(xdg=""),
    ),
    "XDG_CONFIG_HOME relative": lambda h: (
        h.save(h.folder / ".config/mecapy/login.json"), h.lead(xdg="config"),
    ),
}  # fmt: skip
NONE: dict[str, Callable[[Home], object]] = {
    "nothing": lambda _: None,
    "a file in the folder's place": lambda h: h.write("", h.folder / "config/mecapy"),
    "a link to nothing": lambda h: h.link(h.folder / "nowhere"),
    "a relative path": lambda h: (h.save(), h.lead(xdg="config")),
    "no home": lambda h: (h.save(), h.lead(xdg=None, home=None)),
    "an empty home": lambda h: (h.save(Path(".config/mecapy/login.json")), h.lead(xdg="", home="")),
    "a relative home": lambda h: (h.save(), h.lead(xdg=None, home="config")),
}
REFUSED: dict[str, Callable[[Home], object]] = {
    "read by the group": lambda h: h.save(mode=0o640),
    "read by all": lambda h: h.save(mode=0o604),
    "written by the group": lambda h: h.save(mode=0o620),
    "a link to what all may read": lambda h: h.link(h.save(h.folder / "a.json", mode=0o644)),
    "somebody else's": lambda h: somebody_elses(h, h.save()),
    "a link to somebody else's": lambda h: (
        h.link(h.folder / "a.json"), somebody_elses(h, h.save(h.folder / "a.json")),
    ),
    "a pipe": lambda h: (h.file.parent.mkdir(parents=True), os.mkfifo(h.file, 0o600)),
    "a folder": lambda h: h.file.mkdir(parents=True, mode=0o700),
    "a link to itself": lambda h: h.link(h.file),
    "empty": lambda h: h.write(""),
    "no JSON": lambda h: h.write("{"),
    "no UTF-8": lambda h: (h.save(), h.file.write_bytes(b'{"url": "\xff", "token": "t"}')),
    "a list": lambda h: h.write("[]"),
    "too large": lambda h: h.save(more="x" * 300_000),
    "no token": lambda h: h.write(json.dumps({"url": h.login["url"]})),
    "no url": lambda h: h.write('{"token": "t"}'),
    "an empty url": lambda h: h.save(url=""),
    "an empty token": lambda h: h.save(token=""),
    "a token that is none": lambda h: h.save(token="a b"),
    "a token with a letter that none has": lambda h: h.save(token="\x7f"),
    "a token that is a number": lambda h: h.save(token=1),
    "an end that is no number": lambda h: h.save(expires_at="soon"),
    "an end that is true": lambda h: h.save(expires_at=True),
    "an end that is null": lambda h: h.save(expires_at=None),
    "an end that is NaN": lambda h: h.save(expires_at=float("nan")),
    "half a renewal": lambda h: h.save(refresh_token="r"),
    "a renewal without its client": lambda h: h.save(**RENEWAL | {"client_id": ""}),
    "a renewal of null": lambda h: h.save(**RENEWAL | {"refresh_token": None}),
}  # fmt: skip
CASES = [
    pytest.param(outcome, case, id=name)
    for outcome, rows in (("used", USED), ("none", NONE), ("refused", REFUSED))
    for name, case in rows.items()
]


def command_line(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(binary()), *words]
    return subprocess.run(
        command, env=environment({}), input=stdin, capture_output=True, text=True, timeout=30
    )


def of_the_package(server: Scripted) -> str:
    try:
        with MecaPy(retries=0) as client:
            client.me()
    except ConfigurationError as error:
        return "none" if "no token" in str(error) else "refused"
    return "used"


def of_the_command_line(server: Scripted) -> str:
    done = command_line("whoami", "--server", server.url)
    if done.returncode == 0:
        return "used"
    return "none" if "nobody is logged in" in done.stderr else "refused"


@pytest.mark.parametrize("reader", [of_the_package, of_the_command_line])
@pytest.mark.parametrize(("outcome", "case"), CASES)
def test_a_login_is_found_and_trusted_by_the_same_rules(
    outcome: str,
    case: Callable[[Home], object],
    reader: Callable[[Scripted], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with scripted(Answer(200, ME)) as server:
        home = Home(tmp_path, server.url)
        case(home)
        for name, value in (("XDG_CONFIG_HOME", home.xdg), ("HOME", home.home)):
            if value is None:
                monkeypatch.delenv(name)
            else:
                monkeypatch.setenv(name, value)
        assert reader(server) == outcome
        tokens = [asked.headers.get("authorization") for asked in server.asked]
    assert tokens == (["Bearer saved"] if outcome == "used" else [])


def test_who_gives_a_token_needs_no_saved_login(tmp_path: Path) -> None:
    Home(tmp_path, "http://127.0.0.1:1").link(tmp_path / "a", login_path())
    login_path().unlink()
    login_path().write_text("no login")
    assert MecaPy(token="t").base_url == "http://127.0.0.1:8080"


def test_a_token_of_a_file_has_the_end_of_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(Answer(200, ME)) as server:
        MecaPy(token="given\n", base_url=server.url).me()
        monkeypatch.setenv("MECAPY_TOKEN", " set\r\n")
        MecaPy(base_url=server.url).me()
    sent = [asked.headers["authorization"] for asked in server.asked]
    assert sent == ["Bearer given", "Bearer set"]
    for none in ("\n", "two words", "two\nlines"):
        with pytest.raises(ConfigurationError, match="the token is empty"):
            MecaPy(token=none)


def test_an_address_that_is_none_is_told_before_whose_the_saved_login_is() -> None:
    save_login(login_path(), {"url": "http://127.0.0.1:8080", "token": "saved"})
    with pytest.raises(ConfigurationError, match="is no address of a server: write it as"):
        MecaPy(base_url="127.0.0.1:8080")
    assert MecaPy(base_url=" http://127.0.0.1:8080/ ").base_url == "http://127.0.0.1:8080"


def test_a_login_that_is_a_link_is_saved_and_removed_where_it_leads(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.json"
    home = Home(tmp_path, "http://127.0.0.1:1")
    home.link(home.save(kept), login_path())
    save_login(login_path(), home.login | {"token": "new"})
    assert login_path().is_symlink()
    assert json.loads(kept.read_text())["token"] == "new"
    assert oct(kept.stat().st_mode)[-3:] == "600"
    with scripted(Answer(200, ME)) as server:
        assert command_line("login", server.url, "--token-stdin", stdin="newer").returncode == 0
    assert login_path().is_symlink()
    assert json.loads(kept.read_text())["token"] == "newer"
    assert oct(kept.stat().st_mode)[-3:] == "600"
    for _ in range(2):
        assert command_line("logout").returncode == 0
        assert not kept.exists()


def test_the_saved_login_is_used_and_only_for_its_server() -> None:
    with scripted(Answer(200, ME)) as server:
        save_login(login_path(), {"url": server.url, "token": "saved"})
        assert oct(login_path().stat().st_mode)[-3:] == "600"
        assert MecaPy().me() == ME
        assert server.asked[0].headers["authorization"] == "Bearer saved"
        with pytest.raises(ConfigurationError, match="not for http://127.0.0.1:1"):
            MecaPy(base_url="http://127.0.0.1:1")


def device_login(server: str, provider: str, expires_at: float) -> None:
    record = {
        "url": server,
        "token": "old",
        "expires_at": expires_at,
        "refresh_token": "r1",
        "token_endpoint": provider + "/token",
        "client_id": "mecapy-sdk",
    }
    save_login(login_path(), record)


RENEWED = Answer(200, {"access_token": "new", "expires_in": 300, "refresh_token": "r2"})


def test_a_login_that_is_over_is_renewed_and_saved() -> None:
    with scripted(Answer(200, ME)) as server, scripted(RENEWED) as provider:
        device_login(server.url, provider.url, time.time() + 10)
        client = MecaPy()
        assert client.me() == client.me() == ME
        assert [one.headers["authorization"] for one in server.asked] == ["Bearer new"] * 2
        [asked] = provider.asked
        assert asked.body == b"grant_type=refresh_token&refresh_token=r1&client_id=mecapy-sdk"
    saved = json.loads(login_path().read_text())
    assert (saved["token"], saved["refresh_token"]) == ("new", "r2")
    assert saved["expires_at"] > time.time() + 200


def test_a_token_that_is_refused_is_renewed_once() -> None:
    no = Answer(401, {"detail": "no", "code": "unauthorized"})
    with scripted(no, Answer(200, ME)) as server, scripted(RENEWED) as provider:
        device_login(server.url, provider.url, time.time() + 1000)
        assert MecaPy().me() == ME
    with scripted(no) as server, scripted(RENEWED) as provider:
        device_login(server.url, provider.url, time.time() + 1000)
        with pytest.raises(AuthenticationError, match="mecapy login"):
            MecaPy().me()
        assert len(server.asked) == 2


def test_who_was_slower_to_renew_takes_what_the_other_got() -> None:
    with scripted(Answer(200, ME)) as server, scripted(Answer(400, {})) as provider:
        device_login(server.url, provider.url, 0)
        client = MecaPy()
        renewed = json.loads(login_path().read_text()) | {"token": "new", "expires_at": 10**10}
        real = provider.asked.append

        def by_another(asked: object) -> None:
            save_login(login_path(), renewed)
            real(asked)

        provider.asked = Hooked(by_another)
        assert client.me() == ME
    assert server.asked[0].headers["authorization"] == "Bearer new"


class Hooked(list):
    """A list that does something before it takes an entry."""

    def __init__(self, hook) -> None:
        super().__init__()
        self.append = hook


def test_a_login_that_cannot_be_renewed_says_so() -> None:
    with scripted(Answer(200, ME)) as server, scripted(Answer(400, {})) as provider:
        device_login(server.url, provider.url, 0)
        with pytest.raises(AuthenticationError, match="log in again"):
            MecaPy().me()
        assert server.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>Welcome to our hotel</html>",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        {"access_token": "a b"},
        {"access_token": 1},
        {"access_token": "a", "expires_in": "soon"},
    ],
)
def test_a_renewal_that_brings_no_token_says_so_and_leaves_the_login(answer: object) -> None:
    with scripted(Answer(200, ME)) as server, scripted(Answer(200, answer)) as provider:
        device_login(server.url, provider.url, 0)
        with pytest.raises(NetworkError, match="gave no token"):
            MecaPy().me()
        assert server.asked == []
    assert json.loads(login_path().read_text())["token"] == "old"


def test_a_renewal_that_lasts_for_ever_is_saved_with_an_end() -> None:
    forever = Answer(200, b'{"access_token": "new", "expires_in": 1e999, "refresh_token": null}')
    with scripted(Answer(200, ME)) as server, scripted(forever) as provider:
        device_login(server.url, provider.url, 0)
        assert MecaPy().me() == ME
    saved = json.loads(login_path().read_text())
    assert (saved["refresh_token"], saved["expires_at"] < 1e10) == ("r1", True)


NO = Answer(401, {"detail": "no", "code": "unauthorized"})
# What somebody may do while a program has his login, and what is saved then.
DONE: dict[str, dict[str, str] | None] = {
    "login elsewhere": {"url": "https://other.example", "token": "of-another-server"},
    "logout": None,
}


def does(login: dict[str, str] | None) -> None:
    if login is None:
        login_path().unlink(missing_ok=True)
    else:
        save_login(login_path(), login)


def saved() -> object:
    return json.loads(login_path().read_text()) if login_path().exists() else None


@pytest.mark.parametrize(("expires_at", "refused"), [(0, []), (10**10, [NO])], ids=["over", "401"])
@pytest.mark.parametrize("done", DONE)
def test_a_login_for_another_server_is_not_sent_to_this_one(
    expires_at: int, refused: list[Answer], done: str
) -> None:
    with scripted(*refused, Answer(200, ME)) as server, scripted(RENEWED) as provider:
        device_login(server.url, provider.url, expires_at)
        client = MecaPy()
        does(DONE[done])
        assert client.me() == ME
        sent = [one.headers["authorization"] for one in server.asked]
        assert sent == ["Bearer old"] * len(refused) + ["Bearer new"]
    assert saved() == DONE[done]


@pytest.mark.parametrize("done", [*DONE, "login here"])
@pytest.mark.parametrize("renewal", [RENEWED, Answer(400, {})], ids=["renewed", "refused"])
def test_a_renewal_leaves_what_was_done_with_the_login_meanwhile(
    done: str, renewal: Answer
) -> None:
    with scripted(Answer(200, ME)) as server, scripted(renewal) as provider:
        after = DONE.get(done, {"url": server.url, "token": "of-somebody-else-here"})
        device_login(server.url, provider.url, 0)
        client = MecaPy()
        real = provider.asked.append
        provider.asked = Hooked(lambda asked: (does(after), real(asked)))
        if renewal is RENEWED or done == "login here":
            assert client.me() == ME
        else:
            with pytest.raises(AuthenticationError, match="log in again"):
                client.me()
        token = "new" if renewal is RENEWED else "of-somebody-else-here"
        assert {one.headers["authorization"] for one in server.asked} <= {f"Bearer {token}"}
    assert saved() == after


def test_a_login_that_is_not_trusted_any_more_is_left_and_the_renewed_one_used() -> None:
    with scripted(Answer(200, ME)) as server, scripted(RENEWED) as provider:
        device_login(server.url, provider.url, 0)
        client = MecaPy()
        real = provider.asked.append
        provider.asked = Hooked(lambda asked: (login_path().write_text("no login"), real(asked)))
        assert client.me() == ME
    assert login_path().read_text() == "no login"
