from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from exporter.check import check
from exporter.reference import Reference

Run = Callable[..., Any]

MODEL = ("--model-name", "m", "--model-version", "1")
ROLES = (
    "--target",
    "late",
    "--prediction",
    "predicted",
    "--score",
    "score",
    "--id",
    "id",
    "--timestamp",
    "seen",
)


@pytest.fixture
def reference(run: Run, tables: Path) -> str:
    """Path of the reference of `train.parquet`."""
    assert run("reference", "build", "train.parquet", "--out", "reference.json", *MODEL, *ROLES).code == 0
    return "reference.json"


def strict(text: str) -> Any:
    """A JSON document; NaN and infinities are refused, as other readers would."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)


def checked(run: Run, current: str, *options: object) -> Any:
    """The JSON of a check."""
    ran = run("check", "--reference", "reference.json", "--current", current, "--json", "-", *options)
    assert ran.code in (0, 1), ran.err
    return strict(ran.out)


@pytest.mark.usefixtures("reference")
def test_drift_is_found_and_shown(run: Run) -> None:
    """The worst column stands first, with its test, score and threshold; the rest follows."""
    ran = run("check", "--reference", "reference.json", "--current", "moved.parquet", *ROLES)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0].split() == ["feature", "state", "severity", "test", "score", "threshold", "p", "note"]
    assert lines[1].split()[:2] == ["age", "drift"]
    moved = {line.split("  ")[0] for line in lines[2:5]}
    assert moved == {"(score)", "(predicted class)", "(label)"}
    assert lines[5].split()[:2] == ["city", "ok"]
    assert lines[-1] == ("1 of 2 features drifted (50%): 2,000 rows against 2,000 of m 1, policy balanced")


@pytest.mark.usefixtures("reference")
def test_nothing_is_found_where_nothing_changed(run: Run) -> None:
    """Other rows of the same world are ok, and the exit code says so."""
    ran = run(
        "check", "--reference", "reference.json", "--current", "same.parquet", *ROLES, "--fail-on-drift"
    )
    assert ran.code == 0
    assert "0 of 2 features drifted (0%)" in ran.out


@pytest.mark.usefixtures("reference")
def test_the_json_is_the_report_of_python(run: Run) -> None:
    """The same numbers as `check(reference, rows).to_dict()`; nothing else is on standard output."""
    document = checked(run, "moved.parquet", *ROLES)
    table = pq.read_table("moved.parquet")
    expected = check(
        Reference.load("reference.json"),
        table.select(["age", "city"]),
        scores=table["score"],
        predictions=table["predicted"],
        labels=table["late"],
        timestamps=table["seen"],
    ).to_dict()
    for changing in (document, expected):
        del changing["checked_at"]
    assert document == strict(json.dumps(expected))


@pytest.mark.usefixtures("reference")
def test_the_json_has_the_shape_that_is_promised(run: Run) -> None:
    """Every key that dashboards and pipelines may rely on."""
    document = checked(run, "moved.parquet", *ROLES)
    assert list(document)[:10] == [
        "drift_detected", "checked_at", "reference", "window", "drifted_features", "drifted_ratio",
        "features", "multivariate", "prediction", "label",
    ]  # fmt: skip
    assert document["drift_detected"] is True
    assert document["reference"] == {"model_name": "m", "version": "1", "rows": 2000}
    assert document["window"]["rows"] == 2000
    assert document["window"]["start"] == "2023-11-14T22:13:20+00:00"
    assert document["drifted_features"] == ["age"]
    age, city = document["features"]["age"], document["features"]["city"]
    assert (age["kind"], age["state"], age["reason"]) == ("numeric", "drift", None)
    assert set(age["statistics"]) == {
        "psi", "ks", "jensen_shannon", "wasserstein", "hellinger", "mean_shift", "variance_ratio",
    }  # fmt: skip
    assert set(city["statistics"]) == {"psi", "jensen_shannon", "hellinger", "chi_square"}
    assert set(age["statistics"]["psi"]) >= {"value", "p_value", "threshold", "noise_floor"}
    assert age["statistics"]["jensen_shannon"]["distance"] > 0
    assert age["quality"]["missing_ratio"] == 0.0


@pytest.mark.usefixtures("reference")
def test_a_file_of_json_is_written_beside_the_table(run: Run, tables: Path) -> None:
    """In UTF-8, over the last one, readable by everyone; the table is still printed."""
    Path("report.json").write_text("old")
    options = ("--current", "same.parquet", "--json", "report.json")
    ran = run("check", "--reference", "reference.json", *options)
    assert ran.code == 0
    assert "0 of 2 features drifted" in ran.out
    assert strict(Path("report.json").read_text("utf-8"))["drift_detected"] is False
    assert Path("report.json").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tables.glob(".*")] == []


@pytest.mark.usefixtures("tables")
def test_names_of_any_script_and_shape_work(run: Run) -> None:
    """Unicode, a newline, markup and what a terminal would obey: as it is in JSON, harmless in the table."""
    names = ["Größe", "价格", "a\nb", "[red]", "\x1b[31m", "x,y"]
    rng = np.random.default_rng(5)
    pq.write_table(pa.table({name: rng.normal(size=500) for name in names}), "odd.parquet")
    assert run("reference", "build", "odd.parquet", "--out", "reference.json", *MODEL).code == 0
    assert list(checked(run, "odd.parquet")["features"]) == names
    ran = run("check", "--reference", "reference.json", "--current", "odd.parquet", "--json", "odd.json")
    assert list(strict(Path("odd.json").read_text("utf-8"))["features"]) == names
    assert "\x1b" not in ran.out
    shown = {line.split("  ")[0] for line in ran.out.splitlines()[1:7]}
    assert shown == {"Größe", "价格", r"a\nb", "[red]", r"\x1b[31m", "x,y"}


@pytest.mark.usefixtures("reference")
def test_drift_is_exit_code_1_only_when_asked_for(run: Run) -> None:
    """A pipeline says what it wants to stop for."""
    current = ("check", "--reference", "reference.json", "--current", "moved.parquet")
    assert run(*current).code == 0
    assert run(*current, "--fail-on-drift").code == 1
    assert run(*current, "--fail-on-drift", "--json", "-").code == 1


@pytest.mark.usefixtures("reference")
def test_presets_policies_and_the_environment_decide(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the strictest word to the general one: a variable, a file, a preset."""

    def threshold(*options: str) -> float:
        document = checked(run, "same.parquet", *options)
        return float(document["features"]["age"]["statistics"]["psi"]["threshold"])

    assert threshold() == pytest.approx(0.2)
    assert threshold("--preset", "aggressive") == pytest.approx(0.1)
    Path("exporter.yaml").write_text("policy: {preset: conservative, feature_thresholds: {age: {psi: 0.7}}}")
    assert threshold("--policy", "exporter.yaml") == pytest.approx(0.7)
    monkeypatch.setenv("DRIFT_THRESHOLD", "0.4")
    assert threshold() == pytest.approx(0.4)
    monkeypatch.setenv("DRIFT_MIN_SAMPLES", "5000")
    document = checked(run, "same.parquet")
    assert document["features"]["age"]["reason"] == "insufficient_data"


