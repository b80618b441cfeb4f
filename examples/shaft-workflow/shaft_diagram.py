"""Draws shear force, bending moment and torque along a shaft, into shear-moment.png.

Units: mm, N, N mm; drawn in kN and N m.

Inputs
    forces          a list of: name, position_mm (mm), y_n, z_n (N), torque_n_mm (N mm)
    reactions       those of bearing_reactions.py
    sections        a list of: name, position_mm (mm), moment_n_mm (N mm); they are marked

Results
    figure          the name of the file
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

FIGURE = "shear-moment.png"


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    forces = [*inputs["forces"], *inputs["reactions"]]
    forces.sort(key=lambda force: force["position_mm"])
    places = np.array([force["position_mm"] for force in forces])
    # Each place twice, so that what jumps there is drawn upright.
    x = np.repeat(places, 2)
    passed = np.arange(len(forces)) < np.repeat(np.arange(len(forces)), 2)[:, None]
    passed[1::2] |= np.eye(len(forces), dtype=bool)

    def along(name: str) -> np.ndarray:
        return passed @ np.array([force.get(name, 0.0) for force in forces])

    def moment(name: str) -> np.ndarray:
        sizes = np.array([force[name] for force in forces])
        return np.maximum(x[:, None] - places, 0.0) @ sizes

    figure, (shears, moments, torques) = plt.subplots(
        3, 1, figsize=(8.0, 8.0), sharex=True, layout="constrained", height_ratios=(3, 4, 2)
    )
    for name, label in (("y_n", "along y"), ("z_n", "along z")):
        shears.plot(x, along(name) / 1000.0, label=label)
        moments.plot(x, moment(name) / 1000.0, label=f"of the forces {label}")
    fine = np.unique(np.concatenate([x, np.linspace(x[0], x[-1], 200)]))
    # Each plane's is straight between two forces; their resultant is not.
    planes = [np.interp(fine, x, moment(name)) for name in ("y_n", "z_n")]
    total = np.hypot(*planes)
    moments.plot(fine, total / 1000.0, "k", label="resultant")
    top = fine[np.argmax(total)]
    for index, section in enumerate(inputs["sections"]):
        place = (section["position_mm"], section["moment_n_mm"] / 1000.0)
        moments.plot(*place, "ko", markersize=4)
        # Outside of the curve; every other one is higher, as some lie close together.
        side, aligned = (-6, "right") if place[0] < top else (6, "left")
        moments.annotate(
            section["name"],
            place,
            (side, 2 + 12 * (index % 2)),
            textcoords="offset points",
            ha=aligned,
            fontsize=8,
        )
    torques.plot(x, along("torque_n_mm") / 1000.0, "k")
    shears.set_ylabel("shear force [kN]")
    moments.set_ylabel("bending moment [N m]")
    torques.set_ylabel("torque [N m]")
    torques.set_xlabel("x [mm]")
    for axes in (shears, moments, torques):
        axes.margins(x=0.08)
        axes.grid(True, alpha=0.3)
        axes.set_xticks(places, [f"{place:g}" for place in places])
    shears.legend()
    moments.legend()
    names = shears.secondary_xaxis("top")
    names.set_xticks(places, [force["name"] for force in forces])
    figure.savefig(FIGURE, dpi=120)
    plt.close(figure)
    return {"figure": FIGURE}
