"""How wrong a prediction was, from 0 to 1: what champion and challenger are compared by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ..observation import Observations

if TYPE_CHECKING:
    from ..reference import Reference

USUAL_SIZE_LOSS: Final = 0.4
"""Mean of |e| / (|e| + mean |e|) for normal errors is 0.42; it only has to be near."""

USUAL_CLASS_LOSS: Final = 0.2
"""Where the reference does not know its accuracy; it only has to be near."""


def losses(rows: Observations, scale: float) -> NDArray[np.float64]:
    """Loss of each labelled row, NaN where there is no prediction that can be compared.

    Parameters
    ----------
    rows : Observations
        With labels.
    scale : float
        Usual absolute error of a regression, at which the loss is one half whatever the unit.

    Returns
    -------
    ndarray of shape (n_rows,)
        Of classes 0 for right and 1 for wrong; of numbers |e| / (|e| + scale), as detectors of concept drift
        see them.
    """
    labels: Sequence[object] = [] if rows.labels is None else rows.labels.tolist()
    if rows.classes is not None:
        return np.array(
            [
                np.nan if found is None else float(found != label)
                for found, label in zip(rows.classes.tolist(), labels, strict=True)
            ],
            dtype=np.float64,
        )
    if rows.scores is None:
        return np.full(len(labels), np.nan)
    truth = np.array([label if isinstance(label, float) else np.nan for label in labels], dtype=np.float64)
    size = np.abs(rows.scores - truth)
    with np.errstate(invalid="ignore"):
        return np.asarray(size / (size + scale))


def usual_loss(reference: Reference) -> float:
    """Loss to expect of the champion, from its reference."""
    if reference.task == "regression":
        return USUAL_SIZE_LOSS
    accuracy = reference.performance.get("accuracy")
    return USUAL_CLASS_LOSS if accuracy is None else 1.0 - accuracy


def usual_error(reference: Reference) -> float:
    """Scale of a regression's losses: the mean absolute error at training time; 1 where it is not known."""
    error = reference.performance.get("mae", 1.0)
    return error if error > 0.0 else 1.0
