"""Scores of drift: one test over time, and all tests in a table with their change. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .series import Line

ORDER = (
    "psi",
    "jensen_shannon",
    "ks",
    "chi_square",
    "hellinger",
    "wasserstein",
    "mean_shift",
    "variance_ratio",
)
"""Tests that decide first, then those that explain; others follow by name."""

WORST: Final = "worst"
"""In place of a test: the largest significant score of any feature over its threshold, within a segment."""

NAMES: Mapping[str, str] = {
    WORST: "Worst score / threshold of any feature in the segment",
    "psi": "PSI",
    "jensen_shannon": "Jensen\N{EN DASH}Shannon",
    "ks": "Kolmogorov\N{EN DASH}Smirnov",
    "chi_square": "Chi-square (Cram\N{LATIN SMALL LETTER E WITH ACUTE}r\N{RIGHT SINGLE QUOTATION MARK}s V)",
    "hellinger": "Hellinger",
    "wasserstein": "Wasserstein",
    "mean_shift": "Mean shift",
    "variance_ratio": "Variance ratio",
}
"""Tests by how people call them; any other keeps its label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreHistory:
    """One test's score over a range, and the two lines that it is read against."""

    test: str
    score: Line
    threshold: Line
    noise_floor: Line

    @property
    def latest(self) -> float | None:
        """Newest score."""
        return self.score.values[-1] if self.score.values else None

    @property
    def ratio(self) -> float | None:
        """Newest score as a multiple of the newest threshold."""
        return multiple(self.latest, self.threshold.values[-1] if self.threshold.values else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """One test of one feature. What is None is not known.

    Attributes
    ----------
    test : str
    now, threshold, p_value, noise_floor : float or None
        At the end of the range; a test without a threshold decides nothing.
    mean, previous : float or None
        Mean score of the range, and of the range before it.
    """

    test: str
    now: float | None
    threshold: float | None
    p_value: float | None
    noise_floor: float | None
    mean: float | None
    previous: float | None

    @property
    def ratio(self) -> float | None:
        """Score as a multiple of its threshold."""
        return multiple(self.now, self.threshold)

    @property
    def change(self) -> float | None:
        """Mean of the range less that of the one before."""
        return None if self.mean is None or self.previous is None else self.mean - self.previous


def statistics(
    *,
    now: Mapping[str, float],
    threshold: Mapping[str, float],
    p_value: Mapping[str, float],
    noise_floor: Mapping[str, float],
    mean: Mapping[str, float],
    previous: Mapping[str, float],
) -> tuple[Statistic, ...]:
    """All tests that have a score in the range or at its end, from values by test."""
    return tuple(
        Statistic(
            test=test,
            now=now.get(test),
            threshold=threshold.get(test),
            p_value=p_value.get(test),
            noise_floor=noise_floor.get(test),
            mean=mean.get(test),
            previous=previous.get(test),
        )
        for test in in_order({*now, *mean})
    )


def statistics_of(column: Mapping[str, Any]) -> tuple[Statistic, ...]:
    """All tests that the exporter's page has a value of; what was before is not known to it."""
    found = {test: one for test, one in column["statistics"].items() if one.get("effect") is not None}
    return tuple(
        Statistic(
            test=test,
            now=float(found[test]["effect"]),
            threshold=float(found[test]["threshold"]) if found[test]["decides"] else None,
            p_value=found[test]["p_value"],
            noise_floor=found[test]["noise_floor"],
            mean=None,
            previous=None,
        )
        for test in in_order(set(found))
    )


def in_order(tests: Sequence[str] | set[str]) -> list[str]:
    """Tests as the table lists them."""
    return sorted(tests, key=lambda test: (ORDER.index(test) if test in ORDER else len(ORDER), test))


def multiple(score: float | None, threshold: float | None) -> float | None:
    """Score over threshold; None where one is not known, or the threshold is 0."""
    return None if score is None or not threshold else score / threshold


def name_of(test: str) -> str:
    """A test as people call it."""
    return NAMES.get(test, test)
