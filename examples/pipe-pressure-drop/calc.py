"""Pressure drop of steady incompressible flow in straight round pipes.

Units: SI (m, s, kg, Pa).

    V  = Q / (pi d^2 / 4)                                   mean velocity
    Re = rho V d / mu
    f  = 64 / Re                                            laminar, Re < 2300
    1/sqrt(f) = -2 log10(eps/d / 3.7 + 2.51/(Re sqrt(f)))   turbulent (Colebrook)
    h_f = f L/d V^2/(2 g)                                   head loss (Darcy-Weisbach)
    dp  = rho g (h_f + dz)                                  dz: rise of the pipe

Between Re = 2300 and 4000 neither law holds: the Colebrook value is used, on the safe side, and
the regime is reported as "transitional".

The figure pressure-drop.png shows the friction pressure drop against the flow rate.

Source of the formulas: F. M. White, Fluid Mechanics, chapter 6.
"""

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

GRAVITY = 9.81  # m/s2
RE_LAMINAR = 2300.0
RE_TURBULENT = 4000.0


def number(pipe: dict[str, Any], label: str, name: str, unit: str) -> float:
    """Return a field of a pipe as a finite number."""
    value = pipe.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{label}.{name}: expected a number in {unit}, got {value!r}")
    return float(value)


def positive(pipe: dict[str, Any], label: str, name: str, unit: str) -> float:
    """Return a field of a pipe as a finite number above zero."""
    value = number(pipe, label, name, unit)
    if value <= 0.0:
        raise ValueError(f"{label}.{name}: expected a value above 0 {unit}, got {value!r}")
    return value


def friction_factor(reynolds: float, relative_roughness: float) -> float:
    """Return the Darcy friction factor."""
    if reynolds < RE_LAMINAR:
        return 64.0 / reynolds
    # Newton's method on x = 1/sqrt(f); the function is smooth and monotonic, 4 to 5 steps do.
    x = -1.8 * math.log10((relative_roughness / 3.7) ** 1.11 + 6.9 / reynolds)  # Haaland
    for _ in range(50):
        argument = relative_roughness / 3.7 + 2.51 * x / reynolds
        residual = x + 2.0 * math.log10(argument)
        slope = 1.0 + 2.0 / math.log(10.0) * 2.51 / reynolds / argument
        step = residual / slope
        x -= step
        if abs(step) < 1e-13 * x:
            return 1.0 / x**2
    raise ArithmeticError("the Colebrook equation did not converge")


def regime(reynolds: float) -> str:
    """Return the name of the flow regime."""
    if reynolds < RE_LAMINAR:
        return "laminar"
    return "turbulent" if reynolds > RE_TURBULENT else "transitional"


class Pipe:
    """One straight pipe with its fluid."""

    def __init__(self, pipe: dict[str, Any], label: str) -> None:
        self.name = str(pipe.get("name", label))
        self.diameter = positive(pipe, label, "diameter_m", "m")
        self.length = positive(pipe, label, "length_m", "m")
        self.roughness = number(pipe, label, "roughness_m", "m")
        if not 0.0 <= self.roughness <= 0.05 * self.diameter:
            raise ValueError(f"{label}.roughness_m: expected from 0 to 0.05 diameter_m, in m")
        self.density = positive(pipe, label, "density_kg_m3", "kg/m3")
        self.viscosity = positive(pipe, label, "viscosity_pa_s", "Pa s")
        self.flow = positive(pipe, label, "flow_m3_s", "m3/s")
        self.rise = number(pipe, label, "rise_m", "m") if "rise_m" in pipe else 0.0
        if abs(self.rise) > self.length:
            raise ValueError(f"{label}.rise_m: expected at most length_m, in m")

    def friction(self, flow: float) -> dict[str, float]:
        """Return velocity, Reynolds number, friction factor and friction pressure drop."""
        velocity = flow / (math.pi / 4.0 * self.diameter**2)
        reynolds = self.density * velocity * self.diameter / self.viscosity
        factor = friction_factor(reynolds, self.roughness / self.diameter)
        drop = factor * self.length / self.diameter * self.density * velocity**2 / 2.0
        return {
            "velocity_m_s": velocity,
            "reynolds": reynolds,
            "friction_factor": factor,
            "friction_pressure_drop_pa": drop,
        }


def plot(pipes: list[Pipe]) -> None:
    """Draw the friction pressure drop against the flow rate of every pipe."""
    figure, axes = plt.subplots(figsize=(7.0, 4.5), layout="constrained")
    for pipe in pipes:
        flows = np.linspace(0.02, 1.5, 120) * pipe.flow
        drops = [pipe.friction(flow)["friction_pressure_drop_pa"] for flow in flows]
        (line,) = axes.loglog(flows, np.array(drops) / 1e3, label=pipe.name)
        duty = pipe.friction(pipe.flow)["friction_pressure_drop_pa"] / 1e3
        axes.plot(pipe.flow, duty, "o", color=line.get_color())
    axes.set_xlabel("flow rate [m3/s]")
    axes.set_ylabel("friction pressure drop [kPa]")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig("pressure-drop.png", dpi=120)
    plt.close(figure)


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    given = inputs.get("pipes")
    if not isinstance(given, list) or not given or not all(isinstance(p, dict) for p in given):
        raise ValueError("pipes: expected a list of pipes")
    pipes = [Pipe(pipe, f"pipes[{index}]") for index, pipe in enumerate(given)]
    rows = []
    for pipe in pipes:
        row = pipe.friction(pipe.flow)
        drop = row["friction_pressure_drop_pa"]
        head = drop / (pipe.density * GRAVITY)
        print(
            f"{pipe.name}: {regime(row['reynolds'])}, Re = {row['reynolds']:.0f}, "
            f"f = {row['friction_factor']:.5f}, head loss = {head:.2f} m"
        )
        rows.append(
            {
                "name": pipe.name,
                "regime": regime(row["reynolds"]),
                **row,
                "head_loss_m": head,
                "pressure_drop_pa": drop + pipe.density * GRAVITY * pipe.rise,
                "friction_power_w": drop * pipe.flow,
            }
        )
    plot(pipes)
    return {"pipes": rows}
