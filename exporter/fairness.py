"""Whether a classifier of two classes treats the groups of an attribute alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

FAIRNESS_MEASURES: Final = ("demographic_parity", "equal_opportunity", "calibration")
"""Differences of: the share that is predicted positive; that share among those who are; mean probability
less the share of positives. M. Hardt, E. Price, N. Srebro, Equality of Opportunity in Supervised Learning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessFinding:
    """How far apart the groups of an attribute are by one measure.

    Attributes
    ----------
    difference : float
        Largest value of a group less the smallest.
    p_value : float
        Of groups that differ as much by chance alone.
    groups : dict of str to float
        Value of each group that is large enough.
    """

    difference: float
    p_value: float
    groups: dict[str, float]


def fairness(
    groups: NDArray[np.int64],
    names: tuple[str, ...],
    predicted: NDArray[np.bool_],
    truth: NDArray[np.bool_] | None,
    probabilities: NDArray[np.float64] | None,
    min_group: int,
) -> dict[str, FairnessFinding]:
    """Differences between groups; a measure that fewer than two large enough groups have is left out.

    Parameters
    ----------
    groups : ndarray of shape (n_rows,)
        Position of each row's group in `names`; others belong to none.
    names : tuple of str
        Of the groups.
    predicted : ndarray of shape (n_rows,)
        Whether the positive class was predicted.
    truth : ndarray of shape (n_rows,) or None
        Whether it happened.
    probabilities : ndarray of shape (n_rows,) or None
        Of the positive class; NaN where there is none.
    min_group : int
        Rows below which a group says nothing.
    """
    found: dict[str, FairnessFinding] = {}
    members = [groups == i for i in range(len(names))]
    _add(found, "demographic_parity", _shares(predicted, members, names, min_group))
    if truth is None:
        return found
    positive = [member & truth for member in members]
    _add(found, "equal_opportunity", _shares(predicted, positive, names, min_group))
    if probabilities is not None:
        known = [member & ~np.isnan(probabilities) for member in members]
        _add(found, "calibration", _gaps(truth, probabilities, known, names, min_group))
    return found


_Groups = dict[str, tuple[float, float]]
"""Value and its variance by group."""


def _shares(
    happened: NDArray[np.bool_], members: list[NDArray[np.bool_]], names: tuple[str, ...], least: int
) -> _Groups:
    sizes = {name: int(member.sum()) for name, member in zip(names, members, strict=True)}
    hits = {name: int((happened & member).sum()) for name, member in zip(names, members, strict=True)}
    large = [name for name in names if sizes[name] >= least]
    total = sum(sizes[name] for name in large)
    pooled = sum(hits[name] for name in large) / total if total else 0.0
    # Under the hypothesis that all groups are alike their shares have the pooled variance.
    return {name: (hits[name] / sizes[name], pooled * (1.0 - pooled) / sizes[name]) for name in large}


def _gaps(
    truth: NDArray[np.bool_],
    probabilities: NDArray[np.float64],
    members: list[NDArray[np.bool_]],
    names: tuple[str, ...],
    least: int,
) -> _Groups:
    found: _Groups = {}
    for name, member in zip(names, members, strict=True):
        n = int(member.sum())
        if n >= max(least, 2):
            gaps = probabilities[member] - truth[member]
            found[name] = (float(gaps.mean()), float(gaps.var(ddof=1)) / n)
    return found


def _add(found: dict[str, FairnessFinding], measure: str, groups: _Groups) -> None:
    if len(groups) < 2:
        return
    values = np.array([value for value, _ in groups.values()])
    variances = np.array([variance for _, variance in groups.values()])
    difference = float(values.max() - values.min())
    if (variances <= 0.0).any():
        p_value = 1.0 if difference == 0.0 else 0.0
    else:
        weights = 1.0 / variances
        centre = float((weights * values).sum() / weights.sum())
        p_value = float(chdtrc(len(values) - 1, float((weights * (values - centre) ** 2).sum())))
    found[measure] = FairnessFinding(
        difference=difference,
        p_value=p_value,
        groups={name: value for name, (value, _) in groups.items()},
    )
