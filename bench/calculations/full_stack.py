import time

FIRST_LINE_NS = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
import sys  # noqa: E402

AHEAD = "matplotlib.pyplot" in sys.modules

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from scipy import optimize  # noqa: E402


def calculate(inputs):
    root = optimize.brentq(lambda x: x * x - 2.0, 0.0, 2.0)
    loads = pd.Series(np.array([1.0, 2.0, 3.0]))
    red = plt.get_cmap("viridis")(0.0)[0]
    value = round(float(root + loads.mean() + red), 6)
    return {"first_line_ns": FIRST_LINE_NS, "ahead": AHEAD, "value": value}
