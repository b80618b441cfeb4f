"""What MkDocs is told beside mkdocs.yml: pages from the code, links out of docs/, scripts."""

import hashlib
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File  # type: ignore[import-not-found]  # of build/docs-venv

sys.path.insert(0, str(Path(__file__).parent))
import docs_reference

ROOT = Path(__file__).resolve().parents[1]
BINARY = Path(os.environ.get("MECAPY_BINARY") or ROOT / "build/mecapy")
log = logging.getLogger("mkdocs.plugins.mecapy")  # a warning there fails the build

# Pages of the repository that are pages of the site, too.
REPOSITORY = {
    "README.md": "repository/readme.md",
    "README.fr.md": "repository/readme.fr.md",
    "ARCHITECTURE.md": "repository/architecture.md",
    "CONTRIBUTING.md": "repository/contributing.md",
    "examples/README.md": "repository/examples.md",
}

# Blocks of code, which stay as they are; what is between them is text.
_FENCE = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)")
_INLINE = re.compile(r"<script>(.+?)</script>", re.DOTALL)
_scripts: dict[str, str] = {}  # by the name of the file


def on_files(files: Any, config: Any) -> Any:
    """Add what does not lie in docs/."""
    made = docs_reference.pages(BINARY)
    made |= {place: (ROOT / path).read_text() for path, place in REPOSITORY.items()}
    for place, text in made.items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Have links that leave docs/ lead to pages of the site, or be plain text."""
    place = page.file.src_uri
    markdown = docs_reference.filled(BINARY, markdown)
    origin = next((p for p, made in REPOSITORY.items() if made == place), f"docs/{place}")
    parts = _FENCE.split(markdown)
    parts[::2] = [_LINK.sub(lambda m: _link(m, origin, place), text) for text in parts[::2]]
    return "".join(_deeper(part) for part in parts)


def _deeper(part: str) -> str:
    """What belongs to an item of a numbered list: by three columns, four for Python's Markdown."""
    if part.startswith("   ```"):
        return re.sub(r"(?m)^", " ", part)
    return part if part.startswith("```") else re.sub(r"(?m)^ {3}(?=\S)", "    ", part)


def _link(match: re.Match[str], origin: str, place: str) -> str:
    text, target = match["text"], match["target"]
    path, hash_, anchor = target.partition("#")
    if not path or "://" in path or path.startswith("mailto:"):
        return match[0]
    full = os.path.normpath(os.path.join(os.path.dirname(origin), path))
    if full.startswith("docs/"):
        inside = full.removeprefix("docs/")
    elif full in REPOSITORY:
        inside = REPOSITORY[full]
    elif (ROOT / full).exists():
        return f"{text} (`{full}`)" if text.strip("`/") != full else f"`{full}`"
    else:
        log.warning("%s: the link %s leads nowhere", origin, target)
        return text
    relative = os.path.relpath(inside, os.path.dirname(place) or ".")
    return f"[{text}]({relative}{hash_}{anchor})"


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Put scripts that stand in a page into files: the server's policy allows no others."""
    root = "../" * page.file.dest_uri.count("/")

    def move(match: re.Match[str]) -> str:
        name = f"assets/inline/{hashlib.sha256(match[1].encode()).hexdigest()[:8]}.js"
        _scripts[name] = match[1]
        return f'<script src="{root}{name}"></script>'

    if page.file.src_uri.startswith("fr/") or page.file.src_uri.endswith(".fr.md"):
        output = output.replace('<html lang="en"', '<html lang="fr"', 1)
    return _INLINE.sub(move, output)


def on_post_build(config: Any) -> None:
    """Write those files; let everybody read the site, and nothing be there that is not shown."""
    site = Path(config.site_dir)
    for name in ("404.html", "sitemap.xml", "sitemap.xml.gz"):
        (site / name).unlink(missing_ok=True)
    for name, text in _scripts.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for path in (site, *site.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
