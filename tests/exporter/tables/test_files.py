from __future__ import annotations

import datetime as dt
import gzip
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from exporter.columns import to_columns
from exporter.errors import ObservationError
from exporter.tables import Reading, open_table

Rows = Callable[..., dict[str, list[Any]]]


def csv(tmp_path: Path, text: str, name: str = "rows.csv") -> str:
    """Path of a CSV file."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


TYPED = pa.table(
    {
        "whole": pa.array([1, None, 2**53 + 1], pa.int64()),
        "single": pa.array([0.5, None, 1.5], pa.float32()),
        "price": pa.array([1, 2, None], pa.decimal128(9, 2)),
        "truth": pa.array([True, None, False]),
        "text": pa.array(["é", None, "a\nb"]),
        "label": pa.array(["x", "y", None]).dictionary_encode(),
        "code": pa.array([7, None, 7], pa.int8()).dictionary_encode(),
        "day": pa.array([dt.date(1970, 1, 2), None, dt.date(1969, 12, 31)]),
        "naive": pa.array([1_000_000_001, None, 0], pa.timestamp("ns")),
        "zoned": pa.array([1, None, 2], pa.timestamp("s", "Europe/Berlin")),
        "span": pa.array([1500, None, 0], pa.duration("ms")),
        "empty": pa.nulls(3),
    }
)
TYPED_LISTS = {
    "whole": [1.0, None, 2.0**53],
    "single": [0.5, None, 1.5],
    "price": [1.0, 2.0, None],
    "truth": [True, None, False],
    "text": ["é", None, "a\nb"],
    "label": ["x", "y", None],
    "code": ["7", None, "7"],
    "day": [86400.0, None, -86400.0],
    "naive": [1.000000, None, 0.0],
    "zoned": [1.0, None, 2.0],
    "span": [1.5, None, 0.0],
    "empty": [None, None, None],
}


def write_typed(path: Path) -> None:
    """The table above in the format that the suffix says."""
    if path.suffix == ".parquet":
        pq.write_table(TYPED, path)
    elif path.suffix == ".feather":
        pyarrow.feather.write_feather(TYPED, path)
    else:
        maker = pa.ipc.new_file if path.suffix == ".arrow" else pa.ipc.new_stream
        with maker(path, TYPED.schema) as writer:
            writer.write_table(TYPED, max_chunksize=2)


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "arrows", "feather", "data"])
def test_typed_files_read_as_the_tables_of_python_do(rows: Rows, tmp_path: Path, suffix: str) -> None:
    """Parquet and Arrow, files and streams, are told by their content; every type is read."""
    path = tmp_path / f"rows.{suffix}"
    write_typed(path)
    found = rows(open_table(str(path)))
    # Parquet has no dictionaries of numbers.
    own = {"code": [7.0, None, 7.0]} if suffix == "parquet" else {}
    assert found == {**TYPED_LISTS, **own}


@pytest.mark.parametrize("name", TYPED.drop_columns(["whole"]).column_names)
def test_typed_columns_have_the_dtype_that_they_have_in_memory(tmp_path: Path, name: str) -> None:
    """A reference of a file fits rows that a model is given, whatever the type."""
    write_typed(tmp_path / "rows.arrow")
    (chunk,) = open_table(str(tmp_path / "rows.arrow")).chunks([name], {})
    assert chunk.arrays[name].dtype == to_columns(TYPED.select([name])).arrays[name].dtype


def test_only_the_named_columns_are_read(tmp_path: Path) -> None:
    """A column may have a dot in its name, which Parquet's own paths use too."""
    pq.write_table(pa.table({"a": [1], "a.b": [2], "c": [3]}), tmp_path / "rows.parquet")
    table = open_table(str(tmp_path / "rows.parquet"))
    (chunk,) = table.chunks(["a.b", "a"], {})
    assert {name: array.tolist() for name, array in chunk.arrays.items()} == {"a.b": [2], "a": [1]}
    assert table.n_rows == 1


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.txt"])
def test_cells_of_csv_are_what_their_whole_column_can_be_read_as(
    rows: Rows, tmp_path: Path, name: str
) -> None:
    """Numbers, truth values, times in ISO 8601, or text; the usual words for missing are missing."""
    text = (
        "number,truth,time,text,nothing\n"
        "1,true,2013-01-01T10:00:00Z,a,\n"
        " 2.5e1,False,2013-01-01T12:00:00+01:00,NA,NaN\n"
        'nan,,,"x, ""y""\nz",null\n'
    )
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if name.endswith("gz") else text.encode())
    assert rows(open_table(str(path))) == {
        "number": [1.0, 25.0, None],
        "truth": [True, False, None],
        "time": [1357034400.0, 1357038000.0, None],
        "text": ["a", None, 'x, "y"\nz'],
        "nothing": [None, None, None],
    }


