"""A mixture of profiles of the same columns, weighted by shares of rows.

Its numbers of observations are those of one sample that would be as precise: with shares w of parts of m
observations each, 1 / sum(w**2 / m).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from ..statistics.moments import Moments
from ..statistics.sample import Sample
from .profiles import CategoricalProfile, NumericProfile, Profile
from .table import Profiles

if TYPE_CHECKING:
    from .profiles import Floats

_MASS: Final = 2**31
"""Parts of which a mixture of moments is made up: shares are rounded by less than 1e-9."""


def mix(whole: Profiles, parts: Sequence[tuple[Profiles, float]]) -> Profiles:
    """Profiles of rows that come from the parts in these shares, which sum to 1.

    Columns, bins and categories are those of `whole`; a part that lacks scores, predictions or labels is
    taken to have had the whole's.
    """
    weights = np.array([weight for _, weight in parts])

    def of(profile: Profile | None, found: list[Profile | None]) -> Profile | None:
        if isinstance(profile, NumericProfile):
            return _mix_numeric(
                profile, [part if isinstance(part, NumericProfile) else profile for part in found], weights
            )
        if isinstance(profile, CategoricalProfile):
            return _mix_categorical(
                profile,
                [part if isinstance(part, CategoricalProfile) else profile for part in found],
                weights,
            )
        return None

    features = {}
    for name, profile in whole.features.items():
        mixed = of(profile, [part.features.get(name) for part, _ in parts])
        assert mixed is not None
        features[name] = mixed
    prediction = of(whole.prediction, [part.prediction for part, _ in parts])
    classes = of(whole.predicted_classes, [part.predicted_classes for part, _ in parts])
    assert not isinstance(prediction, CategoricalProfile)
    assert not isinstance(classes, NumericProfile)
    return Profiles(
        features=features,
        prediction=prediction,
        predicted_classes=classes,
        labels=of(whole.labels, [part.labels for part, _ in parts]),
    )


def _mix_numeric(whole: NumericProfile, parts: list[NumericProfile], weights: Floats) -> NumericProfile:
    counts, shares = _mixed_counts(parts, weights)
    held = [
        (part.sample, part.moments, share)
        for part, share in zip(parts, shares.tolist(), strict=True)
        if share > 0.0 and part.sample is not None and part.moments is not None
    ]
    if not held:
        return replace(whole, counts=counts, sample=None, moments=None)
    total = sum(share for _, _, share in held)
    observations = max(round(float(counts[:-3].sum())), 1)
    values, inverse = np.unique(np.concatenate([sample.values for sample, _, _ in held]), return_inverse=True)
    mass = np.concatenate([sample.counts * (share / total / sample.n) for sample, _, share in held])
    # Rounding the cumulative shares costs half an observation at most, far less than their own noise.
    steps = np.rint(np.cumsum(np.bincount(inverse, mass)) * observations)
    rounded = np.diff(steps, prepend=0.0).astype(np.int64)
    kept = rounded > 0
    error = sum(sample.ks_error * share for sample, _, share in held) / total
    if len(held) > 1:
        error += 0.5 / observations
    moments: Moments | None = None
    for _, part, share in held:
        weighted = replace(part, n=max(round(share / total * _MASS), 1))
        moments = weighted if moments is None else moments.merge(weighted)
    assert moments is not None
    return replace(
        whole,
        counts=counts,
        sample=Sample(values[kept], rounded[kept], error),
        moments=replace(moments, n=observations),
    )


def _mix_categorical(
    whole: CategoricalProfile, parts: list[CategoricalProfile], weights: Floats
) -> CategoricalProfile:
    counts, _ = _mixed_counts(parts, weights)
    return replace(whole, counts=counts)


def _mixed_counts(parts: Sequence[Profile], weights: Floats) -> tuple[Floats, Floats]:
    """Fractional counts on the bins of a mixture, and each part's share of its values."""
    rows = np.array([max(part.rows, 1) for part in parts], dtype=np.float64)
    values = np.array([part.count for part in parts], dtype=np.float64)
    ratios = np.array([part.counts for part in parts]) / rows[:, None]
    mixed = weights @ ratios
    shares = weights * values / rows
    total = float(shares.sum())
    if total == 0.0:
        return mixed * float(rows.sum()), shares
    effective = 1.0 / float(((shares / total)[values > 0] ** 2 / values[values > 0]).sum())
    return mixed * (effective / total), shares / total