@pytest.mark.usefixtures("reference")
def test_what_cannot_be_decided_is_unknown_with_its_reason(run: Run) -> None:
    """A column that lacks, and one of another type, cost the others nothing; what is too much is named."""
    table = pq.read_table("same.parquet").drop_columns(["city"]).append_column("more", pa.array([1] * 2000))
    pq.write_table(table, "other.parquet")
    ran = run("check", "--reference", "reference.json", "--current", "other.parquet", *ROLES)
    assert ran.code == 0
    assert "1 could not be decided" in ran.out
    (line,) = [line for line in ran.out.splitlines() if line.startswith("city")]
    assert line.split()[1] == "unknown"
    assert line.endswith("the window has no column 'city'")
    quality = checked(run, "other.parquet", *ROLES)["quality"]
    assert (quality["missing_columns"], quality["extra_columns"]) == (["city"], ["more"])


@pytest.mark.usefixtures("reference")
def test_ids_that_repeat_are_counted(run: Run) -> None:
    """By the column that --id names."""
    table = pq.read_table("same.parquet")
    pq.write_table(pa.concat_tables([table, table.slice(0, 7)]), "twice.parquet")
    assert checked(run, "twice.parquet", *ROLES)["quality"]["repeated_ids"] == 7


@pytest.mark.usefixtures("reference")
def test_ids_beyond_what_a_float_tells_apart_do_not_repeat(run: Run) -> None:
    """In typed files as in text, where no float stands between the file and the count."""
    table = pq.read_table("same.parquet")
    ids = pa.array([10**17 + i for i in range(len(table))], pa.int64())
    table = table.set_column(table.schema.get_field_index("id"), "id", ids)
    pq.write_table(table, "long.parquet")
    pyarrow.csv.write_csv(table, "long.csv")
    for name in ("long.parquet", "long.csv"):
        assert checked(run, name, *ROLES)["quality"]["repeated_ids"] == 0