@pytest.mark.usefixtures("small_chunks")
def test_a_column_that_turns_to_text_late_is_text_from_the_start(tmp_path: Path) -> None:
    """The type is that of the whole file, so every chunk agrees on it."""
    rows = [f"{i},{i}.0,true" for i in range(100)] + ["x,7,0"]
    table = open_table(csv(tmp_path, "\n".join(["a,b,c", *rows]) + "\n"))
    readings = table.readings(table.columns, {}, lambda _: None)
    assert readings == {"a": "categorical", "b": "numeric", "c": "categorical"}
    chunks = list(table.chunks(table.columns, readings))
    assert len(chunks) > 5
    assert {chunk.arrays["a"].dtype for chunk in chunks} == {np.dtype(object)}
    assert chunks[0].arrays["a"][0] == "0"
    assert chunks[-1].arrays["a"][-1] == "x"


@pytest.mark.usefixtures("small_chunks")
def test_a_column_declared_numeric_keeps_its_odd_cells_as_text(rows: Rows, tmp_path: Path) -> None:
    """They are counted as values of another type; nothing is scanned to find them."""
    cells = [str(i) for i in range(40)] + ["x", "1_0", "7"]
    table = open_table(csv(tmp_path, "\n".join(["a", *cells]) + "\n"))
    values = rows(table, {"a": "numeric"})["a"]
    assert values == [*range(40), "x", "1_0", 7.0]


def test_categories_of_csv_have_the_names_that_they_have_in_typed_files(rows: Rows, tmp_path: Path) -> None:
    """`1.0` is `1`, as pandas writes it beside a missing one; leading zeros and exponents stay."""
    path = csv(tmp_path, "a\n1\n1.0\n2.50\n007\n1e5\ntrue\nTRUE\nNA\n-0.0\n1234567890123456.0\nx\n")
    values = rows(open_table(path), {"a": "categorical"})["a"]
    assert values == ["1", "1", "2.5", "007", "1e5", "True", "True", None, "0", "1234567890123456.0", "x"]


LONG = 10**17 + 1
"""The next integer is the same float."""


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        (pa.array([LONG, None, LONG + 1], pa.int64()), [LONG, None, LONG + 1]),
        (pa.array([2**64 - 1, 7, None], pa.uint64()), [2**64 - 1, 7, None]),
        (pa.array([LONG, None, 7], pa.decimal128(38, 2)), [LONG, None, 7]),
        (pa.array([LONG, None, LONG], pa.int64()).dictionary_encode(), [LONG, None, LONG]),
        (pa.array(["007", None, str(LONG)]), ["007", None, str(LONG)]),
        (pa.array([7.0, None, 0.5]), [7.0, None, 0.5]),
        (pa.array([b"a", None, b"\xe9"]), ["a", None, "é"]),
    ],
)
def test_ids_of_typed_files_are_exact(rows: Rows, tmp_path: Path, column: Any, ids: list[Any]) -> None:
    """Whole numbers are integers of any size, never floats; text is text."""
    pq.write_table(pa.table({"id": column}), tmp_path / "ids.parquet")
    found = rows(open_table(str(tmp_path / "ids.parquet")), {"id": "id"})["id"]
    assert found == ids
    assert [type(value) for value in found] == [type(value) for value in ids]


def test_ids_of_csv_are_what_is_written(rows: Rows, tmp_path: Path) -> None:
    """No cell is read as a number, a time or a truth value."""
    cells = ["007", "7", "1.0", str(LONG), "true", "2013-01-01", "1e5"]
    table = open_table(csv(tmp_path, "\n".join(["id", *cells, "NA"]) + "\n"))
    assert rows(table, {"id": "id"})["id"] == [*cells, None]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(
    ("odd", "whole"),
    [
        (str(LONG), True), ("-7", True), ("0", True), ("", True), ("7.0", True), (" 7", True),
        ("9" * 39, True),
        ("007", False), ("+7", False), ("-0", False), ("7.5", False), ("1e5", False), ("x", False),
        ("9" * 40, False), ("1_0", False), ("7\n8", False),
    ],
)  # fmt: skip
def test_a_column_of_whole_numbers_is_known_as_one(tmp_path: Path, odd: str, whole: bool) -> None:
    """Over all rows: one cell that programs would not write for a number makes it text."""
    numbers = [f"{i},x" for i in range(50)]
    path = csv(tmp_path, "\n".join(["id,more", *numbers, f'"{odd}",x']) + "\n")
    assert open_table(path).holds_integers("id") == whole


