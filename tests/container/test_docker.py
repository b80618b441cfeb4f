"""What pages do with Docker, as their reader does, with its engine and its compose."""

from collections.abc import Iterable

import pytest

from docs.blocks import Block, blocks_of
from docs.cloud_scenes import CLOUDS
from docs.engine import docker_engine
from docs.page import Reader
from docs.playing import follow, needs_engine
from docs.registry import HOSTS, registry
from docs.scenes import CONTAINERS
from support.server import ROOT

# Compiles the programs, when nothing of them is kept.
pytestmark = pytest.mark.timeout(3600)


def test_what_the_page_of_containers_says_works() -> None:
    reader = Reader({}, {}, alone=True, builds=True)
    try:
        with docker_engine(reader):
            play(reader, blocks_of(ROOT / CONTAINERS))
    finally:
        reader.end()
        reader.leave()


def test_an_image_goes_to_a_registry_as_the_pages_of_clouds_say() -> None:
    reader = Reader({}, {}, alone=True, builds=True)
    try:
        with docker_engine(reader, HOSTS) as engine, registry(reader, engine):
            for page in CLOUDS:
                play(reader, filter(needs_engine, blocks_of(ROOT / page)))
    finally:
        reader.end()
        reader.leave()


def play(reader: Reader, blocks: Iterable[Block]) -> None:
    reader.begin_in_clone()
    for block in blocks:
        follow(reader, block)
