"""A workflow is kept under its name: what has changed of it becomes a new version.

Its functions are kept as tasks named ``WORKFLOW/function``. What the server has of both is asked
for each time, so that a program that is started again, or another one, goes on with the same.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from mecapy import _errors as errors
from mecapy._errors import NotFoundError
from mecapy._fields import body_of
from mecapy._steps import Rule
from mecapy._values import DEFAULT_LIMITS, moment
from mecapy._workflow_rules import WorkflowRules, retold

Json = dict[str, Any]
Key = tuple[str, ...]

_PARTS = ("inputs", "nodes", "outputs")
_OPTIONS = ("cache", "estimated_duration_s")


@dataclass(frozen=True)
class Source:
    """What becomes a task of a workflow.

    Attributes
    ----------
    what : str
        What it is to who wrote it: ``the function preload``.
    name : str
        By which it is kept, behind the workflow's.
    fields : dict
        What is sent of it, without a name.
    has_options : bool
        Whether limits and the like are said where it is written: then none is said by being absent.
    """

    what: str
    name: str
    fields: Json
    has_options: bool = True


@dataclass(frozen=True)
class Kept:
    """A task that is kept, in the version that a node has."""

    id: str
    version: int


@dataclass
class Memory:
    """Ids of what a client has kept, by name."""

    tasks: dict[str, str] = field(default_factory=dict)
    workflows: dict[str, str] = field(default_factory=dict)


class Draft(Protocol):
    """A workflow that is to be kept, with what its tasks are made of."""

    name: str
    description: str | None
    _sources: dict[Key, Source]
    _kept: dict[Key, Kept]  # is filled

    def _parts(self) -> Json:
        """Its definition, once its tasks are kept."""


class KeepingRules(WorkflowRules):
    """The calls of the API, and what keeps a workflow."""

    def keep(self, draft: Draft, memory: Memory) -> Rule[Json]:
        """Keep a workflow and the functions it uses; the workflow as it is then.

        Raises
        ------
        WorkflowError
            Something is wrong with it, in words of its nodes.
        """
        names = task_names(draft.name, draft._sources)
        there = yield from self._known(memory.tasks, names.values(), "/api/tasks", self.get_task)
        for key, source in draft._sources.items():
            try:
                record = yield from self._keep_task(names[key], source, there.get(names[key]))
            except errors.InvalidRequestError as error:
                raise retold(error, f"{source.what} of workflow {draft.name}: ") from None
            draft._kept[key] = Kept(str(record["id"]), int(record["version"]))
            memory.tasks[names[key]] = str(record["id"])
        record = yield from self._keep_workflow(draft, memory)
        memory.workflows[draft.name] = str(record["id"])
        return record

    def _known(
        self,
        ids: Mapping[str, str],
        names: Iterable[str],
        path: str,
        get: Callable[[str], Rule[Json]],
    ) -> Rule[dict[str, Json]]:
        """What the caller has of these names: by an id that is known, else as the list tells."""
        found: dict[str, Json] = {}
        missing = set()
        for name in names:
            record = yield from self._still(name, ids.get(name), get)
            if record is None:
                missing.add(name)
            else:
                found[name] = record
        listed = (yield from self._everything(path)) if missing else []
        for name, id_ in last_changed(listed, missing).items():
            record = yield from self._still(name, id_, get)
            if record is not None:
                found[name] = record
        return found

    def _still(
        self, name: str, id_: str | None, get: Callable[[str], Rule[Json]]
    ) -> Rule[Json | None]:
        """What an id stands for; None when that is gone, or has another name now."""
        if id_ is not None:
            with contextlib.suppress(NotFoundError):
                record = yield from get(id_)
                return record if record["name"] == name else None
        return None

    def _keep_task(self, name: str, source: Source, there: Json | None) -> Rule[Json]:
        if there is None:
            return (yield from self.create_task({"name": name, **source.fields}))
        changed = yield from self._changed(source, there)
        return (yield from self.update_task(there["id"], changed)) if changed else there

    def _changed(self, source: Source, there: Json) -> Rule[Json]:
        """What a task is to be told to be as it is written here."""
        fields = source.fields
        changed = {} if there["code"] == fields["code"] else {"code": fields["code"]}
        if source.has_options:
            changed |= {
                one: fields.get(one) for one in _OPTIONS if fields.get(one) != there.get(one)
            }
            limits = yield from self._changed_limits(fields.get("limits", {}), there["limits"])
            changed |= {"limits": limits} if limits else {}
        return changed

    def _changed_limits(self, wanted: Json, there: Json) -> Rule[Json]:
        """The limits that a task is to be told; none when it has those that are wanted.

        A change takes no limit away, so that one that is not wanted any more is told its default;
        unless it is another only because the server's ceiling is lower, which is asked for.
        """
        target = {**DEFAULT_LIMITS, **wanted}
        others = {one for one in target if there.get(one, target[one]) != target[one]}
        doubtful = {one: target[one] for one in others - wanted.keys() if target[one] > there[one]}
        if "cpu_s" in others and "cpu_s" not in wanted:  # its default is what others give
            doubtful["cpu_s"] = there["cpu_s"] + 1
        ceilings = (yield from self._over_ceiling(doubtful)) if doubtful else set()
        if not others - ceilings:
            return {}
        return {one: target[one] for one in target if one == "cpu_s" or one not in ceilings}

    def _over_ceiling(self, limits: Json) -> Rule[set[str]]:
        """Those of the limits that the server refuses; nothing is made."""
        body = body_of({"limits": limits})
        try:
            yield from self.session.call("POST", "/api/tasks/estimate", body=body)
        except errors.InvalidRequestError as error:
            return {one.pointer.removeprefix("/limits/") for one in error.problems}
        return set()

    def _keep_workflow(self, draft: Draft, memory: Memory) -> Rule[Json]:
        fields = draft._parts()
        known = yield from self._known(
            memory.workflows, [draft.name], "/api/workflows", self.get_workflow
        )
        there = known.get(draft.name)
        if there is not None and all(_is_same(fields[one], there[one]) for one in _PARTS):
            fields = {}
        if draft.description is not None and (there or {}).get("description") != draft.description:
            fields["description"] = draft.description
        names = {one.id: key[0] for key, one in draft._kept.items()}
        if there is None:
            return (yield from self.create_workflow({"name": draft.name, **fields}, names))
        if not fields:
            return there
        return (yield from self.update_workflow(there["id"], fields, names))


def task_names(workflow: str, sources: Mapping[Key, Source]) -> dict[Key, str]:
    """What the tasks of a workflow are called; of two of one name the second has a number."""
    names: dict[Key, str] = {}
    for key, source in sources.items():
        first = name = f"{workflow}/{source.name}"
        count = 1
        while name in names.values():
            count += 1
            name = f"{first}_{count}"
        names[key] = name
    return names


def last_changed(listed: Iterable[Json], names: set[str]) -> dict[str, str]:
    """The ids of what has one of the names; of several that of the one that was changed last."""
    found: dict[str, Json] = {}
    for one in listed:
        name = one["name"]
        if name in names and (name not in found or _changed_at(one) > _changed_at(found[name])):
            found[name] = one
    return {name: str(one["id"]) for name, one in found.items()}


def _changed_at(record: Json) -> Any:
    return moment(record["updated_at"])


def _is_same(one: Any, other: Any) -> bool:
    """Whether they are the same to a calculation, to which 1, 1.0 and True are not one."""
    return json.dumps(one) == json.dumps(other)
