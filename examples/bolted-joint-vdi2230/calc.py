"""Preloaded bolted joint after VDI 2230 Part 1: concentric clamping, axial working load.

Units: mm, N, MPa; tightening torque in N m; resilience in mm/N; embedding in micrometres.

The steps carry the names of the guideline:

    R1   tightening factor alpha_A             given
    R3   bolt and plate resilience, load factor
           delta_S = sum l_i / (E A_i)         head, shank, free thread, engaged thread, nut
           delta_P                             substitution deformation cone (and sleeve)
           Phi = n delta_P / (delta_S + delta_P)
    R4   preload loss by embedding             F_Z = f_Z / (delta_S + delta_P)
    R6   maximum required assembly preload     alpha_A (F_Kreq + (1 - Phi) F_A + F_Z)
    R7   permissible assembly preload at nu Rp0.2, reduced by the torsion of the tightening
           F_Mzul = A_0 nu Rp0.2 / sqrt(1 + 3 (3/2 d2/d0 (P/(pi d2) + 1.155 mu_G))^2)
    R8   working stress                        sqrt(sigma_z^2 + 3 (k_tau tau)^2), k_tau = 0.5
    R9   alternating stress                    rolled before heat treatment
    R10  surface pressure under the head
    R12  safety against slipping
    R13  tightening torque
           M_A = F_M (0.16 P + 0.58 d2 mu_G + D_Km/2 mu_K)

Not covered: eccentric clamping or loading, bending, thermal loads, thread stripping (R11).
"""

import math
from dataclasses import dataclass
from typing import Any

TORSION_SHARE = 0.5  # k_tau of R8: half of the tightening torsion remains in service


def number(inputs: dict[str, Any], name: str, unit: str, minimum: float = 0.0) -> float:
    """Return a field as a finite number not below the minimum."""
    value = inputs.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a number in {unit}, got {value!r}")
    if value < minimum:
        raise ValueError(f"{name}: expected at least {minimum:g} {unit}, got {value!r}")
    return float(value)


def positive(inputs: dict[str, Any], name: str, unit: str) -> float:
    """Return a field as a finite number above zero."""
    value = number(inputs, name, unit)
    if value == 0.0:
        raise ValueError(f"{name}: expected a value above 0 {unit}")
    return value


@dataclass(frozen=True)
class Thread:
    """ISO metric thread: nominal diameter and pitch in mm."""

    d: float
    pitch: float

    @property
    def d2(self) -> float:
        return self.d - 0.75 * math.sqrt(3.0) / 2.0 * self.pitch

    @property
    def d3(self) -> float:
        return self.d - 17.0 / 12.0 * math.sqrt(3.0) / 2.0 * self.pitch

    @property
    def d0(self) -> float:
        return (self.d2 + self.d3) / 2.0

    @property
    def stress_area(self) -> float:
        return math.pi / 4.0 * self.d0**2

    @property
    def core_area(self) -> float:
        return math.pi / 4.0 * self.d3**2

    @property
    def nominal_area(self) -> float:
        return math.pi / 4.0 * self.d**2


def thread_lever(thread: Thread, mu_thread: float) -> float:
    """Return the thread torque per unit of preload, in mm."""
    return thread.d2 / 2.0 * (thread.pitch / (math.pi * thread.d2) + 1.155 * mu_thread)


def assembly_preload(thread: Thread, stress: float, mu_thread: float) -> float:
    """R7: preload in N at which the equivalent stress of tightening reaches `stress` (MPa)."""
    # The fully plastic torsion of the section pi d0^3 / 12 turns tau/sigma into 3 lever / d0.
    torsion_ratio = 3.0 * thread_lever(thread, mu_thread) / thread.d0
    return thread.stress_area * stress / math.sqrt(1.0 + 3.0 * torsion_ratio**2)


def tightening_torque(
    thread: Thread, preload: float, mu_thread: float, mu_head: float, friction_diameter: float
) -> float:
    """R13: tightening torque in N m."""
    lever = 0.16 * thread.pitch + 0.58 * thread.d2 * mu_thread + friction_diameter / 2.0 * mu_head
    return preload * lever / 1000.0


def bolt_resilience(
    thread: Thread, shank_length: float, free_thread_length: float, young: float, young_nut: float
) -> float:
    """R3: resilience in mm/N of a hexagon head bolt with a nut."""
    head = 0.5 * thread.d / (young * thread.nominal_area)
    shank = shank_length / (young * thread.nominal_area)
    free_thread = free_thread_length / (young * thread.core_area)
    engaged_thread = 0.5 * thread.d / (young * thread.core_area)
    nut = 0.4 * thread.d / (young_nut * thread.nominal_area)
    return head + shank + free_thread + engaged_thread + nut


