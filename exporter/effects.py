"""What a model's decisions do: items shown and business values, kept for the checks and shown with them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from .assessment import Assessment
from .business import BusinessMeasure, Correlation, measure_named, names_of
from .business_history import SERIES, BusinessHistory, Series
from .errors import ConfigError
from .exposure import ExposureCounts, ExposureReport, Exposures
from .families import MetricFamilies
from .metrics import EXPOSURE_RESULTS
from .report import Report
from .windows import Window

UNASKED: tuple[str, ...] = ("accuracy", "mae")
"""Measures that stand for performance where the reference knows none to compare with."""


class Effects:
    """Exposures and business values of one model version.

    Parameters
    ----------
    families : MetricFamilies
        Of the registry to publish on.
    name, version : str
        Of the model.
    business : mapping of str to BusinessMeasure
        Business metrics by name.
    exposures : Exposures or None
        Where items that are shown are kept; None without a catalogue.
    windows : sequence of Window
        That checks look at, the shortest first: its length is a step of the correlations.
    clock : callable
        Seconds since 1970.
    """

    def __init__(
        self,
        families: MetricFamilies,
        name: str,
        version: str,
        *,
        business: Mapping[str, BusinessMeasure],
        exposures: Exposures | None,
        windows: Sequence[Window],
        clock: Callable[[], float],
    ) -> None:
        self._families = families
        self._model = (name, version)
        self._business = dict(business)
        self._exposures = exposures
        self._windows = tuple(windows)
        self._clock = clock
        self.history = BusinessHistory(business, step_seconds=self._windows[0].seconds)
        self._correlated_until = 0
        self._lock = threading.Lock()
        self.exposure_reports: Mapping[str, ExposureReport] = {}
        self.correlations: Mapping[tuple[str, Series], Correlation] = {}
        for measure in names_of(self._business, "counter"):
            families.counter("model_business_value_total", *self._model, measure)
        if exposures is not None:
            for outcome in EXPOSURE_RESULTS:
                families.counter("model_exposures_total", *self._model, outcome)
            for window in self._windows:
                families.gauge("model_window_exposures", *self._model, window.name)

    @property
    def watches_exposures(self) -> bool:
        """Whether there is a catalogue."""
        return self._exposures is not None

    def record_business(self, measure: str, value: float) -> None:
        """Add to a counter, or show the new value of a gauge."""
        known = measure_named(self._business, measure)
        value = known.checked(value)
        if known.kind == "counter":
            self._families.counter("model_business_value_total", *self._model, measure).inc(value)
        else:
            self._families.gauge("model_business_value", *self._model, measure).set(value)
        self.history.recorded(measure, value, self._clock())

    def record_exposures(self, items: Iterable[Any]) -> ExposureCounts:
        """Keep items that were shown now."""
        if self._exposures is None:
            raise ConfigError("exposures: found no catalogue, need one to tell what was never shown")
        counts = self._exposures.record(items, self._clock())
        for outcome in EXPOSURE_RESULTS:
            found = getattr(counts, outcome)
            self._families.counter("model_exposures_total", *self._model, outcome).inc(found)
        return counts

    def publish(
        self, now: float, reports: Mapping[str, Report], assessments: Mapping[str, Assessment]
    ) -> None:
        """Show what is known at the end of a check."""
        with self._lock:
            if self._exposures is not None:
                self._publish_exposures(self._exposures, now)
            if self._business:
                self._correlate(now, reports, assessments)

    def page(self) -> Mapping[str, Any]:
        """What /effects answers."""
        return {
            "model_name": self._model[0],
            "model_version": self._model[1],
            "exposures": {window: asdict(report) for window, report in self.exposure_reports.items()},
            "correlations": [
                {
                    "measure": measure,
                    "with": series,
                    "related": found.related,
                    "lag_seconds": found.best.lag * self.history.step_seconds,
                    **{name: value for name, value in asdict(found.best).items() if name != "lag"},
                }
                for (measure, series), found in self.correlations.items()
            ],
        }

    def _publish_exposures(self, exposures: Exposures, now: float) -> None:
        reports: dict[str, ExposureReport] = {}
        for window in self._windows:
            found = reports[window.name] = exposures.report(now - window.seconds, now)
            self._show("model_window_exposures", float(found.shown), window.name)
            self._show("model_exposure_gini", found.gini, window.name)
            self._show("model_exposure_gini_even", found.even_gini, window.name)
            self._show("model_catalog_coverage_ratio", found.coverage, window.name)
            self._show("model_catalog_coverage_ratio_even", found.even_coverage, window.name)
        self.exposure_reports = reports

    def _correlate(
        self, now: float, reports: Mapping[str, Report], assessments: Mapping[str, Assessment]
    ) -> None:
        window = self._windows[0]
        report, assessment = reports.get(window.name), assessments.get(window.name)
        drift = None if report is None else drift_score(report)
        performance = None if assessment is None else performance_score(assessment)
        self.history.scored({"drift": drift, "performance": performance}, now)
        step = int(now // self.history.step_seconds)
        if step == self._correlated_until:
            return
        self._correlated_until = step
        self.correlations = self.history.correlations(now)
        for measure in self._business:
            for series in SERIES:
                found = self.correlations.get((measure, series))
                best = None if found is None else found.best
                lag = None if best is None else best.lag * self.history.step_seconds
                labels = (measure, series)
                self._show("model_business_correlation", None if best is None else best.coefficient, *labels)
                self._show(
                    "model_business_correlation_p_value", None if best is None else best.q_value, *labels
                )
                self._show("model_business_correlation_lag_seconds", lag, *labels)

    def _show(self, family: str, value: float | None, *labels: str) -> None:
        self._families.show(family, value, *self._model, *labels)


def drift_score(report: Report) -> float | None:
    """Score nearest to its threshold, or furthest beyond it, as a share of it; None where none is known."""
    findings = (finding for column in report.features.values() for finding in column.findings.values())
    return max(
        (found.ratio for found in findings if found.decides and math.isfinite(found.ratio)), default=None
    )


def performance_score(assessment: Assessment) -> float | None:
    """The headline measure, or accuracy or mean absolute error where none is judged; None while unknown."""
    report = assessment.performance
    names = (report.headline,) if report.headline is not None else UNASKED
    found = (report.verdicts.get(name) for name in names)
    return next((verdict.measure.value for verdict in found if verdict is not None), None)