@pytest.mark.usefixtures("reference")
def test_csv_is_read_as_the_reference_has_its_columns(run: Run) -> None:
    """The same report as from typed files; a word among numbers is a value of another type."""
    table = pq.read_table("same.parquet")
    pyarrow.csv.write_csv(table, "same.csv")
    reports = [checked(run, name, *ROLES) for name in ("same.csv", "same.parquet")]
    for report in reports:
        del report["checked_at"]
    assert reports[0] == reports[1]
    lines = Path("same.csv").read_text("utf-8").splitlines()
    lines[1:101] = ["?" + line[line.index(",") :] for line in lines[1:101]]
    Path("broken.csv").write_text("\n".join(lines), "utf-8")
    report = checked(run, "broken.csv", *ROLES)
    assert report["features"]["age"]["quality"]["type_error_ratio"] == 0.05


@pytest.mark.usefixtures("reference")
def test_of_a_long_table_a_sample_is_checked_and_said(run: Run) -> None:
    """The report says of how many rows; the same table gives the same report."""
    document = checked(run, "moved.parquet", *ROLES, "--max-rows", 500)
    assert document["window"]["rows"] == 500
    assert document["window"]["sampled_from"] == 2000
    (problem,) = document["quality"]["problems"]
    assert problem == "moved.parquet: found 2,000 rows, checked a random sample of 500; see --max-rows"
    assert document["drifted_features"] == ["age"]
    again = checked(run, "moved.parquet", *ROLES, "--max-rows", 500)
    assert again["features"] == document["features"]
    ran = run("check", "--reference", "reference.json", "--current", "moved.parquet", "--max-rows", 500)
    assert f"warning: {problem}\n" in ran.err


EXPECTATIONS = """\
expectations:
  - {expect: rows, at_least: 1000}
  - {expect: drifted_share, at_most: 0.4}
  - {expect: state, column: city, one_of: [ok]}
"""


@pytest.mark.usefixtures("reference")
def test_expectations_pass_or_fail_line_by_line(run: Run) -> None:
    """All of them are in the report; one that fails is exit code 1, with or without drift."""
    Path("e.yaml").write_text(EXPECTATIONS)
    check_with = ("check", "--reference", "reference.json", "--expectations", "e.yaml", "--current")
    failed = run(*check_with, "moved.parquet")
    assert failed.code == 1
    assert failed.out.splitlines()[-3:] == [
        "pass  rows: found 2,000, need at least 1,000",
        "FAIL  drifted_share: found 0.5, need at most 0.4",
        "pass  state of 'city': found ok, need ok",
    ]
    assert run(*check_with, "same.parquet").code == 0
    document = checked(run, "moved.parquet", "--expectations", "e.yaml")
    assert document["expectations"][1] == {
        "expect": "drifted_share",
        "column": None,
        "passed": False,
        "found": 0.5,
        "needed": "at most 0.4",
    }


