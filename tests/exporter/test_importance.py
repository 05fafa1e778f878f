from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from exporter.importance import drift_contributions, permutation_importance, ranks


def test_what_the_model_uses_is_important(rng: np.random.Generator) -> None:
    """Shuffling a feature costs what the model makes of it, and nothing where it makes nothing."""
    columns = {name: rng.normal(size=2000) for name in "abc"}
    truth = 3 * columns["a"] + columns["b"]

    def loss(table: Mapping[str, Any]) -> float:
        return float(np.abs(3 * table["a"] + table["b"] - truth).mean())

    found = permutation_importance(loss, columns, rng)
    assert found["a"].value == pytest.approx(3 * found["b"].value, rel=0.1)
    assert found["c"].value == 0.0
    assert found["a"].spread < 0.1 * found["a"].value


def test_contributions_weigh_drift_by_importance() -> None:
    """They sum to one; what is unknown takes no part, and without importances all features count alike."""
    found = drift_contributions({"a": 3.0, "b": 1.0, "c": -1.0}, {"a": 1.0, "b": 3.0, "c": 9.0, "d": None})
    assert found == {"a": 0.5, "b": 0.5, "c": 0.0}
    assert drift_contributions({}, {"a": 1.0, "b": 3.0}) == {"a": 0.25, "b": 0.75}
    assert drift_contributions({"a": 1.0}, {"a": 0.0}) == {"a": 0.0}


def test_ranks_begin_with_the_largest() -> None:
    """Place one is what matters most."""
    assert ranks({"a": 0.1, "b": 0.5, "c": 0.2}) == {"b": 1, "c": 2, "a": 3}
