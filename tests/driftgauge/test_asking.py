from __future__ import annotations

import json
from typing import Any

from driftgauge.demo.asking import Run, RunWatcher, read_run

BROKEN = {"code": "quality_broken", "words": "the data is broken"}
FEW = {"code": "few_rows", "words": "found 5, need 9"}


def run(number: int, state: str, **values: Any) -> dict[str, Any]:
    """A run as the service tells it."""
    return {
        "run_id": number,
        "state": state,
        "cause": {
            "since": "2026-01-01T00:00:00Z",
            "alert_names": ["ModelDriftDetected"],
            "features": ["temperature"],
        },
        "requested_at": "2026-01-01T00:00:02Z",
        "started_at": None,
        "ended_at": None,
        "reasons": [],
        "result": None,
        **values,
    }


def answer(*runs: dict[str, Any]) -> str:
    """Of /retraining/history, newest first."""
    return json.dumps({"runs": sorted(runs, key=lambda run: -run["run_id"])})


def test_the_first_decision_to_wait_and_the_one_to_run_are_told() -> None:
    """All reasons of a wait, and what was found when no brake held."""
    events = [
        {"kind": "requested"},
        {"kind": "wait", "reasons": [BROKEN, FEW]},
        {"kind": "wait", "reasons": [FEW]},
        {"kind": "run", "reasons": [{"code": "ready", "words": "no brake holds"}]},
    ]
    found = read_run(answer(run(1, "running", events=events, started_at="2026-01-01T00:01:00Z")))
    assert found == Run(
        state="running",
        since=1_767_225_600.0,
        requested_at=1_767_225_602.0,
        decided_at=1_767_225_660.0,
        alerts=("ModelDriftDetected",),
        features=("temperature",),
        waits="the data is broken; found 5, need 9",
        runs_because="no brake holds",
    )


def test_the_run_that_counts_is_the_first_that_was_not_refused() -> None:
    """Later causes wait for their cooldown; one that no trigger answers is refused at once."""
    found = read_run(
        answer(run(1, "refused"), run(2, "succeeded", result={"metrics": {}}), run(3, "requested"))
    )
    assert found is not None
    assert found.state == "succeeded"
    only = read_run(answer(run(1, "refused", reasons=[FEW])))
    assert only is not None
    assert (only.state, only.reasons) == ("refused", "found 5, need 9")


def test_a_service_that_does_not_answer_leaves_things_as_they_were() -> None:
    """Also one that has forgotten; a run is as it was until the service says otherwise."""
    answers: list[str | None] = [
        answer(),
        answer(run(1, "running")),
        None,
        answer(),
        answer(run(1, "failed")),
    ]
    watcher = RunWatcher("http://nowhere", lambda _: answers.pop(0))
    seen = []
    while answers:
        watcher.look()
        seen.append(None if watcher.run is None else watcher.run.state)
    assert seen == [None, "running", "running", "running", "failed"]
