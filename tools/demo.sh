#!/usr/bin/env bash
# A first calculation from nothing to its result, through HTTP, and what each stage cost. Leaves nothing
# behind.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=${MECAPY_BINARY:-build/mecapy}
work=$(mktemp -d)
chmod 755 "$work"
server=
finish() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
  rm -rf "$work"
}
trap finish EXIT

printf '==> starting mecapy serve with nothing configured\n'
for name in $(env | sed -n 's/^\(MECAPY_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
touch "$work/serve.out" "$work/none.toml"
"$binary" serve --config "$work/none.toml" --port 0 --data-dir "$work/data" \
  >"$work/serve.out" 2>"$work/serve.err" &
server=$!
for _ in $(seq 600); do
  grep -q '^MecaPy is ready' "$work/serve.out" && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.05
done
grep -q '^MecaPy is ready' "$work/serve.out" || { cat "$work/serve.err" >&2; exit 1; }
url=$(sed -n 's/^MecaPy is ready at //p' "$work/serve.out")
build/venv/bin/python tools/demo.py "$url" "$(cat "$work/data/token")"

cat <<'NEXT'

How to go on:
  build/mecapy serve                      starts it for you; prints where the token is
  http://127.0.0.1:8080/docs/contract     every route, limit and outcome, once it runs
  build/mecapy run examples/bolt-stress/calc.py -i force=1000 -i section=10
  build/mecapy run examples/pipe-pressure-drop/calc.py -i @examples/pipe-pressure-drop/inputs.json -o out
  make help                               tests, bench, lint
NEXT
