"""The site, as `make docs` builds it."""

import os
import subprocess
from pathlib import Path

from support.server import ROOT, binary


def build_site(source: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Build the site of the repository `source`."""
    command = [str(ROOT / "build/docs-venv/bin/mkdocs"), "build", "-d", str(folder)]
    own = {"MECAPY_BINARY": str(binary()), "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        command, cwd=source, env=os.environ | own, capture_output=True, text=True, timeout=120
    )
