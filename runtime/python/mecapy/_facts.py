"""What is known of a calculation before it runs: which inputs it reads, which members it gives.

Only the tree of its code is looked at, and nothing is told that may be wrong: code that could read
or give more than is seen is unknown. Of hostile code the answer may be anything; it decides about
its own author's work only.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection
from typing import Any, NamedTuple

from mecapy._trees import (
    arguments_of,
    assigned,
    bound_by,
    bound_by_statement,
    falls_off,
    keys_of,
    own,
    surely,
    text_of,
    top,
)

# What is told of one calculation at most (src/model/look.h); of more, nothing.
_MOST = 200
_LONGEST = 100  # characters of a name
_MOST_NODES = 100_000  # of code that is looked at: some 0.3 s

_ENTRY = "calculate"
_MARK = "$type"  # an object with this member means something else (`mecapy._encoding`)

# By these a name can be bound, a function changed, or an input read without being spelled.
_MEDDLING = frozenset(
    ("globals", "locals", "vars", "exec", "eval", "setattr", "delattr", "__import__")
    + ("__dict__", "__setattr__", "__globals__", "__builtins__", "modules", "import_module")
    + ("__code__", "__defaults__", "__kwdefaults__", "__wrapped__", "update_wrapper")
    + ("f_globals", "f_locals", "_getframe", "currentframe")
)
_ITSELF = ("calc", "__main__")  # modules that may be the calculation's own


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
        self._statements: dict[str, ast.stmt] = {}  # those that alone bind a name
        for statement in top(tree.body):
            behind_stars = (statement.lineno, statement.col_offset) > last_star
            for name in bound_by_statement(statement):
                if bound[name] == 1 and name not in within_functions and behind_stars:
                    self._statements[name] = statement
        self._seen: dict[str, _Seen] = {}
        self._results: dict[str, list[str] | None] = {}
        self._taken: dict[str, tuple[dict[str, bool], set[str]]] = {}  # arguments; those needed

    def facts(self) -> Facts:
        entry = self._statements.get(_ENTRY)
        if isinstance(entry, ast.FunctionDef):
            return Facts(_bounded(self._inputs_read(_ENTRY)), _bounded(self._members(_ENTRY)))
        name = self._called_by_name(entry)
        if name is None:
            return Facts()
        return Facts(_bounded(self._arguments(name)), _bounded(self._members(name)))

    def _plain(self, name: str) -> ast.FunctionDef | None:
        """The function that a call of `name` calls, and nothing else; it gives what it returns."""
        found = self._statements.get(name)
        if not isinstance(found, ast.FunctionDef) or found.decorator_list:
            return None
        return None if self._view(name, found).yields else found

    def _view(self, name: str, function: ast.FunctionDef) -> _Seen:
        if name not in self._seen:
            self._seen[name] = _Seen(function)
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
        function = self._plain(name)
        if function is None or function.args.kwarg:  # ** takes any
            return None
        its = function.args
        told = arguments_of(its) | ({its.vararg.arg: False} if its.vararg else {})
        placed = [*its.posonlyargs, *(its.args if its.vararg else ())]
        if not all(told[one.arg] for one in placed) or its.vararg:  # others come to their places
            told |= dict.fromkeys((one.arg for one in placed), False)
        return told

    def _inputs_read(self, name: str) -> dict[str, bool] | None:
        """Of a function whose one argument they are: what it reads of that."""
        function = self._plain(name)
        if function is None:
            return None
        seen = self._view(name, function)
        given = [*function.args.posonlyargs, *function.args.args][:1]
        if not given or seen.bound[given[0].arg] > 1 or "__" in given[0].arg:  # classes change it
            return None
        told: dict[str, bool] = {}
        asked: set[str] = set()
        needed_by: dict[ast.AST, set[str]] = {}
        for use in seen.uses.get(given[0].arg, []):
            read = self._read(seen, use)
            if read is None:
                return None
            told |= dict.fromkeys(read.names, False)
            if len(told) > _MOST:
                return None
            if read.node is None:
                asked |= set(read.names)
            else:
                needed_by[read.node] = read.needed
        if any("@" + given[0].arg in text for text in self._queries):
            return None
        needed = surely(function.body, needed_by).names - asked
        return {one: one in needed for one in told}

    def _read(self, seen: _Seen, use: ast.Name) -> _Read | None:
        """What a use of the inputs reads of them; None: nobody knows."""
        parent = seen.parents[use]
        if isinstance(parent, ast.Subscript):
            name = text_of(parent.slice)
            loaded = parent.value is use and isinstance(parent.ctx, ast.Load)
            return _Read([name], {name}, parent) if loaded and name is not None else None
        if isinstance(parent, ast.Compare):
            name = text_of(parent.left)
            asks = len(parent.ops) == 1 and isinstance(parent.ops[0], (ast.In, ast.NotIn))
            return _Read([name], set(), None) if asks and name is not None else None
        call = seen.parents[parent]
        if not isinstance(call, ast.Call):
            return None
        if isinstance(parent, ast.Attribute) and parent.attr == "get" and call.func is parent:
            name = text_of(call.args[0]) if call.args else None
            asks = len(call.args) <= 2 and not call.keywords
            return _Read([name], set(), None) if asks and name is not None else None
        if isinstance(parent, ast.keyword) and parent.arg is None:
            return self._passed(seen, call)
        return None

    def _passed(self, seen: _Seen, call: ast.Call) -> _Read | None:
        """What ``function(**inputs)`` reads of them."""
        if call.args or len(call.keywords) > 1 or not isinstance(call.func, ast.Name):
            return None
        function = self._plain(call.func.id)
        if function is None or seen.bound[call.func.id]:
            return None
        its = function.args
        if its.posonlyargs or its.vararg or its.kwarg:
            return None
        if len(its.args) + len(its.kwonlyargs) > _MOST:
            return None
        name = call.func.id
        if name not in self._taken:
            told = arguments_of(its)
            self._taken[name] = (told, {one for one, needed in told.items() if needed})
        return _Read(*self._taken[name], call)

    # Members of the result

    def _members(self, name: str) -> list[str] | None:
        """Those that the results of a function may have."""
        if name not in self._results:
            self._results[name] = None  # a function that returns what it returns
            self._results[name] = self._returned(name)
        return self._results[name]

    def _returned(self, name: str) -> list[str] | None:
        function = self._plain(name)
        if function is None or falls_off(function.body):
            return None
        seen = self._view(name, function)
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


class _Read(NamedTuple):
    names: Collection[str]
    needed: set[str]  # of them: it fails without
    node: ast.AST | None  # that fails then


class _Seen:
    """A function, looked at once: what its names are bound by, and where they are used."""

    def __init__(self, function: ast.FunctionDef) -> None:
        self.bound: Counter[str] = Counter()  # here or in what is defined within
        self.uses: dict[str, list[ast.Name]] = {}  # in the order of the text
        self.parents: dict[ast.AST, ast.AST] = {}
        waiting: list[ast.AST] = [function]
        while waiting:
            node = waiting.pop()
            if node is not function:
                self.bound.update(bound_by(node))
            if isinstance(node, ast.Name):
                self.uses.setdefault(node.id, []).append(node)
            children = list(ast.iter_child_nodes(node))
            self.parents |= dict.fromkeys(children, node)
            waiting += reversed(children)
        its = list(own(function.body))
        self.yields = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in its)
        self.returned = [node.value for node in its if isinstance(node, ast.Return)]
        self._own_names = {node for node in its if isinstance(node, ast.Name)}

    def members_of(self, variable: str) -> list[str] | None:
        """Those of a variable that is one dict, of which only single members are set or read."""
        told: dict[str, None] = {}
        made = 0
        if self.bound[variable] != 1:
            return None
        for use in self.uses[variable]:
            parent = self.parents[use]
            if isinstance(parent, ast.Subscript) and parent.value is use:
                name = text_of(parent.slice)
                if name is None or isinstance(parent.ctx, ast.Del):
                    return None
                if isinstance(parent.ctx, ast.Store):
                    told[name] = None
            elif isinstance(use.ctx, ast.Store):
                members = keys_of(assigned(parent)) if use in self._own_names else None
                if members is None:
                    return None
                told |= dict.fromkeys(members)
                made += 1
            elif not (isinstance(parent, ast.Return) and use in self._own_names):
                return None  # also what a function within gives to who may change it
        return list(told) if made else None  # else it is no variable, or an argument


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
