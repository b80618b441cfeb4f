"""What runs cost: the table of prices, and the seed's own figures beside it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from support.server import run_mecapy

EXAMPLE = ("--runs-per-day", "1000", "--seconds", "30", "--memory", "2GB")
ROW = '[[price]]\nitem = "serverless.vcpu"\nunit = "vCPU-s"\nsource = "a bill"\ndate = "2027-01"\n'


def cost_of(*arguments: str, settings: dict[str, str] | None = None) -> Any:
    """What the command says as JSON."""
    done = run_mecapy("cost", *arguments, "--json", settings=settings)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def by_backend(cost: Any) -> dict[str, Any]:
    """Its backends by their names."""
    return {one["backend"]: one for one in cost["backends"]}


def test_a_run_and_a_month_are_told_for_each_backend() -> None:
    cost = cost_of(*EXAMPLE)
    assert cost["load"] == {
        "runs_per_day": 1000,
        "runs_per_month": 30000,
        "hours_per_month": 250,
        "seconds": 30,
        "memory_gb": 2,
        "cpus": 1,
    }
    backends = by_backend(cost)
    assert list(backends) == ["serverless_container", "dedicated_instance", "local"]
    container = backends["serverless_container"]
    assert container["run"] == {
        "eur": 0.00036,
        "complete": True,
        "prices_of": "2025-04",
        "free_allowances": "left_out",
        "components": [
            {
                "name": "vcpu",
                "item": "serverless.vcpu",
                "quantity": 30,
                "unit": "vCPU-s",
                "free": 0,
                "eur_each": 0.00001,
                "eur": 0.0003,
            },
            {
                "name": "memory",
                "item": "serverless.memory",
                "quantity": 60,
                "unit": "GB-s",
                "free": 0,
                "eur_each": 0.000001,
                "eur": 0.00006,
            },
        ],
    }
    assert (container["month"]["eur"], container["month"]["free_allowances"]) == (8.4, "counted")
    assert container["month_with_nothing_free"]["eur"] == 10.8
    [machine] = backends["dedicated_instance"]["month"]["components"]
    assert (machine["item"], machine["quantity"], machine["unit"]) == ("scaleway/DEV1-M", 250, "h")
    assert machine["eur"] == 5.049
    assert backends["local"]["month"]["eur"] == 0


def test_without_flags_it_is_the_seeds_example() -> None:
    assert cost_of() == cost_of(*EXAMPLE)


@pytest.mark.parametrize(
    ("memory", "memory_gb"), [("512MB", 0.5), ("1.5GB", 1.5), ("2GiB", 2), ("2048MiB", 2)]
)
def test_memory_is_in_gb_of_1024_mb(memory: str, memory_gb: float) -> None:
    assert cost_of("--memory", memory)["load"]["memory_gb"] == memory_gb


def test_the_seeds_tables_are_recomputed_beside_its_figures() -> None:
    cost = cost_of(*EXAMPLE)
    first, second = cost["seed"]
    assert first["seed"] == {"low": 40, "high": 55}
    assert first["now"]["low"] == pytest.approx(7 + 18 + 10 + 0.146 + 1.92 + 0.0054)
    assert first["now"]["high"] == pytest.approx(10 + 18 + 10 + 0.146 + 1.92 + 0.0054)
    assert second["seed"] == {"low": 90, "high": 120}
    assert second["now"]["low"] == pytest.approx(35 + 1.46 + 40.8)
    known = {line["service"]: line["known"] for line in first["lines"]}
    assert known == {
        "API": False,
        "PostgreSQL": False,
        "Redis": False,
        "object storage": True,
        "containers": True,
        "registry": True,
    }
    why = {one["what"]: one["why"] for one in cost["differences"]}
    assert "10 times" in why["memory of containers"]
    assert "1.2 times" in why["CPU of containers"]
    assert "1.92 with them" in why["free every month"]
    assert "arithmetic" in why["the example: 1000 runs x 30 s x 2 GB"]
    assert "postgresql.DB-DEV-S, redis.RED1-micro" in why["prices that are unknown"]


def test_people_read_the_same() -> None:
    done = run_mecapy("cost", *EXAMPLE)
    assert done.returncode == 0, done.stderr
    for line in (
        r"serverless_container +vcpu +30 vCPU-s +- +0\.00001 +0\.0003 +2025-04",
        r" +together +0\.00036",
        r"A month of 1000 runs a day: 30 000 runs, 250 h",
        r"serverless_container +vcpu +900 000 vCPU-s +200 000 +0\.00001 +7\.00 +2025-04",
        r" +together +8\.40",
        r" +with nothing free +10\.80",
        r"dedicated_instance +machine scaleway/DEV1-M +250 h +- +0\.020196 +5\.05 +2026-07",
        r"In containers, with all else of the seed's phase 1 .*: 43\.55-46\.55 EUR a month\.",
        r"PostgreSQL +18\.00 +18\.00 +the seed's: price unknown",
        r"containers +100 h of 2 GB and 1 vCPU +5\.00-15\.00 +1\.92 +by the prices",
        r"together +40\.00-55\.00 +37\.07-40\.07 +with the seed's where unknown",
        r"together +90\.00-120\.00 +77\.26-80\.26 +with the seed's where unknown",
        r"  why +the seed's figure is 10 times the price",
    ):
        assert re.search(f"^{line}$", done.stdout, re.MULTILINE), line


def test_each_price_has_its_source_and_date() -> None:
    prices = cost_of()["prices"]
    assert len(prices) > 40
    for price in prices:
        assert price["source"]
        assert re.fullmatch(r"\d{4}-\d\d(-\d\d)?", price["date"]), price
        assert ("eur" in price) != ("unknown" in price), price


def test_what_no_container_has_goes_to_a_machine() -> None:
    arguments = ("--seconds", "21600", "--memory", "16GB", "--cpus", "4", "--runs-per-day", "10")
    backends = by_backend(cost_of(*arguments))
    assert "at most 3600 s" in backends["serverless_container"]["not_possible"]
    assert backends["dedicated_instance"]["run"]["eur"] == pytest.approx(6 * 0.19074)
    done = run_mecapy("cost", *arguments)
    assert "Not on serverless_container: a container has at most 3600 s" in done.stdout
    assert "scaleway/GP1-S" in done.stdout
    assert "Not on dedicated_instance" in run_mecapy("cost", "--cpus", "100").stdout


def test_the_operators_prices_go_over_those_of_the_program(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(ROW + "eur = 0.001\n")
    settings = {"MECAPY_COST_PRICES": str(path)}
    container = by_backend(cost_of(settings=settings))["serverless_container"]
    assert container["run"]["eur"] == pytest.approx(30 * 0.001 + 60 * 0.000001)
    file = tmp_path / "mecapy.toml"
    file.write_text(f'[cost]\nprices = "{path}"\n')
    assert by_backend(cost_of("--config", str(file)))["serverless_container"] == container


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ROW + 'eur = "cheap"\n', "price 1 (serverless.vcpu): eur must be a number"),
        (ROW.replace("vcpu", "vpcu") + "eur = 1\n", "did you mean serverless.vcpu?"),
        (ROW, "price 1 (serverless.vcpu): must have eur, or unknown with the reason"),
        ("price = = 1\n", "at line 1"),
    ],
    ids=["no number", "no such item", "no figure", "no TOML"],
)
def test_a_wrong_row_of_theirs_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    done = run_mecapy("cost", settings={"MECAPY_COST_PRICES": str(path)})
    assert (done.returncode, done.stdout) == (64, "")
    assert str(path) in done.stderr
    assert said in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--memory", "2"], '--memory is a size like 2GB or 512MB, not "2"'),
        (["--memory", "-1GB"], "--memory is a size"),
        (["--memory", "nanGB"], "--memory is a size"),
        (["--seconds", "0"], "--seconds is a number above 0"),
        (["--seconds", "nan"], "--seconds is a number above 0"),
        (["--cpus", "0"], "--cpus is a number above 0"),
        (["--runs-per-day", "-1"], "--runs-per-day is a number"),
        (["--runs-per-day", "many"], "--runs-per-day"),
    ],
    ids=str,
)
def test_a_wrong_figure_is_refused(arguments: list[str], said: str) -> None:
    done = run_mecapy("cost", *arguments)
    assert (done.returncode, done.stdout) == (64, "")
    assert said in done.stderr
