from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from exporter.gather import Layout, gather
from exporter.observation import Call

CLASSIFIER = Layout(features=("a", "b"), classes=("no", "yes"), predicts_classes=True)
REGRESSOR = Layout(features=("a", "b"))


def call(
    rows: Any,
    result: Any = None,
    *,
    method: str = "predict",
    ids: Any = None,
    at: Any = None,
    n_rows: int | None = None,
) -> Call:
    return (method, rows, result, ids, at, 10.0, 0.25, len(rows) if n_rows is None else n_rows)


def test_arrays_of_one_width_are_read_together() -> None:
    """Many one-row calls are one table."""
    calls = [call(np.array([[1.0, 2.0]]), np.array([5.0])), call(np.array([[3.0, 4.0]]), np.array([6.0]))]
    (found,) = gather(calls, REGRESSOR, wall_minus_perf=100.0).observations
    assert found.features["a"].tolist() == [1.0, 3.0]
    assert found.scores is not None
    assert found.scores.tolist() == [5.0, 6.0]
    assert found.times.tolist() == [110.0, 110.0]
    assert found.ids is None


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pa.table])
def test_frames_with_the_same_columns_are_read_together(frame: Any) -> None:
    """Each read apart costs ten times as much; those with other columns are another table."""
    calls = [
        call(frame({"a": [float(row), 0.5], "b": [f"text {row}", None]}), np.array([row, row]), n_rows=2)
        for row in range(3)
    ]
    other = call(frame({"b": ["x"], "a": [7.0]}), np.array([7]), n_rows=1)
    together, apart = gather([*calls, other], REGRESSOR, 0.0).observations
    assert together.features["a"].tolist() == [0.0, 0.5, 1.0, 0.5, 2.0, 0.5]
    assert together.features["b"].tolist() == ["text 0", None, "text 1", None, "text 2", None]
    assert together.scores is not None
    assert together.scores.tolist() == [0, 0, 1, 1, 2, 2]
    assert (apart.features["a"].tolist(), apart.features["b"].tolist()) == ([7.0], ["x"])


@pytest.mark.parametrize(
    "rows",
    [
        [{"a": 1.0, "b": "x"}, {"b": "y", "a": 2.0}],
        pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}),
        pl.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}),
        {"a": [1.0, 2.0], "b": ["x", "y"]},
    ],
)
def test_named_tables_are_read_by_name(rows: Any) -> None:
    """Dicts and frames give the same columns as each other, also twice in one go."""
    one = call(rows, np.array(["yes", "no"]), ids=["i", "j"], n_rows=2)
    found = gather([one, one], CLASSIFIER, 0.0)
    features = [obs.features["a"].tolist() for obs in found.observations]
    assert list(itertools.chain(*features)) == [1.0, 2.0, 1.0, 2.0]
    first = found.observations[0].classes
    assert first is not None
    assert first.tolist()[:2] == ["yes", "no"]
    assert not found.violations


@pytest.mark.parametrize(
    ("rows", "violations"),
    [
        (pd.DataFrame({"a": [1.0]}), {"missing_column": 1}),
        (pd.DataFrame({"a": [1.0], "b": [2.0], "c": [3.0]}), {"extra_column": 1}),
        (pd.DataFrame({"b": [1.0], "a": [2.0]}), {"reordered_columns": 1}),
        (pd.DataFrame({"a": [1.0], "x": [2.0]}), {"missing_column": 1, "extra_column": 1}),
        ([{"b": 1.0, "a": 2.0}], {}),
        ([{"a": 2.0}], {"missing_column": 1}),
        (np.zeros((1, 3)), {"column_count": 1}),
    ],
)
def test_other_columns_are_violations(rows: Any, violations: dict[str, int]) -> None:
    """Each kind of wrong table is counted as such; what can be read by name is read."""
    found = gather([call(rows, np.array([1.0]))], REGRESSOR, 0.0)
    assert dict(found.violations) == violations
    if "column_count" in violations:
        assert found.unread_rows == 1
        assert found.observations == ()
    else:
        assert list(found.observations[0].features) == ["a", "b"]


def test_a_missing_column_is_missing_values() -> None:
    """A feature that was not passed is missing in every row."""
    (found,) = gather([call(pd.DataFrame({"a": [1.0]}))], REGRESSOR, 0.0).observations
    assert np.isnan(found.features["b"]).all()


def test_one_unreadable_call_costs_only_itself() -> None:
    """Calls of the same shape are read without it."""
    bad = [{"a": 1.0, "b": 2.0}]
    calls = [
        call(bad, np.array([1.0])),
        call(bad, np.array([1.0]), ids=["too", "many"]),
        call(bad, np.array([2.0])),
    ]
    found = gather(calls, REGRESSOR, 0.0)
    assert [obs.n_rows for obs in found.observations] == [1, 1]
    assert found.violations["unreadable"] == 1
    assert found.unread_rows == 1


