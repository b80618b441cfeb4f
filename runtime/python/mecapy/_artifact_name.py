"""What artifacts may be called."""

from __future__ import annotations

import re

# As src/base/file_name.h.
_PART = re.compile(
    r"(?![. ])[^\x00-\x1f\x22*/:<>?\x5c|\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\ud800-\uf8ff\ufeff\ufff0-\uffff\U000e0000-\U0010ffff]+(?<! )"
)
LONGEST = 200  # bytes of UTF-8


def is_artifact_name(name: str) -> bool:
    """Whether `name` may be an artifact's: the rule of src/model/run.h."""
    if not all(map(_PART.fullmatch, name.split("/"))):
        return False
    return len(name.encode()) <= LONGEST
