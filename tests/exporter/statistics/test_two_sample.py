from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from exporter.errors import InsufficientDataError
from exporter.statistics import Moments, Sample, mean_shift, variance_ratio

columns = st.lists(st.integers(-500, 500).map(lambda v: v / 8), min_size=2, max_size=40).filter(
    lambda c: len(set(c)) > 1
)


@given(columns, columns)
def test_mean_shift_is_scipys_welch_test(a: list[float], b: list[float]) -> None:
    """The z and p-value are SciPy's, and the guard is the larger of Welch's and Student's."""
    ours = mean_shift(Moments.of(a), Moments.of(b))
    welch, student = stats.ttest_ind(b, a, equal_var=False), stats.ttest_ind(b, a)
    assert ours.z == pytest.approx(welch.statistic, rel=1e-10, abs=1e-10)
    assert ours.p_value == pytest.approx(welch.pvalue, rel=1e-9)
    assert ours.guarded_p_value == pytest.approx(max(welch.pvalue, student.pvalue), rel=1e-9)
    assert ours.difference == pytest.approx(np.mean(b) - np.mean(a), abs=1e-12)


def test_cohens_d_by_hand() -> None:
    """Means 2 and 4, both of variance 4: d is 1."""
    shift = mean_shift(Moments.of([0.0, 2.0, 4.0]), Moments.of([2.0, 4.0, 6.0]))
    assert shift.cohens_d == pytest.approx(1.0)
    assert shift.difference == 2.0


@given(columns, columns)
def test_mean_shift_changes_sign_with_its_sides(a: list[float], b: list[float]) -> None:
    """Exchanging the samples turns the sign and nothing else."""
    there, back = mean_shift(Moments.of(a), Moments.of(b)), mean_shift(Moments.of(b), Moments.of(a))
    assert there.cohens_d == pytest.approx(-back.cohens_d)
    assert there.guarded_p_value == pytest.approx(back.guarded_p_value)


@given(columns)
def test_nothing_changed(a: list[float]) -> None:
    """A sample against itself: no shift, ratio 1, both p-values 1."""
    shift, ratio = mean_shift(Moments.of(a), Moments.of(a)), variance_ratio(Sample.of(a), Sample.of(a))
    assert (shift.cohens_d, shift.z, shift.p_value, shift.guarded_p_value) == (0.0, 0.0, 1.0, 1.0)
    assert (ratio.ratio, ratio.p_value) == (1.0, 1.0)


def test_constants() -> None:
    """An unchanged constant is no shift, a changed one the largest there is."""
    five, six = Moments.of([5.0] * 30), Moments.of([6.0] * 30)
    assert mean_shift(five, five).guarded_p_value == 1.0
    changed = mean_shift(five, six)
    assert (changed.cohens_d, changed.z, changed.guarded_p_value) == (math.inf, math.inf, 0.0)
    assert mean_shift(six, five).cohens_d == -math.inf


def test_a_constant_that_begins_to_vary() -> None:
    """From a constant any spread is infinitely larger; between two constants nothing changed."""
    constant, varied = Sample.of([5.0] * 30), Sample.of(np.linspace(0.0, 1.0, 30))
    started = variance_ratio(constant, varied)
    assert (started.ratio, started.guarded_p_value) == (math.inf, 0.0)
    assert variance_ratio(constant, Sample.of([7.0] * 9)).ratio == 1.0
    stopped = variance_ratio(varied, constant)
    assert stopped.ratio == 0.0
    assert stopped.guarded_p_value < 1e-6


@given(columns, columns)
def test_variance_ratio_is_scipys_brown_forsythe_test(a: list[float], b: list[float]) -> None:
    """The ratio is that of unbiased variances, the p-value SciPy's Levene test around medians."""
    ours = variance_ratio(Sample.of(a), Sample.of(b))
    assert ours.ratio == pytest.approx(np.var(b, ddof=1) / np.var(a, ddof=1), rel=1e-10)
    spread = [np.abs(np.array(c) - np.median(c)) for c in (a, b)]
    if spread[0].std() > 0.0 and spread[1].std() > 0.0:
        theirs = stats.levene(a, b, center="median").pvalue
        assert ours.p_value == pytest.approx(theirs, rel=1e-8)
        welch = stats.ttest_ind(*spread, equal_var=False).pvalue
        assert ours.guarded_p_value == pytest.approx(max(theirs, welch), rel=1e-8)


def test_heavy_tails_are_no_change_of_variance(rng: np.random.Generator) -> None:
    """Two Cauchy samples whose variances differ a thousandfold are not called different."""
    a, b = rng.standard_cauchy(2000), rng.standard_cauchy(2000)
    b[0] = 1e7
    result = variance_ratio(Sample.of(a), Sample.of(b))
    assert result.ratio > 1000
    assert result.guarded_p_value > 0.05


def test_one_outlier_raises_no_alarm_and_clipping_uncovers_the_shift(rng: np.random.Generator) -> None:
    """1e6 among 1,000 values leaves z near 1; clipped at the reference's range, a sigma is found."""
    reference = rng.normal(size=10_000)
    sample, moments = Sample.of(reference), Moments.of(reference)
    spoilt = np.append(rng.normal(size=1000), 1e6)
    assert mean_shift(moments, Moments.of(spoilt)).guarded_p_value > 0.01
    assert variance_ratio(sample, Sample.of(spoilt)).guarded_p_value > 0.01
    shifted = Sample.of(spoilt + 1.0).clip(sample.minimum, sample.maximum)
    found = mean_shift(moments, Moments.of_sample(shifted))
    assert found.guarded_p_value < 1e-12
    assert found.cohens_d == pytest.approx(1.0, abs=0.15)


def test_the_ends_of_the_float_range() -> None:
    """Means and spreads of 1e308 give finite tests, without a warning."""
    top = 1.7e308
    low, high = [-top, -top, -0.9 * top], [top, top, 0.9 * top]
    shift = mean_shift(Moments.of(low), Moments.of(high))
    assert math.isfinite(shift.z)
    assert shift.guarded_p_value < 0.01
    assert variance_ratio(Sample.of(low), Sample.of(high)).ratio == pytest.approx(1.0)


def test_refuses_single_values() -> None:
    """One value has no spread."""
    one, two = [1.0], [1.0, 2.0]
    with pytest.raises(InsufficientDataError, match="mean_shift: found 2 reference and 1 current"):
        mean_shift(Moments.of(two), Moments.of(one))
    with pytest.raises(InsufficientDataError, match="variance_ratio: found 1 reference"):
        variance_ratio(Sample.of(one), Sample.of(two))
