"""The runbooks as a page, so that whoever is woken has them one click from the numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .page import GRID_COLUMNS, Band, Section, page
from .panels import text_panel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grafana_foundation_sdk.models.dashboard import Dashboard

CHARACTERS_PER_LINE = 150
"""Text across the whole width of a common screen; a narrower one scrolls inside the panel."""

LINES_PER_UNIT = 1.4
"""Lines of text in one unit of the grid's height (30 pixels and a gap of 8)."""


def build(markdown: str) -> Dashboard:
    """One panel for each heading of the second level.

    Parameters
    ----------
    markdown : str
        Content of `docs/runbooks.md`.
    """
    bands = [
        Band(
            _height(text),
            [(GRID_COLUMNS, text_panel(title, f"What {title} means and what to do.", text))],
        )
        for title, text in chapters(markdown)
    ]
    return page(
        "driftgauge-runbooks",
        "For every alert: what it means, what to look at first, usual causes, what to do, when to retrain.",
        [Section("Runbooks", bands)],
    )


def chapters(markdown: str) -> Iterator[tuple[str, str]]:
    """Heading and text of each chapter of the second level, in order."""
    for chapter in markdown.split("\n## ")[1:]:
        title, _, text = chapter.partition("\n")
        yield title.strip(), text.strip()


def _height(text: str) -> int:
    lines = sum(max(1, math.ceil(len(line) / CHARACTERS_PER_LINE)) for line in text.splitlines())
    return math.ceil(lines / LINES_PER_UNIT) + 2  # the panel's title and margins
