"""Hostile and honest runs mixed, through a real `mecapy serve`, and a look for what stays behind.

    python bench/soak.py --binary build/mecapy --seconds 600

The time is cut into legs. In each, clients send calculations of soak_calculations.py, hang up and
cancel; then they pause, honest runs are timed, and at rest the server is looked at (watch.py). What
has grown between the looks of the first legs and of the last beyond its tolerance is a leak. Ends
with 1 on a leak, on runs that became slower, and on any run that did not end as it must.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from serve import Serve
from soak_calculations import ALL
from soak_clients import Seen, load, probe
from watch import Snapshot, at_rest, count_cgroups, count_machine_mounts, look

UIDS = range(730_000, 731_000)  # the server's and its sandboxes' own, so that files tell whose
WARM_UP_S = 20  # every zygote started, every cache of the server in use
SHORT_S = 300
SLOTS = 2
MOST_SANDBOXES = 2 * (SLOTS + 4)  # processes: init and the run of each spare (sandbox.h, spares)
SLOWER = 1.5  # times; of medians, and beyond what the machine itself became slower


@dataclass(frozen=True)
class Rule:
    """A figure that must not grow from the first looks to the last, but for a share and so much."""

    words: str
    value: Callable[[Snapshot], float]
    share: float = 0
    extra: float = 0
    young: float = 0  # beyond that in a short soak, whose caches still grow to their size

    def extra_after(self, seconds: float) -> float:
        """What it may grow by in a soak of so long."""
        return self.extra + (self.young if seconds < SHORT_S else 0)

    def holds(self, first: float, last: float, seconds: float) -> bool:
        """Whether it has not grown beyond that."""
        return last <= first * (1 + self.share) + self.extra_after(seconds)


def _role(role: str, figure: str) -> Callable[[Snapshot], float]:
    return lambda seen: float(getattr(seen.roles[role], figure)) if role in seen.roles else 0.0


RULES = (
    # Memory: beyond what allocators and SQLite's bounded caches take with time.
    Rule("launcher, PSS MiB", _role("launcher", "pss_mb"), 0.1, 1),
    Rule("api, PSS MiB", _role("api", "pss_mb"), 0.1, 3, young=6),
    Rule("worker front, PSS MiB", _role("worker front", "pss_mb"), 0.1, 2, young=4),
    Rule("supervisor, PSS MiB", _role("supervisor", "pss_mb"), 0.1, 1),
    Rule(
        "zygotes and sandboxes, PSS MiB",
        lambda seen: _role("zygotes", "pss_mb")(seen) + _role("prepared sandboxes", "pss_mb")(seen),
        0.1,
        16,  # one prepared sandbox more or less
    ),
    Rule("launcher, descriptors", _role("launcher", "descriptors")),
    Rule("api, descriptors", _role("api", "descriptors"), extra=2),
    Rule("worker front, descriptors", _role("worker front", "descriptors"), extra=2),
    Rule("supervisor, descriptors", _role("supervisor", "descriptors"), extra=8),
    Rule("zygotes, descriptors", _role("zygotes", "descriptors")),
    Rule("launcher, processes", _role("launcher", "processes")),
    Rule("api, processes", _role("api", "processes")),
    Rule("worker front, processes", _role("worker front", "processes")),
    Rule("supervisor, processes", _role("supervisor", "processes")),
    Rule("zygotes, processes", _role("zygotes", "processes")),
    Rule("mounts outside of sandboxes", lambda seen: seen.mounts),
    Rule("mounts of the zygotes", lambda seen: seen.zygote_mounts),
    Rule("cgroups", lambda seen: seen.cgroups),
    Rule("stray files", lambda seen: seen.stray_files),
    Rule("files in the data folder", lambda seen: seen.data_files),
)


@dataclass
class Soak:
    """What was seen so far."""

    looks: list[Snapshot]
    machine_ms: list[float]  # the same work of this process's own at each look
    seen: Seen


def main() -> int:
    """1 when something leaked, slowed or ended wrongly."""
    options = read_arguments()
    settings = {
        "MECAPY_SERVER_RUN_AS_UID": str(UIDS[0]),
        "MECAPY_WORKER_UID_BASE": str(UIDS[1]),
        "MECAPY_WORKER_CONCURRENCY": str(SLOTS),
    }
    with Serve(options.binary, **settings) as serve:
        soak = run_legs(serve, options)
        supervisor = serve.processes()["supervisor"][0]
        family = [pid for pids in serve.processes().values() for pid in pids]
    complaints = judge(soak, options.seconds)
    complaints += judge_the_end(family, supervisor)
    print_report(soak, options.seconds)
    print("\n".join(["", *complaints]) if complaints else "\nnothing leaked, nothing slowed")
    return 1 if complaints else 0


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--binary", type=Path, default=Path("build/mecapy"))
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--legs", type=int, default=12)
    parser.add_argument("--probes", type=int, default=100, help="honest runs timed at each look")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def run_legs(serve: Serve, options: argparse.Namespace) -> Soak:
    """Warm up, then load and look, leg after leg, until the time is over."""
    soak = Soak([], [], Seen())
    until = time.monotonic() + options.seconds
    warm_up = min(WARM_UP_S, options.seconds / 4)
    look_took = 0.0
    for leg in range(options.legs + 1):
        left = until - time.monotonic()
        seconds = warm_up if leg == 0 else left / (options.legs + 1 - leg) - look_took
        seed = options.seed + leg * options.clients
        soak.seen.add(load(serve.port, serve.token, options.clients, max(1, seconds), seed))
        begin = time.monotonic()
        soak.machine_ms.append(machine_ms())
        times = probe(serve.port, serve.token, options.probes)
        at_rest(serve)
        soak.looks.append(look(serve, UIDS, times))
        look_took = time.monotonic() - begin
        tell_leg(leg, options.legs, soak)
    return soak


def machine_ms() -> float:
    """How fast this machine starts a process now: what runs wait for beside MecaPy's own work."""
    times = []
    for _ in range(30):
        begin = time.perf_counter()
        subprocess.run(["/bin/true"], check=True)
        times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times)


