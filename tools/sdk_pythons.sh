#!/usr/bin/env bash
# The SDK's tests on the oldest Python it is for, and on the newest (tools/install.sh other-pythons): against
# a server whose calculations run on 3.11. Of what they need besides, the newest that each Python has.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/install.sh sdk-venv other-pythons
stamp=$(sha256sum <sdk/python/requirements.in)
for python in build/pythons/3.*; do
  folder=build/sdk-venv-$(basename "$python")
  if [ "$(cat "$folder/.needs" 2>/dev/null)" != "$stamp" ]; then
    rm -rf "$folder"
    "$python/bin/python$(basename "$python")" -m venv --without-pip "$folder"
    build/sdk-venv/bin/python -m pip download -q --disable-pip-version-check --no-deps -d "$folder" pip
    "$folder/bin/python" "$(echo "$folder"/pip-*.whl)/pip" install -q pip -r sdk/python/requirements.in
    printf '%s' "$stamp" >"$folder/.needs"
  fi
  "$folder/bin/python" -VV
  (cd sdk/python && "../../$folder/bin/python" -m pytest -q "$@")
done
