"""What stands around one block of a page."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from docs.page import Reader


@dataclass(frozen=True)
class Scene:
    """Around one block. `before` and `after` are shell, `meanwhile` is what the reader does
    elsewhere before it; `prints` is what a block of a generated reference prints, which has no
    place of its own for that: `...` is anything. `on` is a machine of his own for it, `typed` what
    he types at a terminal. Of zsh `after` is in the block's own shell.
    """

    before: str = ""
    meanwhile: Callable[[Reader], None] | None = None
    prints: str | None = None
    after: str = ""
    on: Callable[[Reader], AbstractContextManager[object]] | None = None
    typed: str = ""