def plate_resilience(
    head_diameter: float,
    hole_diameter: float,
    outer_diameter: float,
    clamp_length: float,
    young: float,
) -> float:
    """R3: resilience in mm/N of the clamped parts of a through-bolted joint (w = 1)."""
    dw, dh, length = head_diameter, hole_diameter, clamp_length
    if outer_diameter <= dw:
        return 4.0 * length / (young * math.pi * (outer_diameter**2 - dh**2))
    slope = 0.362 + 0.032 * math.log(length / dw / 2.0) + 0.153 * math.log(outer_diameter / dw)
    # The cone ends at the half clamp length, or earlier where it meets the outer diameter.
    end = min(outer_diameter, dw + length * slope)
    cone = 2.0 / (dh * slope) * math.log((dw + dh) * (end - dh) / ((dw - dh) * (end + dh)))
    sleeve = 4.0 / (outer_diameter**2 - dh**2) * (length - (end - dw) / slope)
    return (cone + sleeve) / (young * math.pi)


@dataclass(frozen=True)
class Joint:
    """The joint as read from the inputs; mm, N, MPa."""

    thread: Thread
    yield_strength: float
    utilisation: float
    head_diameter: float
    hole_diameter: float
    outer_diameter: float
    clamp_length: float
    shank_length: float
    mu_thread: float
    mu_head: float
    mu_interface: float
    young_bolt: float
    young_plate: float
    introduction: float
    tightening_factor: float
    embedding_um: float
    force_max: float
    force_min: float
    transverse: float
    clamp_required: float
    pressure_limit: float

    @property
    def friction_diameter(self) -> float:
        return (self.head_diameter + self.hole_diameter) / 2.0

    def tighten(self, mu_thread: float, mu_head: float) -> tuple[float, float]:
        """R7, R13: permissible assembly preload in N and its torque in N m."""
        stress = self.utilisation * self.yield_strength
        preload = assembly_preload(self.thread, stress, mu_thread)
        torque = tightening_torque(self.thread, preload, mu_thread, mu_head, self.friction_diameter)
        return preload, torque


def read_joint(inputs: dict[str, Any]) -> Joint:
    """Return the joint, or raise a ValueError that names the field at fault."""
    joint = Joint(
        thread=Thread(
            positive(inputs, "nominal_diameter_mm", "mm"), positive(inputs, "pitch_mm", "mm")
        ),
        yield_strength=positive(inputs, "yield_strength_mpa", "MPa"),
        utilisation=positive(inputs, "utilisation", "(fraction of the yield strength)"),
        head_diameter=positive(inputs, "head_bearing_diameter_mm", "mm"),
        hole_diameter=positive(inputs, "hole_diameter_mm", "mm"),
        outer_diameter=positive(inputs, "plate_outer_diameter_mm", "mm"),
        clamp_length=positive(inputs, "clamp_length_mm", "mm"),
        shank_length=number(inputs, "shank_length_mm", "mm"),
        mu_thread=positive(inputs, "friction_thread", "(friction coefficient)"),
        mu_head=positive(inputs, "friction_head", "(friction coefficient)"),
        mu_interface=positive(inputs, "friction_interface", "(friction coefficient)"),
        young_bolt=positive(inputs, "young_bolt_mpa", "MPa"),
        young_plate=positive(inputs, "young_plate_mpa", "MPa"),
        introduction=number(inputs, "load_introduction_factor", "(n, 0 to 1)"),
        tightening_factor=number(inputs, "tightening_factor", "(alpha_A)", minimum=1.0),
        embedding_um=number(inputs, "embedding_um", "micrometres"),
        force_max=number(inputs, "axial_force_max_n", "N"),
        force_min=number(inputs, "axial_force_min_n", "N"),
        transverse=number(inputs, "transverse_force_n", "N"),
        clamp_required=number(inputs, "clamp_force_required_n", "N"),
        pressure_limit=positive(inputs, "pressure_limit_mpa", "MPa"),
    )
    thread = joint.thread
    if thread.pitch >= thread.d / 2.0:
        raise ValueError("pitch_mm: expected less than half of nominal_diameter_mm, in mm")
    if joint.utilisation > 1.0:
        raise ValueError("utilisation: expected at most 1 (fraction of the yield strength)")
    if not thread.d <= joint.hole_diameter < joint.head_diameter:
        raise ValueError(
            "hole_diameter_mm: expected from nominal_diameter_mm to below "
            "head_bearing_diameter_mm, in mm"
        )
    if joint.outer_diameter <= joint.hole_diameter:
        raise ValueError("plate_outer_diameter_mm: expected more than hole_diameter_mm, in mm")
    if joint.shank_length > joint.clamp_length:
        raise ValueError("shank_length_mm: expected at most clamp_length_mm, in mm")
    if joint.introduction > 1.0:
        raise ValueError("load_introduction_factor: expected at most 1 (n, 0 to 1)")
    if joint.force_min > joint.force_max:
        raise ValueError("axial_force_min_n: expected at most axial_force_max_n, in N")
    return joint


