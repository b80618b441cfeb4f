"""Simulators of the clouds' APIs, as a process: `python3 simulate.py scaleway openstack`.

One line of JSON on standard output says where they listen and what they accept; they end with
the pipe that standard input is, with their parent, or by SIGTERM.
"""

import argparse
import json
import os
import signal
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from clouds import openstack, openstack_things, scaleway, scaleway_things
from clouds.cloud import Boots, Cloud, NoBoots
from clouds.fault_table import TABLE, Faults, Order
from clouds.timeline import Timeline
from clouds.web import Server

CLOUDS = {"scaleway": scaleway.Scaleway, "openstack": openstack.Openstack}


def read_arguments(words: list[str]) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clouds", nargs="+", choices=CLOUDS)
    parser.add_argument(
        "--scale", type=float, default=0.01, help="of the clouds' own delays (0.01)"
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[:OPERATION[:TIMES[:AFTER]]]",
        help="one of " + ", ".join(fault.name for fault in TABLE),
    )
    parser.add_argument("--plan", type=Path, help="file of JSON: a list of such orders")
    parser.add_argument("--seed", type=int, help="faults by chance")
    parser.add_argument("--rate", type=float, default=1.0, help="how often, against the table (1)")
    return parser.parse_args(words)


def open_clouds(
    names: list[str], scale: float, boots: Boots, seed: int | None = None, rate: float = 1.0
) -> dict[str, tuple[Cloud, Server]]:
    """Each listening, and answering on threads of this process."""
    timeline = Timeline(scale)
    opened: dict[str, tuple[Cloud, Server]] = {}
    for name in names:
        cloud = CLOUDS[name](timeline, boots, Faults(name, seed, rate))
        server = Server(cloud.answer)
        if isinstance(cloud, openstack.Openstack):
            cloud.url = server.url
        threading.Thread(target=server.serve, daemon=True).start()
        opened[name] = (cloud, server)
    return opened


def told(opened: dict[str, tuple[Cloud, Server]]) -> dict[str, Any]:
    """Where each listens, and who and what it knows."""
    known: dict[str, dict[str, Any]] = {
        "scaleway": {
            "token": scaleway_things.TOKEN,
            "project": scaleway_things.PROJECT,
            "zones": scaleway_things.ZONES,
            "image_label": scaleway_things.LABEL,
        },
        "openstack": {
            "credential_id": openstack_things.CREDENTIAL[0],
            "credential_secret": openstack_things.CREDENTIAL[1],
            "user": openstack_things.USER[0],
            "password": openstack_things.USER[1],
            "project": openstack_things.PROJECT,
            "region": openstack_things.REGION,
            "network": openstack_things.NETWORK,
            "flavor": openstack_things.FLAVORS[0],
            "flavors": openstack_things.FLAVORS,
            "image": openstack_things.IMAGE,
            "key_name": openstack_things.KEY,
        },
    }
    found = {name: {"url": server.url} | known[name] for name, (_, server) in opened.items()}
    for name, one in found.items():
        one["faults"] = [row.name for row in TABLE if name in row.apis and not row.waits]
    if "openstack" in found:
        found["openstack"]["auth_url"] = found["openstack"]["url"] + "/v3"
    return found


def main(words: list[str]) -> int:
    """Run until standard input ends."""
    arguments = read_arguments(words)
    try:
        orders = [Order.read(one) for one in arguments.fault]
        if arguments.plan is not None:
            orders += [Order.read(one) for one in json.loads(arguments.plan.read_text())]
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    opened = open_clouds(
        arguments.clouds, arguments.scale, NoBoots(), arguments.seed, arguments.rate
    )
    for cloud, _ in opened.values():
        cloud.faults.order(orders)
    print(json.dumps(told(opened)), flush=True)
    _await_end()
    return 0


def _await_end() -> None:
    """Who started this is gone, or has closed the pipe that standard input is."""
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        sys.stdin.buffer.read()
        return
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.2)  # nothing announces that a parent has ended


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
