"""Counters and histograms of one model version: created with their zeros, advanced batch by batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter as PrometheusCounter
from prometheus_client import Histogram
from prometheus_client.utils import floatToGoString

from .fallback import STRATEGIES
from .families import MetricFamilies
from .metrics import (
    DROP_REASONS,
    ERROR_TYPES,
    METHODS,
    OUTPUTS,
    SCHEMA_VIOLATIONS,
    SCORE_BUCKETS,
)
from .observation import Call, JoinedOutcomes, Observations, OutcomeCounts
from .reference import Reference
from .reference.kinds import SPECIAL_BINS
from .schema import SchemaCounts

OTHER = "__other__"


class ModelCounters:
    """Everything that only ever grows, for one model version.

    Parameters
    ----------
    families : MetricFamilies
        Of the registry to count on.
    name, version : str
        Of the model.
    reference : Reference or None
        Whose bins, score edges and classes are counted.
    classes : tuple of str or None
        Classes of the model, where the reference has none.
    """

    def __init__(
        self,
        families: MetricFamilies,
        name: str,
        version: str,
        reference: Reference | None,
        classes: tuple[str, ...] | None,
    ) -> None:
        model = (name, version)

        def counter(family: str, *labels: str) -> PrometheusCounter:
            return families.counter(family, *model, *labels)

        def counters(family: str, values: Sequence[str]) -> dict[str, PrometheusCounter]:
            return {value: counter(family, value) for value in values}

        self.schema = SchemaCounts()
        self._rows = counter("model_predictions_total")
        self._calls = counter("model_prediction_calls_total")
        self._latency = {
            method: families.histogram("model_inference_latency_seconds", *model, method)
            for method in METHODS
        }
        self._errors = counters("model_errors_total", ERROR_TYPES)
        self._fallbacks = counters("model_fallbacks_total", STRATEGIES)
        self._violations = counters("model_schema_violations_total", SCHEMA_VIOLATIONS)
        self._dropped = counters("driftgauge_observations_dropped_total", DROP_REASONS)
        self._internal_errors = counter("driftgauge_internal_errors_total")
        self._outcomes = counters("model_outcomes_total", OutcomeCounts.__slots__)
        self._lag = families.histogram("model_outcome_lag_seconds", *model)
        self._profiles = {} if reference is None else dict(reference.features)
        self._bins = {
            feature: [counter("model_feature_bin_total", feature, bin_) for bin_ in profile.bins]
            for feature, profile in self._profiles.items()
        }
        features = tuple(self._profiles)
        self._missing = counters("model_feature_missing_total", features)
        self._out_of_range = counters("model_feature_out_of_range_total", features)
        self._unseen = counters("model_feature_unseen_category_total", features)
        self._type_errors = counters("model_feature_type_error_total", features)
        for feature, profile in self._profiles.items():
            families.gauge("model_feature_info", *model, feature, profile.kind).set(1)
            families.gauge("model_reference_samples", *model, feature).set(profile.count)
            for bin_, ratio in zip(profile.bins, profile.ratios.tolist(), strict=True):
                families.gauge("model_reference_bin_ratio", *model, feature, bin_).set(ratio)
        self._score = families.scores(score_edges(reference), *model)
        _export_predictions(families, model, reference)
        known = (
            reference.predicted_classes.categories if reference and reference.predicted_classes else classes
        )
        self._classes = counters("model_predicted_class_total", (*(known or ()), OTHER))

    def failed(self, error: BaseException) -> None:
        """Count a call that ended in an exception of the model."""
        self._calls.inc()
        self._errors[error_type(error)].inc()

    def fell_back(self, strategy: str) -> None:
        """Count a call that the model failed, by what was answered in its place."""
        self._fallbacks[strategy].inc()

    def overflowed(self, method: str, n_rows: int, seconds: float) -> None:
        """Count a call of which the buffer could keep nothing; on the caller's thread."""
        self._calls.inc()
        self._rows.inc(n_rows)
        self._latency[method].observe(seconds)
        self._dropped["buffer_full"].inc(n_rows)

    def fault(self, n_rows: int = 0) -> None:
        """Count a fault of the monitoring itself, and the rows it cost."""
        self._internal_errors.inc()
        self._dropped["fault"].inc(n_rows)

    def called(self, calls: Sequence[Call]) -> None:
        """Count calls, rows and latencies, and the rows that the buffer had to leave out."""
        self._calls.inc(len(calls))
        self.schema.calls += len(calls)
        self._rows.inc(sum(call[7] for call in calls))
        by_method: dict[str, list[float]] = {}
        for call in calls:
            by_method.setdefault(call[0], []).append(call[6])
        for method, seconds in by_method.items():
            observe_many(self._latency[method], np.array(seconds))

    def dropped(self, reason: str, n_rows: int) -> None:
        """Count rows that were predicted but not measured."""
        self._dropped[reason].inc(n_rows)

    def violated(self, violations: Mapping[str, int]) -> None:
        """Count calls whose columns were not the reference's."""
        for violation, calls in violations.items():
            self._violations[violation].inc(calls)
            self.schema.violations[violation] += calls

    def observed(self, observations: Observations) -> None:
        """Count rows on the reference's bins, their scores and their classes."""
        for feature, profile in self._profiles.items():
            found = profile.count_bins(observations.features[feature])
            for child, count in zip(self._bins[feature], found.counts.tolist(), strict=True):
                if count:
                    child.inc(count)
            _inc(self._missing[feature], found.missing)
            _inc(self._out_of_range[feature], found.out_of_range)
            _inc(self._unseen[feature], found.unseen)
            _inc(self._type_errors[feature], found.type_errors)
        if observations.scores is not None:
            observe_many(self._score, observations.scores)
        if observations.classes is not None:
            chosen = Counter(observations.classes.tolist())
            del chosen[None]  # a model that answered NaN has chosen none
            for name, count in chosen.items():
                self._classes.get(name, self._classes[OTHER]).inc(count)

    def outcomes(self, outcomes: JoinedOutcomes) -> None:
        """Count what became of outcomes, and how late they came; before its prediction counts as at once."""
        for outcome, child in self._outcomes.items():
            _inc(child, getattr(outcomes.counts, outcome))
        observe_many(self._lag, np.maximum(outcomes.lags, 0.0))


