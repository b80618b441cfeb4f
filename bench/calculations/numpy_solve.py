import time

FIRST_LINE_NS = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
import sys  # noqa: E402

AHEAD = "numpy" in sys.modules  # imported before this code: the right zygote made the fork

import numpy as np  # noqa: E402


def calculate(inputs):
    stiffness = np.array([[4.0, 1.0], [1.0, 3.0]])
    moved = np.linalg.solve(stiffness, np.array([1.0, 2.0]))
    return {"first_line_ns": FIRST_LINE_NS, "ahead": AHEAD, "value": round(float(moved.sum()), 6)}
