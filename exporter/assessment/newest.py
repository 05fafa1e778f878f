"""Performance of the newest outcomes, however long they took to come: a window by rows."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from ..performance.rolling import RollingPerformance
from .labelled import labelled_rows

if TYPE_CHECKING:
    from ..observation import JoinedOutcomes
    from ..performance import Measure


class NewestOutcomes:
    """The newest outcomes of a classifier of two classes, measured as they come.

    Parameters
    ----------
    max_rows : int
        Outcomes in the window.
    classes : tuple of str
        The two classes.
    """

    def __init__(self, max_rows: int, classes: tuple[str, str]) -> None:
        self.window = f"last_{max_rows}"
        self._classes = classes
        self._rolling = RollingPerformance(max_rows, classes)
        self._lock = threading.Lock()

    def add(self, joined: JoinedOutcomes) -> None:
        """Take outcomes in the order in which they came; rows without a probability are left out."""
        rows = labelled_rows(joined.rows, self._classes).rows
        if rows is None or rows.predicted is None or rows.scores is None:
            return
        with np.errstate(invalid="ignore"):
            usable = (rows.predicted >= 0) & (rows.scores >= 0.0) & (rows.scores <= 1.0)
        rows = rows.select(usable)
        if rows.n_rows and rows.predicted is not None and rows.scores is not None:
            with self._lock:
                self._rolling.update(rows.truth, rows.predicted, rows.scores)

    def measures(self) -> dict[str, Measure]:
        """Measures of the window."""
        with self._lock:
            return self._rolling.measures()
