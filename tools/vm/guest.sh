#!/usr/bin/env bash
# Inside the guest of tools/vm.sh: what the kernel was told with mecapy.set=, each case in a place of its
# own among systemd's units. The last line is the guest's word on it all.
set -uo pipefail
cd /mecapy
export HOME=/root LC_ALL=C.UTF-8
patience=1
python=build/test-venv/bin/python
failed=()

# --- places: how a program comes to its cgroup ---

service() {
  systemd-run --quiet --wait --pipe --collect --working-directory=/mecapy -E HOME=/root \
    -p RuntimeMaxSec="${bound:?}" "$@"
}
delegated() { service -p Delegate=yes "$@"; }        # a system service that may make groups
plain() { service "$@"; }                            # one that says nothing about it
scope() { systemd-run --quiet --scope "$@"; }        # systemd-run from a shell
delegated_scope() { systemd-run --quiet --scope -p Delegate=yes "$@"; }
session() { runuser -l root -c "cd /mecapy && $(printf '%q ' "$@")"; }  # root's login: a session scope
readonly_groups() { delegated -p ProtectControlGroups=yes "$@"; }

export -f service delegated plain scope delegated_scope session readonly_groups

# check NAME SECONDS COMMAND...: runs it, at most that long, and says how it ended.
check() {
  local name=$1 seconds=$2 began=$SECONDS status=0
  shift 2
  printf '\n== %s\n' "$name"
  bound=$seconds timeout --kill-after=5 "$seconds" bash -c '"$@"' - "$@" </dev/null || status=$?
  [ $status = 0 ] || failed+=("$name")
  printf -- '-- %s: %s, %s s\n' "$name" "$([ $status = 0 ] && echo held || echo "FAILED ($status)")" \
    $((SECONDS - began))
}

# --- what is looked at ---

about() {
  printf 'kernel %s, %s, pid 1 %s, /sys/fs/cgroup is %s\n' "$(uname -r)" "$(systemctl --version | head -1)" \
    "$(cat /proc/1/comm)" "$(stat -fc %T /sys/fs/cgroup)"
  printf 'controllers: %s; swap: %s KiB\n' "$(cat /sys/fs/cgroup/cgroup.controllers 2>/dev/null)" \
    "$(awk '/SwapTotal/{print $2}' /proc/meminfo)"
}

# Stock Debian has swap; what a run allocates must not go there.
add_swap() {
  fallocate -l 512M /swap && chmod 600 /swap && mkswap /swap >/dev/null && swapon /swap
}

# Kernel limits of one run, in the place $1: the whole room's tests, or those matching $2.
tests() {
  check "$1: sandbox_test $2" "$3" "$1" env MECAPY_TEST_PATIENCE=$patience \
    build/sandbox_test --gtest_brief=1 --gtest_filter="$2"
}
doctor() { check "$1: mecapy doctor" 60 "$1" build/mecapy doctor; }

E2E=({test_outcomes,test_limits,test_privileges,test_bad_calculations}.py)
e2e() {
  check "$1: e2e" 900 "$1" $python -m pytest -q --color=no "${E2E[@]/#/tests/e2e/}"
  check "$1: attacks" 2400 "$1" $python -m pytest -q --color=no --profile host tests/security
}

# What a run costs here: set-up, wall and CPU time and memory, as `mecapy run` tells them.
figures() {
  for _ in 1 2 3; do
    check "$1: a run" 60 "$1" build/mecapy run examples/bolt-stress/calc.py -i force=1000 -i section=10
  done
}

ALL='*-Contained.*'  # which are of the other profile
LIMITS='LimitsHold.*:Runs.Bolt*:SupervisorTest.*:CgroupTest.*'

# Whatever place gives it all three controllers: the session's, as systemd gives them to a user's manager.
full() {
  doctor delegated
  tests delegated "$ALL" 300
  e2e delegated
  figures delegated
  for place in delegated_scope session; do
    doctor $place
    tests $place "$LIMITS" 120
  done
  for place in plain scope readonly_groups; do refuses $place; done
}

room() { doctor delegated; tests delegated "$ALL" 300; }

# Emulated, an honest run takes many times as long.
small() {
  patience=10
  doctor delegated
  tests delegated "$ALL" 1500
  doctor session
  tests session "$LIMITS" 600
  figures delegated
  for place in plain scope readonly_groups; do refuses $place; done
  e2e delegated
}
nothing() { refuses delegated; }
limits() {
  patience=10
  doctor delegated
  tests delegated "$LIMITS" 600
}

# A place without one of the controllers, or without any.
refuses() { check "$1: nothing runs" 120 "$1" tools/vm/refuses.sh; }

add_swap
about
"$(sed -n 's/.*mecapy\.set=\([a-z]*\).*/\1/p' /proc/cmdline)"
printf '\n'
[ ${#failed[@]} = 0 ] || { printf 'guest: failed: %s\n' "$(IFS=,; echo "${failed[*]}")"; exit 1; }
printf 'guest: everything held\n'
