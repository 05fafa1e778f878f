from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerting import pacing
from alerting.pacing import Bucket, Pace

CALM = settings(deadline=None, max_examples=100)
"""A busy machine is no reason to fail."""


PACE = Pace(per_second=1.0, burst=3.0)
FULL = Bucket(tokens=3.0, at=0.0)


def test_a_full_bucket_allows_its_burst_and_then_its_rate() -> None:
    """Three calls at once, then one a second."""
    times: list[float] = []
    bucket, now = Bucket(tokens=3.0, at=0.0), 0.0
    while len(times) < 6:
        pause = pacing.wait(bucket, PACE, now)
        now += pause
        if pause == 0:
            bucket = pacing.take(bucket, PACE, now)
            times.append(now)
    assert times == [0.0, 0.0, 0.0, 1.0, 2.0, 3.0]


@CALM
@given(st.lists(st.floats(min_value=0, max_value=5), min_size=1, max_size=60))
def test_no_window_holds_more_calls_than_burst_and_rate_allow(pauses: list[float]) -> None:
    """However calls arrive, in no second are more than the burst plus the second's share."""
    times: list[float] = []
    bucket, now = Bucket(tokens=3.0, at=0.0), 0.0
    for pause in pauses:
        now += pause
        while (left := pacing.wait(bucket, PACE, now)) > 0:
            now += left
        bucket = pacing.take(bucket, PACE, now)
        times.append(now)
    for first in range(len(times)):
        for last in range(first, len(times)):
            assert last - first + 1 <= PACE.burst + (times[last] - times[first]) + 1e-6


@CALM
@given(
    st.lists(
        st.tuples(
            st.floats(min_value=0, max_value=5), st.floats(min_value=0, max_value=5), st.floats(0.0, 1.0)
        ),
        min_size=1,
        max_size=60,
    )
)
@example([(0.0, 1.0, 1.0)] + [(0.0, 1.0, 0.0)] * 4)
def test_however_long_calls_take_the_other_side_never_counts_them_faster_than_the_pace(
    calls: list[tuple[float, float, float]],
) -> None:
    """A call is counted anywhere between its beginning and its answer; one bucket there refuses none."""
    ours, theirs, now = FULL, FULL, 0.0
    for pause, takes, arrives in calls:
        now += pause
        while (left := pacing.wait(ours, PACE, now)) > 0:
            now += left
        ours = pacing.take(ours, PACE, now)
        counted = now + takes * arrives
        assert pacing.wait(theirs, PACE, counted) < 1e-5
        theirs = pacing.take(theirs, PACE, counted)
        now += takes
        ours = pacing.answered(ours, now)


@pytest.mark.parametrize(
    ("asked", "waited"), [(3.0, 3.25), (2.5, 2.75), (0.0, 2.0), (-4.0, 2.0), (1e9, 3_600.25)]
)
def test_a_429_closes_the_bucket_for_as_long_as_was_asked_and_at_most_an_hour(
    asked: float, waited: float
) -> None:
    """With half of the jitter; a bucket that was emptied also has to earn a call, at half its pace."""
    bucket = pacing.stop(FULL, asked, 100.0, lambda: 0.5)
    assert pacing.wait(bucket, PACE, 100.0) == pytest.approx(waited)


def gaps(bucket: Bucket, now: float, calls: int) -> list[float]:
    """Seconds between calls that are made as soon as they may be."""
    times: list[float] = []
    while len(times) <= calls:
        now += (pause := pacing.wait(bucket, PACE, now))
        if pause == 0:
            bucket = pacing.take(bucket, PACE, now)
            times.append(now)
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def test_a_429_halves_the_pace_and_it_grows_back_slowly() -> None:
    """Twice as long between calls at first, as before after some minutes, and never faster."""
    found = gaps(pacing.stop(FULL, 0.0, 100.0, lambda: 0.0), 100.0, 400)
    assert found[0] == pytest.approx(2.0, rel=0.01)
    assert all(later <= earlier + 1e-6 for earlier, later in itertools.pairwise(found))
    assert found[100] > 1.2
    assert found[-1] == pytest.approx(1.0)


def test_a_run_of_429s_slows_down_to_a_bound() -> None:
    """A channel that refuses everything is still asked now and then."""
    bucket = FULL
    for _ in range(50):
        bucket = pacing.stop(bucket, 0.0, 100.0, lambda: 0.0)
    assert bucket.share == pacing.MIN_SHARE
    assert pacing.wait(bucket, PACE, 100.0) == pytest.approx(1.0 / pacing.MIN_SHARE)


def test_a_clock_set_back_by_more_than_any_wait_ends_it() -> None:
    """A 429 of another year's clock is not waited for, however long the process was away."""
    bucket = pacing.stop(FULL, 30.0, 1e9, lambda: 0.0)
    assert pacing.wait(bucket, PACE, 1e9 - 3e7) == 0.0
    assert pacing.wait(bucket, PACE, 1e9 - 1_000.0) == pytest.approx(1_030.0)


@pytest.mark.parametrize("seconds", [0.0, 0.3, 2.0, 3_600.0])
def test_a_clock_set_back_does_not_stop_the_tokens(seconds: float) -> None:
    """An empty bucket allows a call after two seconds at most: as long as it went back, and one more."""
    bucket, start = Bucket(tokens=0.0, at=1e9), 1e9 - seconds
    now = start
    while (left := pacing.wait(bucket, PACE, now)) > 0:
        now += left
    assert now - start <= 2.0


@CALM
@given(st.integers(min_value=1, max_value=10**6), st.floats(min_value=0, max_value=1, exclude_max=True))
def test_backoff_stays_between_half_a_second_and_a_minute(failures: int, draw: float) -> None:
    """It never hammers and never forgets."""
    assert 0.5 <= pacing.backoff(failures, lambda: draw) <= pacing.BACKOFF_LIMIT_SECONDS


def test_backoff_grows() -> None:
    """The next wait is twice the last one until the limit."""
    waits = [pacing.backoff(failures, lambda: 1.0) for failures in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
