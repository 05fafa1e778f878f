"""Detections equal river's on the same streams; where they do not, the reason is a test of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from exporter.sequential import DDM, EDDM, KSWIN, Detections, create

Streams = dict[str, NDArray[np.float64]]

OURS = {"lambda_val": "weight"}
"""Names of parameters that are others in river."""


def defaults_of_river(name: str) -> dict[str, float | str]:
    """What has another default here, or is not in river at all."""
    others: dict[str, dict[str, float | str]] = {
        "adwin": {"warning_delta": 0.06},
        "ddm": {"min_errors": 0},
        "page_hinkley": {"mode": "both"},
    }
    return others.get(name, {})


def pairs(
    river: dict[str, Any], streams: Streams, name: str
) -> list[tuple[str, dict[str, Any], Detections, list[int]]]:
    """Name of the stream, what river found, what we find, and positions of river's warnings."""
    found = []
    for run in river["runs"]:
        if run["detector"] != name:
            continue
        given = {OURS.get(key, key): value for key, value in run["parameters"].items()}
        for stream, expected in run["found"].items():
            detections = create(name, **{**defaults_of_river(name), **given}).update_many(streams[stream])
            warnings = [at for first, end in expected["warnings"] for at in range(first, end)]
            found.append((stream, expected, detections, warnings))
    assert found
    return found


@pytest.mark.parametrize("name", ["ddm", "eddm", "hddm_w", "page_hinkley", "adwin"])
def test_drifts_are_those_of_river(river: dict[str, Any], streams: Streams, name: str) -> None:
    """Every position is the same, for two sets of parameters or more on every stream."""
    drifts = 0
    for stream, expected, detections, _ in pairs(river, streams, name):
        assert detections.drifts.tolist() == expected["drifts"], stream
        drifts += len(detections.drifts)
    assert drifts >= 10


@pytest.mark.parametrize("name", ["ddm", "hddm_w"])
def test_warnings_are_those_of_river(river: dict[str, Any], streams: Streams, name: str) -> None:
    """So are those of the detectors for which river has any."""
    warnings = 0
    for stream, _, detections, expected in pairs(river, streams, name):
        assert detections.warnings.tolist() == expected, stream
        warnings += len(expected)
    assert warnings >= 100


def test_a_warning_of_eddm_ends_with_a_new_highest_value(river: dict[str, Any], streams: Streams) -> None:
    """River keeps it until the error after, so ours are some of its, and nearly all."""
    for stream, _, detections, expected in pairs(river, streams, "eddm"):
        ours = set(detections.warnings.tolist())
        assert ours <= set(expected), stream
        assert len(ours) >= 0.98 * len(expected), stream


def test_ddm_needs_errors_before_it_calls_their_rate_a_rate(streams: Streams) -> None:
    """After thirty right predictions the first wrong one is a drift for river, and not for us."""
    stream = np.array([0.0] * 40 + [1.0] + [0.0] * 40)
    assert DDM(min_errors=0).update_many(stream).drifts.tolist() == [40]
    assert DDM().update_many(stream).drifts.tolist() == []
    assert len(DDM().update_many(streams["rare"]).drifts) == 1


def test_kswin_finds_what_river_finds_and_smaller_changes(river: dict[str, Any], streams: Streams) -> None:
    """It compares all older values, river a random part of them; it is at most 5 values later."""
    for run in river["runs"]:
        if run["detector"] != "kswin":
            continue
        for stream, expected in run["found"].items():
            ours = KSWIN(alpha=run["parameters"]["alpha"]).update_many(streams[stream]).drifts
            for drift in expected["drifts"]:
                assert np.any((ours <= drift + 5) & (ours >= drift - 40)), (stream, drift, ours)


def test_eddm_raises_false_alarms_with_the_parameters_of_its_paper(streams: Streams) -> None:
    """So its documentation says: it is here because it is known, not because it is good."""
    assert len(EDDM().update_many(streams["steady"]).drifts) >= 1
