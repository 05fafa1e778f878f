from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from exporter import Columns, ConfigError, Window, calibrate
from exporter.cli.history import History
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


EVERYTHING = ("age", "city", "score", "predicted", "late", "id", "seen")


def build(run: Run, data: object, *options: object) -> Any:
    """Build `reference.json`."""
    return run("reference", "build", data, "--out", "reference.json", *MODEL, *options)


def test_a_reference_is_built_and_summarised(run: Run, tables: Path) -> None:
    """Columns that are something else are no features; a short summary says what was built."""
    ran = build(run, "train.parquet", *ROLES)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[:5] == [
        "reference of m 1: 2,000 rows, 2 features",
        "  1 numeric: 'age'",
        "  1 categorical: 'city'",
        "  besides features: score, prediction, label; task: classification",
        "  from 2023-11-14 22:13+00:00 to 2023-11-16 07:32+00:00",
    ]
    assert ran.out.splitlines()[5].startswith("wrote reference.json (")
    reference = Reference.load("reference.json", "m", "1", ["age", "city"])
    assert set(reference.features["city"].bins) >= {"Köln", "Łódź", "A, B"}


def test_it_is_the_reference_that_python_builds(run: Run, tables: Path) -> None:
    """One table, two ways, the same profiles."""
    build(run, "train.parquet", *ROLES)
    table = pq.read_table("train.parquet")
    fitted = Reference.fit(
        table.select(["age", "city"]),
        model_name="m",
        model_version="1",
        scores=table["score"],
        predictions=table["predicted"],
        labels=table["late"],
        timestamps=table["seen"],
    )
    fitted.save("fitted.json")
    built, expected = (json.loads(Path(name).read_text()) for name in ("reference.json", "fitted.json"))
    for document in (built, expected):
        del document["checksum"], document["created_at"]
    assert built == expected


def test_csv_gives_the_same_reference_as_parquet(run: Run, tables: Path) -> None:
    """Types are read from the whole file, numbers to the last digit."""
    pyarrow.csv.write_csv(pq.read_table("train.parquet"), "train.csv")
    documents = []
    for name in ("train.csv", "train.parquet"):
        assert build(run, name, *ROLES, "--force").code == 0
        document = json.loads(Path("reference.json").read_text())
        documents.append({key: document[key] for key in document if key not in ("checksum", "created_at")})
    assert documents[0] == documents[1]


