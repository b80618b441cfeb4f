"""What stands in a notebook's cells goes along: the cells of IPython, which have no file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

# Runs cells, then what is taken along for `f`, each with x = 3.
SHELL = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
if {jupyter!r}:  # the same text has the same name, as in its kernel
    shell.compile.get_code_name = lambda raw, code, _: f"/ipykernel_1/{{hash(code)}}.py"
sys.path[:0] = [{src!r}, {tests!r}]
for cell in json.loads(sys.argv[1]):
    done = shell.run_cell(cell, store_history=True)
    done.raise_error()
from mecapy._source import calculation_of
source = calculation_of(shell.user_ns["f"])
here = shell.user_ns["f"](3)
from running import run
print(json.dumps([here, run(source, x=3)]))
"""


def cells(*texts: str, jupyter: bool = False) -> tuple[object, object]:
    """What `f` gives here, and what is taken along gives there."""
    shell = SHELL.format(src=str(HERE.parent / "src"), tests=str(HERE), jupyter=jupyter)
    done = subprocess.run(
        [sys.executable, "-c", shell, json.dumps(texts)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    here, there = json.loads(done.stdout.splitlines()[-1])
    return here, there


CLASS = """
class Section:
    scale = 2

    def __init__(self, d):
        self.d = d

    def area(self):
        return self.scale * self.d
"""
FIELDS = """
from dataclasses import dataclass

@dataclass
class Load:
    force: float
    factor: float = 1.5
"""
NOTEBOOKS = {
    "a class of the same cell": [CLASS + "\ndef f(x):\n    return Section(x).area()"],
    "a class of another cell": [CLASS, "def f(x):\n    return Section(x).area()"],
    "a dataclass of another cell": [FIELDS, "def f(x):\n    return Load(x).force * Load(x).factor"],
    "a dataclass that was written anew": [
        FIELDS,
        FIELDS.replace("1.5", "2.5"),
        "def f(x):\n    return Load(x).force * Load(x).factor",
    ],
    "a class that was run anew": [
        CLASS,
        CLASS.replace("scale = 2", "scale = 5"),
        CLASS,
        "def f(x):\n    return Section(x).area()",
    ],
    "a dataclass whose older cell was run anew": [
        FIELDS,
        FIELDS.replace("1.5", "2.5"),
        FIELDS,
        "def f(x):\n    return Load(x).force * Load(x).factor",
    ],
    "an Enum": [
        "import enum\nclass Mode(enum.Enum):\n    FAST = 3\n    SLOW = 4\nMODE = Mode.SLOW",
        "def f(x):\n    return [Mode.FAST.value, MODE is Mode.SLOW, x]",
    ],
    "a pattern of another cell": [
        "import re\nSIZE = re.compile(r'M(\\d+)')",
        "def f(x):\n    return SIZE.match(f'M{x}').group(1)",
    ],
    "a pattern that was written anew": [
        "import re\nSIZE = re.compile(r'N(\\d+)')\ndef g(x):\n    return SIZE",
        "SIZE = re.compile(r'M(\\d+)')",
        "def f(x):\n    return SIZE.match(f'M{x}').group(1)",
    ],
    "a pattern whose older cell was run anew": [
        "import re\nSIZE = re.compile(r'M(\\d+)')",
        "SIZE = re.compile(r'N(\\d+)')",
        "import re\nSIZE = re.compile(r'M(\\d+)')",
        "def f(x):\n    return SIZE.match(f'M{x}').group(1)",
    ],
    "a named tuple and a cell with words of its own": [
        "from collections import namedtuple\nPoint = namedtuple('Point', 'a b')",
        "!true",
        "%time 1",
        "def f(x):\n    return Point(x, 2).a",
    ],
    "a class that needs another, and a constant": [
        "SCALE = 7",
        "class Base:\n    def area(self):\n        return SCALE * self.d",
        "class Round(Base):\n    def __init__(self, d):\n        self.d = d",
        "def f(x):\n    return Round(x).area()",
    ],
}


@pytest.mark.parametrize("jupyter", [False, True], ids=["prompt", "notebook"])
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_what_stands_in_cells_goes_along(name: str, jupyter: bool) -> None:
    here, there = cells(*NOTEBOOKS[name], jupyter=jupyter)
    assert here == there


def test_a_class_that_is_not_what_its_cell_says_is_told() -> None:
    with pytest.raises(AssertionError, match="is not what its class says"):
        cells(CLASS, "Section.scale = 9\ndef f(x):\n    return Section(x).area()")
