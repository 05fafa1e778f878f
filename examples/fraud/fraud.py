"""Fraud scoring whose truth comes days later, and only for a part: what is known when.

    python examples/fraud/fraud.py

A month passes in seconds, since the predictor gets a clock of its own. All data are synthetic.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from alerts import firing
from payments import DAY_SECONDS, payments, reports
from prometheus_client import generate_latest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from exporter import (
    AssessmentPolicy,
    Hysteresis,
    InstrumentedPredictor,
    MemoryStore,
    Policy,
    Reference,
    Window,
)

NAME, VERSION, SEED = "fraud", "1", 7
TRAINING_ROWS = 30_000
PAYMENTS_A_DAY = 1_500
DAYS, CHANGE_DAY = 30, 15
START = 1_767_225_600.0  # 1 January 2026

WINDOWS = (Window("1d", DAY_SECONDS), Window("14d", 14 * DAY_SECONDS))
"""A day shows new inputs at once. It has no truth: that takes as long as the slowest reports."""

RETENTION_HOURS = 24.0 * 30
"""Rows wait for their truth: the default of two days would lose most of it."""

LAST_ROWS = 5_000
"""Newest reports, however old their payments: about a week of them."""


@dataclass
class Simulation:
    """The bank: a clock, a model that is measured, and reports that are still to come."""

    predictor: InstrumentedPredictor
    rng: np.random.Generator
    now: list[float]
    day: int = 0
    waiting: pd.DataFrame = field(default_factory=pd.DataFrame)

    def read(self, name: str, **labels: str) -> float:
        """A metric as a scrape would show it; NaN where it is absent."""
        labels = {"model_name": NAME, "model_version": VERSION, **labels}
        value = self.predictor.registry.get_sample_value(name, labels)
        return float("nan") if value is None else value

    def step(self) -> None:
        """One day: payments are scored, reports of earlier ones come in, a check runs at midnight."""
        self.day += 1
        rows, fraud = payments(self.rng, PAYMENTS_A_DAY, changed=self.day >= CHANGE_DAY)
        ids = [f"day {self.day} payment {number}" for number in range(PAYMENTS_A_DAY)]
        times = self.now[0] + DAY_SECONDS * np.sort(self.rng.random(PAYMENTS_A_DAY))
        self.now[0] += DAY_SECONDS
        self.predictor.predict_proba(rows, ids=ids, at=times)

        reported, lags = reports(self.rng, PAYMENTS_A_DAY)
        new = pd.DataFrame({"id": ids, "fraud": fraud, "at": times + lags})[reported]
        self.waiting = pd.concat([self.waiting, new])
        due = self.waiting["at"] <= self.now[0]
        came, self.waiting = self.waiting[due].sort_values("at"), self.waiting[~due]
        self.predictor.record_outcomes(came["id"], came["fraud"], at=came["at"])
        self.predictor.check_now()


def train(rng: np.random.Generator) -> tuple[Pipeline, Reference]:
    """A model, and the profile of payments that it was not fitted on."""
    rows, fraud = payments(rng, TRAINING_ROWS)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, fraud)
    held_out, truth = payments(rng, TRAINING_ROWS)
    reference = Reference.fit(
        held_out,
        model_name=NAME,
        model_version=VERSION,
        labels=truth,
        scores=model.predict_proba(held_out),
        predictions=model.predict(held_out),
    )
    return model, reference


def simulate() -> Iterator[Simulation]:
    """The simulation after each day."""
    rng = np.random.default_rng(SEED)
    model, reference = train(rng)
    now = [START]
    predictor = InstrumentedPredictor(
        model,
        name=NAME,
        version=VERSION,
        reference=reference,
        windows=WINDOWS,
        store=MemoryStore(retention_hours=RETENTION_HOURS),
        assessment=AssessmentPolicy(last_rows=LAST_ROWS),
        policy=Policy(hysteresis=Hysteresis(drift_after=1)),  # one check a day: waiting costs a day
        clock=lambda: now[0],
        background=False,
    )
    with predictor:
        simulation = Simulation(predictor, rng, now)
        for _ in range(DAYS):
            simulation.step()
            yield simulation


def line(bank: Simulation) -> str:
    """What a dashboard would show at the end of a day."""
    light = {1.0: "on", 0.0: "off"}[bank.read("model_estimate_reliable", window="14d")]
    return (
        f"{bank.day:3}"
        f"{'yes' if bank.read('model_drift_detected', feature_name='merchant_declines') else 'no':>10}"
        f"{bank.read('model_estimated_auc', window='14d'):10.3f}{light:>10}"
        f"{bank.read('model_outcome_coverage_ratio', window='14d'):10.0%}"
        f"{bank.read('model_auc', segment='all', window='14d'):7.3f}"
        f"{bank.read('model_average_precision', segment='all', window='14d'):7.3f}"
        f"{bank.read('model_accuracy', segment='all', window='14d'):10.1%}"
        f"{bank.read('model_auc', segment='all', window=f'last_{LAST_ROWS}'):15.3f}"
    )


def lags(bank: Simulation) -> Iterator[str]:
    """The histogram of how long the truth took."""
    name, below, least = "model_outcome_lag_seconds_bucket", 0.0, 0.0
    for family in bank.predictor.registry.collect():
        for sample in family.samples:
            if sample.name == name and sample.value > below:
                most = float(sample.labels["le"]) / DAY_SECONDS
                yield f"  {least:3.0f} to {most:3.0f} days {sample.value - below:8,.0f}"
                below, least = sample.value, most


def write_metrics(bank: Simulation, folder: Path) -> None:
    """What Prometheus would have scraped at the end of a day."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"day-{bank.day:02}.prom").write_bytes(generate_latest(bank.predictor.registry))


def main() -> None:
    """Print what is known when."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--metrics", type=Path, metavar="FOLDER", help="keep the metrics of each printed day")
    folder: Path | None = parser.parse_args().metrics
    print("     declines  14 days: estimated   realised as labels come           newest 5,000")
    print("day   drifted       AUC     light     known    AUC     AP  accuracy    labels: AUC")
    fired: list[str] = []
    for bank in simulate():
        alerts = firing(bank.predictor.registry)
        if bank.day == CHANGE_DAY:
            print("     (the fraudsters change)")
        if alerts != fired or bank.day % 5 == 0:
            print(line(bank))
            if folder is not None:
                write_metrics(bank, folder)
        if new := [name for name in alerts if name not in fired]:
            print(f"     now fires: {', '.join(new)}")
        if over := [name for name in fired if name not in alerts]:
            print(f"     over: {', '.join(over)}")
        fired = alerts
    print("\nFrom payment to truth:", *lags(bank), sep="\n")
    print("\nShare of payments whose truth is known:")
    for window in WINDOWS:
        coverage = bank.read("model_outcome_coverage_ratio", window=window.name)
        print(f"  {window.name:17}{coverage:6.1%}")
    print("\nAt training time:")
    for measure in ("auc", "average_precision", "accuracy"):
        print(f"  {measure:17}{bank.read(f'model_{measure}_reference', segment='all'):6.3f}")


if __name__ == "__main__":
    main()
