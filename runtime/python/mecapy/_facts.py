"""What is known of a calculation before it runs: which inputs it reads, which members it gives.

Only the tree of its code is looked at, and nothing is told that may be wrong: code that could read
or give more than is seen is unknown. Of hostile code the answer may be anything; it decides about
its own author's work only.
"""

from __future__ import annotations

import ast
from collections import Counter
from typing import Any, NamedTuple

from mecapy._known import UNKNOWN, TooMuch
from mecapy._reads import reads_of
from mecapy._scope import Seen
from mecapy._trees import (
    arguments_of,
    assigned,
    bound_by,
    bound_by_statement,
    falls_off,
    keys_of,
    own,
    plain_value,
    top,
)

# What is told of one calculation at most (src/model/look.h); of more, nothing.
_MOST = 200
_LONGEST = 100  # characters of a name
_MOST_NODES = 100_000  # of code that is looked at: some 0.3 s
_MOST_STEPS = 400_000  # through what reads the inputs: some 0.6 s

_LOOKING = ("frozenset", "len", "list", "max", "min", "set", "sorted", "tuple")  # at a dict's keys

_ENTRY = "calculate"
_MARK = "$type"  # an object with this member means something else (`mecapy._encoding`)

# By these a name can be bound, a function changed, or an input read without being spelled.
_MEDDLING = frozenset(
    ("globals", "locals", "vars", "exec", "eval", "setattr", "delattr", "__import__")
    + ("__dict__", "__setattr__", "__globals__", "__builtins__", "modules", "import_module")
    + ("__code__", "__defaults__", "__kwdefaults__", "__wrapped__", "update_wrapper")
    + ("f_globals", "f_locals", "_getframe", "currentframe")
)
_ITSELF = (
    "calc",
    "__main__",
    "builtins",
)  # modules that may be the calculation's own, or bind any name


class Facts(NamedTuple):
    """What is known; None: nothing is."""

    inputs: dict[str, bool] | None = None  # by name, whether every run needs it; no others are read
    results: list[str] | None = None  # members that a result may have; it has no others

    def members(self) -> dict[str, Any]:
        """What is known, as members of the answer to a look."""
        told: dict[str, Any] = {}
        if self.inputs is not None:
            told["inputs"] = [{"name": n, "required": r} for n, r in self.inputs.items()]
        if self.results is not None:
            told["results"] = self.results
        return told


def facts_of(tree: ast.Module) -> Facts:
    """What is known of the calculation in a module."""
    try:
        return _Module(tree).facts()
    except (RecursionError, _Unknown):
        return Facts()


class _Unknown(Exception):  # noqa: N818
    """More cannot be known."""


