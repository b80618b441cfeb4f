"""Alternating stress of a bolt in one load case against its endurance limit (VDI 2230, R9).

Units: mm, N, MPa.

Inputs
    case                  one of bolt_loads.py: name, axial_max_n, axial_min_n
    nominal_diameter_mm   d, mm
    stress_area_mm2       A0, mm2
    load_factor           Phi

Results
    name                  of the load case
    stress_amplitude_mpa  sigma_a, MPa
    endurance_limit_mpa   sigma_ASV, MPa
    safety                sigma_ASV / sigma_a; null where the load does not alternate

    sigma_a = Phi (F_Amax - F_Amin) / (2 A0)
    sigma_ASV = 0.85 (150/d + 45)                    rolled before heat treatment, d in mm

Source of the formulas: VDI 2230 Part 1, R9.
"""

from typing import Any


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    case = inputs["case"]
    span = case["axial_max_n"] - case["axial_min_n"]
    amplitude = inputs["load_factor"] * span / (2.0 * inputs["stress_area_mm2"])
    endurance = 0.85 * (150.0 / inputs["nominal_diameter_mm"] + 45.0)
    print(f"{case['name']}: amplitude {amplitude:.2f} MPa of {endurance:.1f} MPa")
    return {
        "name": case["name"],
        "stress_amplitude_mpa": amplitude,
        "endurance_limit_mpa": endurance,
        "safety": endurance / amplitude if amplitude > 0.0 else None,
    }
