"""Without every layer the attacks prove nothing: a missing one fails the suite by its name."""

import re

from security.profile import Profile

_STATES = "enforced|refused by the host|missing|could not tell"
_ROW = re.compile(rf"^(\S+(?: \S+)*) {{2,}}({_STATES}) {{2,}}(\w+)", re.M)


def test_every_layer_is_enforced(profile: Profile) -> None:
    told = profile.command("doctor", "--profile", profile.setting)
    states = {name: state for name, state, _ in _ROW.findall(told.stdout)}
    assert len(states) > 15, told.stdout
    missing = {name: state for name, state in states.items() if state != "enforced"}
    expected = dict.fromkeys(profile.refused, "refused by the host")
    assert missing == expected, f"not enforced: {missing}\n{told.stdout}"
    assert told.returncode == 0, told.stdout
