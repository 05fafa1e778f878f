"""Whether the model is right: performance, estimates without labels, data quality, fairness and cause."""

from __future__ import annotations

from .assessor import Assessment, Assessor
from .policy import AssessmentPolicy

__all__ = ["Assessment", "AssessmentPolicy", "Assessor"]
