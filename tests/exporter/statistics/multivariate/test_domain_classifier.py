from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from exporter.errors import ConfigError, InsufficientDataError, ObservationError
from exporter.statistics.multivariate import classify_domains
from exporter.statistics.multivariate.domain_classifier import _area_under_curve


def test_area_is_scikit_learns(rng: np.random.Generator) -> None:
    """The area under the curve agrees, with ties."""
    scores, labels = np.round(rng.random(500), 1), rng.integers(0, 2, size=500)
    assert _area_under_curve(scores, labels)[0] == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_names_the_column_that_moved(rng: np.random.Generator) -> None:
    """A shifted column is found and comes first in the ranking."""
    x, y = rng.normal(size=(2, 1000, 5))
    y[:, 3] += 0.7
    result = classify_domains(x, y, rng, names=["a", "b", "c", "d", "e"])
    assert result.auc > 0.6
    assert result.p_value < 1e-6
    assert result.ranking[0][0] == "d"
    assert result.ranking[0][1] > 0.3
    assert sum(share for _, share in result.ranking) == pytest.approx(1.0)


def test_finds_what_no_single_column_shows(rng: np.random.Generator) -> None:
    """A correlation between two columns is found and both lead the ranking."""
    x, y = rng.normal(size=(2, 3000, 6))
    y[:, 1] = 0.8 * y[:, 0] + 0.6 * y[:, 1]
    result = classify_domains(x, y, rng)
    assert result.p_value < 1e-6
    assert {name for name, _ in result.ranking[:2]} == {"0", "1"}


@pytest.mark.parametrize(("n", "m"), [(150, 150), (600, 60)])
def test_rate_of_false_alarms(rng: np.random.Generator, n: int, m: int) -> None:
    """Without drift the area is about a half, and about one in twenty p-values below 5 %, or fewer."""
    results = [classify_domains(rng.normal(size=(n, 4)), rng.normal(size=(m, 4)), rng) for _ in range(30)]
    assert np.mean([r.auc for r in results]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([r.p_value <= 0.05 for r in results]) < 0.17


def test_samples_that_never_meet(rng: np.random.Generator) -> None:
    """Separate samples are always told apart."""
    result = classify_domains(rng.normal(size=(200, 2)), 50 + rng.normal(size=(200, 2)), rng)
    assert result.auc == pytest.approx(1.0)
    assert result.p_value < 1e-12


def test_large_samples_are_drawn_from_and_say_so(rng: np.random.Generator) -> None:
    """Above the stated number of rows a seeded sample stands for the whole."""
    x, y = rng.normal(size=(400, 2)), rng.normal(size=(90, 2))
    part = classify_domains(x, y, rng, most_rows=100)
    assert (part.rows_reference, part.rows_current, part.sampled) == (100, 90, True)
    assert not classify_domains(x, y, rng).sampled


def test_the_generator_alone_decides(rng: np.random.Generator) -> None:
    """The same seed gives the same result."""
    x, y = rng.normal(size=(2, 100, 3))
    assert classify_domains(x, y, np.random.default_rng(3)) == classify_domains(
        x, y, np.random.default_rng(3)
    )


def test_refuses_what_it_cannot_compare(rng: np.random.Generator) -> None:
    """Too few rows and NaN are refused with what is needed."""
    rows = rng.normal(size=(60, 2))
    with pytest.raises(InsufficientDataError, match="60 reference and 49 current rows, need at least 50"):
        classify_domains(rows, rows[:49], rng)
    with pytest.raises(ObservationError, match="NaN or infinite"):
        classify_domains(rows, np.full((60, 2), np.inf), rng)


def test_without_scikit_learn(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is not installed, the error names it."""
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    rows = rng.normal(size=(60, 2))
    with pytest.raises(ConfigError, match=r"driftgauge\[multivariate\]"):
        classify_domains(rows, rows, rng)
