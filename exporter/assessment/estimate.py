"""Performance of a whole window before its truth is known, and whether to believe it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..estimation import Reliability, calibrated, estimate_classes, reliability
from ..pauses import may_pause
from ..performance import Measure
from ..performance.classification import curve_of
from ..reference.baseline import PREDICTED
from .labelled import Labelled, codes_of, scores_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..observation import Observations
    from ..reference import Reference
    from .policy import AssessmentPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateReport:
    """What to expect of a model's work in a window.

    Attributes
    ----------
    measures : dict of str to Measure
        Of all rows of the window.
    reliability : Reliability
        Whether to believe it.
    headline : str or None
        The measure that decides.
    """

    measures: Mapping[str, Measure]
    reliability: Reliability
    headline: str | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "measures": {name: measure.to_dict() for name, measure in self.measures.items()},
            "headline": self.headline,
            "reliable": self.reliability.reliable,
            "reason": self.reliability.reason,
            "realised_less_estimated": dict(self.reliability.gaps),
        }


def estimate_performance(
    observations: Observations,
    labelled: Labelled,
    realised: Mapping[str, Measure],
    reference: Reference,
    classes: tuple[str, ...] | None,
    policy: AssessmentPolicy,
) -> EstimateReport | None:
    """Estimate of a window's performance; None where the reference knows too little for one.

    Parameters
    ----------
    observations : Observations
        All rows of the window.
    labelled : Labelled
        Those with their truth.
    realised : mapping of str to Measure
        Measures of those, with which the estimate for the same rows is compared.
    reference : Reference
        On which scores were calibrated.
    classes : tuple of str or None
        Of a classifier.
    policy : AssessmentPolicy
        How far it may be off.
    """
    estimated = _estimator(observations, reference, classes)
    if estimated is None:
        return None
    may_pause()
    calibration = None if classes is None else _calibration_gap(observations, labelled, reference, classes)
    light = reliability(
        estimated(labelled.chosen),
        realised,
        calibration,
        tolerance=policy.tolerance,
        min_samples=policy.min_samples,
    )
    may_pause()
    measures = estimated(np.ones(observations.n_rows, dtype=np.bool_))
    known = [name for name, measure in measures.items() if measure.value is not None]
    return EstimateReport(measures=measures, reliability=light, headline=policy.estimate_headline_of(known))


def _estimator(observations: Observations, reference: Reference, classes: tuple[str, ...] | None) -> Any:  # noqa: ANN401 - a function of a mask, or None
    baseline = reference.baseline
    if classes is None:
        losses = baseline.losses
        if losses is None or observations.scores is None:
            return None
        bins = _bins(observations, reference)

        def of_numbers(chosen: NDArray[np.bool_]) -> dict[str, Measure]:
            part = {name: codes[chosen] for name, codes in bins.items()}
            return losses.estimate(part, int(chosen.sum()))

        return of_numbers
    scores = scores_of(observations, len(classes))
    if scores is None or not baseline.calibrators or baseline.classes != classes:
        return None
    known = ~np.isnan(scores if scores.ndim == 1 else scores.sum(axis=1))
    predicted = None
    if observations.classes is not None:
        predicted = codes_of(observations.classes, classes, observations.n_rows)

    def of_classes(chosen: NDArray[np.bool_]) -> dict[str, Measure]:
        rows = chosen & known
        probabilities = calibrated(scores[rows], baseline.calibrators)
        may_pause()
        return estimate_classes(probabilities, None if predicted is None else predicted[rows], scores[rows])

    return of_classes


def _bins(observations: Observations, reference: Reference) -> dict[str, NDArray[np.int64]]:
    bins = {
        name: profile.bin_indices(observations.features[name])
        for name, profile in reference.features.items()
        if name in observations.features
    }
    if reference.prediction is not None and observations.scores is not None:
        bins[PREDICTED] = reference.prediction.bin_indices(observations.scores)
    return bins


def _calibration_gap(
    observations: Observations, labelled: Labelled, reference: Reference, classes: tuple[str, ...]
) -> Measure | None:
    """Calibration error that the calibrated probabilities have on the labelled rows."""
    scores = scores_of(observations, len(classes))
    if scores is None or labelled.rows is None:
        return None
    chosen = scores[labelled.chosen]
    known = ~np.isnan(chosen if chosen.ndim == 1 else chosen.sum(axis=1))
    probabilities = calibrated(chosen[known], reference.baseline.calibrators)
    column = probabilities[:, 1] if len(classes) == 2 else probabilities
    return curve_of(labelled.rows.truth[known], column).error()
