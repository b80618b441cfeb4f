"""Torque in a shaft, and the forces that its spur gears put on it.

Units: kW, rev/min, mm, N; torque in N mm. The shaft lies along x; y and z are across it.

Inputs
    power_kw                   transmitted, kW
    speed_rpm                  of the shaft, rev/min
    pressure_angle_deg         of the gears, degrees
    gears                      a list of
        name
        position_mm            x of its middle, mm
        diameter_mm            of its pitch circle, mm
        torque_direction       1: it drives the shaft; -1: the shaft drives it
        tangential_direction   1 or -1: along or against z
        radial_direction       1 or -1: along or against y

Results
    torque_n_mm                in the shaft between the gears, N mm
    forces                     a list, in the order of the gears: name, position_mm, y_n, z_n (N),
                               torque_n_mm (what the gear adds to the torque in the shaft, N mm)

    T = P / omega,   W_t = 2 T / d,   W_r = W_t tan phi

Source of the formulas: Budynas and Nisbett, Shigley's Mechanical Engineering Design, 13-14.
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


def direction(gear: dict[str, Any], name: str) -> int:
    """Return a field that is 1 or -1."""
    value = gear.get(name)
    if value not in (1, -1):
        raise ValueError(f"{name}: expected 1 or -1, got {value!r}")
    return int(value)


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    speed = positive(inputs, "speed_rpm", "rev/min") * math.pi / 30.0
    torque = positive(inputs, "power_kw", "kW") * 1e6 / speed
    slope = math.tan(math.radians(positive(inputs, "pressure_angle_deg", "degrees")))
    forces = []
    for gear in inputs["gears"]:
        tangential = 2.0 * torque / positive(gear, "diameter_mm", "mm")
        radial = tangential * slope
        print(f"{gear['name']}: W_t = {tangential:.1f} N, W_r = {radial:.1f} N")
        forces.append(
            {
                "name": gear["name"],
                "position_mm": positive(gear, "position_mm", "mm"),
                "y_n": direction(gear, "radial_direction") * radial,
                "z_n": direction(gear, "tangential_direction") * tangential,
                "torque_n_mm": direction(gear, "torque_direction") * torque,
            }
        )
    if abs(sum(force["torque_n_mm"] for force in forces)) > 1e-9 * torque:
        raise ValueError("torque_direction: what comes into the shaft does not leave it")
    return {"torque_n_mm": torque, "forces": forces}
