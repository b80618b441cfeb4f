"""Resilience of bolt and clamped parts, and the load factor of the joint (VDI 2230, R3).

Units: mm, N, MPa; resilience in mm/N.

Inputs
    bolt                          a hexagon bolt with a nut
        nominal_diameter_mm       d, mm
        pitch_mm                  P, mm
        head_bearing_diameter_mm  dw, mm
        shank_length_mm           within the clamp length, mm
        young_mpa                 E_S, MPa; of the nut, too
    plates                        concentrically clamped, with a through hole
        clamp_length_mm           l_K, mm
        hole_diameter_mm          dh, mm
        outer_diameter_mm         D_A, mm
        young_mpa                 E_P, MPa
    load_introduction_factor      n, 0 to 1

Results
    bolt_resilience_mm_per_n      delta_S, mm/N
    plate_resilience_mm_per_n     delta_P, mm/N
    load_factor                   Phi

    delta_S = sum l_i / (E_S A_i)     head, shank, free thread, engaged thread, nut
    delta_P                           substitution deformation cone, and sleeve, with
        tan phi = 0.362 + 0.032 ln(l_K/(2 dw)) + 0.153 ln(D_A/dw)
    Phi = n delta_P / (delta_S + delta_P)

Source of the formulas: VDI 2230 Part 1, R3.
"""

import math
from typing import Any


def number(values: dict[str, Any], name: str, unit: str) -> float:
    """Return a field as a finite number not below zero."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a number in {unit}, got {value!r}")
    if value < 0.0:
        raise ValueError(f"{name}: expected at least 0 {unit}, got {value!r}")
    return float(value)


def positive(values: dict[str, Any], name: str, unit: str) -> float:
    """Return a field as a finite number above zero."""
    value = number(values, name, unit)
    if value == 0.0:
        raise ValueError(f"{name}: expected a value above 0 {unit}")
    return value


def bolt_resilience(bolt: dict[str, Any], clamp_length: float) -> float:
    """Return delta_S in mm/N."""
    diameter = positive(bolt, "nominal_diameter_mm", "mm")
    pitch = positive(bolt, "pitch_mm", "mm")
    shank = number(bolt, "shank_length_mm", "mm")
    young = positive(bolt, "young_mpa", "MPa")
    if pitch >= diameter / 2.0:
        raise ValueError("pitch_mm: expected less than half of nominal_diameter_mm, in mm")
    if shank > clamp_length:
        raise ValueError("shank_length_mm: expected at most clamp_length_mm, in mm")
    core = diameter - 17.0 / 12.0 * math.sqrt(3.0) / 2.0 * pitch  # d3
    # Head 0.5 d, shank and nut 0.4 d with d; free thread and engaged thread 0.5 d with d3.
    on_diameter = (0.5 * diameter + shank + 0.4 * diameter) / diameter**2
    on_core = (clamp_length - shank + 0.5 * diameter) / core**2
    return 4.0 / (math.pi * young) * (on_diameter + on_core)


def plate_resilience(dw: float, dh: float, outer: float, length: float, young: float) -> float:
    """Return delta_P in mm/N of a through-bolted joint (w = 1)."""
    if outer <= dw:
        return 4.0 * length / (young * math.pi * (outer**2 - dh**2))
    slope = 0.362 + 0.032 * math.log(length / (2.0 * dw)) + 0.153 * math.log(outer / dw)
    # The cone ends at half the clamp length, or earlier where it meets the outer diameter.
    end = min(outer, dw + length * slope)
    cone = 2.0 / (dh * slope) * math.log((dw + dh) * (end - dh) / ((dw - dh) * (end + dh)))
    sleeve = 4.0 / (outer**2 - dh**2) * (length - (end - dw) / slope)
    return (cone + sleeve) / (young * math.pi)


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    bolt, plates = inputs["bolt"], inputs["plates"]
    length = positive(plates, "clamp_length_mm", "mm")
    hole = positive(plates, "hole_diameter_mm", "mm")
    head = positive(bolt, "head_bearing_diameter_mm", "mm")
    outer = positive(plates, "outer_diameter_mm", "mm")
    introduction = number(inputs, "load_introduction_factor", "(n, 0 to 1)")
    if not positive(bolt, "nominal_diameter_mm", "mm") <= hole < head:
        raise ValueError("hole_diameter_mm: expected from nominal_diameter_mm to below the head's")
    if outer <= hole:
        raise ValueError("outer_diameter_mm: expected more than hole_diameter_mm, in mm")
    if introduction > 1.0:
        raise ValueError("load_introduction_factor: expected at most 1 (n, 0 to 1)")

    delta_s = bolt_resilience(bolt, length)
    delta_p = plate_resilience(head, hole, outer, length, positive(plates, "young_mpa", "MPa"))
    load_factor = introduction * delta_p / (delta_s + delta_p)
    print(f"delta_S {delta_s:.4e} mm/N, delta_P {delta_p:.4e} mm/N, Phi {load_factor:.4f}")
    return {
        "bolt_resilience_mm_per_n": delta_s,
        "plate_resilience_mm_per_n": delta_p,
        "load_factor": load_factor,
    }
