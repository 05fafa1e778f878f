from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from exporter.columns import Columns, concatenate, count_rows, to_columns
from exporter.errors import ObservationError
from exporter.reference import category_text
from exporter.values import to_array

NAN = float("nan")


def listed(columns: Columns) -> dict[str, list[Any]]:
    return {
        name: [None if value != value else value for value in array.tolist()]  # noqa: PLR0124
        for name, array in columns.arrays.items()
    }


TABLES: list[Any] = [
    {"a": [1, 2, None], "b": ["x", None, "y"]},
    [{"a": 1, "b": "x"}, {"a": 2}, {"b": "y"}],
    pd.DataFrame({"a": [1, 2, None], "b": ["x", None, "y"]}),
    pd.DataFrame({"a": pd.array([1, 2, None], dtype="Int64"), "b": pd.Categorical(["x", None, "y"])}),
    pl.DataFrame({"a": [1, 2, None], "b": ["x", None, "y"]}),
    pl.DataFrame({"a": [1.0, 2.0, NAN], "b": pl.Series(["x", None, "y"], dtype=pl.Categorical)}),
    pa.table({"a": [1, 2, None], "b": ["x", None, "y"]}),
    pa.table({"a": [1, 2, None], "b": pa.array(["x", None, "y"]).dictionary_encode()}),
    pa.table({"a": [1, 2, None], "b": ["x", None, "y"]}).to_batches()[0],
    np.array([(1.0, "x"), (2.0, None), (NAN, "y")], dtype=[("a", float), ("b", object)]),
]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: type(table).__name__)
def test_every_kind_of_table_reads_alike(table: Any) -> None:
    """A missing number is NaN and a missing text is None, whatever the table was."""
    columns = to_columns(table)
    assert columns.n_rows == 3
    assert listed(columns) == {"a": [1.0, 2.0, None], "b": ["x", None, "y"]}
    assert columns.arrays["a"].dtype == np.float64
    assert columns.arrays["b"].dtype == object


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, False, None], [True, False, None]),
        ([*np.array([True]), None], [True, None]),
        ([Decimal("1.5"), None, Decimal("sNaN")], [1.5, None, None]),
        ([Fraction(1, 4), 2, 3.5], [0.25, 2.0, 3.5]),
        ([10**400, -(10**400)], [float("inf"), float("-inf")]),
        ([2**53 + 1], [2.0**53]),
        ([dt.datetime(1970, 1, 2, tzinfo=dt.UTC), None], [86400.0, None]),
        ([dt.datetime(1970, 1, 2), dt.date(1970, 1, 3)], [86400.0, 172800.0]),  # noqa: DTZ001 - no zone on purpose
        ([dt.timedelta(minutes=1), None], [60.0, None]),
        ([b"gr\xfc\xdfe", None], ["grüße", None]),
        ([1, "a", None], [1, "a", None]),
        ([None, None], [None, None]),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        (["", " ", "\n"], ["", " ", "\n"]),
    ],
)
def test_objects_become_numbers_or_stay(values: list[Any], expected: list[Any]) -> None:
    """Numbers of any type and times become float64; text, booleans and mixes stay objects."""
    found = [None if value is None or value != value else value for value in to_array(values).tolist()]  # noqa: PLR0124
    assert found == expected


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([1, 2], dtype=np.int8), [1.0, 2.0]),
        (np.array([1, 2], dtype=np.uint64), [1.0, 2.0]),
        (np.array([1.5], dtype=np.float16), [1.5]),
        (np.array([True, False]), [True, False]),
        (np.array(["1970-01-01T00:00:01", "NaT"], dtype="datetime64[ns]"), [1.0, None]),
        (np.array([1500, "NaT"], dtype="timedelta64[ms]"), [1.5, None]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([b"a"]), ["a"]),
        (pd.Series(pd.to_datetime(["2020-01-01T01:00"]).tz_localize("Europe/Berlin")), [1577836800.0]),
        (pd.Series([1, None], dtype="Int64"), [1.0, None]),
        (pd.Series([True, None], dtype="boolean"), [True, None]),
        (pd.Series(pd.Categorical([1, 2, None])), ["1", "2", None]),
        (pd.Series(pd.Categorical([1.0, 2.5, None])), ["1", "2.5", None]),
        (np.ma.masked_values([1.0, -999.0], -999.0), [1.0, None]),
        (np.ma.masked_equal([1, -999], -999), [1.0, None]),
        (np.ma.array(["a", "b"], mask=[False, True]), ["a", None]),
        (np.ma.array([1.0, 2.0]), [1.0, 2.0]),
        (pd.Series(["a", pd.NA], dtype="string"), ["a", None]),
        (pl.Series([dt.datetime(1970, 1, 2, tzinfo=dt.UTC), None]), [86400.0, None]),
        (pa.chunked_array([[1, None], [3]]), [1.0, None, 3.0]),
    ],
)
def test_typed_columns_keep_their_meaning(array: Any, expected: list[Any]) -> None:
    """Each library's own types mean the same as the plain ones."""
    assert [None if v is None or v != v else v for v in to_array(array).tolist()] == expected  # noqa: PLR0124