def test_files_agree_on_whole_numbers(tmp_path: Path) -> None:
    """Integers of a typed file are; its text is none, whatever a CSV file beside it looks like."""
    csv(tmp_path, "id\n1\n", "b.csv")
    for column, whole in ((pa.array([1]), True), (pa.array(["1"]), False)):
        pq.write_table(pa.table({"id": column}), tmp_path / "a.parquet")
        assert open_table(str(tmp_path / "*.*")).holds_integers("id") == whole


def test_times_may_be_text_of_any_source_or_seconds(rows: Rows, tmp_path: Path) -> None:
    """A column of times is seconds since 1970; without a zone it is UTC; a word in it is named."""
    declared: dict[str, Reading] = {"t": "time"}
    seconds = rows(open_table(csv(tmp_path, "t\n1\n2\n")), declared)
    assert seconds == {"t": [1.0, 2.0]}
    mixed = rows(open_table(csv(tmp_path, "t\n1970-01-01\n1970-01-01T00:00:10+00:00\n")), declared)
    assert mixed == {"t": [0.0, 10.0]}
    pq.write_table(pa.table({"t": ["1970-01-02", None]}), tmp_path / "t.parquet")
    assert rows(open_table(str(tmp_path / "t.parquet")), declared) == {"t": [86400.0, None]}
    with pytest.raises(ObservationError, match=r"rows.csv: column 't': found 'soon', need times such as"):
        rows(open_table(csv(tmp_path, "t\n1970-01-01\nsoon\n")), declared)


def test_a_glob_reads_all_files_in_the_order_of_their_names(rows: Rows, tmp_path: Path) -> None:
    """Files of several formats are one table; columns are found by name; a file of no rows is no harm."""
    pq.write_table(pa.table({"b": [1.5], "a": [1]}), tmp_path / "1.parquet")
    csv(tmp_path, "a,b\n2,x\n", "2.csv")
    csv(tmp_path, "a,b\n", "3.csv")
    (tmp_path / "4.csv").mkdir()
    table = open_table(str(tmp_path / "*.*"))
    assert table.columns == ("b", "a")
    assert table.readings(table.columns, {}, lambda _: None) == {"a": "numeric", "b": "categorical"}
    assert rows(table) == {"b": [1.5, "x"], "a": [1.0, 2.0]}


def test_a_path_that_looks_like_a_glob_is_a_path_first(rows: Rows, tmp_path: Path) -> None:
    """A file named with brackets is that file."""
    assert rows(open_table(csv(tmp_path, "a\n1\n", "x[1].csv"))) == {"a": [1.0]}


def test_other_delimiters(rows: Rows, tmp_path: Path) -> None:
    """A tab is guessed from the suffix; anything else is told."""
    assert rows(open_table(csv(tmp_path, "a\tb\n1\t2\n", "rows.tsv"))) == {"a": [1.0], "b": [2.0]}
    assert rows(open_table(csv(tmp_path, "a;b\n1;2\n"), delimiter=";")) == {"a": [1.0], "b": [2.0]}
    assert rows(open_table(csv(tmp_path, "a;b\n1\n"), delimiter=",")) == {"a;b": [1.0]}


def test_the_index_that_pandas_writes_is_no_column(rows: Rows, tmp_path: Path) -> None:
    """It has no name in CSV and a number for one in Parquet."""
    assert rows(open_table(csv(tmp_path, "\ufeff,a\n0,5\n"))) == {"a": [5.0]}
    pq.write_table(pa.table({"a": [5], "__index_level_0__": [0]}), tmp_path / "rows.parquet")
    assert open_table(str(tmp_path / "rows.parquet")).columns == ("a",)


def parquet_bytes() -> bytes:
    """A Parquet file of 10,000 rows."""
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": np.arange(10_000) % 7, "b": np.arange(10_000) / 3}), sink)
    return sink.getvalue()


