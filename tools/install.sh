#!/usr/bin/env bash
# Installs what is missing: `install.sh packages bench-packages test-packages fault-packages containers compose-spec docker caddy services slurm venv test-venv sdk-venv docs-venv bench-venv other-pythons vm lock`. Each step is skipped when it is done.
set -euo pipefail
cd "$(dirname "$0")/.."

# Debian 12. The compiler is clang 16: GCC 12 miscompiles coroutines (see ARCHITECTURE.md).
PACKAGES=(
  clang-16 libclang-rt-16-dev clang-format clang-tidy-16 cmake ninja-build ccache pkg-config make git
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev
  libssl-dev libsoci-dev libsqlite3-dev libpq-dev libhiredis-dev libcjose-dev libjansson-dev libcurl4-openssl-dev libpugixml-dev libyaml-cpp-dev libseccomp-dev
  libspdlog-dev prometheus-cpp-dev libcli11-dev libtomlplusplus-dev libgtest-dev librapidcheck-dev
  python3.11 python3.11-dev python3.11-venv libpython3.11-dev curl ca-certificates
)
BENCH_PACKAGES=(bubblewrap)  # peers that `make bench` measures beside the sandbox

TEST_PACKAGES=(zsh fish)  # shells that completion is tried in, for `make e2e`

FAULT_PACKAGES=(libfaketime)  # clocks that differ, for `make faults`

# What tools/images.sh builds images with, and containers run by.
CONTAINER_PACKAGES=(podman buildah runc debootstrap)

# Docker's engine and its client, and a registry, which are unpacked and not installed, so that no service
# starts; and what they need, with the network of a machine that tests make for them.
DOCKER_UNPACKED=(docker.io containerd)
REGISTRY_UNPACKED=(docker-registry)
DOCKER_PACKAGES=(runc iptables libdevmapper1.02.1 dnsmasq-base slirp4netns)

# A certificate authority for a machine that tests make, unpacked as well, and that machine's network.
CADDY_UNPACKED=(caddy)
CADDY_PACKAGES=(libzstd1 slirp4netns iproute2)

# What tools/vm.sh makes its guest with and runs it in.
VM_PACKAGES=(qemu-system-x86 mmdebstrap e2fsprogs)

# What tools/services.sh starts; no cluster of PostgreSQL is made for the machine.
SERVICE_PACKAGES=(postgresql-15 redis-server openssl unzip openjdk-17-jre-headless)

SLURM_PACKAGES=(slurm-wlm munge)  # a cluster of one node, which tools/services.sh starts, too

# What builds programs in Go where no `go` of GO_NEEDED or later is: Debian 12's is older. The file is
# the Go module proxy's; its hash was compared with that of the checksum database.
GO_NEEDED=1.25
GO=go1.25.5
GO_SHA256=8cea6783dab64d68b38f5b81ecd38d45155a3c06638991acc6af19e0fca80edb  # of linux-amd64

# The oldest Python that the SDK is for, and the newest: Debian has neither. A Go module that holds those
# of the project python-build-standalone; version, release, hash of the module's zip.
OTHER_PYTHONS_MODULE=github.com/kluctl/go-embed-python
OTHER_PYTHONS="\
3.10 3.10.16-20241219-1 b51a1325f4aef595562ba4cff37550a53d9da7f5936175234b515b92b0f72fe3
3.14 3.14.6-20260610-1 fa0d4ee2e90380a416d767e98ba500ce38d12f221eeb7af10cbe01fede77ee3a"

# An S3 server over a folder; built once, and kept for further clones.
VERSITYGW=v1.7.0
COMPOSE_SPEC=v2.16.2  # the loader of `docker compose`, which says whether a file is one
COMPOSE=v2.40.3  # `docker compose` itself
KEYCLOAK=26.4.0

say() { printf '==> %s\n' "$*" >&2; }

# Of what apt says, the progress of a long step: the size of it all, a line for each package as it is
# fetched, and one as it is set up.
apt_progress() {
  sed -un -e 's/^Need to get .*/    &/p' \
    -e 's/^Get:[0-9]* .* \([^ ]*\) [^ ]* [^ ]* \(\[.*\]\)$/    fetching \1 \2/p' \
    -e 's/^Setting up \([^ ]*\).*/    setting up \1/p'
}

# Those of the Debian packages $@ that are not there.
packages() {
  local missing=()
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" != 0 ]; then
    say "these Debian packages are missing; install them as root: ${missing[*]}"
    exit 1
  fi
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -q --no-install-recommends "${missing[@]}" | apt_progress >&2
}

