"""Statistics of one column of a window against its profile in the reference, without any verdict.

A p-value here is the key "significant" of a test. PSI, Jensen-Shannon, Hellinger and Cramér's V measure one
difference of counts and share the p-value of `homogeneity_p_value`, which holds its promise far out in the
tail, where many tests at once need it. That of KS is taken at the statistic less the error of compressed
samples, so that compression raises no alarm; Wasserstein asks about the same two functions and shares it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from .reference.kinds import as_numbers
from .reference.profiles import BinCounts, CategoricalProfile, NumericProfile, Profile
from .statistics.binning import occupied_bins
from .statistics.contingency import chi_square, homogeneity_p_value
from .statistics.distances import (
    hellinger,
    jensen_shannon_divergence,
    normalised_wasserstein,
    psi,
)
from .statistics.ecdf import cdf_difference
from .statistics.kolmogorov import ks_p_value
from .statistics.moments import Moments
from .statistics.sample import Sample
from .statistics.two_sample import mean_shift, variance_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .policy import TestType
    from .reference.table import Profiles
    from .rows import Rows
    from .statistics.distances import Counts

Reason = Literal["insufficient_data", "all_missing", "missing_column", "unreadable", "failed"]

MIN_FOR_MOMENTS: Final = 2
"""A spread needs two values."""


NAMED_CATEGORIES: Final = 20
"""New and vanished categories that are named in a report, the most frequent first; more would bury it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One statistic of one column.

    Attributes
    ----------
    test : str
        Which.
    value : float
        As the statistic is usually written; may be infinite.
    effect : float
        What is compared with a threshold: the value itself, but for Wasserstein in standard deviations, for
        chi-square Cramér's V, for the mean shift without its sign, for the variance ratio at least 1.
    p_value : float
        Significance of the change, before correction for many tests.
    details : mapping of str to float, int or list of str
        What belongs to the test alone.
    """

    test: TestType
    value: float
    effect: float
    p_value: float
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """All statistics of one column of a window, or why there are none.

    Attributes
    ----------
    name, kind : str
        The column's.
    bins : BinCounts or None
        Its rows on the bins of the reference; None for a column that is not there.
    n_current, n_reference : int
        Values that take part, on both sides.
    n_bins : int
        Bins that are not empty on both sides.
    statistics : tuple of Measured
        Empty where `reason` says why.
    reason, detail : str or None
        Why nothing was measured: one of a closed list, and in words.
    """

    name: str
    kind: Literal["numeric", "categorical"]
    bins: BinCounts | None = None
    n_current: int = 0
    n_reference: int = 0
    n_bins: int = 0
    statistics: tuple[Measured, ...] = ()
    reason: Reason | None = None
    detail: str | None = None


def measure_rows(profiles: Profiles, rows: Rows, min_samples: int) -> list[Measurement]:
    """Measurements of all features, and of scores, classes and labels where both sides have them.

    A column that is not there, or cannot be computed, is a measurement with a reason and costs the others
    nothing.
    """
    scores = rows.scores
    if scores is None and profiles.predicted_classes is None:
        scores = rows.predictions  # the values of a regression
    outputs = (
        (profiles.prediction, scores),
        (profiles.predicted_classes, rows.predictions),
        (profiles.labels, rows.labels),
    )
    compared: list[tuple[Profile, NDArray[Any] | None]] = [
        (profile, rows.columns.arrays.get(name)) for name, profile in profiles.features.items()
    ]
    compared += [
        (profile, values) for profile, values in outputs if profile is not None and values is not None
    ]
    return [_guarded(profile, values, min_samples) for profile, values in compared]


def _guarded(profile: Profile, values: NDArray[Any] | None, min_samples: int) -> Measurement:
    failed = partial(Measurement, name=profile.name, kind=profile.kind)
    if values is None:
        return failed(reason="missing_column", detail=f"the window has no column {profile.name!r}")
    try:
        return measure(profile, values, min_samples)
    except Exception as error:  # noqa: BLE001 - one column that fails must not cost the others
        return failed(reason="failed", detail=f"{type(error).__name__}: {error}")


def measure(profile: Profile, values: NDArray[Any], min_samples: int) -> Measurement:
    """Statistics of a float64 or object column, unless either side has fewer than `min_samples` values."""
    bins = profile.count_bins(values)
    current, reference = bins.counts[:-2], profile.counts[:-2]
    measured = partial(
        Measurement,
        name=profile.name,
        kind=profile.kind,
        bins=bins,
        n_current=int(current.sum()),
        n_reference=profile.count,
    )
    problem = _too_little(profile, bins, len(values), min_samples)
    if problem is not None:
        return measured(reason=problem[0], detail=problem[1])
    if isinstance(profile, NumericProfile):
        numbers, _ = as_numbers(values)
        own = _numeric(profile, numbers[np.isfinite(numbers)])
    else:
        own = (_categorical(profile, values, bins),)
    return measured(n_bins=occupied_bins(reference, current), statistics=(*_binned(reference, current), *own))


def _too_little(profile: Profile, bins: BinCounts, rows: int, min_samples: int) -> tuple[Reason, str] | None:
    usable = int(bins.counts[:-2].sum())
    if profile.rows and profile.missing_ratio == 1.0:
        return "all_missing", f"all {profile.rows} values of the reference are missing"
    if rows and bins.missing == rows:
        return "all_missing", f"all {rows} values of the window are missing"
    for where, found in (("the reference", profile.count), ("the window", usable)):
        if found < min_samples:
            return "insufficient_data", f"found {found} usable values in {where}, need {min_samples}"
    if bins.type_errors == usable:
        return "unreadable", f"found no number among {usable} values of a numeric column"
    return None


def _binned(reference: Counts, current: Counts) -> tuple[Measured, ...]:
    p_value = homogeneity_p_value(reference, current)
    value, distance = psi(reference, current), hellinger(reference, current)
    divergence = jensen_shannon_divergence(reference, current)
    return (
        Measured("psi", value, value, p_value),
        Measured("jensen_shannon", divergence, divergence, p_value, {"distance": divergence**0.5}),
        Measured("hellinger", distance, distance, p_value),
    )


def _numeric(profile: NumericProfile, values: NDArray[np.float64]) -> tuple[Measured, ...]:
    reference, moments = profile.sample, profile.moments
    if reference is None or moments is None or len(values) < MIN_FOR_MOMENTS:
        return ()
    current = Sample.of(values)
    difference = cdf_difference(reference, current)
    ks, distance = difference.ks(), difference.area()
    p_value = ks_p_value(max(ks - reference.ks_error, 0.0), profile.count, len(values))
    normalised = normalised_wasserstein(distance, moments)
    shift, ratio = mean_shift(moments, Moments.of(values)), variance_ratio(reference, current)
    return (
        Measured("ks", ks, ks, p_value, {"ks_error": reference.ks_error}),
        Measured("wasserstein", distance, normalised, p_value, {"normalised": normalised}),
        Measured(
            "mean_shift",
            shift.cohens_d,
            abs(shift.cohens_d),
            shift.guarded_p_value,
            {"difference": shift.difference, "z": shift.z},
        ),
        Measured(
            "variance_ratio",
            ratio.ratio,
            max(ratio.ratio, 1.0 / ratio.ratio if ratio.ratio else np.inf),
            ratio.guarded_p_value,
        ),
    )


def _categorical(profile: CategoricalProfile, values: NDArray[Any], bins: BinCounts) -> Measured:
    result = chi_square(profile.counts[:-2], bins.counts[:-2])
    new = profile.unseen_in(values, NAMED_CATEGORIES) if bins.unseen else []
    vanished = [
        category
        for category, before, now in zip(profile.categories, profile.counts, bins.counts, strict=False)
        if before and not now
    ]
    return Measured(
        "chi_square",
        result.statistic,
        result.cramers_v,
        result.guarded_p_value,
        {
            "cramers_v": result.cramers_v,
            "degrees_of_freedom": result.degrees_of_freedom,
            "pooled_categories": result.pooled,
            "new_categories": new,
            "vanished_categories": vanished[:NAMED_CATEGORIES],
        },
    )
