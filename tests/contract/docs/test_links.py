"""Every link of the documentation leads somewhere, and every page can be reached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it.token import Token

from .blocks import MARKDOWN, PAGES, ROOT

WITH_LINKS = {**PAGES, **{name: ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md")}}

FOLDERS = "alerting|benchmarks|config|dashboards|docs|driftgauge|examples|exporter|scripts|tests"
PATH = re.compile(rf"(?:{FOLDERS})/[\w./*-]*")
"""What names a file of this repository, in inline code; a star stands for anything."""


@pytest.mark.parametrize("page", WITH_LINKS)
def test_a_link_leads_to_a_file_and_its_heading(page: str) -> None:
    """Relative links, pictures too; an anchor is the heading of a page as GitHub names it."""
    path = WITH_LINKS[page]
    for link in _links(path):
        file, _, anchor = link.partition("#")
        target = (path.parent / unquote(file)).resolve() if file else path
        assert target.is_relative_to(ROOT), f"{page}: {link} leads out of the repository"
        assert target.exists(), f"{page}: {link} leads nowhere"
        if anchor and target.suffix == ".md":
            assert anchor in _anchors(target), f"{page}: {link}: no such heading"


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md"])
def test_a_path_in_the_text_is_there(page: str) -> None:
    """Code moves; who names a file in a page moves it there too. The changelog may name what is gone."""
    for token in _inline(WITH_LINKS[page]):
        for child in token.children or ():
            if child.type == "code_inline" and PATH.fullmatch(child.content):
                assert any(ROOT.glob(child.content.rstrip("/"))), f"{page}: no {child.content}"


def test_the_index_has_every_page() -> None:
    """docs/README.md links to all pages; nobody has to guess that one exists."""
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in _links(index)}
    pages = {path.resolve() for path in index.parent.rglob("*.md")} - {index.resolve()}
    assert sorted(path.name for path in pages - linked) == []


def _inline(path: Path) -> Iterator[Token]:
    for token in MARKDOWN.parse(path.read_text(encoding="utf-8")):
        if token.type == "inline":
            yield token


def _links(path: Path) -> Iterator[str]:
    """Targets of a page's links and pictures that are no addresses."""
    for token in _inline(path):
        for child in token.children or ():
            target = child.attrGet("href") or child.attrGet("src")
            if target is not None and not re.match(r"[a-z]+:", str(target)):
                yield str(target)


@cache
def _anchors(path: Path) -> frozenset[str]:
    """Names of a page's headings: lower case, spaces as hyphens, no other signs; a second one has -1."""
    found: dict[str, int] = {}
    names = set()
    tokens = MARKDOWN.parse(path.read_text(encoding="utf-8"))
    for opening, heading in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        text = "".join(child.content for child in heading.children or ())
        name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
        names.add(f"{name}-{found[name]}" if found[name] else name)
    return frozenset(names)
