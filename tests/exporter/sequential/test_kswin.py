"""KSWIN against SciPy's test of each window."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from exporter.sequential import KSWIN
from exporter.sequential.kswin import least_distance


@pytest.mark.parametrize("kind", ["numbers", "tied", "errors"])
def test_each_value_is_a_test_of_its_window(kind: str) -> None:
    """State by state, with and without ties, and of errors of 0 and 1."""
    rng = np.random.default_rng(8)
    values = rng.normal(size=400) + np.repeat([0.0, 2.0], 200)
    if kind == "tied":
        values = np.round(values)
    elif kind == "errors":
        values = (rng.random(400) < np.repeat([0.1, 0.9], 200)).astype(np.float64)
    else:
        values[50:60] = [0.0, 1.0] * 5  # a few such among others are no errors
    detector, begun = KSWIN(alpha=0.001, warning_alpha=0.02, window_size=40, stat_size=15), 0
    states = set()
    for at, value in enumerate(values):
        state = detector.update(value)
        states.add(state)
        window = values[begun : at + 1][-40:]
        expected = "ok"
        if len(window) == 40:
            p_value = ks_2samp(window[-15:], window[:-15], method="exact").pvalue
            expected = "drift" if p_value <= 0.001 else "warning" if p_value <= 0.02 else "ok"
        assert state == expected
        if state == "drift":
            begun = at + 1
    assert states == {"ok", "warning", "drift"}


def test_a_level_that_no_window_can_reach_is_never_reached() -> None:
    """Two values against two others are never significant at one in a million."""
    assert least_distance(1e-6, 2, 2) == 3
    detector = KSWIN(alpha=1e-6, warning_alpha=1e-6, window_size=4, stat_size=2)
    assert len(detector.update_many([0.0] * 10 + [1.0] * 10).drifts) == 0
