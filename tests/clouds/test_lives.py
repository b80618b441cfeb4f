"""Machines live and die in clouds that fail, under a `serve` that is killed.

Every run ends once, and nothing is left.

MECAPY_LIVES runs (40) on each store's part, MECAPY_E2E_SEED repeats one: `make lives` plays 200.
"""

import os
import time

import pytest

from clouds.fault_table import TABLE
from clouds.lives import LONGEST_WAIT_S, House, Killer, none_left
from clouds.story import Story

LIVES = int(os.environ.get("MECAPY_LIVES") or 40)
SEED = int(os.environ.get("MECAPY_E2E_SEED") or 20_261_126)
WHOLE = LIVES >= 200
SECONDS_A_LIFE = 4.0  # at most, of all that there are
# After the last run has ended: beyond the longest pause before a removal is asked for again.
GONE_WITHIN_S = 90.0
RATE = 0.5  # of faults by chance, beside each one that is ordered
LEAST_COMPLETED = 0.9

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="machines have mounts of their own")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_every_run_ends_once_and_nothing_is_left(store: str) -> None:
    lives = LIVES // 2
    print(f"{lives} lives, seed {SEED} (repeat with MECAPY_E2E_SEED={SEED})")
    house = House(store, SEED, RATE)
    try:
        steps = house.steps()
        if not WHOLE:
            before, after = ([step for step in steps if step[1] is done] for done in (False, True))
            steps = house.chance.sample(before, 3) + house.chance.sample(after, 3)
        killer = Killer(house.server.kill, steps)
        house.listen_in(killer)
        house.order_each_fault(first=lives // 2)
        story = Story(house, lives, killer, LONGEST_WAIT_S if WHOLE else 4)
        story.play(60 + SECONDS_A_LIFE * lives)
        took = time.monotonic() - story.begin
        house.calm()
        none_left(house, GONE_WITHIN_S)
        wrong, count = story.judge()
        cleared = time.monotonic() - story.begin - took
        print(
            f"{store}: {lives} lives in {took:.0f} s and {cleared:.0f} s until nothing was left;"
            f" {count}; {house.boots.booted} machines booted;"
            f" killed at {killer.killed}; faults {dict(house.played())}"
        )
        assert not wrong, "\n".join(wrong[:10])
        assert not house.wrong()
        assert all(cloud.faults.played["down"] > 0 for cloud in house.clouds.values())
        assert count.get("completed", 0) >= LEAST_COMPLETED * (lives - len(story.cancelled))
        if WHOLE:
            assert not killer.left
            missing = {fault.name for fault in TABLE} - house.played().keys()
            assert not missing
    except BaseException:
        print(house.boots.consoles()[-20_000:], house.server.errors())
        raise
    finally:
        house.close()
