"""Synthetic applications for loans, and which loans were not paid back; nothing here is real.

    python examples/credit/loans.py FOLDER

Writes history.parquet, which the model is trained on, and the applications of three months. In the third one
the department that sends them writes the income in thousands of euros.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 11
HISTORY_ROWS, MONTH_ROWS = 12_000, 2_000
BROKEN_MONTH = "2026-03"
MONTHS = ("2026-01", "2026-02", BROKEN_MONTH)
THOUSANDS = 1_000.0
GROUPS = ("under 30", "30 to 60", "over 60")


def loans(rng: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """Applications with what became of them; the young earn less and change jobs more often."""
    group = rng.choice(GROUPS, n_rows, p=(0.25, 0.55, 0.2))
    young = group == GROUPS[0]
    table = pd.DataFrame(
        {
            "income": (rng.lognormal(10.4, 0.4, n_rows) * np.where(young, 0.75, 1.0)).round(),
            "amount": rng.lognormal(9.0, 0.6, n_rows).round(),
            "years_employed": rng.exponential(np.where(young, 3.0, 9.0)).round(1),
            "late_payments": rng.poisson(0.6, n_rows).astype(float),
            "purpose": rng.choice(("car", "home", "other"), n_rows, p=(0.4, 0.35, 0.25)),
            "age_group": group,
        }
    )
    burden = 6.0 * table["amount"] / table["income"]
    odds = np.exp(burden + 0.8 * table["late_payments"] - 0.08 * table["years_employed"] - 3.4)
    return table.assign(defaulted=rng.random(n_rows) < odds / (1.0 + odds))


def main() -> None:
    """Write all files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    loans(rng, HISTORY_ROWS).to_parquet(folder / "history.parquet", index=False)
    for month in MONTHS:
        rows = loans(rng, MONTH_ROWS).drop(columns="defaulted")
        if month == BROKEN_MONTH:
            rows["income"] /= THOUSANDS
        rows.to_parquet(folder / f"{month}.parquet", index=False)


if __name__ == "__main__":
    main()
