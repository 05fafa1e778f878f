"""A synthetic shop: its items, its visitors, and what they click; nothing here is real.

Each visit has room for one recommendation, of the items that are in stock where the visitor is. Most items
are clicked by three to twelve visitors in a hundred. New ones come on day 10; five of them are hits.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ITEMS, NEW_ITEMS, HITS = 180, 20, 5
CATALOG = [f"item {number:03}" for number in range(ITEMS + NEW_ITEMS)]
NEW_DAY = 10
VISITS_A_DAY = 2_000
IN_STOCK_RATIO = 0.25
HIT_RATE = 0.3


def click_rates(rng: np.random.Generator) -> NDArray[np.float64]:
    """How often each item is clicked when it is shown, which nobody in the shop knows."""
    rates = rng.beta(6.0, 74.0, len(CATALOG))
    rates[-HITS:] = HIT_RATE
    return rates


def in_stock(rng: np.random.Generator, day: int) -> NDArray[np.bool_]:
    """Which items each visitor of a day could be shown."""
    stock = rng.random((VISITS_A_DAY, len(CATALOG))) < IN_STOCK_RATIO
    if day < NEW_DAY:
        stock[:, ITEMS:] = False
    return stock


class ClickModel:
    """Predicts each item's click rate from what it was shown and clicked before.

    Trained anew each night, on the log of what itself had recommended: that is the loop.
    """

    PRIOR_CLICKS, PRIOR_SHOWN = 0.75, 10.0
    """An item that was never shown counts as an average one, seen ten times."""

    def __init__(self) -> None:
        self.shown = np.zeros(len(CATALOG))
        self.clicked = np.zeros(len(CATALOG))

    def predict(self, items: pd.DataFrame) -> NDArray[np.float64]:
        """The rate of each item, by its number."""
        numbers = items["number"].to_numpy()
        return np.asarray(
            (self.clicked[numbers] + self.PRIOR_CLICKS) / (self.shown[numbers] + self.PRIOR_SHOWN)
        )

    def learn(self, items: NDArray[np.int64], clicks: NDArray[np.bool_]) -> None:
        """Add a day to the log."""
        np.add.at(self.shown, items, 1.0)
        np.add.at(self.clicked, items, clicks)
