"""What driftgauge says of the demo's model from April to December 2013: writes docs/flights.md and its plots.

The replay of `driftgauge demo` in this process, without waiting: each flight is asked for in the hour in
which it leaves, its outcome comes when it has landed, and every day is checked.
`python -m benchmarks.flights_year [--days N]`
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from benchmarks.charts import Axis, bars, lines, strips
from benchmarks.markdown import wrapped
from driftgauge.demo.data import NUMERIC, Flights
from driftgauge.demo.replay import CHECK_INTERVAL_SECONDS, HOUR_SECONDS, WINDOW, SimulatedClock, replay
from driftgauge.demo.service import REPLAY_START, YEAR_END, instrumented, prepare
from exporter import InstrumentedPredictor, Reference
from exporter.assessment import Assessment
from exporter.error_stream import ConceptReport
from exporter.estimation import calibrated, estimate_classes
from exporter.performance import ClassificationRows, classify

WEATHER: Final = frozenset(NUMERIC) - {"hour", "distance", "plane_age"}
NEW_YORK: Final = ZoneInfo("America/New_York")
NAMED: Final = 4
"""Features of a month that are named."""

MOST_CHECKS: Final = 0.5

LAG_HOURS: Final = (1, 2, 3, 4, 5, 6, 8, 12)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check at a time found."""

    at: float
    assessment: Assessment
    concepts: dict[str, ConceptReport]


class Recorder:
    """The predictor as the replay sees it, which notes answers, their times and what each check found."""

    def __init__(self, predictor: InstrumentedPredictor, clock: SimulatedClock, n_flights: int) -> None:
        self._predictor, self._clock = predictor, clock
        self.scores = np.full(n_flights, np.nan)
        self.asked = np.full(n_flights, np.nan)
        self.lags: list[float] = []
        self.outcomes: Counter[str] = Counter()
        self.coverage: list[float] = []
        self.checks: list[Checked] = []

    def predict_proba(self, rows: Any, *, ids: Any) -> None:
        """Answer, and note the scores."""
        self.scores[ids] = self._predictor.predict_proba(rows, ids=ids)[:, 1]
        self.asked[ids] = self._clock()

    def record_outcomes(self, ids: Sequence[Any], y_true: Sequence[Any], at: Sequence[float]) -> None:
        """Join, and note the lags."""
        counts = self._predictor.record_outcomes(ids, y_true, at)
        self.outcomes["joined"] += counts.joined
        self.outcomes["other"] += len(ids) - counts.joined
        self.lags += (np.array(at) - self.asked[list(ids)]).tolist()

    def check_now(self) -> None:
        """Check, and note what was found."""
        self._predictor.check_now()
        found = self._predictor.assessments[WINDOW.name]
        self.checks.append(Checked(self._clock(), found, dict(self._predictor.concepts)))
        self.coverage.append(found.performance.labelled / max(found.performance.rows, 1))


@dataclass(frozen=True, slots=True)
class Month:
    """A month of flights by their scheduled departure."""

    name: str
    flights: int
    late: float
    measures: dict[str, float]
    estimated_auc: float
    light: float
    contributions: list[tuple[str, float]]


def run(days: float, data: Path | None = None) -> tuple[Flights, Reference, Recorder]:
    """Replay so many days from the first of April."""
    with threadpool_limits(limits=1), tempfile.TemporaryDirectory() as folder:
        year, model, reference = prepare(data, Path(folder) / "reference.json", time.monotonic())
        end = min(REPLAY_START + days * 24 * HOUR_SECONDS, YEAR_END)
        flights = year.between(REPLAY_START, end)
        clock = SimulatedClock(REPLAY_START)
        with instrumented(model, reference, clock) as predictor:
            recorder = Recorder(predictor, clock, len(flights))
            replay(recorder, flights, clock, iter(np.arange(REPLAY_START, end + 1, HOUR_SECONDS).tolist()))
    return flights, reference, recorder


