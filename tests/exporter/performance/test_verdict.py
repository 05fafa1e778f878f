from __future__ import annotations

import numpy as np
import pytest

from exporter.performance import Measure
from exporter.performance.verdict import AT_SHARES, BY_SHARES_ALONE, Standard, judge, one_look

STANDARD = Standard(alpha=0.001, drop_ratio=0.05, min_samples=100)


def measure(value: float) -> Measure:
    return Measure(value=value, standard_error=0.005, n=5000)


@pytest.mark.parametrize(
    ("plain", "alike", "state", "reason"),
    [
        (0.90, 0.90, "ok", None),
        (0.80, 0.90, "warning", BY_SHARES_ALONE),
        (0.80, 0.80, "declined", None),
        (0.80, 0.87, "warning", None),
        (0.95, 0.80, "warning", AT_SHARES),
        (0.95, 0.90, "ok", None),
    ],
)
def test_new_class_shares_alone_are_no_decline(
    plain: float, alike: float, state: str, reason: str | None
) -> None:
    """A measure is declined where it is worse as it is and at the reference's shares."""
    found = judge("accuracy", measure(plain), 0.90, 0.1, STANDARD, measure(alike))
    assert (found.state, found.reason) == (state, reason)
    assert found.to_dict()["at_reference_shares"] == alike


def test_looking_all_the_time_errs_as_promised() -> None:
    """Of 2,000 windows that pass by once, looked at 200 times each, at most 1.5 % exceed the level of 1 %."""
    level = one_look(0.01, windows=1)
    assert one_look(0.01, windows=2) < level / 2 < 0.005
    rng = np.random.default_rng(0)
    size, passed = 200, 0
    bound = np.sqrt(size) * 3.1645
    assert level == pytest.approx(0.00077673, rel=1e-4)
    for _ in range(2000):
        sums = np.cumsum(np.concatenate([[0.0], rng.normal(size=2 * size)]))
        passed += bool((sums[size:] - sums[:-size]).max() > bound)
    assert passed <= 30


def test_more_rows_than_the_reference_do_not_make_it_surer() -> None:
    """Against ten times fewer reference rows the same drop is no longer real."""
    near = judge("auc", measure(0.84), 0.90, 0.1, STANDARD)
    far = judge("auc", measure(0.84), 0.90, 20.0, STANDARD)
    assert (near.state, far.state) == ("declined", "ok")


def test_a_drop_too_large_for_a_number_is_unknown() -> None:
    """A share of a small reference overflows though both values are finite."""
    found = judge("mae", Measure(value=1.8e306, n=5000), 0.005, 0.1, STANDARD)
    assert (found.state, found.drop_ratio) == ("unknown", None)
    assert found.reason == "the numbers are too large to compute it"
