"""What a page takes for granted around its blocks, and what they show that it does not print.

A block is named by its page and its first line.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from docs.page import Reader
from support import services
from support.keycloak import PASSWORD, Browser, Realm, trusting
from support.server import DEV_TOKEN

CLI = "docs/cli.md"
OPERATIONS = "docs/operations.md"
KEYCLOAK = "docs/keycloak.md"
CONTAINERS = "docs/containers.md"


@dataclass(frozen=True)
class Scene:
    """Around one block. `before` and `after` are shell, `meanwhile` is what the reader does
    elsewhere before it; `prints` is what a block of a generated reference prints, which has no
    place of its own for that: `...` is anything.
    """

    before: str = ""
    meanwhile: Callable[[Reader], None] | None = None
    prints: str | None = None
    after: str = ""


def agree(reader: Reader) -> None:
    """Open the address that the device was given, log in, and let it in."""
    asked = json.loads(reader.environment["ASKED"])
    browser = Browser(reader.environment["MECAPY_OIDC_CA"])
    consent = browser.log_in(asked["verification_uri_complete"], "demo")
    assert "Success" in browser.submit(consent, accept="Yes").text


def forget_ada(reader: Reader) -> None:
    """Take away the user that an earlier reader has made."""
    issuer = reader.environment["MECAPY_OIDC_ISSUER"]
    certificate = reader.environment["MECAPY_OIDC_CA"]
    admin = Realm(issuer.replace("/mecapy", "/master"), certificate)
    token = admin.token(
        grant_type="password", username="admin", password=PASSWORD, client_id="admin-cli"
    )
    users = issuer.replace("/realms/mecapy", "/admin/realms/mecapy/users")
    bearer = {"Authorization": f"Bearer {token}"}
    with httpx.Client(verify=trusting(certificate), timeout=30, headers=bearer) as http:
        for user in http.get(users, params={"email": "ada@example.org"}).json():
            assert http.delete(f"{users}/{user['id']}").status_code == 204


def lose_the_database(reader: Reader) -> None:
    """Have an empty one in its place; Redis still has what it had."""
    name = reader.environment["MECAPY_DATABASE_URL"].partition("?")[0].rpartition("/")[2]
    services.sql(f"DROP DATABASE {name} WITH (FORCE)")
    services.sql(f"CREATE DATABASE {name} OWNER {name}")
    assert services.redis("DBSIZE") != "0"


# Before each block of a page.
ALWAYS = {
    CLI: """
cat >calc.py <<'END'
def calculate(inputs):
    print("a line of the log")
    open("table.csv", "w").write("1")
    return inputs["force"] / inputs["section"]
END
echo '{"force": 1000, "section": 10}' >inputs.json
rm -rf out table.csv
bolts='import json, sys; print(*(t["id"] for t in json.load(sys.stdin) if t["name"] == "bolt"))'
for id in $(mecapy task list --json | python3 -c "$bolts"); do mecapy task delete "$id"; done
mecapy task create calc.py --name bolt -i @inputs.json
mecapy task run bolt -i @inputs.json
"""
}
SLOW = """
echo 'def calculate(inputs): import time; time.sleep(60)' >slow.py
mecapy run slow.py --remote --detach
"""
FAILED = "echo 'def calculate(inputs): 1 / 0' >bad.py; mecapy run bad.py --remote || true"
LOGGED_IN = f"mecapy login $MECAPY_URL - <<<{DEV_TOKEN}; test -s $XDG_CONFIG_HOME/mecapy/login.json"
A_TASK = """
cat >bolt.py <<'END'
def calculate(inputs):
    return inputs["force"] / 10
END
mecapy serve
mecapy task create bolt.py --name bolt -i force=1000
"""
AN_ID = "...-...-...-...-..."
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code -d client_id=mecapy-sdk \\"
SECRETS = "MECAPY_DEV_TOKEN MECAPY_WORKER_TOKEN POSTGRES_PASSWORD REDIS_PASSWORD S3_PASSWORD"
# Each that deploy/compose.yaml wants has a value.
DEMANDED = """
for name in $(grep -oP '\\$\\{\\K[A-Z0-9_]+(?=:\\?)' deploy/compose.yaml | sort -u); do
  grep -qE "^$name=[0-9a-f]{48}$" deploy/.env
