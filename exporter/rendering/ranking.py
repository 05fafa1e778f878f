"""Which column comes first, which test speaks for it, what is odd: alike on a terminal and on a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from .text import share

if TYPE_CHECKING:
    from ..findings import Finding
    from ..report import ColumnReport

STATES: Final = {"drift": 0, "warning": 1, "unknown": 2, "recovering": 3, "ok": 4}
SEVERITIES: Final = {"critical": 0, "high": 1, "medium": 2, "low": 3, None: 4}


NOTED_RATIO: Final = 0.01
"""A share of rows that is worth a note, when it is new."""

FAULTS: Final = {
    "type_error_ratio": "of another type",
    "infinite_ratio": "infinite",
    "out_of_range_ratio": "out of range",
    "unseen_ratio": "unseen",
}
"""Shares of a column's quality in words."""


def rank(column: ColumnReport) -> tuple[int, int, float]:
    """Key to sort columns by, the worst first: state, severity, effect over threshold."""
    finding = telling(column)
    ratio = 0.0 if finding is None else finding.ratio
    return STATES[column.state], SEVERITIES[column.severity], -ratio


def telling(column: ColumnReport) -> Finding | None:
    """The test that says most: of those that found drift, or else of those that decide, the largest."""
    deciding = [finding for finding in column.findings.values() if finding.decides]
    drifted = [finding for finding in deciding if finding.drift]
    return max(drifted or deciding, key=lambda finding: finding.ratio, default=None)


def faults(column: ColumnReport) -> Iterator[str]:
    """What is odd about a column's rows, beside their distribution."""
    quality = column.quality
    missing, before = quality.get("missing_ratio"), quality["reference_missing_ratio"]
    if missing is not None and abs(missing - before) >= NOTED_RATIO:
        yield f"missing {share(missing)}, was {share(before)}"
    for key, what in FAULTS.items():
        if quality.get(key, 0.0) >= NOTED_RATIO:
            yield f"{what} {share(quality[key])}"
