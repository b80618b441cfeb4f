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
    if "scipy.integrate" in sys.modules:
        from scipy import integrate  # type: ignore[import-untyped]

        x = np.linspace(0.0, 1.0, 50)
        deflection = x**2 * (3.0 - x) / 6.0
        result["deflection"] = float(np.interp(0.3, x, deflection))
        result["area"] = integrate.quad(math.cos, 0.0, 1.0)[0]
    if "pandas" in sys.modules:
        import pandas as pd  # type: ignore[import-untyped]

        result["load"] = float(pd.DataFrame({"load": [1.0, 2.0, 3.0]})["load"].max())
    return result
