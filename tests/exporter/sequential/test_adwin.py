"""ADWIN against the algorithm of the paper, bucket by bucket."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sequential import ADWIN
from exporter.sequential.adwin import bucket_borders


def buckets_one_by_one(n: int, max_buckets: int) -> list[int]:
    """Sizes of the buckets of n values, youngest first, merged as they come."""
    rows: list[int] = []  # buckets of size 1, 2, 4 ...
    for _ in range(n):
        carry, row = 1, 0
        while carry:
            if row == len(rows):
                rows.append(0)
            rows[row] += 1
            carry = 0
            if rows[row] == max_buckets + 1:
                rows[row] -= 2
                carry, row = 1, row + 1
    return [2**row for row, count in enumerate(rows) for _ in range(count)]


@given(st.integers(1, 3_000), st.integers(2, 7))
def test_borders_follow_from_the_number_of_values(n: int, max_buckets: int) -> None:
    """The solved recursion is the merging of buckets."""
    expected = n - np.cumsum(buckets_one_by_one(n, max_buckets))
    assert bucket_borders(n, max_buckets) == expected.tolist()


def textbook(values: list[float], delta: float) -> list[int]:
    """Drifts of the paper's algorithm, which looks at every 32nd value and starts anew after a drift."""
    drifts, window = [], list[float]()
    for at, value in enumerate(values):
        window.append(value)
        n = len(window)
        if n % 32:
            continue
        log = math.log(2.0 * math.log(n) / delta)
        variance = float(np.var(window))
        for border in bucket_borders(n, 5):
            if min(border, n - border) < 5:
                continue
            change = abs(np.mean(window[:border]) - np.mean(window[border:]))
            reciprocal = 1.0 / (border - 4) + 1.0 / (n - border - 4)
            if change > math.sqrt(2.0 * reciprocal * variance * log) + 2.0 / 3.0 * log * reciprocal:
                drifts.append(at)
                window.clear()
                break
    return drifts


@pytest.mark.parametrize("seed", range(6))
def test_drifts_are_those_of_the_paper(seed: int) -> None:
    """Also of numbers far from zero, where sums of squares would lose the variance."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=2_000) + np.repeat([0.0, 0.4, 1.5, -1.0], 500) + 1e6 * (seed % 2)
    expected = textbook(values.tolist(), 0.002)
    assert len(expected) >= 2
    assert ADWIN().update_many(values).drifts.tolist() == expected


def test_its_state_stays_small() -> None:
    """Sums at borders and of the last looks: a hundred and a thousand numbers, however long the stream."""
    detector = ADWIN()
    detector.update_many(np.tile([0.0, 0.0, 1.0, 0.0], 100_000))
    assert detector.n == 400_000
    assert len(detector.sums) < 1_200
