"""Servers that stand still until another has taken what they held."""

import contextlib
import time
from collections.abc import Iterator

from faults.house import LEASE_S, House
from faults.load import LASTING_NAME, LONGEST_S
from support.waiting import wait_until

TAKEN_OVER_S = 25  # at 15 s PostgreSQL ends what a stopped server has left half-way
SLOW_S = 2.5  # longer than a lease and what it takes until another attempt is at work


@contextlib.contextmanager
def stopped_amid_runs(house: House) -> Iterator[None]:
    """SIGSTOP to all of a server that runs something, and SIGCONT when another has repeated it."""
    family = house.doors[house.chance.randrange(2)].family
    for _ in range(20):
        with house.stopped(family):
            if _taken_over(house, _held(house)):
                yield
                return
    raise AssertionError("the server ran nothing whenever it was stopped")


def _taken_over(house: House, runs: set[str]) -> bool:
    """Wait for another attempt of one of these runs; False when all end without, as those of the
    other server do.
    """
    quoted = ", ".join(f"'{run_id}'" for run_id in ("none", *runs))
    look = f"SELECT COUNT(*) FROM runs WHERE id IN ({quoted}) AND "

    def taken() -> bool:
        return house.sql(f"{look} attempt > 1") != "0"

    def settled() -> bool:
        return taken() or house.sql(f"{look} status IN ('queued', 'running')") == "0"

    wait_until("another server takes what the stopped one held", settled, TAKEN_OVER_S)
    return taken()


@contextlib.contextmanager
def answered_late(house: House) -> Iterator[None]:
    """SIGSTOP to an API whose worker goes on, and SIGCONT when what the worker has answered meets
    another attempt, which is at work.
    """
    server = house.doors[house.chance.randrange(2)].server
    both = (
        f"SELECT COUNT(DISTINCT claimant) FROM ({_FIRST_ATTEMPTS}) AS held"
        f" WHERE age BETWEEN {LONGEST_S + 0.2} AND {SLOW_S / 2}"
    )
    for _ in range(4):
        wait_until("slow runs are at both doors", lambda: house.sql(both) == "2", 15)
        with house.stopped(lambda: [server.process("api")]):
            if _answer_waits(house):
                break
    else:
        raise AssertionError("no answer came late whenever an API was stopped")
    yield


_FIRST_ATTEMPTS = (
    "SELECT id, claimant, lease_until, EXTRACT(EPOCH FROM clock_timestamp() - at) AS age"
    " FROM runs JOIN claimed ON run_id = id AND claimed.attempt = 1"
    " WHERE status = 'running' AND runs.attempt = 1"
)


def _answer_waits(house: House) -> bool:
    """Wait until what a stopped API holds is at work elsewhere; False when that does not come."""
    look = f"SELECT id, lease_until FROM ({_FIRST_ATTEMPTS}) AS held WHERE age > {LONGEST_S}"
    before = set(house.sql(look).split())
    time.sleep(LEASE_S / 2)  # the leases of others are longer by now
    held = {row.partition("|")[0] for row in before & set(house.sql(look).split())}
    try:
        wait_until("another attempt", lambda: _overtaken(house, held), 6 if held else 0)
    except AssertionError:
        return False
    return True


def _overtaken(house: House, runs: set[str]) -> bool:
    """Whether the first attempt of one of these runs is over, and a second has a while to go."""
    quoted = ", ".join(f"'{run_id}'" for run_id in ("none", *runs))
    after = "make_interval(secs => {:g})".format
    found = house.sql(
        "SELECT COUNT(*) FROM runs JOIN claimed first ON first.run_id = id AND first.attempt = 1"
        " JOIN claimed second ON second.run_id = id AND second.attempt = 2"
        f" WHERE id IN ({quoted}) AND status = 'running' AND runs.attempt = 2"
        f" AND clock_timestamp() > first.at + {after(SLOW_S + 0.3)}"
        f" AND clock_timestamp() > second.at + {after(LONGEST_S + 0.2)}"
        f" AND clock_timestamp() < second.at + {after(SLOW_S - 0.2)}"
    )
    return found != "0"


def _held(house: House) -> set[str]:
    """Runs that were claimed and do not end: two looks, further apart than a run takes."""
    look = (
        "SELECT id FROM runs WHERE status = 'running' AND attempt = 1"
        f" AND task_id NOT IN (SELECT id FROM tasks WHERE name = '{LASTING_NAME}')"
    )
    before = set(house.sql(look).split())
    time.sleep(LONGEST_S + 0.2)  # shorter than a lease
    return before & set(house.sql(look).split())
