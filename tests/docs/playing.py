"""Plays the blocks of a page, as its reader does; pages that are not run are read."""

import configparser
import contextlib
import json
import re
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

from docs.blocks import Block, fits
from docs.page import Reader, settings_named
from docs.scene import Scene
from docs.scenes import ALWAYS, SCENES
from support.server import ROOT, run_mecapy

# Variables of programs of ours that are no settings of `mecapy`.
OTHER_VARIABLES = {
    "MECAPY_URL", "MECAPY_TOKEN", "MECAPY_CA", "MECAPY_WORKER_SECRET", "MECAPY_PORT",
    "MECAPY_CHECKPOINT",
}  # fmt: skip
RUN = {"sh", "zsh", "python"}
# A suite is not run: make and pytest say what they would do.
DRY = {"make ": "make -n ", "-m pytest": "-m pytest --collect-only"}
READ = {"toml", "json", "ini"}
DRAWN = {"mermaid"}  # a picture, which src/machines/life_test.cc holds to the code


def name_of(page: Path) -> str:
    """A page's place in the repository."""
    return str(page.relative_to(ROOT))


def is_run(block: Block) -> bool:
    """Whether it does what it says here, and is not only read."""
    return block.language in RUN and block.skipped is None


def needs_engine(block: Block) -> bool:
    """Whether Docker's engine does some of it."""
    return is_run(block) and re.search("^docker ", block.text, re.MULTILINE) is not None


def follow(reader: Reader, block: Block) -> None:
    """Run a block, or have it read by what reads its like."""
    if is_run(block):
        play(reader, block)
    elif block.language in RUN:
        read_shell(block)
    elif block.language in READ:
        read_file(block, reader.folder)
    elif block.language not in DRAWN:
        assert not block.language, f"{block.place}: nothing here runs {block.language!r}"


def play(reader: Reader, block: Block) -> None:
    """Run a block within its scene; it prints what its page says, and nothing more."""
    page = name_of(block.page)
    scene = SCENES.get((page, block.first), Scene())
    if block.language == "sh" and page in ALWAYS:
        reader.act(block.page, ALWAYS[page])
    with scene.on(reader) if scene.on else contextlib.nullcontext():
        printed = follow_within(reader, block, scene)
    said = block.output if block.output is not None else scene.prints or ""
    assert fits(said, printed), f"{block.place} printed\n{printed}\nand its page says\n{said}"


def follow_within(reader: Reader, block: Block, scene: Scene) -> str:
    """What it prints with what its scene says before, meanwhile and after it."""
    if scene.before:
        reader.act(block.page, scene.before)
    if scene.meanwhile is not None:
        scene.meanwhile(reader)
    if block.language == "zsh":
        return reader.follow(replace(block, text=f"{block.text}\n{scene.after}"))
    printed = reader.follow(block, scene.typed)
    if scene.after:
        reader.act(block.page, scene.after)
    return printed


def read_shell(block: Block) -> None:
    """A block that is not run: the shell can read it, and its settings exist."""
    done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True)
    assert done.returncode == 0, f"{block.place}: {done.stderr}"
    settings = {row["environment"] for row in json.loads(run_mecapy("config", "--json").stdout)}
    unknown = settings_named(block.text) - settings - OTHER_VARIABLES
    assert not unknown, f"{block.place} names settings that do not exist: {unknown}"
    if block.skipped == "suite":
        text = block.text
        for said, dry in DRY.items():
            text = re.sub(f"^(.*){said}", rf"\1{dry}", text, flags=re.MULTILINE)
        done = subprocess.run(
            ["bash", "-euc", text], cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{block.place}: {done.stdout}\n{done.stderr}"


def read_file(block: Block, folder: Path) -> None:
    """A file that the page shows."""
    if block.language == "json":
        json.loads(block.text)
    elif block.language == "ini":
        configparser.ConfigParser(strict=False).read_string(block.text)
    else:
        tomllib.loads(block.text)
        path = folder / "mecapy.toml"
        path.write_text(block.text)
        done = run_mecapy("config", "--config", str(path))
        assert done.returncode == 0, f"{block.place}: {done.stderr}"
