"""What goes in and what is refused is the same for all detectors."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from exporter.errors import ConfigError, ObservationError
from exporter.sequential import DDM, DETECTORS, HDDMW, create, restore, save

BAD = {
    "ddm": [math.nan, math.inf, 0.5, 2, -1],
    "eddm": [math.nan, math.inf, 0.5, 2, -1],
    "hddm_w": [math.nan, math.inf, 1.1, -0.1],
    "adwin": [math.nan, math.inf, -math.inf, 1e300],
    "kswin": [math.nan, math.inf, -math.inf, 1e300],
    "page_hinkley": [math.nan, math.inf, -math.inf, 1e300],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, bad in BAD.items() for value in bad])
def test_values_that_are_none_are_refused_and_change_nothing(name: str, value: float) -> None:
    """One at a time and in a batch: the message says what was found, and the detector is as before."""
    detector, untouched = create(name), create(name)
    for before in (0.0, 1.0):
        detector.update(before)
        untouched.update(before)
    with pytest.raises(ObservationError, match=r"values: found .*, need"):
        detector.update(value)
    with pytest.raises(ObservationError, match=r"values: found .*, need"):
        detector.update_many([0.0, value, 1.0])
    assert detector == untouched


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_batches_of_another_shape_are_refused(name: str) -> None:
    """A table is no stream, and neither are words or gaps."""
    for values, message in (
        (np.zeros((2, 2)), "values: found 2 dimensions, need 1"),
        (["wrong"], "values: .*need numbers"),
        ([0.0, None], "values: "),
    ):
        with pytest.raises(ObservationError, match=message):
            create(name).update_many(values)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_an_empty_batch_changes_nothing(name: str) -> None:
    """Nor does it find anything."""
    detector = create(name)
    found = detector.update_many([])
    assert len(found.warnings) == len(found.drifts) == 0
    assert detector == create(name)


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_booleans_and_integers_are_taken(name: str) -> None:
    """Errors come as comparisons of labels; the state stays plain, so that JSON can hold it."""
    rng = np.random.default_rng(4)
    bits = rng.random(300) < 0.3
    kinds = [bits, bits.astype(np.int8), bits.astype(np.float32), bits.tolist()]
    found = [create(name) for _ in kinds]
    for detector, values in zip(found, kinds, strict=True):
        detector.update_many(values)
    singles = create(name)
    for value in bits:
        singles.update(value)
    assert all(save(detector) == save(singles) for detector in found)
    plain = (int, float, str, list)
    assert all(type(value) in plain for value in save(singles).values())


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_a_constant_stream_is_no_drift(name: str) -> None:
    """Neither all right nor all wrong from the start is a change."""
    for value in (0.0, 1.0):
        found = create(name).update_many(np.full(5_000, value))
        assert len(found.drifts) == 0, value


@pytest.mark.parametrize("name", sorted(set(DETECTORS) - {"eddm"}))
def test_a_model_that_breaks_is_a_drift_soon(name: str) -> None:
    """From a tenth to nine tenths of errors, each detector needs fewer than a hundred values."""
    rng = np.random.default_rng(5)
    stream = rng.random(2_000) < np.repeat([0.1, 0.9], 1_000)
    drifts = create(name).update_many(stream).drifts
    assert 1_000 < drifts[drifts >= 1_000][0] < 1_100


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_after_a_drift_everything_starts_anew(name: str) -> None:
    """The next values find it in the state of a new detector, apart from its place in the stream."""
    rng = np.random.default_rng(6)
    stream = (rng.random(3_000) < np.repeat([0.05, 0.9], 1_500)).astype(np.float64)
    detector, new = create(name), create(name)
    drift = int(detector.update_many(stream).drifts[-1])
    detector = create(name)
    detector.update_many(stream[: drift + 1])
    assert detector.state == "drift"
    assert detector.seen == drift + 1
    detector.update_many(stream[drift + 1 :])
    new.update_many(stream[drift + 1 :])
    assert {**save(detector), "started": 0} == save(new)
    assert detector.started == drift + 1


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("cusum", {}, "detector: found 'cusum', need one of adwin, ddm, eddm, hddm_w, kswin, page_hinkley"),
        ("ddm", {"seen": 3}, "ddm: found 'seen', need one of warm_start, min_errors, warn"),
        ("ddm", {"warm_start": 0}, "warm_start: found 0, need at least 1"),
        ("ddm", {"warm_start": "many"}, "ddm: .*need numbers"),
        ("ddm", {"drift_threshold": 1.0}, "drift_threshold: found 1.0, need at least warning_threshold"),
        ("ddm", {"min_errors": -1}, "min_errors: found -1"),
        ("eddm", {"beta": 0.99}, "beta: found 0.99, need from 0 to alpha"),
        ("eddm", {"alpha": math.nan}, "alpha: found nan"),
        ("hddm_w", {"weight": 0.0}, "weight: found 0.0, need more than 0, less than 1"),
        ("hddm_w", {"drift_confidence": 0.01}, "drift_confidence: found 0.01, need at most warn"),
        ("hddm_w", {"drift_confidence": 0.0}, "drift_confidence: found 0.0"),
        ("adwin", {"clock": 0}, "clock: found 0, need at least 1"),
        ("adwin", {"delta": 0.5}, "delta: found 0.5, need at most warning_delta"),
        ("adwin", {"max_buckets": 1}, "max_buckets: found 1, need at least 2"),
        ("kswin", {"stat_size": 100}, "window_size: found 100, need more than stat_size"),
        ("kswin", {"alpha": 1.0}, "alpha: found 1.0"),
        ("page_hinkley", {"mode": "sideways"}, "mode: found 'sideways', need up, down or both"),
        ("page_hinkley", {"alpha": 0.0}, "alpha: found 0.0, need more than 0, at most 1"),
        ("page_hinkley", {"threshold": 0.0}, "threshold: found 0.0, need more than 0"),
        ("page_hinkley", {"delta": math.nan}, "delta: found nan"),
    ],
)  # fmt: skip
def test_parameters_that_cannot_be_used_are_refused(
    name: str, parameters: dict[str, Any], message: str
) -> None:
    """With the name, what was found and what is needed."""
    with pytest.raises(ConfigError, match=message):
        create(name, **parameters)


def test_what_is_no_saved_detector_is_refused() -> None:
    """Another detector, fields of another version, or values of another kind."""
    good = save(DDM())
    for bad, message in (
        ({}, "saved detector: found None, need one of adwin"),
        ({**good, "detector": "eddm"}, "saved detector: found the fields"),
        ({**good, "extra": 1}, "saved detector: found the fields"),
        ({**good, "warm_start": 0}, "saved detector: warm_start: found 0"),
        ({**good, "warm_start": "x"}, "saved detector: "),
    ):
        with pytest.raises(ObservationError, match=re.escape(message)):
            restore(bad)


def test_positions_count_from_the_first_value_ever() -> None:
    """So that detections of batches can be put one after the other."""
    detector = HDDMW()
    first = detector.update_many([0.0] * 500)
    second = detector.update_many([1.0] * 20)
    assert len(first.drifts) == 0
    assert 500 <= second.drifts[0] < 520
