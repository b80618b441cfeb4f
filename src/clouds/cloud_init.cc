#include "clouds/cloud_init.h"

#include <string_view>

#include "wire/base64.h"

namespace mecapy::clouds {
namespace {

// The first rope. cloud-init runs this at each boot, before files and packages. systemd's own timer
// needs nobody else; where it cannot be had, a process waits. Reckoned from the boot as well: each
// daemon-reload, as packages ask for, begins OnActiveSec anew (seen with systemd 252).
constexpr std::string_view kDeadline = R"sh(#!/bin/sh
life=$(cat /etc/mecapy/life)
file=/var/lib/mecapy-machine-ends
now=$(date +%s)
[ -s "$file" ] || echo $((now + life)) >"$file"
left=$(($(cat "$file") - now))
[ "$left" -le "$life" ] || left=$life
[ "$left" -ge 1 ] || left=1
up=$(cut -d. -f1 /proc/uptime)
systemd-run --unit=mecapy-deadline --timer-property=AccuracySec=1s --on-active="$left" \
  --timer-property=OnBootSec="$((up + left))" systemctl poweroff --force ||
  { sleep "$left" && poweroff -f; } >/dev/null 2>&1 </dev/null &
)sh";

// Its end is the machine's: the unit sees to that. As root in the container, each run is a user of
// its own, on any kernel; what that needs of the container's folders its own command does, too.
constexpr std::string_view kWorker = R"sh(#!/bin/sh
set -eu
cd /etc/mecapy
home=$(cat home) image=$(cat image) gpus=$(cat gpus) life=$(cat life)
shutdown -P "+$((life / 60 + 1))" || true

# Networks and registries of a machine that has just booted are not always there at once.
again() {
  for pause in 2 5 10 20 40; do
    "$@" && return 0
    sleep "$pause"
  done
  "$@"
}
export DEBIAN_FRONTEND=noninteractive
if ! command -v docker >/dev/null; then
  again apt-get update -q
  again apt-get install -y -q --no-install-recommends docker.io
fi
again docker pull -q "$image"

user=64100
install -d -m 0711 /run/mecapy
install -m 0600 -o "$user" -g "$user" token /run/mecapy/token
set -- --rm --user 0 --security-opt no-new-privileges --network host --log-driver journald \
  --volume /run/mecapy/token:/run/mecapy-token:ro \
  --env MECAPY_SERVER_RUN_AS_UID="$user" --env MECAPY_WORKER_CONCURRENCY=1
if [ "$gpus" -gt 0 ]; then
  set -- "$@" --gpus all --env MECAPY_WORKER_GPUS="$gpus"
fi
# shellcheck disable=SC2016  # for the container's shell
docker run "$@" "$image" sh -c '
  chmod 755 /tmp /var/tmp /dev/shm /dev/mqueue /run/lock
  exec mecapy worker --home "$1" --token-file /run/mecapy-token' sh "$home"
)sh";

constexpr std::string_view kUnit = R"(# The end of the worker, whatever it was, is the machine's.
[Unit]
Description=MecaPy: the worker of one run
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/local/sbin/mecapy-machine
ExecStopPost=/usr/bin/systemctl --no-block poweroff
TimeoutStopSec=60

[Install]
WantedBy=multi-user.target
)";

std::string file(std::string_view path, std::string_view mode, std::string_view content) {
  return "  - path: " + std::string(path) + "\n    permissions: \"" + std::string(mode) +
         "\"\n    encoding: b64\n    content: " + wire::encode_base64(content) + "\n";
}

}  // namespace

std::string cloud_init(const Boot& boot) {
  const std::string life = std::to_string(boot.life.count());
  std::string text = "#cloud-config\n";
  // Files are written after this has run: what it needs it brings along.
  text += "bootcmd:\n  - [sh, -c, \"mkdir -p /etc/mecapy && echo " + life +
          " >/etc/mecapy/life && echo " + wire::encode_base64(kDeadline) +
          " | base64 -d >/etc/mecapy/deadline && sh /etc/mecapy/deadline\"]\n";
  text += "write_files:\n";
  text += file("/etc/mecapy/token", "0600", boot.token);
  text += file("/etc/mecapy/home", "0644", boot.home_url);
  text += file("/etc/mecapy/image", "0644", boot.image);
  text += file("/etc/mecapy/gpus", "0644", std::to_string(boot.gpus));
  text += file("/usr/local/sbin/mecapy-machine", "0755", kWorker);
  text += file("/etc/systemd/system/mecapy-machine.service", "0644", kUnit);
  text += "runcmd:\n  - [systemctl, daemon-reload]\n";
  text += "  - [systemctl, enable, --now, --no-block, mecapy-machine.service]\n";
  return text;
}

}  // namespace mecapy::clouds
