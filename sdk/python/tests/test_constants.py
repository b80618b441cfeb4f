"""Constants at the top of a file arrive with the value and the kind they have here."""

import collections
import logging
import math
import re
import types
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from authors_file import area as round_area
from running import run

from mecapy import SourceError
from mecapy._source import calculation_of

TEXT = "1; 2; 2; 3; from here; import there"
log = logging.getLogger("stress")
PLOT = Path("plots") / "stress.png"
ROOT = Path("/data")
COUNTS = Counter("abca")
RECENT = collections.deque([1, 2, 3], maxlen=3)
GROUPS = collections.defaultdict(list, {"a": [1]})
ORDERED = collections.OrderedDict(b=1, a=2)
FIXED = types.MappingProxyType({"E": 210e9})
RAW = bytearray(b"\x00;")
STEEL = types.SimpleNamespace(E=210e9, nu=0.3)


def square_area(d):
    return d * d


AREAS = {
    "round": round_area,
    "square": square_area,
    "by": [math.sqrt, np.sin, float],
}
AREAS["also"] = square_area
WITH_LAMBDA = {"twice": lambda x: 2 * x}
MADE = collections.defaultdict(lambda: 1)


def area_of(kind, d):
    return AREAS[kind](d)


def counts_itself(n):
    return 0 if n == 0 else 1 + STEPS["again"](n - 1)


STEPS = {"again": counts_itself}


class Kinds:
    known = AREAS

    def names(self):
        return list(self.known)


def gives_text():
    return TEXT


def gives_log():
    return log.name


def gives_kinds():
    return [
        [type(value).__name__, repr(value)]
        for value in (RAW, PLOT, COUNTS, RECENT, GROUPS, ORDERED, FIXED, STEEL)
    ]


def gives_both():
    return [area_of("round", 2.0), AREAS["square"](3), AREAS["also"](4)]


def gives_functions():
    return [AREAS["by"][0](16), float(AREAS["by"][1](0.0)), AREAS["by"][2]("2")]


def gives_names():
    return Kinds().names()


def uses_root():
    return ROOT


def uses_lambda():
    return WITH_LAMBDA


def uses_made():
    return MADE


def test_a_text_stays_whole_whatever_stands_in_it() -> None:
    assert run(calculation_of(gives_text)) == TEXT


def test_a_logger_is_one_of_its_name() -> None:
    assert run(calculation_of(gives_log)) == "stress"


def test_what_the_standard_library_collects_keeps_its_kind() -> None:
    assert run(calculation_of(gives_kinds)) == gives_kinds()


def test_functions_in_a_table_go_along() -> None:
    assert run(calculation_of(gives_both)) == [math.pi, 9, 16]
    assert run(calculation_of(gives_functions)) == [4.0, 0.0, 2.0]
    assert run(calculation_of(counts_itself), n=5) == 5


def test_a_table_is_there_when_a_class_needs_it() -> None:
    assert run(calculation_of(gives_names)) == ["round", "square", "by", "also"]


def test_a_table_leaves_lines_where_they_are() -> None:
    lines = calculation_of(gives_both).splitlines()
    here = Path(__file__).read_text().splitlines()
    assert lines.index("def gives_both():") == here.index("def gives_both():")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (uses_root, "ROOT, which is a path of this machine"),
        (uses_lambda, "WITH_LAMBDA, which has a lambda in it"),
        (uses_made, "MADE, which is a defaultdict whose defaults are made by a function"),
    ],
    ids=lambda v: str(v)[:12],
)
def test_what_no_expression_gives_is_told(function, words) -> None:
    with pytest.raises(SourceError, match=re.escape(words)):
        calculation_of(function)
