from __future__ import annotations

from collections import Counter

from exporter.schema import MAX_SNAPSHOTS, SchemaCounts, SchemaHistory


def test_shares_are_of_the_window_alone() -> None:
    """What was counted before it began is left out; without calls in it nothing is known."""
    counts = SchemaCounts()
    history = SchemaHistory(counts)
    assert history.shares(0.0) is None
    for now, calls, extra in ((100.0, 10, 5), (200.0, 20, 5), (300.0, 40, 6), (400.0, 40, 6)):
        counts.calls, counts.violations = calls, Counter({"extra_column": extra})
        history.look(now)
    assert history.shares(0.0) == {"extra_column": 6 / 40}
    assert history.shares(200.0) == {"extra_column": 1 / 20}
    assert history.shares(250.0) == {"extra_column": 1 / 20}
    assert history.shares(300.0) is None


def test_memory_is_bounded() -> None:
    """With more looks than are kept, a long window begins at the oldest one."""
    counts = SchemaCounts()
    history = SchemaHistory(counts)
    for now in range(MAX_SNAPSHOTS + 10):
        counts.calls += 1
        counts.violations["extra_column"] += now < 10
        history.look(float(now))
    assert history.shares(-1.0) == {}
