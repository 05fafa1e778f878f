from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, f1_score, log_loss, roc_auc_score

from exporter import ConfigError, InsufficientDataError, ObservationError, compare_models
from exporter.rollout import auc_difference
from exporter.rollout.comparison import MEASURES

OVARIAN = """
3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1 3.8 5.7 5 1
3.7 6.7 6 1 3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0 2.3 4.4 6 1 4.2 7.6 4 0
4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1 3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1
4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 1.7 4.0 7 0 3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1
2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1 3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1
"""
"""Albumin, total protein, K-G score (less is better) and outcome of the patients of DeLong et al. (1988), as
in the example "Comparing Receiver Operating Characteristic Curves" of SAS/STAT's LOGISTIC procedure."""


def test_delong_agrees_with_the_published_example() -> None:
    """Areas, standard errors and contrasts with the K-G score are SAS's to four digits."""
    table = np.array(OVARIAN.split(), dtype=float).reshape(-1, 4)
    truth, kg = table[:, 3] == 1, 10 - table[:, 2]
    albumin, protein = auc_difference(truth, kg, table[:, 0]), auc_difference(truth, kg, table[:, 1])
    assert round(albumin.champion, 4) == 0.7258
    assert [round(error, 4) for error in albumin.standard_errors] == [0.1028, 0.0927]
    assert (round(albumin.challenger, 4), round(protein.challenger, 4)) == (0.7366, 0.6478)
    assert (round(albumin.standard_error, 4), round(protein.standard_error, 4)) == (0.0953, 0.1046)


def test_delong_is_the_sum_over_all_pairs(rng: np.random.Generator) -> None:
    """The fast form equals the definition, also with ties, and the areas are scikit-learn's."""
    truth = rng.random(120) < 0.4
    champion, challenger = (
        np.round(rng.normal(size=120) + truth * shift, 1).astype(np.float64) for shift in (0.5, 1.0)
    )
    found = auc_difference(truth, champion, challenger)
    assert found.champion == pytest.approx(roc_auc_score(truth, champion))
    assert found.challenger == pytest.approx(roc_auc_score(truth, challenger))
    heaviside = [
        np.heaviside(scores[truth][:, None] - scores[~truth][None, :], 0.5)
        for scores in (champion, challenger)
    ]
    difference = heaviside[1] - heaviside[0]
    variance = (
        difference.mean(axis=1).var(ddof=1) / truth.sum()
        + difference.mean(axis=0).var(ddof=1) / (~truth).sum()
    )
    assert found.standard_error == pytest.approx(np.sqrt(variance))


def test_scores_that_agree_differ_by_exactly_nothing(rng: np.random.Generator) -> None:
    """A copy of the champion is neither better nor worse, with no doubt left."""
    truth, scores = rng.random(500) < 0.5, rng.normal(size=500)
    assert auc_difference(truth, scores, scores).standard_error == 0.0
    found = compare_models(truth, scores, scores, measure="auc", rng=rng, margin=0.01)
    assert (found.verdict, found.difference) == ("not_worse", 0.0)


@pytest.mark.parametrize("positives", [0, 1, 199, 200])
def test_one_class_is_inconclusive(rng: np.random.Generator, positives: int) -> None:
    """There is no area under one class alone, and the reason is given."""
    truth = np.arange(200) < positives
    found = compare_models(truth, rng.normal(size=200), rng.normal(size=200), measure="auc", rng=rng)
    assert found.verdict == "inconclusive"
    assert "class" in str(found.reason)
    assert found.difference is None
    with pytest.raises(InsufficientDataError, match="AUC"):
        auc_difference(truth, rng.normal(size=200), rng.normal(size=200))
    if positives in (0, 200):
        shares = compare_models(truth, rng.random(200), rng.random(200), measure="log_loss", rng=rng)
        assert (shares.verdict, shares.reason) == (
            "inconclusive",
            "the measure is not defined for these rows",
        )


def wrong(rng: np.random.Generator, truth: Any, share: float) -> Any:
    """Classes of which a share is wrong."""
    return truth ^ (rng.random(len(truth)) < share)


