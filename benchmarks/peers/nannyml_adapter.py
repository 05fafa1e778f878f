"""NannyML: drift of each column, the window as one chunk, and its counts of missing and unseen values."""

# mypy: disable-error-code="import-not-found,import-untyped,no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import nannyml as nml
import pandas as pd

from benchmarks.peers.adapter import Said, Setting, Tool, by_version, main

Make = Callable[[pd.DataFrame, int], Any]


@dataclass(frozen=True)
class Fitted:
    """The training rows, and calculators fitted so far: chunks of training are as long as the window."""

    rows: pd.DataFrame
    calculators: dict[tuple[Make, int], Any] = field(default_factory=dict)

    def calculator(self, make: Make, size: int) -> Any:
        """One that is fitted for windows of this size."""
        if (make, size) not in self.calculators:
            calculator = make(self.rows, size)
            calculator.fit(self.rows)
            self.calculators[make, size] = calculator
        return self.calculators[make, size]


def drift_calculator(rows: pd.DataFrame, size: int) -> Any:
    """Default methods (Jensen-Shannon for all columns) and default thresholds."""
    return nml.UnivariateDriftCalculator(column_names=list(rows.columns), chunk_size=size)


def missing_calculator(rows: pd.DataFrame, size: int) -> Any:
    """Share of missing values in each column."""
    return nml.MissingValuesCalculator(column_names=list(rows.columns), chunk_size=size)


def unseen_calculator(rows: pd.DataFrame, size: int) -> Any:
    """Share of values that training did not have, in each column of text."""
    texts = list(rows.select_dtypes(exclude="number").columns)
    return nml.UnseenValuesCalculator(column_names=texts, chunk_size=size)


def alerts(make: Make, fitted: Fitted, rows: pd.DataFrame) -> dict[str, str]:
    """Columns with an alert in the last chunk, which is the window, and the method with its value."""
    table = fitted.calculator(make, len(rows)).calculate(rows).filter(period="analysis").to_df()
    last = table.iloc[-1]
    found = {}
    for key, raised in last.items():
        if key[-1] == "alert" and bool(raised):
            value = last[(*key[:-1], "value")]
            found[str(key[0])] = f"{' '.join(map(str, key[1:-1]))} {value:.2g}".strip()
    return found


def check(fitted: Fitted, rows: pd.DataFrame) -> Said:
    """Columns with an alert."""
    found = alerts(drift_calculator, fitted, rows)
    return Said(list(found), alarm=bool(found), words=listed(found))


def checked_with(make: Make, what: str) -> Callable[[Fitted, pd.DataFrame], Said]:
    """Drift, and the alerts of a calculator of data quality."""

    def both(fitted: Fitted, rows: pd.DataFrame) -> Said:
        drift, damaged = check(fitted, rows), alerts(make, fitted, rows)
        words = f"{drift.words}; {what}: {listed(damaged)}"
        return Said(drift.drift, list(damaged), alarm=drift.alarm, words=words)

    return both


def listed(found: dict[str, str]) -> str:
    """Alerts in words."""
    return ", ".join(f"{name} {method}" for name, method in found.items()) or "no alert"


DEFAULT = Setting("`UnivariateDriftCalculator`, the window as one chunk", Fitted, check)
TOOL = Tool(
    DEFAULT,
    best={
        "missing": Setting(
            "with `MissingValuesCalculator`", Fitted, checked_with(missing_calculator, "missing values")
        ),
        "new_category": Setting(
            "with `UnseenValuesCalculator`", Fitted, checked_with(unseen_calculator, "unseen values")
        ),
        "rolling_update": by_version(DEFAULT),
    },
)

if __name__ == "__main__":
    main(TOOL)
