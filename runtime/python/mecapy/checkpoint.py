"""The state of a long calculation, kept so that it can be taken up again.

>>> from mecapy import checkpoint                               # doctest: +SKIP
>>> def calculate(inputs):                                      # doctest: +SKIP
...     state = checkpoint.load({"step": 0, "total": 0.0})
...     while state["step"] < inputs["steps"]:
...         state["total"] += 1 / (state["step"] + 1) ** 2
...         state["step"] += 1
...         checkpoint.save(state, every="1 min")
...     return state["total"]

On the platform the state is given back to the next attempt of the same run, after the platform
failed or when the run moved to a machine of its own; to no other run. With the run it ends. On a
machine of one's own nothing is kept, unless the variable ``MECAPY_CHECKPOINT`` names a file.
"""

from mecapy._checkpoint import load, save

__all__ = ["load", "save"]
