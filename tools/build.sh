#!/usr/bin/env bash
# Builds the preset $1: the programs, or the targets that follow ("all": the tests as well).
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
folder=build; [ "$preset" = release ] || folder=build-$preset
[ -f "$folder/build.ninja" ] || { printf '==> configuring\n' >&2; cmake --preset "$preset" >/dev/null; }
mkdir -p build
[ "$folder" = build ] || ln -sfn ../build/venv "$folder/venv"
targets=(mecapy mecapy-zygote)
[ $# -gt 1 ] && targets=("${@:2}")
export NINJA_STATUS="[%f/%t %es] "
ninja -C "$folder" "${targets[@]}"
