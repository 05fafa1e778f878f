from __future__ import annotations

import shutil
import subprocess

import pytest

from alerting.retraining.metrics import FAMILIES

from .conftest import Bench


@pytest.mark.stack
def test_promtool_finds_nothing_to_say(bench: Bench) -> None:
    """Names and units are as Prometheus wants them."""
    promtool = shutil.which("promtool")
    assert promtool, "need promtool (Debian: prometheus)"
    text = bench.controller.metrics.exposition()
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_every_series_is_there_before_its_first_event(bench: Bench) -> None:
    """A rate exists only for a series that was there before; what has not happened yet has no time."""
    found = {
        sample.name for metric in bench.controller.metrics.registry.collect() for sample in metric.samples
    }
    absent = {"retraining_last_success_timestamp_seconds"}
    assert {family.name for family in FAMILIES} - absent <= found
    assert bench.metric("retraining_failures_in_a_row", model_name="delay") == 0


def test_a_state_that_cannot_be_read_says_so_and_nothing_else(bench: Bench) -> None:
    """Zeros would be lies."""
    assert bench.metric("retraining_state_readable") == 1
    bench.state.path.unlink()
    bench.state.path.write_bytes(b"no database, but long enough to be taken for one" * 100)
    assert bench.metric("retraining_state_readable") == 0
    assert bench.metric("retraining_waiting", model_name="delay") is None
