"""What is known of the model itself as gauges. No data means no series."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from .assessment import Assessment, AssessmentPolicy
from .assessment.cause import EXPLAINED, CauseReport
from .assessment.equity import FairnessReport
from .assessment.estimate import EstimateReport
from .assessment.history import Direction, PerformanceTrend
from .assessment.performance import ALL, PerformanceReport, segments_of
from .assessment.policy import QUALITY_KINDS
from .assessment.quality import QualityReport, QualityState
from .blocks import known, look_up
from .error_stream import ConceptReport, ConceptState
from .fairness import FAIRNESS_MEASURES
from .families import MetricFamilies
from .feedback import label_independence
from .metrics import CLASSIFICATION_MEASURES, ESTIMATED_MEASURES, REGRESSION_MEASURES
from .observation import Observations
from .performance import Measure
from .performance.verdict import NOT_JUDGED, PerformanceState, Verdict
from .publish_classes import ClassPublisher, classes_shown
from .reference import Reference
from .windows import Window

QUALITY_CODES: Mapping[QualityState, int] = {"ok": 0, "broken": 2, "unknown": -1}

INDEPENDENCE_CODES: Mapping[str, int] = {"ok": 0, "warning": 1, "unknown": -1}

CONCEPT_CODES: Mapping[ConceptState, int] = {"ok": 0, "warning": 1, "drift": 2, "unknown": -1}

DIRECTION_CODES: Mapping[Direction, int] = {"declining": -1, "stable": 0, "improving": 1}

PERFORMANCE_CODES: Mapping[PerformanceState, int] = {"ok": 0, "warning": 1, "declined": 2, "unknown": -1}


class ModelPublisher:
    """Gauges of one model version beyond the drift of its columns.

    Parameters
    ----------
    families : MetricFamilies
        Of the registry to publish on.
    name, version : str
        Of the model.
    reference : Reference
        Whose values at training time stand beside those of windows.
    classes : tuple of str or None
        Of a classifier; None for a regression.
    windows : sequence of str
        Names of the windows that checks look at.
    policy : AssessmentPolicy
        How they are judged.
    """

    def __init__(
        self,
        families: MetricFamilies,
        name: str,
        version: str,
        reference: Reference,
        classes: tuple[str, ...] | None,
        windows: Sequence[str],
        policy: AssessmentPolicy,
    ) -> None:
        self._families = families
        self._model = (name, version)
        self._drifts: dict[str, int] = {}
        self._classes = classes
        self._features = tuple(reference.features)
        self._protected = policy.protected
        for attribute in policy.protected:
            self._set("model_fairness_threshold", policy.fairness_difference, attribute)
        for feature, importance in reference.importances.items():
            self._set("model_feature_importance", importance, feature, "reference")
        self._class_publisher = (
            None
            if classes is None
            else ClassPublisher(families, name, version, classes_shown(reference, classes))
        )
        self._segments = segments_of(reference, policy.segment)
        self._measures = REGRESSION_MEASURES if classes is None else CLASSIFICATION_MEASURES
        for kind in QUALITY_KINDS:
            self._set("model_quality_threshold", policy.quality_threshold(kind), kind)
        self.quality_state("unknown")
        if classes is not None and len(classes) == 2:
            for window in windows:
                self._set("model_label_independence_state", INDEPENDENCE_CODES["unknown"], window)
        if reference.labels is not None:
            self._begin(reference, windows, policy)

    def _begin(self, reference: Reference, windows: Sequence[str], policy: AssessmentPolicy) -> None:
        by_segment = reference.baseline.segments.get(policy.segment or "", {})
        for measure in self._measures:
            self._set(f"model_{measure}_reference", reference.performance.get(measure), ALL)
            for segment in self._segments:
                found = by_segment.get(segment, {}).get(measure)
                self._set(f"model_{measure}_reference", None if found is None else found[0], segment)
            if measure in NOT_JUDGED:
                continue
            threshold = policy.drop_threshold(measure, reference.performance.get(measure))
            self._set(
                "model_performance_drop_threshold", threshold if math.isfinite(threshold) else None, measure
            )
            for window in windows:
                self._set("model_performance_state", PERFORMANCE_CODES["unknown"], measure, window)

        for window in windows:
            self._set("model_performance_overall_state", PERFORMANCE_CODES["unknown"], window)
            if self._classes is not None:
                self._set("model_calibration_state", PERFORMANCE_CODES["unknown"], window)

    def coverage(self, window: Window, rows: Observations) -> None:
        """Show which share of a window's rows has its outcome; absent where no row has an id to join by."""
        with_id = 0 if rows.ids is None else int(known(rows.ids).sum())
        labelled = 0 if rows.labels is None else int(known(rows.labels).sum())
        self._independence(window.name, rows)
        self._set("model_outcome_coverage_ratio", labelled / with_id if with_id else None, window.name)

    def _independence(self, window: str, rows: Observations) -> None:
        """Show whether outcomes come for both decisions alike; of a model that decides between two."""
        if self._classes is None or len(self._classes) != 2:
            return
        state = "unknown"
        if rows.classes is not None and rows.labels is not None:
            positive = look_up(rows.classes, {self._classes[1]: 1}, 0) == 1
            state = label_independence(positive, known(rows.labels)).state
        self._set("model_label_independence_state", INDEPENDENCE_CODES[state], window)

    def publish(self, assessment: Assessment) -> None:
        """Show what a check found over one window."""
        self._performance(assessment.performance, assessment.window)
        if self._class_publisher is not None:
            self._class_publisher.publish(assessment.performance.details, assessment.window)
        self._estimate(assessment.estimate, assessment.window)
        self._quality(assessment.quality, assessment.window)
        self._cause(assessment.cause, assessment.window)
        self._fairness(assessment.fairness, assessment.window)

    def quality_state(self, state: QualityState) -> None:
        """Show whether the data are sound, over all windows."""
        self._set("model_quality_state", QUALITY_CODES[state])

    def begin_concepts(self, detectors: Sequence[str]) -> None:
        """Create the series of the detectors of concept drift."""
        for detector in detectors:
            self._set("model_concept_drift_state", CONCEPT_CODES["unknown"], detector)
            self._families.counter("model_concept_drifts_total", *self._model, detector)
            self._drifts[detector] = 0

    def concepts(self, reports: Mapping[str, ConceptReport], *, counted: bool = False) -> None:
        """Show what each detector of concept drift says; what another process has counted is not new."""
        for detector, report in reports.items():
            self._set("model_concept_drift_state", CONCEPT_CODES[report.state], detector)
            fresh = 0 if counted else report.drifts - self._drifts[detector]
            self._families.counter("model_concept_drifts_total", *self._model, detector).inc(fresh)
            self._drifts[detector] = report.drifts

    def newest(self, window: str, measures: Mapping[str, Measure]) -> None:
        """Show the measures of a window by rows."""
        for measure, found in measures.items():
            self._set(f"model_{measure}", found.value, ALL, window)
        self._set("model_performance_rows", measures["accuracy"].n, window)

    def trends(self, window: str, trends: Mapping[str, PerformanceTrend]) -> None:
        """Show where the measures of a window are going."""
        for measure, trend in trends.items():
            self._set("model_performance_trend", DIRECTION_CODES[trend.direction], measure, window)
            self._set("model_performance_slope", trend.slope, measure, window)
            self._set("model_performance_trend_p_value", trend.p_value, measure, window)
            self._set("model_performance_volatility_ratio", trend.volatility_ratio, measure, window)

    def _performance(self, report: PerformanceReport, window: str) -> None:
        self._set("model_performance_rows", report.labelled, window)
        self._set("model_performance_overall_state", PERFORMANCE_CODES[report.state], window)
        if self._classes is not None:
            self._set("model_calibration_state", PERFORMANCE_CODES[report.calibration_state], window)
        for measure in self._measures:
            verdict = report.verdicts.get(measure)
            self._verdict(verdict, measure, window)
            self._set(f"model_{measure}", _value(verdict), ALL, window)
            for segment in self._segments:
                inside = report.segments.get(segment, {}).get(measure)
                self._set(f"model_{measure}", _value(inside), segment, window)

    def _estimate(self, report: EstimateReport | None, window: str) -> None:
        for measure in ESTIMATED_MEASURES:
            found = None if report is None else report.measures.get(measure)
            self._set(f"model_estimated_{measure}", None if found is None else found.value, window)
            gap = None if report is None else report.reliability.gaps.get(measure)
            self._set("model_estimate_gap", gap, measure, window)
            decides = report is not None and report.headline == measure
            self._set("model_estimate_headline", 1.0 if decides else None, measure, window)
        known = report is not None and any(found.value is not None for found in report.measures.values())
        reliable = float(report.reliability.reliable) if report is not None and known else None
        self._set("model_estimate_reliable", reliable, window)

    def _quality(self, report: QualityReport, window: str) -> None:
        self._set("model_outlier_ratio", report.outlier_ratio, "robust_z", window)
        self._set("model_outlier_ratio", report.joint_outlier_ratio, "isolation_forest", window)
        self._set("model_correlation_change", report.correlation_change, window)
        for kind in QUALITY_KINDS:
            found = report.findings.get(kind)
            self._set("model_quality_score", None if found is None else found.value, kind, window)
            self._set("model_quality_broken", None if found is None else float(found.broken), kind, window)

    def _cause(self, report: CauseReport, window: str) -> None:
        for feature in self._features:
            self._set("model_drift_contribution", report.drift.get(feature), feature, window)
            found = report.importances.get(feature)
            if found is not None:
                self._set("model_feature_importance", found.value, feature, "window")
        for measure in EXPLAINED:
            for segment in self._segments:
                part = report.segments.get(segment) if measure == report.measure else None
                self._set("model_performance_drop_contribution", part, measure, segment, window)

    def _fairness(self, report: FairnessReport, window: str) -> None:
        for attribute in self._protected:
            for measure in FAIRNESS_MEASURES:
                found = report.get(attribute, {}).get(measure)
                difference = None if found is None else found.difference
                p_value = None if found is None else found.p_value
                self._set("model_fairness_difference", difference, attribute, measure, window)
                self._set("model_fairness_p_value", p_value, attribute, measure, window)

    def _verdict(self, verdict: Verdict | None, measure: str, window: str) -> None:
        found = None if verdict is None else verdict.measure
        self._set("model_performance_low", None if found is None else found.low, measure, window)
        self._set("model_performance_high", None if found is None else found.high, measure, window)
        drop = None if verdict is None else verdict.drop_ratio
        self._set("model_performance_drop_ratio", drop, measure, window)
        if measure not in NOT_JUDGED:
            state: PerformanceState = "unknown" if verdict is None else verdict.state
            self._set("model_performance_state", PERFORMANCE_CODES[state], measure, window)

    def _set(self, family: str, value: float | None, *labels: str) -> None:
        self._families.show(family, value, *self._model, *labels)


def _value(verdict: Verdict | None) -> float | None:
    return None if verdict is None else verdict.measure.value
