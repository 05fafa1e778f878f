"""Several detectors on one stream, and what of them is shown."""

from __future__ import annotations

import json

import numpy as np
import pytest

from exporter.errors import ConfigError, ObservationError
from exporter.sequential import DEFAULT_DETECTORS, DETECTORS, Drift, Watch, create

RNG = np.random.default_rng(9)
BREAKING = (RNG.random(3_000) < np.repeat([0.1, 0.6], 1_500)).astype(np.float64)


def test_states_are_unknown_before_the_first_outcome() -> None:
    """And ok after it; every detector of the default has one."""
    watch = Watch()
    assert watch.states() == dict.fromkeys(DEFAULT_DETECTORS, "unknown")
    watch.update_many([0.0])
    assert watch.states() == dict.fromkeys(DEFAULT_DETECTORS, "ok")


def test_a_drift_is_shown_until_enough_outcomes_have_come() -> None:
    """For exactly `hold` values from its own on; then the detector's own state counts again."""
    watch = Watch({"hddm_w": create("hddm_w")}, hold=20)
    states = []
    for value in [0.0] * 100 + [1.0] * 100:
        watch.update_many([value])
        states.append(watch.states()["hddm_w"])
    position = watch.last["hddm_w"].position
    assert 100 <= position < 120
    assert states[position - 1] == "warning"
    assert states[position : position + 20] == ["drift"] * 20
    assert states[position + 20 :] == ["ok"] * (180 - position)


def test_drifts_come_in_their_order_with_their_time() -> None:
    """Of all detectors together, so that the first one can be told."""
    times = np.arange(3_000) * 60.0
    drifts = Watch().update_many(BREAKING, times)
    positions = [drift.position for drift in drifts]
    assert {drift.detector for drift in drifts} == set(DEFAULT_DETECTORS)
    assert positions == sorted(positions)
    assert all(drift.at == drift.position * 60.0 for drift in drifts)
    later = Watch()
    later.update_many(BREAKING[:1_000], times[:1_000])
    assert later.update_many(BREAKING[1_000:], times[1_000:]) == drifts


def test_a_refused_value_reaches_no_detector() -> None:
    """DDM takes no half errors; the others must not run ahead of it."""
    watch = Watch({"adwin": create("adwin"), "ddm": create("ddm")})
    watch.update_many([0.0, 1.0])
    with pytest.raises(ObservationError, match="values: found"):
        watch.update_many([0.0, 0.5])
    assert [detector.seen for detector in watch.detectors.values()] == [2, 2]


def test_times_of_other_errors_are_refused() -> None:
    """One for each."""
    with pytest.raises(ObservationError, match="times: found 1 for 2 errors"):
        Watch().update_many([0.0, 1.0], [5.0])


def test_a_saved_watch_goes_on_where_it_stood() -> None:
    """With every detector there is, through strict JSON, and with what it shows."""
    whole = Watch({name: create(name) for name in DETECTORS}, hold=200)
    split = Watch({name: create(name) for name in DETECTORS}, hold=200)
    expected = whole.update_many(BREAKING)
    drifts: list[Drift] = []
    for part in np.array_split(BREAKING, 7):
        drifts += split.update_many(part)
        split = Watch.from_dict(json.loads(json.dumps(split.to_dict(), allow_nan=False)))
    assert drifts == expected
    assert split.states() == whole.states()
    assert split.last == whole.last


def test_what_is_no_saved_watch_is_refused() -> None:
    """Missing or misshapen values."""
    good = Watch().to_dict()
    for bad in ({}, {**good, "detectors": None}, {**good, "last": {"ddm": 3}}, {**good, "hold": 0}):
        with pytest.raises(ObservationError, match="saved "):
            Watch.from_dict(bad)


def test_a_drift_must_be_shown_for_something() -> None:
    """Else no metric would ever tell it."""
    with pytest.raises(ConfigError, match="hold: found 0, need at least 1"):
        Watch(hold=0)