@pytest.mark.parametrize(
    ("shares", "margin", "verdict"),
    [
        ((0.30, 0.20), 0.0, "better"),
        ((0.20, 0.30), 0.0, "worse"),
        ((0.20, 0.20), 0.05, "not_worse"),
        ((0.20, 0.20), 0.0001, "inconclusive"),
    ],
)
def test_verdicts(rng: np.random.Generator, shares: tuple[float, float], margin: float, verdict: str) -> None:
    """Of ten points more or fewer, of none within a margin, and of none without one."""
    truth = rng.random(3000) < 0.5
    champion, challenger = (wrong(rng, truth, share) for share in shares)
    found = compare_models(truth, champion, challenger, measure="accuracy", rng=rng, margin=margin)
    assert found.verdict == verdict
    assert found.champion == np.mean(truth == champion)
    assert found.difference == pytest.approx(np.mean(truth == challenger) - np.mean(truth == champion))
    assert None not in (found.low, found.difference, found.high)
    assert found.low < found.difference < found.high  # type: ignore[operator]  # none of them is None
    assert (found.reason is None) == (verdict != "inconclusive")


def test_less_is_better_for_an_error(rng: np.random.Generator) -> None:
    """The difference is a gain, whichever way the measure points."""
    truth = rng.normal(size=1000)
    near, far = truth + 0.1 * rng.normal(size=1000), truth + rng.normal(size=1000)
    assert compare_models(truth, far, near, measure="mae", rng=rng).verdict == "better"
    assert compare_models(truth, near, far, measure="rmse", rng=rng).verdict == "worse"


def test_any_function_of_rows_can_be_the_measure(rng: np.random.Generator) -> None:
    """One of scikit-learn's, for example, told which way is better."""
    truth = rng.random(1000) < 0.3
    found = compare_models(
        truth, wrong(rng, truth, 0.4), wrong(rng, truth, 0.1), measure=balanced_accuracy_score, rng=rng,
        greater_is_better=True, resamples=100,
    )  # fmt: skip
    assert found.verdict == "better"


def test_measures_are_scikit_learns(rng: np.random.Generator) -> None:
    """Values agree to rounding."""
    truth, shares = rng.random(300) < 0.4, rng.random(300)
    said = shares > 0.5
    for name, answers, theirs in (
        ("f1", said, f1_score), ("brier_score", shares, brier_score_loss), ("log_loss", shares, log_loss),
    ):  # fmt: skip
        assert MEASURES[name](truth, answers) == pytest.approx(theirs(truth, answers)), name


def test_intervals_hold_the_truth_as_often_as_they_say(rng: np.random.Generator) -> None:
    """Of 95 % intervals some 95 % hold the true difference, by either method."""
    held = {"auc": 0, "accuracy": 0}
    for _ in range(200):
        truth = rng.random(400) < 0.5
        scores = [rng.normal(size=400) + truth for _ in range(2)]
        for measure, answers in (("auc", scores), ("accuracy", [column > 0.5 for column in scores])):
            found = compare_models(truth, *answers, measure=measure, rng=rng, resamples=200)
            assert found.low is not None
            assert found.high is not None
            held[measure] += found.low <= 0.0 <= found.high
    assert all(180 <= count <= 198 for count in held.values()), held


def test_too_few_rows_say_nothing(rng: np.random.Generator) -> None:
    """Below the minimum there is no verdict however large the difference."""
    truth = rng.random(99) < 0.5
    found = compare_models(truth, ~truth, truth, measure="accuracy", rng=rng)
    assert (found.verdict, found.reason) == ("inconclusive", "found 99 labelled rows, need 100")


def test_what_cannot_be_compared_is_refused(rng: np.random.Generator) -> None:
    """Errors say what was found and what is needed."""
    truth = rng.random(200) < 0.5
    with pytest.raises(ConfigError, match="measure: found 'exactness', need auc, accuracy"):
        compare_models(truth, truth, truth, measure="exactness", rng=rng)
    with pytest.raises(ConfigError, match="greater_is_better: found nothing"):
        compare_models(truth, truth, truth, measure=f1_score, rng=rng)
    with pytest.raises(ConfigError, match="found margin -1"):
        compare_models(truth, truth, truth, measure="accuracy", margin=-1, rng=rng)
    with pytest.raises(ObservationError, match=r"found columns of shape \(200,\), \(200,\), \(199,\)"):
        compare_models(truth, truth, truth[1:], measure="accuracy", rng=rng)
    with pytest.raises(ObservationError, match="AUC: found NaN among the scores"):
        compare_models(truth, rng.random(200), np.full(200, np.nan), measure="auc", rng=rng)
