"""`make fmt` in a clone: CONTRIBUTING names it among the suites; it changes what has no format."""

import os
import subprocess

import pytest

from docs.page import Reader
from support.server import ROOT

SPOILED = {
    "src/base/clock.cc": "int  one ( ) {return 1 ; }\n",
    "tests/docs/blocks.py": "x = [ 1,2 ]\n",
}
WHOLE = {"src/base/clock.cc": "int one() { return 1; }\n", "tests/docs/blocks.py": "x = [1, 2]\n"}


@pytest.mark.timeout(120)
def test_make_fmt_changes_what_has_not_its_format_and_nothing_else() -> None:
    reader = Reader({}, {}, builds=True)
    try:
        (reader.clone / "build/test-venv").symlink_to(ROOT / "build/test-venv")
        for name, text in SPOILED.items():
            (reader.clone / name).write_text(text)
        # As a reader's make, also when one has started these tests.
        alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        begin = "git init -q && git add -A && make fmt && git diff --name-only"
        done = subprocess.run(
            ["sh", "-ec", begin],
            cwd=reader.clone,
            env=alone,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        assert sorted(done.stdout.split()) == sorted(SPOILED)
        assert {name: (reader.clone / name).read_text() for name in WHOLE} == WHOLE
    finally:
        reader.leave()