def months(flights: Flights, reference: Reference, recorder: Recorder) -> list[Month]:
    """Each month that was replayed."""
    of_flight = np.array([_month(at) for at in flights.scheduled.tolist()])
    found = []
    for name in dict.fromkeys(of_flight.tolist()):
        asked = (of_flight == name) & ~np.isnan(recorder.scores)
        known = asked & ~np.isnan(flights.late)
        scores, truth = recorder.scores[known], flights.late[known].astype(np.int64)
        rows = ClassificationRows(
            classes=("0", "1"), truth=truth, predicted=(scores > 0.5).astype(np.int64), scores=scores
        )
        every = recorder.scores[asked]
        probabilities = calibrated(every, reference.baseline.calibrators)
        checks = [check for check in recorder.checks if _month(check.at) == name]
        shares = [check.assessment.cause.drift for check in checks]
        contributions = {
            feature: float(np.mean([share.get(feature, 0.0) for share in shares]))
            for feature in (shares[0] if shares else {})
        }
        found.append(
            Month(
                name=name,
                flights=int(asked.sum()),
                late=float(truth.mean()),
                measures={n: m.value for n, m in classify(rows).measures.items() if m.value is not None},
                estimated_auc=estimate_classes(probabilities, None, every)["auc"].value or np.nan,
                light=float(np.mean([_reliable(check) for check in checks])) if checks else np.nan,
                contributions=sorted(contributions.items(), key=lambda item: -item[1])[:NAMED],
            )
        )
    return found


PAGE: Final = """# A year of flights

Written by `python -m benchmarks.flights_year` in {seconds:.0f} s: the model of `driftgauge demo`, trained
on January to March 2013, replayed hour by hour over {flights:,} flights. Each outcome comes when its flight
has landed; {checks} daily checks look at the last two weeks.

## Realised and estimated performance

![accuracy, AUC and calibration error by month](images/flights-performance.svg)

| month | flights | late | accuracy | AUC | calibration error | AUC estimated | light on |
|---|---:|---:|---:|---:|---:|---:|---:|
{measures}

Estimated against realised AUC, mean absolute difference: {gap} over all months, {gap_lit} over those with
the reliability light on in most checks, {gap_dark} over the others; the AUC of training, taken for each
month, has {gap_constant}. The estimate expects what the scores promised in the winter. That they order the
flights of the summer better, and those of late September worse, no score tells: the light does.

![estimated and realised AUC](images/flights-estimate.svg)
![when the light was on](images/flights-light.svg)

## Verdicts

AUC decides. Of {checks} checks its state was {states}; that of calibration was {calibration}. Accuracy was
really worse than in training in {accuracy_worse} checks, and worse at training's share of late flights too
in {accuracy_declined}: it follows how many flights are late. [Performance](performance.md) tells why one
measure decides.

## Outcomes

{joined:,} outcomes joined, {other:,} of any other kind; {never:,} flights were cancelled or diverted and
have none. They stay in the denominator: {least} of a window's flights had their outcome at least, {mean} in
the mean. The lag counts from the start of the hour in which a flight leaves: {median:.1f} h in the median,
at most {most:.1f} h for 99 of 100.

![outcome lag](images/flights-lag.svg)

## Concept drift

The errors of all six detectors are thinned by their design effect ([concept drift](concept-drift.md)); a
drift is held for the length of the window.

![states of the detectors](images/flights-concepts.svg)

| detector | drifts | share of checks in drift | last detection |
|---|---:|---:|---|
{concepts}

## What explains the drift

Share in the drift of the inputs, importance x drift, mean of the month's checks. A feature of the weather
is on top in {on_top} of {ranked} months.

| month | 1. | 2. | 3. | 4. |
|---|---|---|---|---|
{causes}
"""


