"""Which alerts would fire, read from the metrics themselves.

In production Prometheus evaluates the rules of `alerting/rules/`. These are the same conditions in Python, so
that the example needs no server: for one moment, one process, without `for:` and severities.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

DRIFT, RECOVERING, DECLINED = 2, 3, 2
MINIMUM_ROWS = 100
"""`driftgauge:alert_threshold{threshold="minimum_rows"}`."""
MINIMUM_DETECTORS = 1
"""One detector of concept drift is an information, two are a warning, three are critical."""


@dataclass(frozen=True)
class Metrics:
    """What a registry shows now."""

    samples: list[Sample]

    def of(self, name: str) -> Iterator[Sample]:
        """The series of a metric."""
        return (sample for sample in self.samples if sample.name == name)

    def value(self, name: str, **labels: str) -> float:
        """The series of a metric with these labels."""
        return next(one.value for one in self.of(name) if labels.items() <= one.labels.items())

    def any(self, name: str, *values: float) -> bool:
        """Whether a series of the metric has one of these values."""
        return any(sample.value in values for sample in self.of(name))


def estimated_drops(metrics: Metrics) -> Iterator[bool]:
    """Whether an estimate that can be believed is too far below the value at training time, one by one."""
    believed = {one.labels["window"] for one in metrics.of("model_estimate_reliable") if one.value == 1}
    for headline in metrics.of("model_estimate_headline"):
        measure, window = headline.labels["measure"], headline.labels["window"]
        reference = metrics.value(f"model_{measure}_reference", segment="all")
        threshold = metrics.value("model_performance_drop_threshold", measure=measure)
        estimate = metrics.value(f"model_estimated_{measure}", window=window)
        yield window in believed and 1.0 - estimate / reference >= threshold


def firing(registry: CollectorRegistry) -> list[str]:
    """Names of the alerts whose condition holds."""
    metrics = Metrics([sample for family in registry.collect() for sample in family.samples])
    labelled = {sample.labels["window"]: sample.value for sample in metrics.of("model_performance_rows")}
    detectors = sum(
        sample.value == DRIFT
        for sample in metrics.of("model_concept_drift_state")
        if sample.labels["detector"] != "eddm"  # errs most often, and is not counted
    )
    independence = [s.value for s in metrics.of("model_label_independence_state") if s.value >= 0]
    holds = {
        "ModelDriftDetected": metrics.any("model_drift_detected", 1),
        "ModelPredictionDrift": metrics.any("model_prediction_drift_state", DRIFT, RECOVERING),
        "ModelLabelDrift": metrics.any("model_label_drift_state", DRIFT, RECOVERING),
        "ModelPerformanceDeclined": metrics.any("model_performance_state", DECLINED),
        "ModelConceptDrift": detectors >= MINIMUM_DETECTORS,
        "ModelEstimatedPerformanceLow": any(estimated_drops(metrics)),
        "ModelEstimateUnreliable": any(
            sample.value == 0 and labelled.get(sample.labels["window"], 0) >= MINIMUM_ROWS
            for sample in metrics.of("model_estimate_reliable")
        ),
        "ModelLabelsDependOnDecision": min(independence, default=0) == 1,
    }
    return [name for name, holding in holds.items() if holding]
