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
from exporter.send_outcomes import BATCH_ROWS, post, register, send
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
    counts = send(str(path), "http://x", exporter, {}, target="late", timestamp="at")
    assert counts == {"joined": n, "late": 2}
    assert [len(body["ids"]) for body in exporter.bodies] == [BATCH_ROWS, 5]
    first = exporter.bodies[0]
    assert first["ids"][:3] == [0, 1, 2]
    assert first["y_true"][:3] == [0, None, 0]
    assert first["at"][0] == 1357034400


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