def test_a_file_of_many_chunks_gives_the_same_counts(
    run: Run, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks change nothing but the stated error of the distribution."""
    build(run, "train.parquet", *ROLES)
    whole = Reference.load("reference.json")
    monkeypatch.setattr("exporter.tables.reading.MIN_CHUNK_ROWS", 100)
    monkeypatch.setattr("exporter.tables.reading.CHUNK_CELLS", 100)
    monkeypatch.setattr("exporter.tables.typed_files.BATCH_ROWS", 100)
    build(run, "train.parquet", *ROLES, "--force")
    parts = Reference.load("reference.json")
    assert parts.rows == whole.rows
    for name, profile in whole.features.items():
        np.testing.assert_array_equal(parts.features[name].counts, profile.counts)


def test_columns_are_chosen_by_name(run: Run, tables: Path) -> None:
    """With spaces or commas, in the order that the model has them; a name may hold a comma itself."""
    pq.write_table(pa.table({"a,b": [1.5] * 200, "b": ["x"] * 200, "c": [3] * 200}), "names.parquet")
    assert build(run, "names.parquet", "--features", "c,b", "a,b").code == 0
    assert list(Reference.load("reference.json").features) == ["c", "b", "a,b"]
    assert build(run, "names.parquet", "--exclude", "c", "--categorical", "a,b", "--force").code == 0
    features = Reference.load("reference.json").features
    assert {name: profile.kind for name, profile in features.items()} == {
        "a,b": "categorical",
        "b": "categorical",
    }


def test_sizes_and_seasons(run: Run, tables: Path) -> None:
    """Bins, categories and seasons are as the options say."""
    options = ("--bins", 4, "--top-categories", 2, "--season", "weekday", "--zone", "Europe/Berlin")
    ran = build(run, "train.parquet", *ROLES, *options)
    assert ran.code == 0
    assert "  by day of week in Europe/Berlin: 3 keys" in ran.out
    assert "'city' has 3 categories: the 2 most frequent have a bin of their own" in ran.err
    reference = Reference.load("reference.json")
    assert len(reference.features["age"].bins) == 4 + 3
    assert reference.season is not None
    assert reference.season.kind == "day_of_week"


def test_segments_are_those_of_a_feature(run: Run, tables: Path) -> None:
    """The values that have a profile of their own are kept in the file and said."""
    ran = build(run, "train.parquet", *ROLES, "--segment-by", "city")
    assert ran.code == 0
    reference = Reference.load("reference.json")
    assert set(reference.by_segment) == {"Köln", "Łódź", "A, B"}
    assert "  within 3 values of city: " in ran.out


def test_odd_columns_are_named(run: Run, folder: Path) -> None:
    """A key is left out; what is constant, empty, mixed or rich in categories is said and kept."""
    n = 400
    table = {
        "key": [f"k{i}" for i in range(n)],
        "one": [1.0] * n,
        "same": ["x"] * n,
        "empty": [None] * n,
        "many": [f"c{i % 60}" for i in range(n)],
        "fine": list(range(n)),
    }
    pq.write_table(pa.table(table), "odd.parquet")
    ran = build(run, "odd.parquet")
    assert ran.code == 0
    assert [line.split(":")[1].strip() for line in ran.err.splitlines()] == [
        "'key' was left out",
        "'one' is constant",
        "'same' is constant",
        "'empty' has no values",
        "'many' has 60 categories",
    ]
    assert list(Reference.load("reference.json").features) == ["one", "same", "empty", "many", "fine"]


def test_a_key_that_is_asked_for_is_refused_or_kept(run: Run, folder: Path) -> None:
    """As a feature it is refused with what to do; as a category it is what its owner says."""
    pq.write_table(pa.table({"key": [f"k{i}" for i in range(400)], "x": np.arange(400.0)}), "odd.parquet")
    refused = build(run, "odd.parquet", "--features", "key", "x")
    assert refused.code == 2
    assert refused.err == (
        "driftgauge reference: odd.parquet: column 'key': found about 400 different values in 400 rows, "
        "which looks like a key; leave it out of --features, or give its kind in --categorical or --numeric\n"
    )
    assert not Path("reference.json").exists()
    assert build(run, "odd.parquet", "--categorical", "key").code == 0


def test_an_existing_file_stays_without_force(run: Run, tables: Path) -> None:
    """With it the old reference moves into the archive."""
    build(run, "train.parquet", *ROLES)
    before = Path("reference.json").read_bytes()
    refused = build(run, "same.parquet", *ROLES)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "driftgauge reference: reference.json: found a file, need a free name, or --force to replace it\n"
    )
    assert Path("reference.json").read_bytes() == before
    forced = build(run, "same.parquet", *ROLES, "--force")
    assert forced.code == 0
    (kept,) = Path("archive").iterdir()
    assert f"moved the one before to {kept}" in forced.out
    assert kept.read_bytes() == before
    assert Path("reference.json").read_bytes() != before


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            ("--target", "nope"),
            "train.parquet: found no column 'nope' for --target, need one of 'age', 'city'",
        ),
        (("--features", "age", "nope"), "train.parquet: found no column 'nope' for --features, need one of"),
        (("--exclude", "nope"), "train.parquet: found no column 'nope' for --exclude, need one of"),
        (
            ("--target", "late", "--features", "late"),
            "train.parquet: found 'late' in --features and as --target",
        ),
        (
            ("--categorical", "age", "--numeric", "age"),
            "train.parquet: found 'age' in --categorical, need a feature",
        ),
        (
            ("--target", "late", "--numeric", "late"),
            "train.parquet: found 'late' in --numeric, need a feature",
        ),
        (("--season", "hour"), "--season: found no --timestamp, need the column with the rows' times"),
        (
            ("--season", "hour", "--timestamp", "seen", "--zone", "Mars"),
            "zone: found 'Mars', need one such as",
        ),
        (("--segment-by", "nope"), "train.parquet: --segment-by: found 'nope', need a feature, one of 'age'"),
        (("--segment-by", "age"), "train.parquet: --segment-by: found the numeric feature 'age'"),
        (
            ("--segment-by", "city", "--season", "hour", "--timestamp", "seen"),
            "--segment-by: found --season as well, need one of the two",
        ),
        (("--timestamp", "city"), "train.parquet: column 'city': found '"),
        (("--bins", "1"), "n_bins: found 1, need an integer >= 2"),
        (("--query", "SELECT 1"), "train.parquet: found a query for what is no database"),
        (("--out", "no/where.json"), "no/where.json: found no folder 'no', need it for this file"),
        (("--out", "x" * 300), f"{'x' * 300}: File name too long, need a path that can be written"),
        (("--out", "."), ".: found a folder, need the path of a file"),
        (("--model-name", " "), "--model-name: found ' ', need a text that is not empty"),
        (("--model-name", "\udcff"), r"--model-name: found '\udcff', need text in UTF-8"),
        (
            ("--exclude", *EVERYTHING),
            "train.parquet: found no column left",
        ),
    ],
)
def test_bad_options_are_answered_in_one_line(
    run: Run, tables: Path, options: tuple[str, ...], complaint: str
) -> None:
    """Exit code 2, where and what on standard error, and no file."""
    ran = build(run, "train.parquet", *options)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"driftgauge reference: {complaint}")
    assert ran.err.count("\n") == 1
    assert not Path("reference.json").exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--bins", "many"), "argument --bins: found 'many', need an integer >= 1"),
        (("--delimiter", "ab"), "argument --delimiter: found 'ab', need one character, or tab"),
        (("--param", "x"), "argument --param: found 'x', need NAME=VALUE"),
        (("--season", "year"), "argument --season: invalid choice: 'year'"),
    ],
)
def test_a_mistyped_option_is_named(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], complaint: str
) -> None:
    """The parser's own exit code is 2 as well."""
    with pytest.raises(SystemExit) as ended:
        build(run, "train.parquet", *options)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("header.csv", b"a,b\n"),
        ("semicolon.csv", b"a;b\n1;2\n"),
        ("twice.csv", b"a,a\n1,2\n"),
        ("binary.csv", bytes(range(256))),
        ("latin.csv", b"a,b\n1,\xe9\n"),
        ("ragged.csv", b"a,b\n1,2\n3\n"),
        ("truncated.parquet", b"PAR1 and no more"),
        ("folder", None),
        ("nothing.csv", None),
        ("nothing-*.csv", None),
        ("http://example.org/rows.csv", None),
    ],
)
def test_what_is_no_table_is_one_line(run: Run, folder: Path, name: str, content: bytes | None) -> None:
    """No stack trace, whatever the file holds."""
    if content is not None:
        Path(name).write_bytes(content)
    Path("folder").mkdir()
    ran = build(run, name)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"driftgauge reference: {name[:5]}")
    assert ran.err.count("\n") == 1
    assert ", need " in ran.err