def tell_leg(leg: int, legs: int, soak: Soak) -> None:
    """One line for a leg."""
    last = soak.looks[-1]
    memory = sum(holding.pss_mb for holding in last.roles.values())
    print(
        f"  leg {leg} of {legs}: {soak.seen.sent.total()} runs, {len(soak.seen.wrong)} ended wrong,"
        f" honest p50 {statistics.median(last.probe_ms):.2f} ms, PSS {memory:.0f} MiB in all",
        file=sys.stderr,
        flush=True,
    )


def first_and_last(looks: list[Snapshot], value: Callable[[Snapshot], float]) -> tuple[float, ...]:
    """The medians of a figure over the first third of the looks after the warm-up, and the last."""
    values = [value(seen) for seen in looks[1:]]
    third = max(1, len(values) // 3)
    return statistics.median(values[:third]), statistics.median(values[-third:])


def slowed(soak: Soak) -> tuple[float, float, float, float]:
    """Honest p50 in the first looks and the last, how many times slower, and the machine so."""
    first, last = first_and_last(soak.looks, lambda seen: statistics.median(seen.probe_ms))
    times = soak.machine_ms[1:]
    third = max(1, len(times) // 3)
    machine = statistics.median(times[-third:]) / statistics.median(times[:third])
    return first, last, last / first, machine


def judge(soak: Soak, seconds: float) -> list[str]:
    """What is wrong with what was seen, in words."""
    found = list(soak.seen.wrong)
    for rule in RULES:
        first, last = first_and_last(soak.looks, rule.value)
        if not rule.holds(first, last, seconds):
            found.append(f"LEAK: {rule.words}: {first:.1f} became {last:.1f}")
    sandboxes = max(_role("prepared sandboxes", "processes")(seen) for seen in soak.looks)
    if sandboxes > MOST_SANDBOXES:
        found.append(f"LEAK: {sandboxes:.0f} processes of sandboxes at rest")
    if soak.looks[-1].stray_files > 0:
        found.append(f"LEAK: {soak.looks[-1].stray_files} files outside the data folder")
    if soak.looks[-1].objects != soak.seen.objects:
        found.append(f"LEAK: {soak.looks[-1].objects} objects, {soak.seen.objects} of runs")
    _, _, ratio, machine = slowed(soak)
    if ratio > SLOWER * max(1.0, machine):
        found.append(f"SLOWER: honest runs take {ratio:.2f} times as long as at the start")
    return found


def judge_the_end(family: list[int], supervisor: int) -> list[str]:
    """What a server that was stopped has left."""
    found = []
    if alive := [pid for pid in family if Path(f"/proc/{pid}").exists()]:
        found.append(f"LEAK: processes {alive} outlived the server")
    if groups := count_cgroups(supervisor):
        found.append(f"LEAK: {groups} cgroups outlived the server")
    if mounts := count_machine_mounts():
        found.append(f"LEAK: {mounts} mounts outlived the server")
    return found


def print_report(soak: Soak, seconds: float) -> None:
    """The tables."""
    hostile = sum(count for name, count in soak.seen.sent.items() if name.startswith("hostile"))
    print(
        f"{seconds:.0f} s, {soak.seen.sent.total()} runs, {hostile} of them hostile,"
        f" {soak.seen.sent['hung up']} hung up, {soak.seen.sent['cancelled']} cancelled\n"
    )
    print(f"{'at rest':36}{'warm':>9}{'first':>9}{'last':>9}  tolerance")
    for rule in RULES:
        first, last = first_and_last(soak.looks, rule.value)
        extra = rule.extra_after(seconds)
        allowed = f"{rule.share:.0%} + {extra:g}" if rule.share or extra else "none"
        warm = rule.value(soak.looks[0])
        mark = "" if rule.holds(first, last, seconds) else "  <-- LEAK"
        print(f"  {rule.words:34}{warm:9.1f}{first:9.1f}{last:9.1f}  {allowed}{mark}")
    ends = soak.looks[-1]
    print(f"  {'objects, of runs':34}{soak.seen.objects:18}{ends.objects:9}  none")
    start, end = soak.looks[0].database_mb, ends.database_mb
    print(f"  {'database MiB, holds every run':34}{start:9.1f}{'':9}{end:9.1f}  not judged\n")
    first, last, ratio, machine = slowed(soak)
    print(
        f"honest numpy runs, p50: {first:.2f} ms at the start, {last:.2f} ms at the end:"
        f" {ratio:.2f} times (tolerance {SLOWER}; the machine itself {machine:.2f} times)"
    )
    kinds: Counter[str] = soak.seen.sent
    print("\nruns:", ", ".join(f"{name} {kinds[name]}" for name in (*ALL, "hung up", "cancelled")))


if __name__ == "__main__":
    sys.exit(main())
