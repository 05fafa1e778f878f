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
from .calibrate import calibrate
from .check import check
from .columns import Columns, to_columns
from .errors import (
    ConfigError,
    EngineError,
    ExporterError,
    InsufficientDataError,
    ObservationError,
    PortTakenError,
    ReferenceDataError,
    StoreError,
)
from .exposure import ExposureCounts, ExposureReport
from .fallback import DefaultValue, Fallback, FallbackModel, LastGood
from .findings import Finding
from .gradual import ScoreHistory, ScoreTrend
from .observation import Observations, OutcomeCounts
from .policy import Hysteresis, Policy
from .predictor import InstrumentedPredictor
from .reference import Reference, ReferenceBuilder
from .report import CheckState, ColumnReport, Report
from .rollout import RolloutPolicy, RolloutPredictor, Stage, compare_models
from .schedule import Schedule
from .segments import SegmentReport
from .server import MetricsServer
from .statistics import (
    AlignedCounts,
    ChiSquare,
    ColumnComparison,
    FittedColumn,
    MeanShift,
    Moments,
    Sample,
    Trend,
    VarianceRatio,
    align_categories,
    benjamini_hochberg,
    bin_counts,
    bin_counts_sample,
    bin_counts_sorted,
    chi_square,
    compare_columns,
    cramers_v,
    hellinger,
    hellinger_noise_floor,
    hellinger_p_value,
    homogeneity_p_value,
    jensen_shannon_distance,
    jensen_shannon_divergence,
    jensen_shannon_noise_floor,
    jensen_shannon_p_value,
    ks_noise_floor,
    ks_p_value,
    ks_statistic,
    mann_kendall,
    mean_shift,
    minimum_detectable,
    normalised_wasserstein,
    occupied_bins,
    psi,
    psi_noise_floor,
    psi_p_value,
    quantile_edges,
    variance_ratio,
    wasserstein,
)
from .statistics.multivariate import (
    DomainClassification,
    MaximumMeanDiscrepancy,
    OutlierRatio,
    classify_domains,
    isolation_forest,
    mmd,
    one_class_svm,
    standardise,
)
from .stores import MemoryStore, Store
from .windows import Window

__all__ = [
    "AlignedCounts",
    "Assessment",
    "AssessmentPolicy",
    "BusinessMeasure",
    "CheckState",
    "ChiSquare",
    "ColumnComparison",
    "ColumnReport",
    "Columns",
    "ConfigError",
    "DefaultValue",
    "DomainClassification",
    "EngineError",
    "ExporterError",
    "ExposureCounts",
    "ExposureReport",
    "Fallback",
    "FallbackModel",
    "Finding",
    "FittedColumn",
    "Hysteresis",
    "InstrumentedPredictor",
    "InsufficientDataError",
    "LastGood",
    "MaximumMeanDiscrepancy",
    "MeanShift",
    "MemoryStore",
    "MetricsServer",
    "Moments",
    "ObservationError",
    "Observations",
    "OutcomeCounts",
    "OutlierRatio",
    "Policy",
    "PortTakenError",
    "Reference",
    "ReferenceBuilder",
    "ReferenceDataError",
    "Report",
    "RolloutPolicy",
    "RolloutPredictor",
    "Sample",
    "Schedule",
    "ScoreHistory",
    "ScoreTrend",
    "SegmentReport",
    "Stage",
    "Store",
    "StoreError",
    "Trend",
    "VarianceRatio",
    "Window",
    "align_categories",
    "benjamini_hochberg",
    "bin_counts",
    "bin_counts_sample",
    "bin_counts_sorted",
    "business_measures",
    "calibrate",
    "check",
    "chi_square",
    "classify_domains",
    "compare_columns",
    "compare_models",
    "cramers_v",
    "hellinger",
    "hellinger_noise_floor",
    "hellinger_p_value",
    "homogeneity_p_value",
    "isolation_forest",
    "jensen_shannon_distance",
    "jensen_shannon_divergence",
    "jensen_shannon_noise_floor",
    "jensen_shannon_p_value",
    "ks_noise_floor",
    "ks_p_value",
    "ks_statistic",
    "mann_kendall",
    "mean_shift",
    "minimum_detectable",
    "mmd",
    "normalised_wasserstein",
    "occupied_bins",
    "one_class_svm",
    "psi",
    "psi_noise_floor",
    "psi_p_value",
    "quantile_edges",
    "standardise",
    "to_columns",
    "variance_ratio",
    "wasserstein",
]