done
"""
SCENES = {
    (CLI, "mecapy run calc.py -i force=1000 -i section=10"): Scene(
        prints="100.0\n100.0", after="test -s out/table.csv"
    ),
    (CLI, "mecapy task create calc.py --name bolt -i force=1000 -i section=10"): Scene(
        before="mecapy task delete bolt", prints=AN_ID, after="mecapy task show bolt"
    ),
    (CLI, "mecapy task list"): Scene(prints="TASK...NAME...\n...bolt..."),
    (CLI, "mecapy task show bolt"): Scene(
        prints="task...\nname...bolt\n...def calculate...", after="grep -q force calc.py"
    ),
    (CLI, "mecapy task update bolt calc.py"): Scene(
        before="echo 'def calculate(inputs): return 7' >calc.py",
        prints=AN_ID,
        after="mecapy task show bolt --version 2; test $(mecapy task run bolt) = 7",
    ),
    (CLI, "mecapy task delete bolt"): Scene(after="if mecapy task show bolt; then exit 1; fi"),
    (CLI, "mecapy task run bolt -i force=2000 -i section=10"): Scene(prints="200.0"),
    (CLI, "mecapy runs --status failed"): Scene(
        before=FAILED, prints="RUN...\n...user_error...\nrun  ...\nstatus...failed..."
    ),
    (CLI, "mecapy result last"): Scene(prints="100.0"),
    (CLI, "mecapy logs -f last"): Scene(prints="a line of the log"),
    (CLI, "mecapy cancel last"): Scene(
        before=SLOW, after="mecapy runs last | grep -q 'status.*cancelled'"
    ),
    (CLI, "mecapy download last -o out"): Scene(after="cmp out/table.csv table.csv"),
    (CLI, "mecapy logout"): Scene(
        before=LOGGED_IN, after="test ! -e $XDG_CONFIG_HOME/mecapy/login.json"
    ),
    (CLI, "mecapy whoami"): Scene(prints="local at http://127.0.0.1:... (MECAPY_TOKEN)"),
    (CLI, "mecapy doctor"): Scene(prints="profile host: ...seccomp              enforced..."),
    (CLI, "mecapy config --all"): Scene(prints="SETTING...\ndata_dir...MECAPY_DATA_DIR..."),
    (CLI, "mecapy cost --runs-per-day 1000 --seconds 30 --memory 2GB"): Scene(
        prints="One run of 30 s...A month of 1000 runs a day...Each price has its source..."
    ),
    (CLI, "mecapy contract > contract.json"): Scene(after="python3 -m json.tool contract.json"),
    (CLI, "mecapy token ada"): Scene(prints="..."),
    (CLI, "mecapy health http://127.0.0.1:8080"): Scene(prints='{"status":"ready",...}'),
    (CLI, "source <(mecapy completion bash)"): Scene(after="declare -F | grep -q mecapy"),
    (CLI, "mecapy help exit-codes"): Scene(prints="...11      user_error...77..."),
    **{
        (page, "python3 -m venv env"): Scene(prints="...Successfully installed...mecapy...")
        for page in ("docs/first-calculation.md", "docs/fr/premier-calcul.md")
    },
    (OPERATIONS, "cp -a /var/lib/mecapy /backup/mecapy"): Scene(
        before=A_TASK + "$READER_STOP",
        after="mecapy serve --data-dir /backup/mecapy; mecapy task run bolt; $READER_STOP",
    ),
    (OPERATIONS, 'pg_dump -Fc -d "$MECAPY_DATABASE_URL" -f mecapy.dump'): Scene(
        before='eval "$ON_SERVICES"' + A_TASK + "mecapy task run bolt"
    ),
    (OPERATIONS, 'pg_restore --no-owner -d "$MECAPY_DATABASE_URL" mecapy.dump'): Scene(
        before="$READER_STOP",
        meanwhile=lose_the_database,
        prints="OK",
        after="mecapy serve; test $(mecapy result last) = 100.0; "
        "test $(mecapy task run bolt -i force=2000) = 200.0; $READER_STOP",
    ),
    (KEYCLOAK, "TOKEN=$($CURL $OIDC/token -d grant_type=" + DEVICE_GRANT): Scene(meanwhile=agree),
    (KEYCLOAK, "KEYCLOAK=${MECAPY_OIDC_ISSUER%/realms/*}"): Scene(meanwhile=forget_ada),
    (CONTAINERS, "for name in " + SECRETS + "; do"): Scene(after=DEMANDED),
}
