"""Reactions of the two bearings of a shaft, as simple supports.

Units: mm, N.

Inputs
    forces          a list of: name, position_mm (mm), y_n, z_n (N)
    bearings        two, each: name, position_mm (mm)

Results
    reactions       a list, in the order of the bearings: name, position_mm, y_n, z_n (what the
                    bearing does to the shaft, N), radial_n (its size, N)

    R_B = -sum F (x - x_A) / (x_B - x_A),   R_A = -sum F - R_B          in each plane

Source of the formulas: equilibrium of forces and of moments.
"""

import math
from typing import Any


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    forces, bearings = inputs["forces"], inputs["bearings"]
    if len(bearings) != 2 or bearings[0]["position_mm"] == bearings[1]["position_mm"]:
        raise ValueError("bearings: expected two, at different positions")
    first, second = (bearing["position_mm"] for bearing in bearings)
    sizes: dict[str, tuple[float, float]] = {}
    for plane in ("y_n", "z_n"):
        turning = sum(force[plane] * (force["position_mm"] - first) for force in forces)
        at_second = -turning / (second - first)
        sizes[plane] = (-sum(force[plane] for force in forces) - at_second, at_second)

    reactions = []
    for index, bearing in enumerate(bearings):
        y, z = sizes["y_n"][index], sizes["z_n"][index]
        print(f"{bearing['name']}: {y:.1f} N along y, {z:.1f} N along z")
        reactions.append(
            {
                "name": bearing["name"],
                "position_mm": bearing["position_mm"],
                "y_n": y,
                "z_n": z,
                "radial_n": math.hypot(y, z),
            }
        )
    return {"reactions": reactions}
