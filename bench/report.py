"""The figures as tables for people."""

from typing import Any

import marks

Json = dict[str, Any]

PHASES = (
    ("sandbox", "sandbox numpy", "numpy, one after another"),
    ("plain fork", "plain numpy", "  plain fork of the same zygote"),
    ("sandbox", "sandbox full", "numpy scipy pandas matplotlib"),
    ("plain fork", "plain full", "  plain fork of the same zygote"),
    ("sandbox", "sandbox saturation", "numpy, all slots busy"),
    ("plain fork", "plain saturation", "  plain fork of the same zygote"),
)
PEERS = (
    ("fresh numpy", "numpy, fresh python"),
    ("bubblewrap numpy", "numpy, bubblewrap + fresh python"),
    ("fresh full", "full stack, fresh python"),
    ("bubblewrap full", "full stack, bubblewrap + fresh python"),
)

CHAINS = (
    ("node_ms", "calculated"),
    ("calculation_ms", "  of it its calculation"),
    ("setup_ms", "  of it the set-up of its sandbox"),
    ("added_ms", "  of it what the workflow adds"),
    ("reused_node_ms", "answered from before"),
    ("one_by_one_ms", "the same task, run by run"),
    ("celery_task_ms", "Celery's chain"),
)
LISTS = (
    ("accepted_s", "until it is accepted", "s"),
    ("completed_s", "until it is completed", "s"),
    ("elements_per_second", "elements", "a second"),
    ("list_mb", "size of the list", "MiB"),
    ("api_grown_mb", "memory of the API's process grows by", "MiB"),
    ("api_holds_mb", "  at the median, while it is gone through", "MiB"),
    ("other_idle_p50_ms", "another's run when nothing else, p50", "ms"),
    ("other_idle_max_ms", "  worst", "ms"),
    ("other_p50_ms", "another's run meanwhile, p50", "ms"),
    ("other_max_ms", "  worst", "ms"),
)
MANY = (
    ("other_p50_ms", "another's run meanwhile, p50", "ms"),
    ("other_max_ms", "  worst", "ms"),
)


def print_report(report: Json) -> None:
    """Everything."""
    _print_machine(report)
    _print_door(report)
    _print_memory(report)
    _print_workflows(report["workflows"])
    _print_sandbox(report["sandbox"])
    print()
    print("\n".join(marks.lines(report)))


def _print_machine(report: Json) -> None:
    machine = report["machine"]
    print(f"{machine['cpus']} CPUs ({machine['cpu']}), Linux {machine['kernel']}")
    print(f"{machine['date']}, {report['cpu_busy_before']:.0%} of the CPUs busy before")
    if report["cpu_busy_before"] > 0.1:
        print("the machine was busy with something else: the figures are too high")
    print()


def _print_door(report: Json) -> None:
    door = report["door"]
    title = f"the seed's bolt, submit to result, {door['rounds']} round(s)"
    print(f"{title:40}{'p50 ms':>9}{'p99 ms':>9}{'runs/s':>9}")
    for clients in door["sides"]["embedded"]:
        print(f"  {clients} client{'s' if clients != '1' else ''}")
        for side, figures in door["sides"].items():
            if clients in figures:
                _print_side(side, figures[clients])
    print(f"  {'fresh python with numpy':38}{report['fresh_python_ms']['p50']:9.2f}")
    print(f"  {'times as fast':38}{report['times_as_fast_as_fresh_python']:9.1f}\n")
    print("times the other's figure")
    for pair, by_clients in door["ratios"].items():
        for clients, row in by_clients.items():
            print(
                f"  {pair + ', ' + clients:38}{row['p50_ms']:9.2f}{row['p99_ms']:9.2f}"
                f"{row['runs_per_second']:9.2f}"
            )
    print("what each does for a run")
    for side, words in door["does"].items():
        print(f"  {side:12}{words}")
    print("  " + ", ".join(f"{k} {v}" for k, v in (door["services"] | door["celery"]).items()))
    print(f"\n{'start to ready':40}{report['start_to_ready_ms']:9.1f} ms\n")


