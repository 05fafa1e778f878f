from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import Reference
from exporter.reference import CategoricalProfile, NumericProfile
from exporter.values import to_array


def numeric(values: Any, **options: Any) -> NumericProfile:
    reference = Reference.fit({"x": values}, model_name="m", model_version="1", **options)
    profile = reference.features["x"]
    assert isinstance(profile, NumericProfile)
    return profile


def categorical(values: Any, **options: Any) -> CategoricalProfile:
    reference = Reference.fit(
        {"x": values}, model_name="m", model_version="1", kinds={"x": "categorical"}, **options
    )
    profile = reference.features["x"]
    assert isinstance(profile, CategoricalProfile)
    return profile


def test_value_ratios_sum_to_one() -> None:
    """Prometheus rules rely on it: all bins but the missing and the infinite one sum to 1."""
    profile = numeric([1.0, 2.0, 3.0, np.nan, np.inf, 4.0, 5.0, np.nan])
    assert profile.ratios[:-2].sum() == pytest.approx(1.0)
    assert profile.bins[-3:] == ("__other__", "__missing__", "__inf__")
    assert profile.missing_ratio == 0.25  # of all rows
    assert profile.ratios[-1] == 0.125
    assert (profile.rows, profile.count) == (8, 5)


def test_numeric_bins_are_ordinals_that_sort() -> None:
    """Bins of a numeric column keep their order when sorted as text, also beyond a hundred."""
    profile = numeric(np.arange(1000.0), n_bins=120)
    bins = list(profile.bins[:-3])
    assert bins == sorted(bins)
    assert bins[0] == "000"
    assert numeric(np.arange(1000.0)).bins[:10] == tuple(f"0{i}" for i in range(10))


def test_batch_counts_by_hand() -> None:
    """Each odd value of a batch is counted once, where the documentation says."""
    profile = numeric(np.arange(1.0, 11.0))  # edges 1, 2, ..., 9
    counted = profile.count_bins(np.array([1.0, 1.5, 10.0, 11.0, np.nan, np.inf, -np.inf, -0.0]))
    assert counted.counts.tolist() == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 2]
    assert (counted.missing, counted.infinite, counted.out_of_range, counted.type_errors) == (1, 2, 2, 0)


def test_text_in_a_number_is_a_type_error() -> None:
    """Text in a numeric column is counted as such and takes part in drift as __other__."""
    counted = numeric(np.arange(1.0, 11.0)).count_bins(np.array([1, "2", None, True], dtype=object))
    assert counted.type_errors == 1
    assert counted.counts[-3:].tolist() == [1, 1, 0]
    assert counted.counts[0] == 2  # 1 and True


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=64), max_size=60),
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=64), min_size=1, max_size=60),
)
def test_indices_and_counts_agree(current: list[float], reference: list[float]) -> None:
    """For any floats, counting a batch equals counting the indices of its values, and loses none."""
    profile = numeric(np.array(reference))
    values = np.array(current, dtype=np.float64)
    counted = profile.count_bins(values)
    assert counted.counts.sum() == len(values)
    indices = profile.bin_indices(values)
    np.testing.assert_array_equal(np.bincount(indices, minlength=len(profile.bins)), counted.counts)
    in_order, finite = profile.count_sorted(np.sort(values))
    np.testing.assert_array_equal(in_order.counts, counted.counts)
    assert (in_order.missing, in_order.infinite, in_order.out_of_range) == (
        counted.missing,
        counted.infinite,
        counted.out_of_range,
    )
    assert len(finite) == np.isfinite(values).sum()


@given(st.lists(st.one_of(st.none(), st.text(max_size=3), st.booleans(), st.integers(0, 3)), max_size=40))
def test_categorical_indices_and_counts_agree(values: list[Any]) -> None:
    """The same holds for categories of any type."""
    profile = categorical(["a", "b", "b", "1", True], top_categories=2)
    column = np.empty(len(values), dtype=object)
    column[:] = values
    counted = profile.count_bins(column)
    indices = profile.bin_indices(column)
    np.testing.assert_array_equal(np.bincount(indices, minlength=len(profile.bins)), counted.counts)


def test_reference_counts_equal_counting_its_own_rows(rng: np.random.Generator) -> None:
    """The reference's bins hold what counting its rows on its bins gives."""
    values = np.concatenate([rng.normal(size=5000), np.zeros(3000), [np.nan, np.inf]])
    profile = numeric(values)
    np.testing.assert_array_equal(profile.count_bins(values).counts, profile.counts)


def test_top_categories_and_other() -> None:
    """The most frequent categories have bins, ties in the order of their names; the rest is __other__."""
    profile = categorical([*"cccbbaad", None], top_categories=2)
    assert profile.bins == ("c", "a", "__other__", "__missing__", "__inf__")
    assert profile.counts.tolist() == [3, 2, 3, 1, 0]


def test_unseen_is_not_other() -> None:
    """A category beyond the top ones is __other__ and was seen; one the reference never had is both."""
    counted = categorical(list("cccbbaad"), top_categories=2).count_bins(
        np.array(["d", "z", "c"], dtype=object)
    )
    assert counted.counts.tolist() == [1, 0, 2, 0, 0]
    assert counted.unseen == 1


def test_unseen_in_names_the_most_frequent_first() -> None:
    """A report names new categories by frequency."""
    profile = categorical(list("ab"))
    assert profile.unseen_in({"x": 1, "y": 2, "a": 9}, 1) == ["y"]


def test_empty_reference_column_has_no_ratios() -> None:
    """A column that is missing throughout has one value bin and only a missing ratio."""
    profile = numeric(np.full(5, np.nan))
    assert profile.bins == ("00", "__other__", "__missing__", "__inf__")
    assert profile.ratios.tolist() == [0.0, 0.0, 1.0, 0.0]
    assert profile.minimum is None


@pytest.mark.parametrize(
    ("known", "arriving"),
    [
        ([True, False, True, None], [1.0, 0.0, 1.0, np.nan]),
        ([True, False, True, None], [1, 0, 1, None]),
        ([True, False, True, None], ["1", "0", "1", None]),
        ([1.0, 0.0, 1.0, np.nan], [True, False, True, None]),
    ],
)
def test_yes_and_no_have_two_spellings(known: list[Any], arriving: list[Any]) -> None:
    """Arrays and files have 1 and 0 where a frame had True and False; it is the same column."""
    profile = categorical(known)
    counted = profile.count_bins(to_array(arriving))
    assert counted.counts.tolist() == profile.counts.tolist()
    assert counted.unseen == 0
    assert profile.bin_indices(to_array(arriving)).tolist() == profile.bin_indices(to_array(known)).tolist()
    assert profile.tally_of(to_array(arriving)) == profile.tally_of(to_array(known))
    assert profile.unseen_in({"1": 3, "0": 2, "True": 1, "2": 1}, 5) == ["2"]


def test_other_categories_have_one() -> None:
    """Where 1 is one of many, True is another."""
    counted = categorical([1.0, 2.0, 3.0]).count_bins(to_array([True, True]))
    assert counted.unseen == 2
