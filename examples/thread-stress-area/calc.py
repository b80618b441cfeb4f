"""Nominal tensile stress area of ISO metric screw threads.

Units: mm, mm2.

Source of the formula: ISO 898-1 (nominal stress area), with the basic dimensions of ISO 724:

    H  = sqrt(3)/2 P             height of the fundamental triangle
    d2 = d - 2 * 3/8 H           basic pitch diameter
    d1 = d - 2 * 5/8 H           basic minor diameter
    d3 = d1 - H/6                minor diameter for the stress area
    As = pi/4 ((d2 + d3)/2)^2    nominal stress area

A thread is written as in ISO 965-1: "M10" (coarse pitch, ISO 261) or "M10x1.25" (fine pitch).
"""

import math
import re
from typing import Any

# Coarse pitches in mm of the preferred diameters in mm: ISO 261, first and second choice.
COARSE_PITCH = {
    1.6: 0.35, 2.0: 0.4, 2.5: 0.45, 3.0: 0.5, 3.5: 0.6, 4.0: 0.7, 5.0: 0.8, 6.0: 1.0,
    7.0: 1.0, 8.0: 1.25, 10.0: 1.5, 12.0: 1.75, 14.0: 2.0, 16.0: 2.0, 18.0: 2.5, 20.0: 2.5,
    22.0: 2.5, 24.0: 3.0, 27.0: 3.0, 30.0: 3.5, 33.0: 3.5, 36.0: 4.0, 39.0: 4.0,
}  # fmt: skip

DESIGNATION = re.compile(r"M(\d+(?:\.\d+)?)(?:\s*[xX\u00d7]\s*(\d+(?:\.\d+)?))?")


def parse_thread(designation: Any) -> tuple[float, float]:
    """Return the nominal diameter and the pitch, both in mm."""
    match = DESIGNATION.fullmatch(designation.strip()) if isinstance(designation, str) else None
    if match is None:
        raise ValueError(f"threads: {designation!r} is not a thread such as 'M10' or 'M10x1.25'")
    diameter = float(match[1])
    if match[2] is not None:
        pitch = float(match[2])
    elif diameter in COARSE_PITCH:
        pitch = COARSE_PITCH[diameter]
    else:
        raise ValueError(
            f"threads: {designation!r} has no coarse pitch in ISO 261; give the pitch in mm"
        )
    if not 0.0 < pitch < diameter / 2.0:
        raise ValueError(f"threads: {designation!r} has a pitch in mm out of range")
    return diameter, pitch


def stress_area(diameter: float, pitch: float) -> dict[str, float]:
    """Return the diameters in mm and the nominal stress area in mm2 of one thread."""
    height = math.sqrt(3.0) / 2.0 * pitch
    d2 = diameter - 0.75 * height
    d1 = diameter - 1.25 * height
    d3 = d1 - height / 6.0
    area = math.pi / 4.0 * ((d2 + d3) / 2.0) ** 2
    return {"d2_mm": d2, "d3_mm": d3, "stress_area_mm2": area}


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    threads = inputs.get("threads")
    if not isinstance(threads, list) or not threads:
        raise ValueError("threads: expected a list of threads such as ['M10', 'M10x1.25']")
    rows = []
    print("thread          d2 [mm]   d3 [mm]   As [mm2]")
    for designation in threads:
        diameter, pitch = parse_thread(designation)
        row = stress_area(diameter, pitch)
        print(
            f"{designation:<12} {row['d2_mm']:10.3f}{row['d3_mm']:10.3f}"
            f"{row['stress_area_mm2']:11.3f}"
        )
        rows.append({"thread": designation, "diameter_mm": diameter, "pitch_mm": pitch, **row})
    return {"threads": rows}
