"""Machines of the simulated clouds really boot, do what their cloud-init says, and meet their fate.

The worker is a shell's here; the real one is in test_lives.py.
"""

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from clouds.boot import IMAGE, ProcessBoots, read_cloud_config
from clouds.client import OpenstackClient, ScalewayClient
from clouds.fault_table import TABLE, Kind
from clouds.simulate import open_clouds
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="machines have mounts of their own")

UNIT = """[Service]
ExecStart=/usr/local/sbin/work
ExecStopPost=/usr/bin/systemctl --no-block poweroff
"""


def cloud_init(work: str, deadline_s: int = 3600) -> str:
    """Files, a deadline, and a unit that runs `work`."""

    def file(path: str, mode: str, text: str) -> str:
        content = base64.b64encode(text.encode()).decode()
        return (
            f'  - path: {path}\n    permissions: "{mode}"\n    encoding: b64\n'
            f"    content: {content}\n"
        )

    return (
        "#cloud-config\nbootcmd:\n"
        f"  - [systemd-run, --on-active={deadline_s}, systemctl, poweroff, --force]\n"
        "write_files:\n"
        + file("/etc/work/secret", "0600", "s3cret")
        + file("/usr/local/sbin/work", "0755", "#!/bin/sh\nset -eu\n" + work)
        + file("/etc/systemd/system/work.service", "0644", UNIT)
        + "runcmd:\n  - [systemctl, daemon-reload]\n"
        "  - [systemctl, enable, --now, --no-block, work.service]\n"
    )


class World:
    """Both clouds, and where machines leave their notes."""

    def __init__(self, folder: Path, clock: float) -> None:
        """Empty."""
        self.notes = folder / "notes"
        self.notes.mkdir(parents=True)
        program = folder / "program"
        program.write_text("#!/bin/sh\nprintenv >>$1/printed\n")
        program.chmod(0o755)
        self.boots = ProcessBoots(folder / "machines", program, seed=1, clock=clock, keep=folder)
        self._opened = open_clouds(["scaleway", "openstack"], 0.002, self.boots)
        self.scaleway = ScalewayClient(self._opened["scaleway"][1].url)
        self.openstack = OpenstackClient(self._opened["openstack"][1].url)
        self.openstack.authenticate()

    def note(self, name: str) -> str:
        """A command that notes that it was there."""
        return f"echo there >>{self.notes}/{name}\n"

    def noted(self, name: str) -> int:
        """How often it was."""
        file = self.notes / name
        return len(file.read_text().splitlines()) if file.exists() else 0

    def close(self) -> None:
        """Nothing is left."""
        self.boots.close()
        crashes = self.scaleway.state()["crashes"]  # of both
        for client in (self.scaleway, self.openstack):
            client.close()
        for _, server in self._opened.values():
            server.close()
        assert crashes == []


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """With timers of their real length."""
    own = World(tmp_path, 1.0)
    yield own
    print(own.boots.consoles())
    own.close()


def test_it_does_what_cloud_init_says_and_powers_off(world: World) -> None:
    work = world.note("secret") + f"stat -c '%a %s' /etc/work/secret >{world.notes}/mode\n"
    server, _, _ = world.scaleway.running(cloud_init(work))
    world.scaleway.await_state(server, "stopped")
    assert (world.notes / "mode").read_text() == "600 6\n"
    assert world.noted("secret") == 1
    assert not Path("/etc/work").exists()
    other = world.openstack.create(cloud_init(world.note("other"))).json()["server"]["id"]
    world.openstack.await_status(other, "SHUTOFF")
    assert world.noted("other") == 1
    wait_until("nothing of them runs", lambda: world.boots.running() == [])
    assert world.boots.wrong == []


def test_docker_is_installed_and_runs_the_program_with_the_images_environment(world: World) -> None:
    work = (
        "! command -v docker\napt-get install -y -q docker.io\n"
        f"docker pull -q {IMAGE}\n"
        f"docker run --rm --user 0 --volume /etc/work/secret:/run/secret:ro --env A='b c' {IMAGE}"
        f" sh -c 'cat /run/secret >{world.notes}/secret; exec mecapy {world.notes}'\n"
    )
    server, _, _ = world.scaleway.running(cloud_init(work))
    world.scaleway.await_state(server, "stopped")
    assert (world.notes / "secret").read_text() == "s3cret", world.boots.consoles()
    printed = (world.notes / "printed").read_text()
    assert "A=b c\n" in printed
    assert "MECAPY_WORKER_PROFILE=container\n" in printed


