import numpy as np
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