def page(flights: Flights, reference: Reference, recorder: Recorder, seconds: float) -> str:
    """docs/flights.md."""
    by_month, checks = months(flights, reference, recorder), recorder.checks
    aucs = [month.measures["auc"] for month in by_month]
    gaps = [abs(auc - month.estimated_auc) for auc, month in zip(aucs, by_month, strict=True)]
    lit = [month.light > MOST_CHECKS for month in by_month]
    reports = [check.assessment.performance for check in checks]
    accuracies = [report.verdicts["accuracy"] for report in reports]
    lags = np.array(recorder.lags) / HOUR_SECONDS
    ranked = [month.contributions for month in by_month if month.contributions]
    text = PAGE.format(
        seconds=seconds,
        flights=len(flights),
        checks=len(checks),
        measures="\n".join([_training_row(reference), *(_row(month) for month in by_month)]),
        gap=_mean(gaps, [True] * len(gaps)),
        gap_constant=_mean([abs(auc - reference.performance["auc"]) for auc in aucs], [True] * len(aucs)),
        gap_lit=_mean(gaps, lit),
        gap_dark=_mean(gaps, [not on for on in lit]),
        states=_counted([report.state for report in reports]),
        calibration=_counted([report.calibration_state for report in reports]),
        accuracy_worse=sum(verdict.state != "ok" for verdict in accuracies),
        accuracy_declined=sum(verdict.large_drop for verdict in accuracies),
        joined=recorder.outcomes["joined"],
        other=recorder.outcomes["other"],
        never=int(np.isnan(flights.late).sum()),
        least=f"{min(recorder.coverage):.1%}",
        mean=f"{np.mean(recorder.coverage):.1%}",
        median=np.median(lags),
        most=np.quantile(lags, 0.99),
        concepts="\n".join(_concept_rows(checks)),
        on_top=sum(first[0][0] in WEATHER for first in ranked),
        ranked=len(ranked),
        causes="\n".join(
            f"| {month.name} | "
            + " | ".join(f"{name} {share:.0%}" for name, share in month.contributions)
            + " |"
            for month in by_month
            if month.contributions
        ),
    )
    return wrapped(text)


def _training_row(reference: Reference) -> str:
    trained = reference.performance
    tally: dict[str, int] = getattr(reference.labels, "tally", {})
    return (
        f"| training | {sum(tally.values()):,} | {tally.get('1', 0) / sum(tally.values()):.1%} | "
        f"{trained['accuracy']:.3f} | {trained['auc']:.3f} | {trained['calibration_error']:.3f} | | |"
    )


def _row(month: Month) -> str:
    measures = month.measures
    return (
        f"| {month.name} | {month.flights:,} | {month.late:.1%} | {measures['accuracy']:.3f} | "
        f"{measures['auc']:.3f} | {measures['calibration_error']:.3f} | {month.estimated_auc:.3f} | "
        f"{'' if np.isnan(month.light) else format(month.light, '.0%')} |"
    )


def _counted(states: Sequence[str]) -> str:
    return ", ".join(f"{state} in {n}" for state, n in Counter(states).most_common())


