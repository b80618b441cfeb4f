"""Natural frequencies of a cantilever: Euler-Bernoulli beam elements.

Units: SI (m, kg, s, Pa), frequencies in Hz.

Two-node Hermite elements with consistent mass; generalised eigenvalue problem

    K v = omega^2 M v,   f = omega / (2 pi)

Exact solution of the clamped-free beam, for comparison:

    omega_n = (beta_n L)^2 sqrt(E I / (rho A L^4)),   1 + cos(beta_n L) cosh(beta_n L) = 0

Source of the roots beta_n L: W. T. Thomson, Theory of Vibration with Applications, 4th ed.,
Appendix D.3, clamped-free beam.
"""

import math
from typing import Any

import numpy as np
from scipy.linalg import eigh


def positive(inputs: dict[str, Any], name: str, unit: str) -> float:
    """Return a field as a finite number above zero."""
    value = inputs.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a number in {unit}, got {value!r}")
    if value <= 0:
        raise ValueError(f"{name}: expected a value above 0 {unit}, got {value!r}")
    return float(value)


def count(inputs: dict[str, Any], name: str, maximum: int) -> int:
    """Return a field as a whole number from 1 to the maximum."""
    value = inputs.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= maximum:
        raise ValueError(f"{name}: expected a whole number from 1 to {maximum}, got {value!r}")
    return value


def element_matrices(length: float, ei: float, rho_a: float) -> tuple[np.ndarray, np.ndarray]:
    """Return stiffness and consistent mass of one element; freedoms w1, theta1, w2, theta2."""
    h = length
    stiffness = (
        ei
        / h**3
        * np.array(
            [
                [12, 6 * h, -12, 6 * h],
                [6 * h, 4 * h**2, -6 * h, 2 * h**2],
                [-12, -6 * h, 12, -6 * h],
                [6 * h, 2 * h**2, -6 * h, 4 * h**2],
            ]
        )
    )
    mass = (
        rho_a
        * h
        / 420.0
        * np.array(
            [
                [156, 22 * h, 54, -13 * h],
                [22 * h, 4 * h**2, 13 * h, -3 * h**2],
                [54, 13 * h, 156, -22 * h],
                [-13 * h, -3 * h**2, -22 * h, 4 * h**2],
            ]
        )
    )
    return stiffness, mass


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    length = positive(inputs, "length_m", "m")
    width = positive(inputs, "width_m", "m")
    height = positive(inputs, "height_m", "m")
    young = positive(inputs, "young_pa", "Pa")
    density = positive(inputs, "density_kg_m3", "kg/m3")
    elements = count(inputs, "elements", 200)
    modes = count(inputs, "modes", 2 * elements)

    area = width * height
    inertia = width * height**3 / 12.0
    ei, rho_a = young * inertia, density * area

    stiffness_e, mass_e = element_matrices(length / elements, ei, rho_a)
    size = 2 * (elements + 1)
    stiffness, mass = np.zeros((size, size)), np.zeros((size, size))
    for element in range(elements):
        dofs = slice(2 * element, 2 * element + 4)
        stiffness[dofs, dofs] += stiffness_e
        mass[dofs, dofs] += mass_e

    # Clamped end: deflection and rotation of the first node are zero.
    eigenvalues, vectors = eigh(stiffness[2:, 2:], mass[2:, 2:], subset_by_index=[0, modes - 1])
    omega = np.sqrt(eigenvalues)
    frequencies = omega / (2.0 * math.pi)
    parameter = omega / math.sqrt(ei / (rho_a * length**4))  # (beta L)^2

    # Mode shapes: deflection at the nodes, scaled to a tip deflection of 1.
    shapes = np.vstack([np.zeros(modes), vectors[0::2]])
    shapes = shapes / shapes[-1]

    print(f"{elements} beam elements, {size - 2} degrees of freedom")
    for mode in range(modes):
        print(
            f"mode {mode + 1}: f = {frequencies[mode]:10.3f} Hz, "
            f"beta L = {math.sqrt(parameter[mode]):.5f}"
        )
    return {
        "frequencies_hz": frequencies.tolist(),
        "beta_l": np.sqrt(parameter).tolist(),
        "beta_l_squared": parameter.tolist(),
        "mode_shapes": shapes.T,
    }
