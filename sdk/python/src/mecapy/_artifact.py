"""Files that runs left, for both clients."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from mecapy._artifact_name import is_artifact_name
from mecapy._errors import PlatformError
from mecapy._state import ArtifactState

if TYPE_CHECKING:
    from mecapy._async import AsyncMecaPy
    from mecapy._client import MecaPy

# Formats that Pillow reads by itself; for others it may start a program.
_FORMATS = ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP")

_SLASHES = tuple({os.sep, os.altsep or os.sep})

# Kinds that a notebook shows as they are; SVG may hold scripts and is left out.
_SHOWN = ("image/png", "image/jpeg", "image/gif")


def save_path(path: str | os.PathLike[str] | None, name: str, run_id: str | None = None) -> Path:
    """Where an artifact goes; by its name when None.

    A file, or below a folder: one that exists, or is written with a slash at its end.

    Raises
    ------
    PlatformError
        The name is none that the platform gives: it might lead out of the folder, or be one of
        the files that programs look for.
    """
    if not is_artifact_name(name):
        text = f"an artifact with a name that is none: {name[:80]!r}"
        raise PlatformError(text, run_id=run_id)
    own = Path(*name.split("/"))
    if path is None:
        return own
    folder = os.fspath(path).endswith(_SLASHES) or Path(path).is_dir()
    return Path(path) / own if folder else Path(path)


class _Download:
    """A file that has its name only once it is whole.

    Raises
    ------
    FileExistsError
        There is one of this name, and it is not to be written over.
    """

    def __init__(self, path: Path, overwrite: bool) -> None:
        self._path = path
        self._overwrite = overwrite
        if not overwrite and path.exists():
            raise FileExistsError(f"{path} is there already; overwrite=True writes over it")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._part = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
        self._file: IO[bytes] = open(self._part, "xb")  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> IO[bytes]:
        return self._file

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        try:
            if kind is None and self._overwrite:
                os.replace(self._part, self._path)
            elif kind is None:
                os.link(self._part, self._path)  # not over one that came meanwhile
        finally:
            with contextlib.suppress(OSError):
                os.unlink(self._part)


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        text = "open() needs Pillow, which is not installed here: pip install pillow"
        raise ImportError(f"{text}; read() gives the bytes", name=error.name) from error
    return Image


def _image(pillow: Any, content: bytes, name: str) -> Any:
    try:
        return pillow.open(io.BytesIO(content), formats=_FORMATS)
    except pillow.UnidentifiedImageError:
        text = (
            f"{name} is no image that open() reads ({', '.join(_FORMATS)}): read() gives the bytes"
        )
        raise pillow.UnidentifiedImageError(text) from None


class Artifact(ArtifactState):
    """A file or figure that a run left.

    Attributes
    ----------
    name : str
        Path below the calculation's working folder.
    size : int
        Bytes.
    content_type : str
        Media type, by the name's ending.
    sha256 : str
        Hexadecimal; what is read is held against it.
    run_id : str
        The run that left it.
    """

    _client: MecaPy

    def iter_bytes(self) -> Iterator[bytes]:
        """Its bytes, in pieces.

        Raises
        ------
        NotFoundError
            There is no such artifact of yours any more.
        PlatformError
            At the end, when they are not those that the run left.
        """
        rules = self._client._rules
        return self._client._driver.iterate(rules.read_artifact(self.run_id, self._record))

    def read(self) -> bytes:
        """Its bytes, checked.

        Raises
        ------
        NotFoundError
            There is no such artifact of yours any more.
        PlatformError
            Its bytes are not those that the run left.
        """
        return b"".join(self.iter_bytes())

    def save(self, path: str | os.PathLike[str] | None = None, *, overwrite: bool = False) -> Path:
        """Save it, checked: under its own name in a folder, or as the file `path`.

        Parameters
        ----------
        path : str or path, optional
            The file, or a folder: one that exists, or, with a slash at its end, is made.
        overwrite : bool
            Whether a file of that name may be lost.

        Returns
        -------
        Path
            Of the file, which is there only when all of it came.

        Raises
        ------
        FileExistsError
            There is a file of that name.
        NotFoundError
            There is no such artifact of yours any more.
        PlatformError
            Its bytes are not those that the run left.
        """
        where = save_path(path, self.name, self.run_id)
        with _Download(where, overwrite) as file:
            for piece in self.iter_bytes():
                file.write(piece)
        return where

    def open(self) -> Any:
        """The image, of Pillow, which must be installed: PNG, JPEG, GIF, TIFF, BMP or WebP.

        Raises
        ------
        ImportError
            Pillow is not installed.
        NotFoundError
            There is no such artifact of yours any more.
        PlatformError
            Its bytes are not those that the run left.
        OSError
            It is no such image, whatever its name.
        """
        pillow = _pillow()
        return _image(pillow, self.read(), self.name)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        if self.content_type not in _SHOWN:
            return {"text/plain": repr(self)}
        return {self.content_type: base64.b64encode(self.read()).decode("ascii")}


class AsyncArtifact(ArtifactState):
    """A file or figure that a run left; see `Artifact`."""

    _client: AsyncMecaPy

    def iter_bytes(self) -> AsyncIterator[bytes]:
        """Its bytes, in pieces, checked at the end.

        Raises
        ------
        NotFoundError, PlatformError
            See `Artifact.iter_bytes`.
        """
        rules = self._client._rules
        return self._client._driver.iterate(rules.read_artifact(self.run_id, self._record))

    async def read(self) -> bytes:
        """Its bytes, checked.

        Raises
        ------
        NotFoundError, PlatformError
            See `Artifact.read`.
        """
        return b"".join([piece async for piece in self.iter_bytes()])

    async def save(
        self, path: str | os.PathLike[str] | None = None, *, overwrite: bool = False
    ) -> Path:
        """Save it, checked; see `Artifact.save`.

        Raises
        ------
        FileExistsError, NotFoundError, PlatformError
            See `Artifact.save`.
        """
        where = save_path(path, self.name, self.run_id)
        with _Download(where, overwrite) as file:
            async for piece in self.iter_bytes():
                file.write(piece)
        return where

    async def open(self) -> Any:
        """The image; see `Artifact.open`.

        Raises
        ------
        ImportError, NotFoundError, OSError, PlatformError
            See `Artifact.open`.
        """
        pillow = _pillow()
        return _image(pillow, await self.read(), self.name)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        if self.content_type not in _SHOWN:
            return {"text/plain": repr(self)}
        with self._client._as_blocking() as client:  # a notebook does not await what it shows
            shown = Artifact(client, self.run_id, self._record)
            return shown._repr_mimebundle_()