def plots(flights: Flights, reference: Reference, recorder: Recorder) -> dict[str, str]:
    """The page's plots by file name."""
    by_month, checks = months(flights, reference, recorder), recorder.checks
    names = [month.name for month in by_month]
    of_months = Axis(0.0, max(len(names) - 1.0, 1.0), list(enumerate(names)))
    share = Axis(0.0, 1.0, [(level / 4, f"{level / 4:.2f}") for level in range(5)])
    start, end = REPLAY_START, max(float(flights.scheduled[-1]), checks[-1].at + CHECK_INTERVAL_SECONDS)
    of_time = Axis(start, end, [(at, _month(at)) for at in _firsts(start, end)])

    def monthly(measure: str) -> list[tuple[float, float]]:
        return [(float(i), month.measures.get(measure, np.nan)) for i, month in enumerate(by_month)]

    realised = [(c.at, c.assessment.performance.verdicts["auc"].measure.value or np.nan) for c in checks]
    return {
        "flights-performance.svg": lines(
            "Realised, by month of departure", of_months, share,
            {name: monthly(name) for name in ("accuracy", "auc", "calibration_error")},
        ),
        "flights-estimate.svg": lines(
            "AUC of two weeks, each day",
            of_time,
            Axis(0.5, 0.9, [(level / 10, f"{level / 10:.1f}") for level in range(5, 10)]),
            {"realised": realised, "estimated": [(c.at, _estimated(c)) for c in checks]},
        ),
        "flights-light.svg": strips(
            "Reliability light of the estimate", of_time,
            {"light": _stretches([(c.at, "on" if _reliable(c) else "off") for c in checks])},
        ),
        "flights-concepts.svg": strips(
            "States of the detectors", of_time,
            {
                name: _stretches([(c.at, c.concepts[name].state) for c in checks])
                for name in checks[0].concepts
            },
        ),
        "flights-lag.svg": bars(
            "Hours from the prediction to the outcome, share of flights", _lag_shares(recorder), " %"
        ),
    }  # fmt: skip


def _concept_rows(checks: Sequence[Checked]) -> list[str]:
    rows = []
    for name, report in checks[-1].concepts.items():
        share = np.mean([check.concepts[name].state == "drift" for check in checks])
        last = (
            "" if report.detected_at is None else f"{datetime.fromtimestamp(report.detected_at, UTC):%d %B}"
        )
        rows.append(f"| `{name}` | {report.drifts} | {share:.0%} | {last} |")
    return rows


def _lag_shares(recorder: Recorder) -> dict[str, float]:
    edges = np.array([-np.inf, *LAG_HOURS, np.inf])
    counts = np.histogram(np.array(recorder.lags) / HOUR_SECONDS, edges)[0]
    names = [f"to {hours}" for hours in LAG_HOURS] + ["more"]
    total = max(int(counts.sum()), 1)
    return {name: 100.0 * int(count) / total for name, count in zip(names, counts, strict=True)}


def _stretches(states: Sequence[tuple[float, str]]) -> list[tuple[float, float, str]]:
    """States of checks as stretches, each up to the next check."""
    found: list[tuple[float, float, str]] = []
    for at, state in states:
        if found and found[-1][2] == state:
            found[-1] = (found[-1][0], at + CHECK_INTERVAL_SECONDS, state)
        else:
            found.append((at, at + CHECK_INTERVAL_SECONDS, state))
    return found


def _reliable(check: Checked) -> bool:
    return check.assessment.estimate is not None and check.assessment.estimate.reliability.reliable


def _estimated(check: Checked) -> float:
    report = check.assessment.estimate
    found = None if report is None else report.measures["auc"].value
    return np.nan if found is None else found


def _firsts(start: float, end: float) -> list[float]:
    first = datetime.fromtimestamp(start, UTC)
    times = [datetime(first.year, month, 1, 12, tzinfo=UTC).timestamp() for month in range(first.month, 13)]
    return [at for at in times if at < end]


def _month(at: float) -> str:
    return f"{datetime.fromtimestamp(at, NEW_YORK):%b}"


def _mean(values: Sequence[float], chosen: Sequence[bool]) -> str:
    some = [value for value, use in zip(values, chosen, strict=True) if use]
    return f"{np.mean(some):.3f}" if some else "none"


def main() -> None:
    """Replay and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--days", type=float, default=366.0, help="to replay (default: to the end of the year)"
    )
    parser.add_argument("--data", type=Path, help="folder of the flights' tables")
    parser.add_argument("--out", type=Path, default=Path("docs/flights.md"))
    options = parser.parse_args()
    began = time.perf_counter()
    found = run(options.days, options.data)
    text = page(*found, time.perf_counter() - began)
    images = options.out.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    for name, plot in plots(*found).items():
        (images / name).write_text(plot, encoding="utf-8")
    options.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
