import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from exporter import Reference, check
from exporter.reference import CategoricalProfile, NumericProfile
from exporter.reference.season import season_keys
from exporter.statistics import ks_statistic

HOUR, DAY = 3600.0, 86400.0
MONDAY = dt.datetime(2024, 1, 1, tzinfo=dt.UTC).timestamp()


def history(
    rng: np.random.Generator, days: int = 28, per_hour: int = 60
) -> tuple[dict[str, Any], np.ndarray]:
    """Rows of several weeks: `x` follows the hour of day, `kind` the night, `flat` nothing."""
    times = MONDAY + np.sort(rng.uniform(0, days * DAY, size=days * 24 * per_hour))
    return values(rng, times), times


def values(rng: np.random.Generator, times: np.ndarray) -> dict[str, Any]:
    angle = 2 * np.pi * (times % DAY) / DAY
    night = np.cos(angle) > 0.5
    return {
        "x": 2 * np.sin(angle) + rng.normal(size=len(times)),
        "kind": np.where(night & (rng.random(len(times)) < 0.8), "night", "day").astype(object),
        "flat": rng.normal(size=len(times)),
    }


def fit(data: dict[str, Any], times: np.ndarray, **options: Any) -> Reference:
    return Reference.fit(data, model_name="m", model_version="1", timestamps=times, **options)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_keys_agree_with_the_calendar(zone: str) -> None:
    """Hours and days are those of the zone's calendar, over changes of summer time and before 1970 too."""
    times = np.concatenate([np.arange(MONDAY, MONDAY + 400 * DAY, 5.3 * HOUR), [-1.0, -DAY * 1000.5, 0.0]])
    local = [dt.datetime.fromtimestamp(t, ZoneInfo(zone)) for t in times.tolist()]
    assert season_keys(times, "hour_of_day", zone).tolist() == [t.hour for t in local]
    assert season_keys(times, "day_of_week", zone).tolist() == [t.weekday() for t in local]
    assert season_keys(times, "hour_of_week", zone).tolist() == [t.weekday() * 24 + t.hour for t in local]


def test_an_hour_is_compared_with_its_own_hours(rng: np.random.Generator) -> None:
    """Every hour of an undrifted day drifts against the flat reference, and none against the keyed one."""
    data, times = history(rng)
    flat, keyed = fit(data, times), fit(data, times, season="hour_of_day")
    drifted: dict[str, int] = {"flat": 0, "keyed": 0}
    for hour in range(24):
        now = MONDAY + 40 * DAY + hour * HOUR + np.sort(rng.uniform(0, HOUR, size=300))
        rows = values(rng, now)
        drifted["flat"] += check(flat, rows, timestamps=now).drift_detected
        drifted["keyed"] += check(keyed, rows, timestamps=now).drift_detected
    assert drifted["flat"] >= 20
    assert drifted["keyed"] == 0


def test_a_shift_within_the_season_is_found(rng: np.random.Generator) -> None:
    """A shift that the flat reference takes for another hour is drift to the keyed one."""
    data, times = history(rng)
    keyed = fit(data, times, season="hour_of_day")
    now = MONDAY + 40 * DAY + 3 * HOUR + np.sort(rng.uniform(0, HOUR, size=500))
    rows = values(rng, now)
    rows["x"] = rows["x"] - 2.0  # as in the afternoon
    assert check(keyed, rows, timestamps=now).drifted_features == ("x",)


def test_the_mixture_is_that_of_the_windows_hours(rng: np.random.Generator) -> None:
    """The matched profile equals one that is fitted on rows of those hours in those proportions."""
    data, times = history(rng, days=56)
    keyed = fit(data, times, season="hour_of_day")
    window = np.concatenate([np.full(300, MONDAY + 2.5 * HOUR), np.full(100, MONDAY + 15.5 * HOUR)])
    matched = keyed.profiles_at(window)
    hour = (times % DAY) // HOUR
    chosen = np.concatenate([np.flatnonzero(hour == 2), rng.permutation(np.flatnonzero(hour == 15))[:1120]])
    x = matched.features["x"]
    assert isinstance(x, NumericProfile)
    assert x.sample is not None
    assert x.sample.ks_error < 0.006
    from_rows = fit({"x": data["x"][chosen]}, times[chosen], grid_points=None).features["x"]
    assert isinstance(from_rows, NumericProfile)
    assert from_rows.sample is not None
    assert ks_statistic(x.sample, from_rows.sample) < 0.03  # the sampling of 1,120 rows
    kind = matched.features["kind"]
    assert isinstance(kind, CategoricalProfile)
    at_two = np.mean(data["kind"][hour == 2] == "night")
    night = kind.ratios[kind.categories.index("night")]
    assert night == pytest.approx(0.75 * at_two, abs=1e-6)


