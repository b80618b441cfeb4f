#!/usr/bin/env bash
# Runs every fuzz target for its share of $1 seconds, and tells what each did. Ends with 1 after a crash or a
# broken promise; what caused it is then in build/fuzz/crashes. What is found on the way stays in build/fuzz/found,
# where the next run begins.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=build/fuzz
targets=(channel json wire log_text verdict client workflow)
share=$(($1 / ${#targets[@]}))
[ "$share" -gt 0 ] || { printf 'fuzz: at least %d seconds\n' "${#targets[@]}" >&2; exit 2; }
/usr/bin/python3.11 tests/fuzz/seeds.py "$folder/corpus"
mkdir -p "$folder/crashes"

failed=0
printf '%-10s %12s %10s %9s %9s %7s\n' target executions a_second edges features inputs
for target in "${targets[@]}"; do
  log=$folder/$target.log
  mkdir -p "$folder/found/$target"
  status=0
  "$folder/${target}_fuzz" -seed=1 -max_total_time="$share" -max_len=4096 -timeout=10 -rss_limit_mb=1024 \
    -dict=tests/fuzz/json.dict -print_final_stats=1 -artifact_prefix="$folder/crashes/$target-" \
    "$folder/found/$target" "$folder/corpus/$target" >"$log" 2>&1 || status=$?
  read -r edges features inputs < <(awk '/ cov: / { for (i = 1; i < NF; i++) {
      if ($i == "cov:") c = $(i + 1); if ($i == "ft:") f = $(i + 1); if ($i == "corp:") split($(i + 1), n, "/") } }
    END { print c + 0, f + 0, n[1] + 0 }' "$log")
  read -r executions rate < <(awk -F': *' '/number_of_executed_units/ { e = $NF } /average_exec_per_sec/ { r = $NF }
    END { print e + 0, r + 0 }' "$log")
  printf '%-10s %12d %10d %9d %9d %7d\n' "$target" "$executions" "$rate" "$edges" "$features" "$inputs"
  [ "$status" = 0 ] && continue
  failed=1
  grep -oE 'broken promise.*|ERROR: .*|runtime error.*|Test unit written.*' "$log" || tail -n 5 "$log"
done
exit "$failed"
