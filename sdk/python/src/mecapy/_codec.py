"""Inputs on their way there, results on their way back: the platform's encoding."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mecapy import _encoding
from mecapy._decoding import Reviver, decode
from mecapy._entries import Pieces
from mecapy._errors import ConfigurationError, EncodingError, PlatformError
from mecapy._version import __version__


def encode_inputs(inputs: Mapping[str, Any]) -> Pieces:
    """The JSON of inputs, of whose large arrays one slice at a time is encoded.

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
        return _encoding.encode_in_pieces(dict(inputs), root="inputs")
    except _encoding.EncodingError as error:
        raise EncodingError(str(error)) from None


def encode_value(value: Any, root: str) -> Any:
    """A constant as the JSON it is sent as.

    Parameters
    ----------
    root : str
        What it is, for the words of an error.

    Raises
    ------
    EncodingError
        It holds a value that has no encoding.
    """
    try:
        return json.loads(_encoding.encode(value, root=root))
    except _encoding.EncodingError as error:
        raise EncodingError(str(error)) from None


class Encoded:
    """Inputs or a result that hold values which JSON has not, as they came.

    Parameters
    ----------
    content : bytes
        The whole answer.
    member : str
        Which of its members.
    """

    def __init__(self, content: bytes, member: str) -> None:
        self._content = content
        self._member = member

    def __repr__(self) -> str:
        return "(cannot be read here)"

    def decode(self, artifact: Reviver | None = None, run_id: str | None = None) -> Any:
        """The values; `artifact` makes what stands for one.

        Raises
        ------
        ConfigurationError
            They are of a package that is not installed here.
        PlatformError
            They cannot be read: of a later server, say.
        """
        what = f"{self._member} of run {run_id}" if run_id else self._member
        try:
            return decode(self._content, artifact)[self._member]
        except ImportError as error:
            package = (error.name or str(error)).partition(".")[0]
            text = f"{what}: values of {package}, which is not installed here: "
            text += f"pip install {package}, or mecapy[science]"
            raise ConfigurationError(text, run_id=run_id) from error
        except Exception as error:  # whatever numpy, pandas and the like make of it
            text = f"{what}: cannot be read by mecapy {__version__}: {error}"
            raise PlatformError(text, run_id=run_id) from error


def read_record(content: bytes, member: str) -> dict[str, Any]:
    """A run or task as it was answered; its `member` is decoded when it is asked for."""
    record: dict[str, Any] = dict(json.loads(content))
    if b'"$type"' in content and member in record:
        record[member] = Encoded(content, member)
    return record
