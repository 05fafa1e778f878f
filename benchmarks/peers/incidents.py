"""The five incidents as tables, and what an operator should be told of each.

Everything is made, so the truth is known: 10,000 rows of training from four weeks, a window of 2,000 rows,
six features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Rng = np.random.Generator

TIME: Final = "at"
VERSION: Final = "model_version"
"""Columns beside the features; a tool gets them only where a setting of its own asks for them."""

SEED: Final = 20
REFERENCE_ROWS, WINDOW_ROWS = 10_000, 2_000
HOUR, DAY = 3_600.0, 86_400.0
MONDAY: Final = 1_767_571_200.0
"""2026-01-05 00:00 UTC: the first of 28 days of training; the window's day comes after them."""

MISSING_SHARE: Final = 0.6
OUTLIER: Final = 1e6
NEW_CATEGORY, NEW_SHARE = "zeppelin", 0.06
NIGHT_HOURS, NIGHT_SHARE = 6, 0.5
"""Half of the window's rows are from the first six hours of the day; in training it is a quarter."""

NEW_VERSION_SHARE: Final = 0.3
"""Of the window's rows, in the middle of a rolling update."""


@dataclass(frozen=True, kw_only=True)
class Incident:
    """One incident and its truth.

    Attributes
    ----------
    key, title : str
        Name of its folder, and of its section.
    happened : str
        What is done to the window, in words.
    wanted : str
        What an operator should be told, in words.
    rows : callable
        Gives the tables of training and of the window.
    quality, allowed : frozenset of str
        Columns that must be named as damaged data, and those that may be.
    named : (str, str) or None
        A column and a category of it that must be named.
    """

    key: str
    title: str
    happened: str
    wanted: str
    rows: Callable[[Rng], tuple[pd.DataFrame, pd.DataFrame]]
    quality: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    named: tuple[str, str] | None = None


def features_at(rng: Rng, times: NDArray[np.float64]) -> pd.DataFrame:
    """Rows of the usual world: `amount` and `temperature` follow the hour of the day, the others do not."""
    n = len(times)
    by_day = np.sin(2.0 * np.pi * (times % DAY / DAY - 0.25))
    return pd.DataFrame(
        {
            "distance": rng.normal(800.0, 200.0, n),
            "amount": np.exp(3.0 + 0.5 * by_day + 0.6 * rng.normal(size=n)),
            "temperature": 12.0 + 6.0 * by_day + 3.0 * rng.normal(size=n),
            "load": rng.uniform(0.0, 1.0, n),
            "carrier": rng.choice(["rail", "road", "sea", "air", "pipe"], n, p=[0.35, 0.3, 0.2, 0.1, 0.05]),
            "channel": rng.choice(["web", "app", "desk"], n, p=[0.5, 0.3, 0.2]),
            TIME: times,
        }
    )


def usual(rng: Rng) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training of 28 whole days, and the rows of the day after them."""
    times = np.sort(rng.uniform(0.0, 28 * DAY, REFERENCE_ROWS)) + MONDAY
    later = np.sort(rng.uniform(28 * DAY, 29 * DAY, WINDOW_ROWS)) + MONDAY
    return features_at(rng, times), features_at(rng, later)


def missing(rng: Rng) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A join upstream fails for most rows, whatever their values are."""
    reference, window = usual(rng)
    window.loc[rng.random(len(window)) < MISSING_SHARE, "distance"] = np.nan
    return reference, window


def outlier(rng: Rng) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row has a value of another order."""
    reference, window = usual(rng)
    window.loc[WINDOW_ROWS // 2, "amount"] = OUTLIER
    return reference, window


def new_category(rng: Rng) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A category that training never saw, at random rows."""
    reference, window = usual(rng)
    window.loc[rng.random(len(window)) < NEW_SHARE, "carrier"] = NEW_CATEGORY
    return reference, window


def night(rng: Rng) -> tuple[pd.DataFrame, pd.DataFrame]:
    """More rows at night; at any hour they are what they always were at that hour."""
    reference, _ = usual(rng)
    at_night = rng.random(WINDOW_ROWS) < NIGHT_SHARE
    hours = np.where(
        at_night, rng.uniform(0, NIGHT_HOURS, WINDOW_ROWS), rng.uniform(NIGHT_HOURS, 24, WINDOW_ROWS)
    )
    return reference, features_at(rng, np.sort(MONDAY + 28 * DAY + hours * HOUR))


def rolling_update(rng: Rng) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two versions serve side by side; the new one was trained on amounts in cents, and is fed with them."""
    tables = []
    for version, factor, share in (("1", 1.0, 1.0 - NEW_VERSION_SHARE), ("2", 100.0, NEW_VERSION_SHARE)):
        reference, window = usual(rng)
        for table in (reference, window):
            table["amount"] *= factor
            table[VERSION] = version
        tables.append((reference, window.sample(round(share * len(window)), random_state=SEED)))
    references, windows = zip(*tables, strict=True)
    return pd.concat(references, ignore_index=True), pd.concat(windows, ignore_index=True)


INCIDENTS: Final = (
    Incident(
        key="missing",
        title="A spike of missing values",
        happened="60 % of `distance` is missing. The values that are there are as ever.",
        wanted="`distance` is damaged data. It has not drifted, and nothing else has.",
        rows=missing,
        quality=frozenset({"distance"}),
    ),
    Incident(
        key="outlier",
        title="One value of a million",
        happened="One of 2,000 rows has an `amount` of 1,000,000 where 20 is usual.",
        wanted="No drift. That one value of `amount` is out of range may be said.",
        rows=outlier,
        allowed=frozenset({"amount"}),
    ),
    Incident(
        key="new_category",
        title="A new category",
        happened=f"6 % of `carrier` are `{NEW_CATEGORY}`, which training never saw.",
        wanted=f"`carrier` has a new category, and it is `{NEW_CATEGORY}`.",
        rows=new_category,
        named=("carrier", NEW_CATEGORY),
        allowed=frozenset({"carrier"}),
    ),
    Incident(
        key="night",
        title="Night traffic",
        happened="Half of the rows are from 0 to 6 o'clock, in training a quarter. `amount` and "
        "`temperature` are lower at night, as they always were: at each hour nothing has changed.",
        wanted="No drift.",
        rows=night,
    ),
    Incident(
        key="rolling_update",
        title="A rolling update",
        happened="30 % of the rows are answered by version 2, which was trained on `amount` in cents and "
        "gets cents. The rows of each version are as in its own training.",
        wanted="No drift.",
        rows=rolling_update,
    ),
)


def write_incidents(folder: Path) -> None:
    """Tables of training and window of every incident, as Parquet."""
    for number, incident in enumerate(INCIDENTS):
        reference, window = incident.rows(np.random.default_rng([SEED, number]))
        place = folder / incident.key
        place.mkdir(parents=True, exist_ok=True)
        reference.to_parquet(place / "reference.parquet", index=False)
        window.to_parquet(place / "window.parquet", index=False)