@pytest.mark.parametrize(
    ("method", "result", "scores", "classes"),
    [
        ("predict_proba", [[0.9, 0.1], [0.2, 0.8]], [0.1, 0.8], ["no", "yes"]),
        ("predict_proba", [0.4, 0.6], [0.4, 0.6], ["no", "yes"]),
        ("decision_function", [-1.0, 2.0], [-1.0, 2.0], ["no", "yes"]),
        ("predict", ["no", "yes"], None, ["no", "yes"]),
        ("predict", [[1.0], [2.0]], None, ["1", "2"]),
        ("predict", ["no", "yes", "no"], None, None),
        ("predict_proba", [[["x"]], [["y"]]], None, None),
        ("predict", None, None, None),
    ],
)
def test_answers_of_a_classifier(method: str, result: Any, scores: Any, classes: Any) -> None:
    """Scores are the positive class's probability or margin; what cannot be read is left out."""
    (found,) = gather([call(np.zeros((2, 2)), result, method=method)], CLASSIFIER, 0.0).observations
    assert (None if found.scores is None else found.scores.tolist()) == scores
    assert (None if found.classes is None else found.classes.tolist()) == classes


def test_several_classes_score_their_highest_probability() -> None:
    """With three classes the score is how sure the model was."""
    layout = Layout(features=("a", "b"), classes=("x", "y", "z"), predicts_classes=True)
    proba = np.array([[0.2, 0.7, 0.1], [0.5, 0.2, 0.3]])
    (found,) = gather([call(np.zeros((2, 2)), proba, method="predict_proba")], layout, 0.0).observations
    assert found.scores is not None
    assert found.classes is not None
    assert found.scores.tolist() == [0.7, 0.5]
    assert found.classes.tolist() == ["y", "x"]


def test_ragged_answers_are_left_out() -> None:
    """A model with several outputs has no score that we can read; its rows count all the same."""
    calls = [call(np.zeros((1, 2)), [[1.0], [2.0, 3.0]]), call(np.zeros((1, 2)), [[1.0], [2.0, 3.0]])]
    found = gather(calls, REGRESSOR, 0.0)
    assert sum(obs.n_rows for obs in found.observations) == 2
    assert all(obs.scores is None for obs in found.observations)


def test_given_times_are_kept() -> None:
    """A replay says when each row was observed, as numbers or as times."""
    calls = [
        call(np.zeros((2, 2)), at=[7.0, 8.0]),
        call(np.zeros((1, 2)), at=9),
        call(np.zeros((1, 2)), at=np.array(["1970-01-01T00:00:05"], dtype="datetime64[s]")),
        call(np.zeros((1, 2))),
    ]
    (found,) = gather(calls, REGRESSOR, 100.0).observations
    assert found.times.tolist() == [7.0, 8.0, 9.0, 5.0, 110.0]


def test_ids_that_cannot_be_looked_up_become_text() -> None:
    """A list as an id is its text, so that it does not cost the batch."""
    calls = [
        call(np.zeros((1, 2)), ids=[[1, 2]]),
        call(np.zeros((1, 2)), ids=[(3, 4)]),
        call(np.zeros((1, 2)), ids=[(5, [6])]),
        call(np.zeros((1, 2))),
    ]
    (found,) = gather(calls, REGRESSOR, 0.0).observations
    assert found.ids is not None
    assert found.ids.tolist() == ["[1, 2]", (3, 4), "(5, [6])", None]


def test_a_single_row_may_be_flat() -> None:
    """A one-dimensional array as long as the features is one row; several of them are several."""
    calls = [
        call(np.array([1.0, 2.0]), 5.0, method="call", n_rows=1),
        call(np.array([3.0, 4.0]), 6.0, method="call", n_rows=1),
    ]
    (found,) = gather(calls[:1], REGRESSOR, 0.0).observations
    assert found.features["b"].tolist() == [2.0]
    both = gather(calls, REGRESSOR, 0.0).observations
    assert list(itertools.chain(*(obs.features["b"].tolist() for obs in both))) == [2.0, 4.0]


def test_without_known_features_any_table_is_read() -> None:
    """A model without a reference and without names is observed as it comes."""
    (found,) = gather([call(np.zeros((2, 3)))], Layout(), 0.0).observations
    assert list(found.features) == ["f0", "f1", "f2"]


class Graph:
    """What a tensor does whose gradient is still wanted."""

    def __init__(self, values: list[float], *, attached: bool = True) -> None:
        self.values, self.attached = values, attached

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, *_: Any, **__: Any) -> Any:
        if self.attached:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return np.array(self.values)


class Tensor(Graph):
    """One that can be freed of it, as PyTorch's can."""

    def detach(self) -> Tensor:
        return Tensor(self.values, attached=False)

    def cpu(self) -> Tensor:
        return self


