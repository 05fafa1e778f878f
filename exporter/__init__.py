"""Measure a model while it serves: predictions, data quality and drift as Prometheus metrics.

from exporter import InstrumentedPredictor, Reference

reference = Reference.load("models/flight_delay/1.2.0/reference.json")
predictor = InstrumentedPredictor(model, name="flight_delay", version="1.2.0", reference=reference)
predictor.serve(port=9108)
predictor.predict_proba(X, ids=ids)
predictor.record_outcomes(ids, y_true)
"""

from __future__ import annotations

from .assessment import Assessment, AssessmentPolicy
from .business import BusinessMeasure, business_measures
from .check import check
from .columns import Columns, to_columns
from .errors import (
    ConfigError,
    ExporterError,
    InsufficientDataError,
    ObservationError,
    PortTakenError,
    ReferenceDataError,
    StoreError,
)
from .fallback import DefaultValue, Fallback, FallbackModel, LastGood
from .findings import Finding
from .observation import Observations, OutcomeCounts
from .policy import Hysteresis, Policy
from .predictor import InstrumentedPredictor
from .reference import Reference, ReferenceBuilder
from .report import CheckState, ColumnReport, Report
from .server import MetricsServer
from .stores import MemoryStore, Store
from .windows import Window

__all__ = [
    "Assessment",
    "AssessmentPolicy",
    "BusinessMeasure",
    "CheckState",
    "ColumnReport",
    "Columns",
    "ConfigError",
    "DefaultValue",
    "ExporterError",
    "Fallback",
    "FallbackModel",
    "Finding",
    "Hysteresis",
    "InstrumentedPredictor",
    "InsufficientDataError",
    "LastGood",
    "MemoryStore",
    "MetricsServer",
    "ObservationError",
    "Observations",
    "OutcomeCounts",
    "Policy",
    "PortTakenError",
    "Reference",
    "ReferenceBuilder",
    "ReferenceDataError",
    "Report",
    "Store",
    "StoreError",
    "Window",
    "business_measures",
    "check",
    "to_columns",
]
