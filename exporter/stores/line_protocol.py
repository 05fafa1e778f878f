"""Text of points for InfluxDB: names, values and times that cannot break out of their place.

Line protocol has no escape for a line end, a quote or a backslash in a name, and InfluxQL takes no name as a
parameter. So names are percent-encoded where either could stumble; values in questions are always parameters.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

SLOT_BITS: Final = 20
SLOT: Final = 1 << SLOT_BITS
"""Nanoseconds, about a millisecond. Rows of one call share their time, and InfluxDB would keep one of them:
so the last bits of a point's time are the number of its row. A writer repeats a time only when a million
rows come between two of the same millisecond."""

LAST: Final = 9_000_000_000.0
"""Seconds since 1970, the year 2255; InfluxDB ends in 2262. Later rows are kept at this time, and the field
with their exact time says what they are."""

_PLAIN: Final = frozenset(map(chr, range(32, 127))) - frozenset('%"\\')


def slots(times: NDArray[np.float64]) -> NDArray[np.int64]:
    """The first nanosecond of the slot of each time in seconds.

    Examples
    --------
    >>> slots(np.array([0.0, 0.001, 0.0011])).tolist()
    [0, 0, 1048576]
    """
    within = np.clip(np.nan_to_num(times, nan=0.0), -LAST, LAST)
    return np.floor(within * 1e9).astype(np.int64) // SLOT * SLOT


def slot(time: float, *, after: bool = False) -> int:
    """The first nanosecond of the slot of a time in seconds, or of the slot after it."""
    return int(slots(np.array([time]))[0]) + (SLOT if after else 0)


def name(text: str) -> str:
    """A name that is safe in line protocol once escaped, and in InfluxQL between double quotes.

    Examples
    --------
    >>> name('Zürich "x"')
    'Zürich %22x%22'
    """
    return "".join(
        one if one in _PLAIN or (one.isalpha() and one.isprintable()) else _encoded(one) for one in text
    )


def escaped(safe_name: str) -> str:
    r"""A safe name as line protocol wants it for tags and fields.

    Examples
    --------
    >>> escaped("a b,c=d")
    'a\\ b\\,c\\=d'
    """
    return safe_name.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


def quoted(text: str) -> str:
    """Text without line ends as the value of a field."""
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def bound(time: float) -> float:
    """A time as the parameter of a question: InfluxDB reads a number without a point as a whole one."""
    return math.copysign(min(abs(time), 1e15), time)


def _encoded(one: str) -> str:
    return "".join(f"%{byte:02X}" for byte in one.encode("utf-8", "surrogatepass"))
