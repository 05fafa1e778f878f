from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.peers.incidents import (
    INCIDENTS,
    NEW_CATEGORY,
    NEW_VERSION_SHARE,
    OUTLIER,
    TIME,
    VERSION,
    WINDOW_ROWS,
    Incident,
    write_incidents,
)

BY_KEY = {incident.key: incident for incident in INCIDENTS}


def _rows(key: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    return BY_KEY[key].rows(np.random.default_rng(1))


@pytest.mark.parametrize("incident", INCIDENTS, ids=BY_KEY)
def test_a_window_has_the_columns_of_training(incident: Incident) -> None:
    """Only what happens to the window tells the two tables apart."""
    reference, window = incident.rows(np.random.default_rng(1))
    assert list(reference.columns) == list(window.columns)
    assert len(window) == WINDOW_ROWS
    assert not reference.isna().any().any()


def test_a_spike_of_missing_values_leaves_the_others_as_they_were() -> None:
    """Values are missing at random, in one column."""
    reference, window = _rows("missing")
    assert window["distance"].isna().mean() == pytest.approx(0.6, abs=0.05)
    assert window["distance"].mean() == pytest.approx(reference["distance"].mean(), abs=30.0)
    assert not window.drop(columns="distance").isna().any().any()


def test_one_value_is_an_outlier() -> None:
    """All others are of the usual order."""
    _, window = _rows("outlier")
    assert (window["amount"] == OUTLIER).sum() == 1
    assert window["amount"].nlargest(2).iloc[1] < 1_000.0


def test_the_new_category_is_new() -> None:
    """Training never saw it."""
    reference, window = _rows("new_category")
    assert NEW_CATEGORY not in set(reference["carrier"])
    assert (window["carrier"] == NEW_CATEGORY).mean() == pytest.approx(0.06, abs=0.03)


def test_at_night_rows_are_those_of_the_same_hours_in_training() -> None:
    """The mean of the window is another, its mean at night is not."""
    reference, window = _rows("night")
    dark = [table[table[TIME] % 86_400.0 < 6 * 3_600.0] for table in (reference, window)]
    assert len(dark[1]) == pytest.approx(WINDOW_ROWS / 2, rel=0.1)
    assert window["temperature"].mean() < reference["temperature"].mean() - 0.5
    assert dark[1]["temperature"].mean() == pytest.approx(dark[0]["temperature"].mean(), abs=0.5)


def test_each_version_of_a_rolling_update_is_as_in_its_own_training() -> None:
    """Versions differ in their amounts, a version's window and training do not."""
    reference, window = _rows("rolling_update")
    assert (window[VERSION] == "2").mean() == NEW_VERSION_SHARE
    before = reference.groupby(VERSION)["amount"].median()
    assert window.groupby(VERSION)["amount"].median().to_dict() == pytest.approx(before.to_dict(), rel=0.15)
    assert before["2"] == pytest.approx(100.0 * before["1"], rel=0.1)


def test_the_same_seed_writes_the_same_tables(tmp_path: Path) -> None:
    """Two runs compare the same rows."""
    for name in ("first", "second"):
        write_incidents(tmp_path / name)
    for incident in INCIDENTS:
        first, second = (
            pd.read_parquet(tmp_path / name / incident.key / "window.parquet") for name in ("first", "second")
        )
        pd.testing.assert_frame_equal(first, second)
