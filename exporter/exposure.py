"""Which items of a catalogue were shown when: bounded in memory, counted at check time."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .errors import ConfigError, ObservationError
from .feedback import catalog_coverage, even_exposure, exposure_gini

MAX_SHOWN: Final = 1_000_000
"""Items shown that are kept, the newest: 12 MB, and 100 items for each of 10,000 requests."""

MAX_CATALOG_ITEMS: Final = 1_000_000
"""Of a catalogue. Counting and sorting it takes a tenth of a second at each check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureCounts:
    """What became of the items of one call.

    Attributes
    ----------
    counted : int
        Items of the catalogue.
    not_in_catalog : int
        Others; they are left out.
    """

    counted: int
    not_in_catalog: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureReport:
    """How evenly a window showed the catalogue.

    Attributes
    ----------
    shown : int
        Items shown, each time counted.
    gini, coverage : float or None
        As `feedback.exposure_gini` and `feedback.catalog_coverage`; None where nothing was shown.
    even_gini, even_coverage : float or None
        What chance alone gives with as many items shown.
    """

    shown: int
    gini: float | None = None
    coverage: float | None = None
    even_gini: float | None = None
    even_coverage: float | None = None


class Exposures:
    """The newest items shown, each with its time.

    Parameters
    ----------
    catalog : iterable
        All items that could be shown, each once; compared as text.
    max_shown : int
        Items shown that are kept.

    Raises
    ------
    ConfigError
        If the catalogue is empty, too long, or names an item twice.
    """

    def __init__(self, catalog: Iterable[Any], *, max_shown: int = MAX_SHOWN) -> None:
        names = [str(item) for item in catalog]
        if not 1 <= len(names) <= MAX_CATALOG_ITEMS:
            raise ConfigError(f"catalog: found {len(names):,} items, need 1 to {MAX_CATALOG_ITEMS:,}")
        self._codes = {name: code for code, name in enumerate(names)}
        if len(self._codes) < len(names):
            twice = Counter(names).most_common(1)[0][0]
            raise ConfigError(f"catalog: found {twice!r} twice, need each item once")
        # A ring: pages that are never written cost no memory.
        self._items = np.zeros(max_shown, dtype=np.int32)
        self._times = np.full(max_shown, -np.inf)
        self._next = 0
        self._lock = threading.Lock()

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self._codes)

    def record(self, items: Iterable[Any], at: float) -> ExposureCounts:
        """Keep items that were shown at a time.

        Raises
        ------
        ObservationError
            If the items are one text: its letters are no items.
        """
        if isinstance(items, (str, bytes)):
            raise ObservationError(f"items: found the text {items!r:.40}, need a list of items")
        codes = [self._codes.get(str(item), -1) for item in items]
        known = np.array([code for code in codes if code >= 0], dtype=np.int32)
        newest = known[-len(self._items) :]
        with self._lock:
            place = (self._next + np.arange(len(newest))) % len(self._items)
            self._items[place], self._times[place] = newest, at
            self._next = (self._next + len(newest)) % len(self._items)
        return ExposureCounts(counted=len(known), not_in_catalog=len(codes) - len(known))

    def report(self, since: float, until: float) -> ExposureReport:
        """How evenly the catalogue was shown in (since, until]."""
        with self._lock:
            inside = (self._times > since) & (self._times <= until)
            counts: NDArray[np.int64] = np.bincount(self._items[inside], minlength=self.n_items)
        shown = int(counts.sum())
        if not shown:
            return ExposureReport(shown=0)
        even = even_exposure(self.n_items, shown)
        return ExposureReport(
            shown=shown,
            gini=exposure_gini(counts),
            coverage=catalog_coverage(counts),
            even_gini=even.gini,
            even_coverage=even.coverage,
        )
