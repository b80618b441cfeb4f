"""Where things are: the same for all runs of a sandbox with a root of its own, else told."""

from __future__ import annotations

import os
import sys

packages = "/mecapy/env"
cache = "/mecapy/cache"
work = "/work"


def set_for_all(packages_folder: str, cache_folder: str) -> None:
    """In the zygote: where the packages are, and what is kept for all runs."""
    global packages, cache
    packages, cache = packages_folder, cache_folder


def set_for_run(folder: str) -> None:
    """In a run whose working folders are below `folder`, not at the root."""
    global work
    work = f"{folder}/work"
    os.environ["HOME"] = work
    os.environ["TMPDIR"] = f"{folder}/tmp"
    os.environ["MPLCONFIGDIR"] = f"{folder}/tmp/.matplotlib"
    tempfile = sys.modules.get("tempfile")
    if tempfile is not None:
        vars(tempfile)["tempdir"] = None  # it is looked for once
