from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from exporter import ObservationError
from exporter.rows import read_rows, score_values


def test_scores_of_matrices() -> None:
    """Two probabilities give the positive class, more the largest, one column itself."""
    assert score_values(np.array([[0.3, 0.7], [0.9, 0.1]])).tolist() == [0.7, 0.1]
    assert score_values(np.array([[0.2, 0.5, 0.3]])).tolist() == [0.5]
    assert score_values(np.array([[0.2], [0.4]])).tolist() == [0.2, 0.4]
    assert score_values([0.1, None]).tolist()[0] == 0.1
    with pytest.raises(ObservationError, match="matrix of 0 columns"):
        score_values(np.empty((3, 0)))


MATRIX = [[0.3, 0.7], [0.9, 0.1]]
COLUMNS = {"no": [0.3, 0.9], "yes": [0.7, 0.1]}


@pytest.mark.parametrize(
    "scores",
    [
        MATRIX,
        tuple(map(tuple, MATRIX)),
        [np.array(row) for row in MATRIX],
        np.array(MATRIX, dtype=object),
        np.array(MATRIX, dtype=np.float32),
        pd.DataFrame(COLUMNS),
        pl.DataFrame(COLUMNS),
        pa.table(COLUMNS),
    ],
)
def test_scores_are_a_matrix_in_every_form(scores: Any) -> None:
    """Lists of lists and tables are the probabilities that an array of them is."""
    assert score_values(scores) == pytest.approx([0.7, 0.1])


def test_truth_values_and_missing_ones_of_a_matrix_are_numbers() -> None:
    """As they are in a column."""
    assert score_values(np.array([[True, False], [False, True]])).tolist() == [0.0, 1.0]
    assert score_values(pd.DataFrame({"no": [True, False], "yes": [False, True]})).tolist() == [0.0, 1.0]
    assert np.isnan(score_values([[0.5, None]])).all()
    assert np.isnan(score_values(np.ma.masked_greater(np.array([[0.2, 0.8]]), 0.5))).all()


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([[0.5, 0.5], [1.0]], "scores: found rows of 1 to 2 values, need one width"),
        ([["a", "b"]], "scores: column 'f0': found 'a', need numbers"),
        (np.array([["0.5"]]), "scores: column 'f0': found '0.5', need numbers"),
        (np.array([1j]), "scores: found dtype complex128, need numbers"),
        (np.zeros((2, 2, 2)), "scores: found 3 dimensions, need 1"),
    ],
)
def test_scores_that_are_none_are_refused(scores: Any, message: str) -> None:
    """By name, with what was found."""
    with pytest.raises(ObservationError, match=message):
        score_values(scores)


@pytest.mark.parametrize("argument", ["labels", "predictions", "scores", "timestamps"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda column: np.array(column)[:, None],
        lambda column: pd.DataFrame({"y": column}),
        lambda column: pl.DataFrame({"y": column}),
        lambda column: pa.table({"y": column}),
        lambda column: {"y": column},
    ],
    ids=["array", "pandas", "polars", "arrow", "dict"],
)
def test_a_column_may_lie_in_a_table_of_its_own(argument: str, wrap: Any) -> None:
    """As `df[["y"]]` is one, and what many models give for one target."""
    rows = read_rows({"a": [1.0, 2.0, 3.0]}, **{argument: wrap([1.0, 0.0, 1.0])})
    found: Any = rows.times if argument == "timestamps" else getattr(rows, argument)
    assert found.tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.DataFrame({"y": [1], "z": [2]}), r"found 2 columns \('y', 'z'\), need 1"),
        (np.zeros((1, 7)), r"found 7 columns \('f0', 'f1', 'f2', 'f3', 'f4'\), need 1"),
        (np.zeros((1, 1, 1)), "found 3 dimensions, need 1"),
        (np.array([1j]), "found dtype complex128, need numbers"),
    ],
)
@pytest.mark.parametrize("argument", ["labels", "predictions", "timestamps"])
def test_what_is_no_column_is_refused_by_name(argument: str, values: Any, message: str) -> None:
    """The message says which argument it was."""
    with pytest.raises(ObservationError, match=f"^{argument}: {message}"):
        read_rows({"a": [1.0]}, **{argument: values})


def test_selecting_rows_cuts_everything() -> None:
    """A mask, indices or a slice cut the columns and all that belongs to the rows."""
    rows = read_rows(
        {"a": [1.0, 2.0, 3.0], "b": ["x", "y", "z"]},
        scores=[0.1, 0.2, 0.3],
        labels=["u", "v", "w"],
        timestamps=[10.0, 20.0, 30.0],
    )
    for chosen in (np.array([True, False, True]), np.array([0, 2]), slice(0, 3, 2)):
        some = rows.select(chosen)
        assert some.n_rows == 2
        assert some.columns.arrays["b"].tolist() == ["x", "z"]
        assert some.scores is not None
        assert some.scores.tolist() == [0.1, 0.3]
        assert some.labels is not None
        assert some.labels.tolist() == ["u", "w"]
        assert some.times is not None
        assert some.times.tolist() == [10.0, 30.0]
        assert some.predictions is None


def test_what_does_not_fit_is_refused() -> None:
    """Columns of another length and times that are none are refused by name."""
    with pytest.raises(ObservationError, match="labels: found 1 values for 2 rows"):
        read_rows({"a": [1.0, 2.0]}, labels=[1])
    with pytest.raises(ObservationError, match="timestamps: found text"):
        read_rows({"a": [1.0]}, timestamps=["noon"])
