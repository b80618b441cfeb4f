#!/usr/bin/env bash
# The images of deploy/, without a container engine or an image registry: by buildah, as root on Debian.
#   tools/images.sh worker|api             localhost/mecapy-NAME, compiled from source
#   tools/images.sh worker|api FOLDER TAG  the same with the programs of FOLDER, such as build, as TAG
#   tools/images.sh base FILE TAG          what both begin with, as a file that `docker load` reads
#   tools/images.sh sizes IMAGE            of each layer
set -euo pipefail
cd "$(dirname "$0")/.."
export STORAGE_DRIVER=${STORAGE_DRIVER:-vfs} BUILDAH_ISOLATION=chroot
BASE=docker.io/library/debian:bookworm-slim
CA=/etc/ssl/certs/ca-certificates.crt  # whom this machine trusts, pip trusts while it builds

say() { printf '==> %s\n' "$*" >&2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Of what buildah and ninja say, a line for each step and for each tenth file.
build_progress() { sed -un -e 's/^\(\[[0-9/]*\] \)\?STEP .*/    &/;t cut' -e 's/^\[[0-9]*0\/[0-9]*\] .*/    &/;t cut' -e d -e ':cut' -e 's/^\(.\{110\}\).*/\1.../' -e p; }
# Of what debootstrap says, all but a line for each package.
debootstrap_progress() { sed -un '/^I: \(Retrieving\|Validating\|Extracting\|Unpacking\|Configuring\) [a-z0-9]/d; s/^I: /    /p'; }

# Like the published image of that name: minimal, without documents and translations, now and later.
base() {
  buildah inspect --type image "$BASE" >/dev/null 2>&1 && return
  say "making a base image with debootstrap"
  debootstrap --variant=minbase bookworm "$work/root" | tee "$work/debootstrap.log" | debootstrap_progress >&2 \
    || { tail "$work/debootstrap.log"; exit 1; }
  printf 'path-exclude /usr/share/%s/*\n' doc info locale man >"$work/root/etc/dpkg/dpkg.cfg.d/slim"
  echo 'path-include /usr/share/doc/*/copyright' >>"$work/root/etc/dpkg/dpkg.cfg.d/slim"
  find "$work"/root/usr/share/{doc,info,locale,man} -type f -not -name copyright -delete
  rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/* "$work"/root/var/log/*
  local container
  container=$(buildah from scratch)
  buildah copy -q "$container" "$work/root" / >/dev/null
  buildah commit -q "$container" "$BASE" >/dev/null
  buildah rm "$container" >/dev/null
}

# The image of deploy/$1.Dockerfile, called $3; with the programs of the folder $2 when there is one.
image() {
  local options=()
  if [ -n "$2" ]; then
    mkdir -p "$work/programs/out"
    for program in mecapy mecapy-zygote; do strip -o "$work/programs/out/$program" "$2/$program"; done
    options+=(--build-context "programs=$work/programs")
  fi
  [ -f "$CA" ] && options+=(-v "$CA:/run/build-ca.crt:ro" --build-arg PIP_CERT=/run/build-ca.crt)
  say "building $3 from deploy/$1.Dockerfile"
  buildah bud --pull-never --layers --format docker "${options[@]}" -f "deploy/$1.Dockerfile" -t "$3" . 2>&1 \
    | tee "$work/log" | build_progress >&2 || { tail -n 50 "$work/log" >&2; exit 1; }
}

# Bytes of each layer as it lies on disk and as a registry would keep it (gzip).
sizes() {
  buildah push -q --compression-format gzip "$1" "oci:$work/oci:sized" >&2
  /usr/bin/python3.11 - "$work/oci" <<'PYTHON'
import gzip
import json
import sys
from pathlib import Path

folder = Path(sys.argv[1])


def blob(digest: str) -> Path:
    return folder / "blobs" / digest.replace(":", "/")


def unpacked(path: Path) -> int:
    with gzip.open(path) as file:
        return sum(len(piece) for piece in iter(lambda: file.read(1 << 20), b""))


[manifest] = json.loads((folder / "index.json").read_text())["manifests"]
layers = json.loads(blob(manifest["digest"]).read_text())["layers"]
config = json.loads(blob(json.loads(blob(manifest["digest"]).read_text())["config"]["digest"]).read_text())
made_by = [step["created_by"] for step in config["history"] if not step.get("empty_layer")]
total = [0, 0]
print(f"{'MB':>8} {'gzip':>8}  layer")
for layer, step in zip(layers, made_by, strict=True):
    pair = unpacked(blob(layer["digest"])), layer["size"]
    total = [total[0] + pair[0], total[1] + pair[1]]
    print(f"{pair[0] / 1e6:8.1f} {pair[1] / 1e6:8.1f}  {' '.join(step.split())[:90]}")
print(f"{total[0] / 1e6:8.1f} {total[1] / 1e6:8.1f}  all")
PYTHON
}

tools/install.sh containers
case ${1:-} in
  worker | api) base; image "$1" "${2:-}" "${3:-localhost/mecapy-$1:latest}" ;;
  base) base; buildah push -q "$BASE" "docker-archive:$2:$3" >&2 ;;
  sizes) sizes "$2" ;;
  *) say "usage: tools/images.sh worker|api [FOLDER TAG] | base FILE TAG | sizes IMAGE"; exit 2 ;;
esac
