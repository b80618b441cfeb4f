"""What is told of a calculation before it runs, held to what it does when it runs."""

from __future__ import annotations

import ast
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import pytest
import yaml
from mecapy._facts import facts_of
from written_codes import NAMES, Writer

ALL = {"a": 1, "b": 2, "c": 3, "flag": True}


class Told(NamedTuple):
    """What is told of a code: needed and further inputs, members; None: nothing."""

    needed: str | None
    further: str | None
    members: str | None


def told_of(code: str) -> Told:
    inputs, results = facts_of(ast.parse(code))
    if inputs is None:
        return Told(None, None, results and " ".join(results))
    needed = " ".join(name for name, required in inputs.items() if required)
    further = " ".join(name for name, required in inputs.items() if not required)
    return Told(needed, further, None if results is None else " ".join(results))


def calculation(code: str) -> Any:
    scope: dict[str, Any] = {"__name__": "calc"}
    exec(compile(code, "calc.py", "exec", dont_inherit=True), scope)
    return scope["calculate"]


def of(*lines: str) -> str:
    """A calculation of these lines."""
    return "def calculate(inputs):\n" + "".join(f"    {line}\n" for line in lines)


# Codes that run: with all that is told, with what is needed alone, and not without that.
KNOWN = {
    "nothing": (of("return {}"), Told("", "", "")),
    "plain": (of("return {'x': inputs['a'] * inputs['b']}"), Told("a b", "", "x")),
    "its own name": ("def calculate(given): return {'x': given['a']}", Told("a", "", "x")),
    "typed": (
        "def calculate(inputs: dict[str, float]) -> dict: return {'x': inputs['a']}",
        Told("a", "", "x"),
    ),
    "asked": (of("return {'x': inputs.get('a'), 'y': inputs.get('b', 2)}"), Told("", "a b", "x y")),
    "asked first": (
        of("x = inputs['a'] if 'a' in inputs else 1", "return {'x': x}"),
        Told("", "a", "x"),
    ),
    "asked for what is missing": (
        of("if 'a' not in inputs:", "    return {'y': 1}", "return {'x': inputs['a']}"),
        Told("", "a", "y x"),
    ),
    "in a branch": (
        of("if inputs['flag']:", "    x = inputs['a']", "else:", "    x = 1", "return {'x': x}"),
        Told("flag", "a", "x"),
    ),
    "in each branch": (
        of(
            "if inputs['flag']:",
            "    x = inputs['a']",
            "elif inputs['b']:",
            "    x = inputs['c'] + inputs['a']",
            "else:",
            "    x = -inputs['a']",
            "return {'x': x}",
        ),
        Told("flag a", "b c", "x"),
    ),
    "after a return": (
        of("if inputs['flag']:", "    return {'x': 1}", "return {'x': inputs['a']}"),
        Told("flag", "a", "x"),
    ),
    "after a loop": (
        of("for i in range(inputs['a']):", "    i + inputs['b']", "return {'x': inputs['c']}"),
        Told("a c", "b", "x"),
    ),
    "what is not always evaluated": (
        of(
            "x = inputs['flag'] or inputs['a']",
            "y = [inputs['b'] for _ in ()] + [i for i in [inputs['c']]]",
            "return {'x': x, 'y': y}",
        ),
        Told("flag c", "a b", "x y"),
    ),
    "a comparison that ends early": (
        of("return {'x': inputs['a'] > inputs['b'] > inputs['c']}"),
        Told("a b", "c", "x"),
    ),
    "what is caught": (
        of("try:", "    x = inputs['a']", "except KeyError:", "    x = 1", "return {'x': x}"),
        Told("", "a", "x"),
    ),
    "what is suppressed": (
        "from contextlib import suppress\n"
        + of("x = 1", "with suppress(KeyError):", "    x = inputs['a']", "return {'x': x}"),
        Told("", "a", "x"),
    ),
    "in a function within": (
        of("def add():", "    return inputs['a']", "return {'x': add(), 'y': inputs['b']}"),
        Told("b", "a", "x y"),
    ),
    "in a text": (of("return {'x': f'{inputs[\"a\"]:.3f}'}"), Told("a", "", "x")),
    "passed on": (
        "def area(a, b=2, *, c): return {'x': a * b * c}\n" + of("return area(**inputs)"),
        Told("a c", "b", "x"),
    ),
    "passed on in a branch": (
        "def area(a, b): return {'x': a * b}\n"
        + of("if inputs.get('c'):", "    return area(a=1, b=1)", "return area(**inputs)"),
        Told("", "c a b", "x"),
    ),
    "members one after another": (
        of("out: dict[str, int] = {'x': 1}", "out['y'] = 2", "out['x'] += out['y']", "return out"),
        Told("", "", "x y"),
    ),
    "members in a branch": (
        of(
            "out = {}",
            "if inputs['flag']:",
            "    out['x'] = {'deep': 1}",
            "    out['x']['deeper'] = 2",
            "    return out",
            "raise ValueError",
        ),
        Told("flag", "", "x"),
    ),
    "several returns": (
        of(
            "try:",
            "    if inputs['flag']:",
            "        return {'x': 1}",
            "    else:",
            "        return more()",
            "except ZeroDivisionError:",
            "    raise",
        )
        + "def more(): return {'y': 1, 'x': 2}",
        Told("", "flag", "x y"),
    ),
    "an endless loop": (of("while True:", "    return {'x': 1}"), Told("", "", "x")),
    "returns of what is within": (
        of("def inner():", "    return 3", "f = lambda: 4", "return {'x': inner() + f()}"),
        Told("", "", "x"),
    ),
    "no members": (of("return inputs['a']"), Told("a", "", None)),
    "no inputs": (of("for name in inputs: pass", "return {'x': 1}"), Told(None, None, "x")),
    "a star before": ("from math import *\n" + of("return {'x': pi}"), Told("", "", "x")),
    "another name for them": (
        of("given = inputs", "return {'x': given['a'], 'y': inputs['b']}"),
        Told("b a", "", "x y"),
    ),
    "a name that is a variable": (
        "B = 'b'\n" + of("n = 'a'", "return {'x': inputs[n] + inputs[B]}"),
        Told("a b", "", "x"),
    ),
    "another's argument": (
        "def area(b): return {'x': b}\ndef other(area): pass\n" + of("return area(inputs['a'])"),
        Told("a", "", "x"),
    ),
    "as the SDK writes": (
        dedent("""\
        from __future__ import annotations; from mecapy._entry import by_name as _by_name; b = 3


        def area(a, b=2, *, c: float = 1):
            out = {'x': a * b}
            out['y'] = c
            return out


        calculate = _by_name(area)
        """),
        Told("a", "b c", "x y"),
    ),
    "as the SDK writes what stood within a function": (
        "from mecapy._entry import by_name as _mecapy_by_name\n"
        "if True:\n"
        "    def area(a, /, *rest):\n"
        "        return {'x': [a, *rest]}\n"
        "calculate = _mecapy_by_name(area)\n",
        Told("", "a rest", "x"),
    ),
    "as the SDK writes, by place": (
        "from mecapy._entry import by_name\n"
        "def area(a, b, /, c): return {'x': a * b * c}\n"
        "calculate = by_name(area)\n",
        Told("a b c", "", "x"),
    ),
    "as the SDK writes, by place with a default": (
        "from mecapy._entry import by_name\n"
        "def area(a, b=1, /, *, c): return {'x': a * b * c}\n"
        "calculate = by_name(area)\n",
        Told("c", "a b", "x"),
    ),
}  # fmt: skip

