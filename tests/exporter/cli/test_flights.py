"""The commands on real data: flights out of New York in the first quarter, April and July of 2013."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from driftgauge import cli
from driftgauge.demo.data import FEATURES, find_data, load_flights
from exporter.reference import Reference

Run = Callable[..., Any]

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "expectations.yaml"

FILES: dict[str, tuple[str, str]] = {
    "quarter.parquet": ("2013-01-01", "2013-04-01"),
    "april.csv": ("2013-04-01", "2013-05-01"),
    "july.csv": ("2013-07-01", "2013-08-01"),
}
ROLES = ("--target", "late", "--timestamp", "scheduled")


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the files, and `reference.json` of the first quarter."""
    folder = tmp_path_factory.mktemp("flights")
    loaded = load_flights(find_data())
    for name, days in FILES.items():
        part = loaded.between(*(float(np.datetime64(day, "s").astype(np.int64)) for day in days))
        times = pa.array((part.scheduled * 1e6).astype("M8[us]"), pa.timestamp("us", "UTC"))
        table = pa.Table.from_pandas(part.features, preserve_index=False)
        table = table.append_column("scheduled", times).append_column("late", [part.late])
        (pyarrow.csv.write_csv if name.endswith("csv") else pq.write_table)(table, folder / name)
    model = ("--model-name", "flight_delay", "--model-version", "1.2.0")
    files = (str(folder / "quarter.parquet"), "--out", str(folder / "reference.json"))
    assert cli.main(["reference", "build", *files, *model, *ROLES]) == 0
    return folder


def test_the_reference_of_a_quarter(flights: Path) -> None:
    """All rows, all features, and the times between which they lie."""
    reference = Reference.load(flights / "reference.json", "flight_delay", "1.2.0", FEATURES)
    assert reference.rows == 80687
    assert reference.start == np.datetime64("2013-01-01T10:15", "s").astype(float)
    assert reference.end == np.datetime64("2013-03-31T23:59", "s").astype(float)


def test_the_summer_is_found_in_the_flights_of_july(run: Run, folder: Path, flights: Path) -> None:
    """The weather drifts, temperature and dew point critically; the schedule does not."""
    current = ("--current", flights / "july.csv", "--json", "-")
    ran = run("check", "--reference", flights / "reference.json", *current, *ROLES, "--fail-on-drift")
    report = json.loads(ran.out)
    assert ran.code == 1
    assert report["window"]["rows"] == 29428
    severities = {name: report["features"][name]["severity"] for name in report["drifted_features"]}
    assert severities["temperature"] == severities["dew_point"] == "critical"
    weather = {
        "temperature",
        "dew_point",
        "humidity",
        "wind_speed",
        "precipitation",
        "pressure",
        "visibility",
    }
    assert set(severities) <= weather


@pytest.mark.parametrize(("month", "failed"), [("april", []), ("july", ["drifted_share", "score"])])
def test_the_example_of_expectations(
    run: Run, folder: Path, flights: Path, month: str, failed: list[str]
) -> None:
    """April is as expected, and a pipeline goes on; July is not, and it stops."""
    current = ("--current", flights / f"{month}.csv", "--expectations", EXAMPLE, "--json", "report.json")
    ran = run("check", "--reference", flights / "reference.json", *current, *ROLES)
    results = json.loads(Path("report.json").read_text("utf-8"))["expectations"]
    assert [result["expect"] for result in results if not result["passed"]] == failed
    assert ran.code == bool(failed)
    assert sum(line.startswith("FAIL  ") for line in ran.out.splitlines()) == len(failed)
