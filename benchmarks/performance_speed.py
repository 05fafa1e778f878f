"""How long a million outcomes take: all measures at once, and one batch more in a rolling window.

Prints processor time of the one thread beside wall time, since other work on the machine lengthens only the
second. `python benchmarks/performance_speed.py`
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import metrics

from exporter import AssessmentPolicy, Reference
from exporter.assessment.labelled import labelled_rows
from exporter.assessment.performance import assess_performance
from exporter.error_stream import ErrorStream
from exporter.observation import JoinedOutcomes, Observations, OutcomeCounts
from exporter.performance import ClassificationRows, classify
from exporter.performance.rolling import RollingPerformance

ROWS = 1_000_000
BATCH = 1_000
REPEATS = 5


def timed(function: Callable[[], Any], repeats: int = REPEATS) -> tuple[float, float]:
    """Median seconds of processor and wall."""
    taken = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.thread_time()
        function()
        taken.append((time.thread_time() - cpu, time.perf_counter() - wall))
    return float(np.median([cpu for cpu, _ in taken])), float(np.median([wall for _, wall in taken]))


def scikit_learn(truth: Any, predicted: Any, scores: Any) -> None:
    """The same measures by scikit-learn."""
    metrics.confusion_matrix(truth, predicted)
    for function in (metrics.accuracy_score, metrics.precision_score, metrics.recall_score, metrics.f1_score):
        function(truth, predicted)
    for function in (
        metrics.roc_auc_score, metrics.average_precision_score, metrics.log_loss, metrics.brier_score_loss,
    ):  # fmt: skip
        function(truth, scores)


def main() -> None:
    """Measure and print."""
    rng = np.random.default_rng(0)
    scores = rng.uniform(size=ROWS)
    truth = (rng.uniform(size=ROWS) < scores).astype(np.int64)
    predicted = (scores > 0.5).astype(np.int64)
    rows = ClassificationRows(classes=("0", "1"), truth=truth, predicted=predicted, scores=scores)
    rolling = RollingPerformance(ROWS)
    rolling.update(truth, predicted, scores)

    def batch() -> None:
        new = rng.uniform(size=BATCH)
        rolling.update((new > 0.4).astype(np.int64), (new > 0.5).astype(np.int64), new)
        rolling.measures()

    classes = np.array(["0", "1"], dtype=object)
    observed = Observations(
        times=np.arange(ROWS, dtype=float), features={}, classes=classes[predicted], labels=classes[truth]
    )
    outcomes = JoinedOutcomes(counts=OutcomeCounts(joined=ROWS), rows=observed, lags=np.zeros(ROWS))

    reference = Reference.fit(
        scores[:10_000, None], features=["a"], model_name="m", model_version="1",
        scores=scores[:10_000], labels=truth[:10_000],
    )  # fmt: skip
    window = Observations(
        times=observed.times, features={}, classes=observed.classes, scores=scores, labels=observed.labels
    )

    def assess() -> None:
        labelled = labelled_rows(window, ("0", "1"))
        assess_performance(window, labelled, reference, AssessmentPolicy())

    def detect() -> None:
        stream = ErrorStream(classification=True, hold_seconds=1.0)
        stream.add(outcomes)
        stream.run(0.0)

    for what, (cpu, wall) in (
        (f"all measures with intervals, {ROWS:,} rows", timed(lambda: classify(rows))),
        (f"the same, judged, from a window of {ROWS:,} observations", timed(assess, 3)),
        (
            f"scikit-learn, without intervals, {ROWS:,} rows",
            timed(lambda: scikit_learn(truth, predicted, scores)),
        ),
        (f"{BATCH:,} outcomes more in a window of {ROWS:,}", timed(batch, 100)),
        (f"six detectors of concept drift, {ROWS:,} outcomes", timed(detect, 1)),
    ):
        print(f"{what:55s} {cpu * 1e3:9.1f} ms processor {wall * 1e3:9.1f} ms wall")


if __name__ == "__main__":
    main()
