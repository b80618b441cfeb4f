"""Elliptic membrane under outward pressure: NAFEMS benchmark LE1, plane stress.

Units: mm, N, MPa.

A quarter of a membrane between two ellipses, centred on the origin:

    inner edge   (x/a1)^2 + (y/b1)^2 = 1      free
    outer edge   (x/a2)^2 + (y/b2)^2 = 1      outward pressure p
    y = 0        u_y = 0                      symmetry
    x = 0        u_x = 0                      symmetry

The result is the stress sigma_yy at point D = (a1, 0), the tip of the inner ellipse.

Method: eight-node serendipity elements, 3 x 3 Gauss points, sparse direct solution, on a
sequence of refined meshes. The stress at a node is the mean of the stresses that the elements
around it have there.

Source of the benchmark: NAFEMS, The Standard NAFEMS Benchmarks, TNSB, Rev. 3, 1990, test LE1.
"""

import math
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve

try:  # the platform shows the progress of the run; on a laptop it is part of the log
    from mecapy import progress  # type: ignore
except ImportError:

    def progress(fraction: float, message: str) -> None:
        print(f"{100.0 * fraction:3.0f} % {message}")


# Natural coordinates of the nodes: corners, then mid-sides, both anticlockwise.
NODE_XI = np.array([-1.0, 1.0, 1.0, -1.0, 0.0, 1.0, 0.0, -1.0])
NODE_ETA = np.array([-1.0, -1.0, 1.0, 1.0, -1.0, 0.0, 1.0, 0.0])
GAUSS_3 = np.array([-math.sqrt(0.6), 0.0, math.sqrt(0.6)])
WEIGHT_3 = np.array([5.0, 8.0, 5.0]) / 9.0


def positive(inputs: dict[str, Any], name: str, unit: str) -> float:
    """Return a field as a finite number above zero."""
    value = inputs.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a number in {unit}, got {value!r}")
    if value <= 0:
        raise ValueError(f"{name}: expected a value above 0 {unit}, got {value!r}")
    return float(value)


def shape_derivatives(xi: float, eta: float) -> np.ndarray:
    """Return the derivatives (2, 8) of the serendipity shape functions."""
    out = np.empty((2, 8))
    x, e = NODE_XI[:4], NODE_ETA[:4]
    out[0, :4] = 0.25 * x * (1 + e * eta) * (2 * x * xi + e * eta)
    out[1, :4] = 0.25 * e * (1 + x * xi) * (2 * e * eta + x * xi)
    for node in (4, 6):
        out[0, node] = -xi * (1 + NODE_ETA[node] * eta)
        out[1, node] = 0.5 * NODE_ETA[node] * (1 - xi**2)
    for node in (5, 7):
        out[0, node] = 0.5 * NODE_XI[node] * (1 - eta**2)
        out[1, node] = -eta * (1 + NODE_XI[node] * xi)
    return out


