"""How much a model depends on each feature, and which features explain a drift."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[Any]]

REPEATS: Final = 3
"""Permutations of each feature: their spread tells a small importance from none."""


@dataclass(frozen=True, slots=True)
class Importance:
    """What a feature is worth to the model on some rows.

    Attributes
    ----------
    value : float
        By how much the loss grows when the feature's values are shuffled; near 0 for one that does nothing.
    spread : float
        Standard deviation over the permutations.
    """

    value: float
    spread: float


def permutation_importance(
    loss: Callable[[Columns], float], columns: Columns, rng: np.random.Generator, repeats: int = REPEATS
) -> dict[str, Importance]:
    """Importance of each feature on labelled rows.

    Parameters
    ----------
    loss : callable
        Loss of the model on rows with these columns; less is better.
    columns : mapping of str to ndarray of shape (n_rows,)
        The rows.
    rng : Generator
        Shuffles.
    repeats : int
        Permutations of each feature.

    References
    ----------
    L. Breiman, Random Forests, Machine Learning 45, 2001.
    """
    base = loss(columns)
    found = {}
    for name, values in columns.items():
        grown = [loss({**columns, name: rng.permutation(values)}) - base for _ in range(repeats)]
        found[name] = Importance(float(np.mean(grown)), float(np.std(grown)))
    return found


def drift_contributions(
    importances: Mapping[str, float], drift: Mapping[str, float | None]
) -> dict[str, float]:
    """Share of each feature in what has drifted, weighted by what the model makes of it; sums to 1.

    Parameters
    ----------
    importances : mapping of str to float
        Of the features; what is below 0 counts as 0. Without any that is above, all count alike.
    drift : mapping of str to float or None
        Effect over threshold of each feature, 0 where nothing is significant; None where it is unknown.

    Returns
    -------
    dict of str to float
        Of the features whose drift is known; all 0 when nothing drifted.

    Examples
    --------
    >>> drift_contributions({"a": 3.0, "b": 1.0, "c": 5.0}, {"a": 1.0, "b": 1.0, "c": 0.0})
    {'a': 0.75, 'b': 0.25, 'c': 0.0}
    """
    known = {name: ratio for name, ratio in drift.items() if ratio is not None}
    weights = {name: max(importances.get(name, 0.0), 0.0) for name in known}
    if not any(weights.values()):
        weights = dict.fromkeys(known, 1.0)
    products = {name: weights[name] * ratio for name, ratio in known.items()}
    total = sum(products.values())
    return {name: product / total if total > 0 else 0.0 for name, product in products.items()}


def ranks(values: Mapping[str, float]) -> dict[str, int]:
    """Place of each feature, 1 for the largest; equal ones in the order in which they are given."""
    ordered = sorted(values, key=lambda name: -values[name])
    return {name: place for place, name in enumerate(ordered, start=1)}
