from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exporter import InstrumentedPredictor
from exporter.actions import outcomes
from exporter.errors import ObservationError, StoreError
from exporter.send_outcomes import BATCH_ROWS, IdType, post, register, send
from exporter.server import ServerOptions


class Exporter:
    """Takes every batch and remembers it."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        self.bodies.append(json.loads(body))
        return json.dumps({"joined": len(self.bodies[-1]["ids"]), "late": 1}).encode()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_is_sent_in_batches(tmp_path: Path, kind: str) -> None:
    """Whole numbers stay whole, missing ones are null, times are seconds, and the counts are added up."""
    n = BATCH_ROWS + 5
    frame = pd.DataFrame({"id": range(n), "late": np.arange(n) % 2, "at": "2013-01-01T10:00:00Z"})
    frame["late"] = frame["late"].astype(float)
    frame.loc[1, "late"] = np.nan
    path = tmp_path / f"truth.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    exporter = Exporter()
    sent = send(str(path), "http://x", exporter, {}, target="late", timestamp="at")
    assert sent.counts == {"joined": n, "late": 2}
    assert [len(body["ids"]) for body in exporter.bodies] == [BATCH_ROWS, 5]
    first = exporter.bodies[0]
    assert first["ids"][:3] == [0, 1, 2]
    assert first["y_true"][:3] == [0, None, 0]
    assert first["at"][0] == 1357034400


LONG = 10**17
"""Its neighbours are the same float, as those of a snowflake or a BIGINT may be."""


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(
    "ids",
    [
        [LONG + i for i in range(300)],
        [f"{i:05d}" for i in range(300)],
        [f"flight-{i}" for i in range(300)],
        [-i for i in range(300)],
    ],
    ids=["long", "zeros", "text", "negative"],
)
def test_each_outcome_finds_its_own_prediction(tmp_path: Path, kind: str, ids: list[Any]) -> None:
    """Ids reach the exporter as they were given to the predictor, whatever they look like as numbers."""
    truth = np.arange(300) / 8
    frame = pd.DataFrame({"id": ids, "y_true": truth})
    path = tmp_path / f"truth.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    with InstrumentedPredictor(lambda rows: np.zeros(len(rows)), name="m", version="1") as predictor:
        predictor(np.zeros((300, 1)), ids=ids)
        body: dict[str, Any] = {"ids": [], "y_true": []}

        def told(url: str, content: bytes, headers: Mapping[str, str]) -> bytes:
            body.update(json.loads(content))
            return json.dumps(outcomes(predictor, body)).encode()

        sent = send(str(path), "http://x", told, {})
    assert sent.counts["joined"] == 300
    assert not sent.none_found
    assert dict(zip(body["ids"], body["y_true"], strict=True)) == dict(zip(ids, truth.tolist(), strict=True))


@pytest.mark.parametrize(
    ("cells", "id_type", "ids"),
    [
        (["1000", "7"], None, [1000, 7]),
        (["1000", "7"], "text", ["1000", "7"]),
        (["1000", "007"], None, ["1000", "007"]),
        (["1000", "007"], "integer", [1000, 7]),
        (["1000.0", ""], None, [1000, None]),
        ([" 5", "+5.0"], "integer", [5, 5]),
    ],
)
def test_cells_of_csv_are_integers_if_all_are(
    tmp_path: Path, cells: list[str], id_type: IdType | None, ids: list[Any]
) -> None:
    """Unless it is said what they are: cells have no type."""
    path = tmp_path / "truth.csv"
    path.write_text("\n".join(["id,y_true", *(f"{cell},1" for cell in cells)]) + "\n", encoding="utf-8")
    exporter = Exporter()
    send(str(path), "http://x", exporter, {}, id_type=id_type)
    assert exporter.bodies[0]["ids"] == ids


@pytest.mark.parametrize(
    ("ids", "id_type", "sent"),
    [
        ([7, LONG + 1], "text", ["7", str(LONG + 1)]),
        (["7", str(LONG + 1)], "integer", [7, LONG + 1]),
        (["7", "8"], None, ["7", "8"]),
    ],
)
def test_ids_of_typed_files_are_what_they_are_unless_told(
    tmp_path: Path, ids: list[Any], id_type: IdType | None, sent: list[Any]
) -> None:
    """Digits in a column of text stay text."""
    pd.DataFrame({"id": ids, "y_true": 1}).to_parquet(tmp_path / "truth.parquet")
    exporter = Exporter()
    send(str(tmp_path / "truth.parquet"), "http://x", exporter, {}, id_type=id_type)
    assert exporter.bodies[0]["ids"] == sent


def test_an_id_that_is_no_integer_is_named(tmp_path: Path) -> None:
    """Where it was said that all are."""
    path = tmp_path / "truth.csv"
    path.write_text("id,y_true\n7,1\nAA1,0\n", encoding="utf-8")
    with pytest.raises(
        ObservationError, match=r"truth.csv: column 'id': found 'AA1', need whole numbers, or"
    ):
        send(str(path), "http://x", Exporter(), {}, id_type="integer")


def test_ids_of_which_none_is_known_are_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code says so, and the warning how ids were sent and how to send them as the other type."""
    path = tmp_path / "truth.csv"
    path.write_text("id,y_true\n1000,1\n1001,0\n", encoding="utf-8")
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    with InstrumentedPredictor(lambda rows: np.zeros(len(rows)), name="m", version="1") as predictor:
        predictor(np.zeros((2, 1)), ids=["1000", "1001"])
        command = ["outcomes", str(path), "--url", predictor.serve(port=0).url]
        arguments = parser.parse_args(command)
        assert arguments.run(arguments) == 1
        told = capsys.readouterr()
        assert "unknown_id 2" in told.out
        assert "found no prediction with any id of column 'id', sent as 1000; need" in told.err
        assert "--id-type text" in told.err
        arguments = parser.parse_args([*command, "--id-type", "text"])
        assert arguments.run(arguments) == 0
        told = capsys.readouterr()
        assert "joined 2" in told.out
        assert not told.err


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With what there is, and which options say otherwise."""
    path = tmp_path / "truth.csv"
    path.write_text("flight,late\n1,0\n", encoding="utf-8")
    with pytest.raises(ObservationError, match=r"no column 'id', 'y_true' among \['flight', 'late'\]"):
        send(str(path), "http://x", Exporter(), {})


def test_the_command_tells_a_running_exporter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the file to the joined rows, through HTTP and its bearer token."""
    (tmp_path / "truth.csv").write_text("id,y_true\n0,1.5\n1,2.5\n7,1\n", encoding="utf-8")
    (tmp_path / "token").write_text("secret\n", encoding="utf-8")
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    with InstrumentedPredictor(lambda rows: np.zeros(len(rows)), name="m", version="1") as predictor:
        predictor(np.zeros((2, 1)), ids=[0, 1])
        server = predictor.serve_with(
            ServerOptions(port=0, token="secret"), {"outcomes": lambda body: outcomes(predictor, body)}
        )
        command = ["outcomes", str(tmp_path / "truth.csv"), "--url", server.url]
        arguments = parser.parse_args([*command, "--token-file", str(tmp_path / "token")])
        assert arguments.run(arguments) == 0
        assert "joined 2" in (told := capsys.readouterr().out)
        assert "unknown_id 1" in told
        refused = parser.parse_args(command)
        with pytest.raises(StoreError, match="answered 401"):
            refused.run(refused)


def test_an_exporter_that_is_not_there_is_an_error() -> None:
    """Where, why, and what is needed; other schemes than HTTP are refused."""
    with pytest.raises(StoreError, match="need a running exporter"):
        post("http://127.0.0.1:9/outcomes", b"{}", {})
    with pytest.raises(ObservationError, match="found 'file:///etc/passwd'"):
        post("file:///etc/passwd", b"{}", {})