# Reads by what the inputs are given to.
READ = "def read(values, name):\n    return values[name]\n"
POSITIVE = """
def number(values, name, unit="mm", minimum=0):
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name}: expected a number in {unit}")
    if value < minimum:
        raise ValueError(f"{name}: too small")
    return value


def positive(values, name, unit):
    value = number(values, name, unit)
    if value == 0:
        raise ValueError(name)
    return value
"""
FIELD = """
def field(values, name, default=None):
    if name in values:
        return values[name]
    if default is not None:
        return default
    raise ValueError(name)
"""

KNOWN |= {
    "by a helper": (
        READ + of("return {'x': read(inputs, 'a') + read(name='b', values=inputs)}"),
        Told("a b", "", "x"),
    ),
    "by a helper's helper": (
        POSITIVE + of("return {'x': positive(inputs, 'a', 'mm') + number(inputs, 'b')}"),
        Told("a b", "", "x"),
    ),
    "by a helper with a default": (
        FIELD + of("x = field(inputs, 'a')", "return {'x': x, 'y': field(inputs, 'b', 2)}"),
        Told("a", "b", "x y"),
    ),
    "by a helper with a default that is None": (
        FIELD + of("return {'x': field(inputs, 'a', default=None)}"),
        Told("a", "", "x"),
    ),
    "by a helper whose name has a default": (
        "def read(values, name='a', *, other='b'): return values[name] + values[other]\n"
        + of("return {'x': read(inputs) + read(inputs, 'c', other='a')}"),
        Told("a b c", "", "x"),
    ),
    "by a helper that a branch calls": (
        READ + of("x = read(inputs, 'a') if inputs['flag'] else 1", "return {'x': x}"),
        Told("flag", "a", "x"),
    ),
    "by a helper that returns before": (
        "def read(values, name):\n    if values['flag']: return 1\n    return values[name]\n"
        + of("return {'x': read(inputs, 'a')}"),
        Told("flag", "a", "x"),
    ),
    "by a helper that reads in a branch": (
        "def read(values, name, wanted):\n    if wanted: return values[name]\n    return 1\n"
        + of("return {'x': read(inputs, 'a', True) + read(inputs, 'b', inputs['flag'])}"),
        Told("a flag", "b", "x"),
    ),
    "by a helper that reads in no case": (
        "def read(values, name, wanted=False):\n    if wanted: return values[name]\n    return 1\n"
        + of("return {'x': read(inputs, 'a')}"),
        Told("", "a", "x"),
    ),
    "by a helper that catches": (
        "def read(values, name):\n    try:\n        return values[name]\n"
        "    except KeyError:\n        return 1\n" + of("return {'x': read(inputs, 'a')}"),
        Told("", "a", "x"),
    ),
    "by a helper whose failure is caught": (
        READ
        + of("try:", "    x = read(inputs, 'a')", "except KeyError:", "    x = 1")
        + "    return {'x': x}\n",
        Told("", "a", "x"),
    ),
    "by a helper that asks and goes on": (
        "def read(values, name):\n    value = values.get(name)\n"
        "    if value is None: value = 1\n    return value\n"
        + of("return {'x': read(inputs, 'a')}"),
        Told("", "a", "x"),
    ),
    "by a helper that calls itself": (
        "def read(values, name, again):\n"
        "    if again: return read(values, 'b', False)\n    return values[name]\n"
        + of("return {'x': read(inputs, 'a', inputs['flag'])}"),
        Told("flag", "b a", "x"),
    ),
    "by helpers that call each other": (
        "def one(v, n):\n    return two(v, n) if n == 'a' else v[n]\n"
        "def two(v, n): return one(v, 'b')\n" + of("return {'x': one(inputs, 'a')}"),
        Told("b", "a", "x"),
    ),
    "by a helper with more arguments": (
        "def read(values, *names, **more): return values['a']\n"
        + of("return {'x': read(inputs, 'b', 'c', inputs['b'], wanted=True)}"),
        Told("a b", "", "x"),
    ),
    "by a helper that gets them twice": (
        "def read(v, w): return v['a'] + w.get('b', 1)\n"
        + of("f = lambda: read(inputs, given)", "given = inputs", "return {'x': f()}"),
        Told("", "b a", "x"),
    ),
    "by a function within a helper": (
        "def read(values, name):\n    def inner(): return values[name]\n    return inner\n"
        + of("f = read(inputs, 'a')", "return {'x': f() if inputs['flag'] else 1}"),
        Told("flag", "a", "x"),
    ),
    "by a helper that is given the value": (
        "def number(value, name):\n    if value is None: raise ValueError(name)\n"
        "    return value\n" + of("return {'x': number(inputs.get('a'), 'a')}"),
        Told("a", "", "x"),
    ),
    "asked with an exception after": (
        of(
            "x = inputs.get('a')",
            "if not isinstance(x, int) or not x:",
            "    raise ValueError",
            "if 'b' not in inputs: raise ValueError",
            "if (z := inputs.get('c')) is None: raise ValueError",
            "return {'x': x + z}",
        ),
        Told("a b c", "", "x"),
    ),
    "asked with a default that fails": (
        of("x = inputs.get('a', 0)", "if not x: raise ValueError", "return {'x': x}"),
        Told("a", "", "x"),
    ),
    "asked with a default that does": (
        of("x = inputs.get('a', 1)", "if not x: raise ValueError", "return {'x': x}"),
        Told("", "a", "x"),
    ),
    "asked, and told otherwise": (
        of("x = inputs.get('a')", "if x is not None and x < 0: raise E", "return {'x': x}"),
        Told("", "a", "x"),
    ),
    "one of a table": (
        "TABLE = {1: 'one', 'x': 2}\n"
        + of(
            "a, b = inputs.get('a'), inputs.get('b')",
            "if a not in TABLE or b not in (1, 2):",
            "    raise ValueError(', '.join(TABLE) if b else sorted(TABLE))",
            "return {'x': TABLE[a]}",
        ),
        Told("a b", "", "x"),
    ),
    "one of a table that others change": (
        "TABLE = {1: 'one'}\ndef more(): TABLE[None] = 'none'\nmore()\n"
        + of("if inputs.get('a') not in TABLE: raise ValueError", "return {'x': 1}"),
        Told("", "a", "x"),
    ),
    "names one after another": (
        "NAMES = ('a', 'b')\n"
        + of(
            "x = y = 0",
            "for name in NAMES:",
            "    x += inputs[name]",
            "for name, factor in (('a', 2), ('c', 3)):",
            "    y += factor * inputs[name]",
            "return {'x': x, 'y': y}",
        ),
        Told("a b c", "", "x y"),
    ),
    "names one after another, checked": (
        POSITIVE
        + of(
            "for name in ('a', 'b'):",
            "    if name not in inputs: raise KeyError(name)",
            "x = [positive(inputs, name, unit) for name, unit in [('a', 'mm'), ('c', 'N')]]",
            "return {'x': x}",
        ),
        Told("a b c", "", "x"),
    ),
    "names that are left early": (
        of("for name in ('a', 'b'):", "    x = inputs[name]", "    if x: break", "return {'x': x}"),
        Told("", "a b", "x"),
    ),
    "names of which some are taken": (
        of("x = [inputs[n] for n in ('a', 'b') if n in inputs]", "return {'x': x}"),
        Told("", "a b", "x"),
    ),
    "names for what nobody asks": (
        of("x = (inputs[n] for n in ('a', 'b'))", "return {'x': inputs['c']}"),
        Told("c", "a b", "x"),
    ),
    "names, unpacked": (
        of(
            "a, b = (inputs[n] for n in ('a', 'b'))",
            "x = {n: inputs.get(n) for n in ('a', 'c')}",
            "return {'x': [a, b, sum(inputs[k] for k in ('a',))]}",
        ),
        Told("a b", "c", "x"),
    ),
    "a variable of the turn before": (
        of(
            "x = None",
            "v = 1",
            "for n in ('a', 'b'):",
            "    if n == 'b' and w is None: raise ValueError",
            "    w = inputs.get(n, 0)",
            "return {'x': v}",
        ),
        Told("", "a b", "x"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_told_is_what_it_does(name: str) -> None:
    code, told = KNOWN[name]
    assert told_of(code) == told
    if told.needed is None or told.further is None:
        return
    calculate = calculation(code)
    values = {**ALL, "rest": [4]}
    needed = {one: values[one] for one in told.needed.split()}
    every = needed | {one: values[one] for one in told.further.split()}
    for given in (every, {**every, "flag": False} if "flag" in every else every):
        try:
            result = calculate(dict(given))
        except ValueError:  # as the code says
            continue
        if told.members is not None:
            assert set(result) <= set(told.members.split())
    for missing in needed:
        with pytest.raises((KeyError, TypeError, ValueError)):
            calculate({one: value for one, value in every.items() if one != missing})


# Of these nothing is told that they might not keep.
UNKNOWN_INPUTS = {
    "all of them": of("return {'x': len(inputs)}"),
    "a name that is not written": of("n = str('a')", "return {'x': inputs[n]}"),
    "a number": of("return {'x': inputs[0]}"),
    "set": of("inputs['a'] = 1", "return {'x': inputs['a']}"),
    "added to": of("inputs['a'] += 1", "return {'x': inputs['a']}"),
    "taken out": of("return {'x': inputs.pop('a')}"),
    "deleted": of("del inputs['a']", "return {}"),
    "bound again": of("inputs = dict(inputs)", "return {'x': inputs['a']}"),
    "bound by a loop": of("for inputs in []: pass", "return {'x': inputs['a']}"),
    "bound by with": of("with open('f') as inputs: pass", "return {'x': inputs['a']}"),
    "bound by import": of("import math as inputs", "return {'x': inputs['a']}"),
    "bound by except": of("try: pass", "except E as inputs: pass", "return {'x': inputs['a']}"),
    "bound by match": of("match 1:", "    case inputs: pass", "return {'x': inputs['a']}"),
    "another's argument": of("f = lambda inputs: inputs['b']", "return {'x': f(2)}"),
    "asked oddly": of("return {'x': inputs.get(*['a'])}"),
    "asked by a method": of("return {'x': list(map(inputs.get, 'ab'))}"),
    "compared": of("return {'x': 'a' in inputs in [1]}"),
    "passed to a helper that gives it back": "def f(i): return i\n" + of("f(inputs)", "return {}"),
    "passed to a helper that keeps it": "def f(i): KEPT.append(i)\nKEPT = []\n"
    + of("f(inputs)", "return {}"),
    "passed to a helper that changes it": "def f(i): i['a'] = 1\n" + of("f(inputs)", "return {}"),
    "passed to a helper that goes through it": "def f(i): return [*i]\n"
    + of("f(inputs)", "return {}"),
    "passed to a helper that is bound again": READ
    + "read = print\n"
    + of("read(inputs, 'a')", "return {}"),
    "passed to a helper that is decorated": "@wrap\n" + READ + of("read(inputs, 'a')", "return {}"),
    "passed to a helper that generates": "def f(i): yield i['a']\n" + of("f(inputs)", "return {}"),
    "passed to a helper within": of(
        "def read(values, name): return values[name]", "read(inputs, 'a')", "return {}"
    ),
    "passed to a helper of another's name": READ
    + of("for read in [print]: read(inputs, 'a')", "return {}"),
    "passed to a method": "class A:\n    def f(self, i): return i['a']\n"
    + of("A().f(inputs)", "return {}"),
    "passed to a class": "class A:\n    def __init__(self, i): self.a = i['a']\n"
    + of("A(inputs)", "return {}"),
    "passed to a helper as one of many": "def f(*i): return i[0]['a']\n"
    + of("f(inputs)", "return {}"),
    "passed to a helper as one of many by name": "def f(**i): return i['j']['a']\n"
    + of("f(j=inputs)", "return {}"),
    "passed to a helper with others": READ + of("read(inputs, *['a'])", "return {}"),
    "passed to a helper with others by name": READ
    + of("read(inputs, **{'name': 'a'})", "return {}"),
    "passed to a helper that has no such argument": READ + of("read(inputs, 'a', 1)", "return {}"),
    "passed to a helper with a name from elsewhere": READ
    + of("read(inputs, str('a'))", "return {}"),
    "passed to a helper that binds the name": "def f(i, n):\n    n = 'b'\n    return i[n]\n"
    + of("f(inputs, 'a')", "return {}"),
    "passed to a helper that binds them": "def f(i):\n    i = g\n    return i['a']\n"
    + of("f(inputs)", "return {}"),
    "passed to a helper with a query": "def f(i): return table.query('a > @i[\"x\"]')\n"
    + of("f(inputs)", "return {}"),
    "a name that loops": of("for n in NAMES: inputs[n]", "return {}") + "NAMES = ['a']\n",
    "a name that loops and is bound": of(
        "for n in ('a',):", "    n = n.upper()", "    inputs[n]", "return {}"
    ),
    "a name after its loop": of("for n in ('a', 'b'): pass", "return {'x': inputs[n]}"),
    "a name of another's loop": of("x = [n for n in ('a', 'b')]", "return {'x': inputs[n]}")
    + "n = str('c')\n",
    "a name with another scope": of(
        "def f():",
        "    nonlocal n",
        "    n = 'c'",
        "for n in ('a', 'b'):",
        "    f()",
        "    inputs[n]",
        "return {}",
    ),
    "a variable that may be another turn's": of(
        "m = 'c'", "for n in ('a', 'b'):", "    inputs[k]", "    k = n", "return {}"
    ),
    "another name that is bound again": of(
        "given = inputs", "given = {}", "return {'x': given['a']}"
    ),
    "another name that is everybody's": of("global given", "given = inputs", "return {}"),
    "builtins": "import builtins\nbuiltins.isinstance = print\n" + of("return {'x': inputs['a']}"),
    "passed to anything": of("return dict(**inputs)"),
    "passed beside another": "def f(a, b): pass\n" + of("f(1, **inputs)", "return {}"),
    "passed to what takes any": "def f(**named): pass\n" + of("f(**inputs)", "return {}"),
    "passed by place only": "def f(a, /): pass\n" + of("f(**inputs)", "return {}"),
    "passed to a function of its own": "def f(a): pass\n"
    + of("def f(b): pass", "f(**inputs)", "return {}"),
    "passed to what is decorated": "@wrap\ndef f(a): pass\n" + of("f(**inputs)", "return {}"),
    "passed to what is bound again": "def f(a): pass\nf = g\n" + of("f(**inputs)", "return {}"),
    "passed to what a function binds": "def f(a): pass\n"
    + of("g()", "f(**inputs)", "return {}")
    + "def g():\n    global f\n    f = print",
    "all its variables": of("return {'x': locals()}"),
    "a query": of("return {'x': table.query('a > @inputs[\"limit\"]')}"),
    "a query elsewhere": "Q = 'a > @inputs[\"limit\"]'\n" + of("return {'x': table.query(Q)}"),
    "a class's own name": of("class A:", "    x = inputs", "return {}"),
    "a mark": of("return {'x': inputs['$type']}"),
    "an empty name": of("return {'x': inputs['']}"),
    "a name that is no text": of("return {'x': inputs['\\ud800']}"),
    "a long name": of(f"return {{'x': inputs['{'n' * 101}']}}"),
    "too many": of(*(f"inputs['n{i}']" for i in range(201)), "return {}"),
    "no argument": "def calculate(): return {}",
    "any arguments": "def calculate(*inputs): return {}",
    "by name only": "def calculate(*, inputs): return {'x': inputs['a']}",
    "the SDK's with any": "from mecapy._entry import by_name\n"
    "def f(a, **named): return {}\ncalculate = by_name(f)",
}


@pytest.mark.parametrize("name", UNKNOWN_INPUTS)
def test_inputs_that_are_not_surely_known_are_not_told(name: str) -> None:
    assert facts_of(ast.parse(UNKNOWN_INPUTS[name])).inputs is None


UNKNOWN_RESULTS = {
    "no dict": of("return 1"),
    "none": of("return"),
    "no return": of("pass"),
    "only an exception": of("raise ValueError"),
    "falls off a branch": of("if inputs['a']:", "    return {'x': 1}"),
    "falls off a loop": of("while inputs['a']:", "    return {'x': 1}"),
    "breaks out of a loop": of("while True:", "    if f(): break", "    return {'x': 1}"),
    "falls off what is suppressed": of("with suppress(E):", "    return {'x': 1}"),
    "falls off a handler": of("try:", "    return {'x': 1}", "except E:", "    pass"),
    "one is no dict": of("if inputs['a']:", "    return {'x': 1}", "return 2"),
    "a key that is not written": of("return {key: 1}"),
    "a key that is no text": of("return {1: 1}"),
    "another dict in it": of("return {'x': 1, **more}"),
    "dict()": of("return dict(x=1)"),
    "a mark": of("return {'$type': 'float', 'value': 'nan'}"),
    "too many": of(f"return {{{', '.join(f'{n!r}: 1' for n in map(str, range(201)))}}}"),
    "an argument": of("return inputs"),
    "a module's dict": "OUT = {'x': 1}\n" + of("return OUT"),
    "a module's dict with a namesake within": "out = {'y': 1}\n"
    + of("def f():", "    out = {'x': 1}", "return out"),
    "a dict with another name": of("out = more = {'x': 1}", "more['y'] = 2", "return out"),
    "a dict that is given away": of("out = {'x': 1}", "f(out)", "return out"),
    "a dict that is updated": of("out = {'x': 1}", "out.update(y=2)", "return out"),
    "a dict that is joined": of("out = {'x': 1}", "out |= {'y': 2}", "return out"),
    "a dict with any member": of("out = {'x': 1}", "out[key] = 2", "return out"),
    "a dict without one": of("out = {'x': 1}", "del out['x']", "return out"),
    "a dict made twice": of("out = {}", "if f(): out = {'x': 1}", "return out"),
    "a dict of another's": of("global out", "out = {'x': 1}", "f()", "return out"),
    "a dict bound by the way": of("f(out := {'x': 1})", "return out"),
    "a dict that a function within gives": of(
        "def made(): return out", "out = {'x': 1}", "made()['y'] = 2", "return out"
    ),
    "a dict in a list": of("out, = {'x': 1},", "return out"),
    "what another function gives": of("return f()") + "f = lambda: {'x': 1}",
    "what a decorated function gives": of("return f()") + "@wrap\ndef f(): return {'x': 1}",
    "what a method gives": of("return A().f()") + "class A:\n    def f(self): return {'x': 1}",
    "what a function of its own gives": "def f(): return {'x': 1}\n" + of("f = g", "return f()"),
    "what it gives itself": of("return calculate(inputs)"),
    "what two give each other": of("return f()") + "def f(): return calculate({})",
}


@pytest.mark.parametrize("name", UNKNOWN_RESULTS)
def test_members_that_are_not_surely_known_are_not_told(name: str) -> None:
    assert facts_of(ast.parse(UNKNOWN_RESULTS[name])).results is None


FINE = of("return {'x': inputs['a']}")
NOTHING = {
    "none": "x = 1",
    "two": FINE + FINE,
    "taken away": FINE + "del calculate",
    "bound again": FINE + "calculate = other",
    "bound by walrus": FINE + "print(calculate := other)",
    "bound by a default": FINE + "def f(x=(calculate := other)): pass",
    "bound by a function": FINE + "def f():\n    global calculate\n    calculate = 1\nf()",
    "bound by a star": FINE + "from other import *",
    "bound by its module": "import calc\n" + FINE + "calc.calculate = other",
    "bound by its module's name": FINE + "import sys\nsys.modules[__name__].calculate = other",
    "bound by text": FINE + "exec('calculate = other')",
    "bound by globals": FINE + "globals()['calculate'] = other",
    "changed": FINE + "calculate.__code__ = other.__code__",
    "perhaps": "if flag:\n    " + FINE.replace("\n", "\n    "),
    "decorated": "@wrap\n" + FINE,
    "a lambda": "calculate = lambda inputs: {'x': inputs['a']}",
    "async": "async " + FINE,
    "a generator": of("yield {'x': inputs['a']}"),
    "a class": "class calculate:\n    def __new__(self, inputs): return {'x': inputs['a']}",
    "made by another": "from other import by_name\ndef f(a): return {}\ncalculate = by_name(f)",
    "made by what is bound again": "from mecapy._entry import by_name\nby_name = g\n"
    "def f(a): return {}\ncalculate = by_name(f)",
    "made of what is decorated": "from mecapy._entry import by_name\n"
    "@wrap\ndef f(a): return {}\ncalculate = by_name(f)",
    "made of what wraps": "from mecapy._entry import by_name\n"
    "def f(a): return {}\nf.__wrapped__ = g\ncalculate = by_name(f)",
}


@pytest.mark.parametrize("name", NOTHING)
def test_where_it_is_not_sure_what_is_called_nothing_is_told(name: str) -> None:
    assert facts_of(ast.parse(NOTHING[name])) == (None, None)


def test_what_may_be_told_is_what_is_sent() -> None:
    facts = facts_of(ast.parse(of("return {'x': inputs['a'], 'y': inputs.get('b')}")))
    assert facts.members() == {
        "inputs": [{"name": "a", "required": True}, {"name": "b", "required": False}],
        "results": ["x", "y"],
    }
    assert facts_of(ast.parse("x = 1")).members() == {}


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_no_run_of_a_code_contradicts_what_is_told(first: int) -> None:
    known = 0
    for seed in range(first, first + 100):
        code = Writer(seed).code()
        inputs = facts_of(ast.parse(code)).inputs
        if inputs is None:
            continue
        known += 1
        for values in ((1, 2, 3), (None, 0, "a")):
            for given in some_of(dict(zip(NAMES, values, strict=True))):
                read, ended_well = run_of(code, given)
                assert read <= set(inputs), (seed, given)
                needed = {name for name, required in inputs.items() if required}
                assert not ended_well or needed <= set(given), (seed, given)
    assert known > 20


def some_of(values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for count in range(len(values) + 1):
        for names in itertools.combinations(values, count):
            yield {name: values[name] for name in names}


class Read(dict[str, Any]):
    """Inputs that remember which of them were asked for."""

    asked: set[Any]

    def __getitem__(self, name: Any) -> Any:
        self.asked.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: Any) -> bool:
        self.asked.add(name)
        return super().__contains__(name)

    def get(self, name: Any, other: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, other)


def run_of(code: str, given: dict[str, Any]) -> tuple[set[Any], bool]:
    """What a run reads, and whether it ends well."""
    inputs = Read(given)
    inputs.asked = set()
    try:
        calculation(code)(inputs)
    except Exception:
        return inputs.asked, False
    return inputs.asked, True


EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@pytest.mark.parametrize(("name", "count"), [("joint-workflow", 41), ("shaft-workflow", 21)])
def test_of_the_examples_each_missing_or_misspelled_input_is_told(name: str, count: int) -> None:
    definition = yaml.safe_load((EXAMPLES / name / "workflow.yaml").read_text())
    told = 0
    for node in definition["nodes"].values():
        facts = facts_of(ast.parse((EXAMPLES / name / node["task"]).read_text()))
        assert facts.inputs == dict.fromkeys(node["inputs"], True)  # a further one is not read
        told += len(node["inputs"])
    assert told == count


def many(count: int, line: str) -> str:
    return of(*(line.format(i=i) for i in range(count)), "return {'x': 1}")


HOSTILE = {
    "helpers that call the next": "".join(
        f"def f{i}(v, n): return f{i + 1}(v, n)\n" for i in range(3000)
    )
    + of("f0(inputs, 'a')", "return {'x': 1}"),
    "helpers that call two": "".join(
        f"def f{i}(v, n, m): return f{i + 1}(v, n, 1) + f{i + 1}(v, n, 2)\n" for i in range(25)
    )
    + of("f0(inputs, 'a', 0)", "return {'x': 1}"),
    "a helper that calls itself with more": "def f(v, n, m=0): return f(v, 'a' + n, 1)\n"
    + of("f(inputs, 'a')", "return {'x': 1}"),
    "thousands of calls": READ + many(4000, "read(inputs, 'n{i}')"),
    "thousands of calls with one name": READ + many(4000, "read(inputs, 'a')"),
    "thousands of ways to call": "def f(v, n, m): return v[n]\n"
    + many(4000, "f(inputs, 'a', {i})"),
    "thousands of helpers": "".join(f"def f{i}(v): return v['n{i % 150}']\n" for i in range(3000))
    + many(3000, "f{i}(inputs)"),
    "a long helper": "def f(v, n, m):\n"
    + "    v[n] + m\n" * 3000
    + many(3000, "f(inputs, 'a', {i})"),
    "loops in loops": of(
        *(f"{' ' * i}for n{i} in {('a', 'b', 'c', 'd') * 40}:" for i in range(15)),
        f"{' ' * 15}inputs[n0] + inputs[n14] + inputs.get(n7)",
        "return {'x': 1}",
    ),
    "many loops": many(500, f"for n in {tuple(f'n{i}' for i in range(150))}: inputs[n]"),
    "names deep within": of("x = " + "-" * 1500 + "[" + "inputs[n], " * 5000 + "]", "n = 'a'"),
    "variables that stand for two": of(
        "v0 = inputs.get('a')",
        *(f"v{i + 1} = v{i} is v{i} is None or v{i}" for i in range(500)),
        *(f"w{i + 1} = (w{i}, w{i})" for i in range(30)),
        "w0 = 1",
        "if w30 not in (w30, v500): raise ValueError",
        "return {'x': 1}",
    ),
    "many that may be missing": of(
        *(f"v{i} = inputs.get('n{i}')" for i in range(190)),
        *("if v1 is v2: pass" for _ in range(6000)),
        "return {'x': 1}",
    ),
    "a table with many uses": "T = {'a': 1}\n"
    + many(4000, "if inputs.get('n{i}') in T: print(T['a'])"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_does_not_take_long(name: str) -> None:
    tree = ast.parse(HOSTILE[name])
    begun = time.process_time()
    facts_of(tree)
    assert time.process_time() - begun < 2.0  # of the 3 s that a look has


@pytest.mark.parametrize(
    "code",
    [
        "".join(f"def f{i}(): return f{i + 1}()\n" for i in range(5000)) + of("return f0()"),
        of("if inputs['a']: return {}", *(["elif inputs['b']: return {}"] * 2500)),
        of("return {'x': " + "-" * 2000 + "inputs['a']}"),
        of(*["x = 1"] * 40_000, "return {'x': 1}"),
    ],
    ids=["functions", "branches", "signs", "lines"],
)
def test_code_of_any_depth_and_length_is_looked_at(code: str) -> None:
    facts = facts_of(ast.parse(code))
    assert facts.results is None or facts.results == ["x"]


WIDE = ", ".join(f"a{i}=0" for i in range(20_000))
MEMBERS = ", ".join(f"'a{i}': 0" for i in range(15_000))
CHOICES = [f"if x == {i}: return f()" for i in range(6000)]


@pytest.mark.parametrize(
    "code",
    [
        f"def f({WIDE}): return {{}}\n" + of(*["f(**inputs)"] * 6000, "return {}"),
        f"def f(): return {{{MEMBERS}}}\n" + of("x = inputs['a']", *CHOICES, "return f()"),
    ],
    ids=["arguments", "members"],
)
def test_of_code_that_reads_or_gives_very_much_nothing_is_told_and_soon(code: str) -> None:
    tree = ast.parse(code)
    begun = time.process_time()
    facts = facts_of(tree)
    assert time.process_time() - begun < 1.5, "a look has 3 s, with all else it does"
    assert facts.inputs is None or facts.results is None, "more than is told"


def test_what_never_ends_well_fails_for_no_input() -> None:
    facts = facts_of(ast.parse(of("inputs.get('a')", "raise ValueError('no')")))
    assert facts.inputs == {"a": False}
