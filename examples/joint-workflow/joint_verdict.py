"""Whether a bolted joint holds: each safety factor of each load case against what is required.

Inputs
    preload_safety     that of bolt_preload.py, which has the load cases' largest demand
    working            the results of bolt_working.py, one for each load case
    fatigue            the results of bolt_fatigue.py, one for each load case
    required           what each must be at least: preload, yield, fatigue, pressure, clamping,
                       slipping

Results
    passed             true where each is reached
    governing          the check whose safety is the smallest part of what is required
    checks             each: check, case (null for the whole joint), safety, required, passed

A check for which nothing is asked (a load that does not alternate, no torque) is left out.

VDI 2230 Part 1, R6 to R12, for what is checked; who designs the joint states what is required.
"""

from typing import Any


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    required = inputs["required"]
    found: list[tuple[str, str | None, float | None]] = [
        ("preload", None, inputs["preload_safety"])
    ]
    for case in inputs["working"]:
        found += [(check, case["name"], safety) for check, safety in case["safety"].items()]
    found += [("fatigue", case["name"], case["safety"]) for case in inputs["fatigue"]]

    checks = [
        {
            "check": check,
            "case": case,
            "safety": safety,
            "required": required[check],
            "passed": safety >= required[check],
        }
        for check, case, safety in found
        if safety is not None
    ]
    governing = min(checks, key=lambda check: check["safety"] / check["required"])
    for check in checks:
        told = "ok" if check["passed"] else "LOW"
        where = check["case"] or "all load cases"
        print(
            f"{check['check']:<9} {where:<16} {check['safety']:6.2f} of {check['required']} {told}"
        )
    return {
        "passed": all(check["passed"] for check in checks),
        "governing": governing,
        "checks": checks,
    }
