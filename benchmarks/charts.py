"""A few plots as SVG text, drawn without a plotting library: lines, bars, and strips of states over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 760, 260, 110, 34, 44
COLOURS = ("#1f6fb4", "#d55e00", "#009e73", "#8a5fb0")
"""Told apart by those who do not see all colours: from the palette of Okabe and Ito, 2008."""

STATE_COLOURS = {
    "ok": "#cfe8d5", "warning": "#f2cf63", "drift": "#d55e00", "unknown": "#e4e4e4",
    "on": "#f2cf63", "off": "#555555",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values along a side of a plot, with what is written at its ticks."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]

    def place(self, value: float, start: float, end: float) -> float:
        """Where a value lies between two places."""
        return start + (value - self.low) / (self.high - self.low) * (end - start)


def lines(title: str, x: Axis, y: Axis, series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Lines through points, which a NaN interrupts."""
    parts = _frame(title, x, y)
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        path, pen = "", "M"
        for at, value in points:
            if math.isnan(value):
                pen = "M"
                continue
            path += f"{pen}{_x(x, at):.1f} {y.place(value, HEIGHT - BOTTOM, TOP):.1f}"
            pen = "L"
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(LEFT + 8 + 170 * number, HEIGHT - 6, name, colour=colour))
    return _whole(parts, HEIGHT)


def bars(title: str, values: Mapping[str, float], unit: str) -> str:
    """One bar for each name."""
    highest = max(values.values(), default=0.0) or 1.0
    step = (WIDTH - LEFT - 20) / max(len(values), 1)
    parts = [_text(LEFT, 20, title, bold=True)]
    for number, (name, value) in enumerate(values.items()):
        height = value / highest * (HEIGHT - BOTTOM - TOP - 14)
        left, top = LEFT + number * step, HEIGHT - BOTTOM - height
        parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{step - 4:.1f}" height="{height:.1f}" '
            f'fill="{COLOURS[0]}"/>'
        )
        parts.append(_text(left + step / 2, HEIGHT - BOTTOM + 16, name, anchor="middle"))
        parts.append(_text(left + step / 2, top - 4, f"{value:.0f}{unit}", anchor="middle"))
    return _whole(parts, HEIGHT)


def strips(title: str, x: Axis, rows: Mapping[str, Sequence[tuple[float, float, str]]]) -> str:
    """One strip for each name, coloured by state from a start to an end."""
    height = TOP + 24 * len(rows) + BOTTOM
    parts = [_text(LEFT, 20, title, bold=True)]
    for number, (name, stretches) in enumerate(rows.items()):
        top = TOP + 24 * number
        parts.append(_text(LEFT - 8, top + 14, name, anchor="end"))
        for start, end, state in stretches:
            left = _x(x, start)
            parts.append(
                f'<rect x="{left:.1f}" y="{top}" width="{_x(x, end) - left:.1f}" height="19" '
                f'fill="{STATE_COLOURS[state]}"/>'
            )
    for at, label in x.ticks:
        parts.append(_text(_x(x, at), height - BOTTOM + 14, label, anchor="middle"))
    occur = {state for stretches in rows.values() for _, _, state in stretches}
    for number, state in enumerate(state for state in STATE_COLOURS if state in occur):
        left, colour = LEFT + 110 * number, STATE_COLOURS[state]
        parts.append(f'<rect x="{left}" y="{height - 19}" width="14" height="12" fill="{colour}"/>')
        parts.append(_text(left + 20, height - 9, state))
    return _whole(parts, height)


def _x(axis: Axis, value: float) -> float:
    return axis.place(value, LEFT, WIDTH - 20)


def _frame(title: str, x: Axis, y: Axis) -> list[str]:
    parts = [_text(LEFT, 20, title, bold=True)]
    for value, label in y.ticks:
        level = y.place(value, HEIGHT - BOTTOM, TOP)
        parts.append(f'<path d="M{LEFT} {level:.1f}H{WIDTH - 20}" stroke="#dddddd"/>')
        parts.append(_text(LEFT - 8, level + 4, label, anchor="end"))
    parts += [_text(_x(x, at), HEIGHT - BOTTOM + 16, label, anchor="middle") for at, label in x.ticks]
    return parts


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", colour: str = "#333333", bold: bool = False
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}>{text}</text>'


def _whole(parts: Sequence[str], height: int) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" font-family="sans-serif" font-size="12">'
    )
    return "\n".join([head, f'<rect width="{WIDTH}" height="{height}" fill="white"/>', *parts, "</svg>", ""])
