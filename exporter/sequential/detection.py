"""What the detectors of concept drift share: states, positions, and how a batch is walked through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ConfigError, ObservationError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

State = Literal["ok", "warning", "drift"]

LARGEST: Final = 1e100
"""Largest value that is taken: the sum of the squares of any number of such values is finite."""

FIRST_CHUNK: Final = 256
"""Values looked at together at first and after a drift: what follows a drift in its chunk is done again."""

LAST_CHUNK: Final = 16_384
"""Chunks double up to this; their arrays of 128 KiB then stay in a processor's cache."""


@dataclass(frozen=True, slots=True)
class Detections:
    """Where a batch raised a warning or a drift.

    Attributes
    ----------
    warnings, drifts : ndarray of int64
        Positions in the whole stream: 0 is the first value that the detector has ever seen, so that the
        result does not depend on how the stream was split. Every value in a warning zone has its position.
    """

    warnings: Ints
    drifts: Ints


Scan = Callable[[Floats], tuple[int, Ints, bool]]
"""Looks at a chunk up to its first drift: values used, offsets of warnings among them, whether the last is a
drift."""


def detect(scan: Scan, values: Floats, seen: int) -> Detections:
    """Detections in a batch that begins at the position `seen`, chunk by chunk."""
    warnings: list[Ints] = []
    drifts: list[int] = []
    start, size = 0, FIRST_CHUNK
    while start < len(values):
        used, warned, drifted = scan(values[start : start + size])
        if len(warned):
            warnings.append(warned + (seen + start))
        start += used
        size = FIRST_CHUNK if drifted else min(2 * size, LAST_CHUNK)
        if drifted:
            drifts.append(seen + start - 1)
    return Detections(
        np.concatenate(warnings, dtype=np.int64) if warnings else np.empty(0, np.int64),
        np.array(drifts, np.int64),
    )


def last_state(used: int, warned: Ints, *, drifted: bool) -> State:
    """State at the end of what a scan has used."""
    if drifted:
        return "drift"
    return "warning" if len(warned) and warned[-1] == used - 1 else "ok"


def as_values(values: ArrayLike, low: float = -LARGEST, high: float = LARGEST) -> Floats:
    """Values as float64.

    Raises
    ------
    ObservationError
        If they are not a one-dimensional series of numbers between `low` and `high`, without NaN.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ObservationError(f"values: {error}; need numbers") from error
    if array.ndim != 1:
        raise ObservationError(f"values: found {array.ndim} dimensions, need 1")
    # A NaN makes both comparisons false.
    if len(array) and not (array.min() >= low and array.max() <= high):
        refuse_value(array[~((array >= low) & (array <= high))][0], low, high)
    return array


def as_errors(values: ArrayLike) -> Floats:
    """Right and wrong predictions as 0.0 and 1.0.

    Raises
    ------
    ObservationError
        If anything else is among them.
    """
    array = as_values(values, 0.0, 1.0)
    fractional = (array != 0.0) & (array != 1.0)
    if fractional.any():
        refuse_error(array[fractional][0])
    return array


def refuse_value(value: float, low: float, high: float) -> None:
    """Say which value cannot be taken."""
    raise ObservationError(f"values: found {value:g}, need numbers from {low:g} to {high:g}")


def refuse_error(value: float) -> None:
    """Say that a value is neither right nor wrong."""
    raise ObservationError(f"values: found {value!r}, need 1 for a wrong and 0 for a right prediction")


def require(name: str, value: float, needed: str, *, holds: bool) -> None:
    """Refuse a parameter unless a condition holds.

    Raises
    ------
    ConfigError
        With its name, what was found and what is needed.
    """
    if not holds:
        raise ConfigError(f"{name}: found {value!r}, need {needed}")
