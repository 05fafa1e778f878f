"""Performance of a model on rows whose truth is known: pure functions of arrays."""

from __future__ import annotations

from .classification import ClassificationResult, ClassificationRows, classify
from .measure import GREATER_IS_BETTER, Measure
from .regression import REGRESSION_MEASURES, regress

__all__ = [
    "GREATER_IS_BETTER",
    "REGRESSION_MEASURES",
    "ClassificationResult",
    "ClassificationRows",
    "Measure",
    "classify",
    "regress",
]
