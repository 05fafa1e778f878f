from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from exporter.performance import ClassificationRows, classify
from exporter.performance.standardised import FOLLOW_SHARES, standardise


def rows_of(rng: np.random.Generator, n_negative: int, n_positive: int) -> ClassificationRows:
    truth = np.repeat([0, 1], [n_negative, n_positive])
    scores = 1 / (1 + np.exp(1.0 - rng.normal(size=len(truth)) - 1.5 * truth)).round(2)
    return ClassificationRows(
        classes=("0", "1"), truth=truth, predicted=(scores > 0.5).astype(np.int64), scores=scores
    )


def test_own_shares_change_nothing(rng: np.random.Generator) -> None:
    """At the shares that the rows have, each measure is the plain one, of two classes and of three."""
    rows = rows_of(rng, 700, 300)
    plain, found = classify(rows).measures, standardise(rows, np.array([0.7, 0.3]))
    assert set(found) == FOLLOW_SHARES
    for name, measure in found.items():
        assert measure.value == pytest.approx(plain[name].value, abs=1e-12), name
        # The number of each class is given here, where the plain error lets it vary.
        assert 0.5 < (measure.standard_error or 0.0) / (plain[name].standard_error or 1.0) < 1.1, name
    truth = np.repeat([0, 1, 2], [500, 300, 200])
    proba = rng.dirichlet(np.ones(3), size=1000) * 0.5 + 0.5 * np.eye(3)[truth]
    several = ClassificationRows(
        classes=("a", "b", "c"), truth=truth, predicted=rng.integers(0, 3, size=1000), scores=proba
    )
    plain, found = classify(several).measures, standardise(several, np.array([0.5, 0.3, 0.2]))
    for name, measure in found.items():
        assert measure.value == pytest.approx(plain[name].value, abs=1e-12), name


def test_other_shares_are_weights_of_scikit_learn(rng: np.random.Generator) -> None:
    """As with one weight for the rows of each class."""
    rows = rows_of(rng, 700, 300)
    weights = np.where(rows.truth == 1, 0.1 / 300, 0.9 / 700)
    found = standardise(rows, np.array([0.9, 0.1]))
    assert rows.predicted is not None
    expected = {
        "accuracy": metrics.accuracy_score(rows.truth, rows.predicted, sample_weight=weights),
        "precision": metrics.precision_score(rows.truth, rows.predicted, sample_weight=weights),
        "f1": metrics.f1_score(rows.truth, rows.predicted, sample_weight=weights),
        "average_precision": metrics.average_precision_score(rows.truth, rows.scores, sample_weight=weights),
        "log_loss": metrics.log_loss(rows.truth, rows.scores, sample_weight=weights),
        "brier_score": metrics.brier_score_loss(rows.truth, rows.scores, sample_weight=weights),
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-12), name


def test_intervals_hold_the_truth_at_other_shares() -> None:
    """Of 300 samples with half positives, at 10 % at least 92 % of the 95 % intervals do."""
    rng = np.random.default_rng(0)
    large = classify(rows_of(rng, 900_000, 100_000)).measures
    names = ("accuracy", "precision", "f1", "brier_score", "log_loss")
    held = dict.fromkeys(names, 0)
    for _ in range(300):
        found = standardise(rows_of(rng, 500, 500), np.array([0.9, 0.1]))
        for name in names:
            low, value, high = found[name].low, large[name].value, found[name].high
            assert low is not None
            assert value is not None
            assert high is not None
            held[name] += low <= value <= high
    assert min(held.values()) >= 276, held


def test_shares_of_absent_classes_cannot_be_made_up(rng: np.random.Generator) -> None:
    """Nothing without the positive class; a rare third class may be missing."""
    assert standardise(rows_of(rng, 100, 0), np.array([0.8, 0.2])) == {}
    truth = np.repeat([0, 1], 50)
    rows = ClassificationRows(classes=("a", "b", "c"), truth=truth, predicted=truth)
    assert standardise(rows, np.array([0.5, 0.2, 0.3])) == {}
    assert standardise(rows, np.array([0.49, 0.49, 0.02]))["accuracy"].value == 1.0


def test_without_predictions_or_probabilities_less_is_known(rng: np.random.Generator) -> None:
    """Scores beyond 1 are ranked and no more; missing ones not even that."""
    rows = rows_of(rng, 70, 30)
    assert rows.scores is not None
    margins = ClassificationRows(classes=rows.classes, truth=rows.truth, scores=rows.scores * 3)
    assert set(standardise(margins, np.array([0.5, 0.5]))) == {"average_precision"}
    missing = ClassificationRows(
        classes=rows.classes, truth=rows.truth, predicted=rows.predicted, scores=rows.scores * np.nan
    )
    assert set(standardise(missing, np.array([0.5, 0.5]))) == {"accuracy", "precision", "f1"}