class _Module:
    """The module-level functions of a calculation that are surely what is called by their names."""

    def __init__(self, tree: ast.Module) -> None:
        within_functions: set[str] = set()  # names that are bound up here from within one
        last_star = (0, 0)
        self._queries: list[str] = []  # texts by which pandas may read a variable
        for count, node in enumerate(ast.walk(tree)):
            if count >= _MOST_NODES or _meddles(node):
                raise _Unknown
            if isinstance(node, ast.Global):
                within_functions |= set(node.names)
            elif isinstance(node, ast.alias) and node.name == "*":
                last_star = max(last_star, (node.lineno, node.col_offset))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._queries += [node.value] if "@" in node.value else []
        here = [node for node in own(tree.body) if not isinstance(node, ast.arg)]
        bound = Counter(name for node in here for name in bound_by(node))
        self._tree = tree
        self._bound = within_functions | set(bound)
        self._may_bind_any = last_star > (0, 0)
        self._statements: dict[str, ast.stmt] = {}  # those that alone bind a name
        for statement in top(tree.body):
            behind_stars = (statement.lineno, statement.col_offset) > last_star
            for name in bound_by_statement(statement):
                if bound[name] == 1 and name not in within_functions and behind_stars:
                    self._statements[name] = statement
        self._seen: dict[str, Seen] = {}
        self._results: dict[str, list[str] | None] = {}
        self._whole: Seen | None = None
        self._constants: dict[str, Any] = {}
        self._spent = 0

    def facts(self) -> Facts:
        entry = self._statements.get(_ENTRY)
        if isinstance(entry, ast.FunctionDef):
            return Facts(_bounded(reads_of(self, _ENTRY)), _bounded(self._members(_ENTRY)))
        name = self._called_by_name(entry)
        if name is None:
            return Facts()
        return Facts(_bounded(self._arguments(name)), _bounded(self._members(name)))

    def plain(self, name: str) -> ast.FunctionDef | None:
        """The function that a call of `name` calls, and nothing else; it gives what it returns."""
        found = self._statements.get(name)
        if not isinstance(found, ast.FunctionDef) or found.decorator_list:
            return None
        return None if self.view(name, found).yields else found

    def view(self, name: str, function: ast.FunctionDef) -> Seen:
        if name not in self._seen:
            self._seen[name] = Seen(function)
        return self._seen[name]

    def _called_by_name(self, entry: ast.stmt | None) -> str | None:
        """The function of ``calculate = by_name(function)``: what the SDK writes."""
        call = entry.value if isinstance(entry, ast.Assign) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            return None
        if not self._is_by_name(call.func.id) or call.keywords or len(call.args) != 1:
            return None
        given = call.args[0]
        return given.id if isinstance(given, ast.Name) else None

    def _is_by_name(self, name: str) -> bool:
        origin = self._statements.get(name)
        if not isinstance(origin, ast.ImportFrom) or origin.module != "mecapy._entry":
            return False
        return any(one.name == "by_name" and bound_by(one) == (name,) for one in origin.names)

    # Inputs

    def _arguments(self, name: str) -> dict[str, bool] | None:
        """Of a function whose arguments the inputs are: its arguments (`mecapy._entry`)."""
        function = self.plain(name)
        if function is None or function.args.kwarg:  # ** takes any
            return None
        its = function.args
        told = arguments_of(its) | ({its.vararg.arg: False} if its.vararg else {})
        placed = [*its.posonlyargs, *(its.args if its.vararg else ())]
        if not all(told[one.arg] for one in placed) or its.vararg:  # others come to their places
            told |= dict.fromkeys((one.arg for one in placed), False)
        return told

    def passed(self, seen: Seen, call: ast.Call) -> dict[str, bool] | None:
        """What ``function(**inputs)`` reads of them, and whether it fails without."""
        if call.args or len(call.keywords) > 1 or not isinstance(call.func, ast.Name):
            return None
        function = self.plain(call.func.id)
        if function is None or seen.bound[call.func.id]:
            return None
        its = function.args
        if its.posonlyargs or its.vararg or its.kwarg:
            return None
        if len(its.args) + len(its.kwonlyargs) > _MOST:
            return None
        return arguments_of(its)

    # What is asked of it there (`mecapy._reads`, `mecapy._known`)

    def is_in_a_query(self, name: str) -> bool:
        return any("@" + name in text for text in self._queries)

    def is_builtin(self, name: str) -> bool:
        return name not in self._bound and not self._may_bind_any

    def constant(self, name: str) -> Any:
        """The plain value that a name of the module surely has, or UNKNOWN."""
        if name not in self._constants:
            held = assigned(self._statements.get(name))
            self._constants[name] = UNKNOWN if held is None else plain_value(held, UNKNOWN)
        return self._constants[name]

    def keys(self, name: str) -> tuple[Any, ...] | None:
        """Those of a dict of the module that nothing changes."""
        held = assigned(self._statements.get(name))
        if not isinstance(held, ast.Dict) or len(held.keys) > _MOST:
            return None
        if self._whole is None:
            self._whole = Seen(self._tree)
        uses = self._whole.uses[name]
        self.spend(len(uses))
        if not all(self._only_looks(self._whole, use) for use in uses):
            return None
        found = [key.value for key in held.keys if isinstance(key, ast.Constant)]
        return tuple(found) if len(found) == len(held.keys) else None

    def _only_looks(self, seen: Seen, use: ast.Name) -> bool:
        """Whether a use of a dict cannot change its keys."""
        parent = seen.parents[use]
        if isinstance(parent, ast.Subscript):
            return parent.value is not use or isinstance(parent.ctx, ast.Load)
        if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute):
            return parent.func.attr == "join" and isinstance(parent.func.value, ast.Constant)
        if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name):
            of = parent.func.id
            return of in _LOOKING and of not in seen.bound and self.is_builtin(of)
        if isinstance(parent, ast.Attribute):
            return parent.attr in ("get", "items", "keys", "values")
        binds = isinstance(use.ctx, ast.Store)
        return binds or isinstance(parent, (ast.Compare, ast.For, ast.comprehension))

    def spend(self, steps: int = 1) -> None:
        self._spent += steps
        if self._spent > _MOST_STEPS:
            raise TooMuch

    def may_spend(self, steps: int) -> bool:
        """Whether what is not so important may take that many steps."""
        return self._spent + steps < _MOST_STEPS // 2

    # Members of the result

    def _members(self, name: str) -> list[str] | None:
        """Those that the results of a function may have."""
        if name not in self._results:
            self._results[name] = None  # a function that returns what it returns
            self._results[name] = self._returned(name)
        return self._results[name]

    def _returned(self, name: str) -> list[str] | None:
        function = self.plain(name)
        if function is None or falls_off(function.body):
            return None
        seen = self.view(name, function)
        told: dict[str, None] = {}
        variables: set[str] = set()
        for value in seen.returned:
            if isinstance(value, ast.Name):
                if value.id in variables:
                    continue
                variables.add(value.id)
                members = seen.members_of(value.id)
            elif isinstance(value, ast.Dict):
                members = keys_of(value)
            elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
                inner = value.func.id
                members = None if seen.bound[inner] else self._members(inner)
            else:
                members = None
            if members is None:
                return None
            told |= dict.fromkeys(members)
            if len(told) > _MOST:
                return None
        return list(told) if seen.returned else None


# Bounds


def _meddles(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id in _MEDDLING
    if isinstance(node, ast.Attribute):
        return node.attr in _MEDDLING
    if isinstance(node, ast.ImportFrom):
        return node.module in _ITSELF or any(one.name in _MEDDLING for one in node.names)
    return isinstance(node, ast.Import) and any(one.name in _ITSELF for one in node.names)


def _bounded(names: Any) -> Any:
    """The names, when all can be told."""
    if names is None or len(names) > _MOST:
        return None
    for name in names:
        if not 0 < len(name) <= _LONGEST or name == _MARK or not _is_unicode(name):
            return None
    return names


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= one <= "\udfff" for one in text)
