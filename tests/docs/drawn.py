"""Calls a calculation that draws, and tells what it drew: the lines of each of its axes.

As a program it reads ``{"file", "inputs"}`` from standard input, and writes a list of axes:
``{"axes", "lines": [{"label", "x", "y"}]}``; what the calculation prints goes to standard error.
It needs nothing of the tests, so the Python that calculations have can run it.
"""

import contextlib
import importlib
import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    given = json.load(sys.stdin)
    chain = importlib.import_module("chain")  # beside this file
    kept: list[Any] = []
    figures: Any = importlib.import_module("matplotlib.figure").Figure
    figures.savefig = lambda self, *_, **__: kept.append(self)
    with contextlib.redirect_stdout(sys.stderr):
        chain.load(Path(given["file"]))(given["inputs"])
    [figure] = kept
    json.dump([lines_of(axes) for axes in figure.axes], sys.stdout)


def lines_of(axes: Any) -> dict[str, Any]:
    lines = [
        {"label": line.get_label(), "x": list(line.get_xdata()), "y": list(line.get_ydata())}
        for line in axes.lines
    ]
    return {"axes": axes.get_ylabel(), "lines": lines}


if __name__ == "__main__":
    main()
