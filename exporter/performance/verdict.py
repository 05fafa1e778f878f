"""Whether a measure has become worse than in the reference: really, and by how much.

Two keys, as for drift. A drop is real when chance in both samples explains it with a probability below alpha,
and large when it is at least the given share of the reference's value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from scipy.special import ndtr

from .measure import GREATER_IS_BETTER, Measure

PerformanceState = Literal["ok", "warning", "declined", "unknown"]

NOT_JUDGED: Final = frozenset({"bias"})
"""Measures whose reference is near zero, so that no change is a share of it; they are shown only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A measure beside its reference.

    Attributes
    ----------
    measure : Measure
        Of the window.
    reference : float or None
        At training time.
    state : str
        ok; warning, a drop that is real but small; declined, real and large; unknown.
    drop_ratio : float or None
        How much worse, as a share of the reference's value; negative for better.
    p_value : float or None
        Of a drop of this size by chance alone.
    reason : str or None
        Why the state is unknown.
    """

    measure: Measure
    reference: float | None = None
    state: PerformanceState = "unknown"
    drop_ratio: float | None = None
    p_value: float | None = None
    reason: str | None = None

    def to_dict(self) -> dict[str, float | int | str | None]:
        """Plain values."""
        return {
            **self.measure.to_dict(),
            "reference": self.reference,
            "state": self.state,
            "drop_ratio": self.drop_ratio,
            "p_value": self.p_value,
            "reason": self.reason,
        }


def judge(
    name: str,
    measure: Measure,
    reference: float | None,
    reference_rows: int,
    *,
    alpha: float,
    drop_ratio: float,
    min_samples: int,
) -> Verdict:
    """A measure of a window beside its value in the reference.

    Parameters
    ----------
    name : str
        Of the measure; says whether more is better.
    measure : Measure
        Of the window.
    reference : float or None
        Value of the reference.
    reference_rows : int
        Rows behind it; its error follows from theirs, since it is the same measure.
    alpha, drop_ratio : float
        The two keys.
    min_samples : int
        Rows below which nothing is decided.
    """
    if measure.value is None:
        return Verdict(measure=measure, reference=reference, reason=measure.reason)
    if reference is None or reference_rows < 1:
        return Verdict(
            measure=measure, reference=reference, reason="the reference has no value to compare with"
        )
    worse = (reference - measure.value) * (1.0 if GREATER_IS_BETTER[name] else -1.0)
    ratio = worse / abs(reference) if reference else None
    if measure.n < min_samples or name in NOT_JUDGED or ratio is None:
        reason = (
            f"found {measure.n} outcomes, need {min_samples}" if measure.n < min_samples else "not judged"
        )
        return Verdict(measure=measure, reference=reference, drop_ratio=ratio, reason=reason)
    if measure.standard_error is None:
        reason = "its error is unknown"
        return Verdict(measure=measure, reference=reference, drop_ratio=ratio, reason=reason)
    error = measure.standard_error * math.sqrt(1.0 + measure.n / reference_rows)
    if name == "calibration_error" and measure.low is not None:
        # Chance alone lifts a calibration error, and more so in a window than in a large reference.
        worse = min(worse, measure.low - reference)
    p_value = float(ndtr(-worse / error)) if error > 0 else float(worse <= 0)
    real, large = p_value <= alpha, ratio >= drop_ratio
    state: PerformanceState = "declined" if real and large else "warning" if real else "ok"
    return Verdict(measure=measure, reference=reference, state=state, drop_ratio=ratio, p_value=p_value)
