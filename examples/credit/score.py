"""Scores the applications of a month, and says how the groups are treated.

    python examples/credit/score.py FOLDER MONTH

Writes scored-MONTH.parquet, and the month's metrics for Prometheus in metrics-MONTH.prom.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from model import FEATURES, trained
from prometheus_client import generate_latest

from exporter import AssessmentPolicy, InstrumentedPredictor, Reference, Window

NAME, VERSION, PROTECTED = "credit", "1", "age_group"
MONTH_SECONDS = 31 * 86_400.0


def main() -> None:
    """Score, write and tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("month")
    arguments = parser.parse_args()
    folder, month = arguments.folder, arguments.month
    rows = pd.read_parquet(folder / f"{month}.parquet")[FEATURES]
    # A batch needs no threads: one window holds all of it, and one check looks at it.
    with InstrumentedPredictor(
        trained(folder),
        name=NAME,
        version=VERSION,
        reference=Reference.load(folder / "reference.json"),
        assessment=AssessmentPolicy(protected=(PROTECTED,)),
        windows=[Window("month", MONTH_SECONDS)],
        background=False,
    ) as predictor:
        risk = predictor.predict_proba(rows)[:, 1]
        predictor.check_now()
    rows.assign(risk=risk, refused=risk > 0.5).to_parquet(folder / f"scored-{month}.parquet", index=False)
    (folder / f"metrics-{month}.prom").write_bytes(generate_latest(predictor.registry))

    print(f"{month}: {len(rows):,} applications scored, {(risk > 0.5).mean():.1%} refused")
    parity = predictor.assessments["month"].fairness[PROTECTED]["demographic_parity"]
    for group, share in parity.groups.items():
        print(f"  {group:10}{share:6.1%} refused")
    threshold = predictor.registry.get_sample_value(
        "model_fairness_threshold",
        {"model_name": NAME, "model_version": VERSION, "attribute": PROTECTED},
    )
    if threshold is not None and parity.difference >= threshold and parity.p_value <= 0.01:
        print(f"  ModelFairnessDifference would fire: {parity.difference:.3f} apart, threshold {threshold}")


if __name__ == "__main__":
    main()
