from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from scipy.stats import ks_2samp, wasserstein_distance

Run = Callable[..., Any]

FEATURES = ("--features", "age", "city")


def compared(run: Run, baseline: str, current: str, *options: object) -> Any:
    """The JSON of a comparison."""
    ran = run("compare", baseline, current, *options, "--output", "-")
    assert ran.code in (0, 1), ran.err
    return json.loads(ran.out)


@pytest.mark.usefixtures("tables")
def test_two_tables_are_compared_exactly(run: Run) -> None:
    """The statistics are those of SciPy on the very same values, to the last digits."""
    document = compared(run, "train.parquet", "moved.parquet", *FEATURES)
    before, after = (pq.read_table(f"{name}.parquet")["age"].to_numpy() for name in ("train", "moved"))
    found = document["features"]["age"]["statistics"]
    assert found["ks"]["value"] == pytest.approx(ks_2samp(before, after).statistic, abs=1e-12)
    assert found["ks"]["ks_error"] == 0.0
    assert found["wasserstein"]["value"] == pytest.approx(wasserstein_distance(before, after), rel=1e-12)
    assert document["drifted_features"] == ["age"]
    assert document["reference"] == {"model_name": "train.parquet", "version": "(baseline)", "rows": 2000}


@pytest.mark.usefixtures("tables")
def test_a_table_compared_with_itself_has_no_drift(run: Run) -> None:
    """Every statistic is 0, and the exit code too."""
    ran = run("compare", "train.parquet", "train.parquet", "--fail-on-drift")
    assert ran.code == 0
    assert "0 of 6 features drifted" in ran.out
    document = compared(run, "train.parquet", "train.parquet", *FEATURES)
    found = document["features"]["age"]["statistics"]
    assert {test: finding["effect"] for test, finding in found.items()} == {
        "psi": 0.0, "ks": 0.0, "jensen_shannon": 0.0, "wasserstein": 0.0, "hellinger": 0.0, "mean_shift": 0.0,
        "variance_ratio": 1.0,
    }  # fmt: skip


@pytest.mark.usefixtures("tables")
def test_thresholds_are_set_by_test(run: Run) -> None:
    """What is not set is the policy's; drift needs a score of at least its threshold."""
    own = ("--psi-threshold", 9, "--ks-threshold", 0.9, "--js-threshold", 0.8)
    document = compared(run, "train.parquet", "moved.parquet", *FEATURES, *own)
    found = document["features"]["age"]["statistics"]
    assert [found[test]["threshold"] for test in ("psi", "ks", "jensen_shannon", "hellinger")] == [
        9.0,
        0.9,
        0.8,
        0.158,
    ]
    assert document["drifted_features"] == []
    assert run("compare", "train.parquet", "moved.parquet", *FEATURES, "--fail-on-drift").code == 1
    assert run("compare", "train.parquet", "moved.parquet", *FEATURES, "--fail-on-drift", *own).code == 0


@pytest.mark.usefixtures("tables")
def test_a_report_is_written_to_a_file(run: Run) -> None:
    """And shown all the same."""
    ran = run("compare", "train.parquet", "moved.parquet", *FEATURES, "--output", "report.json")
    assert ran.code == 0
    assert ran.out.splitlines()[1].split()[:2] == ["age", "drift"]
    assert json.loads(Path("report.json").read_text("utf-8"))["drifted_ratio"] == 0.5


@pytest.mark.usefixtures("tables")
def test_without_features_all_common_columns_are_compared(run: Run) -> None:
    """Keys are left out with a word; a column that one table lacks is no feature."""
    table = pq.read_table("same.parquet")
    pq.write_table(table.drop_columns(["late"]).append_column("new", pa.array([1] * 2000)), "other.parquet")
    ran = run("compare", "train.parquet", "other.parquet", "--output", "-")
    document = json.loads(ran.out)
    assert list(document["features"]) == ["age", "city", "score", "predicted", "seen"]
    assert document["quality"]["extra_columns"] == ["id", "new"]
    assert ran.err.startswith("warning: 'id' was left out")


@pytest.mark.usefixtures("tables")
def test_formats_may_differ(run: Run) -> None:
    """A database against a file: the same rows are the same rows."""
    table = pq.read_table("train.parquet")
    pyarrow.csv.write_csv(table, "train.csv")
    with closing(sqlite3.connect("rows.db")) as connection, connection:
        connection.execute("create table t (age real, city text)")
        pairs = zip(table["age"].to_pylist(), table["city"].to_pylist(), strict=True)
        connection.executemany("insert into t values (?, ?)", pairs)
    query = ("--query", "SELECT age, city FROM t")
    document = compared(run, "sqlite:///rows.db", "train.csv", *query)
    assert document["drift_detected"] is False
    assert document["features"]["age"]["statistics"]["ks"]["value"] == 0.0


@pytest.mark.usefixtures("tables")
def test_both_tables_are_sampled_if_they_are_long(run: Run) -> None:
    """Each says so; the places in the two samples are not the same ones."""
    document = compared(run, "train.parquet", "train.parquet", *FEATURES, "--max-rows", 1000)
    assert document["reference"]["rows"] == document["window"]["rows"] == 1000
    assert len(document["quality"]["problems"]) == 2
    assert document["features"]["age"]["statistics"]["ks"]["value"] > 0.0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nothing.csv", "same.parquet"), "nothing.csv: found no such file"),
        (("train.parquet", "nothing.csv"), "nothing.csv: found no such file"),
        (("train.parquet", "other.csv"), "other.csv: found columns 'x', need some of train.parquet: 'age'"),
        (
            ("train.parquet", "other.csv", "--features", "age"),
            "other.csv: found no column 'age' for --features",
        ),
        (
            ("other.csv", "train.parquet", "--features", "age"),
            "other.csv: found no column 'age' for --features",
        ),
        (
            ("train.parquet", "same.parquet", "--query", "SELECT 1"),
            "--query: found two tables that are no databases",
        ),
        (
            ("train.parquet", "same.parquet", "--features", "id"),
            "train.parquet: column 'id': found about 2,000",
        ),
        (("train.parquet", "same.parquet", "--output", "no/x.json"), "no/x.json: found no folder 'no'"),
    ],
)
@pytest.mark.usefixtures("tables")
def test_bad_input_is_one_line_and_exit_code_2(run: Run, arguments: tuple[str, ...], complaint: str) -> None:
    """Where, what was found, what is needed."""
    Path("other.csv").write_text("x\n1\n")
    ran = run("compare", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"driftgauge compare: {complaint}")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "much"])
def test_a_threshold_is_a_number_above_0(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    """The option is named."""
    with pytest.raises(SystemExit) as ended:
        run("compare", "a.csv", "b.csv", f"--psi-threshold={value}")
    assert ended.value.code == 2
    assert f"argument --psi-threshold: found '{value}', need a number above 0" in capsys.readouterr().err
