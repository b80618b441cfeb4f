"""Which members of its dict of inputs a function reads, itself and by what it calls with it.

A function is looked at anew for each set of known arguments that it is called with, so that of
``positive(inputs, "x")`` it is known that it reads "x", and whether it fails without.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from mecapy._known import Around, Known, TooMuch
from mecapy._scope import Seen
from mecapy._trees import assigned, surely

_MOST_NAMES = 200
_DEEPEST = 30  # functions that call one another
_PLAIN = (str, int, float, bool, type(None))


class Unclear(Exception):  # noqa: N818
    """What is read cannot be known."""


class Module(Around, Protocol):
    """What is asked of the module of a calculation."""

    def plain(self, name: str) -> ast.FunctionDef | None:
        """The function that a call of a name calls, and nothing else."""

    def view(self, name: str, function: ast.FunctionDef) -> Seen:
        """What is seen of it."""

    def passed(self, seen: Seen, call: ast.Call) -> dict[str, bool] | None:
        """What ``function(**inputs)`` reads of them, and whether it fails without."""

    def may_spend(self, steps: int) -> bool:
        """Whether what is not so important may take that many steps."""

    def is_in_a_query(self, name: str) -> bool:
        """Whether a text may read a variable."""


def reads_of(module: Module, name: str) -> dict[str, bool] | None:
    """What a function reads of its first argument, and whether each run that ends well needs it."""
    function = module.plain(name)
    if function is None:
        return None
    given = [*function.args.posonlyargs, *function.args.args][:1]
    if not given:
        return None
    reads = _Reads(module)
    try:
        needed = reads.outcome(_Call(name, frozenset({given[0].arg}), ())).needed
    except (RecursionError, TooMuch, Unclear):
        return None
    return {one: one in needed for one in reads.told}


class _Call(NamedTuple):
    """A function, called with the inputs as some arguments, and with values that are known."""

    name: str
    inputs: frozenset[str]
    values: tuple[tuple[str, str, Any], ...]  # argument, type, value: 1 and True are two


class _Outcome(NamedTuple):
    needed: frozenset[str] = frozenset()  # without which it does not end well
    never: bool = False  # it does not end well


class _Reads:
    def __init__(self, module: Module) -> None:
        self.told: dict[str, None] = {}  # all that may be read
        self._module = module
        self._outcomes: dict[_Call, _Outcome] = {}
        self._depth = 0

    def outcome(self, call: _Call) -> _Outcome:
        """What is sure of a function when it is called so."""
        if call not in self._outcomes:
            self._outcomes[call] = _Outcome()  # of one that calls itself
            if self._depth >= _DEEPEST:
                raise Unclear
            self._depth += 1
            self._outcomes[call] = _Body(self, self._module, call).outcome()
            self._depth -= 1
        return self._outcomes[call]

    def tell(self, names: Iterable[str]) -> None:
        self.told |= dict.fromkeys(names)
        if len(self.told) > _MOST_NAMES:
            raise Unclear


class _Body:
    """One function, called in one way."""

    def __init__(self, reads: _Reads, module: Module, call: _Call) -> None:
        function = module.plain(call.name)
        if function is None:
            raise Unclear
        self._function = function
        self._reads = reads
        self._module = module
        self._seen = module.view(call.name, function)
        values = {name: value for name, _, value in call.values}
        self._known = Known(module, self._seen, set(call.inputs), values)
        self._names: dict[ast.AST, ast.expr] = {}  # reads that fail without, by what names them
        self._passed: dict[ast.AST, frozenset[str]] = {}  # f(**inputs): what that fails without
        self._calls: set[ast.AST] = set()  # with the inputs as an argument
        self._asked: set[str] = set()  # read by what does not fail without

    def outcome(self) -> _Outcome:
        uses = self._uses()
        if self._known.inputs and not uses:
            return _Outcome()
        for use in uses:
            self._look_at(use)
        found = surely(self._function.body, self)
        # What never ends well does not because of what is not there.
        failing = set() if found.never else self._failing(found.names)
        return _Outcome(frozenset(found.names | failing), found.never)

    # What is read

    def _uses(self) -> list[ast.Name]:
        """Where the inputs are used, by all the names that they have."""
        found = []
        waiting = sorted(self._known.inputs)
        while waiting:
            name = waiting.pop()
            its_own = "__" not in name and self._seen.bound[name] == 1  # classes change names
            if not its_own or self._module.is_in_a_query(name):
                raise Unclear
            for use in self._seen.uses.get(name, []):
                self._module.spend()
                other = self._other_name(use)
                if other is not None:
                    self._known.inputs.add(other)
                    waiting.append(other)
                elif isinstance(use.ctx, ast.Load):
                    found.append(use)
        return found

    def _other_name(self, use: ast.Name) -> str | None:
        """The variable that is made the same dict there."""
        made = self._seen.parents[use]
        target = made.targets[0] if isinstance(made, ast.Assign) else None
        if not isinstance(target, ast.Name) or assigned(made) is not use:
            return None
        return target.id if self._seen.made_by(target.id) is made else None

    def _look_at(self, use: ast.Name) -> None:
        """Takes note of what a use of the inputs reads."""
        parent = self._seen.parents[use]
        above = self._seen.parents.get(parent)
        if isinstance(parent, ast.Subscript) and parent.value is use:
            if not isinstance(parent.ctx, ast.Load):
                raise Unclear
            self._names[parent] = parent.slice
            self._tell(parent.slice)
        elif isinstance(parent, ast.Compare) and _asks(parent, use):
            self._tell(parent.left, asks=True)
        elif isinstance(parent, ast.Attribute) and isinstance(above, ast.Call):
            self._tell(_asked_by(parent, above), asks=True)
        elif isinstance(parent, ast.keyword) and isinstance(above, ast.Call):
            (self._pass if parent.arg is None else self._follow)(above)
        elif isinstance(parent, ast.Call):
            self._follow(parent)
        else:
            raise Unclear

    def _tell(self, name: ast.expr, *, asks: bool = False) -> None:
        for [value] in self._known.every([name]):
            if not isinstance(value, str):
                raise Unclear
            self._reads.tell([value])
            if asks:
                self._asked.add(value)

    # What is called

    def _pass(self, call: ast.Call) -> None:
        told = self._module.passed(self._seen, call)
        if told is None:
            raise Unclear
        self._module.spend(len(told))
        self._reads.tell(told)
        self._passed[call] = frozenset(name for name, fails in told.items() if fails)

    def _follow(self, call: ast.Call) -> None:
        self._calls.add(call)
        for known in self._known.every(_arguments(call)):
            inner = self._called(call, known)
            if inner is None:
                raise Unclear
            self._reads.outcome(inner)

    def _called(self, call: ast.Call, known: list[Any]) -> _Call | None:
        """A call of a function, when its arguments are known to be these; None: of anything."""
        function = self._module.plain(call.func.id) if isinstance(call.func, ast.Name) else None
        if function is None or self._seen.bound[function.name]:
            return None
        places = _places(call, function.args)
        if places is None:
            return None
        inputs = set()
        given = {name: value for name, value in _defaults(function.args) if name not in places}
        for place, node, value in zip(places, _arguments(call), known, strict=True):
            if isinstance(node, ast.Name) and node.id in self._known.inputs:
                if not place:
                    return None
                inputs.add(place)
            elif place:
                given[place] = value
        kept = sorted(name for name in given if isinstance(given[name], _PLAIN))
        values = tuple((name, type(given[name]).__name__, given[name]) for name in kept)
        return _Call(function.name, frozenset(inputs), values)

    # What is surely done (`mecapy._trees`)

    def _failing(self, needed: set[str]) -> set[str]:
        """Further names without which it surely fails, by what it does when one is not there."""
        failing = set()
        for name in sorted(self._asked - needed):
            if not self._module.may_spend(2 * len(self._seen.parents)):
                break
            self._known.absent = name
            if surely(self._function.body, self).never:
                failing.add(name)
        self._known.absent = None
        return failing

    @property
    def absent(self) -> str | None:
        return self._known.absent

    def needs(self, node: ast.AST) -> Iterable[str]:
        self._module.spend()
        if node in self._names:
            name = self._known.value(self._names[node])
            return [name] if isinstance(name, str) else []
        if node in self._passed:
            return self._passed[node]
        if not isinstance(node, ast.Call) or node not in self._calls and self.absent is None:
            return []
        inner = self._called(node, [self._known.value(one) for one in _arguments(node)])
        if inner is None or not inner.values and not inner.inputs:
            return []
        found = self._reads.outcome(inner)
        return [self.absent] if found.never and self.absent else found.needed

    def truth(self, test: ast.expr) -> bool | None:
        return self._known.truth(test)

    def turns(self, node: ast.AST) -> Iterator[None]:
        return self._known.turns(node)


def _asks(compare: ast.Compare, inputs: ast.Name) -> bool:
    """Whether a comparison is ``name in inputs`` or ``name not in inputs``."""
    asks = len(compare.ops) == 1 and isinstance(compare.ops[0], (ast.In, ast.NotIn))
    return asks and compare.left is not inputs


def _asked_by(get: ast.Attribute, call: ast.Call) -> ast.expr:
    """The name in ``inputs.get(name)`` or ``inputs.get(name, other)``."""
    if get.attr != "get" or call.func is not get or call.keywords:
        raise Unclear
    if len(call.args) not in (1, 2) or any(isinstance(one, ast.Starred) for one in call.args):
        raise Unclear
    return call.args[0]


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(one.value for one in call.keywords)]


def _places(call: ast.Call, its: ast.arguments) -> list[str] | None:
    """The arguments that the values of a call become; "": one of many; None: not known."""
    by_place = [one.arg for one in (*its.posonlyargs, *its.args)]
    by_name = [one.arg for one in (*its.args, *its.kwonlyargs)]
    places = by_place[: len(call.args)]
    if any(isinstance(one, ast.Starred) for one in call.args):
        return None
    further = len(call.args) - len(places)
    if further and not its.vararg:
        return None
    places += [""] * further
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg in places:
            return None
        if keyword.arg not in by_name and not its.kwarg:
            return None
        places.append(keyword.arg if keyword.arg in by_name else "")
    return places


def _defaults(its: ast.arguments) -> Iterator[tuple[str, Any]]:
    """Arguments with the plain values that they have when they are not given."""
    placed = [*its.posonlyargs, *its.args]
    with_default = placed[len(placed) - len(its.defaults) :]
    pairs = [
        *zip(with_default, its.defaults, strict=True),
        *zip(its.kwonlyargs, its.kw_defaults, strict=True),
    ]
    for one, default in pairs:
        if isinstance(default, ast.Constant):
            yield one.arg, default.value
