"""Plots as SVG of one to three kilobytes: paths and text whose colours come from the page around them.

Nothing of the data is markup here: every text goes through `escape`. Before and now differ in shape as well
as in colour: wide pale bars with an outline against narrow full ones, a dashed line against a solid one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from .distribution import edge_texts, moved
from .text import number, numbers, points, share, shown

if TYPE_CHECKING:
    from ..reference.profiles import Floats
    from .distribution import Bar, Distribution

WIDTH: Final = 400
"""Of every plot, in its own units: on a phone about one to a pixel, so that its text can be read."""

LETTER: Final = 6.7
"""Width of a letter of the page's size 12, roughly; labels are thinned out by it."""

LEAST_SWING: Final = 0.005
"""Difference of shares that fills its axis at least, so that noise does not look like a change."""

_LEFT, _RIGHT = 40.0, 6.0
_TOP, _BASE = 8.0, 128.0
_ZERO, _SWING = 182.0, 24.0
_HEIGHT = 216.0
_ROW, _LABELS, _NUMBERS = 18.0, 128.0, 50.0
_BESIDE = 58.0
"""Least width of a bar beside the distribution: its label is a word."""

_TINY = 1e-300
"""Below it, powers of ten are zero."""

LABEL_CHARS: Final = 17
"""Letters of a category that fit before its bar."""

GAUGE_END: Final = 5.0
"""Where a gauge is full: five times the threshold is critical."""

WORDS: Final = frozenset({"no number", "missing", "infinite"})
"""Labels of columns that hold no range of numbers."""


def shares(plot: Distribution, key: str, name: str) -> str:
    """Shares of the bins before and now, in columns for numbers and in rows for categories."""
    described = moved(plot)
    if not plot.numeric:
        return _svg(key, f"Shares of {name}", described, _rows_height(plot), _category_rows(plot.bars))
    return _svg(key, f"Shares and their differences of {name}", described, _HEIGHT, _columns(plot))


def second(plot: Distribution, key: str, name: str) -> str | None:
    """Numbers to scale as cumulative shares, or differences of categories; None where there is neither."""
    if not plot.numeric:
        text = f"Differences in percentage points: {moved(plot)}"
        return _svg(key, f"Differences of {name}", text, _rows_height(plot), _difference_rows(plot.bars))
    if plot.reference is None or plot.current is None:
        return None
    text = (
        f"Median {number(plot.reference[50])} in the reference and {number(plot.current[50])} in the window; "
        f"from 1 % to 99 %: {number(plot.reference[1])} to {number(plot.reference[99])}, and "
        f"{number(plot.current[1])} to {number(plot.current[99])}."
    )
    return _svg(key, f"Cumulative share of {name}", text, _HEIGHT, _cumulative(plot.reference, plot.current))


def gauge(ratio: float, *, drift: bool) -> str:
    """Effect over threshold as a small bar with a mark at 1; for the eye alone, beside the number."""
    width = 72.0 * min(ratio, GAUGE_END) / GAUGE_END
    mark = 72.0 / GAUGE_END
    kind = "over" if drift else "under"
    return (
        f'<svg class="gauge" viewBox="0 0 74 12" width="74" height="12" aria-hidden="true">'
        f'<path class="{kind}" d="M1 3h{_n(width)}v6H1z"/><path class="mark" d="M{_n(1 + mark)} 0v12"/></svg>'
    )


def _svg(key: str, title: str, text: str, height: float, body: Iterator[str]) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {_n(height)}" role="img" aria-labelledby="{key}t {key}d">'
        f'<title id="{key}t">{escape(title)}</title><desc id="{key}d">{escape(text)}</desc>'
        f"{''.join(body)}</svg>"
    )


def _columns(plot: Distribution) -> Iterator[str]:
    widths = _widths(plot.bars)
    starts = [_LEFT + sum(widths[:i]) for i in range(len(widths))]
    top = nice(max(max(bar.reference, bar.current) for bar in plot.bars))
    for value in (0.0, top / 2.0, top):
        y = _BASE - (_BASE - _TOP) * value / top
        yield f'<path class="grid" d="M{_n(_LEFT)} {_n(y)}H{WIDTH - _RIGHT:g}"/>'
        yield _text(_LEFT - 4, y + 4, f"{100 * value:.3g}%", "end")
    before = now = apart = ""
    swing = nice(max(LEAST_SWING, *(abs(bar.difference) for bar in plot.bars)))
    for bar, x, width in zip(plot.bars, starts, widths, strict=True):
        before += _column(x + 1, width - 2, _BASE, (_BASE - _TOP) * bar.reference / top)
        now += _column(x + 0.28 * width, 0.44 * width, _BASE, (_BASE - _TOP) * bar.current / top)
        apart += _column(x + 0.28 * width, 0.44 * width, _ZERO, _SWING * bar.difference / swing)
    yield f'<path class="before" d="{before}"/><path class="now" d="{now}"/>'
    yield f'<path class="axis" d="M{_n(_LEFT)} {_n(_ZERO)}H{WIDTH - _RIGHT:g}"/>'
    yield f'<path class="now" d="{apart}"/>'
    for value in (swing, -swing):
        yield _text(_LEFT - 4, _ZERO + 4 - _SWING * value / swing, f"{100 * value:+.3g}", "end")
    yield _text(WIDTH - _RIGHT, _HEIGHT - 2, "difference in percentage points", "end")
    edges = zip(starts[1:], edge_texts(plot.edges), strict=False)
    words = (
        (x + width / 2, bar.label)
        for bar, x, width in zip(plot.bars, starts, widths, strict=True)
        if bar.label in WORDS
    )
    yield from _labels([*edges, *words], _BASE + 14)


