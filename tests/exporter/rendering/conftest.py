"""Reports of odd and of many columns, and a reader of pages."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from exporter import Policy, Reference, Report, check

N_ROWS = 400
CHECKED_AT = 1_700_000_000.0

SCRIPT = "<script>alert(1)</script>"
QUOTED = "\"'><img src=x onerror=alert(1)> {{ 7 * 7 }} {% raw %}"
TURNED = "\u202egnirts\u2066"
LONG = "long" * 200
HOSTILE = (SCRIPT, QUOTED, TURNED, LONG, "a\x00b\x1b[31m\n", "Köln 東京 العربية", "$x^2$", "../../etc/passwd")
"""Names that markup, templates, bidirectional text, terminals, TeX and file systems would obey."""

VOID = frozenset({"meta", "br", "img", "input", "link", "hr", "path"})
"""Elements that have no end tag; paths close themselves."""


class Page(HTMLParser):
    """Elements of a page in order, its texts, and whether every element is closed where it should be."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Mapping[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        if data.strip() and self.open:
            self.texts.setdefault(self.open[-1], []).append(data.strip())

    def tags(self, name: str) -> list[Mapping[str, str | None]]:
        """Attributes of all elements of a name."""
        return [attributes for tag, attributes in self.elements if tag == name]


def checked(before: Mapping[str, Any], now: Mapping[str, Any], **options: Any) -> Report:
    """The report of a table against another."""
    reference = Reference.fit(before, model_name=f"m {SCRIPT}", model_version="1", clock=lambda: CHECKED_AT)
    return check(reference, now, Policy(), clock=lambda: CHECKED_AT, **options)


def hostile_table(seed: int) -> dict[str, Any]:
    """A column of hostile categories, and one of numbers, under each hostile name."""
    rng = np.random.default_rng(seed)
    table: dict[str, Any] = {}
    for i, name in enumerate(HOSTILE):
        if i % 2:
            table[name] = rng.normal(size=N_ROWS)
        else:
            table[name] = np.array(rng.choice(HOSTILE[seed % 2 :], N_ROWS), dtype=object)
    return table


@pytest.fixture(scope="session")
def hostile() -> Report:
    """Hostile names everywhere, with drift, warnings and new categories."""
    return checked(hostile_table(1), hostile_table(2))


@pytest.fixture(scope="session")
def many() -> Report:
    """100 features of 40 categories and numbers, a third of which drift."""

    def table(seed: int, shift: float) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        columns: dict[str, Any] = {}
        for i in range(100):
            weights = rng.dirichlet(np.full(40, 4.0)) if i % 3 == 0 else np.full(40, 1 / 40)
            if i % 2:
                columns[f"number_{i:02d}"] = rng.normal(shift if i % 3 == 0 else 0.0, 1.0, 2 * N_ROWS)
            else:
                names = [f"category number {i} {j}" for j in range(40)]
                columns[f"category_{i:02d}"] = np.array(
                    rng.choice(names, 2 * N_ROWS, p=weights), dtype=object
                )
        return columns

    return checked(table(1, 0.0), table(2, 1.0))


EXTREMES: Mapping[str, Any] = {
    "huge": [1.7e308, -1.7e308, 0.0, 1e300],
    "tiny": [5e-324, 1e-320, 0.0, 1e-310],
    "constant": [7.0],
    "large": [1e15, 1e15 + 1, 1e15 + 2],
    "infinite": [np.inf, -np.inf, 1.0],
    "only_infinite": [np.inf],
    "missing": [np.nan, 1.0, 2.0],
    "seconds": [1.7e9, 1.70005e9, 1.7001e9],
}


@pytest.fixture(scope="session")
def extreme() -> Report:
    """Numbers at the ends of what a float can be; one column is not there, one has lost its numbers."""

    def table(seed: int) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        columns = {name: rng.choice(values, N_ROWS) for name, values in EXTREMES.items()}
        return {**columns, "absent": np.ones(N_ROWS), "words": rng.normal(size=N_ROWS)}

    now = table(2)
    del now["absent"]
    now["words"] = np.array(["a", 1.0] * (N_ROWS // 2), dtype=object)
    return checked(table(1), now)
