"""Without every layer the attacks prove nothing: a missing one fails the suite by its name."""

import re

from security.profile import Profile
from support.server import run_mecapy

_ROW = re.compile(r"^(\S+(?: \S+)*) {2,}(enforced|refused|missing|undetermined) {2,}(\w+)", re.M)


def test_every_layer_is_enforced(profile: Profile) -> None:
    told = run_mecapy("doctor", "--profile", profile.name)
    states = {name: state for name, state, _ in _ROW.findall(told.stdout)}
    assert len(states) > 15, told.stdout
    missing = {name: state for name, state in states.items() if state != "enforced"}
    assert not missing, f"not enforced: {missing}\n{told.stdout}"
    assert told.returncode == 0, told.stdout
