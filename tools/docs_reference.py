#!/usr/bin/env python3
"""The reference pages of the documents, made from the programs and the SDK, never by hand.

tools/docs_reference.py --output FOLDER    the pages that only the site has
tools/docs_reference.py --fill docs/cli.md what the program says, between the marks of a page
"""

import argparse
import ast
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
Json = dict[str, Any]


def ask(binary: Path, *words: str) -> str:
    """What the program prints, with no setting but its defaults."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MECAPY_")}
    done = subprocess.run(
        [str(binary), *words], env=kept, cwd="/", capture_output=True, text=True, check=True
    )
    return done.stdout


def cell(text: object) -> str:
    """Text that is one cell of a table of Markdown."""
    escaped = str(text).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
    return escaped.replace("*", "\\*").replace("_", "\\_")


def code(text: object) -> str:
    """A cell that is code, or nothing."""
    return "`" + str(text).replace("|", "\\|") + "`" if str(text) else ""


def table(head: str, rows: list[list[str]]) -> str:
    """A table of Markdown; `head` has its columns between bars."""
    columns = head.split("|")
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines) + "\n"


def settings_page(binary: Path) -> str:
    """Every setting."""
    rows = []
    for one in json.loads(ask(binary, "config", "--json")):
        usual = code(one["default"])
        if one["name"] == "data_dir":  # of whoever builds the documents
            usual = "`/var/lib/mecapy` of root, else `~/.local/share/mecapy`"
        rows.append(
            [
                code(one["name"]),
                usual,
                one["type"],
                code(one["environment"]),
                cell(one["meaning"]),
            ]
        )
    return (
        "# Settings\n\n"
        "They come from `mecapy.toml`, then `MECAPY_*` variables, then flags. `a.b` is `b` in the "
        "table `[a]` of `mecapy.toml`. `mecapy config` tells which are in force and where each "
        "came from; this page is `mecapy config --all`.\n\n"
        "The file is the one that `--config FILE` names. Without it `serve`, `worker`, `doctor`, "
        "`config` and `token` read the `mecapy.toml` of the current folder, when it belongs to you "
        "or to root and nobody else may write to it; another is an error. All other commands, "
        "`run` too, read none: an engineer's folder may be one that he was sent.\n\n"
        + table("Setting|Default|Type|Variable|Meaning", rows)
    )


def codes_page(contract: Json) -> str:
    """Outcome codes, error codes, exit statuses, limits."""
    outcomes = [
        [code(o["code"]), o["fault"], str(o["exit_status"]), cell(o["meaning"])]
        for o in contract["outcomes"]
    ]
    errors = [
        [
            code(e["code"]),
            str(e["http_status"]) if e["in_answers"] else "",
            str(e["exit_status"]),
            cell(e["meaning"]),
        ]
        for e in contract["errors"]
    ]
    limits = [
        [
            code(one["name"]),
            f"{one['default']:g} {one['unit']}",
            f"{one['least']:g} {one['unit']}",
            f"{one['ceiling']:g} {one['unit']}",
            cell(one["meaning"]),
        ]
        for one in contract["limits"]
    ]
    return (
        "# Codes and limits\n\n"
        "## Outcomes\n\n"
        "A run that failed has exactly one of these. Only the platform's are tried again by "
        "themselves. The exit status is that of a command which ran the calculation.\n\n"
        + table("Code|Whose fault|Exit status|Meaning", outcomes)
        + "## Errors\n\n"
        "What can go wrong outside a calculation: `code` of an answer's "
        "`application/problem+json`, and the exit status of a command.\n\n"
        + table("Code|HTTP status|Exit status|Meaning", errors)
        + "## Limits\n\n"
        "What a run gets when it asks for nothing, and up to what it may ask. Ceilings are the "
        "operator's (`limits.max_...`); those of your server are on its page of the contract.\n\n"
        + table("Name|Default|Least|Ceiling|Meaning", limits)
    )


def schema_name(reference: str) -> str:
    """The last part of a $ref."""
    return reference.rpartition("/")[2]


def shape_link(reference: str) -> str:
    """A link to the shape on this page."""
    name = schema_name(reference)
    return f"[{name}](#{name.lower()})"


def type_of(schema: Json) -> str:
    """A schema in few words."""
    if "$ref" in schema:
        return shape_link(schema["$ref"])
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return " or ".join(type_of(one) for one in schema[several])
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"array of {type_of(schema.get('items', {}))}"
    return str(schema.get("format", kind))


def bounds_of(schema: Json) -> str:
    """What else is said of a value."""
    words = []
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        words.append(f"{least:g} to {most:g}")
    if schema.get("maxLength"):
        words.append(f"at most {schema['maxLength']} bytes")
    if schema.get("maxItems"):
        words.append(f"at most {schema['maxItems']}")
    if schema.get("enum"):
        words.append("one of " + ", ".join(f"`{one}`" for one in schema["enum"]))
    return "; ".join(words)


def operation(method: str, path: str, about: Json) -> Iterator[str]:
    """One route."""
    yield f"### `{method.upper()} {path}`\n\n{about['summary']}."
    needs_token = about.get("security") != []
    yield "" if needs_token else " No token is asked for."
    yield "\n\n"
    rows = [
        [code(p["name"]), p["in"], type_of(p["schema"]), cell(p.get("description", ""))]
        for p in about.get("parameters", [])
    ]
    if rows:
        yield table("Parameter|In|Type|Meaning", rows)
    for media in about.get("requestBody", {}).get("content", {}).values():
        yield f"Body: {type_of(media['schema'])}.\n\n"
    rows = []
    for status, answer in about["responses"].items():
        for media, told in answer.get("content", {"": {}}).items():
            shape = type_of(told["schema"]) if "schema" in told else ""
            rows.append([status, code(media), shape])
    yield table("Answer|Media type|Shape", rows)


def shape(name: str, schema: Json) -> Iterator[str]:
    """One JSON object."""
    yield f"### {name}\n\n{cell(schema.get('description', ''))}\n\n"
    required = set(schema.get("required", []))
    rows = []
    for field, about in schema.get("properties", {}).items():
        meaning = "; ".join(x for x in (cell(about.get("description", "")), bounds_of(about)) if x)
        rows.append([code(field), type_of(about), "required" if field in required else "", meaning])
    if rows:
        yield table("Member|Type| |Meaning", rows)


def http_page(contract: Json) -> str:
    """Routes and shapes of the API."""
    openapi = contract["openapi"]
    parts = [
        "# HTTP\n\n"
        "The same is at `/api/openapi.json` (OpenAPI 3.1) of every server, for programs. "
        '<a href="../contract">The page of the contract</a> of your server also has its ceilings, '
        "and how values of Python are written in JSON.\n\n"
        "Every request carries `Authorization: Bearer TOKEN`. A POST with an `Idempotency-Key` "
        "can be repeated safely. Lists are read page by page with `cursor`. Errors are "
        "`application/problem+json` (RFC 9457) with a `code` of [these](codes.md#errors).\n\n"
        "## Routes\n\n"
    ]
    for path, methods in openapi["paths"].items():
        for method, about in methods.items():
            parts += operation(method, path, about)
    parts.append("## Shapes\n\n")
    for name, schema in openapi["components"]["schemas"].items():
        parts += shape(name, schema)
    return "".join(parts)


# What `mecapy help TOPIC` says, on a page that people read in the repository, too.
FILLED = re.compile(
    r"(?P<begin><!-- mecapy help (?P<topic>[a-z-]+) -->\n).*?(?P<end><!-- end of mecapy help -->)",
    re.DOTALL,
)
MARKDOWN = {"reference"}  # the other topics are text


def filled(binary: Path, page: str) -> str:
    """A page with what the program says now between its marks."""

    def fill(match: re.Match[str]) -> str:
        said = ask(binary, "help", match["topic"])
        text = said if match["topic"] in MARKDOWN else f"```\n{said}```\n"
        return match["begin"] + text + match["end"]

    return FILLED.sub(fill, page)


def public_names() -> dict[str, list[str]]:
    """What the SDK exports, by the module it is written in, in the order of its __init__."""
    source = (ROOT / "sdk/python/src/mecapy/__init__.py").read_text()
    found: dict[str, list[str]] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module != "mecapy._version":
            found.setdefault(node.module, []).extend(alias.name for alias in node.names)
    return found


def sdk_page() -> str:
    """The SDK; mkdocstrings writes what its docstrings say."""
    parts = [
        "# Python\n\n"
        "Everything that `from mecapy import ...` gives. Times are in seconds and sizes in MiB "
        "unless they say otherwise.\n\n"
    ]
    modules = public_names()
    first = [f"mecapy.{name}" for name in ("_client", "_task", "_run", "_calculation", "_sweep")]
    order = [*first, *(m for m in modules if m not in first)]
    for module in order:
        if module == "mecapy._errors":
            parts.append("## Exceptions\n\n")
            parts.append("::: mecapy._errors\n    options:\n      members: false\n")
            parts.append("      show_root_heading: false\n      show_root_toc_entry: false\n\n")
        for name in modules[module]:
            parts.append(f"::: mecapy.{name}\n\n")
    return "".join(parts)


def pages(binary: Path) -> dict[str, str]:
    """The Markdown of each page, by its place in the documents."""
    contract = json.loads(ask(binary, "contract"))
    made: dict[str, Callable[[], str]] = {
        "reference/sdk.md": sdk_page,
        "reference/http.md": lambda: http_page(contract),
        "reference/codes.md": lambda: codes_page(contract),
        "reference/settings.md": lambda: settings_page(binary),
    }
    return {place: make() for place, make in made.items()}


def main() -> None:
    """Write the pages into a folder, to look at them, or fill one that is there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", type=Path, default=ROOT / "build/mecapy")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--output", type=Path)
    what.add_argument("--fill", type=Path)
    asked = parser.parse_args()
    binary = asked.binary.resolve()
    if asked.fill:
        asked.fill.write_text(filled(binary, asked.fill.read_text()))
        return
    for place, text in pages(binary).items():
        path = asked.output / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
