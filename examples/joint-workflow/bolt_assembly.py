"""Permissible assembly preload of a bolt, and the torque that gives it (VDI 2230, R7 and R13).

Units: mm, N, MPa; torque in N m.

Inputs
    bolt                          a hexagon bolt
        nominal_diameter_mm       d, mm
        pitch_mm                  P, mm
        head_bearing_diameter_mm  dw, mm
        yield_strength_mpa        Rp0.2, MPa
    hole_diameter_mm              dh, mm
    utilisation                   nu, the part of Rp0.2 that tightening may use, up to 1
    friction_thread               mu_G
    friction_head                 mu_K

Results
    friction_thread               mu_G, as it was given
    stress_area_mm2               A0, mm2
    pitch_diameter_mm             d2, mm
    core_diameter_mm              d3, mm
    preload_n                     F_M, N
    torque_nm                     M_A, N m
    thread_torque_n_mm            the part of it that twists the bolt, N mm

    F_M = A0 nu Rp0.2 / sqrt(1 + 3 (3/2 d2/d0 (P/(pi d2) + 1.155 mu_G))^2),   d0 = (d2 + d3)/2
    M_A = F_M (0.16 P + 0.58 d2 mu_G + (dw + dh)/4 mu_K)

Source of the formulas: VDI 2230 Part 1, R7 and R13.
"""

import math
from typing import Any


def positive(values: dict[str, Any], name: str, unit: str) -> float:
    """Return a field as a finite number above zero."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a number in {unit}, got {value!r}")
    if value <= 0.0:
        raise ValueError(f"{name}: expected a value above 0 {unit}, got {value!r}")
    return float(value)


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    bolt = inputs["bolt"]
    diameter = positive(bolt, "nominal_diameter_mm", "mm")
    pitch = positive(bolt, "pitch_mm", "mm")
    head = positive(bolt, "head_bearing_diameter_mm", "mm")
    strength = positive(bolt, "yield_strength_mpa", "MPa")
    hole = positive(inputs, "hole_diameter_mm", "mm")
    utilisation = positive(inputs, "utilisation", "(fraction of the yield strength)")
    mu_thread = positive(inputs, "friction_thread", "(friction coefficient)")
    mu_head = positive(inputs, "friction_head", "(friction coefficient)")
    if pitch >= diameter / 2.0:
        raise ValueError("pitch_mm: expected less than half of nominal_diameter_mm, in mm")
    if utilisation > 1.0:
        raise ValueError("utilisation: expected at most 1 (fraction of the yield strength)")
    if hole >= head:
        raise ValueError("hole_diameter_mm: expected less than head_bearing_diameter_mm, in mm")

    triangle = math.sqrt(3.0) / 2.0 * pitch
    d2 = diameter - 0.75 * triangle
    d3 = diameter - 17.0 / 12.0 * triangle
    d0 = (d2 + d3) / 2.0
    area = math.pi / 4.0 * d0**2
    # The thread's torque for each newton of preload; the section is fully plastic in torsion.
    lever = d2 / 2.0 * (pitch / (math.pi * d2) + 1.155 * mu_thread)
    preload = area * utilisation * strength / math.sqrt(1.0 + 3.0 * (3.0 * lever / d0) ** 2)
    whole = 0.16 * pitch + 0.58 * d2 * mu_thread + (head + hole) / 4.0 * mu_head
    torque = preload * whole / 1000.0
    print(f"mu {mu_thread:g}: preload {preload / 1000.0:.2f} kN at {torque:.2f} N m")
    return {
        "friction_thread": mu_thread,
        "stress_area_mm2": area,
        "pitch_diameter_mm": d2,
        "core_diameter_mm": d3,
        "preload_n": preload,
        "torque_nm": torque,
        "thread_torque_n_mm": preload * lever,
    }