def error_type(error: BaseException) -> str:
    """Label of a model's exception: its nearest ancestor in `ERROR_TYPES`, or `other`."""
    return next((base.__name__ for base in type(error).__mro__ if base.__name__ in ERROR_TYPES), "other")


def score_edges(reference: Reference | None) -> tuple[float, ...]:
    """Upper edges of the score histogram: the reference's quantiles, or tenths without one."""
    if reference is None or reference.prediction is None or len(reference.prediction.edges) == 0:
        return SCORE_BUCKETS
    return tuple(reference.prediction.edges.tolist())


def _export_predictions(
    families: MetricFamilies, model: tuple[str, str], reference: Reference | None
) -> None:
    """What the reference knows of scores and classes, on the bins that they are counted on."""
    if reference is None:
        return
    profiles = (reference.prediction, reference.predicted_classes)
    for output, profile in zip(OUTPUTS, profiles, strict=True):
        if profile is None or (profile.kind == "numeric" and not len(profile.edges)):
            continue
        # A histogram has no bin for what is no number; a class may be one that the reference never had.
        edges = [""] * (len(profile.bins) - len(SPECIAL_BINS) + 1)
        if profile.kind == "numeric":
            edges = [*map(floatToGoString, profile.edges.tolist()), "+Inf"]
        families.gauge("model_reference_prediction_samples", *model, output).set(profile.count)
        for bin_, edge, ratio in zip(profile.bins, edges, profile.ratios.tolist(), strict=False):
            families.gauge("model_reference_prediction_ratio", *model, output, bin_, edge).set(ratio)


def observe_many(histogram: Histogram, values: NDArray[Any]) -> None:
    """Observe all values; NaN is left out.

    prometheus_client has no such call, and one `observe` a value costs a microsecond each. The buckets are
    reached through attributes that have been stable since its first histogram; where they are gone, values
    are observed one by one.
    """
    values = values[~np.isnan(values)]
    if not len(values):
        return
    try:
        bounds, buckets, total = histogram._upper_bounds, histogram._buckets, histogram._sum  # noqa: SLF001
    except AttributeError:
        for value in values.tolist():
            histogram.observe(value)
        return
    counts = np.bincount(np.searchsorted(bounds, values, side="left"), minlength=len(buckets))
    for bucket, count in zip(buckets, counts.tolist(), strict=True):
        if count:
            bucket.inc(count)
    total.inc(float(values.sum()))


def _inc(child: PrometheusCounter, count: int) -> None:
    if count:
        child.inc(count)
