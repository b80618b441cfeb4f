"""What the pages of clouds take for granted: an account's registry, and a machine with a name."""

from docs.public import NAME, public_machine
from docs.scene import Scene

CLOUDS = ("docs/backends/scaleway.md", "docs/backends/openstack.md")
# Registries that they name, and who logs in there, with PASSWORD.
REGISTRIES = {"rg.fr-par.scw.cloud": "nologin", "registry.example.org": "USER"}
PASSWORD = "password-of-an-account"
# What machines are told to fetch is what was pushed; it is not fetched without a login, and nobody
# logs in with another password.
FETCHED = """
IMAGE=$(grep -oP '^worker_image = "\\K[^"]+' {page})
docker rmi $IMAGE
docker pull $IMAGE
test "$(docker inspect -f {{{{.Id}}}} $IMAGE)" = "$(docker inspect -f {{{{.Id}}}} mecapy-worker)"
rm ~/.docker/config.json
if docker pull $IMAGE; then exit 1; fi
if docker login ${{IMAGE%%/*}} -u nologin --password-stdin <<<another; then exit 1; fi
"""
# Callers come the same way; then machines alone, in the page's words.
THROUGH = f"""
URL=https://{NAME}
TOKEN=$(mecapy token ada)
echo 'def calculate(inputs): return inputs["force"] / 10' >calc.py
test $(MECAPY_URL=$URL MECAPY_TOKEN=$TOKEN mecapy run calc.py -i force=1000 --remote) = 100.0
"""
MACHINES_ALONE = """
said=$(grep -oF 'reverse_proxy /home/* 127.0.0.1:8080' $ROOT/{page})
sed -i "s|reverse_proxy .*|$said|" /etc/caddy/Caddyfile
systemctl reload caddy
test "$(curl -sS -o answer -w '%{{http_code}} %{{size_download}}' $URL/health/ready)" = "200 0"
if mecapy health $URL; then exit 1; fi
curl -sS $URL/home/job | grep '"there is nothing at /home/job"'
$READER_STOP
"""
OF_CLOUDS = {
    **{
        (page, "docker build -f deploy/worker.Dockerfile -t mecapy-worker ."): Scene(
            before=f"SCW_SECRET_KEY={PASSWORD} REGISTRY_PASSWORD={PASSWORD}",
            prints="...Login Succeeded...1: digest: sha256:...",
            after=FETCHED.format(page=page),
        )
        for page in CLOUDS
    },
    **{
        (page, "apt-get update && apt-get install -y caddy"): Scene(
            on=public_machine,
            before="MECAPY_SERVER_PORT=8080 mecapy serve",
            after=THROUGH + MACHINES_ALONE.format(page=page),
        )
        for page in CLOUDS
    },
}
