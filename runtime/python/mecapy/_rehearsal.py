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

        stiffness = np.array([[4.0, 1.0], [1.0, 3.0]])
        moved = np.linalg.solve(stiffness, np.array([1.0, 2.0]))
        x = np.linspace(0.0, 1.0, 50)
        result["moved"] = moved
        result["peak"] = float(np.sin(x).max())
    if "scipy.optimize" in sys.modules:
        from scipy import optimize  # type: ignore[import-untyped]

        result["root"] = optimize.brentq(lambda y: y * y - 2.0, 0.0, 2.0)
    if "pandas" in sys.modules:
        import pandas as pd  # type: ignore[import-untyped]

        result["mean"] = float(pd.Series([1.0, 2.0, 3.0]).mean())
    if "matplotlib.pyplot" in sys.modules:
        import matplotlib.pyplot as plt

        result["red"] = plt.get_cmap("viridis")(0.0)[0]
    return result
