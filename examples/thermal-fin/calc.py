"""Straight fins of uniform section (pin fins): heat rate, temperature, efficiency.

Units: SI (m, W, K), temperatures in degrees Celsius.

    m     = sqrt(h P / (k A)),  M = sqrt(h P k A) theta_b,  theta = T - T_fluid
    r     = h / (m k)                                   tip convection over conduction

    convective tip    q = M (sinh mL + r cosh mL) / (cosh mL + r sinh mL)
                      theta/theta_b = (cosh m(L-x) + r sinh m(L-x)) / (cosh mL + r sinh mL)
    adiabatic tip     the same with r = 0:  q = M tanh mL
    infinite fin      q = M;  within 1 % from mL = 2.65 on, where tanh mL = 0.99

Source of the formulas: Incropera and DeWitt, Fundamentals of Heat and Mass Transfer, table 3.4.
"""

import math
from typing import Any

import numpy as np

INFINITE_ML = 2.65  # tanh(2.65) = 0.99


def number(fin: dict[str, Any], label: str, name: str, unit: str) -> float:
    """Return a field of a fin as a finite number."""
    value = fin.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{label}.{name}: expected a number in {unit}, got {value!r}")
    return float(value)


def positive(fin: dict[str, Any], label: str, name: str, unit: str) -> float:
    """Return a field of a fin as a finite number above zero."""
    value = number(fin, label, name, unit)
    if value <= 0.0:
        raise ValueError(f"{label}.{name}: expected a value above 0 {unit}, got {value!r}")
    return value


def temperature_ratio(ml: float, tip: float, position: np.ndarray) -> np.ndarray:
    """Return theta/theta_b at x/L; written with exponentials that cannot overflow."""
    # cosh u + r sinh u = e^u ((1 + r) + (1 - r) e^-2u) / 2
    u = ml * (1.0 - position)
    upper = (1.0 + tip) + (1.0 - tip) * np.exp(-2.0 * u)
    lower = (1.0 + tip) + (1.0 - tip) * math.exp(-2.0 * ml)
    return np.exp(-ml * position) * upper / lower


def solve(fin: dict[str, Any], label: str) -> dict[str, Any]:
    """Return the solution of one pin fin."""
    diameter = positive(fin, label, "diameter_m", "m")
    length = positive(fin, label, "length_m", "m")
    conductivity = positive(fin, label, "conductivity_w_mk", "W/(m K)")
    film = positive(fin, label, "film_coefficient_w_m2k", "W/(m2 K)")
    base = number(fin, label, "base_temperature_c", "degC")
    fluid = number(fin, label, "fluid_temperature_c", "degC")

    perimeter = math.pi * diameter
    area = math.pi / 4.0 * diameter**2
    m = math.sqrt(film * perimeter / (conductivity * area))
    ml = m * length
    tip = film / (m * conductivity)
    excess = base - fluid
    infinite = math.sqrt(film * perimeter * conductivity * area) * excess
    heat = infinite * (math.tanh(ml) + tip) / (1.0 + tip * math.tanh(ml))
    ideal = film * (perimeter * length + area) * excess

    position = np.linspace(0.0, 1.0, 21)
    profile = fluid + excess * temperature_ratio(ml, tip, position)
    adiabatic = fluid + excess * temperature_ratio(ml, 0.0, np.array([1.0]))[0]
    name = str(fin.get("name", label))
    print(
        f"{name}: mL = {ml:.3f}, q = {heat:.3f} W (infinite {infinite:.3f} W), "
        f"tip at {profile[-1]:.2f} degC"
    )
    return {
        "name": name,
        "m_per_m": m,
        "ml": ml,
        "heat_rate_w": heat,
        "heat_rate_adiabatic_tip_w": infinite * math.tanh(ml),
        "heat_rate_infinite_w": infinite,
        "infinite_length_m": INFINITE_ML / m,
        "tip_temperature_c": float(profile[-1]),
        "tip_temperature_adiabatic_c": float(adiabatic),
        "efficiency": heat / ideal if excess != 0.0 else None,
        "effectiveness": heat / (film * area * excess) if excess != 0.0 else None,
        "x_m": (position * length).tolist(),
        "temperature_c": profile.tolist(),
    }


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    fins = inputs.get("fins")
    if not isinstance(fins, list) or not fins or not all(isinstance(f, dict) for f in fins):
        raise ValueError("fins: expected a list of fins")
    return {"fins": [solve(fin, f"fins[{index}]") for index, fin in enumerate(fins)]}
