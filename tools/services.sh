#!/usr/bin/env bash
# The services that MecaPy can stand on, from packages, for tests and for trying: all on loopback, on
# free ports, below build/services, or below the folder MECAPY_SERVICES for others beside them.
#   tools/services.sh start [NAME...]    until `stop`; one that runs is left alone. Prints `settings`
#   tools/services.sh stop [NAME...]
#   tools/services.sh urls               of those that run, for programs
#   tools/services.sh settings           the same as lines for a shell: how `mecapy serve` stands on them
#   tools/services.sh during COMMAND...  runs it, and then ends what runs by then and did not before
# No container engine is needed. A service keeps its port as long as nobody else takes it.
# `slurm`, a cluster of one node, is started when it is named only: munged, slurmctld and slurmd.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022

SERVICES=(postgres s3 redis keycloak)  # as README takes them, one after the other
CLUSTER=(munged slurmctld slurmd)
PASSWORD=mecapy-for-tests
PG=/usr/lib/postgresql/15/bin
# What MecaPy's user of Redis may do, and no more; docs/operations.md and deploy/compose.yaml say the same.
REDIS_RIGHTS='~mecapy:* &mecapy:* -@all +select +eval +time +get +set +publish +subscribe +hget +hset +hdel +hlen +hscan
  +zadd +zrem +zcard +zscore +zrangebyscore +xadd +xdel +xlen +xrange +xack +xpending +xclaim +xreadgroup +xgroup|create
  +xgroup|delconsumer +xinfo|consumers'

say() { printf '==> %s\n' "$*" >&2; }
complain() { say "$*"; exit 1; }

programs=$PWD/build/services
here=${MECAPY_SERVICES:-$programs}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
is_free() {
  python3 -c 'import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1])))' "$1" 2>/dev/null
}
# The port that the service $1 had the last time, when it is free; else another.
port_for() {
  local last
  last=$(sed -n 's/.*127\.0\.0\.1:\([0-9]*\).*/\1/p' "$here/$1/url" 2>/dev/null) || true
  if [ -n "$last" ] && is_free "$last"; then echo "$last"; else free_port; fi
}
# When the process $1 was born, in clock ticks: a number may be used again. Nothing when it has ended.
born() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }'; }
pid_of() { cut -d' ' -f1 "$here/$1/pid"; }
is_running() {
  local since
  [ -f "$here/$1/pid" ] && since=$(born "$(pid_of "$1")") && [ -n "$since" ] && [ "$since" = "$(cut -d' ' -f2 "$here/$1/pid")" ]
}

# Waits until the command $2... succeeds, while the service $1 lives; its log else.
await() {
  local name=$1; shift
  for _ in $(seq $((${SECONDS_TO_READY:-60} * 10))); do
    "$@" >/dev/null 2>&1 && return
    is_running "$name" || { tail -n 20 "$here/$name/log" >&2; complain "$name has ended"; }
    sleep 0.1
  done
  tail -n 20 "$here/$name/log" >&2
  complain "$name did not get ready in time"
}

# A certificate of its own for 127.0.0.1 and localhost, as a managed service has: $1/cert.pem, $1/key.pem.
certificate() {
  local made=$1/cert.pem
  openssl x509 -in "$made" -noout -checkend 86400 >/dev/null 2>&1 \
    && openssl x509 -in "$made" -noout -checkhost mecapy.localhost | grep -q 'does match' && return
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=mecapy-test -keyout "$1/key.pem" -out "$1/cert.pem" \
    -addext subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:mecapy.localhost -addext basicConstraints=critical,CA:FALSE 2>/dev/null
  chmod 600 "$1/key.pem"
}

# Runs $2... as the service $1, away from this shell, as the user of its folder. Each word but the last
# replaces itself by the next: the child is the service, and no other process stays beside it.
launch() {
  local name=$1 user; shift
  user=$(stat -c %U "$here/$name")
  setsid setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups -- "$@" </dev/null >"$here/$name/log" 2>&1 9>&- &
  printf '%s %s\n' "$!" "$(born "$!")" >"$here/$name/pid"
}

# The server refuses to be root, and its user must be able to reach its folder.
start_postgres() {
  local port; port=$(port_for postgres)
  if [ ! -d "$here/postgres/data" ]; then
    mkdir -p "$here/postgres"
    certificate "$here/postgres"
    chown -R postgres: "$here/postgres"
    printf '%s' "$PASSWORD" >"$here/postgres/password"
    runuser -u postgres -- "$PG/initdb" -D "$here/postgres/data" -U mecapy -A scram-sha-256 -E UTF8 --locale C.UTF-8 \
      --pwfile "$here/postgres/password" >"$here/postgres/initdb.log"
  fi
  launch postgres "$PG/postgres" -D "$here/postgres/data" -p "$port" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c max_connections=200 -c ssl=on \
    -c ssl_cert_file="$here/postgres/cert.pem" -c ssl_key_file="$here/postgres/key.pem"
  printf 'postgresql://mecapy:%s@127.0.0.1:%s/postgres?sslmode=verify-full&sslrootcert=%s\n' \
    "$PASSWORD" "$port" "$here/postgres/cert.pem" >"$here/postgres/url"
  await postgres "$PG/pg_isready" -q -h 127.0.0.1 -p "$port"
}

