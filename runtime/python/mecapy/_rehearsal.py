"""A calculation like many others. A copy of a zygote runs it, to see which memory runs write."""

from __future__ import annotations

import math
import sys
from typing import Any


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    """Use a little of whatever this zygote has imported."""
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

        x = np.linspace(0.0, 1.0, 50)
        deflection = x**2 * (3.0 - x) / 6.0
        result["deflection"] = float(np.interp(0.3, x, deflection))
        result["modes"] = np.sqrt(np.linalg.eigvalsh(np.diag([2.0, 3.0]) - 0.5))
    if "scipy.integrate" in sys.modules:
        from scipy import integrate  # type: ignore[import-untyped]

        result["area"] = integrate.quad(math.cos, 0.0, 1.0)[0]
    if "pandas" in sys.modules:
        import pandas as pd  # type: ignore[import-untyped]

        result["load"] = float(pd.DataFrame({"load": [1.0, 2.0, 3.0]})["load"].max())
    return result
