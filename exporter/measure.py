"""Statistics of one column of a window against its profile in the reference, without any verdict.

A p-value here is the key "significant" of a test. PSI, Jensen-Shannon, Hellinger and Cramér's V measure one
difference of counts and share the p-value of `homogeneity_p_value`, which holds its promise far out in the
tail, where many tests at once need it. That of KS is taken at the statistic less the error of compressed
samples, so that compression raises no alarm; Wasserstein asks about the same two functions and shares it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from .counted import Counted, Numbers, count_column
from .errors import InsufficientDataError
from .pauses import may_pause
from .policy import CATEGORICAL_TESTS, NUMERIC_TESTS
from .reference.kinds import SPECIAL_BINS
from .reference.profiles import BinCounts, CategoricalProfile, Floats, NumericProfile, Profile
from .statistics.binning import occupied_bins
from .statistics.contingency import chi_square, homogeneity_p_value
from .statistics.distances import (
    hellinger,
    jensen_shannon_divergence,
    normalised_wasserstein,
    psi,
)
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

ALL_TESTS: Final = frozenset((*NUMERIC_TESTS, *CATEGORICAL_TESTS))

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
    failures : dict of str to str
        Tests that could not be computed though others could, and why.
    reason, detail : str or None
        Why nothing was measured: one of a closed list, and in words.
    percentiles : ndarray of shape (101,) or None
        Of the finite numbers of a numeric column, from the smallest to the largest; for plots.
    """

    name: str
    kind: Literal["numeric", "categorical"]
    bins: BinCounts | None = None
    n_current: int = 0
    n_reference: int = 0
    n_bins: int = 0
    statistics: tuple[Measured, ...] = ()
    failures: Mapping[TestType, str] = field(default_factory=dict)
    reason: Reason | None = None
    detail: str | None = None
    percentiles: Floats | None = None


def measure_rows(
    profiles: Profiles,
    rows: Rows,
    min_samples: int,
    wanted: Collection[TestType] = ALL_TESTS,
    threads: int = 1,
) -> list[Measurement]:
    """Measurements of all features, and of scores, classes and labels where both sides have them.

    A column that is not there, or cannot be computed, is a measurement with a reason and costs the others
    nothing. With `threads`, so many columns are measured at a time: sorting holds no lock.
    """
    columns = compared_columns(profiles, rows)
    work = partial(_guarded, min_samples=min_samples, wanted=wanted)
    if threads <= 1:
        return list(itertools.starmap(work, columns))
    with ThreadPoolExecutor(threads, thread_name_prefix="driftgauge-check") as pool:
        return list(pool.map(work, *zip(*columns, strict=True)))


def compared_columns(profiles: Profiles, rows: Rows) -> list[tuple[Profile, NDArray[Any] | None]]:
    """What is compared with what: every feature, None if it is absent, and outputs that both sides have."""
    scores = rows.scores
    if scores is None and profiles.predicted_classes is None:
        scores = rows.predictions  # the values of a regression
    outputs = (
        (profiles.prediction, scores),
        (profiles.predicted_classes, rows.predictions),
        (profiles.labels, rows.labels),
    )
    columns: list[tuple[Profile, NDArray[Any] | None]] = [
        (profile, rows.columns.arrays.get(name)) for name, profile in profiles.features.items()
    ]
    columns += [
        (profile, values) for profile, values in outputs if profile is not None and values is not None
    ]
    return columns


def _guarded(
    profile: Profile, values: NDArray[Any] | None, min_samples: int, wanted: Collection[TestType]
) -> Measurement:
    if values is None:
        return missing_column(profile)
    try:
        return measure(profile, values, min_samples, wanted)
    except Exception as error:  # noqa: BLE001 - one column that fails must not cost the others
        return failed_column(profile, error_text(error))


def missing_column(profile: Profile) -> Measurement:
    """What is said of a column that the window does not have."""
    detail = f"the window has no column {profile.name!r}"
    return Measurement(name=profile.name, kind=profile.kind, reason="missing_column", detail=detail)


def failed_column(profile: Profile, detail: str) -> Measurement:
    """What is said of a column that could not be read or computed."""
    return Measurement(name=profile.name, kind=profile.kind, reason="failed", detail=detail)


def error_text(error: Exception) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {error}"


def measure(
    profile: Profile, values: NDArray[Any], min_samples: int, wanted: Collection[TestType] = ALL_TESTS
) -> Measurement:
    """Statistics of one column.

    Parameters
    ----------
    profile : NumericProfile or CategoricalProfile
        Of the column in the reference.
    values : ndarray of shape (n_rows,)
        float64 or object.
    min_samples : int
        With fewer usable values on either side nothing is measured.
    wanted : collection of str
        Tests to compute; those that come with them at no cost are there too.
    """
    return measure_counted(profile, count_column(profile, values), min_samples, wanted)


