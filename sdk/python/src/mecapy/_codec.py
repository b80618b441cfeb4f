"""Inputs on their way there, results on their way back: the platform's encoding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mecapy import _encoding
from mecapy._decoding import Reviver, decode
from mecapy._errors import EncodingError, MecaPyError


def encode_inputs(inputs: Mapping[str, Any]) -> bytes:
    """The JSON of inputs.

    Raises
    ------
    EncodingError
        They are no mapping from names, or hold a value that has no encoding.
    """
    if not isinstance(inputs, Mapping):
        raise EncodingError(f"inputs must be a dict, not {type(inputs).__name__}")
    wrong = next((key for key in inputs if not isinstance(key, str)), None)
    if wrong is not None:
        raise EncodingError(f"the names of inputs are text, not {wrong!r}")
    if "$type" in inputs:
        raise EncodingError("no input can be named '$type'")
    try:
        return _encoding.encode(dict(inputs), root="inputs")
    except _encoding.EncodingError as error:
        raise EncodingError(str(error)) from None


def decode_reply(content: bytes, artifact: Reviver | None = None) -> dict[str, Any]:
    """An answer whose result and inputs are values again; `artifact` makes what stands for one.

    Raises
    ------
    MecaPyError
        It holds values of a package that is not installed here, or is no JSON.
    """
    try:
        return dict(decode(content, artifact))
    except ImportError as error:
        text = f"the result holds values of {error.name}, which is not installed here"
        raise MecaPyError(text) from error
    except Exception as error:  # whatever numpy, pandas and the like make of it
        raise MecaPyError(f"the answer cannot be read: {error}") from error
