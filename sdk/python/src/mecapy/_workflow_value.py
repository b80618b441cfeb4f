"""What stands for a value that is known only when a workflow runs."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, NoReturn

from mecapy._errors import EncodingError, WorkflowError

Json = dict[str, Any]

_DEEPEST = 100  # as values may be nested

# What a value refuses, by why it is wanted.
_ARITHMETIC = (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul"),
    *("lshift", "rshift", "and", "or", "xor"),
)
_NUMBERS = (
    *("neg", "pos", "abs", "invert", "int", "float", "complex", "index", "round", "trunc"),
    *("floor", "ceil", "array"),
)
_COMPARISON = ("lt", "le", "eq", "ne", "gt", "ge", "hash")
_PUT_IT = "put the arithmetic into a calculation"
_TEXT = ("str", "format", "bytes")
_REFUSED = {
    **{f"__{name}__": _PUT_IT for name in (*_ARITHMETIC, *_NUMBERS)},
    **{f"__r{name}__": _PUT_IT for name in _ARITHMETIC},
    **{f"__{name}__": "put the comparison into a calculation" for name in _COMPARISON},
    **{f"__{name}__": "put what makes the text into a calculation" for name in _TEXT},
    "__contains__": "put the comparison into a calculation",
    "__bool__": "put the decision into a calculation, and its result into when= of a node",
    "__len__": "put what needs its length into a calculation",
    "__iter__": "w.each(...) has a node run once for each element",
    "__reversed__": "w.each(...) has a node run once for each element",
}


class WorkflowValue:
    """A value that is known only when the workflow runs.

    An input of a workflow (`WorkflowBuilder.input`), the result of a node, the element of a list
    (`WorkflowBuilder.each`), or a part of one: ``k["stiffness"]["axial"]``, ``k[0]``. It is given
    to calculations, which makes nodes, and to `WorkflowBuilder.output`. It is no number: arithmetic
    on it, comparing it, going through it and making a text of it are TypeErrors; `repr` tells which
    value it is.

    Parts are those of JSON: members of dicts, elements of lists. An array, a table, a date go
    whole.

    Of a node that runs once for each element of a list the value is the list of all results, in
    their order, and a part of it the list of that part of each result.
    """

    __slots__ = ("_at", "_builder", "_each", "_kind", "_name")
    __array_ufunc__ = None  # numpy leaves operators to this

    _at: str
    _builder: Any
    _each: Json | None
    _kind: str
    _name: str

    def __init__(
        self, builder: Any, kind: str, name: str, at: str = "", each: Json | None = None
    ) -> None:
        for slot, value in zip(self.__slots__, (at, builder, each, kind, name), strict=True):
            object.__setattr__(self, slot, value)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise TypeError(f"{self!r} is never changed")

    def __copy__(self) -> WorkflowValue:
        return self

    def __deepcopy__(self, memo: Any) -> WorkflowValue:
        return self

    def __getitem__(self, key: str | int) -> WorkflowValue:
        """The member or element of it.

        Raises
        ------
        TypeError
            `key` is neither a text nor a number.
        IndexError
            It counts from the end, whose place is not known yet.
        """
        at = f"{self._at}/{_token(self, key)}"
        return WorkflowValue(self._builder, self._kind, self._name, at, self._each)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):  # whoever looks for what things may have
            raise AttributeError(name)
        text = f'a value of a workflow has no .{name}: a member of a result is ["{name}"]'
        raise AttributeError(text)

    def __repr__(self) -> str:
        parts = (part.replace("~1", "/").replace("~0", "~") for part in self._at.split("/")[1:])
        place = "".join(f"[{p}]" if p.isdecimal() else f'["{p}"]' for p in parts)
        return f"<{self._words()}{place} of workflow {self._builder.name}>"

    def _words(self) -> str:
        kinds = {"input": "input ", "node": "result of node ", "element": "element of "}
        return kinds[self._kind] + self._name

    def _source(self) -> Json:
        """As a definition names it."""
        if self._kind == "element":
            return {"element": self._at}
        return {self._kind: self._name} | ({"at": self._at} if self._at else {})


def _refuse(value: WorkflowValue, instead: str) -> NoReturn:
    raise TypeError(f"{value!r}: its value is known only when the workflow runs; {instead}")


def _refusing(instead: str) -> Any:
    def refused(self: WorkflowValue, *_: Any, **__: Any) -> NoReturn:
        _refuse(self, instead)

    return refused


for _name, _instead in _REFUSED.items():
    setattr(WorkflowValue, _name, _refusing(_instead))


def _token(value: WorkflowValue, key: Any) -> str:
    """A key as a part of a JSON pointer (RFC 6901)."""
    if isinstance(key, WorkflowValue):
        _refuse(key, "which part is taken must be known before: put it into a calculation")
    if isinstance(key, str):
        return key.replace("~", "~0").replace("/", "~1")
    try:
        place = operator.index(key) if not isinstance(key, bool) else None
    except TypeError:
        place = None
    if place is None:
        kind = "a slice" if isinstance(key, slice) else repr(key)
        raise TypeError(f"a part of {value!r} is named by a text or a number, not by {kind}")
    if place < 0:
        text = f"{value!r}: its end is known only when the workflow runs; count from the beginning"
        raise IndexError(text)
    return str(place)


_open = 0  # builders whose `with` has not been left


def count_open(change: int) -> None:
    """One more workflow is being built, or one less."""
    global _open
    _open += change


def builder_of(things: Iterable[Any]) -> Any:
    """The builder of the first workflow value among `things`; None when there is none.

    Values within lists and dicts are looked for only while a workflow is being built: calls of
    functions are quick.
    """
    found = next((thing for thing in things if isinstance(thing, WorkflowValue)), None)
    if found is None and _open > 0:
        found = value_within(list(things))
    return None if found is None else found._builder


def value_within(thing: Any, depth: int = 0) -> WorkflowValue | None:
    """The first workflow value of what may hold some."""
    if isinstance(thing, WorkflowValue):
        return thing
    if isinstance(thing, (list, tuple, dict)) and depth < _DEEPEST:
        for part in thing.values() if isinstance(thing, dict) else thing:
            found = value_within(part, depth + 1)
            if found is not None:
                return found
    return None


def check_is_known(name: str, value: Any) -> None:
    """Refuse a workflow value where a run is asked for.

    Raises
    ------
    EncodingError
        Naming the argument.
    """
    if isinstance(value, WorkflowValue):
        text = f"{name} is the {value!r}: its value is known only when the workflow runs"
        raise EncodingError(text + "; call the function itself to make a node")


def check_is_whole(place: str, value: Any) -> None:
    """Refuse a constant that holds workflow values.

    Raises
    ------
    WorkflowError
        Naming what it is for.
    """
    found = value_within(value)
    if found is not None:
        raise WorkflowError(
            f"{place} holds the {found!r} among others: it is either one value of the workflow or"
            " a constant as a whole; give each part an argument of its own"
        )


def check_has_names(inputs: Any) -> None:
    """Refuse a workflow value as all inputs of a node at once.

    Raises
    ------
    WorkflowError
        Telling how they are named.
    """
    if isinstance(inputs, WorkflowValue):
        raise WorkflowError(f'inputs are named one by one: {{"x": value}}, not the {inputs!r}')