def test_minus_zero_and_infinities_stay() -> None:
    """Odd floats are values, not gaps."""
    array = to_array([-0.0, float("inf"), float("-inf"), 1e308])
    assert np.signbit(array[0])
    assert array[1:].tolist() == [float("inf"), float("-inf"), 1e308]


def test_columns_of_an_array_are_contiguous() -> None:
    """Later passes read columns, so each lies in one piece of memory."""
    columns = to_columns(np.arange(6.0).reshape(3, 2), ["a", "b"])
    assert all(array.flags.c_contiguous for array in columns.arrays.values())
    assert columns.arrays["b"].tolist() == [1.0, 3.0, 5.0]


def test_a_flat_array_is_a_row_or_a_column() -> None:
    """One value a name is one row; anything else is one column."""
    assert to_columns(np.array([1.0, 2.0]), ["a", "b"]).n_rows == 1
    assert to_columns([1.0, 2.0], ["a", "b"]).n_rows == 1
    assert to_columns(np.array([1.0, 2.0, 3.0]), ["a"]).n_rows == 3


def test_duplicated_names_are_told_and_kept_apart() -> None:
    """A second column of one name gets another, and the table says so."""
    columns = to_columns(pd.DataFrame([[1, 2, 3]], columns=["a", "a", "b"]))
    assert columns.names == ("a", "a.2", "b")
    assert columns.problems == ("column 'a' stands 2 times; the later ones are read under other names",)


def test_names_may_be_any_text() -> None:
    """Unicode, spaces and line breaks are names like others; numbers become their text."""
    assert to_columns(pd.DataFrame([[1, 2]], columns=["größe\n", 7])).names == ("größe\n", "7")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (object(), "found object, need an array"),
        ("text", "found str"),
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
        ({"a": [1, 2], "b": [1]}, "columns of 1 to 2 rows"),
        ([[1, 2], [3]], "rows of 1 to 2 values"),
    ],
)
def test_what_is_no_table_is_refused(table: Any, message: str) -> None:
    """The error says what was found and what is needed."""
    with pytest.raises(ObservationError, match=message):
        to_columns(table)


def test_names_must_fit() -> None:
    """An array of another width than the names is refused, naming some of them."""
    with pytest.raises(ObservationError, match="found 3 columns, need 2: a, b"):
        to_columns(np.zeros((1, 3)), ["a", "b"])


def test_empty_tables_have_no_rows() -> None:
    """No rows is a table too."""
    assert to_columns([]).n_rows == 0
    assert to_columns(np.zeros((0, 2))).n_rows == 0
    assert to_columns(pd.DataFrame({"a": []})).n_rows == 0


def test_concatenating_floats_and_objects_keeps_missing() -> None:
    """NaN of the float part is None in the merged object column."""
    merged = concatenate([to_columns({"a": [1.0, NAN]}), to_columns({"a": ["x"]})])
    assert merged.arrays["a"].tolist() == [1.0, None, "x"]
    assert merged.n_rows == 3


@pytest.mark.parametrize(
    ("table", "n_columns", "rows"),
    [
        (np.zeros((4, 2)), 2, 4),
        (np.zeros(2), 2, 1),
        (np.zeros(3), 2, 3),
        (np.float64(1), None, 1),
        ([[1, 2], [3, 4]], 2, 2),
        ([1, 2], 2, 1),
        ([{"a": 1}], 2, 1),
        ({"a": 1, "b": 2}, 2, 1),
        ({"a": [1, 2, 3]}, 2, 3),
        ({}, 2, 0),
        ("some text", None, 1),
        (iter([]), None, 1),
        (pd.DataFrame({"a": [1, 2]}), 1, 2),
        (pa.table({"a": [1, 2]}), 1, 2),
    ],
)
def test_rows_are_counted_without_reading(table: Any, n_columns: int | None, rows: int) -> None:
    """Counting agrees with what reading would find."""
    assert count_rows(table, n_columns) == rows


def test_what_is_masked_in_a_table_is_missing() -> None:
    """And its number, however odd, is not the data's."""
    table = np.ma.masked_equal([[1.0, -999.0], [2.0, 3.0]], -999.0)
    assert listed(to_columns(table, ["a", "b"])) == {"a": [1.0, 2.0], "b": [None, 3.0]}


def test_keys_that_are_no_text_are_found_again() -> None:
    """Columns that were never named have numbers for names."""
    assert listed(to_columns([{0: 1.0, 1: "x"}, {0: 2.0}])) == {"0": [1.0, 2.0], "1": ["x", None]}


@pytest.mark.parametrize("value", [1.0, 2.5, -3.0, 7, True, "x", "1.0", dt.date(2013, 1, 2)])
def test_a_category_has_the_name_that_its_value_has(value: Any) -> None:
    """A column loses its dtype on the way through a file, and its categories must not change."""
    (text,) = to_array(pd.Series(pd.Categorical([value]))).tolist()
    assert text == category_text(value)


def test_a_column_that_cannot_be_read_is_named() -> None:
    """One of a hundred is to be found."""
    with pytest.raises(ObservationError, match=r"^column 'b': found dtype complex128"):
        to_columns({"a": np.array([1.0]), "b": np.array([1j])})
