"""Fatigue damage of a stress history: rainflow counting and Palmgren-Miner sum.

Units: MPa for stresses; the history is in load units, `scale_mpa` is the stress of one unit.

    1. The history is reduced to its reversals (peaks and valleys).
    2. Rainflow counting after ASTM E1049-85, section 5.4.4: full cycles and half cycles.
    3. Endurance after EN 1993-1-9, section 7.1, detail category dsC (range at 2e6 cycles):

           N = 2e6 (dsC / ds)^3          ds >= dsD,   dsD = (2/5)^(1/3) dsC     at 5e6 cycles
           N = 5e6 (dsD / ds)^5    dsL <= ds <  dsD,   dsL = (5/100)^(1/5) dsD  at 1e8 cycles
           no damage                     ds <  dsL

       with dsC divided by the partial factor gamma_Mf.
    4. Damage of one block, D = sum n_i / N_i; life = 1 / D blocks.

The table of the cycles is written to cycles.csv.
"""

import io
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd


def positive(inputs: dict[str, Any], name: str, unit: str) -> float:
    """Return a field as a finite number above zero."""
    value = inputs.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a number in {unit}, got {value!r}")
    if value <= 0:
        raise ValueError(f"{name}: expected a value above 0 {unit}, got {value!r}")
    return float(value)


def read_history(inputs: dict[str, Any]) -> pd.Series:
    """Return the load column of the CSV text, in load units."""
    text = inputs.get("history_csv")
    if not isinstance(text, str) or not text.strip():
        raise ValueError("history_csv: expected CSV text with a column 'load' (load units)")
    table = pd.read_csv(io.StringIO(text), comment="#", skipinitialspace=True)
    if "load" not in table.columns:
        raise ValueError(f"history_csv: no column 'load' (load units) in {list(table.columns)}")
    load = pd.to_numeric(table["load"], errors="coerce")
    if not load.map(math.isfinite).all():
        line = int(load.map(math.isfinite).idxmin()) + 1
        raise ValueError(f"history_csv: 'load' of sample {line} is not a number (load units)")
    return load.astype(float)


def reversals(history: pd.Series) -> list[float]:
    """Return first point, peaks, valleys and last point."""
    distinct = history[history.diff().ne(0.0)].reset_index(drop=True)
    if len(distinct) < 2:
        raise ValueError("history_csv: the history needs two different loads (load units)")
    rising = distinct.diff().gt(0.0)
    turns = rising.ne(rising.shift(-1))
    turns.iloc[0] = turns.iloc[-1] = True
    return distinct[turns].tolist()


def rainflow(points: Sequence[float]) -> pd.DataFrame:
    """Return range, mean and count (0.5 or 1) of every cycle: ASTM E1049-85, 5.4.4."""
    cycles: list[tuple[float, float, float]] = []
    stack: list[float] = []
    for point in points:
        stack.append(point)
        while len(stack) >= 3:
            latest = abs(stack[-1] - stack[-2])  # range X
            previous = abs(stack[-2] - stack[-3])  # range Y
            if latest < previous:
                break
            mean = (stack[-2] + stack[-3]) / 2.0
            if len(stack) == 3:  # Y contains the starting point S
                cycles.append((previous, mean, 0.5))
                stack.pop(0)
            else:
                cycles.append((previous, mean, 1.0))
                del stack[-3:-1]
    for start, end in zip(stack[:-1], stack[1:], strict=True):
        cycles.append((abs(end - start), (start + end) / 2.0, 0.5))
    return pd.DataFrame(cycles, columns=["range", "mean", "count"])


def endurance(stress_range: float, category: float) -> float:
    """Return the number of cycles to failure: EN 1993-1-9, direct stress."""
    knee = (2.0 / 5.0) ** (1.0 / 3.0) * category
    cut_off = (5.0 / 100.0) ** (1.0 / 5.0) * knee
    if stress_range >= knee:
        return 2e6 * (category / stress_range) ** 3
    if stress_range >= cut_off:
        return 5e6 * (knee / stress_range) ** 5
    return math.inf


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    scale = positive(inputs, "scale_mpa", "MPa per load unit")
    category = positive(inputs, "detail_category_mpa", "MPa") / positive(
        inputs, "gamma_mf", "(partial factor)"
    )
    points = reversals(read_history(inputs))
    cycles = rainflow(points)

    table = cycles.groupby("range", as_index=False)["count"].sum()
    table["range_mpa"] = table["range"] * scale
    table["endurance"] = [endurance(value, category) for value in table["range_mpa"]]
    table["damage"] = table["count"] / table["endurance"]
    damage = float(table["damage"].sum())
    table.to_csv("cycles.csv", index=False)

    print(f"{len(points)} reversals, {table['count'].sum():g} cycles")
    print(table.to_string(index=False))
    print(f"damage per block: {damage:.4e}")

    knee = (2.0 / 5.0) ** (1.0 / 3.0) * category
    return {
        "reversals": points,
        "ranges": table["range"].tolist(),
        "counts": table["count"].tolist(),
        "ranges_mpa": table["range_mpa"].tolist(),
        "damage_by_range": table["damage"].tolist(),
        "constant_amplitude_limit_mpa": knee,
        "cut_off_limit_mpa": (5.0 / 100.0) ** (1.0 / 5.0) * knee,
        "damage": damage,
        "life_blocks": 1.0 / damage if damage > 0.0 else None,
    }