@pytest.mark.usefixtures("reference")
def test_what_is_given_for_nothing_is_said(run: Run) -> None:
    """A target that the reference does not know, and times that a seasonal reference lacks."""
    assert run("reference", "build", "train.parquet", "--out", "bare.json", *MODEL).code == 0
    ran = run("check", "--reference", "bare.json", "--current", "same.parquet", "--target", "late")
    assert "warning: --target was not compared: the reference was built without it\n" in ran.err
    build = ("reference", "build", "train.parquet", "--out", "keyed.json", *MODEL, *ROLES, "--season", "hour")
    assert run(*build).code == 0
    ran = run("check", "--reference", "keyed.json", "--current", "same.parquet")
    assert "without --timestamp rows are compared with all of it" in ran.err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--current", "nothing.parquet"), "nothing.parquet: found no such file"),
        (("--current", "same.parquet", "--reference", "nothing.json"), "nothing.json: cannot be read"),
        (("--current", "same.parquet", "--reference", "same.parquet"), "same.parquet: damaged (no UTF-8"),
        (("--current", "same.parquet", "--reference", "cut.json"), "cut.json: damaged"),
        (
            ("--current", "other.csv"),
            "other.csv: found columns 'x', need features of the reference: 'age', 'city'",
        ),
        (("--current", "empty.csv"), "empty.csv: found columns and no rows"),
        (("--current", "same.parquet", "--target", "x"), "same.parquet: found no column 'x' for --target"),
        (("--current", "same.parquet", "--json", "no/x.json"), "no/x.json: found no folder 'no'"),
        (("--current", "same.parquet", "--policy", "no.yaml"), "no.yaml: No such file"),
        (("--current", "same.parquet", "--expectations", "no.yaml"), "no.yaml: No such file"),
        (
            ("--current", "same.parquet", "--expectations", "e.yaml"),
            "e.yaml: expectations.0.expect: found 'x'",
        ),
    ],
)
@pytest.mark.usefixtures("reference")
def test_bad_input_is_one_line_and_exit_code_2(run: Run, options: tuple[str, ...], complaint: str) -> None:
    """Where, what was found, what is needed."""
    Path("cut.json").write_text(Path("reference.json").read_text()[:-100])
    Path("other.csv").write_text("x\n1\n")
    Path("empty.csv").write_text("age,city\n")
    Path("e.yaml").write_text("expectations: [{expect: x}]")
    ran = run("check", "--reference", "reference.json", *options)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"driftgauge check: {complaint}")
    assert ran.err.count("\n") == 1


@pytest.mark.usefixtures("reference")
def test_a_bad_variable_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is input like any other."""
    monkeypatch.setenv("DRIFT_THRESHOLD", "high")
    ran = run("check", "--reference", "reference.json", "--current", "same.parquet")
    assert ran.code == 2
    assert ran.err.startswith("driftgauge check: DRIFT_THRESHOLD: found 'high', need ")


@pytest.mark.usefixtures("reference")
def test_the_command_in_a_process_of_its_own(tables: Path) -> None:
    """In a plain C locale with everything on pipes: JSON on one, nothing on the other, exit code 1."""
    command = [sys.executable, "-m", "driftgauge", "check", "--reference", "reference.json"]
    done = subprocess.run(
        [*command, "--current", "moved.parquet", "--json", "-", "--fail-on-drift"],
        capture_output=True,
        check=False,
        env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)},
    )
    assert (done.returncode, done.stderr) == (1, b"")
    assert strict(done.stdout.decode("ascii"))["drifted_features"] == ["age"]
