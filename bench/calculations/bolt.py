def calculate(inputs):
    import numpy as np  # noqa: F401

    force = inputs["force"]
    section = inputs["section"]
    return {"stress": force / section}
