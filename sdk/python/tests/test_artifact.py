"""Where what a run left is saved."""

import pytest

from mecapy import PlatformError
from mecapy._artifact import save_path


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "a/../../b", "./x", "", "a//b", "..\\x", "C:\\x", "a\nb"],
)
def test_an_artifact_with_a_name_that_is_none_is_refused(name: str, tmp_path) -> None:
    with pytest.raises(PlatformError, match="a name that is none"):
        save_path(tmp_path, name)


def test_where_an_artifact_goes(tmp_path) -> None:
    assert save_path(tmp_path, "a/b.txt") == tmp_path / "a" / "b.txt"
    assert save_path(tmp_path / "c.txt", "a/b.txt") == tmp_path / "c.txt"
    assert str(save_path(None, "a/b.txt")) == "a/b.txt"
