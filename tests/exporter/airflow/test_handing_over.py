"""A candidate is handed over once in a run, and its end is heard however late one asks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from exporter import ConfigError, EngineError, RolloutPolicy
from exporter.airflow.handing_over import explain, hand_over, outcome_of
from exporter.airflow.learning import find_champion, why_not
from exporter.airflow.run_folder import Handed, Training, Validated
from exporter.airflow.training import train
from exporter.rollout import Candidate, StateFile, decide_by_hand, read_candidate
from exporter.rollout.state import begin

from .conftest import Bench

VALIDATED = Validated(model_version="2", verdict="better", difference=0.2, low=0.1, high=0.3, rows=800)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "candidate.json"


def _hand_over(bench: Bench, path: Path, version: str = "2") -> Handed:
    training = Training(
        model_path="/run/model", reference_path="/run/reference.json", metrics={"auc": 0.8}, holdout="h"
    )
    validated = Validated(**{**VALIDATED, "model_version": version})
    return hand_over(
        str(path), bench.champion, training, validated, bench.folder, run_id="today", now=1_000.0
    )


def _begin(bench: Bench, champion: str, challenger: str) -> None:
    """A server begins to try a version."""
    origins = {
        version: {"model_path": f"/run/{version}", "reference_path": bench.champion["reference_path"]}
        for version in (champion, challenger)
    }
    StateFile(bench.state).write(
        begin(
            "m", champion, challenger, key="k", policy=RolloutPolicy(), centre=0.1, now=2_000.0,
            origins=origins,
        )
    )  # fmt: skip


def _end(bench: Bench, what: Any, note: str) -> None:
    decide_by_hand(StateFile(bench.state), what, note=note, now=3_000.0)


def test_a_candidate_is_written_as_servers_read_it(bench: Bench, path: Path) -> None:
    """With its files, and which run it is of."""
    handed = _hand_over(bench, path)
    found = read_candidate(path)
    assert isinstance(found, Candidate)
    assert (found.model_name, found.version, found.model_path) == ("m", "2", "/run/model")
    assert found.about["run_id"] == "today"
    assert handed["candidate_file"] == str(path)


def test_a_run_hands_over_once(bench: Bench, path: Path) -> None:
    """Also when it is asked again after another candidate came: all of its tasks say what they said then."""
    first = _hand_over(bench, path)
    path.write_text("another candidate")
    assert _hand_over(bench, path, "3") == first
    assert path.read_text() == "another candidate"
    _begin(bench, "8", "9")
    champion = find_champion(bench.state, bench.folder, reference_path="none", model_path="none")
    assert champion == bench.champion
    again = train(
        bench.window, champion, bench.report, bench.folder, command=["/none/train"], target="target",
        run_id="today", since="",
    )  # fmt: skip
    assert again["model_path"] == "/run/model"


def test_a_task_that_was_killed_before_the_file_writes_it_then(
    bench: Bench, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has seen the candidate yet: what was there is still there."""
    path.write_text("an older one")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("exporter.airflow.handing_over.write_candidate", killed)
    with pytest.raises(KeyboardInterrupt):
        _hand_over(bench, path)
    assert path.read_text() == "an older one"
    monkeypatch.undo()
    _hand_over(bench, path)
    found = read_candidate(path)
    assert isinstance(found, Candidate)
    assert found.version == "2"


def test_a_rollout_is_awaited_to_its_end(bench: Bench, path: Path) -> None:
    """Before the server looks, while it tries, and how it ended with the note of whoever decided."""
    handed = _hand_over(bench, path)
    assert outcome_of(handed, bench.state) is None
    _begin(bench, "1", "2")
    assert outcome_of(handed, bench.state) is None
    _end(bench, "promoted", "ana: go")
    found = outcome_of(handed, bench.state)
    assert found is not None
    assert explain(found) == "m 2 was promoted: manual; ana: go"
    _end(bench, "rolled_back", "ben: customers complain")
    found = outcome_of(handed, bench.state)
    assert found is not None
    assert explain(found) == "m 2 was rolled back: manual; ben: customers complain"


def test_a_promotion_is_seen_also_after_the_next_rollout_began(bench: Bench, path: Path) -> None:
    """The version that another one challenges is champion."""
    handed = _hand_over(bench, path)
    _begin(bench, "2", "3")
    found = outcome_of(handed, bench.state)
    assert found is not None
    assert explain(found) == "m 2 was promoted: the rollout of 3 has begun since"


def test_a_candidate_whose_place_was_taken_is_not_awaited(bench: Bench, path: Path) -> None:
    """The newest alone is tried."""
    handed = _hand_over(bench, path)
    path.write_text("{}")
    with pytest.raises(ConfigError, match="found another candidate, need '2'"):
        outcome_of(handed, bench.state)


def test_a_promoted_version_is_the_next_champion(bench: Bench, tmp_path: Path) -> None:
    """With the files that the rollout names; while one runs, nothing else is trained."""
    _begin(bench, "1", "2")
    options = {"reference_path": bench.champion["reference_path"], "model_path": "first"}
    champion = find_champion(bench.state, str(tmp_path / "next"), **options)
    assert (champion["model_version"], champion["challenger"], champion["known"]) == ("1", "2", ["1", "2"])
    why = why_not(bench.report, bench.window, champion, target="target")
    assert why == "version '2' is being tried, need its end first"
    _end(bench, "promoted", "ana")
    with pytest.raises(ValueError, match="'2'"):  # its reference here is that of version 1
        find_champion(bench.state, str(tmp_path / "next"), **options)


@pytest.mark.parametrize(
    ("drift", "minimum", "why"),
    [
        (False, 1_000, "no drift"),
        (True, 2_501, "found 2,500 labelled rows, need 2,501"),
        (True, 2_500, None),
    ],
)
def test_only_drift_with_enough_labels_is_a_reason(
    bench: Bench, drift: bool, minimum: int, why: str | None
) -> None:
    """Rows whose truth is not known yet do not count."""
    bench.report["drift_detected"] = drift
    found = why_not(bench.report, bench.window, bench.champion, target="target", minimum=minimum)
    assert found == why


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, Any]]]:
    """A server whose page /rollout says what one puts there, to whoever has the token."""
    page: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            allowed = self.path == "/rollout" and self.headers["Authorization"] == "Bearer secret"
            self.send_response(200 if allowed else 401)
            self.end_headers()
            self.wfile.write(json.dumps(page).encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            pass

    http = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=http.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}/", page
    http.shutdown()
    thread.join()
    http.server_close()


def test_a_refusal_on_the_page_ends_the_waiting(
    bench: Bench, path: Path, tmp_path: Path, server: tuple[str, dict[str, Any]]
) -> None:
    """One of an earlier candidate does not; without the token nobody can tell."""
    (url, page), token = server, tmp_path / "token"
    token.write_text("secret\n")
    handed = _hand_over(bench, path)
    refused: Mapping[str, Any] = {"at": 999.0, "reason": "no_model", "words": "raised OSError"}
    page.update({"name": "m", "status": "none", "serving": "1", "refused": refused})
    assert outcome_of(handed, url, str(token)) is None
    page["refused"] = {**refused, "at": 1_001.0}
    with pytest.raises(ConfigError, match=r"candidate 2: refused \(no_model\): raised OSError"):
        outcome_of(handed, url, str(token))
    with pytest.raises(EngineError, match="need the page of a rollout"):
        outcome_of(handed, url)
