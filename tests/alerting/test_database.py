from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from alerting import database
from alerting.database import Database
from alerting.errors import InstanceLockedError, OutboxError
from alerting.schema import SCHEMA_VERSION, UPGRADES

ROOT = Path(__file__).resolve().parents[2]


def note(kind: str) -> database.Job[None]:
    """A job that writes one audit entry."""

    def job(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO audit (at, kind, source, destination, detail) VALUES (0, ?, '', '', '{}')", (kind,)
        )

    return job


def kinds(path: Path) -> list[str]:
    """The audit entries that are on the disk."""
    with database.reader(path) as connection:
        return [row["kind"] for row in connection.execute("SELECT kind FROM audit ORDER BY id")]


def test_what_a_future_confirms_is_on_the_disk(tmp_path: Path) -> None:
    """A reader with a connection of its own sees it, and it survives closing."""
    state = Database(tmp_path)
    state.write(note("a")).result()
    assert kinds(state.path) == ["a"]
    state.close()
    assert kinds(state.path) == ["a"]


def test_it_is_set_up_for_durability(tmp_path: Path) -> None:
    """WAL with an fsync per commit, foreign keys, and files for their owner alone."""
    state = Database(tmp_path / "deep" / "state")

    def pragmas(connection: sqlite3.Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "user_version")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert state.write(pragmas).result() == ["wal", 2, 1, SCHEMA_VERSION]
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.path.parent.stat().st_mode) == 0o700
    state.close()


def test_a_job_that_fails_costs_no_other(tmp_path: Path) -> None:
    """Its own changes are undone, its error reaches whoever waits for it, the rest of the batch is kept."""
    state = Database(tmp_path)
    gate = threading.Event()
    blocker = state.write(lambda _: gate.wait())

    def fails(connection: sqlite3.Connection) -> None:
        note("undone")(connection)
        message = "a defect"
        raise ValueError(message)

    futures = [state.write(note("before")), state.write(fails), state.write(note("after"))]
    gate.set()
    blocker.result()
    futures[0].result()
    futures[2].result()
    with pytest.raises(ValueError, match="a defect"):
        futures[1].result()
    assert kinds(state.path) == ["before", "after"]
    state.close()


def test_jobs_that_wait_share_one_commit(tmp_path: Path) -> None:
    """A hundred jobs behind a slow one cost one fsync, not a hundred."""
    state = Database(tmp_path)
    gate, entered = threading.Event(), threading.Event()

    def slow(_: sqlite3.Connection) -> None:
        entered.set()
        gate.wait()

    first = state.write(slow)
    entered.wait()
    versions = [
        state.write(lambda connection: (note("x")(connection), connection.total_changes)[1])
        for _ in range(100)
    ]
    with database.reader(state.path) as connection:
        before = connection.execute("PRAGMA data_version").fetchone()[0]
        gate.set()
        first.result()
        assert [future.result() for future in versions]
        # The number that changes with each commit of another connection went up by two: the slow job, the
        # batch.
        assert connection.execute("PRAGMA data_version").fetchone()[0] - before <= 2
    state.close()


def test_a_locked_database_is_trouble_that_passes(tmp_path: Path) -> None:
    """While another program holds the lock writes fail soon; afterwards they work, with nothing half-done."""
    state = Database(tmp_path, busy_seconds=0.05)
    other = sqlite3.connect(state.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OutboxError, match="locked"):
        state.write(note("lost")).result()
    other.execute("ROLLBACK")
    other.close()
    state.write(note("kept")).result()
    assert kinds(state.path) == ["kept"]
    state.close()


def test_a_full_disk_is_trouble_that_passes(tmp_path: Path) -> None:
    """A write that finds no room fails as a whole; with room again, it works."""
    state = Database(tmp_path)
    pages = state.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0]).result()
    state.write(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchone()).result()
    with pytest.raises(OutboxError, match="full"):
        state.write(note("x" * 200_000)).result()
    state.write(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchone()).result()
    state.write(note("kept")).result()
    assert kinds(state.path) == ["kept"]
    state.close()


def test_a_cancelled_job_is_not_done(tmp_path: Path) -> None:
    """Who was told "come again" must not find that it was done after all."""
    state = Database(tmp_path)
    gate = threading.Event()
    first = state.write(lambda _: gate.wait())
    cancelled = state.write(note("never"))
    assert cancelled.cancel()
    gate.set()
    first.result()
    state.write(note("kept")).result()
    assert kinds(state.path) == ["kept"]
    state.close()