# A virtual environment in $1 with exactly what the lock file $2 says; made again when the lock changes.
environment() {
  local folder=$1 lock=$2 stamp
  stamp=$(sha256sum <"$lock")
  [ -x "$folder/bin/python" ] && [ "$(cat "$folder/.lock" 2>/dev/null)" = "$stamp" ] && return
  say "installing the Python environment of $lock"
  rm -rf "$folder"
  /usr/bin/python3.11 -m venv "$folder"
  "$folder/bin/python" -m pip install --disable-pip-version-check --progress-bar off \
    --require-hashes -r "$lock" | sed -un 's/^Collecting \([^ ]*\).*/    \1/p' >&2
  printf '%s' "$stamp" >"$folder/.lock"
}

# Whether there is a `go` of GO_NEEDED or later.
has_go() {
  local version
  version=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null) || return 1
  [ "$(printf '%s\n' "$GO_NEEDED" "${version#go}" | sort -V | head -n 1)" = "$GO_NEEDED" ]
}

# The Go module $1, whose zip has the hash $2, into the new folder $3, from the first proxy of $GOPROXY.
# Its files have no modes.
go_module() {
  local module=$1 proxy=${GOPROXY:-}
  [ "$(uname -sm)" = "Linux x86_64" ] || { say "${module%@*} is fetched for Linux on x86-64 only"; exit 1; }
  proxy=${proxy%%[,|]*}
  case $proxy in '' | direct | off) proxy=https://proxy.golang.org ;; esac
  packages curl ca-certificates unzip
  rm -rf "$3" && mkdir -p "$3"
  curl -sSfL -o "$3/module.zip" "${proxy%/}/${module%@*}/@v/${module#*@}.zip"
  echo "$2  $3/module.zip" | sha256sum -c --quiet - >&2 || { say "what came is not $module"; exit 1; }
  unzip -q "$3/module.zip" -d "$3"
}

# Go itself, into the folder $1.
go_toolchain() {
  local module=golang.org/toolchain@v0.0.1-$GO.linux-amd64
  [ -x "$1/bin/go" ] && return
  say "fetching $GO, 64 MB"
  go_module "$module" "$GO_SHA256" "$1.part"
  chmod -R +x "$1.part/$module/bin" "$1.part/$module/pkg/tool"
  mv "$1.part/$module" "$1"
  rm -rf "$1.part"
}

