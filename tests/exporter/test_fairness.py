from __future__ import annotations

import numpy as np
import pytest

from exporter.fairness import fairness

NAMES = ("a", "b", "c")


def test_differences_by_hand() -> None:
    """Two groups of four: shares, shares among the positive, and mean probability less what happened."""
    groups = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    predicted = np.array([1, 1, 1, 0, 1, 0, 0, 0], dtype=bool)
    truth = np.array([1, 1, 0, 0, 1, 1, 0, 0], dtype=bool)
    proba = np.array([0.9, 0.8, 0.7, 0.2, 0.6, 0.4, 0.3, 0.1])
    found = fairness(groups, NAMES, predicted, truth, proba, min_group=2)
    assert found["demographic_parity"].groups == {"a": 0.75, "b": 0.25}
    assert found["demographic_parity"].difference == 0.5
    assert found["equal_opportunity"].difference == 0.5
    assert found["calibration"].difference == pytest.approx(0.65 - 0.35)


def test_equal_groups_rarely_differ() -> None:
    """Of 300 models that treat three groups alike at most 10 have a p-value of 1 % or less."""
    rng = np.random.default_rng(0)
    wrong = dict.fromkeys(("demographic_parity", "equal_opportunity", "calibration"), 0)
    for _ in range(300):
        proba = rng.uniform(size=1500)
        truth = rng.uniform(size=1500) < proba
        found = fairness(rng.integers(0, 3, size=1500), NAMES, proba > 0.6, truth, proba, min_group=100)
        for measure, finding in found.items():
            wrong[measure] += finding.p_value <= 0.01
    assert max(wrong.values()) <= 10


def test_small_groups_say_nothing() -> None:
    """A measure needs two groups that are large enough; without the truth there is only parity."""
    groups = np.array([0] * 150 + [1] * 99)
    predicted = np.arange(249) % 2 == 0
    assert fairness(groups, NAMES, predicted, predicted, None, min_group=100) == {}
    assert set(fairness(groups, NAMES, predicted, None, None, min_group=50)) == {"demographic_parity"}


def test_certain_groups_are_judged_too() -> None:
    """Everybody or nobody has no variance: alike is no difference, and apart is one."""
    groups = np.repeat([0, 1], 100)
    alike = fairness(groups, NAMES, np.ones(200, dtype=bool), None, None, min_group=50)
    assert (alike["demographic_parity"].difference, alike["demographic_parity"].p_value) == (0.0, 1.0)
    apart = fairness(groups, NAMES, groups == 1, None, None, min_group=50)
    assert apart["demographic_parity"].p_value < 1e-9
