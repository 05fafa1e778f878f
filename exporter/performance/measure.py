"""One measure of a model's work, with how sure it is; and the intervals that several measures share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from scipy.special import ndtri

CONFIDENCE: Final = 0.95
"""Of every interval, the usual convention."""

Z: Final = float(ndtri(0.5 + CONFIDENCE / 2.0))

GREATER_IS_BETTER: Final = {
    "accuracy": True, "balanced_accuracy": True, "precision": True, "recall": True, "f1": True,
    "auc": True, "average_precision": True,
    "log_loss": False, "brier_score": False, "calibration_error": False,
    "mae": False, "rmse": False, "mape": False, "r2": True, "bias": False,
}  # fmt: skip
"""Every measure, and whether more of it is good. A bias is good near zero: its size is what counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measure of the rows of a window.

    Attributes
    ----------
    value : float or None
        None where it is not defined, never a 0 in its place.
    low, high : float or None
        Interval that holds the true value with a confidence of 95 %; None where it cannot be told.
    standard_error : float or None
        Of the value.
    n : int
        Rows behind it.
    reason : str or None
        Why there is no value.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    n: int = 0
    reason: str | None = None

    def to_dict(self) -> dict[str, float | int | str | None]:
        """Plain values."""
        return {
            "value": self.value, "low": self.low, "high": self.high, "n": self.n, "reason": self.reason,
        }  # fmt: skip


TOO_LARGE: Final = "the numbers are too large to compute it"


def unknown(reason: str, n: int = 0) -> Measure:
    """A measure that is not defined for these rows."""
    return Measure(reason=reason, n=n)


def finite(measure: Measure) -> Measure:
    """A measure that has overflowed as unknown, and one whose interval has without it.

    A single outcome such as -1.8e308, which some databases write for a missing one, is enough.
    """
    if measure.value is None:
        return measure
    if not math.isfinite(measure.value):
        return unknown(TOO_LARGE, measure.n)
    bounds = (measure.low, measure.high, measure.standard_error)
    if all(bound is None or math.isfinite(bound) for bound in bounds):
        return measure
    return Measure(value=measure.value, n=measure.n)


def share(successes: float, n: int, why_not: str) -> Measure:
    """A proportion with Wilson's interval, which holds near 0 and 1 too.

    References
    ----------
    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22, 1927.
    """
    if n == 0:
        return unknown(why_not)
    p = successes / n
    centre = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return Measure(
        value=p,
        low=min(max(centre - half, 0.0), p),
        high=max(min(centre + half, 1.0), p),
        # Of the smoothed share: a share of exactly 0 or 1 is not known exactly.
        standard_error=math.sqrt((successes + 1) / (n + 2) * (1 - (successes + 1) / (n + 2)) / n),
        n=n,
    )


def around(
    value: float, standard_error: float, n: int, *, least: float = -math.inf, most: float = math.inf
) -> Measure:
    """A value with the normal interval of its standard error, within its range."""
    if not math.isfinite(standard_error):
        return Measure(value=value, n=n)
    return Measure(
        value=value,
        low=max(value - Z * standard_error, least),
        high=min(value + Z * standard_error, most),
        standard_error=standard_error,
        n=n,
    )


def class_order(name: str) -> tuple[float, str]:
    """Sorting key of class names: numbers by value, then text, which is scikit-learn's order of classes."""
    try:
        return float(name), name
    except ValueError:
        return math.inf, name
