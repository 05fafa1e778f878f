from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from exporter import Reference
from exporter.counters import ModelCounters
from exporter.families import families_for
from exporter.metrics import OUTPUTS

if TYPE_CHECKING:
    from prometheus_client.core import Sample

ROWS = 1000


@pytest.fixture
def samples() -> list[Sample]:
    """What is exported of a reference with a feature of each kind, scores and classes, before any traffic."""
    rng = np.random.default_rng(7)
    scores = rng.uniform(size=ROWS)
    reference = Reference.fit(
        {"age": rng.normal(size=ROWS), "city": rng.choice(["a", "b"], ROWS)},
        model_name="m",
        model_version="1",
        scores=scores,
        predictions=np.where(scores > 0.5, "yes", "no"),
    )
    registry = CollectorRegistry()
    ModelCounters(families_for(registry), "m", "1", reference, None)
    return [sample for metric in registry.collect() for sample in metric.samples]


def named(samples: list[Sample], name: str) -> list[Sample]:
    return [sample for sample in samples if sample.name == name]


def test_the_kind_of_every_feature_is_exported(samples: list[Sample]) -> None:
    """A rule that needs ordered bins can tell which features have them."""
    kinds = {s.labels["feature_name"]: s.labels["kind"] for s in named(samples, "model_feature_info")}
    assert kinds == {"age": "numeric", "city": "categorical"}


def test_a_score_s_reference_ratio_stands_beside_the_bucket_it_belongs_to(samples: list[Sample]) -> None:
    """Each bucket of the histogram has one ratio, under the text of its upper edge; they sum to 1."""
    ratios = [s for s in named(samples, "model_reference_prediction_ratio") if s.labels["output"] == "score"]
    buckets = [s.labels["le"] for s in named(samples, "model_prediction_score_bucket")]
    assert [s.labels["edge"] for s in ratios] == buckets
    assert [s.labels["bin"] for s in ratios] == [f"{i:02d}" for i in range(len(buckets))]
    assert sum(s.value for s in ratios) == pytest.approx(1.0)


def test_a_predicted_class_has_its_reference_ratio(samples: list[Sample]) -> None:
    """The bins of the classes are the labels of their counters, and have no edge."""
    ratios = [s for s in named(samples, "model_reference_prediction_ratio") if s.labels["output"] == "class"]
    counted = {s.labels["predicted_class"] for s in named(samples, "model_predicted_class_total")}
    assert {s.labels["bin"] for s in ratios} == counted
    assert {s.labels["edge"] for s in ratios} == {""}


def test_both_outputs_say_how_many_rows_are_behind_their_ratios(samples: list[Sample]) -> None:
    """A statistic of two samples needs both sizes."""
    found = {s.labels["output"]: s.value for s in named(samples, "model_reference_prediction_samples")}
    assert found == dict.fromkeys(OUTPUTS, ROWS)
