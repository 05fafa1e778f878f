"""Every odd input of docs/decisions.md has one defined result."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from exporter import Policy, Reference, check
from exporter.policy import TestType
from exporter.report import ColumnReport

N = 1000

BOTH_KEYS: tuple[TestType, ...] = ("psi", "ks", "jensen_shannon")


def fit(column: Any, **options: Any) -> Reference:
    return Reference.fit({"x": column}, model_name="m", model_version="1", **options)


def compare(before: Any, now: Any, **options: Any) -> ColumnReport:
    """What a check of the column `now` finds against a reference of `before`."""
    return check(fit(before, **options), {"x": now}).features["x"]


def normal(seed: int, loc: float = 0.0, n: int = N) -> np.ndarray:
    return np.random.default_rng(seed).normal(loc=loc, size=n)


def with_some(values: np.ndarray, odd: float, rows: int) -> np.ndarray:
    values = values.copy()
    values[:rows] = odd
    return values


def test_nan_is_missing_and_no_drift() -> None:
    """NaN leaves the distribution as it is and is counted as missing."""
    column = compare(normal(1), with_some(normal(2), np.nan, 200))
    assert column.state == "ok"
    assert column.quality["missing_ratio"] == 0.2


def test_infinities_are_counted_apart_and_no_drift() -> None:
    """Infinite values of either sign are neither missing nor part of any statistic."""
    values = with_some(with_some(normal(2), np.inf, 50), -np.inf, 25)
    column = compare(normal(1), values)
    assert column.state == "ok"
    assert column.quality["infinite_ratio"] == 0.05
    assert column.quality["missing_ratio"] == 0.0
    assert np.isfinite(column.findings["wasserstein"].value)


def test_negative_zero_is_zero() -> None:
    """-0.0 and 0.0 are one value."""
    column = compare(np.zeros(N), np.full(N, -0.0))
    assert column.state == "ok"
    assert {column.findings[test].value for test in BOTH_KEYS} == {0.0}


def test_the_largest_floats_do_not_break_a_statistic() -> None:
    """Values near 1e308 give finite bins and KS, and null where a number would overflow."""
    before, now = normal(1), with_some(normal(2), 1e308, 3)
    column = compare(before, now)
    assert column.state == "ok"
    assert set(column.to_dict()["statistics"]) >= set(BOTH_KEYS)
    both = compare(with_some(before, -1e308, 500), with_some(now, 1e308, 500))
    assert both.state == "drift"
    assert both.findings["ks"].value == pytest.approx(0.5, abs=0.05)


def test_one_outlier_neither_hides_a_shift_nor_raises_an_alarm() -> None:
    """A single 1e6 among a thousand rows changes no verdict."""
    assert compare(normal(1), with_some(normal(2), 1e6, 1)).state == "ok"
    shifted = compare(normal(1), with_some(normal(2, loc=1.0), 1e6, 1))
    assert shifted.state == "drift"
    assert shifted.findings["psi"].value > 0.5
    in_reference = compare(with_some(normal(1), 1e6, 1), normal(2, loc=1.0))
    assert in_reference.state == "drift"


def test_all_missing_is_unknown() -> None:
    """A column without any value has no state but unknown, with the reason, on either side."""
    column = compare(normal(1), np.full(N, np.nan))
    assert (column.state, column.reason) == ("unknown", "all_missing")
    assert column.quality["missing_ratio"] == 1.0
    assert compare([None] * N, normal(2)).reason == "all_missing"
    assert compare(list("ab") * 500, [None] * N).reason == "all_missing"


def test_half_missing_is_decided_by_the_rest() -> None:
    """With half the values gone, the other half decides, and quality tells how many are gone."""
    same = compare(normal(1), with_some(normal(2), np.nan, 500))
    assert (same.state, same.quality["missing_ratio"]) == ("ok", 0.5)
    assert compare(normal(1), with_some(normal(2, loc=1.0), np.nan, 500)).state == "drift"


@pytest.mark.parametrize("value", [0.0, 3.5, -1e308])
def test_a_constant_that_stays_is_zero_everywhere(value: float) -> None:
    """An unchanged constant has no effect by any test."""
    column = compare(np.full(N, value), np.full(N, value))
    assert column.state == "ok"
    effects = {test: finding.effect for test, finding in column.findings.items()}
    assert effects == {**dict.fromkeys(effects, 0.0), "variance_ratio": 1.0}
    assert {finding.p_value for finding in column.findings.values()} == {1.0}


@pytest.mark.parametrize("now", [np.full(N, 3.5000001), np.full(N, -1e9), np.nextafter(np.full(N, 3.5), 9)])
def test_a_constant_that_changes_is_maximal(now: np.ndarray) -> None:
    """However small the step, every row is elsewhere: the distances are at their maximum."""
    column = compare(np.full(N, 3.5), now)
    assert (column.state, column.severity) == ("drift", "critical")
    assert column.findings["ks"].value == 1.0
    assert column.findings["jensen_shannon"].value == pytest.approx(1.0)


def test_a_constant_that_becomes_alive_is_drift() -> None:
    """A frozen sensor that moves again is drift, and so is one that freezes."""
    assert compare(np.zeros(N), normal(1)).state == "drift"
    assert compare(normal(1), np.zeros(N)).state == "drift"


def test_one_category_that_stays_or_changes() -> None:
    """A single category is like a constant."""
    same = compare(["a"] * N, ["a"] * N)
    assert same.state == "ok"
    assert {finding.effect for finding in same.findings.values()} == {0.0}
    other = compare(["a"] * N, ["b"] * N)
    assert (other.state, other.severity) == ("drift", "critical")


def test_unseen_categories_only() -> None:
    """A window of nothing but new categories is drift at the maximum, and they are named."""
    column = compare(["a", "b"] * 500, ["x", "y", "y", "z"] * 250)
    assert (column.state, column.severity) == ("drift", "critical")
    assert column.quality["unseen_ratio"] == 1.0
    assert column.findings["jensen_shannon"].value == pytest.approx(1.0)
    details = column.findings["chi_square"].details
    assert details["new_categories"] == ["y", "x", "z"]
    assert details["vanished_categories"] == ["a", "b"]


@pytest.mark.slow
def test_a_million_categories(rng: np.random.Generator) -> None:
    """A million categories are refused as a key unless declared; keys that are declared cannot be decided."""
    keys = [f"user {i}" for i in range(1_000_000)]
    with pytest.raises(ValueError, match="looks like a key"):
        fit(keys)
    reference = fit(keys, kinds={"x": "categorical"})
    current = [f"user {i}" for i in rng.integers(0, 1_000_000, size=N)]
    column = check(reference, {"x": current}).features["x"]
    assert (column.state, column.reason) == ("unknown", "unreadable")
    assert column.quality["unseen_ratio"] == 0.0  # nobody can tell
    some = fit([*keys[:700_000], *["frequent"] * 300_000], kinds={"x": "categorical"})
    assert some.features["x"].bins == ("frequent", "__other__", "__missing__", "__inf__")
    column = check(some, {"x": [*current[:700], *["frequent"] * 300]}).features["x"]
    assert column.state == "ok"


def test_booleans_are_two_categories() -> None:
    """True and False are categories, in every dtype that holds them."""
    before = np.arange(N) % 4 == 0
    columns: list[Callable[[np.ndarray], Any]] = [
        lambda v: v,
        lambda v: v.tolist(),
        lambda v: pd.array(v, dtype="boolean"),
        pl.Series,
        pa.array,
    ]
    for form in columns:
        reference = fit(form(before))
        assert reference.features["x"].bins[:2] == ("False", "True")
        assert check(reference, {"x": form(before)}).features["x"].state == "ok"
        assert check(reference, {"x": form(~before)}).features["x"].state == "drift"


def test_integers_beyond_floats_are_rounded() -> None:
    """Integers beyond 2**53 are numbers, rounded to the nearest float; they neither wrap nor fail."""
    big = [2**53 + i for i in range(N)]
    assert compare(big, big).state == "ok"
    huge = [10**400] * 200 + list(range(800))
    column = compare(range(N), huge)
    assert column.quality["infinite_ratio"] == 0.2


def test_decimals_are_numbers() -> None:
    """Decimals compare with floats."""
    values = [Decimal(str(round(v, 6))) for v in normal(1).tolist()]
    column = compare(normal(1), values)
    assert column.kind == "numeric"
    assert column.findings["psi"].value == pytest.approx(0.0, abs=1e-3)


def test_times_are_seconds_in_utc() -> None:
    """Times with and without a zone are one scale: seconds since 1970, a naive time read as UTC."""
    start = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)
    aware = [start + dt.timedelta(minutes=i) for i in range(N)]
    berlin = dt.timezone(dt.timedelta(hours=1))
    forms = [
        [time.astimezone(berlin) for time in aware],
        [time.replace(tzinfo=None) for time in aware],
        pd.Series(aware),
        np.array([time.replace(tzinfo=None) for time in aware], dtype="datetime64[s]"),
    ]
    for form in forms:
        column = compare(aware, form)
        assert column.kind == "numeric"
        assert {column.findings[test].value for test in BOTH_KEYS} == {0.0}
    later = [time + dt.timedelta(days=2) for time in aware]
    assert compare(aware, later).findings["mean_shift"].details["difference"] == pytest.approx(172_800)


def test_nullable_and_categorical_dtypes() -> None:
    """Nullable numbers are numbers; categories, enums and dictionaries are categories by their text."""
    numbers = with_some(np.arange(float(N)), np.nan, 100)
    nullable = pd.array([None if np.isnan(v) else int(v) for v in numbers], dtype="Int64")
    column = compare(nullable, nullable)
    assert (column.kind, column.state, column.quality["missing_ratio"]) == ("numeric", "ok", 0.1)
    codes = [str(i % 3) for i in range(N)]
    for form in (
        pd.Categorical(codes, categories=["2", "1", "0", "never"]),
        pl.Series(codes, dtype=pl.Enum(["0", "1", "2"])),
        pa.array(codes).dictionary_encode(),
        pd.Categorical([i % 3 for i in range(N)]),
    ):
        column = compare(codes, form)
        assert (column.kind, column.state) == ("categorical", "ok")
        assert column.findings["psi"].value == 0.0


def test_mixed_types_are_categories() -> None:
    """A column of numbers and text is one of categories; equal numbers of any type are one of them."""
    mixed = ["a", 1, 2.5, None] * 250
    same = compare(mixed, ["a", 1.0, Decimal("2.5"), None] * 250)
    assert (same.kind, same.state) == ("categorical", "ok")
    assert same.findings["psi"].value == 0.0


def test_text_in_a_numeric_column() -> None:
    """Some text among numbers drifts as __other__; nothing but text is unreadable."""
    some = compare(normal(1), [*normal(2)[:700].tolist(), *["n/a"] * 300])
    assert some.state == "drift"
    assert some.quality["type_error_ratio"] == 0.3
    few = compare(normal(1), [*normal(2)[:990].tolist(), *["n/a"] * 10])
    assert few.state == "ok"
    assert compare(normal(1), ["7"] * N).reason == "unreadable"


def test_objects_are_categories_by_their_text() -> None:
    """Tuples and other objects count by their text."""
    column = compare([(1, 2), (3, 4)] * 500, [(3, 4), (1, 2)] * 500)
    assert (column.kind, column.state) == ("categorical", "ok")
    assert compare([[1], [2]] * 500, [[1], [1]] * 500).state == "drift"


@pytest.mark.parametrize("rows", [0, 1, 9, 99])
def test_few_rows_are_unknown(rows: int) -> None:
    """An empty window, one row, fewer rows than bins: unknown, without a number."""
    column = compare(normal(1), normal(2, n=rows))
    assert (column.state, column.reason, dict(column.findings)) == ("unknown", "insufficient_data", {})
    assert compare(list("ab") * 500, ["a"] * rows).reason == "insufficient_data"


def test_fewer_reference_rows_than_bins() -> None:
    """Five rows have a bin each and gaps between; a policy that allows so few compares them."""
    reference = fit([1.0, 2.0, 3.0, 4.0, 5.0])
    assert reference.features["x"].counts.tolist() == [0, 1] * 5 + [0, 0, 0, 0]
    report = check(reference, {"x": [1.0, 2.0, 3.0, 4.0, 5.0]}, Policy(min_samples=5))
    assert report.features["x"].state == "ok"


@pytest.mark.parametrize("empty", [[], {}, {"x": []}, pd.DataFrame(), np.empty((0, 1)), pl.DataFrame()])
def test_an_empty_table_is_unknown(empty: Any) -> None:
    """A window without rows is unknown in every form it comes in."""
    report = check(fit(normal(1)), empty)
    assert report.rows == 0
    assert report.features["x"].state == "unknown"
    assert not report.drift_detected


def test_duplicated_names() -> None:
    """Of two columns of one name the first is compared, and the report says so."""
    reference = Reference.fit(pd.DataFrame({"x": normal(1)}), model_name="m", model_version="1")
    frame = pd.DataFrame(np.column_stack([normal(2), normal(3, loc=5.0)]), columns=["x", "x"])
    report = check(reference, frame)
    assert report.features["x"].state == "ok"
    assert report.quality["extra_columns"] == ["x.2"]
    assert "stands 2 times" in report.quality["problems"][0]


def test_unicode_and_newlines_in_names_and_categories() -> None:
    """Names and categories may be any text."""
    odd = ["日本", "line\nbreak", 'quo"te', "", " ", "\x00", "🦆"]
    data = {"größe\n🦆": odd * 150}
    reference = Reference.fit(data, model_name="m", model_version="1")
    report = check(reference, data)
    assert report.features["größe\n🦆"].state == "ok"
    assert set(reference.features["größe\n🦆"].bins[:-3]) == set(odd)


def test_a_category_named_like_a_special_bin() -> None:
    """The texts __missing__ and __other__ are categories in quotes, not missing values."""
    column = compare(["__missing__", "a"] * 500, ["__missing__", "a"] * 500)
    assert column.state == "ok"
    assert column.quality["missing_ratio"] == 0.0