def test_the_command_in_a_process_of_its_own(tables: Path) -> None:
    """It reads a database as well; nothing but the summary goes to standard output."""
    with closing(sqlite3.connect("rows.db")) as connection, connection:
        connection.execute("create table t (x real, day text)")
        days = [(i, f"2013-01-{1 + i % 28:02d}") for i in range(500)]
        connection.executemany("insert into t values (?, ?)", days)
    command = [
        sys.executable,
        "-m",
        "driftgauge",
        "reference",
        "build",
        "sqlite:///rows.db",
        "--out",
        "r.json",
    ]
    query = ["--query", "SELECT * FROM t WHERE x < CAST(:limit AS REAL)", "--param", "limit=400"]
    done = subprocess.run(
        [*command, *MODEL, *query, "--timestamp", "day"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("reference of m 1: 400 rows, 1 features\n")
    assert Reference.load("r.json").rows == 400


def test_windows_are_calibrated_as_in_python(run: Run, tables: Path) -> None:
    """The same reference as `calibrate` gives on the same rows; without lengths, the exporter's windows."""
    ran = build(run, "train.parquet", *ROLES, "--calibrate", "1h", "30m")
    assert (ran.code, ran.err) == (0, "")
    assert "  calibrated for 1h: 33 blocks of 60 rows" in ran.out.splitlines()
    built = Reference.load("reference.json")
    table = pq.read_table("train.parquet")
    outputs = {
        "scores": table["score"], "predictions": table["predicted"], "labels": table["late"],
        "timestamps": table["seen"],
    }  # fmt: skip
    features = table.select(["age", "city"])
    fitted = Reference.fit(features, model_name="m", model_version="1", **outputs)
    windows = [Window("30m", 1800.0), Window("1h", 3600.0)]
    expected = calibrate(fitted, features, windows=windows, **outputs)
    assert dict(built.calibration) == dict(expected.calibration)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--calibrate",), "--calibrate: found no --timestamp, need the column"),
        ((*ROLES, "--calibrate", "1w"), "--calibrate: found '1w', need lengths such as 30m, 1h or 7d"),
        ((*ROLES, "--calibrate", "1h", "1h"), "windows: found ['1h', '1h']"),
        ((*ROLES, "--calibrate"), "--calibrate: window '1d': found rows for 1.4 of them, need 8"),
    ],
)
def test_a_calibration_that_cannot_be_writes_nothing(
    run: Run, tables: Path, options: tuple[str, ...], message: str
) -> None:
    """No times, no length, one window twice, or too short a history."""
    ran = build(run, "train.parquet", *options)
    assert ran.code == 2
    assert message in ran.err
    assert not Path("reference.json").exists()


def test_more_rows_than_can_be_held_are_refused() -> None:
    """All rows are needed at once, and memory is bounded."""
    history = History([Window("1h", 3600.0)], max_cells=10)
    history.add(Columns(arrays={"a": np.zeros(4), "b": np.zeros(4)}, n_rows=4))
    with pytest.raises(ConfigError, match="--calibrate: found more than 10 values"):
        history.add(Columns(arrays={"a": np.zeros(2), "b": np.zeros(2)}, n_rows=2))