def _print_side(side: str, row: Json) -> None:
    print(f"    {side:36}{row['p50_ms']:9.2f}{row['p99_ms']:9.2f}{row['runs_per_second']:9.1f}")
    if "p50_setup_ms" in row:
        print(f"    {'  of it set-up of the sandbox':36}{row['p50_setup_ms']:9.2f}")
        print(f"    {'  of it job read to process gone':36}{row['p50_wall_ms']:9.2f}")


def _print_memory(report: Json) -> None:
    print(f"{'memory of the embedded server, MiB':40}{'PSS':>9}{'RSS':>9}{'PSS':>9}{'RSS':>9}")
    print(f"{'':40}{'idle':>18}{'after load':>18}")
    for role, after in report["door"]["memory_after_load_mb"].items():
        idle = report["door"]["memory_idle_mb"].get(role, {"pss": 0.0, "rss": 0.0})
        print(
            f"  {role:38}{idle['pss']:9.1f}{idle['rss']:9.1f}{after['pss']:9.1f}{after['rss']:9.1f}"
        )
    print()


def _print_workflows(workflows: Json) -> None:
    chain, listed, killed = (workflows[part] for part in ("chain", "list", "killed"))
    title = f"workflows, a chain of {chain['nodes']}, {workflows['rounds']} round(s)"
    print(f"{title:40}{'ms a node':>9}")
    for key, words in CHAINS:
        print(f"  {words:38}{chain[key]:9.2f}")
    print("what each does for a node")
    for side, words in workflows["does"].items():
        print(f"  {side:12}{words}")
    print(f"a list of {listed['elements']} elements")
    for key, words, unit in LISTS:
        print(f"  {words:38}{listed[key]:9.2f} {unit}")
    many = workflows["many"]
    print(f"{many['runs']} workflow runs of a user at once, {many['element_ms']:g} ms an element")
    for key, words, unit in MANY:
        print(f"  {words:38}{many[key]:9.2f} {unit}")
    print(
        f"a list of {killed['elements']}, the API's process killed after {killed['ended_before']}:"
        f" completed {killed['rest_s']:.1f} s later, with the start,\n"
        f"  repeated: {killed['repeated']}, broken off and done again: {killed['interrupted']}\n"
    )


def _print_sandbox(sandbox: Json) -> None:
    print(f"the sandbox alone, {sandbox['slots']} slots, medians of {sandbox['rounds']} rounds, ms")
    print(
        f"{'':40}{'first line':>18}{'run':>18}{'set-up':>9}{'CPU':>9}{'front':>9}\n"
        f"{'':40}{'p50':>9}{'p99':>9}{'p50':>9}{'p99':>9}{'p50':>9}{'a run':>9}{'a run':>9}"
        f"{'runs/s':>9}"
    )
    for place, phase, title in PHASES:
        row = sandbox["phases"][phase]
        setup = f"{row['setup_p50_ms']:9.2f}" if place == "sandbox" else f"{'':9}"
        print(
            f"  {title:38}{row['first_line_p50_ms']:9.2f}{row['first_line_p99_ms']:9.2f}"
            f"{row['p50_ms']:9.2f}{row['p99_ms']:9.2f}{setup}{row['cpu_ms_per_run']:9.2f}"
            f"{row['front_cpu_ms_per_run']:9.2f}{row['runs_per_second']:9.1f}"
        )
    for peer, title in PEERS:
        row = sandbox["peers"][peer]
        print(f"  {title:38}{row['first_line_p50']:9.1f}{'':9}{row['p50']:9.1f}")
    price = sandbox["price_of_isolation_ms"]
    print(
        f"\nprice of isolation (sandbox less plain fork, numpy, p50): first line"
        f" {price['first line']:.2f}, run {price['run']:.2f}, CPU {price['cpu']:.2f} ms"
    )
    print("layers on this machine:")
    for layer, state in sandbox["layers"].items():
        print(f"  {layer:38} {state}")
