"""What the signatures of methods tell: `help()` every option, a wrong call the right one."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from mecapy._errors import ConfigurationError
from mecapy._values import Limits

F = TypeVar("F", bound=Callable[..., Any])
# What else an address is called.
_ADDRESSES = ("url", "server", "server_url", "address", "host", "endpoint")


def takes_inputs(method: F) -> F:
    """A method whose inputs are one dict says so to who gives them as arguments."""
    known = inspect.signature(method).parameters
    first = "code, " if "code" in known else ""

    def check(given: Iterable[str]) -> None:
        unknown = next((one for one in given if one not in known), None)
        if unknown is not None:
            name = method.__name__
            shown = f"{name}({first}{{{unknown!r}: ...}})"
            raise TypeError(f"{name}() has no argument {unknown}; inputs: {shown}")

    @functools.wraps(method)
    def told(*args: Any, **kwargs: Any) -> Any:
        check(kwargs)
        return method(*args, **kwargs)

    @functools.wraps(method)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        check(kwargs)
        return await method(*args, **kwargs)

    return cast(F, awaited if inspect.iscoroutinefunction(method) else told)


def options_beside_inputs(method: F) -> F:
    """A method that takes inputs of a workflow by keyword swallows none as an option of its own.

    The names of the inputs are asked of the workflow's ``_input_names`` when an option is given.
    """
    options = _options(method)
    name = method.__name__

    def check(names: Iterable[str], args: tuple[Any, ...], given: Mapping[str, Any]) -> None:
        inputs = args[0] if args else given.get("inputs")
        twice = _swallowed(names, options & given.keys(), inputs)
        if twice is not None:
            text = f"`{twice}` is an input of this workflow and an option of {name}"
            raise TypeError(f'{text}: give inputs as {name}({{"{twice}": ...}})')

    @functools.wraps(method)
    def told(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        if options & kwargs.keys():
            check(self._input_names(), args, kwargs)
        return method(self, *args, **kwargs)

    @functools.wraps(method)
    async def awaited(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        if options & kwargs.keys():
            check(await self._input_names(), args, kwargs)
        return await method(self, *args, **kwargs)

    return cast(F, awaited if inspect.iscoroutinefunction(method) else told)


def options_of_a_node(method: F) -> F:
    """The same of the inputs of a node, whose names its task's ``_input_names`` tells."""
    options = _options(method)

    @functools.wraps(method)
    def told(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        known = getattr(args[0], "_input_names", None) if args else None
        names = known() if known else ()
        twice = _swallowed(names, options & kwargs.keys(), kwargs.get("inputs"))
        if twice is not None:
            text = f"`{twice}` is an input of {args[0]!r} and an option of node"
            raise TypeError(f'{text}: give inputs as node(..., inputs={{"{twice}": ...}})')
        return method(self, *args, **kwargs)

    return cast(F, told)


def _options(method: Callable[..., Any]) -> set[str]:
    """What can be given by keyword, beside inputs."""
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(method).parameters.values()
    return {one.name for one in parameters if one.kind in kinds}


def _swallowed(names: Iterable[str], options: Iterable[str], inputs: Any) -> str | None:
    """An option that is named as an input is; None where all such are given as `inputs`."""
    apart = inputs if isinstance(inputs, Mapping) else {}
    return next((one for one in sorted(options) if one in names and one not in apart), None)


def knows_the_address(method: F) -> F:
    """A client's ``__init__`` says where the address goes to who gives it elsewhere."""
    known = inspect.signature(method).parameters

    @functools.wraps(method)
    def told(self: Any, *args: Any, **kwargs: Any) -> Any:
        right = f"{type(self).__name__}(base_url=...)"
        unknown = next((one for one in kwargs if one not in known), None)
        if unknown in _ADDRESSES:
            raise TypeError(f"there is no argument {unknown}; the server's address: {right}")
        token = args[0] if args else kwargs.get("token")
        if isinstance(token, str) and "://" in token:
            raise ConfigurationError(f"that is an address, not a token: {right}")
        return method(self, *args, **kwargs)

    return cast(F, told)


def shows_options(method: F) -> F:
    """A method that takes the options of a task shows each of them."""
    kinds = {"name": "str | None", **{one.name: one.type for one in dataclasses.fields(Limits)}}
    kinds |= {"cache": "Duration | None", "estimated_duration": "Duration | None"}
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in kinds.items()
    ]
    own = inspect.signature(method)
    given = [one for one in own.parameters.values() if one.kind is not one.VAR_KEYWORD]
    cast(Any, method).__signature__ = own.replace(parameters=[*given, *options])
    return method
