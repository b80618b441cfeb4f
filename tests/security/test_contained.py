"""The table of what differs in the profile `container` is whole, and of attacks that there are."""

from collections import Counter
from pathlib import Path

from security import test_kernel_surface as kernel
from security import test_other_runs as others
from security import test_resources as resources
from security import test_result_channel as channel
from security.contained import AS_ONE_USER, DIFFERENCES

ATTACKS = (
    kernel.CALLS + kernel.ARGUMENTS + kernel.INTERFACES + kernel.PROC
    + others.REACH + others.SHARED + others.LEFT
    + resources.TIME + resources.MEMORY + resources.PROCESSES + resources.FILES
    + channel.ALL
)  # fmt: skip


def test_each_difference_is_of_one_attack_and_is_one() -> None:
    named = Counter(attack.name for attack in ATTACKS)
    assert {name: named[name] for name in DIFFERENCES} == dict.fromkeys(DIFFERENCES, 1)
    for attack in ATTACKS:
        other = DIFFERENCES.get(attack.name)
        assert other is None or repr(other.ends) != repr(attack.ends) or other.limits, attack.name
    assert {name: named[name] for name in AS_ONE_USER} == dict.fromkeys(AS_ONE_USER, 1)


def test_each_reason_is_in_the_documentation() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "security.md"
    words = " ".join(page.read_text().split())
    differences = [*DIFFERENCES.values(), *AS_ONE_USER.values()]
    missing = {other.why for other in differences if other.why not in words}
    assert not missing
