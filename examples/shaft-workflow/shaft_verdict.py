"""Which section of a shaft governs, and whether it is safe enough.

Inputs
    sections             the results of shaft_fatigue.py, one for each section
    required_safety      what Goodman's and the yield safety must be at least

Results
    passed               true where each section reaches it
    governing            the section with the smallest safety: section, criterion, safety
    summary              for each section: name, fatigue (Goodman), yielding, passed
"""

from typing import Any


def calculate(inputs: dict[str, Any]) -> dict[str, Any]:
    required = inputs["required_safety"]
    summary = [
        {
            "name": section["name"],
            "fatigue": section["goodman"],
            "yielding": section["yielding"],
            "passed": min(section["goodman"], section["yielding"]) >= required,
        }
        for section in inputs["sections"]
    ]
    if not summary:
        raise ValueError("sections: expected one at least")
    governing = min(
        (
            {"section": section["name"], "criterion": criterion, "safety": section[criterion]}
            for section in summary
            for criterion in ("fatigue", "yielding")
        ),
        key=lambda found: found["safety"],
    )
    for section in summary:
        told = "ok" if section["passed"] else "LOW"
        print(f"{section['name']}: {section['fatigue']:.2f}, {section['yielding']:.2f} {told}")
    return {
        "passed": all(section["passed"] for section in summary),
        "governing": governing,
        "summary": summary,
    }
