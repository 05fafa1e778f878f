"""Whether a measure has become worse than in the reference: really, and by how much.

Two keys, as for drift. A drop is real when chance in both samples explains it with a probability below
alpha, and large when it is at least the given share of the reference's value. A measure that follows the
class shares has to be worse at the reference's shares too: else the world has changed and not the model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Literal

from scipy.special import ndtr

from .measure import GREATER_IS_BETTER, TOO_LARGE, Measure

PerformanceState = Literal["ok", "warning", "declined", "unknown"]

NOT_JUDGED: Final = frozenset({"bias"})
"""Measures whose reference is near zero, so that no change is a share of it; they are shown only."""

BY_SHARES_ALONE: Final = "worse by the changed class shares alone: at the reference's it is not"
BESIDE: Final = "really and largely worse; another measure decides"
AT_SHARES: Final = "worse at the reference's class shares; their change hides it"


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
        ok; warning, a drop that is real but small, or that the class shares explain or hide, or of a measure
        that does not decide; declined, real and large; unknown.
    drop_ratio : float or None
        How much worse, as a share of the reference's value; negative for better.
    p_value : float or None
        Of a drop of this size by chance alone.
    reason : str or None
        Why the state is unknown, or no more than a warning.
    standardised : Measure or None
        The measure at the reference's class shares, where it follows them.
    """

    measure: Measure
    reference: float | None = None
    state: PerformanceState = "unknown"
    drop_ratio: float | None = None
    p_value: float | None = None
    reason: str | None = None
    standardised: Measure | None = None

    @property
    def large_drop(self) -> bool:
        """Whether the measure is really and largely worse, whichever measure decides."""
        return self.state == "declined" or self.reason == BESIDE

    def beside(self) -> Verdict:
        """The verdict where another measure decides: no more than a warning."""
        return replace(self, state="warning", reason=BESIDE) if self.state == "declined" else self

    def to_dict(self) -> dict[str, float | int | str | None]:
        """Plain values."""
        return {
            **self.measure.to_dict(),
            "reference": self.reference,
            "state": self.state,
            "drop_ratio": self.drop_ratio,
            "p_value": self.p_value,
            "reason": self.reason or self.measure.reason,
            "at_reference_shares": None if self.standardised is None else self.standardised.value,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """What a measure is judged by.

    Attributes
    ----------
    alpha : float
        Probability that one look calls a drop real that is none; see `one_look`.
    drop_ratio : float
        Drop from which on a real one is large, as a share of the reference's value.
    min_samples : int
        Rows below which nothing is decided.
    """

    alpha: float
    drop_ratio: float
    min_samples: int


def one_look(alpha: float, windows: int) -> float:
    """Probability that one look may err, so that looking all the time errs with `alpha` in a window's length.

    Parameters
    ----------
    alpha : float
        That none of the windows is called worse by mistake while one of them passes by once.
    windows : int
        That are looked at side by side; the chance is divided among them.

    Notes
    -----
    Each look shares most of its rows with the last one. The mean of a window that slides over independent
    rows is Slepian's process, whose highest point within one length has a known distribution. Fewer looks err
    less.

    References
    ----------
    D. Slepian, First passage time for a particular Gaussian process, Annals of Mathematical Statistics 32,
    1961.

    Examples
    --------
    >>> round(one_look(0.01, windows=1), 5)
    0.00078
    """
    low, high = 0.0, HIGHEST
    for _ in range(BISECTIONS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if _passes(middle) <= alpha / windows else (middle, high)
    return float(ndtr(-high))


HIGHEST: Final = 37.0
"""Standard errors beyond which a float has no probability left."""

BISECTIONS: Final = 60
"""Each halves the interval: to the last bits of a float."""


def _passes(level: float) -> float:
    """Probability that Slepian's process rises above a level within one length."""
    below, above = float(ndtr(level)), float(ndtr(-level))
    density = math.exp(-level * level / 2.0) / math.sqrt(2.0 * math.pi)
    return above * (1.0 + below) + density * (level * below + density)


def judge(
    name: str,
    measure: Measure,
    reference: float | None,
    rows_ratio: float | None,
    standard: Standard,
    standardised: Measure | None = None,
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
    rows_ratio : float or None
        Rows of the window for each of the reference, of the class that has most of them: the error of the
        reference follows, since it is the same measure.
    standard : Standard
        The two keys.
    standardised : Measure, optional
        The measure at the reference's class shares, if it follows them.
    """
    if measure.value is None:
        return Verdict(measure=measure, reference=reference, reason=measure.reason)
    if reference is None or rows_ratio is None:
        return Verdict(
            measure=measure, reference=reference, reason="the reference has no value to compare with"
        )
    ratio = _worse(name, measure.value, reference) / abs(reference) if reference else None
    reason = None
    if ratio is not None and not math.isfinite(ratio):
        ratio, reason = None, TOO_LARGE
    elif measure.n < standard.min_samples:
        reason = f"found {measure.n} outcomes, need {standard.min_samples}"
    elif name in NOT_JUDGED or ratio is None:
        reason = "not judged"
    elif measure.standard_error is None:
        reason = measure.reason or "its error is unknown"
    if reason is not None:
        return Verdict(measure=measure, reference=reference, drop_ratio=ratio, reason=reason)
    state, p_value = _state(name, measure, reference, rows_ratio, standard)
    if standardised is not None and standardised.standard_error is not None:
        alike, _ = _state(name, standardised, reference, rows_ratio, standard)
        if state != "ok" and alike == "ok":
            state, reason = "warning", BY_SHARES_ALONE
        elif state == "ok" and alike == "declined":
            state, reason = "warning", AT_SHARES
        elif state == "declined":
            state = alike
    return Verdict(
        measure=measure, reference=reference, state=state, drop_ratio=ratio, p_value=p_value, reason=reason,
        standardised=standardised,
    )  # fmt: skip


def _worse(name: str, value: float, reference: float) -> float:
    return (reference - value) * (1.0 if GREATER_IS_BETTER[name] else -1.0)


def _state(
    name: str, measure: Measure, reference: float, rows_ratio: float, standard: Standard
) -> tuple[PerformanceState, float]:
    assert measure.value is not None
    assert measure.standard_error is not None
    worse = _worse(name, measure.value, reference)
    large = worse / abs(reference) >= standard.drop_ratio
    error = measure.standard_error * math.sqrt(1.0 + rows_ratio)
    if name == "calibration_error" and measure.low is not None:
        # Chance alone lifts a calibration error, and more so in a window than in a large reference.
        worse = min(worse, measure.low - reference)
    p_value = float(ndtr(-worse / error)) if error > 0 else float(worse <= 0)
    if p_value > standard.alpha:
        return "ok", p_value
    return ("declined" if large else "warning"), p_value
