"""Stress, surface pressure and clamp force of a bolt in one load case (VDI 2230, R8, R10, R12).

Units: mm, N, MPa.

Inputs
    case                      one of bolt_loads.py: name, axial_max_n, transverse_n,
                              clamp_required_n
    bolt                      head_bearing_diameter_mm (dw, mm), yield_strength_mpa (Rp0.2, MPa)
    plates                    hole_diameter_mm (dh, mm), pressure_limit_mpa (p_G, MPa),
                              interface_friction (mu_T)
    assembly                  the result of bolt_assembly.py
    load_factor               Phi
    preload_min_n             F_Mmin, N
    embedding_loss_n          F_Z, N

Results
    name                      of the load case
    bolt_force_n              F_Smax, N
    equivalent_stress_mpa     sigma_red,B, MPa
    surface_pressure_mpa      under the head, MPa
    clamp_force_n             F_KRmin, what is left between the parts at least, N
    safety                    yield, pressure, clamping, slipping; null where nothing is asked for

    F_Smax = F_M + Phi F_A
    sigma_red,B = sqrt(sigma_z^2 + 3 (0.5 tau)^2),   sigma_z = F_Smax/A0,   tau = M_G/(pi/16 d0^3)
    p = F_Smax / (pi/4 (dw^2 - dh^2))
    F_KRmin = F_Mmin - F_Z - (1 - Phi) F_A

Source of the formulas: VDI 2230 Part 1, R8, R10 and R12.
"""

import math
from typing import Any

TORSION_SHARE = 0.5  # k_tau of R8: half of the tightening torsion remains in service


def ratio(resistance: float, demand: float) -> float | None:
    """Return a safety factor; none where nothing is asked for."""
    return resistance / demand if demand > 0.0 else None


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    case, bolt, plates, assembly = (inputs[k] for k in ("case", "bolt", "plates", "assembly"))
    factor = inputs["load_factor"]

    force = assembly["preload_n"] + factor * case["axial_max_n"]
    area = assembly["stress_area_mm2"]
    tension = force / area
    d0 = math.sqrt(4.0 * area / math.pi)
    torsion = assembly["thread_torque_n_mm"] / (math.pi / 16.0 * d0**3)
    stress = math.sqrt(tension**2 + 3.0 * (TORSION_SHARE * torsion) ** 2)

    bearing = bolt["head_bearing_diameter_mm"] ** 2 - plates["hole_diameter_mm"] ** 2
    pressure = force / (math.pi / 4.0 * bearing)

    relief = (1.0 - factor) * case["axial_max_n"]
    clamp = inputs["preload_min_n"] - inputs["embedding_loss_n"] - relief

    print(
        f"{case['name']}: {stress:.0f} MPa in the bolt, {pressure:.0f} MPa under its head, ", end=""
    )
    print(f"{clamp:.0f} N left between the parts")
    return {
        "name": case["name"],
        "bolt_force_n": force,
        "equivalent_stress_mpa": stress,
        "surface_pressure_mpa": pressure,
        "clamp_force_n": clamp,
        "safety": {
            "yield": bolt["yield_strength_mpa"] / stress,
            "pressure": plates["pressure_limit_mpa"] / pressure,
            "clamping": ratio(clamp, case["clamp_required_n"]),
            "slipping": ratio(clamp * plates["interface_friction"], case["transverse_n"]),
        },
    }
