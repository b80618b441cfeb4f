"""One server for each class of attacks, that is for each test file, in each profile."""

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("security", "support")

from security.profile import EVERY_PROFILE, PROFILES, Profile, opened  # noqa: E402
from security.stage import Stage  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where only one profile can be had, or another than the usual ones: --profile host."""
    names = [profile.name for profile in EVERY_PROFILE]
    parser.addoption("--profile", choices=names, help="play the attacks in this profile only")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that names `profile`, itself or by what it uses, is one in each profile."""
    if "profile" not in metafunc.fixturenames:
        return
    only = metafunc.config.getoption("profile")
    profiles = [p for p in EVERY_PROFILE if p.name == only] if only else PROFILES
    metafunc.parametrize("profile", profiles, ids=lambda p: p.name, scope="module")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A server is started once: in each file one profile after the other."""
    items.sort(key=_order)


def _order(item: pytest.Item) -> tuple[str, int, int]:
    assert isinstance(item, pytest.Function)
    profile = item.callspec.params.get("profile") if hasattr(item, "callspec") else None
    rank = EVERY_PROFILE.index(profile) if profile else -1
    return str(item.path), rank, item.function.__code__.co_firstlineno


@pytest.fixture(scope="module")
def stage(profile: Profile) -> Iterator[Stage]:
    """A server for this class of attacks alone; at its end the template is as before."""
    with opened(profile) as (server, scratch):
        stage = Stage(server, profile, scratch)
        yield stage
        stage.expect_same_template()