def quarter_mesh(
    inner: tuple[float, float], outer: tuple[float, float], radial: int, angular: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the coordinates, the elements (n, 8) and the grid of node numbers.

    The first grid axis goes from the inner to the outer edge, the second from y = 0 to x = 0.
    """
    grid = np.full((2 * radial + 1, 2 * angular + 1), -1)
    used = np.ones(grid.shape, dtype=bool)
    used[1::2, 1::2] = False  # a serendipity element has no centre node
    grid[used] = np.arange(used.sum())
    rows, columns = np.nonzero(used)
    share = rows / (2.0 * radial)
    angle = columns / (2.0 * angular) * math.pi / 2.0
    x = (inner[0] + (outer[0] - inner[0]) * share) * np.cos(angle)
    y = (inner[1] + (outer[1] - inner[1]) * share) * np.sin(angle)
    i, j = (2 * index.ravel() for index in np.mgrid[0:radial, 0:angular])
    elements = np.stack(
        [
            grid[i, j], grid[i + 2, j], grid[i + 2, j + 2], grid[i, j + 2],
            grid[i + 1, j], grid[i + 2, j + 1], grid[i + 1, j + 2], grid[i, j + 1],
        ],
        axis=1,
    )  # fmt: skip
    return np.column_stack([x, y]), elements, grid


def strain_matrix(points: np.ndarray, xi: float, eta: float) -> tuple[np.ndarray, np.ndarray]:
    """Return B (n, 3, 16) and det J (n,) of all elements at one natural point."""
    derivatives = shape_derivatives(xi, eta)
    jacobian = derivatives @ points
    gradient = np.linalg.solve(jacobian, np.broadcast_to(derivatives, (len(points), 2, 8)))
    b = np.zeros((len(points), 3, 16))
    b[:, 0, 0::2] = b[:, 2, 1::2] = gradient[:, 0]
    b[:, 1, 1::2] = b[:, 2, 0::2] = gradient[:, 1]
    return b, np.linalg.det(jacobian)


def solve(
    inputs: dict[str, Any], radial: int, angular: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return coordinates, node numbers of the grid, displacements and nodal stresses."""
    young = positive(inputs, "young_mpa", "MPa")
    poisson = positive(inputs, "poisson", "(-)")
    if poisson >= 0.5:
        raise ValueError("poisson: expected less than 0.5 (-)")
    thickness = positive(inputs, "thickness_mm", "mm")
    pressure = positive(inputs, "pressure_mpa", "MPa")
    inner = (positive(inputs, "inner_x_mm", "mm"), positive(inputs, "inner_y_mm", "mm"))
    outer = (positive(inputs, "outer_x_mm", "mm"), positive(inputs, "outer_y_mm", "mm"))
    if outer[0] <= inner[0] or outer[1] <= inner[1]:
        raise ValueError("outer_x_mm, outer_y_mm: expected more than the inner ellipse, in mm")

    xy, elements, grid = quarter_mesh(inner, outer, radial, angular)
    points = xy[elements]
    law = (
        young
        / (1 - poisson**2)
        * np.array([[1, poisson, 0], [poisson, 1, 0], [0, 0, (1 - poisson) / 2]])
    )

    # Stiffness
    stiffness = np.zeros((len(elements), 16, 16))
    for xi, weight_xi in zip(GAUSS_3, WEIGHT_3, strict=True):
        for eta, weight_eta in zip(GAUSS_3, WEIGHT_3, strict=True):
            b, det = strain_matrix(points, xi, eta)
            scale = thickness * weight_xi * weight_eta * det[:, None, None]
            stiffness += scale * (b.transpose(0, 2, 1) @ law @ b)
    dofs = np.stack([2 * elements, 2 * elements + 1], axis=2).reshape(len(elements), 16)
    rows = np.repeat(dofs, 16, axis=1).ravel()
    columns = np.tile(dofs, (1, 16)).ravel()
    size = 2 * len(xy)
    matrix = coo_array((stiffness.ravel(), (rows, columns)), shape=(size, size)).tocsc()

    # Consistent load of the pressure on the outer edge: n ds = (dy, -dx)
    load = np.zeros(size)
    edge = grid[-1]
    edges = np.stack([edge[0:-2:2], edge[1:-1:2], edge[2::2]], axis=1)
    for s, weight in zip(GAUSS_3, WEIGHT_3, strict=True):
        values = np.array([s * (s - 1) / 2, 1 - s**2, s * (s + 1) / 2])
        tangent = np.array([s - 0.5, -2 * s, s + 0.5]) @ xy[edges]
        force = (
            pressure
            * thickness
            * weight
            * values[None, :, None]
            * (np.column_stack([tangent[:, 1], -tangent[:, 0]])[:, None, :])
        )
        np.add.at(load, 2 * edges, force[:, :, 0])
        np.add.at(load, 2 * edges + 1, force[:, :, 1])

    # Symmetry, solution
    fixed = np.concatenate([2 * grid[:, 0] + 1, 2 * grid[:, -1]])
    free = np.setdiff1d(np.arange(size), fixed)
    displacement = np.zeros(size)
    displacement[free] = spsolve(matrix[free][:, free], load[free])

    # Nodal stress: mean over the elements that share the node
    total = np.zeros((len(xy), 3))
    count = np.bincount(elements.ravel(), minlength=len(xy))
    for node, (xi, eta) in enumerate(zip(NODE_XI, NODE_ETA, strict=True)):
        b, _ = strain_matrix(points, xi, eta)
        stress = np.einsum("ij,njk,nk->ni", law, b, displacement[dofs])
        np.add.at(total, elements[:, node], stress)
    return xy, grid, displacement.reshape(-1, 2), total / count[:, None]


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    meshes = inputs.get("meshes")
    if not isinstance(meshes, list) or not meshes:
        raise ValueError("meshes: expected a list of [radial, angular] numbers of elements")
    for mesh in meshes:
        if (
            not isinstance(mesh, list)
            or len(mesh) != 2
            or not all(isinstance(n, int) and 1 <= n <= 200 for n in mesh)
        ):
            raise ValueError(f"meshes: {mesh!r} is not a pair of numbers of elements, 1 to 200")

    rows = []
    for index, (radial, angular) in enumerate(meshes):
        xy, grid, displacement, stress = solve(inputs, radial, angular)
        point_d = grid[0, 0]
        rows.append(
            {
                "elements": radial * angular,
                "degrees_of_freedom": displacement.size,
                "sigma_yy_d_mpa": float(stress[point_d, 1]),
                "u_x_d_mm": float(displacement[point_d, 0]),
            }
        )
        progress(
            (index + 1) / len(meshes),
            f"{radial} x {angular} elements, {displacement.size} degrees of freedom: "
            f"sigma_yy(D) = {stress[point_d, 1]:.3f} MPa",
        )

    # Field of the last mesh, for a spreadsheet or a plot
    np.savetxt(
        "stress-field.csv",
        np.column_stack([xy, displacement, stress]),
        fmt="%.6g",
        delimiter=",",
        header="x_mm,y_mm,u_x_mm,u_y_mm,sigma_xx_mpa,sigma_yy_mpa,sigma_xy_mpa",
        comments="",
    )
    return {"sigma_yy_d_mpa": rows[-1]["sigma_yy_d_mpa"], "convergence": rows}
