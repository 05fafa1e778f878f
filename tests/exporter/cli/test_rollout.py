from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.rollout import RolloutPolicy, StateFile
from exporter.rollout.state import begin

Run = Callable[..., Any]

CONFIG = """
rollout:
  state_file: r.json
  challenger: {version: "2", factory: "pkg.mod:make", reference: two.json}
"""


@pytest.fixture
def state(folder: Path) -> Path:
    """State file of a rollout that has just begun."""
    path = folder / "r.json"
    start = begin(
        "m", "1", "2", key="secret" * 6, policy=RolloutPolicy(), centre=0.2, now=1_700_000_000.0
    )  # fmt: skip
    file = StateFile(path)
    with file.locked():
        file.write(start)
    return path


def test_status_says_who_serves_and_why(run: Run, state: Path) -> None:
    """A few lines and the audit log."""
    ran = run("rollout", "status", "--state", state)
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "m: 2 against 1: stage 1, shadow, since 2023-11-14 22:13:20+00:00",
        "serving: 1",
        "rows with outcomes: 0 of the champion, 0 of the challenger",
        "difference: not known yet",
        "",
        "time                       event    stage  reason  note",
        "2023-11-14 22:13:20+00:00  started  1      shadow",
    ]


def test_the_configuration_names_the_state(run: Run, state: Path) -> None:
    """The section's file, relative to the configuration; a configuration without the section is told."""
    config = state.with_name("exporter.yaml")
    config.write_text(CONFIG, encoding="utf-8")
    assert "serving: 1" in run("rollout", "status", "--config", config).out
    config.write_text("", encoding="utf-8")
    ran = run("rollout", "status", "--config", config)
    assert (ran.code, ran.out) == (2, "")
    assert "rollout: found nothing, need the section, or --state FILE" in ran.err


def test_json_is_the_page_of_the_server(run: Run, state: Path) -> None:
    """Everything but the key, by which one could choose a version."""
    ran = run("rollout", "status", "--state", state, "--json")
    document = json.loads(ran.out)
    assert (document["serving"], document["status"], document["stages"][0]["kind"]) == (
        "1", "running", "shadow",
    )  # fmt: skip
    assert "secret" not in ran.out


def test_a_person_promotes_and_rolls_back_with_a_name_and_a_reason(run: Run, state: Path) -> None:
    """Both are in the file's audit log, and in what is printed."""
    ran = run("rollout", "promote", "--state", state, "--by", "ana", "--note", "tested by hand")
    assert ran.code == 0
    assert "m: 2 against 1: promoted\nserving: 2\n" in ran.out
    assert "ana: tested by hand" in ran.out
    ran = run("rollout", "rollback", "--state", state, "--by", "bo", "--json")
    assert json.loads(ran.out)["serving"] == "1"
    saved = StateFile(state).read()
    assert saved is not None
    assert [(event.what, event.reason, event.note) for event in saved.events[1:]] == [
        ("promoted", "manual", "ana: tested by hand"),
        ("rolled_back", "manual", "bo"),
    ]


@pytest.mark.parametrize("command", ["promote", "rollback"])
def test_what_has_ended_stays(run: Run, state: Path, command: str) -> None:
    """A challenger that was rolled back is neither promoted nor rolled back again; the file is as it was."""
    run("rollout", "rollback", "--state", state)
    before = state.read_bytes()
    ran = run("rollout", command, "--state", state)
    assert (ran.code, ran.out) == (2, "")
    assert "found a rollout that is rolled_back, need one that is running" in ran.err
    assert state.read_bytes() == before


@pytest.mark.parametrize("command", ["status", "promote", "rollback"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "r.json: found no file, need the state file of a rollout"),
        (b"{", "r.json: damaged (no JSON"),
        (b"\xff\xfe", "r.json: damaged (no JSON"),
        (b'{"format": "driftgauge-reference"}', "need driftgauge-rollout of version 1"),
        (b'{"format": "driftgauge-rollout", "format_version": 1}', "r.json: damaged (KeyError"),
    ],
)
def test_a_file_that_is_no_state_is_refused_in_one_line(
    run: Run, folder: Path, command: str, content: bytes | None, message: str
) -> None:
    """Nothing is written, not even a lock."""
    if content is not None:
        (folder / "r.json").write_bytes(content)
    before = sorted(folder.iterdir())
    ran = run("rollout", command, "--state", "r.json")
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert sorted(folder.iterdir()) == before


def test_a_folder_is_no_state_file(run: Run, folder: Path) -> None:
    """The system's own words, and what is needed."""
    ran = run("rollout", "status", "--state", folder)
    assert ran.code == 2
    assert "cannot be read (Is a directory), need a state file" in ran.err


def test_one_of_state_and_configuration(run: Run) -> None:
    """Both together could contradict each other."""
    with pytest.raises(SystemExit) as exit_:
        run("rollout", "status", "--state", "a", "--config", "b")
    assert exit_.value.code == 2
