"""A calculation that does what runs of its zygote's kind have in common, and little more.

A copy of a zygote runs it, to see which memory runs write. Every sandbox then copies that memory
while it waits: what this wrote beyond it would be copied in vain by most.
"""

from __future__ import annotations

import math
import sys
from typing import Any


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    """Calculate, print, and answer with numbers of each sort."""
    stress = inputs["force"] / inputs["section"]
    values = [math.sqrt(stress * i) for i in range(20)]
    print(f"stress {stress:.2f}")
    result: dict[str, Any] = {
        "stress": stress,
        "values": values,
        "fits": stress < 200.0,
        "name": inputs["name"],
    }
    if "numpy" in sys.modules:
        import numpy as np

        result["mean"] = float((2.0 * np.array(values)).mean())
    return result
