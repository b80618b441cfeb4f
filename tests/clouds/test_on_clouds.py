"""What a run on a machine of a cloud meets, one thing at a time."""

import os
from collections.abc import Iterator

import pytest

from clouds import scaleway_things
from clouds.fault_table import Order
from clouds.lives import House, Killer, none_left
from clouds.story import Story
from clouds.web import Json
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="machines have mounts of their own")


@pytest.fixture
def house() -> Iterator[House]:
    """Clouds that work well."""
    own = House("sqlite", seed=1)
    yield own
    print(own.boots.consoles()[-20_000:], own.server.errors())
    own.close()


def ended(house: House, run_id: str) -> Json:
    """The run, once it has ended; nothing else is there then."""
    wait_until("it ends", lambda: house.unfinished() == 0, 40)
    none_left(house, 40)
    assert house.wrong() == []
    return house.read(run_id)


def asked(house: House, cloud: str, operation: str) -> list[Json]:
    """Requests of one kind."""
    return [one for one in house.clouds[cloud].requests if one.get("operation") == operation]


@pytest.mark.parametrize(("cloud", "memory_mb"), [("scaleway", 256), ("openstack", 3000)])
def test_a_run_has_a_machine_of_its_own_and_nothing_is_left(
    house: House, cloud: str, memory_mb: int
) -> None:
    run = ended(house, house.submit(7, 0.5, memory_mb))
    assert (run["status"], run["attempt"]) == ("completed", 1), run
    assert run["result"] == {"stress": 0.7}
    assert run["backend"] == "dedicated_instance"
    [made] = asked(house, cloud, "create")
    assert made["status"] in (201, 202)
    assert house.boots.booted == 1


def test_zones_are_tried_in_order_when_stock_is_short(house: House) -> None:
    house.clouds["scaleway"].no_stock = set(scaleway_things.ZONES[:2])
    run = ended(house, house.submit(7, 0))
    assert run["status"] == "completed"
    zones = [one["path"].split("/")[4] for one in asked(house, "scaleway", "create")]
    assert zones == list(scaleway_things.ZONES[:3])


def test_a_quota_is_told_and_the_other_cloud_is_taken(house: House) -> None:
    house.clouds["scaleway"].quota = 0
    run = ended(house, house.submit(7, 0))
    assert run["status"] == "completed"
    assert len(asked(house, "openstack", "create")) == 1


def test_a_run_that_no_cloud_takes_waits_and_says_why(house: House) -> None:
    for cloud in house.clouds.values():
        cloud.quota = 0
    run_id = house.submit(7, 0, 3000)

    def says_why() -> bool:
        return "quota" in str(house.read(run_id).get("waiting")).lower()

    wait_until("it says why", says_why, 30)
    assert house.api.post(f"/api/runs/{run_id}/cancel").status_code == 200
    assert ended(house, run_id)["status"] == "cancelled"


def test_a_machine_powers_off_at_its_deadline_though_nobody_removes_it() -> None:
    house = House("sqlite", seed=1, clock=0.02)
    try:
        run_id = house.submit(7, 2)
        wait_until("it runs", lambda: house.read(run_id)["status"] == "running", 20)
        house.server.kill()
        # The worker has nobody to tell the result to, and goes on calling.
        wait_until("the machine is off", lambda: house.boots.running() == [], 40)
        [server] = house.clouds["scaleway"].there()["servers"]
        assert server["state"] == "stopped"
        house.server.start()
        assert ended(house, run_id)["status"] == "completed"
    finally:
        print(house.boots.consoles()[-20_000:], house.server.errors())
        house.close()


@pytest.mark.parametrize(
    ("cloud", "memory_mb", "answered", "made"),
    [
        ("scaleway", 256, False, 0),
        ("scaleway", 256, True, 1),
        ("openstack", 3000, False, 0),
        ("openstack", 3000, True, 1),
    ],
)
def test_a_step_before_which_serve_is_killed_is_not_done_and_one_after_which_it_is_killed_is(
    house: House, cloud: str, memory_mb: int, answered: bool, made: int
) -> None:
    killer = Killer(house.server.kill, [(f"{cloud} create", answered)])
    house.listen_in(killer)
    killer.arm(0)
    run_id = house.submit(7, 0, memory_mb)
    assert killer.news.get(timeout=20) == (f"{cloud} create", answered)
    assert len(house.clouds[cloud].there()["servers"]) == made
    assert not killer.left
    house.server.start()
    assert ended(house, run_id)["status"] == "completed"


def test_a_fate_counts_while_its_run_waits_for_the_machine_and_comes_again_when_not(
    house: House,
) -> None:
    faults = house.clouds["scaleway"].faults
    house.boots.half_way_s = (4.0, 4.0)
    faults.order([Order.read("hangs_half_way")])
    run = ended(house, house.submit(1, 0))
    assert (run["status"], run["attempt"]) == ("completed", 1), run
    wait_until("its hour has come", lambda: house.met == 1)
    assert faults.played["hangs_half_way"] == 0
    run = ended(house, house.submit(2, 6))
    assert run["status"] == "completed"
    assert run["attempt"] > 1
    assert faults.played["hangs_half_way"] == 1


def test_a_fate_that_never_came_is_the_next_machines(house: House) -> None:
    scaleway = house.clouds["scaleway"]
    scaleway.faults.order([Order.read("stops_in_place")])
    ended_by_us = house.submit(1, 60)
    wait_until("it works", lambda: house.read(ended_by_us)["status"] == "running")
    house.api.post(f"/api/runs/{ended_by_us}/cancel")
    none_left(house, 60)
    assert scaleway.faults.played["stops_in_place"] == 0
    ends_alone = house.submit(2, 2)
    wait_until("it works", lambda: house.read(ends_alone)["status"] == "running")
    scaleway.go_down(6)
    wait_until("it came", lambda: scaleway.faults.played["stops_in_place"] == 1)
    assert ended(house, ends_alone)["status"] == "completed"


def test_a_second_end_a_missing_one_and_another_result_are_seen(house: House) -> None:
    story = Story(house, lives=2, killer=Killer(house.server.kill, []), quiet=True)
    story.play(60)
    none_left(house, 40)
    assert story.judge() == ([], {"completed": 2})
    first, second = story.runs
    house.sql(f"UPDATE runs SET status = 'completed' WHERE id = '{first}'", script=True)
    [wrong] = story.judge()[0]
    assert first in wrong
    house.sql("DELETE FROM recorded", script=True)
    assert len(story.judge()[0]) == 2
    story.runs[second] += 1
    assert any("another result" in wrong for wrong in story.judge()[0])
