"""How runs look in a notebook. All that a run says is text here, never markup."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from mecapy._values import moment

_COLOURS = {
    "completed": "#1a7f37",
    "failed": "#cf222e",
    "cancelled": "#6e7781",
    "running": "#0969da",
    "queued": "#9a6700",
}
_MOST_ROWS = 50  # of a sweep
_LONGEST_CELL = 100  # characters
_LONGEST = 2000  # characters of a result, a message


def run_html(record: Mapping[str, Any]) -> str:
    """A table of what is known of a run."""
    status = str(record["status"])
    colour = _COLOURS.get(status, "inherit")
    rows = [("status", f'<b style="color:{colour}">{html.escape(status)}</b>')]
    for name, value in _facts(record):
        rows.append((name, html.escape(value)))
    error = record.get("error")
    if error:
        words = f"{error['code']} ({error['fault']}): {error['message']}"
        rows.append(("error", _block(words)))
        if error.get("traceback"):
            rows.append(("traceback", _block(str(error["traceback"]))))
    if "result" in record:
        rows.append(("result", _value(record["result"])))
    cells = "".join(
        f'<tr><th style="text-align:left;vertical-align:top">{name}</th>'
        f'<td style="text-align:left">{value}</td></tr>'
        for name, value in rows
    )
    return f"<table><caption>MecaPy run {html.escape(str(record['id']))}</caption>{cells}</table>"


def sweep_html(
    inputs: Sequence[Mapping[str, Any]], results: Sequence[Any], errors: Mapping[int, str]
) -> str:
    """A table of the runs of a sweep, one row a run: inputs, then its result or error."""
    names = list(dict.fromkeys(name for one in inputs for name in one))
    heads = "".join(f"<th>{html.escape(str(name))}</th>" for name in ("", *names, "result"))
    rows = []
    for index, given in enumerate(inputs[:_MOST_ROWS]):
        cells = "".join(f"<td>{_short(given[n]) if n in given else ''}</td>" for n in names)
        end = _short(results[index])
        if index in errors:
            end = f'<span style="color:{_COLOURS["failed"]}">{_cut(errors[index])}</span>'
        rows.append(f"<tr><th>{index}</th>{cells}<td>{end}</td></tr>")
    good, left = len(inputs) - len(errors), len(inputs) - len(rows)
    caption = f"MecaPy sweep: {good} of {len(inputs)} completed"
    caption += f"; the last {left} are not shown" if left else ""
    body = "".join(rows)
    return f"<table><caption>{caption}</caption><tr>{heads}</tr>{body}</table>"


def _short(value: Any) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    line = text.partition("\n")[0]
    return html.escape(line if len(line) <= _LONGEST_CELL else line[:_LONGEST_CELL] + " …")


def _facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = []
    started, finished = moment(record.get("started_at")), moment(record.get("finished_at"))
    if started and finished:
        facts.append(("took", f"{(finished - started).total_seconds():.3f} s"))
    usage = record.get("usage")
    if usage:
        text = f"{usage['cpu_ms'] / 1000:.3f} s CPU, {usage['peak_memory_mb']:.1f} MiB memory"
        facts.append(("used", text))
    if record.get("cached_from"):
        facts.append(("from the cache", f"calculated by run {record['cached_from']}"))
    names = [str(one["name"]) for one in record.get("artifacts", ())]
    if names:
        facts.append(("artifacts", ", ".join(names)))
    return facts


def _value(value: Any) -> str:
    own = getattr(value, "_repr_html_", None)  # a table of pandas, which escapes its cells
    if callable(own) and type(value).__module__.partition(".")[0] == "pandas":
        return str(own())
    return _block(repr(value))


def _block(text: str) -> str:
    cut = text if len(text) <= _LONGEST else text[:_LONGEST] + " …"
    return f'<pre style="margin:0">{html.escape(cut)}</pre>'


_NODE_COLOURS = {**_COLOURS, "waiting": "#9a6700", "skipped": "#6e7781"}


def workflow_run_html(record: Mapping[str, Any]) -> str:
    """A table of the nodes of a workflow run, and how it ended."""
    names = ("node", "status", "runs", "took", "why")
    heads = "".join(f'<th style="text-align:left">{name}</th>' for name in names)
    rows = []
    for node in record.get("nodes", ()):
        error = node.get("error") or {}
        cells = (
            html.escape(str(node["name"])),
            _status(str(node["status"])),
            html.escape(_runs(node)),
            html.escape(_took(node)),
            _cut(f"{error['code']}: {error['message']}") if error else "",
        )
        rows.append("".join(f'<td style="text-align:left">{cell}</td>' for cell in cells))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    ends = _status(str(record["status"]))
    error = record.get("error")
    if error:
        place = f"node {error['node']}: " if error.get("node") else ""
        ends += _block(f"{place}{error['code']}: {error['message']}")
    if "result" in record:
        ends += _value(record["result"])
    caption = f"MecaPy workflow run {html.escape(str(record['id']))}"
    return (
        f"<table><caption>{caption}</caption><tr>{heads}</tr>{body}"
        f'<tr><td style="text-align:left" colspan="{len(names)}">{ends}</td></tr></table>'
    )


def _status(status: str) -> str:
    colour = _NODE_COLOURS.get(status, "inherit")
    return f'<b style="color:{colour}">{html.escape(status)}</b>'


def _runs(node: Mapping[str, Any]) -> str:
    """How many runs of a node that has elements; of another where its result is from."""
    if "elements" in node:
        text = f"{node.get('ended', 0)} of {node['elements']}"
        for kind in ("failed", "reused"):
            text += f", {node[kind]} {kind}" if node.get(kind) else ""
        return text
    if node.get("reused_from"):
        return "reused"
    return "its default" if node.get("by_default") else ""


def _took(node: Mapping[str, Any]) -> str:
    started, finished = moment(node.get("started_at")), moment(node.get("finished_at"))
    return f"{(finished - started).total_seconds():.3f} s" if started and finished else ""
