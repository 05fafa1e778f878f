"""frouros: a test for each column, at the level of its first data-drift example."""

# mypy: disable-error-code="import-not-found,import-untyped,no-untyped-call"
from __future__ import annotations

from typing import Any

import pandas as pd
from frouros.detectors.data_drift import ChiSquareTest, KSTest

from benchmarks.peers.adapter import Said, Setting, Tool, by_version, main, named

ALPHA = 0.001
"""Of the example in its README; the library itself decides nothing."""


def fit(rows: pd.DataFrame) -> dict[str, Any]:
    """A detector for each column."""
    detectors = {}
    for name, column in rows.items():
        detector = KSTest() if pd.api.types.is_numeric_dtype(column) else ChiSquareTest()
        detector.fit(X=column.to_numpy())
        detectors[str(name)] = detector
    return detectors


def check(detectors: dict[str, Any], rows: pd.DataFrame) -> Said:
    """Columns whose p-value is at most alpha; one that is not a number is shown."""
    p_values = {
        name: float(detector.compare(X=rows[name].to_numpy())[0].p_value)
        for name, detector in detectors.items()
    }
    drifted = {name: p for name, p in p_values.items() if p <= ALPHA}
    unknown = [name for name, p in p_values.items() if p != p]  # noqa: PLR0124 - NaN
    words = named(drifted, "p =") + "".join(f", {name} p = nan" for name in unknown)
    return Said(list(drifted), alarm=bool(drifted), words=words)


DEFAULT = Setting("`KSTest` and `ChiSquareTest` per column, drift at p <= 0.001", fit, check)
TOOL = Tool(DEFAULT, best={"rolling_update": by_version(DEFAULT)})

if __name__ == "__main__":
    main(TOOL)
