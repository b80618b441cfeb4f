"""Fatigue crack growth in a bar in bending, step by step, until it breaks: Paris' law.

Units: inches, kpsi, kpsi sqrt(in), cycles, as in the source.

    da/dN = C (beta Ds sqrt(pi a))^m
    a_c = (K_Ic / (beta Ds))^2 / pi        the crack at which the bar breaks
    Ds = 6 M / (b h^2)                     the range of a repeated moment, 0 to M

Method: fourth-order Runge-Kutta steps of `step_cycles` cycles each; the last one is cut where the
crack reaches a_c.

Fine steps take long, so the state (step, crack, history) is saved now and then: after a fault of
the platform the calculation goes on from there, and ends with the same numbers to the last bit.

Source: Budynas and Nisbett, Shigley's Mechanical Engineering Design, 8th ed., Example 6-6.
"""

import math
from typing import Any

import numpy as np
from mecapy import checkpoint, progress

LOOK = 2000  # steps between two looks at the clock


def positive(inputs: dict[str, Any], name: str) -> float:
    """Return a field as a finite number above zero."""
    value = inputs.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a number, got {value!r}")
    if value <= 0:
        raise ValueError(f"{name}: expected a value above 0, got {value!r}")
    return float(value)


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    stress = 6.0 * positive(inputs, "moment_kip_in") / positive(inputs, "width_in")
    stress /= positive(inputs, "height_in") ** 2
    geometry = positive(inputs, "beta")
    toughness = positive(inputs, "toughness_kpsi_sqrt_in")
    exponent = positive(inputs, "m")
    step = positive(inputs, "step_cycles")
    first = positive(inputs, "crack_in")
    critical = (toughness / (geometry * stress)) ** 2 / math.pi
    if first >= critical:
        raise ValueError(f"crack_in: the bar breaks at {critical:g} in already, got {first!r}")
    factor = positive(inputs, "c") * (geometry * stress * math.sqrt(math.pi)) ** exponent
    half = exponent / 2.0

    def growth(crack: float) -> float:
        """Return da/dN, in a cycle."""
        return factor * crack**half

    state = checkpoint.load({"steps": 0, "crack": first, "history": np.array([first])})
    print(f"begins at step {state['steps']}")
    steps, crack = state["steps"], state["crack"]
    history = list(state["history"])
    while True:
        k1 = growth(crack)
        k2 = growth(crack + step / 2.0 * k1)
        k3 = growth(crack + step / 2.0 * k2)
        k4 = growth(crack + step * k3)
        grown = crack + step / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        if grown >= critical:
            break
        crack = grown
        steps += 1
        if steps % LOOK == 0:
            history.append(crack)
            progress((crack - first) / (critical - first), f"{steps * step:.0f} cycles")
            state = {"steps": steps, "crack": crack, "history": np.array(history)}
            checkpoint.save(state, every=inputs.get("save_every", "1 min"))
    cycles = step * (steps + (critical - crack) / (grown - crack))
    return {
        "stress_range_kpsi": stress,
        "critical_crack_in": critical,
        "cycles": cycles,
        "steps": steps,
        "history_in": np.array(history),
    }
