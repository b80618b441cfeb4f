"""How httpx is set up for both clients."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

from mecapy._errors import ConfigurationError
from mecapy._login import LOOPBACK


def http_options(proxy: str | None, ca: str | os.PathLike[str] | None) -> dict[str, Any]:
    """Arguments of ``httpx.Client`` and ``httpx.AsyncClient``.

    Raises
    ------
    ConfigurationError
        The certificates cannot be read.
    """
    options: dict[str, Any] = {"follow_redirects": False}
    # What goes without TLS stays on this machine: not even the environment's proxy sees it.
    options["mounts"] = {f"all://{host}": None for host in LOOPBACK}
    if proxy is not None:
        options["proxy"] = proxy
    ca = ca if ca is not None else os.environ.get("MECAPY_CA")
    if ca:
        try:
            options["verify"] = ssl.create_default_context(cafile=str(Path(ca)))
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"the certificates of {ca} cannot be read: {error}") from error
    return options
