#!/usr/bin/env bash
# Everything that can be said about the code without running it. One command a line: what fails in
# the middle of an && list does not end a script.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/build/test-venv/bin
mapfile -t cpp < <(git ls-files '*.cc' '*.h')

printf '==> layers\n'
/usr/bin/python3.11 tools/check_layers.py
printf '==> clang-format\n'
clang-format --dry-run -Werror "${cpp[@]}"
printf '==> ruff\n'
"$bin/ruff" check -q .
"$bin/ruff" format -q --check .
printf '==> mypy\n'
"$bin/mypy"
MYPYPATH=tools "$bin/mypy" --strict tools/*.py
cd runtime/python
MYPYPATH=. "$bin/mypy" --strict --config-file= --explicit-package-bases \
  --python-executable ../../build/venv/bin/python mecapy
cd ../../sdk/python
../../build/sdk-venv/bin/mypy
cd ../..
printf '==> clang-tidy\n'
tools/tidy.sh
printf 'lint: clean\n'
