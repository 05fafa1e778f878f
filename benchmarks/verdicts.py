"""How often a model is called declined that is not, and how soon one that is: writes docs/verdicts.md.

Scores of two classes are normal on the logit scale, so that a model is no worse or better when only the share
of the positive class changes. `python -m benchmarks.verdicts [--quick]`
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from benchmarks import error_streams
from benchmarks.markdown import wrapped
from exporter import AssessmentPolicy, Reference
from exporter.assessment.labelled import Labelled
from exporter.assessment.performance import PerformanceReport, assess_performance
from exporter.observation import Observations
from exporter.performance import ClassificationRows

Floats = NDArray[np.float64]
Truth = NDArray[np.int64]

SHARE: Final = 0.15
"""Of the positive class in the reference: about that of late flights."""

AUC: Final = 0.80
REFERENCE_ROWS: Final = 20_000
REFERENCES, WINDOWS = 10, 50
LOOKS: Final = 24
"""Checks while a window passes by once, as of a day's window each hour."""

STREAMS: Final = 400
SHARES: Final = (0.15, 0.05, 0.30, 0.50)
SIZES: Final = (1_000, 10_000)
SHOWN: Final = ("auc", "accuracy", "precision", "f1", "average_precision", "brier_score", "calibration_error")
DROPS: Final = (0.05, 0.08, 0.10, 0.15)


def rows_of(rng: np.random.Generator, n: int, share: float, auc: float = AUC) -> tuple[Truth, Floats]:
    """Truth and scores; with `AUC` they are calibrated at `SHARE`, with less they are as sure as ever."""
    truth = (rng.random(n) < share).astype(np.int64)
    apart = np.sqrt(2.0) * float(ndtri(auc))
    usual = np.sqrt(2.0) * float(ndtri(AUC))
    seen = rng.normal(size=n) + truth * apart
    return truth, expit(logit(SHARE) + usual * seen - usual**2 / 2.0)


def reference_of(rng: np.random.Generator) -> Reference:
    """A reference of the sound model."""
    truth, scores = rows_of(rng, REFERENCE_ROWS, SHARE)
    return Reference.fit(
        scores[:, None], features=["score"], model_name="m", model_version="1", scores=scores, labels=truth
    )


def report_of(reference: Reference, truth: Truth, scores: Floats) -> PerformanceReport:
    """What a check says of these rows."""
    rows = ClassificationRows(
        classes=("0", "1"), truth=truth, predicted=(scores > 0.5).astype(np.int64), scores=scores
    )
    n = len(truth)
    observations = Observations(times=np.zeros(n), features={})
    labelled = Labelled(chosen=np.ones(n, dtype=np.bool_), rows=rows)
    return assess_performance(observations, labelled, reference, AssessmentPolicy())


def plainly(report: PerformanceReport, measure: str) -> bool:
    """Whether a measure that is judged as it is, by an interval at 1 % alone, would be declined."""
    verdict = report.verdicts[measure]
    return bool(
        verdict.p_value is not None
        and verdict.p_value <= 0.01
        and (verdict.drop_ratio or 0.0) >= AssessmentPolicy().drop_ratio
    )


def false_alarms(rng: np.random.Generator, references: list[Reference], windows: int) -> list[str]:
    """One row for each share and size."""
    lines = []
    for share in SHARES:
        for n in SIZES:
            ours: Counter[str] = Counter()
            plain: Counter[str] = Counter()
            for reference in references:
                for _ in range(windows):
                    report = report_of(reference, *rows_of(rng, n, share))
                    ours.update(name for name in SHOWN if report.verdicts[name].large_drop)
                    plain.update(name for name in SHOWN if plainly(report, name))
            total = len(references) * windows
            cells = [f"{ours[name] / total:.1%} / {plain[name] / total:.1%}" for name in SHOWN]
            lines.append(f"| {share:.0%} | {n:,} | " + " | ".join(cells) + " |")
    return lines