def measure_counted(
    profile: Profile, column: Counted, min_samples: int, wanted: Collection[TestType] = ALL_TESTS
) -> Measurement:
    """Statistics of one column that is counted already; the parameters are those of `measure`."""
    bins = column.bins
    current, reference = bins.counts[:-2], profile.counts[:-2]
    measured = partial(
        Measurement,
        name=profile.name,
        kind=profile.kind,
        bins=bins,
        n_current=int(current.sum()),
        n_reference=profile.count,
        percentiles=column.numbers.percentiles() if column.numbers is not None and column.numbers.n else None,
    )
    problem = _too_little(profile, bins, column.rows, min_samples)
    if problem is not None:
        return measured(reason=problem[0], detail=problem[1])
    groups: list[tuple[tuple[TestType, ...], Callable[[], tuple[Measured, ...]]]] = [
        (("psi", "jensen_shannon", "hellinger"), lambda: _binned(reference, current)),
    ]
    if isinstance(profile, NumericProfile):
        numbers = column.numbers
        assert numbers is not None
        groups += [
            (("ks", "wasserstein"), lambda: _distribution(profile, numbers)),
            (("mean_shift",), lambda: _mean(profile, numbers)),
            (("variance_ratio",), lambda: _variance(profile, numbers)),
        ]
    else:
        groups.append((("chi_square",), lambda: _categorical(profile, column.categories, bins)))
    statistics: list[Measured] = []
    failures: dict[TestType, str] = {}
    for tests, compute in groups:
        if not any(test in wanted for test in tests):
            continue
        may_pause()
        try:
            statistics += compute()
        except (ArithmeticError, ValueError) as error:
            failures.update(dict.fromkeys(tests, f"{type(error).__name__}: {error}"))
    return measured(n_bins=occupied_bins(reference, current), statistics=tuple(statistics), failures=failures)


def _too_little(profile: Profile, bins: BinCounts, rows: int, min_samples: int) -> tuple[Reason, str] | None:
    usable = int(bins.counts[:-2].sum())
    if profile.rows and profile.missing_ratio == 1.0:
        return "all_missing", f"all {profile.rows} values of the reference are missing"
    if rows and bins.missing == rows:
        return "all_missing", f"all {rows} values of the window are missing"
    for where, found in (("the reference", profile.count), ("the window", usable)):
        if found < min_samples:
            return "insufficient_data", f"found {found} usable values in {where}, need {min_samples}"
    if len(profile.bins) == len(SPECIAL_BINS):
        return "unreadable", "no category of the reference is frequent enough for a bin of its own"
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


def _of(profile: NumericProfile) -> tuple[Sample, Moments]:
    if profile.sample is None or profile.moments is None:
        raise InsufficientDataError("the reference: found no number, need some")
    return profile.sample, profile.moments


def _distribution(profile: NumericProfile, numbers: Numbers) -> tuple[Measured, ...]:
    reference, moments = _of(profile)
    ks, distance = numbers.compare(profile)
    error = reference.ks_error + numbers.ks_error
    p_value = ks_p_value(max(ks - error, 0.0), profile.count, numbers.n)
    normalised = normalised_wasserstein(distance, moments)
    return (
        Measured("ks", ks, ks, p_value, {"ks_error": error}),
        Measured("wasserstein", distance, normalised, p_value, {"normalised": normalised}),
    )


def _mean(profile: NumericProfile, numbers: Numbers) -> tuple[Measured, ...]:
    shift = mean_shift(_of(profile)[1], numbers.moments())
    details = {"difference": shift.difference, "z": shift.z}
    return (Measured("mean_shift", shift.cohens_d, abs(shift.cohens_d), shift.guarded_p_value, details),)


def _variance(profile: NumericProfile, numbers: Numbers) -> tuple[Measured, ...]:
    result = variance_ratio(_of(profile)[0], numbers.sample(), moments=numbers.moments())
    inverse = 1.0 / result.ratio if result.ratio else math.inf
    return (Measured("variance_ratio", result.ratio, max(result.ratio, inverse), result.guarded_p_value),)


def _categorical(
    profile: CategoricalProfile, current: Mapping[str, int], bins: BinCounts
) -> tuple[Measured, ...]:
    result = chi_square(profile.counts[:-2], bins.counts[:-2])
    new = profile.unseen_in(current, NAMED_CATEGORIES) if bins.unseen else []
    vanished = [name for name, count in profile.tally.items() if count and name not in current]
    details = {
        "cramers_v": result.cramers_v,
        "degrees_of_freedom": result.degrees_of_freedom,
        "pooled_categories": result.pooled,
        "new_categories": new,
        "vanished_categories": vanished[:NAMED_CATEGORIES],
    }
    return (Measured("chi_square", result.statistic, result.cramers_v, result.guarded_p_value, details),)
