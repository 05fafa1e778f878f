"""Detections of concept drift on streams of outcomes, thinned and whole, for the end of docs/verdicts.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exporter.error_stream import ErrorStream
from exporter.observation import JoinedOutcomes, Observations, OutcomeCounts
from exporter.sequential import DETECTORS, create

Floats = NDArray[np.float64]

STREAMS: Final = 20
BEFORE, AFTER = 30_000, 10_000
DAY: Final = 500
"""Outcomes of a day, of the streams whose days differ."""

BATCH: Final = 50
"""Outcomes that come together: a delay is known to the one at which a detector fired, in its batch."""


def steady(rng: np.random.Generator, after: float) -> Floats:
    """Independent errors at 20 %, then at another rate."""
    return (rng.random(BEFORE + AFTER) < np.repeat([0.2, after], [BEFORE, AFTER])).astype(np.float64)


def bursts(rng: np.random.Generator, after: float) -> Floats:
    """Errors of which each makes the next likelier: correlation 0.3."""
    errors, draws = np.zeros(BEFORE + AFTER), rng.random(BEFORE + AFTER)
    rates = np.repeat([0.2, after], [BEFORE, AFTER])
    for i in range(1, len(errors)):
        errors[i] = draws[i] < 0.7 * rates[i] + 0.3 * errors[i - 1]
    return errors


def days(rng: np.random.Generator, after: float) -> Floats:
    """Days of 500 outcomes, whose rates differ from each other by 10 points (standard deviation)."""
    usual = np.repeat([0.2, after], [BEFORE // DAY, AFTER // DAY])
    rates = np.clip(rng.normal(usual, 0.1), 0.01, 0.99)
    return (rng.random(BEFORE + AFTER) < np.repeat(rates, DAY)).astype(np.float64)


CASES: Final[tuple[tuple[str, Callable[[np.random.Generator, float], Floats], float], ...]] = (
    ("independent, 20 to 30 %", steady, 0.3),
    ("independent, 20 to 50 %", steady, 0.5),
    ("in bursts, 20 to 40 %", bursts, 0.4),
    ("bad days, 20 to 40 %", days, 0.4),
)


def positions(errors: Floats) -> dict[str, list[int]]:
    """Where each detector of an error stream fires, the last of each batch."""
    stream = ErrorStream(classification=True, hold_seconds=1.0)
    found: dict[str, list[int]] = {name: [] for name in stream.names}
    for start in range(0, len(errors), BATCH):
        part = errors[start : start + BATCH]
        rows = Observations(
            times=np.arange(start, start + len(part), dtype=np.float64),
            features={},
            classes=np.full(len(part), "1", dtype=object),
            labels=np.where(part > 0, "0", "1").astype(object),
        )
        counts = OutcomeCounts(joined=len(part))
        stream.add(JoinedOutcomes(counts=counts, rows=rows, lags=np.zeros(len(part))))
        for name, report in stream.run(0.0).items():
            if report.drifts > len(found[name]) and report.position is not None:
                found[name].append(report.position)
    return found


def whole(errors: Floats) -> dict[str, list[int]]:
    """Where each detector fires that is given every value."""
    return {name: create(name).update_many(errors).drifts.tolist() for name in DETECTORS}


def rows(rng: np.random.Generator, streams: int = STREAMS) -> list[str]:
    """One row of a table for each detector and kind of cell."""
    cells: dict[str, list[str]] = {name: [] for name in DETECTORS}
    for _, make, after in CASES:
        drawn = [make(rng, after) for _ in range(streams)]
        ours, plain = [positions(errors) for errors in drawn], [whole(errors) for errors in drawn]
        for name in DETECTORS:
            cells[name].append(f"{_alarms(ours, name)} / {_alarms(plain, name)}")
            cells[name].append(f"{_delay(ours, name)} / {_delay(plain, name)}")
    return [f"| `{name}` | " + " | ".join(found) + " |" for name, found in cells.items()]


def _alarms(found: list[dict[str, list[int]]], name: str) -> str:
    count = np.mean([sum(at < BEFORE for at in each[name]) for each in found])
    return f"{count * 10_000 / BEFORE:.2f}"


def _delay(found: list[dict[str, list[int]]], name: str) -> str:
    """Median, or how many streams had one if not most."""
    delays = [next((at - BEFORE for at in each[name] if at >= BEFORE), None) for each in found]
    known = [delay for delay in delays if delay is not None]
    if 2 * len(known) <= len(delays):
        return "-"
    return f"{np.median([AFTER if delay is None else delay for delay in delays]):,.0f}"