# Its user `tests` may do all that people do there.
start_redis() {
  local port; port=$(port_for redis)
  mkdir -p "$here/redis"
  certificate "$here/redis"
  cat >"$here/redis/redis.conf" <<CONF
bind 127.0.0.1
port 0
tls-port $port
tls-cert-file $here/redis/cert.pem
tls-key-file $here/redis/key.pem
tls-ca-cert-file $here/redis/cert.pem
tls-auth-clients no
save ""
dir $here/redis
user default off
user mecapy on >$PASSWORD ${REDIS_RIGHTS//$'\n'/ }
user tests on >$PASSWORD ~* &* +@all
CONF
  chown -R redis: "$here/redis"
  launch redis /usr/bin/redis-server "$here/redis/redis.conf"
  printf 'rediss://mecapy:%s@127.0.0.1:%s/0?ca=%s\n' "$PASSWORD" "$port" "$here/redis/cert.pem" >"$here/redis/url"
  sed 's/mecapy:/tests:/' "$here/redis/url" >"$here/redis/tests_url"
  await redis env REDISCLI_AUTH="$PASSWORD" redis-cli --tls --cacert "$here/redis/cert.pem" --user tests -p "$port" ping
}

# versitygw over a folder; the bucket is made.
start_s3() {
  local port; port=$(port_for s3)
  mkdir -p "$here/s3/buckets" "$here/s3/users"
  certificate "$here/s3"
  launch s3 env ROOT_ACCESS_KEY=mecapy ROOT_SECRET_KEY="$PASSWORD" "$programs/versitygw.program" --port "127.0.0.1:$port" \
    --region fr-par --keep-alive --virtual-domain "localhost:$port" --cert "$here/s3/cert.pem" --key "$here/s3/key.pem" --iam-dir "$here/s3/users" posix "$here/s3/buckets"
  printf 's3://mecapy?endpoint=https://127.0.0.1:%s&ca=%s\n' "$port" "$here/s3/cert.pem" >"$here/s3/url"
  printf 'mecapy %s\n' "$PASSWORD" >"$here/s3/keys"
  await s3 curl -s --cacert "$here/s3/cert.pem" "https://127.0.0.1:$port/"
  curl -sf --cacert "$here/s3/cert.pem" --aws-sigv4 aws:amz:fr-par:s3 --user "mecapy:$PASSWORD" \
    -H "x-amz-content-sha256: $(sha256sum </dev/null | cut -d' ' -f1)" -X PUT "https://127.0.0.1:$port/mecapy" >/dev/null \
    || [ -d "$here/s3/buckets/mecapy" ]
}

# Keycloak with the realm that we ship, and beside what is in it: a demo user and an administrator, another
# realm, and clients that take passwords directly, as only tests should.
start_keycloak() {
  local port; port=$(port_for keycloak)
  mkdir -p "$here/keycloak"
  certificate "$here/keycloak"
  [ -d "$here/keycloak/server" ] || { unzip -q "$programs/keycloak.program" -d "$here/keycloak"; mv "$here/keycloak"/keycloak-* "$here/keycloak/server"; }
  mkdir -p "$here/keycloak/server/data/import"
  PASSWORD="$PASSWORD" python3 tools/keycloak_test_realms.py deploy/keycloak/mecapy-realm.json "$here/keycloak/server/data/import"
  printf 'https://127.0.0.1:%s/realms/mecapy\n' "$port" >"$here/keycloak/url"
  launch keycloak env JAVA_OPTS="-Xms64m -Xmx512m" KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD="$PASSWORD" \
    MECAPY_WORKER_SECRET="$PASSWORD" "$here/keycloak/server/bin/kc.sh" start-dev --import-realm --http-enabled false \
    --https-port "$port" --http-port "$(free_port)" --hostname-strict false --http-host 127.0.0.1 \
    --https-certificate-file "$here/keycloak/cert.pem" --https-certificate-key-file "$here/keycloak/key.pem"
  SECONDS_TO_READY=240 await keycloak curl -sf --cacert "$here/keycloak/cert.pem" \
    "https://127.0.0.1:$port/realms/mecapy/.well-known/openid-configuration"
}

# Munge's key and what all of the cluster reads, before the first of its programs starts. Jobs are counted and
# killed for memory by polling, as that needs no cgroup; slurmd believes that the node has four CPUs.
start_munged() {
  local host; host=$(hostname -s)
  mkdir -p "$here/munged" "$here/slurmctld/state" "$here/slurmd/spool"
  [ -f "$here/munged/key" ] || head -c 128 /dev/urandom >"$here/munged/key"
  chmod 400 "$here/munged/key"
  chown -R munge: "$here/munged"
  cat >"$here/slurmctld/slurm.conf" <<CONF
ClusterName=tests
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$here/munged/socket
StateSaveLocation=$here/slurmctld/state
SlurmdSpoolDir=$here/slurmd/spool
SlurmctldPidFile=$here/slurmctld/own.pid
SlurmdPidFile=$here/slurmd/own.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=200
JobCompType=jobcomp/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
SlurmdParameters=config_overrides
MailProg=/bin/true
MinJobAge=300
KillWait=5
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
  echo "$here/munged/socket" >"$here/munged/url"
  launch munged /usr/sbin/munged --foreground --socket "$here/munged/socket" --key-file "$here/munged/key" \
    --pid-file "$here/munged/own.pid" --seed-file "$here/munged/seed" --log-file "$here/munged/munged.log"
  await munged munge -S "$here/munged/socket" --no-input
}

start_slurmctld() {
  echo "$here/slurmctld/slurm.conf" >"$here/slurmctld/url"
  launch slurmctld /usr/sbin/slurmctld -D -f "$here/slurmctld/slurm.conf"
  await slurmctld env SLURM_CONF="$here/slurmctld/slurm.conf" scontrol ping
}

start_slurmd() {
  echo "$here/slurmctld/slurm.conf" >"$here/slurmd/url"
  launch slurmd /usr/sbin/slurmd -D -f "$here/slurmctld/slurm.conf"
  await slurmd sh -c "SLURM_CONF='$here/slurmctld/slurm.conf' sinfo --noheader --states=idle,mixed,allocated | grep -q main"
}

# Jobs outlive slurmd: they end with it.
end_jobs() {
  is_running slurmctld || return 0
  export SLURM_CONF=$here/slurmctld/slurm.conf
  timeout 20 scancel --partition=main || true
  for _ in $(seq 200); do [ -z "$(timeout 20 squeue --noheader)" ] && return 0; sleep 0.1; done
}

stop() {
  is_running "$1" || return 0
  [ "$1" != slurmd ] || end_jobs
  say "ending $1"
  kill -INT "$(pid_of "$1")"
  for _ in $(seq 200); do is_running "$1" || return 0; sleep 0.05; done
  kill -KILL "$(pid_of "$1")"
}

running() {
  for name in "${SERVICES[@]}" "${CLUSTER[@]}"; do is_running "$name" && echo "$name"; done
  return 0
}
end_what_is_new() {
  for name in $(running | tac); do grep -qxF "$name" <<<"$1" || stop "$name"; done
}

urls() {
  for name in "${SERVICES[@]}"; do
    is_running "$name" && printf '%-9s %s\n' "$name" "$(cat "$here/$name/url")"
  done
  return 0
}

# Of one that runs: $1 is its name, $2 its URL.
settings_of() {
  case $1 in
    postgres) echo "export MECAPY_DATABASE_URL='$2'" ;;
    redis) echo "export MECAPY_REDIS_URL='$2'" ;;
    s3) echo "export MECAPY_OBJECTS_URL='$2' MECAPY_OBJECTS_ACCESS_KEY=mecapy MECAPY_OBJECTS_SECRET_KEY=$PASSWORD" ;;
    slurmd) echo "export SLURM_CONF='$2'" ;;
    keycloak)
      echo "export MECAPY_OIDC_ISSUER='$2' MECAPY_OIDC_CA='$here/keycloak/cert.pem'"
      echo "# its users: demo, and boss, an administrator of MecaPy; password: $PASSWORD"
      echo "# the secret of its client mecapy-worker: $PASSWORD"
      echo "# its own administrator at ${2%/realms/*}/admin: admin; password: $PASSWORD"
      ;;
  esac
}

