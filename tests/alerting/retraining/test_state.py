from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from alerting.errors import OutboxError
from alerting.retraining import runs
from alerting.retraining.state import FILE_NAME, Lead, State

from .conftest import STARTED, cause


def test_the_state_is_its_owners_alone(tmp_path: Path) -> None:
    """It holds labels of alerts and names of people."""
    state = State(tmp_path / "state")
    assert state.path.stat().st_mode & 0o777 == 0o600
    assert state.directory.stat().st_mode & 0o777 == 0o700


def test_what_is_not_ours_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Another program's database, another version, no database, a place that cannot be."""
    other = tmp_path / FILE_NAME
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE theirs (a)")
    connection.commit()
    connection.close()
    with pytest.raises(OutboxError, match="found another program's database"):
        State(tmp_path)
    state = State(tmp_path / "new")
    with state.write() as writer:
        writer.execute("PRAGMA user_version = 9")
    with pytest.raises(OutboxError, match="found state of version 9, need 1"):
        State(tmp_path / "new")
    other.write_bytes(b"x" * 5_000)
    with pytest.raises(OutboxError, match="found it unusable"):
        State(tmp_path)
    assert other.read_bytes() == b"x" * 5_000
    with pytest.raises(OutboxError, match="need a writable place"):
        State(other / "inside")


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Half of what was asked for is worse than none."""
    state = State(tmp_path)
    with pytest.raises(sqlite3.IntegrityError), state.write() as connection:
        # The second fails: there is no run for its event.
        connection.executemany(
            "INSERT INTO events (at, run_id, kind, detail) VALUES (0, ?, 'x', '{}')", [(None,), (99,)]
        )
    with state.read() as connection:
        assert connection.execute("SELECT COUNT(*) FROM events").fetchone()[0] == 0


def test_the_database_itself_refuses_a_second_run_of_a_model(tmp_path: Path) -> None:
    """Whatever a program believes: one run under way for a model, one row for a cause."""
    state = State(tmp_path)
    with state.write() as connection:
        for key in ("a", "b"):
            runs.request(connection, cause(key), STARTED)
        connection.execute("UPDATE runs SET state = 'running' WHERE id = 1")
    with pytest.raises(sqlite3.IntegrityError), state.write() as connection:
        connection.execute("UPDATE runs SET state = 'evaluating' WHERE id = 2")
    with pytest.raises(sqlite3.IntegrityError), state.write() as connection:
        connection.execute(
            "INSERT INTO runs (cause_key, model_name, cause, requested_at, state, due_at)"
            " VALUES ('a', 'delay', '{}', 0, 'requested', 0)"
        )


def test_a_step_from_where_a_run_no_longer_is_changes_nothing(tmp_path: Path) -> None:
    """Two programs that saw the same row take one step."""
    state = State(tmp_path)
    with state.write() as connection:
        runs.request(connection, cause(), STARTED)
        seen = runs.get(connection, 1)
        assert runs.step(connection, seen, "running", now=STARTED, kind="run", attempt=1)
        assert not runs.step(connection, seen, "running", now=STARTED, kind="run", attempt=1)
        assert [event["kind"] for event in runs.events(connection, 1)] == ["requested", "run"]


def test_the_lead_is_one_process_until_it_lets_go(tmp_path: Path) -> None:
    """And taken by whoever asks next."""
    State(tmp_path)
    first, second = Lead(tmp_path), Lead(tmp_path)
    assert first.held()
    assert first.held()
    assert not second.held()
    first.release()
    assert second.held()
    second.release()
    with pytest.raises(OutboxError, match="need a state directory"):
        Lead(tmp_path / "absent").held()
