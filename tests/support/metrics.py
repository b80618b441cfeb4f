"""What Prometheus would read at a server's port for it."""

import socket
from dataclasses import dataclass

import httpx
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


Series = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Scrape:
    """One look: the exposition as it came, and its series."""

    text: str
    families: list[Metric]
    values: dict[Series, float]

    def value(self, name: str, **labels: str) -> float:
        """Of one series; 0 when it is not there."""
        return self.values.get((name, tuple(sorted(labels.items()))), 0)

    def sum(self, name: str, **labels: str) -> float:
        """Of all series of this name that have these labels."""
        wanted = set(labels.items())
        return sum(v for (n, ls), v in self.values.items() if n == name and wanted <= set(ls))


def scrape(port: int, timeout_s: float = 5) -> Scrape:
    """Ask as Prometheus does, and read it with its own parser."""
    response = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=timeout_s, trust_env=False)
    assert response.status_code == 200, response.text
    kind = response.headers["content-type"]
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    families = list(text_string_to_metric_families(response.text))
    values: dict[Series, float] = {}
    for family in families:
        for sample in family.samples:
            series = (sample.name, tuple(sorted(sample.labels.items())))
            assert series not in values, f"twice: {series}"
            values[series] = sample.value
    return Scrape(response.text, families, values)
