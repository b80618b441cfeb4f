#!/usr/bin/env bash
# In a place that lacks a cgroup controller: doctor names it and says no, and no calculation is run.
set -uo pipefail
doctor=$(build/mecapy doctor)
[ $? = 71 ] || { printf '%s\ndoctor does not say no\n' "$doctor"; exit 1; }
grep -E '^cgroup [a-z]+ .*(missing|refused)' <<<"$doctor" || { printf '%s\n' "$doctor"; exit 1; }
said=$(build/mecapy run examples/bolt-stress/calc.py -i force=1000 -i section=10 2>&1)
status=$?
printf '%s\n' "$said"
[ $status = 71 ] && grep -q 'isolation layer not available in the profile host: cgroup' <<<"$said"
