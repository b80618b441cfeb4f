"""Hertz contact: sphere on sphere or plane (point), parallel cylinders or plane (line).

Units: mm, N, MPa. A plane has the radius 0, a concave surface a negative radius.

    1/E* = (1 - nu1^2)/E1 + (1 - nu2^2)/E2        1/R = 1/R1 + 1/R2

    point   a  = (3 F R / (4 E*))^(1/3)           radius of the contact
            p0 = 3 F / (2 pi a^2)                 maximum pressure
            delta = a^2 / R                       approach of distant points
    line    b  = sqrt(4 F' R / (pi E*))           half width of the contact, F' = F / length
            p0 = 2 F' / (pi b)

The largest shear stress lies on the axis below the contact and is found from the principal
stresses there:

    point   sigma_r = -p0 ((1 + nu)(1 - s atan(1/s)) - 1/(2 (1 + s^2)))
            sigma_z = -p0 / (1 + s^2),                     s = z/a
    line    sigma_x = -p0 ((1 + 2 s^2)/sqrt(1 + s^2) - 2 s)
            sigma_z = -p0 / sqrt(1 + s^2),                 s = z/b

Source of the formulas: K. L. Johnson, Contact Mechanics, Cambridge University Press, 1985,
chapters 3 and 4.
"""

import math
from typing import Any

from scipy.optimize import minimize_scalar


def number(case: dict[str, Any], label: str, name: str, unit: str) -> float:
    """Return a field of a case as a finite number."""
    value = case.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{label}.{name}: expected a number in {unit}, got {value!r}")
    return float(value)


def positive(case: dict[str, Any], label: str, name: str, unit: str) -> float:
    """Return a field of a case as a finite number above zero."""
    value = number(case, label, name, unit)
    if value <= 0.0:
        raise ValueError(f"{label}.{name}: expected a value above 0 {unit}, got {value!r}")
    return value


def effective_radius(case: dict[str, Any], label: str) -> float:
    """Return R in mm; the radius 0 stands for a plane."""
    radii = [number(case, label, name, "mm") for name in ("radius_1_mm", "radius_2_mm")]
    curvature = sum(1.0 / radius for radius in radii if radius != 0.0)
    if curvature <= 0.0:
        raise ValueError(
            f"{label}.radius_1_mm, {label}.radius_2_mm: the surfaces conform; Hertz needs "
            "1/radius_1 + 1/radius_2 above 0 1/mm"
        )
    return 1.0 / curvature


def effective_modulus(case: dict[str, Any], label: str) -> float:
    """Return E* in MPa; a body without a Young's modulus is rigid."""
    compliance = 0.0
    for body in ("1", "2"):
        if case.get(f"young_{body}_mpa") is None:
            continue
        poisson = number(case, label, f"poisson_{body}", "(-)")
        if not -1.0 < poisson < 0.5:
            raise ValueError(f"{label}.poisson_{body}: expected between -1 and 0.5 (-)")
        compliance += (1.0 - poisson**2) / positive(case, label, f"young_{body}_mpa", "MPa")
    if compliance == 0.0:
        raise ValueError(f"{label}.young_1_mpa: at least one body needs a Young's modulus in MPa")
    return 1.0 / compliance


def shear_below_point(s: float, poisson: float) -> float:
    """Return the largest shear stress on the axis at z = s a, over p0."""
    radial = -((1.0 + poisson) * (1.0 - s * math.atan2(1.0, s)) - 0.5 / (1.0 + s**2))
    return (radial + 1.0 / (1.0 + s**2)) / 2.0


def shear_below_line(s: float) -> float:
    """Return the largest shear stress in the plane of the section at z = s b, over p0."""
    root = math.sqrt(1.0 + s**2)
    across = -((1.0 + 2.0 * s**2) / root - 2.0 * s)
    return (across + 1.0 / root) / 2.0


def solve(case: dict[str, Any], label: str) -> dict[str, Any]:
    """Return the contact of one case."""
    kind = case.get("kind")
    force = positive(case, label, "force_n", "N")
    radius = effective_radius(case, label)
    modulus = effective_modulus(case, label)
    if kind == "point":
        size = (3.0 * force * radius / (4.0 * modulus)) ** (1.0 / 3.0)
        pressure = 3.0 * force / (2.0 * math.pi * size**2)
        approach: float | None = size**2 / radius
        # Subsurface stress of the first deformable body.
        body = "1" if case.get("young_1_mpa") is not None else "2"
        poisson = float(case[f"poisson_{body}"])
        best = minimize_scalar(
            lambda s: -shear_below_point(s, poisson), bounds=(0.0, 3.0), method="bounded"
        )
    elif kind == "line":
        load = force / positive(case, label, "length_mm", "mm")
        size = math.sqrt(4.0 * load * radius / (math.pi * modulus))
        pressure = 2.0 * load / (math.pi * size)
        approach = None  # depends on the bodies as a whole, not on the contact alone
        best = minimize_scalar(lambda s: -shear_below_line(s), bounds=(0.0, 3.0), method="bounded")
    else:
        raise ValueError(f"{label}.kind: expected 'point' or 'line', got {kind!r}")
    ratio, depth = -float(best.fun), float(best.x)
    print(
        f"{case.get('name', label)}: contact {size:.5g} mm, p0 = {pressure:.5g} MPa, "
        f"tau_max = {ratio * pressure:.5g} MPa at {depth * size:.4g} mm"
    )
    return {
        "name": case.get("name", label),
        "contact_size_mm": size,
        "max_pressure_mpa": pressure,
        "approach_mm": approach,
        "max_shear_mpa": ratio * pressure,
        "max_shear_ratio": ratio,
        "max_shear_depth_mm": depth * size,
        "max_shear_depth_ratio": depth,
    }


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    cases = inputs.get("cases")
    if not isinstance(cases, list) or not cases or not all(isinstance(c, dict) for c in cases):
        raise ValueError("cases: expected a list of contacts")
    return {"cases": [solve(case, f"cases[{index}]") for index, case in enumerate(cases)]}