def assess(joint: Joint) -> dict[str, Any]:
    """Return forces, stresses and safety factors of the joint (R3 to R13)."""
    thread = joint.thread

    # R3, R4: stiffness of the joint
    delta_s = bolt_resilience(
        thread,
        joint.shank_length,
        joint.clamp_length - joint.shank_length,
        joint.young_bolt,
        joint.young_bolt,
    )
    delta_p = plate_resilience(
        joint.head_diameter,
        joint.hole_diameter,
        joint.outer_diameter,
        joint.clamp_length,
        joint.young_plate,
    )
    load_factor = joint.introduction * delta_p / (delta_s + delta_p)
    embedding_loss = joint.embedding_um * 1e-3 / (delta_s + delta_p)

    # R6, R7, R13: assembly
    relief = (1.0 - load_factor) * joint.force_max
    required = joint.tightening_factor * (joint.clamp_required + relief + embedding_loss)
    preload, torque = joint.tighten(joint.mu_thread, joint.mu_head)

    # R8: working stress
    bolt_force_max = preload + load_factor * joint.force_max
    tension = bolt_force_max / thread.stress_area
    torsion = preload * thread_lever(thread, joint.mu_thread) / (math.pi / 16.0 * thread.d0**3)
    equivalent = math.sqrt(tension**2 + 3.0 * (TORSION_SHARE * torsion) ** 2)

    # R9: alternating stress
    amplitude = load_factor * (joint.force_max - joint.force_min) / (2.0 * thread.stress_area)
    endurance = 0.85 * (150.0 / thread.d + 45.0)

    # R10, R12: surface pressure, residual clamp load
    bearing_area = math.pi / 4.0 * (joint.head_diameter**2 - joint.hole_diameter**2)
    pressure = bolt_force_max / bearing_area
    residual = preload / joint.tightening_factor - relief - embedding_loss

    def ratio(resistance: float, demand: float) -> float | None:
        return resistance / demand if demand > 0.0 else None

    return {
        "preload_kn": preload / 1000.0,
        "preload_required_kn": required / 1000.0,
        "torque_nm": torque,
        "bolt_resilience_mm_per_n": delta_s,
        "plate_resilience_mm_per_n": delta_p,
        "load_factor": load_factor,
        "embedding_loss_kn": embedding_loss / 1000.0,
        "bolt_force_max_kn": bolt_force_max / 1000.0,
        "clamp_force_residual_kn": residual / 1000.0,
        "equivalent_stress_mpa": equivalent,
        "stress_amplitude_mpa": amplitude,
        "endurance_limit_mpa": endurance,
        "surface_pressure_mpa": pressure,
        "safety": {
            "preload": ratio(preload, required),
            "yield": ratio(joint.yield_strength, equivalent),
            "fatigue": ratio(endurance, amplitude),
            "pressure": ratio(joint.pressure_limit, pressure),
            "slipping": ratio(residual * joint.mu_interface, joint.transverse),
        },
    }


def friction_sweep(joint: Joint, sweep: Any) -> list[dict[str, float]]:
    """Return preload and torque for other friction coefficients, thread and head alike."""
    if not isinstance(sweep, list):
        raise ValueError("friction_sweep: expected a list of friction coefficients")
    rows = []
    for index, friction in enumerate(sweep):
        name = f"friction_sweep[{index}]"
        mu = positive({name: friction}, name, "(friction coefficient)")
        preload, torque = joint.tighten(mu, mu)
        rows.append({"friction": mu, "preload_kn": preload / 1000.0, "torque_nm": torque})
    return rows


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    joint = read_joint(inputs)
    result = assess(joint)
    result["friction_sweep"] = friction_sweep(joint, inputs.get("friction_sweep", []))

    print(f"M{joint.thread.d:g}x{joint.thread.pitch:g}: As = {joint.thread.stress_area:.1f} mm2")
    print(
        f"delta_S = {result['bolt_resilience_mm_per_n']:.3e} mm/N, "
        f"delta_P = {result['plate_resilience_mm_per_n']:.3e} mm/N, "
        f"Phi = {result['load_factor']:.4f}"
    )
    print(f"preload {result['preload_kn']:.1f} kN at a torque of {result['torque_nm']:.1f} N m")
    for name, value in result["safety"].items():
        verdict = "not loaded" if value is None else f"{value:.2f} {'ok' if value >= 1 else 'LOW'}"
        print(f"safety {name:<9} {verdict}")
    return result