def test_an_answer_that_refuses_to_be_read_costs_neither_its_features_nor_other_calls() -> None:
    """Whatever a library raises; the rows of that call are kept without an answer."""
    calls = [
        call(np.array([[1.0, 2.0]]), np.array([5.0])),
        call(np.array([[3.0, 4.0]]), Graph([6.0])),
        call(np.array([[5.0, 6.0]]), np.array([7.0])),
    ]
    found = gather(calls, REGRESSOR, 0.0)
    assert found.unread_rows == 0
    assert [row for part in found.observations for row in part.features["a"]] == [1.0, 3.0, 5.0]
    scores = [None if part.scores is None else part.scores.tolist() for part in found.observations]
    assert scores == [[5.0], None, [7.0]]


def test_a_tensor_with_its_gradient_is_read() -> None:
    """A module that is called outside of `no_grad` is measured like any other."""
    (found,) = gather([call(np.zeros((2, 2)), Tensor([0.25, 0.75]))], REGRESSOR, 0.0).observations
    assert found.scores is not None
    assert found.scores.tolist() == [0.25, 0.75]


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("predict_proba", [[np.nan, np.nan], [0.25, 0.75]]),
        ("predict_proba", [np.nan, 0.75]),
        ("decision_function", [np.nan, 1.5]),
    ],
)
def test_nan_is_no_class(method: str, result: Any) -> None:
    """A model that answers NaN has not chosen its first class."""
    (found,) = gather([call(np.zeros((2, 2)), np.array(result), method=method)], CLASSIFIER, 0.0).observations
    assert found.classes is not None
    assert found.classes.tolist() == [None, "yes"]


@pytest.mark.parametrize(
    "at", [9, 9.0, np.int64(9), np.float32(9), np.datetime64(9, "s"), pd.Timestamp(9, unit="s")]
)
def test_one_time_is_that_of_all_rows(at: Any) -> None:
    """Of whatever type it is, such as the maximum of a column."""
    (found,) = gather([call(np.zeros((2, 2)), at=at)], REGRESSOR, 100.0).observations
    assert found.times.tolist() == [9.0, 9.0]


@pytest.mark.parametrize("at", [np.nan, [np.nan, np.inf], np.array(["NaT", "NaT"], dtype="datetime64[s]")])
def test_a_row_without_a_time_has_that_of_its_call(at: Any) -> None:
    """No window has a place for it otherwise, and a store would refuse it."""
    (found,) = gather([call(np.zeros((2, 2)), at=at)], REGRESSOR, 100.0).observations
    assert found.times.tolist() == [110.0, 110.0]


def test_a_text_is_one_id() -> None:
    """Not one for each of its letters."""
    (found,) = gather([call(np.zeros((1, 2)), ids="a-17")], REGRESSOR, 0.0).observations
    assert found.ids is not None
    assert found.ids.tolist() == ["a-17"]


@pytest.mark.parametrize("rows", [pd.DataFrame, lambda columns: pd.DataFrame(columns).to_dict("records")])
def test_a_bad_value_does_not_change_how_other_calls_are_read(rows: Any) -> None:
    """Times beside a text would be objects, and no times any more."""
    good = {"a": pd.to_datetime(["1970-01-01T00:00:05", "1970-01-01T00:00:06"]), "b": [1.0, 2.0]}
    bad = {"a": ["yesterday"], "b": [3.0]}
    found = gather([call(rows(good)), call(rows(bad))], REGRESSOR, 0.0)
    values = [value for part in found.observations for value in part.features["a"].tolist()]
    assert values == [5.0, 6.0, "yesterday"]


def test_rows_of_dicts_with_other_keys_are_read_together_where_types_differ() -> None:
    """What a row lacks is missing."""
    calls = [call([{"a": 1.0, "b": "x"}]), call([{"a": "one"}]), call([{"b": "y"}])]
    (found,) = gather(calls, REGRESSOR, 0.0).observations
    assert found.features["a"].tolist() == [1.0, "one", None]
    assert found.features["b"].tolist() == ["x", None, "y"]


def test_categories_of_several_calls_are_those_of_each() -> None:
    """Frames of one row know one category each, and joined they would be no categories."""
    calls = [call(pd.DataFrame({"a": pd.Categorical([float(row)]), "b": [0.5]})) for row in range(3)]
    found = gather(calls, REGRESSOR, 0.0)
    assert [value for part in found.observations for value in part.features["a"]] == ["0", "1", "2"]


def test_a_name_that_stands_twice_is_read_as_the_reference_reads_it() -> None:
    """It is the same frame."""
    frame = pd.DataFrame([[1.0, 2.0]], columns=["a", "a"])
    found = gather([call(frame)], Layout(features=("a", "a.2")), 0.0)
    assert found.violations == {}
    assert found.observations[0].features["a.2"].tolist() == [2.0]
