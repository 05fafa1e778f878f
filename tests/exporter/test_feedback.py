from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import ConfigError, InsufficientDataError, ObservationError
from exporter.feedback import (
    catalog_coverage,
    even_exposure,
    explore,
    exposure_counts,
    exposure_gini,
    label_independence,
)

NAN = float("nan")


@pytest.mark.parametrize(
    ("counts", "gini", "coverage"),
    [
        ([5, 5, 5, 5], 0.0, 1.0),
        ([0, 0, 0, 8], 0.75, 0.25),  # one of n: (n - 1) / n
        ([1, 2, 3, 4], 0.25, 1.0),  # (-3 * 1 - 1 * 2 + 1 * 3 + 3 * 4) / (4 * 10)
        ([4, 1, 3, 2], 0.25, 1.0),  # in any order
        ([0, 1, 1], 1 / 3, 2 / 3),  # (0 + 0 * 1 + 2 * 1) / (3 * 2)
        ([7], 0.0, 1.0),
    ],
)
def test_gini_and_coverage_by_hand(counts: list[int], gini: float, coverage: float) -> None:
    """Values worked out on paper."""
    assert exposure_gini(counts) == pytest.approx(gini, abs=1e-15)
    assert catalog_coverage(counts) == pytest.approx(coverage, abs=1e-15)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30).filter(any))
def test_gini_is_the_mean_difference_over_twice_the_mean(counts: list[int]) -> None:
    """Its definition, over all pairs."""
    x = np.array(counts, float)
    expected = np.abs(x[:, None] - x[None, :]).mean() / (2.0 * x.mean())
    assert exposure_gini(counts) == pytest.approx(expected, abs=1e-12)


def test_even_exposure_is_what_chance_gives() -> None:
    """For a catalogue of a thousand items, shown half a time to ten times each."""
    rng = np.random.default_rng(1)
    for shown in (500, 2_000, 10_000):
        counts = [np.bincount(rng.integers(0, 1_000, shown), minlength=1_000) for _ in range(40)]
        expected = even_exposure(1_000, shown)
        assert np.mean([exposure_gini(each) for each in counts]) == pytest.approx(expected.gini, abs=0.005)
        assert np.mean([catalog_coverage(each) for each in counts]) == pytest.approx(
            expected.coverage, abs=0.005
        )


def test_exposures_are_counted_in_the_order_of_the_catalogue() -> None:
    """Items that are not in it are left out; those never shown have a zero."""
    counts = exposure_counts(["b", "zz", "b", "a", "0"], ["c", "b", "a"])
    assert counts.tolist() == [0, 2, 1]
    assert exposure_counts([], ["c"]).tolist() == [0]
    assert exposure_counts([3, 1, 3], [1, 2, 3]).tolist() == [1, 0, 2]


def test_exposure_without_any_is_unknown() -> None:
    """Never 0, which would be an answer."""
    for measure in (exposure_gini, catalog_coverage):
        for counts in ([], [0, 0]):
            with pytest.raises(InsufficientDataError, match="found nothing shown"):
                measure(counts)
    with pytest.raises(InsufficientDataError, match="exposure: found 0 shown"):
        even_exposure(10, 0)


@pytest.mark.parametrize("counts", [[1, -1], [NAN, 1], [float("inf")], [[1, 2]], ["many"]])
def test_counts_that_are_none_are_refused(counts: list[float]) -> None:
    """With what was found."""
    with pytest.raises(ObservationError, match="counts: "):
        exposure_gini(counts)


def test_a_catalogue_with_an_item_twice_is_refused() -> None:
    """Its coverage could never be whole."""
    with pytest.raises(ObservationError, match="catalog: found 1 items twice"):
        exposure_counts(["a"], ["a", "b", "a"])


def test_exploration_chooses_as_often_as_its_propensities_say(rng: np.random.Generator) -> None:
    """With a tie and an item that cannot be chosen; epsilon 0.4 over three items."""
    n = 60_000
    choices = explore(np.tile([0.9, 0.9, 0.1, NAN], (n, 1)), 0.4, rng)
    shares = np.bincount(choices.chosen, minlength=4) / n
    expected = [0.4 / 3 + 0.3, 0.4 / 3 + 0.3, 0.4 / 3, 0.0]
    assert shares == pytest.approx(expected, abs=0.01)
    for item in range(3):
        assert choices.propensities[choices.chosen == item] == pytest.approx(expected[item])
    assert choices.explored.mean() == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize(("epsilon", "best"), [(0.0, 1.0), (1.0, 1 / 3)])
