"""A rollout that is configured, over the real HTTP of what `driftgauge serve` starts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import requests

from exporter import ConfigError, InstrumentedPredictor, ReferenceDataError, RolloutPredictor
from exporter.config import load_config
from exporter.reference import Reference
from exporter.serving import Served, predictor_of, start

from .conftest import Client

CONFIG = """
model: {name: m, version: "1", factory: "served_models:first", reference: one.json}
server: {port: 0}
"""

ROLLOUT = """
rollout:
  state_file: rollout.json
  challenger: {version: "2", factory: "served_models:FUNCTION", reference: REFERENCE}
  stages:
    - {kind: shadow, min_rows: 200, min_seconds: 0}
    - {kind: canary, share: 0.2, min_rows: 300, min_seconds: 0}
    - {kind: ab, share: 0.5, min_rows: 300, min_seconds: 0}
  sync_seconds: 0.02
"""

Serve = Callable[[], tuple[Served, Client]]


@pytest.fixture
def folder(tmp_path: Path, references: tuple[Reference, Reference], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration without a rollout, and two references."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    for name, reference in zip(("one", "two"), references, strict=True):
        reference.save(tmp_path / f"{name}.json")
    (tmp_path / "exporter.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def configure(folder: Path, function: str = "second", reference: str = "two.json") -> None:
    """Add a rollout to the configuration."""
    text = ROLLOUT.replace("FUNCTION", function).replace("REFERENCE", reference)
    (folder / "exporter.yaml").write_text(CONFIG + text, encoding="utf-8")


@pytest.fixture
def serve(folder: Path) -> Iterator[Serve]:
    """Starts what the configuration says, and stops it in the end."""
    with ExitStack() as stack:

        def begin() -> tuple[Served, Client]:
            predictor, server = start(load_config(folder / "exporter.yaml", {}))
            stack.callback(predictor.close)
            return predictor, Client(server.url)

        yield begin


def test_a_configured_challenger_becomes_champion(serve: Serve, folder: Path) -> None:
    """From shadow to promotion by requests alone; started again, the server goes on with it."""
    configure(folder)
    predictor, client = serve()
    assert client.get("rollout")["serving"] == "1"
    assert client.answers_of("1")
    status = client.until(lambda found: found["status"] == "promoted")
    assert [event["what"] for event in status["events"]] == ["started", "advanced", "advanced", "promoted"]
    assert client.answers_of("2")
    assert 'model_rollout_state{model_name="m",model_version="2"} 4.0' in client.get("metrics")
    predictor.close()
    again, client = serve()
    assert client.answers_of("2")
    assert isinstance(again, RolloutPredictor)
    assert again.reference is not None
    assert (again.version, again.reference.model_version) == ("2", "2")


def test_a_worse_challenger_is_rolled_back(serve: Serve, folder: Path) -> None:
    """Nobody but its own metrics has seen it."""
    configure(folder)
    _, client = serve()
    status = client.until(lambda found: found["status"] != "running", wrong=(0.1, 0.3))
    assert (status["serving"], status["events"][-1]["reason"]) == ("1", "worse")
    assert client.answers_of("1")


def test_without_the_section_nothing_changes(serve: Serve) -> None:
    """One version, as before."""
    predictor, client = serve()
    assert isinstance(predictor, InstrumentedPredictor)
    assert requests.get(f"{client.url}/rollout", timeout=5).status_code == 404
    assert "model_rollout_state{" not in client.get("metrics")


def test_versions_keep_their_files_apart(folder: Path) -> None:
    """The rows and detectors of one are not the other's."""
    configure(folder)
    path = folder / "exporter.yaml"
    more = "\nstore: {type: sqlite, path: rows.sqlite3}\nchecks: {state_file: kept.json}\n"
    path.write_text(path.read_text("utf-8") + more, encoding="utf-8")
    with predictor_of(load_config(path, {})) as predictor:
        predictor.predict(np.zeros((1, 3)), ids=["a"])
    names = {found.name for found in folder.iterdir()}
    assert {"rows.sqlite3", "rows-2.sqlite3", "kept.json", "kept-2.json"} <= names


@pytest.mark.parametrize(
    ("function", "reference", "error", "message"),
    [
        ("absent", "two.json", ConfigError, "rollout.challenger.factory: served_models:absent: .* no attr"),
        ("broken", "two.json", ConfigError, "rollout.challenger.factory: .* raised RuntimeError: no model"),
        ("second", "one.json", ReferenceDataError, "one.json: model_version: found '1', need '2'"),
        ("second", "none.json", ReferenceDataError, "none.json"),
    ],
)
def test_a_challenger_that_cannot_serve_stops_the_start(
    folder: Path, function: str, reference: str, error: type[Exception], message: str
) -> None:
    """With the key that is to be mended, and no state file that would say it had begun."""
    configure(folder, function, reference)
    with pytest.raises(error, match=message):
        predictor_of(load_config(folder / "exporter.yaml", {}))
    assert not (folder / "rollout.json").exists()


def hand_on(folder: Path, **changes: str) -> None:
    """Name a candidate, as a retraining does."""
    (folder / "two.bin").write_text('{"column": 2}', encoding="utf-8")
    document = {
        "format": "driftgauge-candidate", "format_version": 1, "model_name": "m", "model_version": "2",
        "model_path": "two.bin", "reference_path": "two.json", **changes,
    }  # fmt: skip
    (folder / "candidate.tmp").write_text(json.dumps(document), encoding="utf-8")
    (folder / "candidate.tmp").replace(folder / "candidate.json")


@pytest.fixture
def candidates(folder: Path) -> Path:
    """The same with a file that names candidates."""
    path = folder / "exporter.yaml"
    configure(folder)
    text = re.sub(
        r"challenger: .*", "candidate_file: candidate.json\n  loader: served_models:load", path.read_text()
    )
    path.write_text(text, encoding="utf-8")
    return folder


def test_a_candidate_becomes_champion_without_a_restart(serve: Serve, candidates: Path) -> None:
    """The server is there before its challenger; its pages follow the champion."""
    _, client = serve()
    assert client.get("rollout") == {"name": "m", "status": "none", "serving": "1", "refused": None}
    assert client.answers_of("1")
    hand_on(candidates)
    client.until(lambda found: found["status"] == "promoted")
    assert client.answers_of("2")
    assert 'model_promotions_total{model_name="m",model_version="2"} 1.0' in client.get("metrics")
    assert isinstance(client.get("drift"), dict)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_path": "gone.bin"}, "no_model"),
        ({"reference_path": "one.json"}, "no_reference"),
        ({"model_name": "other"}, "other_model"),
        ({"format": "joblib"}, "unreadable"),
    ],
)
def test_an_unsound_candidate_never_answers(
    serve: Serve, candidates: Path, changes: dict[str, str], reason: str
) -> None:
    """The reason is on the page and in the metrics; the champion answers on."""
    hand_on(candidates, **changes)
    _, client = serve()
    client.until(lambda found: found["refused"] is not None)
    assert client.get("rollout")["refused"]["reason"] == reason
    counted = f'model_rollout_refusals_total{{model_name="m",model_version="1",reason="{reason}"}} 1.0'
    assert counted in client.get("metrics")
    assert client.answers_of("1")
    assert not (candidates / "rollout.json").exists()
