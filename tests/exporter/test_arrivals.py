from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exporter.arrivals import Arrivals
from exporter.observation import Observations


def rows(labels: Sequence[str | None], first: int = 0) -> Observations:
    """A window of rows with ids and labels."""
    n = len(labels)
    return Observations(
        times=np.arange(first, first + n, dtype=np.float64),
        features={"a": np.zeros(n)},
        ids=np.array([f"id{row}" for row in range(first, first + n)], dtype=object),
        labels=np.array(labels, dtype=object),
    )


def found(arrivals: Arrivals, window: Observations) -> list[str]:
    """Ids of what is new."""
    joined = arrivals.new(window)
    assert joined.rows.ids is not None
    assert joined.counts.joined == joined.rows.n_rows
    return [str(one) for one in joined.rows.ids]


def test_each_outcome_is_new_once() -> None:
    """However often its row is looked at, and wherever it lies in the window."""
    arrivals = Arrivals()
    assert found(arrivals, rows(["yes", None, "no"])) == ["id0", "id2"]
    assert found(arrivals, rows(["yes", "no", "no"])) == ["id1"]
    assert found(arrivals, rows(["no", "no", None, "yes"], first=1)) == ["id4"]
    assert found(arrivals, rows(["no", "no", None, "yes"], first=1)) == []


def test_what_somebody_has_followed_is_not_new() -> None:
    """After a restart whose state was kept, the first look only remembers."""
    arrivals = Arrivals()
    arrivals.skip_known()
    assert found(arrivals, rows(["yes", None])) == []
    assert found(arrivals, rows(["yes", "no"])) == ["id1"]


def test_a_window_without_rows_or_labels_has_nothing_new() -> None:
    """As before the first prediction, and before the first outcome."""
    arrivals = Arrivals()
    empty = Observations(times=np.empty(0), features={})
    assert arrivals.new(empty).rows.n_rows == 0
    assert arrivals.new(Observations(times=np.zeros(2), features={})).rows.n_rows == 0