def test_exploration_can_be_none_or_all(epsilon: float, best: float, rng: np.random.Generator) -> None:
    """At 0 the best one for certain, at 1 each one alike."""
    choices = explore(np.tile([0.2, 0.7, 0.1], (9_000, 1)), epsilon, rng)
    assert (choices.chosen == 1).mean() == pytest.approx(best, abs=0.02)
    assert choices.propensities == pytest.approx(best)


def test_weights_from_propensities_show_what_another_policy_would_earn(rng: np.random.Generator) -> None:
    """Item 0 earns 0.2; item 1, which the scores prefer less, 0.5: the log of one values the other."""
    n = 100_000
    choices = explore(np.tile([0.9, 0.3], (n, 1)), 0.2, rng)
    reward = rng.random(n) < np.array([0.2, 0.5])[choices.chosen]
    estimate = np.mean(reward * (choices.chosen == 1) / choices.propensities)
    assert estimate == pytest.approx(0.5, abs=0.03)


def test_exploration_is_repeatable() -> None:
    """The same generator state gives the same choices."""
    first, second = (explore(np.eye(5), 0.5, np.random.default_rng(3)) for _ in range(2))
    assert first.chosen.tolist() == second.chosen.tolist()


def test_exploration_of_no_rows_chooses_nothing(rng: np.random.Generator) -> None:
    """An empty batch is a batch."""
    assert len(explore(np.empty((0, 3)), 0.1, rng).chosen) == 0


def test_exploration_refuses_what_it_cannot_choose_from(rng: np.random.Generator) -> None:
    """Says in which row."""
    with pytest.raises(ConfigError, match=r"epsilon: found 1\.5, need a probability"):
        explore([[1.0]], 1.5, rng)
    with pytest.raises(ConfigError, match="epsilon: found nan"):
        explore([[1.0]], NAN, rng)
    with pytest.raises(ObservationError, match="scores: found nothing to choose in row 1"):
        explore([[1.0, 2.0], [NAN, NAN]], 0.1, rng)
    with pytest.raises(ObservationError, match="scores: found 1 dimensions, need 2"):
        explore([1.0, 2.0], 0.1, rng)


def decisions(positive: int, known: int, negative: int, known_negative: int) -> tuple[list[bool], list[bool]]:
    labelled = [True] * known + [False] * (positive - known)
    labelled += [True] * known_negative + [False] * (negative - known_negative)
    return [True] * positive + [False] * negative, labelled


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ((500, 400, 500, 0), "warning"),  # outcomes of positive decisions alone
        ((500, 0, 500, 400), "warning"),  # or of negative ones
        ((500, 400, 500, 150), "warning"),  # far more of the one
        ((500, 400, 500, 210), "ok"),  # more than half as many
        ((500, 400, 500, 390), "ok"),
        ((500, 4, 500, 1), "ok"),  # a quarter, but by chance
        ((500, 0, 500, 0), "unknown"),  # no outcome yet
        ((500, 400, 99, 0), "unknown"),  # too few negative decisions
        ((500, 400, 0, 0), "unknown"),  # none at all
    ],
)
def test_labels_that_depend_on_the_decision_are_a_warning(
    counts: tuple[int, int, int, int], state: str
) -> None:
    """When the difference is significant and large; without enough decisions it is unknown."""
    found = label_independence(*decisions(*counts))
    assert found.state == state
    assert (found.p_value is None) == (state == "unknown")


def test_the_verdict_says_what_was_found() -> None:
    """In words for an alert, with the rates for a panel."""
    found = label_independence(*decisions(400, 300, 200, 0))
    assert found.reason == (
        "outcomes are known of 75.0 % of the positive and of none of the 200 negative decisions"
    )
    assert (found.positive_rate, found.negative_rate) == (0.75, 0.0)
    unknown = label_independence(*decisions(400, 300, 0, 0))
    assert unknown.negative_rate is None
    assert unknown.reason.endswith("need 100 decisions of each kind and an outcome")


def test_labels_of_other_rows_are_refused() -> None:
    """One for each decision."""
    with pytest.raises(ObservationError, match="labelled: found the shape"):
        label_independence([True, False], [True])
