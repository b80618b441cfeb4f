"""What a page takes for granted around its blocks, and what they show that it does not print.

A block is named by its page and its first line.
"""

import json

import httpx

from docs.addresses import a_server, alone, on_the_network
from docs.blocks import blocks_of
from docs.cloud_scenes import OF_CLOUDS
from docs.page import Reader
from docs.scene import Scene
from support import services
from support.keycloak import PASSWORD, Browser, Realm, trusting
from support.server import DEV_TOKEN, ROOT

CLI = "docs/cli.md"
OPERATIONS = "docs/operations.md"
KEYCLOAK = "docs/keycloak.md"
CONTAINERS = "docs/containers.md"
LOCAL = "docs/backends/local.md"
SLURM = "docs/backends/slurm.md"


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
# What a workflow called joint is for who asks for it.
JOINT = """
for id in $(mecapy workflow list --json | python3 -c "${bolts//bolt/joint}"); do
  mecapy workflow delete "$id"
done
echo 'def calculate(inputs): return {"n": 2 * inputs["force"] + 0 * inputs["section"]}' >preload.py
cat >joint.yaml <<'END'
inputs: {force: {}, section: {default: 1}}
nodes:
  preload: {task: preload.py, inputs: {force: {input: force}, section: {input: section}}}
outputs: {n: {node: preload, at: /n}}
END
"""
# The first of that name, whatever other pages have kept.
NO_JOINT = """
joints='import json, sys; print(*(t["id"] for t in json.load(sys.stdin) if t["name"] == "joint"))'
for id in $(mecapy workflow list --json | python3 -c "$joints"); do
  mecapy workflow delete "$id"
done
"""
A_JOINT = JOINT + "mecapy workflow create joint.yaml; mecapy workflow run joint -i force=1\n"
A_FAILED_JOINT = (
    JOINT
    + """
echo 'def calculate(inputs): return inputs["section"] / (inputs["force"] - 1)' >preload.py
mecapy workflow run joint.yaml -i force=1 || true
echo 'def calculate(inputs): return {"n": 7 * inputs["force"] * inputs["section"]}' >preload.py
mecapy workflow create joint.yaml
"""
)
A_SLOW_JOINT = (
    JOINT
    + """
echo 'import time
def calculate(inputs): time.sleep(60 + 0 * inputs["force"] * inputs["section"])' >preload.py
mecapy workflow run joint.yaml -i force=1 --detach
"""
)
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
# A calculation through a server that was started as the block before says; $TOKEN is who asks.
CALCULATES = """
build/mecapy serve
test $(MECAPY_TOKEN=${TOKEN-} build/mecapy run examples/bolt-stress/calc.py \\
  -i force=1000 -i section=10 --remote) = '{"stress":100.0}'
"""
# By the beginning of a block.
IN_README = {
    # From an address, into ~/mecapy; what was built for this reader is there again afterwards.
    "apt-get update && apt-get install -y git make curl": Scene(
        on=on_the_network,
        before="cd; mv mecapy built; mkdir empty/new; cd empty/new; git config --global "
        'safe.directory "*"; for name in ADDRESS-OF-THIS-REPOSITORY ADRESSE-DE-CE-DEPOT; do '
        'ln -s "$ROOT" $name; done',
        prints="...",
        after='test "$PWD" = "$HOME/mecapy"; test "$(git rev-parse HEAD)" = '
        '"$(git -C "$ROOT" rev-parse HEAD)"; make help | grep demo; cd; rm -rf mecapy; '
        "mv built mecapy; cd mecapy",
    ),
    # In the clone that has the build.
    "make demo     #": Scene(
        before='cd "$ROOT"', prints='...\n{"stress": 100}\n...make help...', after="cd ~/mecapy"
    ),
    "export MECAPY_DATABASE_URL=": Scene(
        after=CALCULATES
        + 'test "$(psql "$MECAPY_DATABASE_URL" -qtAc "SELECT count(*) FROM runs")" = 1'
    ),
    "export MECAPY_OBJECTS_URL=": Scene(
        after=CALCULATES
        + """
echo 'def calculate(inputs): open("table.csv", "w").write("1")' >~/file.py
build/mecapy run ~/file.py --remote
find ~/s3/buckets/bucket -type f | xargs grep -lx 1
"""
    ),
    "export MECAPY_REDIS_URL=": Scene(
        after=CALCULATES
        + """
redis-cli --cacert /etc/mecapy/redis.pem -u ${MECAPY_REDIS_URL%\\?*} \\
  xinfo consumers mecapy:jobs mecapy | grep -q idle
"""
    ),
    "export MECAPY_OIDC_ISSUER=": Scene(
        after="""
TOKEN=$(curl -sS --fail-with-body $MECAPY_OIDC_ISSUER/protocol/openid-connect/token \\
  -d grant_type=client_credentials -d client_id=mecapy-worker -d client_secret=mecapy-for-tests |
  sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
"""
        + CALCULATES
        + """
curl -sS -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8080/api/me | grep openid_connect
"""
    ),
}
# What a reader of the page of containers looks at when a command of Docker's has begun something.
UNTIL = "for i in $(seq 600); do {0} && break; sleep 0.2; done >/dev/null 2>&1; {0}\n"
HEALTHY = 'test "$(docker inspect -f {{.State.Health.Status}} $CONTAINER)" = healthy'
OF_USER_1000 = """
for image in mecapy-worker mecapy-api; do
  test "$(docker inspect -f '{{.Config.User}} {{.Config.ExposedPorts}}' $image)" = \
    '1000:1000 map[8080/tcp:{}]'
done
"""
ITS_WORKER = (
    "CONTAINER=$(docker ps -q --filter ancestor=mecapy-worker)\n"
    + UNTIL.format(HEALTHY)
    + """
test "$(docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.CapDrop}}' $CONTAINER)" = \
  '2147483648 [all]'
test $(curl -sS -o answer -w '%{http_code}' -d '{}' http://127.0.0.1:8081/execute) = 401
"""
)
# What is larger than an answer goes through the bucket, both ways.
THROUGH_ALL = """
python3 -c 'import json; print(json.dumps({"text": "y" * 100_000}))' >inputs.json
echo 'def calculate(inputs): open("f", "w").write("1"); return inputs["text"] + "z"' >large.py
test "$(build/mecapy run examples/bolt-stress/calc.py -i force=1000 -i section=10 --remote)" = \
  '{"stress":100.0}'
test $(build/mecapy run large.py -i @inputs.json --remote | wc -c) = 100004
"""
ITS_API = (
    "CONTAINER=$(docker ps -q --filter ancestor=mecapy-api)\n"
    + UNTIL.format(HEALTHY)
    + "MECAPY_URL=http://127.0.0.1:8080 MECAPY_TOKEN=$(docker exec $CONTAINER mecapy token ada)\n"
    + THROUGH_ALL
    + "find ~/s3/buckets/bucket -type f | xargs grep -lx 1\n"
)
# All containers run, and each probe passes; of the server's parts each is well.
STATES = """
STATE='{{.Name}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}'
IDS=$(docker compose -f deploy/compose.yaml ps -q)
trap 'cat states ready >&2 || :' EXIT
"""
ALL_IS_WELL = (
    STATES
    # A probe that a busy machine was late for once is not the last one.
    + UNTIL.format(
        '{ docker inspect -f "$STATE" $IDS >states && '
        "test $(grep -cE ' running (healthy)?$' states) = $(grep -c . states) && "
        "test $(grep -c healthy states) -ge 4; }"
    )
    # What it says is a moment old: of itself that it is ready, of each part that it is ok.
    + UNTIL.format(
        "{ curl -sSf http://127.0.0.1:8080/health/ready >ready; "
        'test $(grep -oE \'"status":"[a-z]+"\' ready | sort -u | wc -l) = 2; '
        'grep \'"status":"ok"\' ready; }'
    )
)
IN_KEYCLOAK = """
SECRET=$(. deploy/.env; echo $KEYCLOAK_WORKER_SECRET)
MECAPY_TOKEN=$(curl -sS --fail-with-body \
  http://127.0.0.1:8180/realms/mecapy/protocol/openid-connect/token \
  -d grant_type=client_credentials -d client_id=mecapy-worker -d client_secret=$SECRET |
  sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
curl -sS -H "Authorization: Bearer $MECAPY_TOKEN" http://127.0.0.1:8080/api/me | grep openid_connect
"""
OF_CONTAINERS = {
    "docker build -f deploy/worker.Dockerfile -t mecapy-worker .": Scene(after=OF_USER_1000),
    "cat >shared.env <<END": Scene(after='test "$(stat -c %a shared.env)" = 600'),
    "docker run -d -p 127.0.0.1:8081:8080 --cap-drop all --memory 2g --stop-timeout 30 "
    "--env-file shared.env \\": Scene(prints="...profile container...", after=ITS_WORKER),
    "docker run -d -p 127.0.0.1:8080:8080 -v mecapy:/var/lib/mecapy --stop-timeout 30 "
    "--env-file shared.env \\": Scene(prints="...", after=ITS_API),
    f"for name in {SECRETS}; do": Scene(after=DEMANDED),
    # In place of the two containers from before.
    "docker compose -f deploy/compose.yaml up -d --build": Scene(
        before="docker stop $(docker ps -q)",
        prints="...",  # of the build
        after=UNTIL.format("build/mecapy health http://127.0.0.1:8080")
        + "MECAPY_TOKEN=$(. deploy/.env; echo $MECAPY_DEV_TOKEN)\n"
        + THROUGH_ALL
        + ALL_IS_WELL,
    ),
    "docker compose -f deploy/compose.yaml --profile keycloak up -d": Scene(
        after=UNTIL.format("curl -sSf http://127.0.0.1:8180/realms/mecapy")
        + UNTIL.format("build/mecapy health http://127.0.0.1:8080")
        + IN_KEYCLOAK
        + THROUGH_ALL
        + ALL_IS_WELL
    ),
}
IN_CONTRIBUTING = "make build            # programs in build/"
READMES = ("README.md", "README.fr.md")
HOSTS = "docs/isolation-hosts.md"
CALLER = f"""
export MECAPY_DEV_TOKEN={DEV_TOKEN} MECAPY_TOKEN={DEV_TOKEN}
export MECAPY_URL=http://127.0.0.1:$MECAPY_SERVER_PORT
"""
# A machine goes a moment after the end of its run.
NO_MACHINE = """
for i in $(seq 300); do [ -n "$(ls /var/lib/mecapy/machines)" ] || break; sleep 0.1; done
"""
NO_JOB = """
for i in $(seq 300); do [ -n "$(squeue --noheader; ls /shared/mecapy/*)" ] || break; sleep 0.1; done
"""
WRITE_SETTINGS = "cat >mecapy.toml <<'END'"
A_USER = "useradd --system --uid 64100 --home-dir /nonexistent --shell /usr/sbin/nologin mecapy"
SCENES = {
    ("docs/guides/workflows.md", "from mecapy import MecaPy"): Scene(before=NO_JOINT),
    (
        "docs/guides/workflow-files.md",
        "ID=$(mecapy workflow list --json | python3 -c "
        "'import json, sys; print(json.load(sys.stdin)[0][\"id\"])')",
    ): Scene(
        before=f"TOKEN={DEV_TOKEN}; URL=$(mecapy whoami --json | python3 -c "
        "'import json, sys; print(json.load(sys.stdin)[\"server\"])')"
    ),
    (LOCAL, WRITE_SETTINGS): Scene(before=CALLER),
    (LOCAL, "ls /var/lib/mecapy/machines"): Scene(before=NO_MACHINE),
    (SLURM, A_USER): Scene(on=alone, after="id mecapy"),
    # The user is another one here, who is in the cluster's packages.
    (SLURM, WRITE_SETTINGS): Scene(
        before=CALLER + "chown slurm: /var/lib/mecapy; install -d -o slurm -m 700 /shared/mecapy"
    ),
    (SLURM, "squeue --noheader --format=%j | grep -c ^mecapy- || true"): Scene(before=NO_JOB),
    **{
        (page, block.first): scene
        for page in READMES
        for block in blocks_of(ROOT / page)
        for begin, scene in IN_README.items()
        if block.first.startswith(begin)
    },
    ("CONTRIBUTING.md", IN_CONTRIBUTING): Scene(before='cd "$ROOT"', prints="..."),
    (HOSTS, "MECAPY_WORKER_PROFILE=container   # never chosen by itself"): Scene(
        on=alone,
        after="mecapy worker --port 8080; curl -sS --fail-with-body http://127.0.0.1:8080/health; "
        "test $(curl -sS -o answer -w '%{http_code}' -H 'X-Auth-Token: SECRET' -d '{}' "
        "http://127.0.0.1:8080/execute) = 422; "
        "test $(curl -sS -o answer -w '%{http_code}' -d '{}' http://127.0.0.1:8080/execute) = 401; "
        "$READER_STOP",
    ),
    (CLI, "mecapy login https://mecapy.example.org"): Scene(
        on=a_server,
        before=f"echo {DEV_TOKEN} >token",
        typed=DEV_TOKEN,
        after="grep -q mecapy.example.org $XDG_CONFIG_HOME/mecapy/login.json; "
        "(unset MECAPY_URL MECAPY_TOKEN; mecapy whoami | grep mecapy.example.org; mecapy logout)",
    ),
    (CLI, "mecapy worker --port 8080"): Scene(
        on=alone,
        before="READER_SERVE=$READER_SERVE.worker",  # beside the page's server
        after="curl -sS --fail-with-body http://127.0.0.1:8080/health; $READER_STOP; "
        "READER_SERVE=${READER_SERVE%.worker}",
    ),
    (CLI, "source <(mecapy completion zsh)       # in ~/.zshrc, behind compinit"): Scene(
        after="[[ $_comps[mecapy] == _mecapy ]]"
    ),
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
    (CLI, "mecapy task estimate bolt"): Scene(
        prints="It would take ...\nBACKEND...It would take 5 min..., as you say, and go to local..."
    ),
    (CLI, "mecapy workflow create joint.yaml"): Scene(
        before=JOINT, prints=AN_ID, after="mecapy workflow show joint"
    ),
    (CLI, "mecapy workflow check joint.yaml"): Scene(
        before=JOINT, prints="nodes     1\norder     preload\nexpected  ..."
    ),
    (CLI, "mecapy workflow run joint -i force=1000"): Scene(
        before=A_JOINT, prints='{"n":2000}\n{"n":2000}'
    ),
    (CLI, "mecapy workflow show last"): Scene(
        before=A_JOINT, prints="...completed...✓ preload...", after="grep -q preload joint.svg"
    ),
    (CLI, "mecapy workflow resume last --version preload=latest"): Scene(
        before=A_FAILED_JOINT, prints='{"n":7}'
    ),
    (CLI, "mecapy workflow list"): Scene(before=A_JOINT, prints="WORKFLOW...NAME...\n...joint..."),
    (CLI, "mecapy workflow runs --workflow joint"): Scene(
        before=A_JOINT, prints="WORKFLOW RUN...\n...joint...completed..."
    ),
    (CLI, "mecapy workflow result last"): Scene(before=A_JOINT, prints='{"n":2}'),
    (CLI, "mecapy workflow cancel last"): Scene(
        before=A_SLOW_JOINT, after="mecapy workflow show last | grep 'status.*cancelled' >grep.out"
    ),
    (CLI, "mecapy workflow delete joint"): Scene(
        before=A_JOINT, after="if mecapy workflow show joint; then exit 1; fi"
    ),
    (CLI, "mecapy costs --by task --from 2026-11-01"): Scene(
        prints="What runs cost ...together..."
    ),
    (CLI, "mecapy machines"): Scene(after="mecapy machines --json | grep -qF '\"machines\":[]'"),
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
    **{(CONTAINERS, first): scene for first, scene in OF_CONTAINERS.items()},
    **OF_CLOUDS,
}
