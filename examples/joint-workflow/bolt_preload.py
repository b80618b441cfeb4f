"""Preload that the load cases ask for, and what embedding takes of it (VDI 2230, R1, R4, R6).

Units: N, mm/N; roughness and embedding in micrometres.

Inputs
    cases                      those of bolt_loads.py, for one bolt
    bolt_resilience_mm_per_n   delta_S, mm/N
    plate_resilience_mm_per_n  delta_P, mm/N
    load_factor                Phi
    tightening_factor          alpha_A = F_Mmax / F_Mmin, at least 1
    roughness_rz_um            Rz of the surfaces, micrometres, below 160
    interfaces                 inner interfaces between the clamped parts
    preload_n                  F_M, the permissible assembly preload, N

Results
    embedding_um               f_Z, micrometres
    embedding_loss_n           F_Z, N
    required                   for each load case: name, preload_n
    preload_required_n         the largest of them, N
    preload_min_n              F_Mmin, what tightening gives at least, N
    safety                     F_M / preload_required_n

    F_Z = f_Z / (delta_S + delta_P)
    F_Mreq = alpha_A (F_Kreq + (1 - Phi) F_A + F_Z)
    F_Mmin = F_M / alpha_A

f_Z sums the guide values for the thread, the bearing surfaces of head and nut and each inner
interface; where a case has a transverse load, those for shear.

Source of the formulas and of the guide values: VDI 2230 Part 1 (2003), R1, R4, R6 and table 5.
"""

import math
from typing import Any

# Below Rz, micrometres: thread, head or nut, inner interface; under axial load, under shear.
EMBEDDING = [
    (10.0, (3.0, 2.5, 1.5), (3.0, 3.0, 2.0)),
    (40.0, (3.0, 3.0, 2.0), (3.0, 4.5, 2.5)),
    (160.0, (3.0, 4.0, 3.0), (3.0, 6.5, 3.5)),
]


def number(values: dict[str, Any], name: str, unit: str, minimum: float = 0.0) -> float:
    """Return a field as a finite number not below the minimum."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a number in {unit}, got {value!r}")
    if value < minimum:
        raise ValueError(f"{name}: expected at least {minimum:g} {unit}, got {value!r}")
    return float(value)


def embedding(roughness: float, interfaces: float, sheared: bool) -> float:
    """Return f_Z in micrometres."""
    for limit, axial, shear in EMBEDDING:
        if roughness < limit:
            thread, bearing, inner = shear if sheared else axial
            return thread + 2.0 * bearing + interfaces * inner
    raise ValueError(f"roughness_rz_um: expected less than 160 micrometres, got {roughness!r}")


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    cases = inputs["cases"]
    resilience = number(inputs, "bolt_resilience_mm_per_n", "mm/N")
    resilience += number(inputs, "plate_resilience_mm_per_n", "mm/N")
    if resilience == 0.0:
        raise ValueError("bolt_resilience_mm_per_n: expected a value above 0 mm/N")
    factor = number(inputs, "load_factor", "(Phi)")
    scatter = number(inputs, "tightening_factor", "(alpha_A)", 1.0)
    preload = number(inputs, "preload_n", "N")

    amount = embedding(
        number(inputs, "roughness_rz_um", "micrometres"),
        number(inputs, "interfaces", "(count)"),
        any(case["transverse_n"] > 0.0 for case in cases),
    )
    loss = amount * 1e-3 / resilience
    required = [
        {
            "name": case["name"],
            "preload_n": scatter
            * (case["clamp_required_n"] + (1.0 - factor) * case["axial_max_n"] + loss),
        }
        for case in cases
    ]
    largest = max(case["preload_n"] for case in required)
    print(f"embedding {amount:g} um, {loss:.0f} N; required {largest:.0f} of {preload:.0f} N")
    return {
        "embedding_um": amount,
        "embedding_loss_n": loss,
        "required": required,
        "preload_required_n": largest,
        "preload_min_n": preload / scatter,
        "safety": preload / largest,
    }
