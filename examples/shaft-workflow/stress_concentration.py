"""Fatigue stress-concentration factors of a section of a steel shaft.

Units: mm, MPa.

Inputs
    ultimate_mpa          S_ut of the steel, MPa; 340 to 1700
    section
        name
        diameter_mm       d, mm
      of a shoulder:
        large_diameter_mm D, mm
        fillet_radius_mm  r, mm
      or else, from a table or a chart:
        kt, kts           theoretical factors, of bending and of torsion
        notch_radius_mm   r, mm

Results
    kt, kts               theoretical factors, of bending and of torsion
    q, qs                 notch sensitivity, of bending and of torsion
    kf, kfs               fatigue factors, of bending and of torsion
    ...                   and all that the section was given with

    K_t = A (r/d)^b                    A, b for D/d; between two of them, interpolated in D/d
    q = 1 / (1 + sqrt(a) / sqrt(r))    Neuber; sqrt(a) in sqrt(in), S_ut in kpsi:
        bending   sqrt(a) = 0.246 - 3.08e-3 S_ut + 1.51e-5 S_ut^2 - 2.67e-8 S_ut^3
        torsion   sqrt(a) = 0.190 - 2.51e-3 S_ut + 1.35e-5 S_ut^2 - 2.67e-8 S_ut^3
    K_f = 1 + q (K_t - 1)

Sources of the formulas: Norton, Machine Design, appendix C (A and b, fitted to Peterson's charts);
Budynas and Nisbett, Shigley's Mechanical Engineering Design, 6-10, Eqs. 6-32 to 6-35.
"""

import math
from typing import Any

KPSI = 6.894757  # MPa
INCH = 25.4  # mm

# D/d, A, b of a shoulder's fillet, rising.
BENDING = [
    (1.01, 0.91938, -0.17032),
    (1.02, 0.96048, -0.17711),
    (1.03, 0.98061, -0.18381),
    (1.05, 0.98137, -0.19653),
    (1.07, 0.97527, -0.20958),
    (1.10, 0.95120, -0.23757),
    (1.20, 0.97098, -0.21796),
    (1.50, 0.93836, -0.25759),
    (2.00, 0.90879, -0.28598),
    (3.00, 0.89334, -0.30860),
    (6.00, 0.87868, -0.33243),
]
TORSION = [
    (1.09, 0.90337, -0.12692),
    (1.20, 0.83425, -0.21649),
    (1.33, 0.84897, -0.23161),
    (2.00, 0.86331, -0.23865),
]


def positive(values: dict[str, Any], name: str, unit: str) -> float:
    """Return a field as a finite number above zero."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a number in {unit}, got {value!r}")
    if value <= 0.0:
        raise ValueError(f"{name}: expected a value above 0 {unit}, got {value!r}")
    return float(value)


def shoulder(table: list[tuple[float, float, float]], step: float, radius: float) -> float:
    """Return the factor of a fillet for D/d and r/d; outside of the table, that of its end."""
    factors = [a * radius**b for _, a, b in table]
    if step <= table[0][0]:
        return factors[0]
    for i in range(1, len(table)):
        low, high = table[i - 1][0], table[i][0]
        if step <= high:
            part = (step - low) / (high - low)
            return factors[i - 1] + part * (factors[i] - factors[i - 1])
    return factors[-1]


def sensitivity(strength: float, radius: float, torsion: bool) -> float:
    """Return q, of S_ut in MPa and of r in mm."""
    s = strength / KPSI
    if torsion:
        root = 0.190 - 2.51e-3 * s + 1.35e-5 * s**2 - 2.67e-8 * s**3
    else:
        root = 0.246 - 3.08e-3 * s + 1.51e-5 * s**2 - 2.67e-8 * s**3
    return 1.0 / (1.0 + root / math.sqrt(radius / INCH))


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    section = inputs["section"]
    strength = positive(inputs, "ultimate_mpa", "MPa")
    if not 340.0 <= strength <= 1700.0:
        raise ValueError(f"ultimate_mpa: expected 340 to 1700 MPa, got {strength:g}")
    diameter = positive(section, "diameter_mm", "mm")
    if "fillet_radius_mm" in section:
        radius = positive(section, "fillet_radius_mm", "mm")
        step = positive(section, "large_diameter_mm", "mm") / diameter
        if step < 1.01:
            raise ValueError("large_diameter_mm: expected 1.01 diameter_mm at least, in mm")
        kt = shoulder(BENDING, step, radius / diameter)
        kts = shoulder(TORSION, step, radius / diameter)
    else:
        radius = positive(section, "notch_radius_mm", "mm")
        kt = positive(section, "kt", "(factor)")
        kts = positive(section, "kts", "(factor)")

    q, qs = (sensitivity(strength, radius, torsion) for torsion in (False, True))
    kf, kfs = 1.0 + q * (kt - 1.0), 1.0 + qs * (kts - 1.0)
    print(f"{section['name']}: Kt {kt:.2f}, q {q:.2f}, Kf {kf:.2f}; ", end="")
    print(f"Kts {kts:.2f}, qs {qs:.2f}, Kfs {kfs:.2f}")
    return section | {"kt": kt, "kts": kts, "q": q, "qs": qs, "kf": kf, "kfs": kfs}