def test_the_mixture_counts_as_many_rows_as_it_is_precise(rng: np.random.Generator) -> None:
    """A mixture that leans on a small part is no more precise than that part."""
    data, times = history(rng)
    keyed = fit(data, times, season="hour_of_day")
    assert keyed.season is not None
    part = keyed.season.profiles[2].features["x"]
    alone = keyed.profiles_at(np.full(100, MONDAY + 2.5 * HOUR)).features["x"]
    assert alone.count == part.count
    mixed = keyed.profiles_at(np.array([MONDAY + 2.5 * HOUR, MONDAY + 3.5 * HOUR])).features["x"]
    assert mixed.count == pytest.approx(2 * part.count, rel=0.1)


def test_rows_that_match_no_key_are_compared_with_all(rng: np.random.Generator) -> None:
    """Hours the reference never saw, and rows without a time, are compared with the whole reference."""
    data, times = history(rng)
    day = (times % DAY) // HOUR >= 8
    keyed = fit({name: column[day] for name, column in data.items()}, times[day], season="hour_of_day")
    for times_ in (np.full(10, MONDAY + 2.5 * HOUR), np.full(10, np.nan)):
        profile = keyed.profiles_at(times_).features["x"]
        np.testing.assert_allclose(profile.ratios, keyed.features["x"].ratios, atol=1e-9)
    assert keyed.profiles_at(None) is keyed.profiles


def test_keyed_profiles_share_bins(rng: np.random.Generator) -> None:
    """Every key has the whole's bins and categories, and the keys' rows add up to the whole's."""
    data, times = history(rng, days=14)
    keyed = fit(data, times, season="day_of_week")
    assert keyed.season is not None
    assert sorted(keyed.season.profiles) == list(range(7))
    for name, whole in keyed.features.items():
        parts = [profiles.features[name] for profiles in keyed.season.profiles.values()]
        assert all(part.bins == whole.bins for part in parts)
        np.testing.assert_allclose(sum(part.counts for part in parts), whole.counts, atol=2)


def test_keyed_references_merge(rng: np.random.Generator) -> None:
    """Keys merge one by one."""
    data, times = history(rng, days=14)
    half = len(times) // 2
    parts = [
        fit({name: column[part] for name, column in data.items()}, times[part], season="day_of_week")
        for part in (slice(None, half), slice(half, None))
    ]
    merged, whole = parts[0].merge(parts[1]), fit(data, times, season="day_of_week")
    assert merged.season is not None
    assert whole.season is not None
    for key, profiles in whole.season.profiles.items():
        for name, profile in profiles.features.items():
            other = merged.season.profiles[key].features[name]
            assert other.rows == profile.rows
            np.testing.assert_allclose(other.ratios, profile.ratios, atol=0.01)


def test_missing_hours_mix_missing_rates(rng: np.random.Generator) -> None:
    """A column that is missing at night has the missing rate of the window's own hours."""
    data, times = history(rng)
    night = (times % DAY) // HOUR < 6
    data["x"] = np.where(night, np.nan, data["x"])
    keyed = fit(data, times, season="hour_of_day")
    window = np.concatenate([np.full(100, MONDAY + 2.5 * HOUR), np.full(300, MONDAY + 12.5 * HOUR)])
    assert keyed.profiles_at(window).features["x"].missing_ratio == pytest.approx(0.25)
    at_night = keyed.profiles_at(window[:100]).features["x"]
    assert at_night.missing_ratio == pytest.approx(1.0)
    assert at_night.count == 0
