"""A window that is read in parts is judged as the whole window is."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from exporter import Policy, Reference
from exporter.errors import ObservationError
from exporter.measure import Measurement, measure_rows
from exporter.reference import CategoricalProfile
from exporter.rows import Rows, read_rows
from exporter.summaries import WINDOW_POINTS, WindowSummary

FEATURES = ["age", "fare", "carrier"]


@pytest.fixture
def reference(rng: np.random.Generator) -> Reference:
    """A classifier's, of 20,000 rows."""
    return Reference.fit(
        table(rng, 20_000),
        model_name="m",
        model_version="1",
        scores=rng.uniform(size=20_000),
        predictions=rng.choice(["no", "yes"], size=20_000),
        clock=lambda: 0.0,
    )


def table(rng: np.random.Generator, rows: int, shift: float = 0.0) -> dict[str, Any]:
    """Rows with missing and infinite numbers, and categories."""
    fare = rng.lognormal(size=rows)
    fare[rng.random(rows) < 0.05] = np.nan
    fare[rng.random(rows) < 0.01] = np.inf
    carrier = rng.choice(["AA", "UA", "DL", "WN"], size=rows).astype(object)
    return {"age": rng.normal(40 + shift, 10, size=rows), "fare": fare, "carrier": carrier}


def window(rng: np.random.Generator, rows: int, shift: float = 0.0) -> Rows:
    """Rows with what the model said about them."""
    return read_rows(
        table(rng, rows, shift),
        FEATURES,
        scores=rng.uniform(size=rows),
        predictions=rng.choice(["no", "yes"], size=rows),
    )


def in_parts(reference: Reference, rows: Rows, parts: int) -> WindowSummary:
    """A summary of parts that have travelled, merged in pairs."""
    found = []
    for chosen in np.array_split(np.arange(rows.n_rows), parts):
        summary = WindowSummary(reference.profiles)
        for chunk in np.array_split(chosen, 3):
            summary.update(rows.select(chunk))
        summary.condense()
        travelled: WindowSummary = pickle.loads(pickle.dumps(summary))
        found.append(travelled)
    while len(found) > 1:
        first, second = found.pop(0), found.pop(0)
        first.merge(second)
        first.condense()
        found.append(first)
    return found[0]


def measured(reference: Reference, rows: Rows, parts: int) -> tuple[list[Measurement], list[Measurement]]:
    """Of the whole window and of its parts."""
    policy = Policy()
    whole = measure_rows(reference.profiles, rows, policy.min_samples)
    return whole, in_parts(reference, rows, parts).measure(policy.min_samples, policy.wanted)


def test_counts_are_those_of_the_whole(reference: Reference, rng: np.random.Generator) -> None:
    """Rows on every bin, missing, infinite, out of range and unseen ones: exactly, whatever the parts."""
    whole, parts = measured(reference, window(rng, 60_000, shift=1.0), 16)
    for before, after in zip(whole, parts, strict=True):
        assert before.bins is not None
        assert after.bins is not None
        np.testing.assert_array_equal(before.bins.counts, after.bins.counts)
        for what in ("missing", "infinite", "out_of_range", "unseen", "type_errors"):
            assert getattr(before.bins, what) == getattr(after.bins, what)
        assert (before.name, before.n_current, before.n_bins) == (after.name, after.n_current, after.n_bins)


def test_statistics_of_counts_and_moments_are_those_of_the_whole(
    reference: Reference, rng: np.random.Generator
) -> None:
    """PSI, Jensen-Shannon, Hellinger, chi-square, mean shift and variance ratio, of heavy tails too."""
    whole, parts = measured(reference, window(rng, 60_000, shift=1.0), 16)
    exact = {"psi", "jensen_shannon", "hellinger", "chi_square", "mean_shift"}
    for before, after in zip(whole, parts, strict=True):
        values = {one.test: (one.value, one.p_value) for one in before.statistics if one.test in exact}
        assert values
        for one in after.statistics:
            if one.test in exact:
                assert (one.value, one.p_value) == pytest.approx(values[one.test], rel=1e-9)
        ratios = [
            m.value for found in (before, after) for m in found.statistics if m.test == "variance_ratio"
        ]
        assert ratios[:1] == pytest.approx(ratios[1:], rel=1e-9)


