"""Learning from a reference's own history how far statistics stray without drift.

    reference = Reference.fit(rows, timestamps=times, model_name="flight_delay", model_version="1.2.0")
    reference = calibrate(reference, rows, timestamps=times)
    reference.save("reference.json")

Give the rows the reference was built from, in the order in which they came. Blocks as long as each window
slide over them; a statistic between a block and the reference is one sample of what happens without drift.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .errors import ReferenceDataError
from .measure import ALL_TESTS, measure_rows
from .reference.calibration import BlockNull, Calibration, squared
from .rows import Rows, read_rows
from .windows import DEFAULT_WINDOWS, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .policy import TestType
    from .reference import Reference

OVERLAP: Final = 4
"""Blocks begin every quarter of their length: more overlap costs time and adds next to no evidence."""

MAX_BLOCKS: Final = 200
"""Blocks measured at most, which is enough for a mean; in a longer history they lie further apart."""

MIN_BLOCKS: Final = 8
"""Blocks side by side below which a variance over them says nothing, and a window is refused."""

MIN_BLOCK_ROWS: Final = 30
"""A block of fewer rows says nothing about a window, which needs 100 by default."""

MAX_FREEDOM: Final = 100.0
"""Degrees of freedom kept at most: beyond, they no longer change the tail, however little the blocks vary."""


def calibrate(
    reference: Reference,
    data: Any,  # noqa: ANN401 - any table
    *,
    timestamps: Any = None,  # noqa: ANN401 - any column
    predictions: Any = None,  # noqa: ANN401 - any column
    scores: Any = None,  # noqa: ANN401 - any column
    labels: Any = None,  # noqa: ANN401 - any column
    windows: Sequence[Window] = DEFAULT_WINDOWS,
    window_rows: Sequence[int] = (),
    tests: Collection[TestType] = ALL_TESTS,
    progress: Callable[[int, int], None] | None = None,
) -> Reference:
    """The same reference with the calibration of its windows.

    Parameters
    ----------
    reference : Reference
        Built from these rows.
    data, predictions, scores, labels
        As they were given to `Reference.fit`, in the order in which the rows came.
    timestamps : column of shape (n_rows,), optional
        When each row was observed. Needed for `windows`, which are lengths of time.
    windows : sequence of Window
        Calibrated by time; used when `timestamps` are given.
    window_rows : sequence of int
        Calibrated by number of rows, under the name "<n> rows"; a check of a window that has no calibration
        of its name uses the one whose blocks are nearest in rows.
    tests : collection of str
        The tests to calibrate; those that come with them at no cost are too.
    progress : callable, optional
        Called with the number of blocks measured and the number of all.

    Raises
    ------
    ReferenceDataError
        If there is no window to calibrate, the history is shorter than eight of one, or it lacks a column.
    """
    rows = read_rows(
        data,
        list(reference.features),
        predictions=predictions,
        scores=scores,
        labels=labels,
        timestamps=timestamps,
    )
    plans = _plans(rows, windows, window_rows)
    total = sum(len(plan) for plan, _ in plans.values())
    done = 0
    calibration = dict(reference.calibration)
    for name, (blocks, span) in plans.items():
        squares: dict[str, dict[str, list[float]]] = {}
        for block in blocks:
            for column, test, square in _squares(reference, rows.select(block), tests):
                squares.setdefault(column, {}).setdefault(test, []).append(square)
            done += 1
            if progress is not None:
                progress(done, total)
        size = float(np.mean([len(block) for block in blocks]))
        calibration[name] = Calibration(rows=size, blocks=span, nulls=_nulls(squares, size, reference.rows))
    return replace(reference, calibration=calibration)


def _plans(
    rows: Rows, windows: Sequence[Window], window_rows: Sequence[int]
) -> dict[str, tuple[list[NDArray[np.int64]], float]]:
    """Indices of the blocks of each window, and how many blocks fit into the history side by side."""
    plans = {}
    if rows.times is not None:
        order = np.argsort(rows.times, kind="stable")
        order = order[np.isfinite(rows.times[order])]
        for window in windows:
            blocks, span = _by_time(rows.times[order], window.seconds)
            plans[window.name] = [order[block] for block in blocks], span
    for size in window_rows:
        plans[f"{size} rows"] = _by_rows(rows.n_rows, size)
    if not plans:
        raise ReferenceDataError("calibrate: found neither timestamps nor window_rows, need one of them")
    for name, (_, span) in plans.items():
        if span < MIN_BLOCKS:
            raise ReferenceDataError(
                f"calibrate: window {name!r}: found rows for {span:.1f} of them, need {MIN_BLOCKS}"
            )
    return plans


def _by_time(times: NDArray[np.float64], seconds: float) -> tuple[list[NDArray[np.int64]], float]:
    """Indices into ascending times of blocks of this length, and how many fit side by side."""
    if len(times) == 0:
        return [], 0.0
    first, last = float(times[0]), float(times[-1])
    span = (last - first) / seconds
    step = seconds * max(1.0 / OVERLAP, (span - 1.0) / MAX_BLOCKS)
    starts = np.arange(first, max(last - seconds, first) + 0.5 * step, step)
    bounds = np.searchsorted(times, np.stack([starts, starts + seconds], axis=1), side="left")
    blocks = [np.arange(low, high) for low, high in bounds.tolist() if high - low >= MIN_BLOCK_ROWS]
    return blocks, span * len(blocks) / len(bounds)  # stretches without rows are no evidence


def _by_rows(n_rows: int, size: int) -> tuple[list[NDArray[np.int64]], float]:
    """Indices of blocks of so many rows, and how many fit side by side."""
    if size < MIN_BLOCK_ROWS:
        raise ReferenceDataError(f"calibrate: window_rows: found {size}, need at least {MIN_BLOCK_ROWS}")
    span = n_rows / size
    step = max(1, round(size * max(1.0 / OVERLAP, (span - 1.0) / MAX_BLOCKS)))
    return [np.arange(start, start + size) for start in range(0, n_rows - size + 1, step)], span


def _squares(
    reference: Reference, rows: Rows, tests: Collection[TestType]
) -> Iterator[tuple[str, str, float]]:
    """Squared effects of one block, by column and test."""
    for measurement in measure_rows(reference.profiles_at(rows.times), rows, MIN_BLOCK_ROWS, tests):
        if measurement.reason in ("failed", "missing_column"):
            raise ReferenceDataError(f"calibrate: column {measurement.name!r}: {measurement.detail}")
        for measured in measurement.statistics:
            yield measurement.name, measured.test, squared(measured.test, measured.effect)


def _nulls(
    squares: Mapping[str, Mapping[str, Sequence[float]]], block_rows: float, reference_rows: int
) -> dict[str, dict[str, BlockNull]]:
    """Mean and degrees of freedom of each statistic over the blocks."""
    # A block is part of the reference, which therefore lies nearer to it than to new rows.
    share = min(block_rows / reference_rows, 1.0 - 1.0 / MIN_BLOCKS)
    nearer = (1.0 + share) / (1.0 - share)
    nulls: dict[str, dict[str, BlockNull]] = {}
    for column, tests in squares.items():
        nulls[column] = {}
        for test, values in tests.items():
            mean, variance = float(np.mean(values)), float(np.var(values))
            if math.isfinite(variance) and len(values) >= MIN_BLOCKS:
                freedom = 2.0 * mean**2 / variance if variance > 0.0 else MAX_FREEDOM
                nulls[column][test] = BlockNull(mean=mean * nearer, freedom=min(freedom, MAX_FREEDOM))
    return nulls
