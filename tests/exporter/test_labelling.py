from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import ConfigError, ObservationError
from exporter.labelling import disagreement, entropy, margin, select

NAN = float("nan")


def test_uncertainty_by_hand() -> None:
    """A quarter against three quarters: entropy 0.8113 bits, margin 0.5."""
    rows = [[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]]
    assert entropy(rows) == pytest.approx([2.0 - 0.75 * math.log2(3.0), 1.0, 0.0])
    assert margin(rows) == pytest.approx([0.5, 1.0, 0.0])


def test_entropy_and_margin_differ_over_several_classes() -> None:
    """Two close classes are a small margin; many possible ones are a high entropy."""
    tie, spread = [0.49, 0.49, 0.01, 0.01], [0.4, 0.2, 0.2, 0.2]
    assert entropy([tie, spread]).argmax() == 1
    assert margin([tie, spread]).argmax() == 0


def test_disagreement_by_hand() -> None:
    """Two that are certain of opposite things disagree by ln 2; two that are unsure of the same do not."""
    certain = [[[1.0, 0.0]], [[0.0, 1.0]]]
    unsure = [[[0.5, 0.5]], [[0.5, 0.5]]]
    assert disagreement(certain) == pytest.approx([math.log(2.0)])
    assert disagreement(unsure).tolist() == [0.0]


@given(st.lists(st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3), min_size=2, max_size=6))
def test_disagreement_is_the_mean_divergence_from_the_mean(weights: list[list[float]]) -> None:
    """Its definition, term by term."""
    members = np.array([np.array(each) / np.sum(each) for each in weights])[:, None, :]
    mean = members.mean(axis=0)
    expected = (members * np.log(members / mean)).sum(axis=-1).mean(axis=0)
    assert disagreement(members) == pytest.approx(expected, abs=1e-12)


def test_selection_takes_the_highest_scores_within_the_budget() -> None:
    """Highest first, the earlier of equals; never what has no score or may not be selected."""
    scores = [0.1, 0.9, NAN, 0.9, 0.5]
    assert select(scores, 2).tolist() == [1, 3]
    assert select(scores, 99).tolist() == [1, 3, 4, 0]
    assert select(scores, 0).tolist() == []
    assert select(scores, 2, available=[True, False, True, True, True]).tolist() == [3, 4]
    assert select([], 3).tolist() == []


def test_labels_of_uncertain_rows_teach_more_than_others(rng: np.random.Generator) -> None:
    """The purpose: near the boundary between two classes are the rows that are selected."""
    x = rng.normal(size=1_000)
    probability = 1.0 / (1.0 + np.exp(-4.0 * x))
    chosen = select(entropy(np.column_stack([1.0 - probability, probability])), 50)
    assert np.abs(x[chosen]).max() < np.quantile(np.abs(x), 0.06)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0.5, 0.6]], r"probabilities: found \[0.5, 0.6\], need numbers from 0 to 1 with the sum 1"),
        ([[1.5, -0.5]], "probabilities: found"),
        ([[NAN, 0.5]], "probabilities: found"),
        ([[1.0]], "probabilities: found 1 classes, need at least 2"),
        ([0.5, 0.5], "probabilities: found 1 dimensions, need 2"),
        ([["a", "b"]], "probabilities: .*need numbers"),
    ],
)
def test_what_are_no_probabilities_is_refused(rows: list[list[float]], message: str) -> None:
    """With the row that was found."""
    for measure in (entropy, margin):
        with pytest.raises(ObservationError, match=message):
            measure(rows)


def test_a_selection_that_cannot_be_made_is_refused() -> None:
    """A negative budget, or a mask of other rows."""
    with pytest.raises(ConfigError, match="budget: found -1"):
        select([0.5], -1)
    with pytest.raises(ObservationError, match="available: found the shape"):
        select([0.5], 1, available=[True, False])
    with pytest.raises(ObservationError, match="scores: found 2 dimensions"):
        select([[0.5]], 1)
