"""Runs blocks of Python one after another, as a person does who types them; played by `page.py`.

Reads the names of files, one a line; answers each with a line of JSON: what it printed, and how it
failed. The last expression of a block is shown as a notebook shows it.
"""

import ast
import contextlib
import io
import json
import sys
import traceback
import types
from pathlib import Path
from typing import Any


def show(value: Any) -> None:
    """Have a value show itself; what it says is not looked at, that it can is."""
    for name in ("_repr_html_", "_repr_mimebundle_"):
        if callable(way := getattr(value, name, None)):
            assert way(), f"{name} of {value!r} shows nothing"
            return
    if value is not None:
        print(repr(value))


def play(path: Path, names: dict[str, Any]) -> None:
    """One block."""
    body = ast.parse(path.read_text(), str(path))
    last = body.body[-1]
    shown = None
    if isinstance(last, ast.Expr) and not isinstance(last.value, ast.Call):
        shown = ast.Expression(body.body.pop().value)  # type: ignore[attr-defined]
    exec(compile(body, str(path), "exec"), names)
    if shown is not None:
        show(eval(compile(shown, str(path), "eval"), names))


def main() -> None:
    """Until the end of standard input."""
    answers = sys.stdout
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    for line in sys.stdin:
        printed, error = io.StringIO(), None
        try:
            with contextlib.redirect_stdout(printed):
                play(Path(line.strip()), module.__dict__)
        except BaseException:
            error = traceback.format_exc()
        answers.write(json.dumps({"printed": printed.getvalue(), "error": error}) + "\n")
        answers.flush()


main()
