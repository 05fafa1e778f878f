from __future__ import annotations

import shutil
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from alerting.calls import REASONS
from alerting.errors import OutboxError
from alerting.metrics import FAMILIES, REFUSAL_REASONS, BridgeMetrics
from alerting.outbox import Backlog


def made() -> BridgeMetrics:
    """Metrics of one source and two receivers, with a backlog for one of them."""
    metrics = BridgeMetrics(["default"], ["slack", "other"])
    waiting = {
        "slack": Backlog(pending=3, oldest_at=900.0, parked=True),
        "other": Backlog(pending=0, oldest_at=None, parked=False),
    }
    metrics.watch(lambda: waiting, lambda: 1_000.0)
    return metrics


def test_the_exposition_is_exactly_the_table() -> None:
    """Every family of the table is there with its labels and kind, and no other, and no `_created`."""
    text = made().exposition().decode()
    found = {family.name: family for family in text_string_to_metric_families(text)}
    expected = {family.name.removesuffix("_total"): family for family in FAMILIES}
    assert found.keys() == expected.keys()
    for name, family in found.items():
        assert family.type == expected[name].kind
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(expected[name].labels), sample.name
    assert "_created" not in text


def test_all_children_exist_from_the_start() -> None:
    """A rate needs a series that was there before its first event."""
    text = made().exposition().decode()
    for reason in REFUSAL_REASONS:
        assert f'reason="{reason}",source="default"}} 0.0' in text
        assert f'reason="{reason}",source="unknown"}} 0.0' in text
    for reason in REASONS[1:]:
        assert f'outcome="rejected",reason="{reason}",receiver="slack"}} 0.0' in text
    assert 'outcome="delivered",reason="ok",receiver="other"} 0.0' in text


def test_the_backlog_is_read_at_each_scrape() -> None:
    """Count, age and parking come from the state, so they cannot disagree with it."""
    sample = made().registry.get_sample_value
    assert sample("bridge_outbox_pending", {"receiver": "slack"}) == 3
    assert sample("bridge_outbox_oldest_age_seconds", {"receiver": "slack"}) == 100
    assert sample("bridge_receiver_parked", {"receiver": "slack"}) == 1
    assert sample("bridge_outbox_oldest_age_seconds", {"receiver": "other"}) == 0
    assert sample("bridge_state_readable", {}) == 1


def test_a_state_that_cannot_be_read_is_told_and_not_guessed() -> None:
    """No backlog is better than a backlog of 0."""
    metrics = BridgeMetrics(["default"], ["slack"])

    def fails() -> dict[str, Backlog]:
        message = "broken"
        raise OutboxError(message)

    metrics.watch(fails, lambda: 0.0)
    assert metrics.registry.get_sample_value("bridge_state_readable", {}) == 0
    assert metrics.registry.get_sample_value("bridge_outbox_pending", {"receiver": "slack"}) is None


@pytest.mark.stack
def test_promtool_finds_nothing_to_say() -> None:
    """Names and units are as Prometheus wants them."""
    promtool = shutil.which("promtool")
    assert promtool, "need promtool (Debian: prometheus)"
    done = subprocess.run(
        [promtool, "check", "metrics"], input=made().exposition(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
