"""Transient heat conduction in a bar with a swinging end temperature: NAFEMS benchmark T3.

Units: SI (m, s, kg, W, K), temperatures in degrees Celsius.

    rho c dT/dt = k d2T/dx2
    T(0, t) = 0                                end A
    T(L, t) = T_amp sin(2 pi t / period)       end B
    T(x, 0) = 0

Method: linear finite elements with consistent capacity, Crank-Nicolson steps

    (C/dt + K/2) T_new = (C/dt - K/2) T_old

with the end temperatures imposed at both times; the tridiagonal system is solved with
scipy.linalg.solve_banded.

Source of the benchmark: NAFEMS, The Standard NAFEMS Benchmarks, TNSB, Rev. 3, 1990, test T3.
"""

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import solve_banded


def positive(inputs: dict[str, Any], name: str, unit: str) -> float:
    """Return a field as a finite number above zero."""
    value = inputs.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a number in {unit}, got {value!r}")
    if value <= 0:
        raise ValueError(f"{name}: expected a value above 0 {unit}, got {value!r}")
    return float(value)


def count(inputs: dict[str, Any], name: str, minimum: int, maximum: int) -> int:
    """Return a field as a whole number in a range."""
    value = inputs.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise ValueError(
            f"{name}: expected a whole number from {minimum} to {maximum}, got {value!r}"
        )
    return value


def apply_tridiagonal(side: float, middle: float, values: np.ndarray) -> np.ndarray:
    """Return the product of the uniform tridiagonal matrix with the inner rows of a vector."""
    return side * values[:-2] + middle * values[1:-1] + side * values[2:]


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    length = positive(inputs, "length_m", "m")
    conductivity = positive(inputs, "conductivity_w_mk", "W/(m K)")
    capacity = positive(inputs, "density_kg_m3", "kg/m3") * positive(
        inputs, "specific_heat_j_kgk", "J/(kg K)"
    )
    amplitude = positive(inputs, "amplitude_c", "degC")
    period = positive(inputs, "period_s", "s")
    end_time = positive(inputs, "end_time_s", "s")
    probe = positive(inputs, "probe_m", "m")
    if probe > length:
        raise ValueError(f"probe_m: expected at most length_m = {length:g} m, got {probe!r}")
    elements = count(inputs, "elements", 2, 2000)
    steps = count(inputs, "steps", 1, 20000)

    # Rows of the assembled matrices at an inner node: (side, middle, side)
    h, dt = length / elements, end_time / steps
    c_side, c_middle = capacity * h / 6.0 / dt, capacity * h * 4.0 / 6.0 / dt
    k_side, k_middle = -conductivity / h / 2.0, 2.0 * conductivity / h / 2.0
    inner = elements - 1
    banded = np.empty((3, inner))
    banded[0], banded[1], banded[2] = c_side + k_side, c_middle + k_middle, c_side + k_side

    x = np.linspace(0.0, length, elements + 1)
    times = np.linspace(0.0, end_time, steps + 1)
    driven = amplitude * np.sin(2.0 * math.pi * times / period)
    temperature = np.zeros(elements + 1)
    history = np.zeros(steps + 1)
    for step in range(steps):
        right = apply_tridiagonal(c_side - k_side, c_middle - k_middle, temperature)
        right[-1] -= (c_side + k_side) * driven[step + 1]
        temperature[1:-1] = solve_banded((1, 1), banded, right)
        temperature[-1] = driven[step + 1]
        history[step + 1] = np.interp(probe, x, temperature)

    print(f"{elements} elements, {steps} steps of {dt:g} s")
    print(f"T({probe:g} m, {end_time:g} s) = {history[-1]:.3f} degC")

    # Left open on purpose: the platform keeps open figures as artifacts of the run.
    figure, axes = plt.subplots(figsize=(7.0, 4.5), layout="constrained")
    axes.plot(times, driven, label=f"x = {length:g} m (driven end)")
    axes.plot(times, history, label=f"x = {probe:g} m")
    axes.set_xlabel("time [s]")
    axes.set_ylabel("temperature [degC]")
    axes.grid(True, alpha=0.3)
    axes.legend()

    return {
        "probe_temperature_c": float(history[-1]),
        "time_s": times,
        "probe_history_c": history,
        "x_m": x,
        "profile_c": temperature,
    }
