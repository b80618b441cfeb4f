"""What is sent of a task: its members as the API wants them, of what people give."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mecapy._codec import encode_inputs
from mecapy._duration import seconds
from mecapy._entries import Pieces
from mecapy._errors import EncodingError, SourceError
from mecapy._origin import Origin, Stretch
from mecapy._session import Body
from mecapy._source import written_of
from mecapy._taken import is_calculation
from mecapy._values import Duration, Limits

Json = dict[str, Any]


def calculation_code(
    code: str | os.PathLike[str] | Callable[..., Any],
) -> tuple[str, tuple[Stretch, ...]]:
    """The source of a calculation given as text, file or function, and where its lines stand.

    Raises
    ------
    SourceError
        There is no such file, or the function cannot be taken along.
    """
    if isinstance(code, str):
        return code, ()
    if isinstance(code, os.PathLike):
        try:
            text = Path(code).read_text(encoding="utf-8-sig")
            return text, (Stretch(1, None, os.fspath(code), 1),)
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"{code} cannot be read: {error}") from error
    return written_of(code)


def changes_of(
    *,
    code: str | os.PathLike[str] | Callable[..., Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    limits: Limits | Mapping[str, float] | None = None,
    cache: Duration | None = None,
    estimated_duration: Duration | None = None,
    **others: Any,
) -> Json:
    """The members that an update sends: without those that are not given (None).

    A duration of 0 takes its member away, which is a None here and a null there.
    """
    fields = {name: value for name, value in others.items() if value is not None}
    if code is not None:
        fields["code"] = calculation_code(code)[0]
    if inputs is not None:
        fields["inputs"] = encode_inputs(inputs)
    if limits is not None:
        fields["limits"] = limits.record() if isinstance(limits, Limits) else dict(limits)
    if cache is not None:
        ttl = seconds("cache", cache)
        fields["cache"] = {"ttl": ttl} if ttl else None
    if estimated_duration is not None:
        fields["estimated_duration_s"] = seconds("estimated_duration", estimated_duration) or None
    return fields


def fields_of(**given: Any) -> Json:
    """The members of a new task or run; see `changes_of`."""
    return {name: value for name, value in changes_of(**given).items() if value is not None}


def run_of(
    code: str | os.PathLike[str] | Callable[..., Any],
    inputs: Mapping[str, Any] | None,
    limits: Limits | None,
) -> tuple[Json, Origin]:
    """The members of a run without a task, and what is known of it here."""
    given = inputs or {}
    text, stretches = calculation_code(code)
    fields = fields_of(code=text, inputs=given, limits=limits)
    whole = not callable(code) or is_calculation(code)
    return fields, Origin(stretches, tuple(given) if whole else None)


def body_of(fields: Mapping[str, Any]) -> Body:
    """The body of a request; a member of pieces is JSON already.

    Raises
    ------
    EncodingError
        A member is no JSON.
    """
    members = {}
    for name, value in fields.items():
        members[name] = value if isinstance(value, Pieces) else _json(name, value)
    return Body(members)


def _json(name: str, value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:  # a lone surrogate in a text, too
        raise EncodingError(f"{name} cannot be sent: {error}") from error
