"""A function of a calculation, looked at once: what its names are bound by, where they are used."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator

from mecapy._trees import assigned, bound_by, keys_of, own, text_of

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)

Loop = ast.For | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Seen:
    """What is seen of one function, or of a whole module."""

    def __init__(self, root: ast.FunctionDef | ast.Module) -> None:
        self.bound: Counter[str] = Counter()  # here or in what is defined within
        self.uses: dict[str, list[ast.Name]] = {}  # in the order of the text
        self.parents: dict[ast.AST, ast.AST] = {}
        self.declared: set[str] = set()  # names of another scope, that are bound here or within
        self._binding: dict[str, ast.AST] = {}  # the last node that binds a name
        self._once: dict[ast.AST, Counter[str]] = {}
        waiting: list[ast.AST] = [root]
        while waiting:
            node = waiting.pop()
            if node is not root:
                self._bind(node)
            if isinstance(node, ast.Name):
                self.uses.setdefault(node.id, []).append(node)
            children = list(ast.iter_child_nodes(node))
            self.parents |= dict.fromkeys(children, node)
            waiting += reversed(children)
        its = list(own(root.body))
        self.yields = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in its)
        self.returned = [node.value for node in its if isinstance(node, ast.Return)]
        self._own_names = {node for node in its if isinstance(node, ast.Name)}

    def _bind(self, node: ast.AST) -> None:
        for name in bound_by(node):
            self.bound[name] += 1
            self._binding[name] = node
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            self.declared |= set(node.names)

    def made_by(self, name: str) -> ast.AST | None:
        """The one statement or expression of this very scope that binds a name."""
        node = self._binding.get(name)
        if self.bound[name] != 1 or node not in self._own_names:
            return None
        parent = self.parents[node]
        return self.parents[parent] if isinstance(parent, ast.Tuple) else parent

    def ways_up(self, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        """From a node up: each child with its parent."""
        while node in self.parents:
            yield node, self.parents[node]
            node = self.parents[node]

    def is_within(self, node: ast.AST, outer: ast.AST) -> bool:
        return node is outer or any(parent is outer for _, parent in self.ways_up(node))

    def alone_in(self, loop: ast.AST, name: str) -> bool:
        """Whether nothing within a loop binds a name but the loop itself."""
        if loop not in self._once:
            inside = (name for node in ast.walk(loop) for name in bound_by(node))
            self._once[loop] = Counter(inside)
        return self._once[loop][name] == 1 and name not in self.declared

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


def loop_that_binds(
    seen: Seen, use: ast.Name, spend: Callable[[], None]
) -> tuple[Loop | None, bool]:
    """The loop whose variable a name is where it stands; and whether any loop may be."""
    for child, parent in seen.ways_up(use):
        spend()
        if isinstance(parent, _SCOPES):
            break
        if isinstance(parent, ast.For):
            if _binds(parent.target, use.id) and child in parent.body:
                return (parent if seen.alone_in(parent, use.id) else None), True
        elif isinstance(parent, _COMPREHENSIONS):
            if not any(_binds(one.target, use.id) for one in parent.generators):
                continue
            if len(parent.generators) > 1:
                return None, True
            if not seen.is_within(use, parent.generators[0].iter):
                return (parent if seen.alone_in(parent, use.id) else None), True
    return None, False


def _binds(target: ast.expr, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(target))


def goes_through(loop: Loop) -> ast.expr | None:
    """What a loop surely goes through, to its end and with each element; None: perhaps not."""
    if isinstance(loop, ast.For):
        leaving = (ast.Break, ast.Continue, ast.Return)
        whole = not any(isinstance(node, leaving) for node in own([loop]))
        return loop.iter if whole else None
    [*others, first] = loop.generators
    return None if others or first.ifs or first.is_async else first.iter


def iterated(loop: Loop) -> ast.expr:
    """What a loop with one variable goes through, as far as it goes."""
    return loop.iter if isinstance(loop, ast.For) else loop.generators[0].iter


def target_of(loop: Loop) -> ast.expr:
    return loop.target if isinstance(loop, ast.For) else loop.generators[0].target