def test_ks_is_within_its_stated_error(reference: Reference, rng: np.random.Generator) -> None:
    """The distance of two distributions is off by no more than it says, and that is little."""
    whole, parts = measured(reference, window(rng, 200_000, shift=2.0), 16)
    compared = 0
    for before, after in zip(whole, parts, strict=True):
        exact = {one.test: one for one in before.statistics}
        for one in after.statistics:
            if one.test == "ks":
                own = one.details["ks_error"] - exact["ks"].details["ks_error"]
                assert 0.0 < own < 12 / WINDOW_POINTS
                assert abs(one.value - exact["ks"].value) <= own
                compared += 1
    assert compared == 3  # age, fare and the score


def test_a_summary_stays_small(reference: Reference, rng: np.random.Generator) -> None:
    """What travels does not grow with the rows it stands for."""
    sizes = [len(pickle.dumps(in_parts(reference, window(rng, rows), 2))) for rows in (100_000, 400_000)]
    assert sizes[1] < 1.1 * sizes[0]


def test_categories_come_and_go(reference: Reference, rng: np.random.Generator) -> None:
    """New and vanished categories are named as in the whole window."""
    columns = {**table(rng, 3000), "carrier": rng.choice(["AA", "UA", "ZZ"], size=3000).astype(object)}
    whole, parts = measured(reference, read_rows(columns, FEATURES), 4)
    carrier = reference.features["carrier"]
    assert isinstance(carrier, CategoricalProfile)
    gone = [name for name in carrier.categories if name in {"DL", "WN"}]
    for found in (whole, parts):
        (one,) = [
            one for m in found if m.name == "carrier" for one in m.statistics if one.test == "chi_square"
        ]
        assert one.details["new_categories"] == ["ZZ"]
        assert one.details["vanished_categories"] == gone


def test_a_column_that_is_missing_or_cannot_be_read_costs_the_others_nothing(
    reference: Reference, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a reason, as in a check of the whole."""
    columns = table(rng, 3000)
    del columns["fare"]

    def fail(*_: Any) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("exporter.reference.profiles.tally", fail)
    found = {m.name: m for m in in_parts(reference, read_rows(columns, FEATURES), 2).measure(100, ["psi"])}
    assert found["fare"].reason == "missing_column"
    assert found["carrier"].reason == "failed"
    assert found["carrier"].detail == "RuntimeError: a fault"
    assert found["age"].reason is None


def test_columns_without_a_number_say_so(reference: Reference, rng: np.random.Generator) -> None:
    """All missing is said, and text is no number: the reasons are those of the whole."""
    columns = {**table(rng, 3000), "age": np.full(3000, np.nan), "fare": np.full(3000, "x", dtype=object)}
    whole, parts = measured(reference, read_rows(columns, FEATURES), 4)
    assert [(m.reason, m.detail) for m in whole] == [(m.reason, m.detail) for m in parts]
    assert [m.reason for m in parts[:2]] == ["all_missing", "unreadable"]


def test_an_empty_window_is_insufficient(reference: Reference) -> None:
    """As for a check of no rows."""
    whole, parts = measured(reference, read_rows({name: [] for name in FEATURES}, FEATURES), 1)
    assert {m.reason for m in whole} == {m.reason for m in parts} == {"insufficient_data"}


def test_summaries_of_two_references_do_not_merge(reference: Reference, rng: np.random.Generator) -> None:
    """A column of two kinds shows that they were made with other profiles."""
    columns = {**table(rng, 3000), "carrier": rng.normal(size=3000)}
    other = Reference.fit(columns, model_name="m", model_version="1")
    first, second = WindowSummary(reference.profiles), WindowSummary(other.profiles)
    first.update(window(rng, 100))
    second.update(read_rows(columns, FEATURES))
    with pytest.raises(ObservationError, match=r"found column 'carrier' of two kinds, need one reference"):
        first.merge(second)
