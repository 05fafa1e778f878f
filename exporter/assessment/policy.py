"""How a model's own work is judged, beside the drift of its columns."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessmentPolicy:
    """When performance has declined, an estimate can be believed, and data are broken.

    Attributes
    ----------
    segment : str or None
        Categorical feature by whose values performance is also shown; those of the reference, at most 20.
    alpha : float
        Probability that a measure is called declined though it is not. 0.01: fourteen measures of one model
        move together, so that a check errs hardly more often than one of them.
    drop_ratio : float
        Drop from which on a real one is a decline, as a share of the reference's value. 0.05: an accuracy of
        0.90 that became 0.855.
    min_samples : int
        Outcomes below which nothing is decided.
    tolerance : float
        How far an estimate without labels may be off: points of a share, or a share of an error. 0.05.
    """

    segment: str | None = None
    alpha: float = 0.01
    drop_ratio: float = 0.05
    min_samples: int = 100
    tolerance: float = 0.05

    def __post_init__(self) -> None:
        for name in ("alpha", "drop_ratio", "tolerance"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 < value < 1.0:
                raise ConfigError(f"assessment.{name}: found {value!r}, need a number between 0 and 1")
        if not isinstance(self.min_samples, int) or self.min_samples < 2 or math.isnan(self.min_samples):
            raise ConfigError(f"assessment.min_samples: found {self.min_samples!r}, need an integer >= 2")
