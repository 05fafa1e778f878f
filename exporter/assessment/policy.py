"""How a model's own work is judged, beside the drift of its columns."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from ..errors import ConfigError
from ..performance import GREATER_IS_BETTER
from ..performance.verdict import NOT_JUDGED

QUALITY_THRESHOLDS: Final[Mapping[str, float]] = {
    "schema_mismatch": 0.01,  # share of calls whose columns are too few or cannot be read: never chance
    "schema_surplus": 0.01,  # share of calls with columns too many or in another order
    "missing_column": 1.0,  # columns: a model that is asked without one is asked something else
    "missing": 0.05,  # share of rows beyond the reference's: the alert ModelMissingValues has the same
    "out_of_range": 0.05,  # share of rows: a new extreme now and then is the nature of a sample
    "unseen_category": 0.05,  # share of rows: as above
    "type_error": 0.01,  # share of rows: no value should ever be of another type
    "duplicate_ids": 0.01,  # share of rows: a request that was sent twice
    "duplicate_rows": 0.5,  # share of rows: coarse features repeat by themselves, half of all rows hardly
    "outliers": 0.05,  # share of rows beyond the reference's
    "joint_outliers": 0.05,  # as outliers, of rows that are odd as a whole
    "correlation": 0.3,  # change of a rank correlation: Cohen's "medium"
}
"""Values from which on a kind of damage counts, by kind; `stale` has `stale_seconds`."""

HEADLINES: Final = ("auc", "balanced_accuracy", "mae")
"""How well rows are ordered, else how well each class is recognised, else the usual error. None follows the
class shares (that of several classes hardly), and none a threshold that suits few of the rows."""

ESTIMATE_HEADLINES: Final = ("auc", "accuracy", "mae")
"""As above, of what is estimated. Not F1: with 1 % of positives it wavers by more than a decline, and it has
no interval that says so."""

JUDGED: Final = tuple(name for name in GREATER_IS_BETTER if name not in NOT_JUDGED)

QUALITY_KINDS: Final = (*QUALITY_THRESHOLDS, "stale")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessmentPolicy:
    """When performance has declined, an estimate can be believed, and data are broken.

    Attributes
    ----------
    segment : str or None
        Categorical feature by whose values performance is also shown; those of the reference, at most 20.
    headline : str or None
        Measure that decides whether the model has declined; the others are shown beside it. By default the
        first that the reference knows of `HEADLINES`; of what is estimated, of `ESTIMATE_HEADLINES`.
    alpha : float
        Probability that the headline measure is called worse though it is not, in any window while it passes
        by once, however often it is looked at. 0.01.
    drop_ratio : float
        Drop from which on a real one is a decline, as a share of the reference's value. 0.05: an AUC of 0.80
        that became 0.76.
    calibration_margin : float
        Rise of the calibration error from which on a real one is large, in points of probability: a share of
        an error near zero says nothing. 0.02.
    min_samples : int
        Outcomes below which nothing is decided.
    tolerance : float
        How far an estimate without labels may be off: points of a share, or a share of an error. 0.05.
    quality : mapping of {kind} to float
        Thresholds of data quality other than `QUALITY_THRESHOLDS`, by kind.
    last_rows : int
        Newest outcomes whose performance is also shown, as the window `last_<rows>`; of two classes only.
        10,000: an accuracy is then known to a point.
    importance_rows : int
        Labelled rows on which permutation importance is computed with each check: the model is then called
        three times a feature with so many rows, on the checks' thread. 0, never, since not every model may be
        called from two threads.
    protected : tuple of str
        Categorical features whose groups must be treated alike.
    min_group : int
        Rows below which a group says nothing. 100, as for drift.
    fairness_difference : float
        Difference between groups from which on a significant one counts. 0.1: ten points.
    stale_seconds : float
        Age of the newest row from which on data are stale. An hour: most models are asked more often.
    """

    segment: str | None = None
    headline: str | None = None
    alpha: float = 0.01
    drop_ratio: float = 0.05
    calibration_margin: float = 0.02
    min_samples: int = 100
    tolerance: float = 0.05
    quality: Mapping[str, float] = field(default_factory=dict)
    stale_seconds: float = 3600.0
    last_rows: int = 10_000
    importance_rows: int = 0
    protected: tuple[str, ...] = ()
    min_group: int = 100
    fairness_difference: float = 0.1

    def __post_init__(self) -> None:
        shares = ("alpha", "drop_ratio", "calibration_margin", "tolerance", "fairness_difference")
        for name in shares:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 < value < 1.0:
                raise ConfigError(f"assessment.{name}: found {value!r}, need a number between 0 and 1")
        for name, least in (("min_samples", 2), ("min_group", 2), ("importance_rows", 0), ("last_rows", 1)):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int) or number < least:
                raise ConfigError(f"assessment.{name}: found {number!r}, need an integer >= {least}")
        if not self.stale_seconds > 0:
            raise ConfigError(
                f"assessment.stale_seconds: found {self.stale_seconds!r}, need a number above 0"
            )
        for kind, value in self.quality.items():
            if kind not in QUALITY_THRESHOLDS:
                known = ", ".join(QUALITY_THRESHOLDS)
                raise ConfigError(f"assessment.quality: found {kind!r}, need one of {known}")
            if not 0.0 < value < math.inf:
                raise ConfigError(f"assessment.quality.{kind}: found {value!r}, need a number above 0")

        if self.headline is not None and self.headline not in JUDGED:
            known = ", ".join(JUDGED)
            raise ConfigError(f"assessment.headline: found {self.headline!r}, need one of {known}")

    def headline_of(self, known: Collection[str]) -> str | None:
        """Measure that decides, of those that a reference knows; None if it knows none that could."""
        if self.headline is not None:
            return self.headline if self.headline in known else None
        return next((name for name in HEADLINES if name in known), None)

    def estimate_headline_of(self, known: Collection[str]) -> str | None:
        """Measure whose estimate decides, of those that are; None if the headline is none of them."""
        if self.headline is not None:
            return self.headline if self.headline in known else None
        return next((name for name in ESTIMATE_HEADLINES if name in known), None)

    def drop_threshold(self, measure: str, reference: float | None) -> float:
        """Drop from which on a real one is large, as a share of the reference's value."""
        if measure != "calibration_error":
            return self.drop_ratio
        return self.calibration_margin / reference if reference else math.inf

    def quality_threshold(self, kind: str) -> float:
        """Value from which on something counts as broken."""
        if kind == "stale":
            return self.stale_seconds
        return self.quality.get(kind, QUALITY_THRESHOLDS[kind])