def passing_by(rng: np.random.Generator, references: list[Reference], streams: int) -> tuple[float, float]:
    """Share of streams whose window is called worse at any look while it passes by once, and plainly."""
    ours = plain = 0
    policy, n = AssessmentPolicy(), SIZES[0]
    for number in range(streams):
        reference = references[number % len(references)]
        truth, scores = rows_of(rng, 2 * n, SHARE)
        ends = np.linspace(n, 2 * n, LOOKS + 1).astype(int)
        found = [report_of(reference, truth[end - n : end], scores[end - n : end]) for end in ends]
        verdicts = [report.verdicts["auc"] for report in found]
        ours += any(verdict.state in ("warning", "declined") for verdict in verdicts)
        plain += any((verdict.p_value or 1.0) <= policy.alpha for verdict in verdicts)
    return ours / streams, plain / streams


def power(rng: np.random.Generator, references: list[Reference], windows: int) -> list[str]:
    """One row for each drop of the AUC."""
    lines = []
    for drop in DROPS:
        cells = []
        for n in SIZES:
            for share in (SHARE, 0.05):
                found = [
                    report_of(reference, *rows_of(rng, n, share, AUC * (1.0 - drop))).state == "declined"
                    for reference in references
                    for _ in range(windows)
                ]
                cells.append(f"{np.mean(found):.0%}")
        lines.append(f"| {drop:.0%} | {AUC * (1 - drop):.3f} | " + " | ".join(cells) + " |")
    return lines


PAGE: Final = """# How often verdicts on performance err

Written by `python -m benchmarks.verdicts`: {references} references of {rows:,} rows with an AUC of {auc}
and a positive class of {share:.0%}, {windows} windows of each a cell.

## False alarms

Share of windows called declined by each measure, as driftgauge judges it / judged plainly, by a 1 % test
against the reference's value and a drop of 5 %. The model is the same in all of them; only the share of the
positive class changes. **auc** decides the state.

| positive | rows | {names} |
|---|---:|{dashes}
{alarms}

Looked at {looks} times while a window of {size:,} rows passes by once, {ours:.1%} of {streams} streams have
an AUC called really worse at any look (the promise is 1 %); with a 1 % test at each look it would be
{plain:.1%}.

## Power

Share of windows called declined when the model has really become worse. A drop of exactly 5 % is on the
margin: half of all windows measure less.

| drop | AUC | {size:,} rows | {size:,}, positive 5 % | {large:,} rows | {large:,}, positive 5 % |
|---:|---:|---:|---:|---:|---:|
{found}

Rows here are independent. In production a day of storms makes its flights late together: intervals are then
too narrow, and the margin of 5 % is what guards against it. Windows of several days average over it.

## Concept drift

False alarms among 10,000 outcomes, and median outcomes from a change to the first detection; - for most
streams without any. The stream of a model's outcomes, thinned by its design effect / every outcome to the
detector. {error_streams} streams a cell, {before:,} outcomes before the change; *in bursts* an error makes
the next likelier (correlation 0.3); *bad days* have 500 outcomes and rates that differ by 10 points.

| detector | {cases}
|---|{case_dashes}
{concepts}

A short delay beside many false alarms is luck: some alarm comes soon.
"""


def main() -> None:
    """Simulate and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the windows, to try it out")
    parser.add_argument("--out", type=Path, default=Path("docs/verdicts.md"))
    options = parser.parse_args()
    rng = np.random.default_rng(20130101)
    references = [reference_of(rng) for _ in range(2 if options.quick else REFERENCES)]
    windows, streams = (5, 20) if options.quick else (WINDOWS, STREAMS)
    per_cell = 3 if options.quick else error_streams.STREAMS
    ours, plain = passing_by(rng, references, streams)
    text = wrapped(PAGE.format(
        references=len(references), rows=REFERENCE_ROWS, auc=AUC, share=SHARE, windows=windows,
        names=" | ".join(SHOWN), dashes="---:|" * len(SHOWN), looks=LOOKS, size=SIZES[0], large=SIZES[1],
        streams=streams, ours=ours, plain=plain,
        alarms="\n".join(false_alarms(rng, references, windows)),
        found="\n".join(power(rng, references, windows)),
        error_streams=per_cell, before=error_streams.BEFORE,
        cases=" | ".join(f"{name}: alarms | delay" for name, _, _ in error_streams.CASES) + " |",
        case_dashes="---:|---:|" * len(error_streams.CASES),
        concepts="\n".join(error_streams.rows(rng, per_cell)),
    ))  # fmt: skip
    options.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