def test_one_directory_has_one_active_bridge(tmp_path: Path) -> None:
    """A second one is refused by name, until the first has ended, however it ended."""
    script = (
        "import sys,time; from pathlib import Path; from alerting.database import Database\n"
        "Database(Path(sys.argv[1])); print('open', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(InstanceLockedError, match=rf"another active bridge \(process {holder.pid}\)"):
            Database(tmp_path)
        holder.kill()
    Database(tmp_path).close()


def test_a_foreign_or_later_or_broken_file_is_refused(tmp_path: Path) -> None:
    """Nothing is overwritten, and the sentence says what was found."""
    for name in ("foreign", "later", "broken"):
        (tmp_path / name).mkdir()
    sqlite3.connect(tmp_path / "foreign" / database.FILE_NAME).execute(
        "CREATE TABLE theirs (x)"
    ).connection.close()
    Database(tmp_path / "later").close()
    later = sqlite3.connect(tmp_path / "later" / database.FILE_NAME)
    later.execute("PRAGMA user_version = 99")
    later.close()
    (tmp_path / "broken" / database.FILE_NAME).write_bytes(b"not a database at all" * 500)
    for name, found in (
        ("foreign", "another program"),
        ("later", "version 99"),
        ("broken", "not a database"),
    ):
        with pytest.raises(OutboxError, match=found):
            Database(tmp_path / name)
        with pytest.raises(OutboxError), database.reader(tmp_path / name / database.FILE_NAME):
            pass


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """A state directory that is a file says so, and so does the reader of nothing."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutboxError, match="cannot be written"):
        Database(tmp_path / "file")
    with pytest.raises(OutboxError, match="not found"), database.reader(tmp_path / "absent"):
        pass


def test_too_old_an_sqlite_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clear sentence instead of a syntax error at the first alert."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 32, 3))
    with pytest.raises(OutboxError, match=r"need 3\.33\.0 or later"):
        Database(tmp_path)


def test_after_closing_nothing_is_taken(tmp_path: Path) -> None:
    """What was queued is done, what comes later is refused, and closing twice is harmless."""
    state = Database(tmp_path)
    last = state.write(note("last"))
    state.close()
    state.close()
    last.result()
    with pytest.raises(OutboxError, match="closed"):
        state.write(note("too late")).result()
    assert kinds(state.path) == ["last"]


def test_many_threads_write_without_losing_anything(tmp_path: Path) -> None:
    """Eight threads, fifty entries each, all confirmed, all there."""
    state = Database(tmp_path)

    def write(number: int) -> None:
        for entry in range(50):
            state.write(note(f"{number}-{entry}")).result()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kinds(state.path)) == sorted(
        f"{number}-{entry}" for number in range(8) for entry in range(50)
    )
    state.close()


def shape(path: Path) -> dict[str, set[str]]:
    """The columns of each table, index and view of a database."""
    with database.reader(path) as connection:
        names = [row["name"] for row in connection.execute("SELECT name FROM sqlite_master")]
        return {
            name: {
                str(row["name"])
                for pragma in ("table_xinfo", "index_info")
                for row in connection.execute(f"PRAGMA {pragma}({name})")
            }
            for name in names
        }


def test_a_state_of_version_1_is_upgraded_in_place(tmp_path: Path) -> None:
    """What it held is kept, and it has the shape of a new one."""
    (tmp_path / "old").mkdir()
    old = sqlite3.connect(tmp_path / "old" / database.FILE_NAME)
    old.executescript((ROOT / "tests/data/bridge_state_version_1.sql").read_text())
    old.execute(
        "INSERT INTO incidents (source, group_key, labels, annotations, external_url, rank, truncated,"
        " unreadable, snapshot_at, began_at, opened_at, changed_at)"
        " VALUES ('default', 'g', '{}', '{}', '', 1, 0, 0, 1, 1, 1, 1)"
    )
    old.execute(
        "INSERT INTO deliveries (destination, incident_id, want_version, want_line, wanted_at, editable,"
        " rank, closed) VALUES ('slack', 1, 1, 0, 1, 1, 1, 0)"
    )
    old.commit()
    old.close()
    upgraded, fresh = Database(tmp_path / "old"), Database(tmp_path / "new")
    assert shape(upgraded.path) == shape(fresh.path)
    with database.reader(upgraded.path) as connection:
        row = connection.execute("SELECT * FROM waiting").fetchone()
        assert (row["incident_id"], row["digest_id"]) == (1, None)
    upgraded.close()
    fresh.close()


def test_a_state_of_version_2_learns_what_its_destinations_are(tmp_path: Path) -> None:
    """Of what is not Slack's it had the kind in place of a channel."""
    (tmp_path / "old").mkdir()
    old = sqlite3.connect(tmp_path / "old" / database.FILE_NAME)
    old.executescript((ROOT / "tests/data/bridge_state_version_1.sql").read_text())
    old.executescript(f"{UPGRADES[1]} PRAGMA user_version = 2;")
    old.execute(
        "INSERT INTO destinations (name, editable, channel) VALUES ('a', 1, '#ml'), ('b', 0, 'pagerduty')"
    )
    old.commit()
    old.close()
    upgraded, fresh = Database(tmp_path / "old"), Database(tmp_path / "new")
    assert shape(upgraded.path) == shape(fresh.path)
    with database.reader(upgraded.path) as connection:
        rows = connection.execute("SELECT name, kind FROM destinations ORDER BY name").fetchall()
        assert [tuple(row) for row in rows] == [("a", "slack"), ("b", "pagerduty")]
    upgraded.close()
    fresh.close()