action=${1:-}; shift || true
names=()
[ $# -gt 0 ] || set -- "${SERVICES[@]}" $([ "$action" != stop ] || echo slurm)
for name in "$@"; do
  if [ "$name" = slurm ]; then names+=("${CLUSTER[@]}"); else names+=("$name"); fi
done
case $action in
  start)
    [ "$(id -u)" = 0 ] || complain "the services are started as root: PostgreSQL runs as a user of its own"
    case " ${names[*]} " in *" postgres "* | *" redis "* | *" s3 "* | *" keycloak "*) tools/install.sh services ;; esac
    case " ${names[*]} " in *" slurmctld "*) tools/install.sh slurm ;; esac
    mkdir -p "$here"
    exec 9>"$here/lock"  # who starts one that another is starting returns when it is ready
    flock 9
    for name in "${names[@]}"; do
      is_running "$name" || { say "starting $name"; "start_$name"; }
    done
    for name in $(running); do settings_of "$name" "$(cat "$here/$name/url")"; done
    ;;
  stop)
    [ -n "$(running)" ] || say "no service runs"
    for ((i = ${#names[@]} - 1; i >= 0; i--)); do stop "${names[i]}"; done
    ;;
  urls) urls ;;
  settings) for name in $(running); do settings_of "$name" "$(cat "$here/$name/url")"; done ;;
  during)
    before=$(running)
    trap 'end_what_is_new "$before"' EXIT
    "$@"
    ;;
  *) complain "usage: tools/services.sh start [NAME...] | stop [NAME...] | urls | settings | during COMMAND..." ;;
esac
