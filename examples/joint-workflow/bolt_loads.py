"""What one bolt of a bolted flange carries, in each load case (VDI 2230, R2).

Units: N, mm, N m.

Inputs
    bolts                     how many share the load evenly
    bolt_circle_diameter_mm   their circle, mm
    interface_friction        mu_T between the flanges
    sealing_force_n           F_KP, the clamp force that a bolt must keep for sealing, N
    load_cases                a list of
        name
        axial_force_max_n     of the whole joint, N; it opens the joint
        axial_force_min_n     N; below axial_force_max_n where the load alternates
        torque_nm             carried by friction, of the whole joint, N m

Results
    cases                     a list, in that order, for one bolt:
        name
        axial_max_n           F_A max, N
        axial_min_n           F_A min, N
        transverse_n          F_Q, N
        clamp_required_n      F_Kreq, N

    F_A = F / i,   F_Q = 2 T / (i D)
    F_Kreq = max(F_Q / mu_T, F_KP)            one interface carries the torque

Source of the formulas: VDI 2230 Part 1, R2 (required clamp load).
"""

import math
from typing import Any


def number(values: dict[str, Any], name: str, unit: str, minimum: float = -math.inf) -> float:
    """Return a field as a finite number not below the minimum."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a number in {unit}, got {value!r}")
    if value < minimum:
        raise ValueError(f"{name}: expected at least {minimum:g} {unit}, got {value!r}")
    return float(value)


def positive(values: dict[str, Any], name: str, unit: str) -> float:
    """Return a field as a finite number above zero."""
    value = number(values, name, unit, 0.0)
    if value == 0.0:
        raise ValueError(f"{name}: expected a value above 0 {unit}")
    return value


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    bolts = positive(inputs, "bolts", "(count)")
    circle = positive(inputs, "bolt_circle_diameter_mm", "mm")
    friction = positive(inputs, "interface_friction", "(friction coefficient)")
    sealing = number(inputs, "sealing_force_n", "N", 0.0)
    given = inputs.get("load_cases")
    if not isinstance(given, list) or not given:
        raise ValueError("load_cases: expected a list of load cases")

    cases = []
    for case in given:
        largest = number(case, "axial_force_max_n", "N", 0.0) / bolts
        smallest = number(case, "axial_force_min_n", "N") / bolts
        if smallest > largest:
            raise ValueError("axial_force_min_n: expected at most axial_force_max_n, in N")
        transverse = 2000.0 * number(case, "torque_nm", "N m", 0.0) / (bolts * circle)
        required = max(transverse / friction, sealing)
        print(f"{case['name']}: F_A {smallest:.0f} to {largest:.0f} N, F_Kreq {required:.0f} N")
        cases.append(
            {
                "name": case["name"],
                "axial_max_n": largest,
                "axial_min_n": smallest,
                "transverse_n": transverse,
                "clamp_required_n": required,
            }
        )
    return {"cases": cases}
