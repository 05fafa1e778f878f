"""alibi-detect: `TabularDrift`, with its correction for the number of columns."""

# mypy: disable-error-code="import-not-found,import-untyped,no-untyped-call"
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from alibi_detect.cd import TabularDrift

from benchmarks.peers.adapter import Said, Setting, Tool, by_version, main, named

P_VALUE = 0.05
"""Its default, for all columns together: each one's p-value is compared with 0.05 / columns (Bonferroni)."""


@dataclass(frozen=True)
class Fitted:
    """A detector, and the codes of each column of text: it reads numbers only."""

    detector: Any
    names: list[str]
    codes: dict[str, dict[str, int]]


def encoded(rows: pd.DataFrame, codes: dict[str, dict[str, int]]) -> Any:
    """Numbers; a category that training never saw gets a code of its own."""
    columns = []
    for name in rows.columns:
        if name in codes:
            known = dict(codes[name])
            columns.append([known.setdefault(value, len(known)) for value in rows[name]])
        else:
            columns.append(rows[name].to_numpy())
    return np.column_stack(columns).astype(np.float64)


def fit(rows: pd.DataFrame) -> Fitted:
    """The detector keeps the training rows."""
    texts = list(rows.select_dtypes(exclude="number").columns)
    codes = {name: {value: code for code, value in enumerate(sorted(rows[name].unique()))} for name in texts}
    categories = {rows.columns.get_loc(name): None for name in texts}
    detector = TabularDrift(encoded(rows, codes), p_val=P_VALUE, categories_per_feature=categories or None)
    return Fitted(detector, list(rows.columns), codes)


def check(fitted: Fitted, rows: pd.DataFrame) -> Said:
    """Its verdict on all columns, and those below the corrected level; one that is not a number is shown."""
    data = fitted.detector.predict(encoded(rows, fitted.codes))["data"]
    p_values = dict(zip(fitted.names, map(float, data["p_val"]), strict=True))
    drifted = {name: p for name, p in p_values.items() if p < data["threshold"]}
    unknown = [name for name, p in p_values.items() if np.isnan(p)]
    words = f"is_drift {data['is_drift']}: " + named(drifted, "p =")
    words += "".join(f", {name} p = nan" for name in unknown)
    return Said(list(drifted), alarm=bool(data["is_drift"]), words=words)


DEFAULT = Setting("`TabularDrift(x_ref, p_val=0.05, categories_per_feature=...)`", fit, check)
TOOL = Tool(DEFAULT, best={"rolling_update": by_version(DEFAULT)})


if __name__ == "__main__":
    main(TOOL)
