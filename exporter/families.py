"""Metric families on a registry, and the children of one model version.

One collector stands for all families of a registry. It folds what predictors have pending before it answers,
drops prometheus_client's `_created` series (they would double every counter) without touching that library's
global switch, and gives each model version's score histogram its own edges. In multiprocess mode it answers
for all workers, from their files; what the others have pending is there within their flush interval.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import Metric, Sample
from prometheus_client.registry import Collector

from .metrics import FAMILIES, FAMILY, MODEL_LABELS, ROLLOUT_FAMILIES, Family
from .multiprocess import WorkerFiles, worker_files
from .pauses import may_pause

Instrument = Counter | Gauge | Histogram

SCORE_FAMILY = "model_prediction_score"
OF_ROLLOUTS = frozenset(family.name for family in ROLLOUT_FAMILIES)
"""They tell how a version came or went, also of one that went."""


class MetricFamilies(Collector):
    """All families of `metrics.FAMILIES` on one registry.

    Predictors that share a registry share these: get them by `families_for`.

    Parameters
    ----------
    workers : WorkerFiles, optional
        Files of all workers, in multiprocess mode.
    """

    def __init__(self, workers: WorkerFiles | None = None) -> None:
        self.workers = workers
        self._by_name = {family.name: _create(family) for family in FAMILIES if family.name != SCORE_FAMILY}
        self._scores: list[Histogram] = []
        self._before_collect: list[weakref.WeakMethod[Callable[[], None]]] = []
        self._hidden: set[tuple[str, ...]] = set()

    def counter(self, name: str, *labels: str) -> Counter:
        """Child of a counter family; created with its zero."""
        family = self._by_name[name]
        assert isinstance(family, Counter)
        return family.labels(*labels)

    def gauge(self, name: str, *labels: str) -> Gauge:
        """Child of a gauge family."""
        may_pause()  # a check sets hundreds
        family = self._by_name[name]
        assert isinstance(family, Gauge)
        return family.labels(*labels)

    def histogram(self, name: str, *labels: str) -> Histogram:
        """Child of a histogram family."""
        family = self._by_name[name]
        assert isinstance(family, Histogram)
        return family.labels(*labels)

    def scores(self, edges: Sequence[float], *labels: str) -> Histogram:
        """Score histogram of one model version on its own edges.

        A prometheus_client histogram has one set of edges for all its children, hence one object a version.
        """
        family = FAMILY[SCORE_FAMILY]
        histogram = Histogram(family.name, family.help, MODEL_LABELS, buckets=edges, registry=None)
        child = histogram.labels(*labels)
        self._scores.append(histogram)
        return child

    def show(self, name: str, value: float | None, *labels: str) -> None:
        """Set a child of a gauge family, or forget it where nothing is known."""
        if value is None:
            self.remove(name, *labels)
        else:
            self.gauge(name, *labels).set(value)

    def remove(self, name: str, *labels: str) -> None:
        """Forget a child: no data means no series."""
        if self.workers is not None:
            self.gauge(name, *labels).set(math.nan)  # see `multiprocess`
            return
        with suppress(KeyError):  # it was never there, or is gone already
            self._by_name[name].remove(*labels)

    def forget(self, name: str, version: str) -> None:
        """Forget all gauges of a model version that is gone; what was counted stays."""
        self.reveal(name, version)  # there is nothing left to hide
        gone = dict(zip(MODEL_LABELS, (name, version), strict=True)).items()
        for family in FAMILIES:
            if family.kind != "gauge":
                continue
            for metric in self._by_name[family.name].collect():
                for sample in metric.samples:
                    if gone <= sample.labels.items():
                        labels = (*MODEL_LABELS, *family.labels)
                        self.remove(family.name, *(sample.labels[label] for label in labels))

    def hide(self, name: str, version: str) -> None:
        """Show no gauges of a model version that serves no more, but those of its rollout."""
        self._hidden.add((name, version))

    def reveal(self, name: str, version: str) -> None:
        """Show them again, as they are now."""
        self._hidden.discard((name, version))

    def count_series(self, name: str, version: str) -> int:
        """Series exported for one model version."""
        labels = dict(zip(MODEL_LABELS, (name, version), strict=True)).items()
        found = 0
        for metric in self._metrics():
            may_pause()
            found += sum(labels <= sample.labels.items() for sample in metric.samples)
        return found

    def call_before_collect(self, method: Callable[[], None]) -> None:
        """Let every scrape begin with this bound method, for as long as its object lives."""
        self._before_collect.append(weakref.WeakMethod(method))

    def describe(self) -> Iterable[Metric]:
        """Names of all families, so that a registry refuses a second set."""
        return [Metric(family.name.removesuffix("_total"), family.help, family.kind) for family in FAMILIES]

    def collect(self) -> Iterator[Metric]:
        """All samples, with everything that was pending folded in."""
        for reference in list(self._before_collect):
            method = reference()
            if method is None:
                self._before_collect.remove(reference)
            else:
                method()
        yield from self._metrics()

    def _metrics(self) -> Iterator[Metric]:
        hidden = set(self._hidden)
        for metric in self._all_metrics():
            if hidden and metric.type == "gauge" and metric.name not in OF_ROLLOUTS:
                metric.samples = [sample for sample in metric.samples if _version(sample) not in hidden]
            yield metric

    def _all_metrics(self) -> Iterator[Metric]:
        if self.workers is not None:
            yield from self.workers.metrics()
            return
        for family in self._by_name.values():
            for metric in family.collect():
                yield _without_created(metric)
        description = FAMILY[SCORE_FAMILY]
        scores = Metric(description.name, description.help, description.kind)
        for histogram in list(self._scores):
            for metric in histogram.collect():
                scores.samples.extend(_without_created(metric).samples)
        yield scores


def _version(sample: Sample) -> tuple[str, ...]:
    return tuple(sample.labels.get(label, "") for label in MODEL_LABELS)


def _create(family: Family) -> Instrument:
    labels = (*MODEL_LABELS, *family.labels)
    if family.kind == "counter":
        return Counter(family.name, family.help, labels, registry=None)
    if family.kind == "gauge":
        # What was set last is what holds, whichever worker did it.
        mode: Literal["mostrecent", "livemostrecent"] = "mostrecent" if family.lasts else "livemostrecent"
        return Gauge(family.name, family.help, labels, registry=None, multiprocess_mode=mode)
    assert family.buckets is not None
    return Histogram(family.name, family.help, labels, buckets=family.buckets, registry=None)


def _without_created(metric: Metric) -> Metric:
    metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
    return metric


_FAMILIES_OF: weakref.WeakKeyDictionary[CollectorRegistry, MetricFamilies] = weakref.WeakKeyDictionary()
_FAMILIES_LOCK = threading.Lock()


def families_for(registry: CollectorRegistry) -> MetricFamilies:
    """Families on this registry, registered at the first call."""
    with _FAMILIES_LOCK:
        families = _FAMILIES_OF.get(registry)
        if families is None:
            families = MetricFamilies(worker_files())
            registry.register(families)
            _FAMILIES_OF[registry] = families
        return families
