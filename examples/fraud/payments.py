"""Synthetic card payments: what is known when one is made, whether it is a fraud, and when that is told.

Nothing here is real. One payment in a hundred is a fraud. Until the change, fraudsters pay much, at night,
from devices that the card has never seen. From then on they take over accounts: amounts like anybody's, by
day, from known devices. Their bots try stolen cards first, and the attempts that fail raise
`merchant_declines` of every payment at the shops they work on, also of the honest ones.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FRAUD_RATIO = 0.01

ATTACKED_RATIO = 0.35
"""Of payments, after the change, at shops that bots work on."""

REPORTED_RATIO = 0.6
"""Of payments whose card company ever reports back: paid, or charged back."""

LAG_DAYS_MEDIAN, LAG_DAYS_SPREAD = 5.0, 0.5
"""Until the report: log-normal, so that one in twenty takes longer than eleven days."""

DAY_SECONDS = 86_400.0


def payments(
    rng: np.random.Generator, n_rows: int, *, changed: bool = False
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Payments, and which of them are frauds."""
    fraud = rng.random(n_rows) < FRAUD_RATIO
    loud = fraud & (not changed)
    attacked = rng.random(n_rows) < (ATTACKED_RATIO if changed else 0.0)
    amounts = rng.lognormal(3.5, 0.8, n_rows) * np.where(loud, rng.lognormal(1.2, 0.5, n_rows), 1.0)
    rows = pd.DataFrame(
        {
            "amount": amounts.round(2),
            "night": rng.random(n_rows) < np.where(loud, 0.6, 0.1),
            "new_device": rng.random(n_rows) < np.where(loud, 0.7, 0.08),
            "abroad": rng.random(n_rows) < np.where(fraud, 0.3, 0.1),
            "merchant_declines": rng.poisson(np.where(attacked, 9.0, 3.0) + 2.0 * fraud),
        }
    )
    return rows, fraud


def reports(rng: np.random.Generator, n_rows: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which payments are ever reported back, and after how many seconds."""
    lags = LAG_DAYS_MEDIAN * rng.lognormal(0.0, LAG_DAYS_SPREAD, n_rows)
    return rng.random(n_rows) < REPORTED_RATIO, DAY_SECONDS * lags
