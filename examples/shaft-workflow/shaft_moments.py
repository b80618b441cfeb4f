"""Shear force, bending moment and torque of a shaft at its sections, and the largest moment.

Units: mm, N, N mm.

Inputs
    forces                a list of: name, position_mm (mm), y_n, z_n (N), torque_n_mm (N mm)
    reactions             those of bearing_reactions.py
    sections              a list of: name, position_mm (mm), and whatever else belongs to a section

Results
    sections              each as it was given, and: shear_n (N), moment_n_mm, moment_y_n_mm,
                          moment_z_n_mm (N mm), torque_n_mm (N mm)
    at_forces             the same at each force and bearing: name, position_mm, moment_n_mm, ...;
                          shear and torque are those to the left of it
    largest               that of at_forces with the largest moment

    V(x) = sum F,   M(x) = sum F (x - x_F),   T(x) = sum T_F            over what is left of x
    M = sqrt(M_y^2 + M_z^2)                   M_y from the forces along y, M_z from those along z

Source of the formulas: Budynas and Nisbett, Shigley's Mechanical Engineering Design, 3-2 and 3-10.
"""

import math
from typing import Any


def at(x: float, forces: list[dict[str, Any]]) -> dict[str, float]:
    """Return what the shaft carries at x."""
    left = [force for force in forces if force["position_mm"] < x]
    shear = [sum(force[plane] for force in left) for plane in ("y_n", "z_n")]
    moment = [
        sum(force[plane] * (x - force["position_mm"]) for force in left) for plane in ("y_n", "z_n")
    ]
    return {
        "shear_n": math.hypot(*shear),
        "moment_n_mm": math.hypot(*moment),
        "moment_y_n_mm": moment[0],
        "moment_z_n_mm": moment[1],
        "torque_n_mm": sum(force.get("torque_n_mm", 0.0) for force in left),
    }


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    forces = [*inputs["forces"], *inputs["reactions"]]
    at_forces = [
        {"name": force["name"], "position_mm": force["position_mm"]}
        | at(force["position_mm"], forces)
        for force in sorted(forces, key=lambda force: force["position_mm"])
    ]
    sections = [section | at(section["position_mm"], forces) for section in inputs["sections"]]
    for section in sections:
        print(f"{section['name']}: M = {section['moment_n_mm'] / 1000.0:.1f} N m, ", end="")
        print(f"T = {section['torque_n_mm'] / 1000.0:.1f} N m")
    return {
        "sections": sections,
        "at_forces": at_forces,
        "largest": max(at_forces, key=lambda force: force["moment_n_mm"]),
    }
