"""The plots of a page as images, for chats, tickets and slides."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from .content import headline
from .distribution import distribution_of
from .packages import require_packages
from .ranking import rank, telling
from .text import shown, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..report import ColumnReport, Report
    from .distribution import Distribution

SUMMARY: Final = "summary"
"""Name of the image of all columns."""

RANKED: Final = 30
"""Columns in it, the worst; more could not be read."""

RATIO_END: Final = 10.0
"""Where its bars end, in thresholds: a column that is a hundred times over must not hide the others."""

DPI: Final = 120

MAX_FILE_NAME: Final = 80
"""Characters of a file's name without its ending; every file system takes them."""

_BEFORE, _BEFORE_LINE, _NOW, _OVER = "#cfd6dd", "#66717c", "#1f6fb2", "#b3261e"
"""As on the page."""

LABEL_CHARS: Final = 28

SMALLEST, LARGEST = 1e-280, 1e280
"""Sizes between which a scale with margins neither overflows nor vanishes."""


def to_png(report: Report) -> Iterator[tuple[str, bytes]]:
    """Images of a report, each with the name of its file: `summary.png`, and one of every column.

    Raises
    ------
    ConfigError
        If Matplotlib is not installed.
    """
    require_packages("to_png", "matplotlib")
    columns = sorted(report.columns.values(), key=rank)
    names = file_names([column.name for column in columns])
    yield f"{SUMMARY}.png", _summary(report, columns)
    for column in columns:
        plot = distribution_of(column)
        if plot is not None:
            yield names[column.name], _column(column, plot)


def file_names(columns: Sequence[str]) -> Mapping[str, str]:
    """A file name for each column that any file system takes, and none of them twice."""
    taken = {SUMMARY}
    names = {}
    for column in columns:
        stem = re.sub(r"[^\w-]+", "_", column, flags=re.ASCII).strip("_")[:MAX_FILE_NAME] or "column"
        name, number = stem, 2
        while name.lower() in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name.lower())
        names[column] = f"{name}.png"
    return names


def _summary(report: Report, columns: Sequence[ColumnReport]) -> bytes:
    ranked = columns[:RANKED]
    figure = _figure(9.0, 1.6 + 0.28 * len(ranked))
    axes = figure.subplots()
    findings = [telling(column) for column in ranked]
    ratios = [0.0 if finding is None else min(finding.ratio, RATIO_END) for finding in findings]
    colours = [_OVER if column.state == "drift" else _BEFORE_LINE for column in ranked]
    axes.barh(range(len(ranked)), ratios, color=colours, height=0.6)
    axes.axvline(1.0, color="black", linewidth=1.0, linestyle="--")
    for i, (column, finding) in enumerate(zip(ranked, findings, strict=True)):
        test = "" if finding is None else f" ({finding.test} {finding.effect:.3g})"
        _say(axes, max(ratios[i], 1.0) + 0.1, i, f"{column.state}{test}")
    _rows(axes, [title(column.name) for column in ranked])
    axes.set_xlim(0.0, max(3.0, *ratios) * 1.3)
    axes.set_xlabel(f"effect over threshold, up to {RATIO_END:g}")
    more = f", the worst {RANKED} columns" if len(columns) > RANKED else ""
    _title(figure, f"{report.model_name} {report.model_version}{more}\n{headline(report)}")
    return _bytes(figure)


def _column(column: ColumnReport, plot: Distribution) -> bytes:
    numeric = plot.numeric
    figure = _figure(10.0, 4.2 if numeric else 1.8 + 0.26 * len(plot.bars))
    left, right = figure.subplots(1, 2)
    (_bins if numeric else _categories)(left, plot)
    if not numeric:
        _differences(right, plot)
    elif not _to_scale(plot):
        right.set_axis_off()
    else:
        _cumulative(right, plot)
    finding = telling(column)
    why = (
        "" if finding is None else f": {finding.test} {finding.effect:.3g}, threshold {finding.threshold:.3g}"
    )
    _title(figure, f"{title(column.name)}\n{column.state}{why}")
    return _bytes(figure)


def _to_scale(plot: Distribution) -> bool:
    """Whether both sides have numbers, of a size that Matplotlib's scales bear."""
    if plot.reference is None or plot.current is None:
        return False
    ends = np.abs([plot.reference[1], plot.reference[99], plot.current[1], plot.current[99]])
    return bool(((ends == 0.0) | ((ends > SMALLEST) & (ends < LARGEST))).all())


def _bins(axes: Axes, plot: Distribution) -> None:
    places = range(len(plot.bars))
    before = [100.0 * bar.reference for bar in plot.bars]
    now = [100.0 * bar.current for bar in plot.bars]
    axes.bar(places, before, width=0.9, color=_BEFORE, edgecolor=_BEFORE_LINE, label="reference")
    axes.bar(places, now, width=0.4, color=_NOW, label="window")
    axes.set_xticks(places, [bar.label for bar in plot.bars], rotation=45, ha="right", parse_math=False)
    axes.set_ylabel("% of values")
    axes.legend(frameon=False)


def _categories(axes: Axes, plot: Distribution) -> None:
    places = range(len(plot.bars))
    before = [100.0 * bar.reference for bar in plot.bars]
    now = [100.0 * bar.current for bar in plot.bars]
    axes.barh(places, before, height=0.85, color=_BEFORE, edgecolor=_BEFORE_LINE, label="reference")
    axes.barh(places, now, height=0.4, color=_NOW, label="window")
    _rows(axes, [bar.label for bar in plot.bars])
    axes.set_xlabel("% of values")
    axes.legend(frameon=False)


def _differences(axes: Axes, plot: Distribution) -> None:
    axes.barh(range(len(plot.bars)), [100.0 * bar.difference for bar in plot.bars], height=0.5, color=_NOW)
    axes.axvline(0.0, color=_BEFORE_LINE, linewidth=1.0)
    _rows(axes, [""] * len(plot.bars))
    axes.set_xlabel("window less reference, percentage points")


def _cumulative(axes: Axes, plot: Distribution) -> None:
    assert plot.reference is not None
    assert plot.current is not None
    percents = range(1, 100)
    axes.plot(plot.reference[1:100], percents, color=_BEFORE_LINE, linestyle="--", label="reference")
    axes.plot(plot.current[1:100], percents, color=_NOW, label="window")
    axes.set_xlabel("values, from 1 % to 99 % of both")
    axes.set_ylabel("% of values up to here")
    axes.legend(frameon=False)


def _rows(axes: Axes, labels: Sequence[str]) -> None:
    """One label a row, the first on top."""
    texts = [shown(label, LABEL_CHARS) for label in labels]
    axes.set_yticks(range(len(texts)), texts, parse_math=False)
    axes.set_ylim(len(texts) - 0.5, -0.5)


def _say(axes: Axes, x: float, y: float, text: str) -> None:
    axes.text(x, y, text, va="center", fontsize=8, parse_math=False)


def _title(figure: Figure, text: str) -> None:
    figure.suptitle(text, fontsize=11, parse_math=False)


def _figure(width: float, height: float) -> Figure:
    # Without pyplot, which keeps every figure and is not for threads.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - of the extra `report`
    from matplotlib.figure import Figure  # noqa: PLC0415 - same

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _bytes(figure: Figure) -> bytes:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    target = io.BytesIO()
    with warnings.catch_warnings():
        # Matplotlib's own font lacks many scripts; it draws boxes there, which is no fault of the data.
        warnings.filterwarnings("ignore", message="Glyph")
        # Without the version of Matplotlib, the same report gives the same bytes for longer.
        figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()
