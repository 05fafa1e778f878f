from __future__ import annotations

import gc
import subprocess

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest

from exporter.families import MetricFamilies, families_for
from exporter.metrics import FAMILIES, MODEL_LABELS


class Pending:
    """Counts how often it was asked to fold."""

    def __init__(self) -> None:
        self.folded = 0

    def fold(self) -> None:
        self.folded += 1


def test_predictors_on_one_registry_share_its_families(registry: CollectorRegistry) -> None:
    """The families are created once a registry."""
    assert families_for(registry) is families_for(registry)
    assert families_for(CollectorRegistry()) is not families_for(registry)


def test_a_second_set_is_refused(registry: CollectorRegistry) -> None:
    """A registry that has the families takes no others of the same names."""
    families_for(registry)
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        registry.register(MetricFamilies())


def test_no_created_series_and_no_global_switch(registry: CollectorRegistry) -> None:
    """Ours have no `_created` series; the host's own counters keep theirs."""
    families_for(registry).counter("model_predictions_total", "m", "1").inc()
    Counter("own", "The host's.", registry=registry).inc()
    created = [
        sample.name for metric in registry.collect() for sample in metric.samples if "created" in sample.name
    ]
    assert created == ["own_created"]


def test_a_scrape_folds_first(registry: CollectorRegistry) -> None:
    """What is pending when a scrape comes is in it."""
    families = families_for(registry)
    pending = Pending()
    families.call_before_collect(pending.fold)
    generate_latest(registry)
    assert pending.folded == 1
    del pending
    gc.collect()
    generate_latest(registry)
    assert families._before_collect == []


def test_each_model_has_its_own_score_edges(registry: CollectorRegistry) -> None:
    """Two models of one registry are one family with different buckets."""
    families = families_for(registry)
    families.scores((0.5, 1.0), "a", "1").observe(0.4)
    families.scores((10.0,), "b", "1").observe(4.0)
    text = generate_latest(registry).decode()
    assert text.count("# TYPE model_prediction_score histogram") == 1
    assert 'model_prediction_score_bucket{le="0.5",model_name="a",model_version="1"} 1.0' in text
    assert 'model_prediction_score_bucket{le="10.0",model_name="b",model_version="1"} 1.0' in text


def test_a_removed_gauge_is_gone(registry: CollectorRegistry) -> None:
    """No data means no series, also when there never was any."""
    families = families_for(registry)
    families.gauge("model_drift_state", "m", "1", "a").set(1)
    families.remove("model_drift_state", "m", "1", "a")
    families.remove("model_drift_state", "m", "1", "never")
    assert (
        registry.get_sample_value(
            "model_drift_state", dict(zip((*MODEL_LABELS, "feature_name"), "m1a", strict=True))
        )
        is None
    )


def test_promtool_has_no_complaint(registry: CollectorRegistry) -> None:
    """Names, help and units are as Prometheus' own linter wants them."""
    families = families_for(registry)
    for family in FAMILIES:
        labels = ("m", "1", *("x" for _ in family.labels))
        if family.name == "model_prediction_score":
            families.scores((1.0,), "m", "1").observe(0.5)
        elif family.kind == "counter":
            families.counter(family.name, *labels).inc()
        elif family.kind == "gauge":
            families.gauge(family.name, *labels).set(1)
        else:
            families.histogram(family.name, *labels).observe(1)
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=generate_latest(registry), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
