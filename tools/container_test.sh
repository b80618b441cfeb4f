#!/usr/bin/env bash
# The worker in a real container without capabilities: builds deploy/worker.Dockerfile with the programs of build/, then
# runs tests/container and the attacks of tests/security in it; among the former, what documents do with Docker's engine. Needs root;
# needs no registry.
set -euo pipefail
cd "$(dirname "$0")/.."
export STORAGE_DRIVER=${STORAGE_DRIVER:-vfs}
image=localhost/mecapy-container-test:1
api_image=localhost/mecapy-api-container-test:1
say() { printf '==> %s\n' "$*" >&2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tools/images.sh worker build "$image"
tools/images.sh api build "$api_image"

# A host that refuses user namespaces: podman's own profile, less all that makes namespaces and mounts.
/usr/bin/python3.11 - "$work" <<'PYTHON'
import json
import sys

REFUSED = ["unshare", "setns", "mount", "umount", "umount2", "pivot_root", "open_tree", "move_mount",
           "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "chroot"]
NEW = 0x7E020000  # CLONE_NEW*: every namespace
with open("/usr/share/containers/seccomp.json") as file:
    profile = json.load(file)
for rule in profile["syscalls"]:
    rule["names"] = [name for name in rule["names"] if name not in [*REFUSED, "clone", "clone3"]]
profile["syscalls"] = [rule for rule in profile["syscalls"] if rule["names"]]
masked = {"index": 0, "value": NEW, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
profile["syscalls"] += [
    {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [masked]},
    {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
    {"names": REFUSED, "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
]
profile["defaultAction"] = "SCMP_ACT_ERRNO"
profile["defaultErrnoRet"] = 1
with open(f"{sys.argv[1]}/seccomp.json", "w") as file:
    json.dump(profile, file)
for rule in profile["syscalls"]:
    rule["names"] = [name for name in rule["names"] if not name.startswith("landlock_")]
with open(f"{sys.argv[1]}/seccomp-no-landlock.json", "w") as file:
    json.dump(profile, file)
PYTHON

tools/install.sh test-venv compose-spec docker services
export MECAPY_IMAGE=$image MECAPY_API_IMAGE=$api_image
export MECAPY_SECCOMP=$work/seccomp.json MECAPY_SECCOMP_NO_LANDLOCK=$work/seccomp-no-landlock.json
say "running tests/container"
build/test-venv/bin/python -m pytest -q tests/container "$@"
say "running tests/security in a container"
build/test-venv/bin/python -m pytest -q tests/security --profile container_unprivileged "$@"
for one in "$image" "$api_image"; do
  say "layers of $one"
  tools/images.sh sizes "$one"
done
say "cold start"
PYTHONPATH=tests TZ=UTC build/test-venv/bin/python tests/container/cold_start.py
