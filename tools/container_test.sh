#!/usr/bin/env bash
# The worker in a real container without capabilities: builds an image from build/, then runs
# tests/container and the attacks of tests/security in it. Needs root and Debian's podman; needs no registry and no engine.
set -euo pipefail
cd "$(dirname "$0")/.."
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
base=docker.io/library/debian:bookworm-slim
image=localhost/mecapy-container-test:1
say() { printf '==> %s\n' "$*" >&2; }

missing=()
for package in podman buildah runc debootstrap; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  say "installing ${missing[*]}"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
  say "making a base image with debootstrap"
  debootstrap --variant=minbase bookworm "$work/root" >"$work/debootstrap.log"
  container=$(buildah from scratch)
  buildah copy -q "$container" "$work/root" / >/dev/null
  buildah commit -q "$container" "$base" >/dev/null
  buildah rm "$container" >/dev/null
fi

say "building the image"
mkdir "$work/context"
cp -r build/mecapy build/mecapy-zygote examples tests/container/Containerfile "$work/context"
cp -r runtime/python "$work/context/runtime"
cp -r build/venv/lib/python3.11/site-packages "$work/context/packages"
buildah bud --pull-never --layers -q -t "$image" "$work/context" >/dev/null

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

tools/install.sh test-venv
export MECAPY_IMAGE=$image
export MECAPY_SECCOMP=$work/seccomp.json MECAPY_SECCOMP_NO_LANDLOCK=$work/seccomp-no-landlock.json
say "running tests/container"
build/test-venv/bin/python -m pytest -q tests/container "$@"
say "running tests/security in a container"
build/test-venv/bin/python -m pytest -q tests/security --profile container_unprivileged "$@"
