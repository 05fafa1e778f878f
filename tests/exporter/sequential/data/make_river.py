"""Writes river.json: what river finds in seeded streams. Run once, in an environment that has river.

python tests/exporter/sequential/data/make_river.py > tests/exporter/sequential/data/river.json
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import river
from river import drift

BOTH = ("page_hinkley", "adwin", "kswin")
"""Detectors that take numbers as well as errors."""

RUNS: list[tuple[str, Any, dict[str, Any]]] = [
    ("ddm", drift.binary.DDM, {}),
    ("ddm", drift.binary.DDM, {"warm_start": 50, "warning_threshold": 1.5, "drift_threshold": 2.5}),
    ("eddm", drift.binary.EDDM, {}),
    ("eddm", drift.binary.EDDM, {"alpha": 0.8, "beta": 0.75, "warm_start": 20}),
    ("hddm_w", drift.binary.HDDMW, {}),
    (
        "hddm_w",
        drift.binary.HDDMW,
        {"drift_confidence": 1e-4, "warning_confidence": 1e-2, "lambda_val": 0.1},
    ),
    ("page_hinkley", drift.PageHinkley, {}),
    ("page_hinkley", drift.PageHinkley, {"mode": "up", "threshold": 20.0}),
    (
        "page_hinkley",
        drift.PageHinkley,
        {"mode": "down", "threshold": 20.0, "alpha": 1.0, "delta": 0.01, "min_instances": 10},
    ),
    ("adwin", drift.ADWIN, {}),
    (
        "adwin",
        drift.ADWIN,
        {"delta": 0.05, "clock": 16, "max_buckets": 3, "grace_period": 40, "min_window_length": 8},
    ),
    ("kswin", drift.KSWIN, {"alpha": 0.0001, "seed": 1}),
]

rng = np.random.default_rng(20130101)


def bits(*parts: tuple[int, float]) -> np.ndarray:
    """Errors, so many at each rate."""
    return np.concatenate([(rng.random(n) < p) for n, p in parts]).astype(int)


def ranges(positions: list[int]) -> list[list[int]]:
    """Half-open ranges of consecutive positions."""
    found: list[list[int]] = []
    for position in positions:
        if found and found[-1][1] == position:
            found[-1][1] = position + 1
        else:
            found.append([position, position + 1])
    return found


def detections(detector: Any, values: list[float]) -> dict[str, Any]:
    """Positions of drifts, and ranges of warnings."""
    drifts, warnings = [], []
    for position, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            drifts.append(position)
        elif getattr(detector, "warning_detected", False):
            warnings.append(position)
    return {"drifts": drifts, "warnings": ranges(warnings)}


errors = {
    "steady": bits((4000, 0.1)),
    "abrupt": bits((2000, 0.2), (1000, 0.4), (1000, 0.2)),
    "gradual": (rng.random(4000) < np.linspace(0.1, 0.5, 4000)).astype(int),
    "rare": bits((2000, 0.01), (2000, 0.1)),
    "jumps": bits(*[(500, 0.1 if i % 2 == 0 else 0.6) for i in range(8)]),
}
reals = {
    "shift": np.concatenate([rng.normal(0, 1, 1500), rng.normal(1, 1, 1500)]),
    "skewed": np.concatenate([rng.lognormal(0, 1, 1500), rng.lognormal(0.7, 1, 1500)]),
    "ramp": rng.normal(0, 1, 3000) + np.linspace(0, 3, 3000),
    "offset": 1e6 + np.concatenate([rng.normal(0, 1, 1000), rng.normal(-2, 1, 1000)]),
}
hundredths = {name: np.round(values * 100).astype(int) for name, values in reals.items()}
streams = {name: values.tolist() for name, values in errors.items()}
numbers = {name: (values / 100).tolist() for name, values in hundredths.items()}
json.dump(
    {
        "about": "Detections of river on seeded streams. Errors: bits as hexadecimal text, highest first. "
        "Numbers: hundredths. Warnings: half-open ranges of positions.",
        "river": river.__version__,
        "errors": {
            name: {"length": len(values), "bits": np.packbits(values).tobytes().hex()}
            for name, values in errors.items()
        },
        "numbers": {name: values.tolist() for name, values in hundredths.items()},
        "runs": [
            {
                "detector": name,
                "parameters": parameters,
                "found": {
                    stream: detections(make(**parameters), values)
                    for stream, values in (streams | (numbers if name in BOTH else {})).items()
                },
            }
            for name, make, parameters in RUNS
        ],
    },
    sys.stdout,
    separators=(",", ":"),
)
sys.stdout.write("\n")