def broken_parquet() -> bytes:
    """One whose pages hold noise and whose footer is whole."""
    content = bytearray(parquet_bytes())
    content[20:-2000] = bytes(byte ^ 0x5A for byte in content[20:-2000])
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("x.csv", b"", "x.csv: found an empty file, need a table"),
        ("x.parquet", b"", "x.parquet: found an empty file, need a table"),
        ("x.csv.gz", gzip.compress(b"", mtime=0), "x.csv.gz: found an empty file, need a table"),
        ("x.csv", b"a,b\n", "x.csv: found columns and no rows, need at least one row"),
        ("x.csv", b"\n\n", "x.csv: damaged (CSV parse error: Empty CSV file"),
        ("x.csv", b"a,b\n1,2\n3\n", "x.csv: damaged (CSV parse error: Expected 2 columns, got 1"),
        (
            "x.csv",
            b"a;b\n1;2\n",
            "x.csv: found one column 'a;b', need columns separated by ',', or --delimiter ';'",
        ),
        (
            "x.csv",
            b"a,b,a\n1,2,3\n",
            "x.csv: found 'a' more than once among the columns, need each name once",
        ),
        (
            "x.csv",
            b"\x7fELF\0\0",
            r"x.csv: found binary content (b'\x7fELF\x00\x00'), need CSV text, Parquet",
        ),
        ("x.csv", b"a,b\n1,\xe9\n", "x.csv: found byte 0xe9 at 6, which is no UTF-8, need UTF-8"),
        ("x.csv", b"a\n" + b"1\n" * 40_000 + b"\xe9\n", "x.csv: damaged ("),
        ("x.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-10], "x.csv.gz: cannot be read ("),
        ("x.csv", b'"a,b\n1,2\n', "x.csv: damaged ("),
        ("x.arrow", b"hello", "x.arrow: found a file that begins with b'hello', which is no Arrow"),
        ("x.parquet", b"hello", "x.parquet: found a file that begins with b'hello', which is no Parquet"),
        ("x.parquet", parquet_bytes()[:-9], "x.parquet: damaged ("),
        ("x.parquet", parquet_bytes()[:5000], "x.parquet: damaged ("),
        ("x.csv", parquet_bytes()[:5000], "x.csv: damaged (Parquet magic bytes not found"),
        ("x.parquet", broken_parquet(), "x.parquet: "),
        ("x.arrow", b"ARROW1\0\0and nothing more", "x.arrow: "),
        ("x.arrow", b"\xff\xff\xff\xff\x10\0\0\0abc", "x.arrow: "),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_line(
    rows: Rows, tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    """Where, what was found, what is needed; nothing of Arrow's own errors gets through."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ObservationError) as refused:
        rows(open_table(str(tmp_path / name)))
    message = str(refused.value)
    assert message.startswith(f"{tmp_path}/{complaint}")
    assert "\n" not in message
    assert ", need " in message


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("/dev/null", "/dev/null: found a pipe or a device, need a file that can be read twice"),
        ("x" * 300, f"{'x' * 300}: cannot be read (File name too long), need a path that can be read"),
        ("{folder}", "{folder}: found a folder, need a file or a glob such as '{folder}/*.parquet'"),
        ("{folder}/nothing.csv", "{folder}/nothing.csv: found no such file, need CSV, Parquet or Arrow"),
        ("{folder}/*.csv", "{folder}/*.csv: found no file that matches, need at least one"),
        (
            "s3://bucket/x.csv",
            "s3://…: found an address that cannot be read, need a path, a glob, sqlite:///",
        ),
        ("sqlite:///x.db", "sqlite:///x.db: found no query, need one: --query 'SELECT …', or ?query=…"),
        (
            "sqlite:///{folder}/x.db?query=select 1",
            "{folder}/x.db: found no such file, need an SQLite database",
        ),
        (
            "sqlite://x.db?query=select 1",
            "'sqlite://x.db?query=select 1': found no path, or more than a query",
        ),
        (
            "sqlite:///x.db?query=select 1&mode=rw",
            "'sqlite:///x.db?query=select 1&mode=rw': found no path, or",
        ),
    ],
)
def test_an_argument_that_names_no_table_is_refused(tmp_path: Path, data: str, complaint: str) -> None:
    """So is everything that is neither a path, a glob nor a database."""
    with pytest.raises(ObservationError) as refused:
        open_table(data.replace("{folder}", str(tmp_path)))
    assert str(refused.value).startswith(complaint.replace("{folder}", str(tmp_path)))


def test_files_of_other_columns_are_no_table(tmp_path: Path) -> None:
    """The file that differs is named, and how."""
    csv(tmp_path, "a,b\n1,2\n", "1.csv")
    csv(tmp_path, "a,c\n1,2\n", "2.csv")
    with pytest.raises(
        ObservationError, match=r"2.csv: found columns other than in .*1.csv \(lacking: 'b'; too many: 'c'\)"
    ):
        open_table(str(tmp_path / "*.csv"))


def test_a_query_needs_a_database(tmp_path: Path) -> None:
    """A query is never ignored."""
    with pytest.raises(ObservationError, match="found a query for what is no database"):
        open_table(csv(tmp_path, "a\n1\n"), query="SELECT 1")


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ObservationError, match=r"need it: pip install 'driftgauge\[cli\]'"):
        open_table(csv(tmp_path, "a\n1\n"))
