"""A report for people: a table of its columns, the worst first."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from ..rendering.ranking import faults, rank, telling
from ..rendering.text import OUTPUTS, number, p_value, plain
from .output import say

if TYPE_CHECKING:
    from ..expectations import Result
    from ..report import ColumnReport, Report

HEADER: Final = ("feature", "state", "severity", "test", "score", "threshold", "p", "note")
RIGHT: Final = frozenset({"score", "threshold", "p"})

MAX_NAMED: Final = 5
"""Columns named of a segment; the report as JSON has them all."""

MAX_LINES: Final = 50
"""Columns shown when the rest of them are ok."""

_COLOURS: Final = {"drift": "bold red", "warning": "yellow", "unknown": "magenta", "ok": "green"}


@dataclass(frozen=True, slots=True)
class Line:
    """One column of a report, as cells of `HEADER`."""

    state: str
    cells: tuple[str, ...]


def show_report(report: Report, preset: str) -> None:
    """Print what a check found."""
    lines, hidden = _lines(report)
    if sys.stdout.isatty() and find_spec("rich") is not None:
        _print_rich(lines)
    else:
        say(_aligned(lines))
    if hidden:
        say([f"… and {hidden:,} more, all ok"])
    drifted = len(report.drifted_features)
    unknown = sum(column.state == "unknown" for column in report.features.values())
    tail = f", {unknown} could not be decided" if unknown else ""
    summary = (
        f"{drifted} of {len(report.features)} features drifted ({report.drifted_ratio:.0%}){tail}: "
        f"{report.rows:,} rows against {report.reference_rows:,} of {plain(report.model_name)} "
        f"{plain(report.model_version)}, {preset}"
    )
    say(["", summary, *_within(report)])


def show_results(results: Iterable[Result]) -> list[str]:
    """Lines of expectations, passed or failed."""
    lines = []
    for result in results:
        found = result.found
        if not isinstance(found, str):
            found = f"{found:.4g}" if isinstance(found, float) else f"{found:,}"
        subject = result.expect if result.column is None else f"{result.expect} of {plain(result.column)!r}"
        verdict = "pass" if result.passed else "FAIL"
        lines.append(f"{verdict}  {subject}: found {found}, need {result.needed}")
    return lines


def _within(report: Report) -> Iterator[str]:
    """Lines about segments: in which what has drifted."""
    if report.segment_by is None:
        return
    drifted = {
        segment: [name for name, within in report.drifted_within.items() if segment in within]
        for segment in report.segments
    }
    unknown = sum(part.state == "unknown" for part in report.segments.values())
    tail = f", {unknown} could not be decided" if unknown else ""
    mix = report.features[report.segment_by].state
    yield (
        f"within {len(report.segments)} values of {plain(report.segment_by)}: "
        f"{sum(map(bool, drifted.values()))} drifted{tail}; their mix: {mix}"
    )
    for segment, names in drifted.items():
        if names:
            named = ", ".join(OUTPUTS.get(name, plain(name)) for name in names[:MAX_NAMED])
            more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
            yield f"  {plain(segment)}: {named}{more} ({report.segments[segment].rows:,} rows)"


def _lines(report: Report) -> tuple[list[Line], int]:
    """Lines of a report, the worst first, and how many were left out."""
    ranked = sorted(report.columns.items(), key=lambda item: rank(item[1]))
    shown = [item for i, item in enumerate(ranked) if i < MAX_LINES or item[1].state != "ok"]
    return [_line(name, column) for name, column in shown], len(ranked) - len(shown)


def _line(name: str, column: ColumnReport) -> Line:
    finding = telling(column)
    cells = ("", "", "", "")
    if finding is not None:
        cells = (
            finding.test,
            number(finding.effect),
            number(finding.threshold),
            p_value(finding.p_value),
        )
    label = OUTPUTS.get(name, plain(name))
    return Line(column.state, (label, column.state, column.severity or "", *cells, "; ".join(_notes(column))))


def _notes(column: ColumnReport) -> Iterator[str]:
    if column.detail is not None:
        yield plain(column.detail)
    yield from faults(column)


def _aligned(lines: Sequence[Line]) -> Iterator[str]:
    rows = [HEADER, *(line.cells for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.rjust(width) if head in RIGHT else cell.ljust(width)
            for head, cell, width in zip(HEADER, row, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()


def _print_rich(lines: Sequence[Line]) -> None:
    from rich.console import Console  # noqa: PLC0415 - of the extra `cli`, and only on a terminal
    from rich.table import Table  # noqa: PLC0415 - same
    from rich.text import Text  # noqa: PLC0415 - same

    table = Table(box=None, pad_edge=False)
    for head in HEADER:
        table.add_column(head, justify="right" if head in RIGHT else "left", overflow="fold")
    for line in lines:
        # As Text, since a name in brackets is no markup.
        table.add_row(*(Text(cell) for cell in line.cells), style=_COLOURS.get(line.state, ""))
    Console().print(table)
