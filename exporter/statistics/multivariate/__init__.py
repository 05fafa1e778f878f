"""Tests on all numeric columns at once: what no single column shows.

All take two matrices of finite numbers with the same columns, and a generator for what is drawn at random.
Columns of different units need `standardise` first.
"""

from .domain_classifier import DomainClassification, classify_domains
from .matrices import standardise
from .mmd import MaximumMeanDiscrepancy, mmd
from .outliers import OutlierRatio, isolation_forest, one_class_svm

__all__ = [
    "DomainClassification",
    "MaximumMeanDiscrepancy",
    "OutlierRatio",
    "classify_domains",
    "isolation_forest",
    "mmd",
    "one_class_svm",
    "standardise",
]