def test_it_powers_off_at_its_deadline(tmp_path: Path) -> None:
    world = World(tmp_path, 0.0005)
    try:
        # Each reload begins the first timer anew; the second is the machine's.
        reload = "while sleep 0.5; do systemctl daemon-reload; done\n"
        second = (
            "systemd-run --on-active=9999 --timer-property=OnBootSec=$((3600 + up)) poweroff -f\n"
        )
        up = "up=$(cut -d. -f1 /proc/uptime)\n"
        work = world.note("begun") + up + second + reload
        server = world.openstack.create(cloud_init(work)).json()["server"]["id"]
        world.openstack.await_status(server, "SHUTOFF")  # after 3600 * 0.0005 s
        assert world.noted("begun") == 1
        wait_until("nothing of it runs", lambda: world.boots.running() == [])
    finally:
        world.close()


def test_a_terminated_machine_runs_no_more(world: World) -> None:
    work = world.note("begun") + "sleep 1000\n"
    server, _, _ = world.scaleway.running(cloud_init(work))
    wait_until("it works", lambda: world.noted("begun") == 1)
    world.scaleway.act(server, "terminate")
    world.scaleway.await_state(server, "")
    wait_until("nothing of it runs", lambda: world.boots.running() == [])


# What each does to a machine: how the cloud tells of it then, and how often its work began.
FATES = {
    "never_boots": ("running", 0),
    "dies_half_way": ("stopped", 1),
    "hangs_half_way": ("running", 1),
    "boots_slowly": ("stopped", 1),
    "boots_twice": ("stopped", 2),
    "two_at_once": ("stopped", 2),
}


def test_every_fate_of_the_table_is_played_by_somebody(world: World) -> None:
    fates = {fault.name for fault in TABLE if fault.kind is Kind.FATE}
    # What the clouds see to is in test_cloud_faults.py, test_simulators.py.
    assert fates == FATES.keys() | {"fails", "stops_in_place"}
    with pytest.raises(ValueError, match="moon"):
        world.boots.start("one", cloud_init("").encode(), "moon", lambda: None)


@pytest.mark.parametrize("fate", FATES)
def test_a_fate(world: World, fate: str) -> None:
    state, begun = FATES[fate]
    world.boots.half_way_s = (1.5, 1.5)
    told: list[tuple[str, bool]] = []
    world.boots.told = lambda _machine, fate, on: told.append((fate, on))
    over = world.notes / "over"
    # Ends at the second start of one machine; or of two, when the test lets it.
    ends = fate in ("boots_slowly", "boots_twice")
    work = world.note("begun") + (
        f"[ $(wc -l <{world.notes}/begun) -lt {begun} ] || exit 0\n" if ends else ""
    )
    work += f"while [ ! -e {over} ]; do sleep 0.1; done\n"
    world.scaleway.fault(fate)
    server, _, _ = world.scaleway.running(cloud_init(work))
    wait_until("it began so often", lambda: world.noted("begun") == begun)
    if fate == "two_at_once":
        assert world.scaleway.state_of(server)[0] == "running"
        over.touch()
    wait_until("nothing of it runs", lambda: world.boots.running() == [])
    assert world.noted("begun") == begun
    world.scaleway.await_state(server, state)
    wait_until("it is told", lambda: told == [(fate, True)])


def test_a_fate_that_comes_when_the_machine_is_off_is_told_so(world: World) -> None:
    world.boots.half_way_s = (2.5, 2.5)
    told: list[tuple[str, bool]] = []
    world.boots.told = lambda _machine, fate, on: told.append((fate, on))
    world.scaleway.fault("dies_half_way")
    server, _, _ = world.scaleway.running(cloud_init(world.note("begun")))
    world.scaleway.await_state(server, "stopped")
    wait_until("it is told", lambda: told == [("dies_half_way", False)])


def test_a_word_that_is_not_played_is_told(world: World) -> None:
    for text in ("packages: [docker.io]\n", "runcmd: systemctl\n", "a: [\n"):
        world.openstack.create("#cloud-config\n" + text)
    wait_until("all are told", lambda: len(world.boots.wrong) == 3)
    assert read_cloud_config(cloud_init("").encode())["runcmd"]
