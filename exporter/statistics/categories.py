"""Counts of categories, brought to one list of bins for the statistics on counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import ObservationError
from .sample import Integers

# The bin of everything that has none of its own.
OTHER = "__other__"
# The rest of a long list is too rare for a statement on each, and would only raise the noise of all.
DEFAULT_TOP = 50


@dataclass(frozen=True, slots=True, eq=False)
class AlignedCounts:
    """Result of `align_categories`.

    Attributes
    ----------
    categories : tuple of str
        The bins: the reference's most frequent categories, the most frequent first, then `__other__`.
    reference, current : ndarray of int64 of shape (n_categories,)
        Counts in these bins.
    new : tuple of str
        Categories that the reference does not hold, the most frequent first; they count as `__other__`.
    vanished : tuple of str
        Categories that only the reference holds, the most frequent first.
    """

    categories: tuple[str, ...]
    reference: Integers
    current: Integers
    new: tuple[str, ...]
    vanished: tuple[str, ...]


def align_categories(
    reference: Mapping[str, int], current: Mapping[str, int], *, top: int = DEFAULT_TOP
) -> AlignedCounts:
    """Counts of two columns of categories on the bins of the reference.

    Parameters
    ----------
    reference, current : mapping of str to int
        How often each category occurs; a count of 0 is as good as none.
    top : int
        Categories with a bin of their own, at least 1. Ties in frequency are broken by name, so that the
        order of the mapping does not matter.

    Returns
    -------
    AlignedCounts
        For `psi`, `jensen_shannon_divergence`, `hellinger`, `chi_square`.

    Examples
    --------
    >>> aligned = align_categories({"a": 5, "b": 3, "c": 1}, {"a": 2, "d": 4}, top=2)
    >>> aligned.categories, aligned.reference.tolist(), aligned.current.tolist()
    (('a', 'b', '__other__'), [5, 3, 1], [2, 0, 4])
    >>> aligned.new, aligned.vanished
    (('d',), ('b', 'c'))
    """
    if top < 1:
        raise ValueError(f"align_categories: found top={top!r}, need an integer of at least 1")
    before, after = _frequent_first(reference), _frequent_first(current)
    kept = [name for name in before if name != OTHER][:top]
    counts = []
    for held in (before, after):
        own = [held.get(name, 0) for name in kept]
        counts.append(np.array([*own, sum(held.values()) - sum(own)], dtype=np.int64))
    return AlignedCounts(
        categories=(*kept, OTHER),
        reference=counts[0],
        current=counts[1],
        new=tuple(name for name in after if name not in before and name != OTHER),
        vanished=tuple(name for name in before if name not in after and name != OTHER),
    )


def _frequent_first(counts: Mapping[str, int]) -> dict[str, int]:
    """What is there at all, the most frequent first."""
    if any(count < 0 for count in counts.values()):
        raise ObservationError("align_categories: found a negative count, need whole numbers of at least 0")
    present = ((name, count) for name, count in counts.items() if count)
    return dict(sorted(present, key=lambda item: (-item[1], item[0])))
