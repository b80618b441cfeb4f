"""Fatigue and yield safety of a section of a rotating steel shaft: bending reversed, torque steady.

Units: mm, N mm, MPa.

Inputs
    section            name, diameter_mm (d, mm), moment_n_mm (M, N mm), torque_n_mm (T, N mm), kf,
                       kfs
    ultimate_mpa       S_ut, MPa
    yield_mpa          S_y, MPa
    surface            "ground", "machined" (or cold-drawn), "hot-rolled" or "forged"
    reliability        0.5, 0.9, 0.95, 0.99, 0.999 or 0.9999

Results
    name               of the section
    surface_factor     k_a
    size_factor        k_b
    endurance_mpa      S_e, MPa
    amplitude_mpa      sigma'_a, MPa
    mean_mpa           sigma'_m, MPa
    goodman, gerber, asme_elliptic, soderberg    safety against fatigue, each by its criterion
    yielding           S_y / sigma'_max
    yielding_quick     S_y / (sigma'_a + sigma'_m), which is on the safe side

    S_e = k_a k_b k_e 0.5 S_ut                    at most 700 MPa before the factors
    k_a = a S_ut^b                                machined: a = 4.51, b = -0.265, S_ut in MPa
    k_b = (d/7.62)^-0.107                         2.79 to 51 mm; above 1.51 d^-0.157, to 254 mm
    sigma'_a = 32 K_f M / (pi d^3),   sigma'_m = sqrt(3) 16 K_fs T / (pi d^3)
    1/n = sigma'_a/S_e + sigma'_m/S_ut            Goodman
    1/n = (sigma'_a/S_e) (1 + sqrt(1 + (2 sigma'_m S_e / (sigma'_a S_ut))^2)) / 2      Gerber
    1/n = sqrt((sigma'_a/S_e)^2 + (sigma'_m/S_y)^2)                                    ASME elliptic
    1/n = sigma'_a/S_e + sigma'_m/S_y             Soderberg

Source of the formulas: Budynas and Nisbett, Shigley's Mechanical Engineering Design, 6-9 and 7-4.
"""

import math
from typing import Any

SURFACE = {
    "ground": (1.58, -0.085),
    "machined": (4.51, -0.265),
    "hot-rolled": (57.7, -0.718),
    "forged": (272.0, -0.995),
}
RELIABILITY = {0.5: 1.0, 0.9: 0.897, 0.95: 0.868, 0.99: 0.814, 0.999: 0.753, 0.9999: 0.702}


def number(values: dict[str, Any], name: str, unit: str, above: float = -math.inf) -> float:
    """Return a field as a finite number above a limit."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a number in {unit}, got {value!r}")
    if value <= above:
        raise ValueError(f"{name}: expected a value above {above:g} {unit}, got {value!r}")
    return float(value)


def size_factor(diameter: float) -> float:
    """Return k_b of a rotating round bar, d in mm."""
    if not 2.79 <= diameter <= 254.0:
        raise ValueError(f"diameter_mm: expected 2.79 to 254 mm, got {diameter:g}")
    return (diameter / 7.62) ** -0.107 if diameter <= 51.0 else 1.51 * diameter**-0.157


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    section = inputs["section"]
    ultimate = number(inputs, "ultimate_mpa", "MPa", 0.0)
    strength = number(inputs, "yield_mpa", "MPa", 0.0)
    surface, reliability = inputs.get("surface"), inputs.get("reliability")
    if surface not in SURFACE:
        raise ValueError(f"surface: expected one of {', '.join(SURFACE)}, got {surface!r}")
    if reliability not in RELIABILITY:
        raise ValueError(f"reliability: expected one of {list(RELIABILITY)}, got {reliability!r}")
    diameter = number(section, "diameter_mm", "mm", 0.0)
    moment = number(section, "moment_n_mm", "N mm", 0.0)
    torque = abs(number(section, "torque_n_mm", "N mm"))

    a, b = SURFACE[surface]
    ka, kb = a * ultimate**b, size_factor(diameter)
    endurance = ka * kb * RELIABILITY[reliability] * min(0.5 * ultimate, 700.0)

    cube = math.pi * diameter**3
    amplitude = 32.0 * number(section, "kf", "(factor)", 0.0) * moment / cube
    mean = math.sqrt(3.0) * 16.0 * number(section, "kfs", "(factor)", 0.0) * torque / cube
    reversed_part = amplitude / endurance
    curve = math.sqrt(1.0 + (2.0 * mean * endurance / (amplitude * ultimate)) ** 2)
    result = {
        "name": section["name"],
        "surface_factor": ka,
        "size_factor": kb,
        "endurance_mpa": endurance,
        "amplitude_mpa": amplitude,
        "mean_mpa": mean,
        "goodman": 1.0 / (reversed_part + mean / ultimate),
        "gerber": 2.0 / (reversed_part * (1.0 + curve)),
        "asme_elliptic": 1.0 / math.hypot(reversed_part, mean / strength),
        "soderberg": 1.0 / (reversed_part + mean / strength),
        "yielding": strength / math.hypot(amplitude, mean),
        "yielding_quick": strength / (amplitude + mean),
    }
    print(f"{section['name']}: {mean:.1f} +- {amplitude:.1f} MPa, ", end="")
    print(f"Goodman {result['goodman']:.2f}, yielding {result['yielding']:.2f}")
    return result
