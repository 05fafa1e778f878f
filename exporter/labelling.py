"""Which rows to have labelled when labels are dear: those that the model is least sure of."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ConfigError, ObservationError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SUM_TOLERANCE: Final = 1e-6
"""How far probabilities may be from a sum of 1: single precision and rounding to six places pass."""


def entropy(probabilities: ArrayLike) -> Floats:
    """Uncertainty of each row: entropy of its class probabilities.

    Parameters
    ----------
    probabilities : array-like of shape (n_rows, n_classes)
        Each row sums to 1.

    Returns
    -------
    ndarray of shape (n_rows,)
        In units of the largest possible entropy: 0 certain, 1 no idea.

    Examples
    --------
    >>> entropy([[0.5, 0.5], [1.0, 0.0]])
    array([1., 0.])
    """
    table = _as_probabilities(probabilities)
    return np.asarray(_entropy(table) / math.log(table.shape[-1]), np.float64)


def margin(probabilities: ArrayLike) -> Floats:
    """Uncertainty of each row: how close its second most probable class is to the first.

    Returns
    -------
    ndarray of shape (n_rows,)
        1 less the difference of the two probabilities: 0 certain, 1 a tie.

    Examples
    --------
    >>> margin([[0.5, 0.5, 0.0], [0.75, 0.25, 0.0]])
    array([1. , 0.5])
    """
    table = np.partition(_as_probabilities(probabilities), -2, axis=-1)
    return np.asarray(1.0 - (table[..., -1] - table[..., -2]), np.float64)


def disagreement(committee: ArrayLike) -> Floats:
    """How far the members of a committee disagree on each row.

    Parameters
    ----------
    committee : array-like of shape (n_members, n_rows, n_classes)
        Class probabilities of each member.

    Returns
    -------
    ndarray of shape (n_rows,)
        Mean Kullback-Leibler divergence of the members from their mean, in nats; 0 when all say the same,
        however uncertain each is.

    References
    ----------
    A. McCallum, K. Nigam, Employing EM and pool-based active learning for text classification, ICML 1998.

    Examples
    --------
    >>> disagreement([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]]).round(4)
    array([0.6931, 0.    ])
    """
    members = _as_probabilities(committee, 3)
    spread = _entropy(members.mean(axis=0)) - _entropy(members).mean(axis=0)
    return np.asarray(np.maximum(0.0, spread), np.float64)


def select(scores: ArrayLike, budget: int, *, available: ArrayLike | None = None) -> Ints:
    """Rows whose labels to ask for: those with the highest scores of `entropy`, `margin` or `disagreement`.

    Parameters
    ----------
    scores : array-like of shape (n_rows,)
        NaN is never selected.
    budget : int
        Most rows that can be labelled.
    available : array-like of bool, optional
        Rows that may be selected, for instance those without a label so far.

    Returns
    -------
    ndarray of int64
        Positions, the highest score first; of equal ones the earlier row.

    Examples
    --------
    >>> select([0.2, 0.9, 0.5, 0.9], budget=3)
    array([1, 3, 2])
    """
    values = _as_floats("scores", scores, 1)
    if budget < 0:
        raise ConfigError(f"budget: found {budget}, need a number of rows")
    candidates = ~np.isnan(values)
    if available is not None:
        allowed = np.asarray(available, np.bool_)
        if allowed.shape != values.shape:
            raise ObservationError(
                f"available: found the shape {allowed.shape}, need {values.shape} as the scores"
            )
        candidates &= allowed
    rows = np.flatnonzero(candidates)
    return rows[np.argsort(-values[rows], kind="stable")[:budget]]


def _entropy(table: Floats) -> Floats:
    logs = np.log(table, where=table > 0.0, out=np.zeros_like(table))
    return np.asarray(np.abs((table * logs).sum(axis=-1)), np.float64)


def _as_probabilities(probabilities: ArrayLike, ndim: int = 2) -> Floats:
    table = _as_floats("probabilities", probabilities, ndim)
    if table.shape[-1] < 2:
        raise ObservationError(f"probabilities: found {table.shape[-1]} classes, need at least 2")
    wrong = ~((table >= 0.0) & (table <= 1.0)).all(axis=-1)
    wrong |= ~(np.abs(table.sum(axis=-1) - 1.0) <= SUM_TOLERANCE)
    if wrong.any():
        row = table[wrong][0]
        raise ObservationError(
            f"probabilities: found {row.tolist()}, need numbers from 0 to 1 with the sum 1"
        )
    return table


def _as_floats(name: str, values: ArrayLike, ndim: int) -> Floats:
    try:
        table = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ObservationError(f"{name}: {error}; need numbers") from error
    if table.ndim != ndim:
        raise ObservationError(f"{name}: found {table.ndim} dimensions, need {ndim}")
    return table
