"""A few steps of each detector by hand."""

from __future__ import annotations

import math

import pytest

from exporter.sequential import DDM, EDDM, HDDMW, PageHinkley


def test_page_hinkley_by_hand() -> None:
    """Deviations from the mean so far, less delta, summed; the climb above the lowest sum is what counts."""
    detector = PageHinkley(min_instances=1, delta=0.5, threshold=1.6, alpha=1.0)
    # means 0, 1, 2; deviations 0, 1, 2; sums -0.5, 0.0, 1.5; climbs 0, 0.5, 2.0; a warning is above 0.8
    assert [detector.update(value) for value in (0.0, 2.0, 4.0)] == ["ok", "ok", "drift"]
    assert detector.rise == pytest.approx(1.5)
    assert detector.lowest == pytest.approx(-0.5)


def test_page_hinkley_warns_at_its_share_of_the_threshold() -> None:
    """With a threshold of 2.5 the climb of 2.0 is a warning, and no drift."""
    detector = PageHinkley(min_instances=1, delta=0.5, threshold=2.5, alpha=1.0)
    assert [detector.update(value) for value in (0.0, 2.0, 4.0)] == ["ok", "ok", "warning"]


def test_page_hinkley_looks_where_it_is_told() -> None:
    """A fall is a drift for `down` and `both` alone."""
    falling = [1.0] * 100 + [0.0] * 100
    found = {
        mode: len(PageHinkley(threshold=10.0, mode=mode).update_many(falling).drifts)
        for mode in ("up", "down", "both")
    }
    assert found == {"up": 0, "down": 1, "both": 1}


def test_page_hinkley_waits_for_its_minimum() -> None:
    """The first decision is at the value number `min_instances`, also in a batch."""
    rising = [0.0] * 10 + [100.0] * 10
    assert PageHinkley(min_instances=15).update_many(rising).drifts.tolist() == [14]


def test_ddm_by_hand() -> None:
    """At 0, 1, 0, 1, 1 the error rate is 3/5 with a deviation of 0.219; the lowest was 1/3 with 0.272."""
    detector = DDM(warm_start=2, min_errors=1, warning_threshold=1.0, drift_threshold=1.7)
    assert [detector.update(value) for value in (0, 1, 0, 1, 1)] == ["ok", "ok", "ok", "warning", "drift"]
    assert detector.lowest_rate == pytest.approx(1 / 3)
    assert detector.lowest_deviation == pytest.approx(math.sqrt(2 / 27))


def test_eddm_by_hand() -> None:
    """Errors at 3, 6, 7: distances 3, 3, 1 have the mean 7/3 and the variance 4/3."""
    detector = EDDM(warm_start=2, alpha=0.95, beta=0.5)
    states = [detector.update(value) for value in (0, 0, 1, 0, 0, 1, 1)]
    assert detector.highest == pytest.approx(7 / 3 + 2.0 * math.sqrt(4 / 3))
    assert set(states) == {"ok"}
    states = [detector.update(1) for _ in range(3)]
    # distances 3, 3, 1, 1, 1, 1: mean 10/6, variance 1.0667; (1.667 + 2.066) / 4.643 = 0.804
    assert states[-1] == "warning"
    assert detector.squares == 22.0


def test_hddm_by_hand() -> None:
    """The first value is the average; the bound is sqrt(spread * ln(1 / confidence) / 2)."""
    detector = HDDMW(drift_confidence=0.5, warning_confidence=0.6, weight=0.5)
    assert detector.update(0.0) == "ok"
    spread = 0.25 + 0.25
    assert detector.low_average == 0.0
    assert detector.cut == pytest.approx(math.sqrt(spread * math.log(2.0) / 2.0))
    # 1 - 0 against sqrt((0.5 + 0.5) ln 2 / 2) = 0.589
    assert detector.update(1.0) == "drift"


def test_hddm_looks_for_rises_alone() -> None:
    """Errors that become fewer are no drift."""
    detector = HDDMW()
    assert len(detector.update_many([1.0] * 500 + [0.0] * 500).drifts) == 0
