"""deploy/compose.yaml is a file that `docker compose` takes, of settings that there are."""

import json
import re
import subprocess
from typing import Any

import pytest

from support.server import ROOT, run_mecapy

DEPLOY = ROOT / "deploy"
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)(?::([-?])([^}]*))?\}")


def filled_in(text: str, given: dict[str, str]) -> str:
    """The text with its variables replaced, as compose does; those that must be given are."""

    def value(found: re.Match[str]) -> str:
        name, kind, word = found.groups()
        if name not in given and kind == "?":
            return f"secret-{name.lower()}"
        return given.get(name, word or "")

    return _VARIABLE.sub(value, text)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the loader of `docker compose` makes of the file."""
    file = tmp_path_factory.mktemp("compose") / "compose.yaml"
    file.write_text(filled_in((DEPLOY / "compose.yaml").read_text(), {}))
    loader = ROOT / "build/services/compose-spec.program"
    loaded = subprocess.run(
        [str(loader), "-no-interpolation", "-format", "json", str(file)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr
    return json.loads(loaded.stdout)


def test_the_file_is_one(project: Any) -> None:
    assert set(project["services"]) == {
        *("net", "api", "worker", "postgres", "redis", "s3", "keycloak")
    }


def test_each_secret_must_be_given_and_the_documents_say_how() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    demanded = {name for name, kind, _ in _VARIABLE.findall(text) if kind == "?"}
    assert demanded == {
        *("MECAPY_DEV_TOKEN", "MECAPY_WORKER_TOKEN"),
        *("POSTGRES_PASSWORD", "REDIS_PASSWORD", "S3_PASSWORD"),
    }
    documented = (ROOT / "docs/containers.md").read_text()
    assert all(name in documented for name in demanded)


@pytest.mark.parametrize("service", ["api", "worker"])
def test_its_settings_are_settings(project: Any, service: str) -> None:
    given = project["services"][service]["environment"]
    done = run_mecapy("config", "--json", settings={k: str(v) for k, v in given.items()})
    assert done.returncode == 0, done.stderr
    named = {row["environment"] for row in json.loads(done.stdout) if row["from"] != "default"}
    assert named == {name for name in given if name.startswith("MECAPY_")}


def test_what_is_ours_has_no_right_and_only_this_machine_is_let_in(project: Any) -> None:
    for name in ("net", "api", "worker"):
        service = project["services"][name]
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
    ports = {name: one.get("ports") for name, one in project["services"].items()}
    published = ports.pop("net")
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}
    assert not any(ports.values())


def test_the_programs_of_both_images_are_built_alike() -> None:
    """The same stage in both files, so that it is built once."""
    stages = [
        (DEPLOY / f"{name}.Dockerfile").read_text().split("AS programs\n")[1].split("\n\n")[0]
        for name in ("api", "worker")
    ]
    assert stages[0] == stages[1]


def test_the_versions_are_those_that_tests_run_on() -> None:
    text, tools = (DEPLOY / "compose.yaml").read_text(), (ROOT / "tools/install.sh").read_text()
    for image, variable in (("versity/versitygw:v", "VERSITYGW=v"), ("keycloak:", "KEYCLOAK=")):
        [shipped] = re.findall(rf"image: \S*{image}(\S+)", text)
        [tested] = re.findall(rf"^{variable}(\S+)", tools, re.MULTILINE)
        assert shipped == tested
