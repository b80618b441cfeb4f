"""Quantities as people write them: a number and a unit."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping

_TIMES_S = {
    "ms": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "min": 60.0,
    "minute": 60.0,
    "minutes": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "hours": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "days": 86400.0,
}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*([A-Za-z]+)\s*")


def quantity(name: str, value: float | str, units: Mapping[str, float], example: str) -> float:
    """`value` in the unit that counts 1 in `units`; a number is in it already.

    Raises
    ------
    ValueError
        It cannot be read.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    unit = units.get(match[2].lower()) if match else None
    if match is None or unit is None:
        known = ", ".join(units)
        raise ValueError(f"{name}={value!r}: write a number and a unit, {example} ({known})")
    return float(match[1]) * unit


def seconds(name: str, value: float | str | datetime.timedelta) -> float:
    """A duration as seconds: ``"5 min"``, a timedelta, or a number that is seconds already."""
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return quantity(name, value, _TIMES_S, "as in '5 min'")
