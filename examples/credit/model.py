"""The model, which says how likely a loan is not paid back; it refuses from one half on.

    python examples/credit/model.py FOLDER

Writes training.parquet: the history, with what the model said of rows that it had not seen (out of fold).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

FEATURES = ["income", "amount", "years_employed", "late_payments", "purpose", "age_group"]
"""The age group is never used: it is there so that its groups can be compared."""

NUMBERS = FEATURES[:4]
FOLDS = 5


def untrained() -> Pipeline:
    """A model that does not look at the age group."""
    columns = make_column_transformer((StandardScaler(), NUMBERS), (OneHotEncoder(), ["purpose"]))
    return make_pipeline(columns, LogisticRegression())


def trained(folder: Path) -> Pipeline:
    """The model. A real pipeline would load it from where models are kept."""
    history = pd.read_parquet(folder / "history.parquet")
    return untrained().fit(history[FEATURES], history["defaulted"])


def main() -> None:
    """Write the training data with scores."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    history = pd.read_parquet(folder / "history.parquet")
    risk = cross_val_predict(
        untrained(), history[FEATURES], history["defaulted"], cv=FOLDS, method="predict_proba"
    )[:, 1]
    history.assign(risk=risk, refused=risk > 0.5).to_parquet(folder / "training.parquet", index=False)


if __name__ == "__main__":
    main()
