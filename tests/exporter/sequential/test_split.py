"""One at a time, in one batch, in many: the same detections, and the same state to go on from."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.sequential import DETECTORS, Detector, create, restore, save

SENSITIVE: dict[str, dict[str, float | str]] = {
    "adwin": {"delta": 0.3, "warning_delta": 0.5, "clock": 4, "grace_period": 0, "min_window_length": 2},
    "ddm": {"warm_start": 5, "min_errors": 2},
    "eddm": {"warm_start": 3},
    "hddm_w": {"drift_confidence": 0.1, "warning_confidence": 0.3, "weight": 0.2},
    "kswin": {"alpha": 0.1, "warning_alpha": 0.3, "window_size": 12, "stat_size": 5},
    "page_hinkley": {"threshold": 2.0, "min_instances": 3, "alpha": 0.99, "mode": "both"},
}
"""Parameters under which short streams have warnings and drifts, so that restarts are met as well."""

PARAMETERS = [
    *((name, parameters) for name, parameters in SENSITIVE.items()),
    *((name, {}) for name in DETECTORS),
    ("page_hinkley", {"alpha": 1.0, "threshold": 3.0, "mode": "up"}),
    ("page_hinkley", {"threshold": 3.0, "mode": "down"}),
]

ERRORS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), st.integers(0, 400)), min_size=1, max_size=5
)
"""Error rates, and how long each lasts."""


def one_at_a_time(detector: Detector, values: list[float]) -> tuple[list[int], list[int]]:
    states = [detector.update(value) for value in values]
    warnings = [at for at, state in enumerate(states) if state == "warning"]
    return warnings, [at for at, state in enumerate(states) if state == "drift"]


def in_parts(detector: Detector, values: list[float], cuts: list[int]) -> tuple[list[int], list[int]]:
    warnings: list[int] = []
    drifts: list[int] = []
    for first, end in pairwise([0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]):
        found = detector.update_many(values[first:end])
        warnings += found.warnings.tolist()
        drifts += found.drifts.tolist()
    return warnings, drifts


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS)
@given(
    rates=ERRORS,
    cuts=st.lists(st.integers(0, 1500), max_size=6),
    seed=st.integers(0, 999),
    noisy=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_any_split_gives_the_same(
    name: str,
    parameters: dict[str, float | str],
    rates: list[tuple[float, int]],
    cuts: list[int],
    seed: int,
    noisy: bool,
) -> None:
    """Detections and the whole state are equal, not only close."""
    rng = np.random.default_rng(seed)
    stream = np.concatenate([rng.random(length) < rate for rate, length in rates]).astype(np.float64)
    if noisy and name not in ("ddm", "eddm"):
        stream *= rng.random(len(stream))
    values: list[float] = stream.tolist()
    single, whole, split = (create(name, **parameters) for _ in range(3))
    expected = one_at_a_time(single, values)
    assert in_parts(whole, values, []) == expected
    assert in_parts(split, values, cuts) == expected
    assert whole == single
    assert split == single
    assert single.seen == len(values)


@pytest.mark.parametrize("name", sorted(SENSITIVE))
def test_short_streams_meet_warnings_and_drifts(name: str) -> None:
    """Else the equality above would say little."""
    rng = np.random.default_rng(1)
    stream = rng.random(1200) < np.repeat([0.1, 0.9, 0.1], 400)
    found = create(name, **SENSITIVE[name]).update_many(stream)
    assert len(found.drifts) >= 2
    assert len(found.warnings) >= 1


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_a_long_stream_in_uneven_parts_gives_the_same(name: str) -> None:
    """Chunks grow to their full size, and ADWIN's sums are forgotten several times."""
    rng = np.random.default_rng(2)
    length = 5_000 if name == "kswin" else 40_000
    values = (rng.random(length) < np.repeat([0.2, 0.3], length // 2)).astype(np.float64).tolist()
    single, whole, split = create(name), create(name), create(name)
    expected = one_at_a_time(single, values)
    assert in_parts(whole, values, []) == expected
    assert in_parts(split, values, [1, 31, 33, 1024, 1025, 4096, 30_001]) == expected
    assert whole == split == single


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS)
def test_a_saved_detector_goes_on_where_it_stood(name: str, parameters: dict[str, float | str]) -> None:
    """Through strict JSON and back, at any point, also at a drift."""
    rng = np.random.default_rng(3)
    values = (rng.random(900) < np.repeat([0.1, 0.8, 0.2], 300)).astype(np.float64)
    whole = create(name, **parameters)
    expected = whole.update_many(values)
    stops = sorted({1, 77, *(int(at) + 1 for at in expected.drifts[:3])})
    detector, drifts = create(name, **parameters), []
    for first, end in pairwise([0, *stops, len(values)]):
        drifts += detector.update_many(values[first:end]).drifts.tolist()
        detector = restore(json.loads(json.dumps(save(detector), allow_nan=False)))
    assert drifts == expected.drifts.tolist()
    assert detector == whole