# The other Pythons of OTHER_PYTHONS, as build/pythons/VERSION, kept in the cache folder.
other_pythons() {
  local version release sha256 folder data
  mkdir -p build/pythons
  while read -r version release sha256; do
    folder=${XDG_CACHE_HOME:-$HOME/.cache}/mecapy/python-$release
    if [ ! -x "$folder/bin/python$version" ]; then
      say "fetching Python $version, 110 MB at most"
      go_module "$OTHER_PYTHONS_MODULE@v0.0.0-$release" "$sha256" "$folder.part"
      data=$folder.part/$OTHER_PYTHONS_MODULE@v0.0.0-$release/python/internal/data/linux-amd64
      find "$data" -name '*.gz' -exec gunzip {} +
      chmod +x "$data"/bin/*
      mv "$data" "$folder"
      rm -rf "$folder.part"
    fi
    ln -sfn "$folder" "build/pythons/$version"
  done <<<"$OTHER_PYTHONS"
}

# The program $1 at version $3, kept in the cache folder: the Go package $2, or the package $4 of the module $2,
# for a module that leaves versions of others out, which `go install` refuses. Nothing else stays.
go_program() {
  local name=$1 cache=${XDG_CACHE_HOME:-$HOME/.cache}/mecapy folder go=go work source
  folder=$cache/$1-$3
  if [ ! -x "$folder/$name" ]; then
    has_go || { go_toolchain "$cache/$GO"; go=$cache/$GO/bin/go; }
    say "building $name $3, some minutes"
    mkdir -p "$folder"
    work=$(mktemp -d)
    (
      export GOTOOLCHAIN=local GOBIN=$folder GOPATH=$work GOCACHE=$work/built GOFLAGS='-p=2 -modcacherw'
      if [ $# = 3 ]; then "$go" install "$2@$3" && exit; exit 1; fi
      source=$("$go" mod download -json "$2@$3" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
      "$go" build -C "$source" -ldflags "-s -w" -o "$folder/$(basename "$2")" "./$4"
    ) || { rm -rf "$work"; exit 1; }
    rm -rf "$work"
    [ "$name" = "$(basename "$2")" ] || mv "$folder/$(basename "$2")" "$folder/$name"
  fi
  mkdir -p build/services
  ln -sfn "$folder/$name" "build/services/$name.program"
}

# The Debian packages $2 ... unpacked as build/services/$1, kept in the cache folder.
unpacked() {
  local name=$1 folder=${XDG_CACHE_HOME:-$HOME/.cache}/mecapy/$1-bookworm archive
  shift
  if [ ! -d "$folder" ]; then
    say "fetching $*"
    rm -rf "$folder.part" && mkdir -p "$folder.part"
    apt-get update -qq
    (cd "$folder.part" && apt-get download -q "$@" >&2)
    for archive in "$folder.part"/*.deb; do dpkg-deb -x "$archive" "$folder.part" && rm "$archive"; done
    mv "$folder.part" "$folder"
  fi
  mkdir -p build/services
  ln -sfn "$folder" "build/services/$name"
}

# Keycloak's distribution, as Maven Central has it.
keycloak() {
  local folder=${XDG_CACHE_HOME:-$HOME/.cache}/mecapy file
  file=$folder/keycloak-$KEYCLOAK.zip
  if [ ! -f "$file" ]; then
    command -v mvn >/dev/null || packages maven
    say "fetching Keycloak $KEYCLOAK, 160 MB"
    mkdir -p "$folder"
    mvn -q -B dependency:copy -Dartifact="org.keycloak:keycloak-quarkus-dist:$KEYCLOAK:zip" -DoutputDirectory="$folder/keycloak" >&2
    mv "$folder/keycloak/keycloak-quarkus-dist-$KEYCLOAK.zip" "$file"
    rmdir "$folder/keycloak"
  fi
  mkdir -p build/services
  ln -sfn "$file" build/services/keycloak.program
}

lock() {
  local work
  work=$(mktemp -d)
  /usr/bin/python3.11 -m venv "$work"
  "$work/bin/pip" install -q --disable-pip-version-check pip-tools
  for folder in runtime/python tests bench sdk/python docs; do
    CUSTOM_COMPILE_COMMAND="make lock" "$work/bin/pip-compile" -q --upgrade --generate-hashes \
      --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
      -o "$folder/requirements.lock" "$folder/requirements.in"
  done
  rm -rf "$work"
}

for step in "$@"; do
  case $step in
    packages) packages "${PACKAGES[@]}" ;;
    bench-packages) packages "${BENCH_PACKAGES[@]}" ;;
    test-packages) packages "${TEST_PACKAGES[@]}" ;;
    fault-packages) packages "${FAULT_PACKAGES[@]}" ;;
    containers) packages "${CONTAINER_PACKAGES[@]}" ;;
    compose-spec) go_program compose-spec github.com/compose-spec/compose-go/v2/cmd "$COMPOSE_SPEC" ;;
    docker)
      packages "${DOCKER_PACKAGES[@]}"
      unpacked docker "${DOCKER_UNPACKED[@]}"
      unpacked docker-registry "${REGISTRY_UNPACKED[@]}"
      go_program docker-compose github.com/docker/compose/v2 "$COMPOSE" cmd
      ;;
    caddy)
      packages "${CADDY_PACKAGES[@]}"
      unpacked caddy "${CADDY_UNPACKED[@]}"
      ;;
    services)
      [ -d /etc/postgresql-common ] || { mkdir -p /etc/postgresql-common; echo create_main_cluster = false >/etc/postgresql-common/createcluster.conf; }
      packages "${SERVICE_PACKAGES[@]}"
      go_program versitygw github.com/versity/versitygw/cmd/versitygw "$VERSITYGW"
      keycloak
      ;;
    slurm) packages "${SLURM_PACKAGES[@]}" ;;
    vm) packages "${VM_PACKAGES[@]}" ;;
    venv) environment build/venv runtime/python/requirements.lock ;;
    test-venv) environment build/test-venv tests/requirements.lock ;;
    sdk-venv) environment build/sdk-venv sdk/python/requirements.lock ;;
    docs-venv) environment build/docs-venv docs/requirements.lock ;;
    bench-venv) environment build/bench-venv bench/requirements.lock ;;
    other-pythons) other_pythons ;;
    lock) lock ;;
    *) say "unknown step $step"; exit 2 ;;
  esac
done
