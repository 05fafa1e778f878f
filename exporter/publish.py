"""Reports of a check as gauges. What is not known has no series: a gauge of the last check is not a fact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .families import MetricFamilies
from .findings import Finding
from .gradual import ScoreTrend
from .hysteresis import LASTING, State, severest
from .metrics import CHECK_OUTCOMES, FAILURE_REASONS
from .policy import CATEGORICAL_TESTS, MULTIVARIATE_TESTS, NUMERIC_TESTS
from .reference import Reference
from .report import ColumnReport, Report
from .windows import DAY_SECONDS, Window

STATE_CODES: Mapping[State, int] = {"ok": 0, "warning": 1, "drift": 2, "recovering": 3, "unknown": -1}


class Publisher:
    """Gauges of one model version.

    Parameters
    ----------
    families : MetricFamilies
        Of the registry to publish on.
    name, version : str
        Of the model.
    reference : Reference
        Whose features have series.
    windows : sequence of Window
        That checks look at.
    """

    def __init__(
        self,
        families: MetricFamilies,
        name: str,
        version: str,
        reference: Reference,
        windows: Sequence[Window],
    ) -> None:
        self._families = families
        self._model = (name, version)
        self._reference = reference
        for outcome in CHECK_OUTCOMES:
            families.counter("driftgauge_checks_total", *self._model, outcome)
        for reason in FAILURE_REASONS:
            families.counter("driftgauge_feature_failures_total", *self._model, reason)
        families.histogram("driftgauge_check_duration_seconds", *self._model)
        for window in windows:
            families.gauge("driftgauge_window_rows", *self._model, window.name).set(0)
        for feature in reference.features:
            self._state("model_drift_state", "unknown", feature)

    def publish(self, reports: Sequence[Report]) -> dict[str, State]:
        """Show what the reports of one check found; state of every column over all windows.

        Parameters
        ----------
        reports : sequence of Report
            One a window.
        """
        names = list(dict.fromkeys(name for report in reports for name in report.columns))
        states = {
            name: severest([report.columns[name].state for report in reports if name in report.columns])
            for name in names
        }
        for feature in self._reference.features:
            self._state("model_drift_state", states[feature], feature)
            if states[feature] == "unknown":
                self._families.remove("model_drift_detected", *self._model, feature)
            else:
                self._set("model_drift_detected", float(states[feature] in LASTING), feature)
        drifted = sum(states[feature] in LASTING for feature in self._reference.features)
        self._set("model_drifted_features_ratio", drifted / len(self._reference.features))
        self._outputs(reports)
        for report in reports:
            self._window(report)
        return states

    def trends(self, window: str, trends: Sequence[ScoreTrend]) -> None:
        """Show where the scores of a window's features are going; absent where too few are known."""
        found = {(trend.column, trend.test): trend for trend in trends}
        for feature in self._reference.features:
            for test in (*NUMERIC_TESTS, *CATEGORICAL_TESTS):
                trend = found.get((feature, test))
                rising = None if trend is None else float(trend.rising)
                slope = None if trend is None else trend.slope * DAY_SECONDS
                self._set("model_drift_trend", rising, feature, test, window)
                self._set("model_drift_trend_slope", slope, feature, test, window)

    def _outputs(self, reports: Sequence[Report]) -> None:
        """States of predictions and labels; absent while a model has none."""
        predictions = [column.state for report in reports for column in report.prediction.values()]
        if predictions:
            self._state("model_prediction_drift_state", severest(predictions))
        labels = [report.label.state for report in reports if report.label is not None]
        if labels:
            self._state("model_label_drift_state", severest(labels))

    def _window(self, report: Report) -> None:
        window = report.window or ""
        self._set("driftgauge_window_rows", report.rows, window)
        for feature, column in report.features.items():
            tests = NUMERIC_TESTS if column.kind == "numeric" else CATEGORICAL_TESTS
            for test in tests:
                self._finding(column.findings.get(test), feature, test, window)
            if column.reason is not None:
                reason = column.reason if column.reason in FAILURE_REASONS else "failed"
                self._families.counter("driftgauge_feature_failures_total", *self._model, reason).inc()
        for joint_test in MULTIVARIATE_TESTS:
            joint = report.multivariate.get(joint_test)
            score = None if joint is None else joint.value
            self._set("model_multivariate_drift_score", score, joint_test, window)
        self._outputs_of_window(report, window)

    def _finding(self, finding: Finding | None, feature: str, test: str, window: str) -> None:
        # Rules compare scores with thresholds, so a test that decides nothing must not have one.
        values: dict[str, float | None] = {
            "model_drift_score": None if finding is None else finding.effect,
            "model_drift_p_value": None if finding is None else finding.p_value,
            "model_drift_threshold": finding.threshold if finding is not None and finding.decides else None,
            "model_drift_noise_floor": None if finding is None else finding.noise_floor,
            "model_drift_minimum_detectable": None if finding is None else finding.minimum_detectable,
        }
        for family, value in values.items():
            self._set(family, value, feature, test, window)

    def _outputs_of_window(self, report: Report, window: str) -> None:
        """Scores of predictions and labels: of several columns the one nearest to its threshold."""
        label: list[ColumnReport] = [] if report.label is None else [report.label]
        for what, columns in (("prediction", list(report.prediction.values())), ("label", label)):
            for test in dict.fromkeys((*NUMERIC_TESTS, *CATEGORICAL_TESTS)):
                found = [column.findings[test] for column in columns if test in column.findings]
                worst = max(found, key=lambda finding: finding.ratio, default=None)
                score = None if worst is None else worst.effect
                threshold = worst.threshold if worst is not None and worst.decides else None
                self._set(f"model_{what}_drift_score", score, test, window)
                self._set(f"model_{what}_drift_threshold", threshold, test, window)

    def _state(self, family: str, state: State, *labels: str) -> None:
        self._set(family, STATE_CODES[state], *labels)

    def _set(self, family: str, value: float | None, *labels: str) -> None:
        self._families.show(family, value, *self._model, *labels)
