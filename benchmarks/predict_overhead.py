"""What instrumentation costs: one wrapped prediction beside a bare one, and a steady stream.

    python benchmarks/predict_overhead.py [--rounds 30] [--seconds 10]

Bare and wrapped calls alternate in one run, since the machine may be busy with other things; the difference
of their medians is the caller's cost. The steady stream offers 10,000 one-row predictions a second to the
wrapper around a model that costs nothing and measures processor time, with and without monitoring.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from exporter import InstrumentedPredictor, Reference

N_FEATURES = 20
CALLS_A_ROUND = 200
STREAM_RATE = 10_000
TICK_SECONDS = 0.01


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    X = rng.normal(size=(20_000, N_FEATURES))
    y = (X[:, 0] + rng.normal(size=len(X)) > 0).astype(int)
    print("| one row of 20 features | bare µs | wrapped µs | added µs |")
    print("|---|---|---|---|")
    row = X[:1]
    models = {
        "no work at all": _Nothing(),
        "LogisticRegression": LogisticRegression().fit(X, y),
        "HistGradientBoostingClassifier": HistGradientBoostingClassifier(max_iter=20).fit(X[:5000], y[:5000]),
    }
    reference = Reference.fit(X, model_name="bench", model_version="1", scores=rng.uniform(size=len(X)))
    names = list(reference.features)
    frame = pd.DataFrame(row, columns=names)
    of_frames = LogisticRegression().fit(pd.DataFrame(X, columns=names), y)
    cases = [(name, model, row) for name, model in models.items()]
    cases += [
        ("LogisticRegression, a frame of pandas", of_frames, frame),
        ("no work at all, a frame of pandas", _Nothing(), frame),
        ("no work at all, a list of one dict", _Nothing(), frame.to_dict("records")),
    ]
    for name, model, asked in cases:
        with InstrumentedPredictor(model, name="bench", version="1", reference=reference) as predictor:
            bare, wrapped = alternate(model.predict_proba, predictor.predict_proba, asked, options.rounds)
        print(f"| {name} | {bare * 1e6:.2f} | {wrapped * 1e6:.2f} | {(wrapped - bare) * 1e6:.2f} |")
    print()
    print(f"| {STREAM_RATE:,} predictions a second for {options.seconds:g} s | share of one core |")
    print("|---|---|")
    idle = stream(_Nothing().predict_proba, row, options.seconds)
    with InstrumentedPredictor(_Nothing(), name="bench", version="1", reference=reference) as predictor:
        busy = stream(predictor.predict_proba, row, options.seconds)
        rows = predictor.registry.get_sample_value(
            "model_predictions_total", {"model_name": "bench", "model_version": "1"}
        )
        dropped = predictor.registry.get_sample_value(
            "driftgauge_observations_dropped_total",
            {"model_name": "bench", "model_version": "1", "reason": "buffer_full"},
        )
    print(f"| the loop alone | {idle:.1%} |")
    print(f"| the same, monitored ({rows:,.0f} rows, {dropped:,.0f} dropped) | {busy:.1%} |")
    print(f"| monitoring | {busy - idle:.1%} |")


def alternate(
    bare: Callable[[Any], Any],
    wrapped: Callable[[Any], Any],
    row: Any,
    rounds: int,
) -> tuple[float, float]:
    """Median seconds of one call of each, measured call by call in turns."""
    times: dict[int, list[float]] = {0: [], 1: []}
    for call in range(rounds * CALLS_A_ROUND):
        pair = ((0, bare), (1, wrapped))
        for which, function in pair if call % 2 else pair[::-1]:
            start = time.perf_counter()
            function(row)
            times[which].append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def stream(predict: Callable[[Any], Any], row: Any, seconds: float) -> float:
    """Processor seconds of the whole process for each second of a steady stream."""
    began_cpu, began = time.process_time(), time.perf_counter()
    ticks = int(seconds / TICK_SECONDS)
    for tick in range(ticks):
        for _ in range(int(STREAM_RATE * TICK_SECONDS)):
            predict(row)
        time.sleep(max(0.0, began + (tick + 1) * TICK_SECONDS - time.perf_counter()))
    return (time.process_time() - began_cpu) / (time.perf_counter() - began)


class _Nothing:
    """A model that answers at once, so that only the wrapper is measured."""

    _answer = np.array([[0.4, 0.6]])

    def predict_proba(self, rows: Any) -> Any:  # noqa: ARG002 - the interface of a model
        return self._answer


if __name__ == "__main__":
    main()