def _widths(bars: Sequence[Bar]) -> list[float]:
    """Widths of columns: equal, but for those beside the distribution, whose labels are words."""
    room = WIDTH - _LEFT - _RIGHT
    words = sum(bar.label in WORDS for bar in bars)
    width = (room - words * _BESIDE) / max(len(bars) - words, 1)
    return [_BESIDE if bar.label in WORDS else width for bar in bars]


def _labels(places: Sequence[tuple[float, str]], y: float) -> Iterator[str]:
    """Texts centred at their places, without those that would touch the one before."""
    free, last = -math.inf, ""
    for x, text in places:
        half = LETTER * len(text) / 2.0
        if text != last and x - half >= free:
            yield _text(min(x, WIDTH - half), y, text, "middle")
            free, last = x + half + LETTER, text


def _category_rows(bars: Sequence[Bar]) -> Iterator[str]:
    room = WIDTH - _LABELS - _NUMBERS
    top = max(max(bar.reference, bar.current) for bar in bars) or 1.0
    before = now = ""
    for i, bar in enumerate(bars):
        y = _ROW * i
        before += f"M{_n(_LABELS)} {_n(y + 2)}h{_n(room * bar.reference / top)}v14H{_n(_LABELS)}z"
        now += f"M{_n(_LABELS)} {_n(y + 6)}h{_n(room * bar.current / top)}v6H{_n(_LABELS)}z"
        yield _text(_LABELS - 6, y + 13, shown(bar.label, LABEL_CHARS), "end")
        yield _text(WIDTH, y + 13, share(bar.current), "end")
    yield f'<path class="before" d="{before}"/><path class="now" d="{now}"/>'
    yield f'<path class="axis" d="M{_n(_LABELS)} 0V{_n(_ROW * len(bars))}"/>'


def _difference_rows(bars: Sequence[Bar]) -> Iterator[str]:
    middle = (_LABELS + WIDTH - _NUMBERS) / 2.0
    half = middle - _LABELS - 4.0
    top = max(LEAST_SWING, *(abs(bar.difference) for bar in bars))
    apart = ""
    for i, bar in enumerate(bars):
        y = _ROW * i
        apart += f"M{_n(middle)} {_n(y + 5)}h{_n(half * bar.difference / top)}v8H{_n(middle)}z"
        yield _text(_LABELS - 6, y + 13, shown(bar.label, LABEL_CHARS), "end")
        yield _text(WIDTH, y + 13, points(bar.difference), "end")
    yield f'<path class="now" d="{apart}"/><path class="axis" d="M{_n(middle)} 0V{_n(_ROW * len(bars))}"/>'


def _rows_height(plot: Distribution) -> float:
    return _ROW * len(plot.bars) + 2.0


def _cumulative(reference: Floats, current: Floats) -> Iterator[str]:
    low = float(min(reference[1], current[1]))
    high = float(max(reference[99], current[99]))
    # Halves, since the difference of two floats may overflow.
    if not low / 2 < high / 2:
        low, high = low - 0.5, high + 0.5
    right, bottom = WIDTH - 14.0, _HEIGHT - 30.0

    def x_of(value: float) -> float:
        return _LEFT + (right - _LEFT) * ((value / 2 - low / 2) / (high / 2 - low / 2))

    for value in (0.0, 0.5, 1.0):
        y = bottom - (bottom - _TOP) * value
        yield f'<path class="grid" d="M{_n(_LEFT)} {_n(y)}H{_n(right)}"/>'
        yield _text(_LEFT - 4, y + 4, f"{100 * value:.0f}%", "end")
    for percentiles, kind in ((reference, "line before-line"), (current, "line now-line")):
        steps = [
            f"{_n(x_of(float(percentiles[percent])))} {_n(bottom - (bottom - _TOP) * percent / 100)}"
            for percent in (*range(1, 99, 2), 99)
        ]
        yield f'<path class="{kind}" d="M{"L".join(steps)}"/>'
    places = ticks(low, high)
    yield from _labels([*zip(map(x_of, places), numbers(places), strict=True)], bottom + 14)
    yield _text(_LEFT, _HEIGHT - 2, "values, from 1 % to 99 % of both", "start")


def ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers from `low` to `high`."""
    step = nice(high / 4.0 - low / 4.0)
    first = math.ceil(low / step)
    return [float(f"{i * step:.12g}") for i in range(first, math.floor(high / step) + 1)]


def nice(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten that is at least `value`."""
    if not value > _TINY:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1.0, 2.0, 2.5, 5.0, 10.0) if power * step >= value * (1 - 1e-9))


def _column(x: float, width: float, base: float, height: float) -> str:
    return f"M{_n(x)} {_n(base)}v{_n(-height)}h{_n(width)}V{_n(base)}z"


def _text(x: float, y: float, text: str, anchor: str) -> str:
    at = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{_n(x)}" y="{_n(y)}"{at}>{escape(text)}</text>'


def _n(value: float) -> str:
    """A coordinate: one decimal is a tenth of a pixel."""
    text = f"{value:.1f}"
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text
