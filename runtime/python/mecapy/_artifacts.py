"""What a calculation leaves in its working folder, and its figures: sent as artifacts."""

from __future__ import annotations

import gc
import io
import json
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mecapy import _artifact_name
from mecapy._channel import MIB, Channel
from mecapy._failure import Failure

MAX_FILES = 256
_CHUNK = 256 * 1024
_DPI = 150
_MAX_DEPTH = 32
_UNREADABLE = "it cannot be read"
_UNNAMED = (
    f"its path is longer than {_artifact_name.LONGEST} bytes, a part of it begins or ends with a "
    "space, or it has characters that cannot be seen or that some systems forbid"
)
_WRITERS = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)


class Figures:
    """Saves matplotlib figures into the working folder, each once.

    Parameters
    ----------
    folder : str
        The working folder.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._names: dict[int, str] = {}

    def save(self, figure: Any) -> str:
        """Save `figure` as ``figure-N.png`` unless that was done; the name."""
        if id(figure) not in self._names:
            number = getattr(figure, "number", None) or len(self._names) + 1
            name = f"figure-{number}.png"
            while os.path.lexists(os.path.join(self._folder, name)):
                number += 1
                name = f"figure-{number}.png"
            figure.savefig(os.path.join(self._folder, name), dpi=_DPI)
            self._names[id(figure)] = name
        return self._names[id(figure)]

    def save_open(self) -> None:
        """Save every figure that pyplot holds open."""
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is None:
            return
        for number in pyplot.get_fignums():
            self.save(pyplot.figure(number))


@dataclass
class _File:
    name: str
    path: str
    size: int


def send_all(channel: Channel, folder: str, limit: int) -> None:
    """Send every regular file below `folder`, whole, or raise before the first byte.

    Hidden files, links, pipes and devices are no artifacts; of a file that cannot be one, or that
    cannot be read, it is said so on standard error.

    Raises
    ------
    Failure
        output_limit: more than `limit` bytes together, or more than 256 files.
    """
    if not any(_entries(folder, "")):
        return
    _flush_open_files()
    files = sorted(_files(folder, "", 0), key=lambda file: file.name)
    if len(files) > MAX_FILES:
        text = f"artifacts: {len(files)} files in the working folder, at most {MAX_FILES} are kept"
        raise Failure("output_limit", text)
    total = sum(file.size for file in files)
    if total > limit:
        text = f"artifacts too large: {total / MIB:.6g} MiB of at most {limit / MIB:.6g} MiB"
        raise Failure("output_limit", text)
    for file in files:
        _send(channel, file)


def _flush_open_files() -> None:
    """Write out what files the calculation did not close still hold, as leaving `python` would."""
    for found in gc.get_objects():
        if type(found) in _WRITERS:
            try:
                if not found.closed:
                    found.flush()
            except (OSError, ValueError):
                pass


def _files(folder: str, prefix: str, depth: int) -> Iterator[_File]:
    for entry in _entries(folder, prefix):
        if entry.name.startswith(".") or entry.name == "__pycache__":
            continue
        name = prefix + entry.name
        if entry.is_symlink():
            _skip(name, "a symbolic link")
        elif entry.is_dir(follow_symlinks=False) and depth < _MAX_DEPTH:
            yield from _files(entry.path, name + "/", depth + 1)
        elif not entry.is_file(follow_symlinks=False):
            _skip(name, "not a file")
        elif not _artifact_name.is_artifact_name(name):
            _skip(name, _UNNAMED)
        elif not os.access(entry.path, os.R_OK):
            _skip(name, _UNREADABLE)
        else:
            yield _File(name, entry.path, entry.stat(follow_symlinks=False).st_size)


def _entries(folder: str, prefix: str) -> list[os.DirEntry[str]]:
    """What is in `folder`; nothing when it is closed or deeper than a path can say."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        _skip(prefix or folder, f"{_UNREADABLE} ({error.strerror})")
        return []


def _skip(name: str, why: str) -> None:
    print(f"mecapy: {name[:200]!r} is not kept as an artifact: {why}", file=sys.stderr)


def _send(channel: Channel, file: _File) -> None:
    changed = Failure("invalid_result", f"artifact {file.name!r} changed while it was sent")
    try:
        fd = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise changed from None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise changed
        begin = {"name": file.name, "size": file.size}
        channel.send(b"A", json.dumps(begin).encode())
        left = file.size
        while left > 0:
            part = os.read(fd, min(left, _CHUNK))
            if not part:
                raise changed
            channel.send(b"D", part)
            left -= len(part)
        channel.send(b"E")
    finally:
        os.close(fd)
