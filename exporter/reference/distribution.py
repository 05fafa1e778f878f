"""A distribution of numbers that grows chunk by chunk, or part by part, in bounded memory.

Each chunk becomes a `Sample`, and samples that stand for equally many chunks are merged in pairs and
compressed, like the carries of a binary counter, so that the error grows with the logarithm of the number of
chunks and is carried along in `Sample.ks_error`.

References
----------
P. K. Agarwal et al., Mergeable summaries, ACM TODS 38(4), 2013.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..statistics.moments import Moments
from ..statistics.sample import Sample

if TYPE_CHECKING:
    from .profiles import Floats


class GrowingSample:
    """Numbers on their way to a `Sample` and their exact `Moments`.

    Parameters
    ----------
    points : int or None
        Size of the parts that are kept; None keeps every distinct value.
    """

    def __init__(self, points: int | None) -> None:
        self.moments: Moments | None = None
        self._points = points
        self._newest: Sample | None = None
        self._levels: list[Sample | None] = []

    def update(self, ascending: Floats) -> None:
        """Add the numbers of one chunk, finite and sorted; at least one."""
        self.add(Sample.of_sorted(ascending), Moments.of(ascending))

    def add(self, sample: Sample, moments: Moments) -> None:
        """Add numbers that are summarised already."""
        self.moments = moments if self.moments is None else self.moments.merge(moments)
        self._push(sample)

    def merge(self, other: GrowingSample) -> None:
        """Add all numbers that another one has seen."""
        if other.moments is not None:
            self.moments = other.moments if self.moments is None else self.moments.merge(other.moments)
        for sample in (*other._levels, other._newest):
            if sample is not None:
                self._push(sample)

    def sample(self) -> Sample | None:
        """The distribution so far; None if there was no number."""
        result: Sample | None = None
        for sample in (*self._levels, self._newest):
            if sample is not None:
                result = sample if result is None else result.merge(sample)
        return result

    def condense(self) -> None:
        """Keep one part of at most `points` values, the newest chunk included."""
        merged = self.sample()
        self._levels = []
        self._newest = None if merged is None else self._reduced(merged)

    def _push(self, sample: Sample) -> None:
        # The newest chunk stays exact until another comes: a table read in one go loses nothing here.
        if self._newest is None:
            self._newest = sample
            return
        carry = self._reduced(self._newest)
        self._newest = sample
        for level, held in enumerate(self._levels):
            if held is None:
                self._levels[level] = carry
                return
            carry = self._reduced(held.merge(carry))
            self._levels[level] = None
        self._levels.append(carry)

    def _reduced(self, sample: Sample) -> Sample:
        return sample if self._points is None else sample.compress(self._points)
