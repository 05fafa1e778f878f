import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from exporter.reference.kinds import (
    MAX_CATEGORY_CHARS,
    SPECIAL_BINS,
    as_numbers,
    category_codes,
    category_names,
    category_text,
    tally,
)


def objects(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (1.0, "1"),
        (np.float32(1.0), "1"),
        (Decimal("1.00"), "1"),
        ("1", "1"),
        (True, "True"),
        (np.bool_(0), "False"),
        (1.5, "1.5"),
        (-0.0, "0"),
        (2**60 + 1, str(2**60 + 1)),
        (b"gr\xfc\xdfe", "grüße"),
        (dt.date(2013, 1, 2), "2013-01-02"),
        ("line\nbreak", "line\nbreak"),
        ("日本", "日本"),
        ("\ud800", "?"),
        (None, "__missing__"),
        (float("nan"), "__missing__"),
        (float("-inf"), "__inf__"),
        ("__other__", "'__other__'"),
        ((1, 2), "(1, 2)"),
    ],
)
def test_category_text(value: Any, text: str) -> None:
    """Equal values of different types are one category, and no value can pass for a special bin."""
    assert category_text(value) == text


def test_long_categories_stay_apart() -> None:
    """Two long texts that differ at the end are two categories of bounded length."""
    first, second = category_text("x" * 1000 + "a"), category_text("x" * 1000 + "b")
    assert first != second
    assert len(first) == len(second) == MAX_CATEGORY_CHARS


def test_tally_counts_what_names_name() -> None:
    """Counting a column and naming its values agree, for every mix of types."""
    for column in (
        objects(["a", "b", None, "a", "__inf__"]),
        objects([1, 1.0, True, "1", None, [1], float("nan")]),
        np.array([1.0, 1.0, np.nan, np.inf, 2.5]),
        objects([True, False, None]),
    ):
        names = category_names(column)
        assert tally(column) == {name: names.count(name) for name in names}


def test_true_and_one_are_two_categories() -> None:
    """Python calls 1 and True equal; a column that holds both has two categories."""
    assert tally(objects([1, True, 1.0, "1"])) == {"1": 3, "True": 1}


def test_numbers_are_read_and_text_is_not() -> None:
    """Numbers of any type count, text is a type error even if it looks like a number."""
    numbers, wrong = as_numbers(objects([1, True, Decimal("2.5"), None, "3", 10**400, -(10**400)]))
    np.testing.assert_array_equal(numbers, [1, 1, 2.5, np.nan, np.nan, np.inf, -np.inf])
    assert wrong is not None
    assert wrong.tolist() == [False, False, False, False, True, False, False]


def test_special_bins_are_last_and_in_order() -> None:
    """Rules and profiles rely on the order of the special bins."""
    assert SPECIAL_BINS == ("__other__", "__missing__", "__inf__")


NAN = float("nan")


@pytest.mark.parametrize(
    "values",
    [
        [],
        ["a", "b", "a"],
        ["a", None, "b", None],
        [True, None, False, "True"],
        [1, 1.0, NAN, None, float("inf"), -0.0, 2**60, float(2**60)],
        [1, True, "1", "True", 1.0],  # equal values, different categories
        [Decimal("1.5"), Decimal("1.50"), 1.5],
        [["a"], ["b"], ["a"], None],
        [b"x", "x", np.str_("x"), np.float64(2.0)],
        ["x" * 1000 + "a", "x" * 1000 + "b"],
    ],
)
def test_names_and_codes_are_those_of_each_value_by_itself(values: list[Any]) -> None:
    """However the values are mixed, and whether or not they can be hashed."""
    array = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        array[place] = value
    names = [category_text(value) for value in values]
    assert category_names(array) == names
    codes = {"a": 0, "True": 1, "1": 2, "__missing__": 3}
    assert category_codes(array, codes, 9).tolist() == [codes.get(name, 9) for name in names]


def test_missing_numbers_of_a_float_column_are_found() -> None:
    """NaN differs from itself, so that a dict finds it by its object alone."""
    values = np.array([1.0, np.nan, 2.5, np.nan, np.inf])
    assert category_names(values) == ["1", "__missing__", "2.5", "__missing__", "__inf__"]
    assert category_codes(values, {"__missing__": 0, "1": 1}, 9).tolist() == [1, 0, 9, 0, 9]
