from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.stats.contingency import association

from exporter.errors import InsufficientDataError, ObservationError
from exporter.statistics import chi_square, cramers_v, homogeneity_p_value

# Counts large enough that nothing is pooled.
large = arrays(np.int64, 5, elements=st.integers(50, 250))
counts = arrays(np.int64, 7, elements=st.integers(0, 60)).filter(lambda c: c.sum() > 0)


@given(large, large)
def test_agrees_with_scipy(a: np.ndarray, b: np.ndarray) -> None:
    """Statistic, p-value and degrees of freedom are SciPy's where no category is rare."""
    ours = chi_square(a, b)
    theirs = stats.chi2_contingency([a, b], correction=False)
    assert ours.pooled == 0
    assert ours.degrees_of_freedom == theirs.dof
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-12, abs=1e-12)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-11)


@given(large, large)
def test_the_guard_is_the_larger_of_two_p_values(a: np.ndarray, b: np.ndarray) -> None:
    """The guarded p-value is the larger of Pearson's and the likelihood ratio's, both SciPy's."""
    pearson = stats.chi2_contingency([a, b], correction=False).pvalue
    ratio = stats.chi2_contingency([a, b], correction=False, lambda_="log-likelihood").pvalue
    guarded = chi_square(a, b).guarded_p_value
    assert guarded == pytest.approx(max(pearson, ratio), rel=1e-9)
    assert homogeneity_p_value(a, b) == guarded


@given(arrays(np.int64, 5, elements=st.integers(1, 400)), st.permutations(range(5)))
def test_cramers_v_is_scipys_for_samples_of_one_size(a: np.ndarray, order: list[int]) -> None:
    """With equal totals V is the usual one."""
    b = a[order]
    assert cramers_v(a, b) == pytest.approx(association(np.array([a, b]), method="cramer"), abs=1e-12)


def test_cramers_v_does_not_shrink_with_the_ratio_of_sizes() -> None:
    """The same shares give the same effect whether the reference is a hundred times larger or not."""
    assert cramers_v([5000, 5000], [60, 40]) == pytest.approx(cramers_v([50, 50], [60, 40]), rel=1e-12)
    assert cramers_v([10, 0], [0, 3]) == 1.0


def test_by_hand() -> None:
    """50/50 against 60/40 of 100 each: 4 * 5**2 / 55 + ... = 2.0202, V = 0.1005."""
    result = chi_square([50, 50], [60, 40])
    assert result.statistic == pytest.approx(2 * 25 / 55 + 2 * 25 / 45, rel=1e-14)
    assert result.cramers_v == pytest.approx((result.statistic / 200) ** 0.5, rel=1e-12)


def test_rare_categories_are_pooled_into_groups_of_five() -> None:
    """Expected counts of 2 make groups of three; what is left joins the last group."""
    reference, current = np.array([90, *[2] * 7]), np.array([90, *[2] * 7])
    result = chi_square(reference, current)
    assert result.pooled == 7
    assert result.degrees_of_freedom == 2  # 90, 2 + 2 + 2, 2 + 2 + 2 + 2


def test_pooling_equals_adding_up_first() -> None:
    """The statistic is that of the table in which rare categories were added up by hand."""
    pooled = chi_square([3, 40, 2, 55], [4, 60, 5, 31])
    by_hand = chi_square([40, 55, 5], [60, 31, 9])
    assert pooled.pooled == 2
    assert pooled.statistic == pytest.approx(by_hand.statistic, rel=1e-12)


def test_pooling_never_leaves_a_small_group() -> None:
    """Twenty bins that expect 3 each become ten, not one."""
    result = chi_square([25] * 20, [3] * 20)
    assert result.degrees_of_freedom == 9


def test_a_new_category_is_seen() -> None:
    """A category that the reference does not know raises the alarm, though it is rare in both together."""
    assert homogeneity_p_value([5000, 5000, 0], [45, 45, 10]) < 1e-6
    # One in 10,101 falls into the 101 of the window with a chance of one in a hundred.
    assert homogeneity_p_value([5000, 5000, 0], [50, 50, 1]) == pytest.approx(0.01, rel=0.1)


@given(counts, counts)
def test_symmetric(a: np.ndarray, b: np.ndarray) -> None:
    """Which sample is the reference does not matter."""
    assert chi_square(a, b).statistic == pytest.approx(chi_square(b, a).statistic, rel=1e-9, abs=1e-9)
    assert homogeneity_p_value(a, b) == pytest.approx(homogeneity_p_value(b, a), rel=1e-6)


@given(counts)
def test_nothing_changed(a: np.ndarray) -> None:
    """Equal proportions: statistic 0, p-value 1, no effect."""
    result = chi_square(a, 3 * a)
    assert result.statistic == pytest.approx(0.0, abs=1e-9)
    assert result.p_value == pytest.approx(1.0)
    assert homogeneity_p_value(a, 3 * a) == pytest.approx(1.0)
    assert result.cramers_v == pytest.approx(0.0, abs=1e-9)


@given(counts, counts)
def test_empty_categories_do_not_count(a: np.ndarray, b: np.ndarray) -> None:
    """Categories that are empty in both samples change nothing."""
    padded = chi_square(np.append(a, [0, 0]), np.append(b, [0, 0]))
    assert padded == chi_square(a, b)


def test_one_category_leaves_nothing_to_compare() -> None:
    """A single category has no degrees of freedom and no evidence."""
    result = chi_square([100], [50])
    assert (result.degrees_of_freedom, result.statistic, result.p_value) == (0, 0.0, 1.0)
    assert chi_square([1, 1], [1, 1]).degrees_of_freedom == 0


def test_a_million_categories(rng: np.random.Generator) -> None:
    """A column of keys is pooled into groups in well under a second of work."""
    reference = rng.poisson(1.0, size=1_000_000)
    current = rng.poisson(1.0, size=1_000_000)
    result = chi_square(reference, current)
    assert result.pooled > 800_000
    assert result.p_value > 1e-3


def test_refuses_empty_samples_and_other_categories() -> None:
    """Without observations or on other categories there is no table."""
    with pytest.raises(InsufficientDataError, match="found 0 observations"):
        chi_square([0, 0], [1, 2])
    with pytest.raises(ObservationError, match="need two lists of one length"):
        homogeneity_p_value([1, 2], [1, 2, 3])
