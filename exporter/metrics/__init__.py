"""The one table of metric families, by layer.

`families.py` creates them on a registry, `counters.py` counts and the publishers set them. Labels are
bounded by configuration or by the reference, never by traffic; children are created at start, so that a
rate exists before the first event. `docs/metrics.md` is generated from this table.
"""

from __future__ import annotations

from .data import DATA_FAMILIES, SCHEMA_VIOLATIONS
from .drift import DRIFT_FAMILIES
from .family import MODEL_LABELS, Family, Layer
from .itself import CHECK_OUTCOMES, DROP_REASONS, FAILURE_REASONS, ITSELF_FAMILIES
from .performance import (
    CLASSIFICATION_MEASURES,
    ESTIMATED_MEASURES,
    OUTCOME_RESULTS,
    PERFORMANCE_FAMILIES,
    REGRESSION_MEASURES,
)
from .rollout import CANDIDATE_REFUSALS, ROLES, ROLLBACK_REASONS, ROLLOUT_FAMILIES
from .service import ERROR_TYPES, LATENCY_BUCKETS, METHODS, OUTPUTS, SCORE_BUCKETS, SERVICE_FAMILIES
from .stream import DEAD_LETTER_REASONS, MESSAGE_RESULTS, STREAM_FAILURES, STREAM_FAMILIES
from .worth import CORRELATED_WITH, EXPOSURE_RESULTS, WORTH_FAMILIES

FAMILIES: tuple[Family, ...] = (
    *SERVICE_FAMILIES,
    *DATA_FAMILIES,
    *DRIFT_FAMILIES,
    *PERFORMANCE_FAMILIES,
    *WORTH_FAMILIES,
    *ROLLOUT_FAMILIES,
    *STREAM_FAMILIES,
    *ITSELF_FAMILIES,
)

FAMILY = {family.name: family for family in FAMILIES}

__all__ = [
    "CANDIDATE_REFUSALS",
    "CHECK_OUTCOMES",
    "CLASSIFICATION_MEASURES",
    "CORRELATED_WITH",
    "DEAD_LETTER_REASONS",
    "DROP_REASONS",
    "ERROR_TYPES",
    "ESTIMATED_MEASURES",
    "EXPOSURE_RESULTS",
    "FAILURE_REASONS",
    "FAMILIES",
    "FAMILY",
    "LATENCY_BUCKETS",
    "MESSAGE_RESULTS",
    "METHODS",
    "MODEL_LABELS",
    "OUTCOME_RESULTS",
    "OUTPUTS",
    "REGRESSION_MEASURES",
    "ROLES",
    "ROLLBACK_REASONS",
    "ROLLOUT_FAMILIES",
    "SCHEMA_VIOLATIONS",
    "SCORE_BUCKETS",
    "STREAM_FAILURES",
    "Family",
    "Layer",
]
