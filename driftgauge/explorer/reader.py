"""What each part of the page asks for, and of whom. The only place that knows the metrics' names."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from ..errors import SourceError
from . import alerts as alerting_views
from . import performance as measures
from .alerts import Alert, Incident
from .choices import Choices, missing, pick, settled
from .clients import Alertmanager, Bridge, Exporter, Prometheus, drift_of
from .distribution import Distribution, distribution
from .palette import PERFORMANCE_STATES, QUALITY_STATES, STATES
from .performance import ESTIMATED, Performance
from .promql import either, matchers
from .quality import Quality, quality
from .ranking import Ranking, ranking
from .scores import WORST, ScoreHistory, Statistic, in_order, statistics, statistics_of
from .selection import ALL, Selection
from .series import Line, Sample, by, only, only_line
from .summary import Summary, summary

logger = logging.getLogger("driftgauge.explorer")

T = TypeVar("T")

SEGMENTED: Final = ("model_segment_drift_state", "model_accuracy", "model_mae")
"""Metrics that know every segment there is: those of checks within segments, and of performance."""

_COUNTED: Final = {
    "missing": "model_feature_missing_total",
    "out_of_range": "model_feature_out_of_range_total",
    "unseen": "model_feature_unseen_category_total",
    "type_error": "model_feature_type_error_total",
}
_MULTIPLE: Final = "model_drift_score{0} / (model_drift_threshold{0} > 0)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Asks the programs and makes view models of their answers. Every method may raise `SourceError`.

    Attributes
    ----------
    prometheus, alertmanager, bridge
        Clients.
    exporters : sequence of Exporter
    clock : callable
        Seconds since 1970.
    """

    prometheus: Prometheus
    alertmanager: Alertmanager
    bridge: Bridge
    exporters: Sequence[Exporter]
    clock: Callable[[], float] = field(default=time.time)

    def choices(self, wanted: Selection) -> tuple[Choices, Selection, tuple[str, ...]]:
        """What can be chosen, the selection that is shown, and what was asked for in vain."""
        seen = f"[{wanted.seconds}s]"
        versions = self._versions(wanted)
        models = tuple(sorted(versions))
        model = pick(wanted.model, models)
        shown = replace(wanted, model=model)
        of_model = tuple(versions.get(model, ()))
        shown = replace(shown, version=pick(wanted.version, of_model))
        version = matchers(**shown.labels())

        def values(label: str, expression: str) -> tuple[str, ...]:
            found = self._ask(shown, f"group by ({label}) ({expression})")
            return tuple(sorted(one.labels[label] for one in found if one.labels.get(label)))

        features = values("feature_name", f"last_over_time(model_reference_samples{version}{seen})")
        of_segments = either(SEGMENTED, version, wanted.seconds)
        found_segments = values("segment", of_segments)
        windows = values("window", f"last_over_time(driftgauge_window_rows{version}{seen})")
        choices = Choices(
            models=models,
            versions=of_model,
            features=features,
            segments=(ALL, *(name for name in found_segments if name != ALL)),
            windows=windows,
            measures=self._measures(shown, pick(shown.window, windows)),
        )
        notes = missing(wanted, choices)
        shown = settled(shown, choices, self._ratios(shown))
        choices = replace(choices, tests=self._tests(shown))
        return choices, replace(shown, test=pick(shown.test, choices.tests)), notes

    def summary(self, chosen: Selection, column: Mapping[str, Any] | None) -> Summary:
        """How the feature is, from Prometheus and from what the exporter says about the window."""
        version, feature = matchers(**chosen.labels()), matchers(**chosen.feature_labels())
        states = by(self._ask(chosen, f"max by (feature_name) (model_drift_state{version})"), "feature_name")
        code = only(self._ask(chosen, f"max(model_drift_state{feature})"))
        state = STATES.get(-1.0 if code is None else code, "unknown")
        if chosen.segment != ALL and column is not None:
            within = self._made(lambda: statistics_of(column))
            ratios = {one.test: one.ratio for one in within if one.ratio is not None}
            state = str(column.get("state", "unknown"))
            part = matchers(**chosen.labels(), segment=chosen.segment, window=chosen.window)
            counted = f"max(model_segment_rows{part})"
        else:
            window = matchers(**chosen.feature_labels(), window=chosen.window)
            ratios = by(self._ask(chosen, f"max by (test_type) ({_MULTIPLE.format(window)})"), "test_type")
            rows = matchers(**chosen.labels(), window=chosen.window)
            counted = f"max(driftgauge_window_rows{rows})"
        return summary(
            state,
            ratios,
            states,
            only(self._ask(chosen, counted)),
            only(self._ask(chosen, f"max(driftgauge_last_check_timestamp_seconds{version})")),
            column,
        )

    def column(self, chosen: Selection) -> Mapping[str, Any] | None:
        """What the latest check says about the feature, within the segment; None where the past is shown."""
        if chosen.until:
            return None
        segment = "" if chosen.segment == ALL else chosen.segment
        page = drift_of(self.exporters, chosen.labels(), chosen.feature, segment)
        if segment and page.get("segment") != segment:
            raise SourceError(f"exporter: found no checks within segments, showing all rows for {segment!r}")
        found = page.get("windows", {}).get(chosen.window)
        return found if isinstance(found, Mapping) else None

    def bins(self, chosen: Selection) -> Mapping[str, Any] | None:
        """Where the bins of the feature's reference lie; None where the exporter does not say."""
        page = drift_of(self.exporters, chosen.labels(), chosen.feature).get("reference")
        return page if isinstance(page, Mapping) and "bins" in page else None

    def distribution(self, chosen: Selection, page: Mapping[str, Any] | None) -> Distribution:
        """The range beside the reference, counted by all replicas."""
        feature = matchers(**chosen.feature_labels())
        seconds = chosen.seconds
        kinds = self._ask(
            chosen, f"group by (kind) (last_over_time(model_feature_info{feature}[{seconds}s]))"
        )
        shares = f"max by (bin) (last_over_time(model_reference_bin_ratio{feature}[{seconds}s]))"
        counted = f"sum by (bin) (increase(model_feature_bin_total{feature}[{seconds}s]%s))"
        return self._made(
            lambda: distribution(
                kinds[0].labels["kind"] if kinds else "numeric",
                by(self._ask(chosen, shares), "bin"),
                by(self._ask(chosen, counted % ""), "bin"),
                by(self._ask(chosen, counted % f" offset {seconds}s"), "bin"),
                page,
            )
        )

    def history(self, chosen: Selection) -> ScoreHistory:
        """The chosen test over the range; of a segment that is checked, its worst test and feature."""
        if chosen.segment != ALL:
            within = matchers(**chosen.labels(), segment=chosen.segment, window=chosen.window)
            worst = only_line(self._lines(chosen, f"max(model_segment_drift_score{within})"))
            if worst.times:
                level = Line({}, worst.times, (1.0,) * len(worst.times))
                return ScoreHistory(test=WORST, score=worst, threshold=level, noise_floor=Line({}, (), ()))
        test = matchers(**chosen.feature_labels(), window=chosen.window, test_type=chosen.test)

        def line(metric: str) -> Any:  # noqa: ANN401 - a Line
            return only_line(self._lines(chosen, f"max({metric}{test})"))

        return ScoreHistory(
            test=chosen.test,
            score=line("model_drift_score"),
            threshold=line("model_drift_threshold"),
            noise_floor=line("model_drift_noise_floor"),
        )

    def statistics(self, chosen: Selection, column: Mapping[str, Any] | None) -> tuple[Statistic, ...]:
        """All tests of the feature and their change to the range before; of a segment only those of now."""
        if chosen.segment != ALL and column is not None:
            return self._made(lambda: statistics_of(column))
        window = matchers(**chosen.feature_labels(), window=chosen.window)

        def values(expression: str) -> dict[str, float]:
            return by(self._ask(chosen, f"max by (test_type) ({expression})"), "test_type")

        mean = f"avg_over_time(model_drift_score{window}[{chosen.seconds}s]%s)"
        return statistics(
            now=values(f"model_drift_score{window}"),
            threshold=values(f"model_drift_threshold{window}"),
            p_value=values(f"model_drift_p_value{window}"),
            noise_floor=values(f"model_drift_noise_floor{window}"),
            mean=values(mean % ""),
            previous=values(mean % f" offset {chosen.seconds}s"),
        )

    def quality(self, chosen: Selection) -> Quality:
        """Damage of the feature's values over the range, and of the window's table."""
        version, feature = matchers(**chosen.labels()), matchers(**chosen.feature_labels())
        window = matchers(**chosen.labels(), window=chosen.window)
        state = only(self._ask(chosen, f"max(model_quality_state{version})"))
        missing_ratio = matchers(**chosen.feature_labels(), bin="__missing__")
        infinite_ratio = matchers(**chosen.feature_labels(), bin="__inf__")
        reference = {
            "missing": only(self._ask(chosen, f"max(model_reference_bin_ratio{missing_ratio})")),
            "infinite": only(self._ask(chosen, f"max(model_reference_bin_ratio{infinite_ratio})")),
        }
        kinds = by(self._ask(chosen, f"max by (kind) (model_quality_score{window})"), "kind")
        limits = by(self._ask(chosen, f"max by (kind) (model_quality_threshold{version})"), "kind")
        return quality(
            QUALITY_STATES.get(-1.0 if state is None else state, "unknown"),
            self._damage(chosen, feature, ""),
            self._damage(chosen, feature, f" offset {chosen.seconds}s"),
            {kind: share for kind, share in reference.items() if share is not None},
            kinds,
            limits,
        )

    def performance(self, chosen: Selection) -> Performance:
        """The chosen measure of the chosen segment."""
        segment, window = chosen.segment, chosen.window
        labels = chosen.labels()
        of_window = matchers(**labels, window=window)
        of_segment = matchers(**labels, segment=segment, window=window)
        of_measure = matchers(**labels, measure=chosen.measure, window=window)
        metric = f"model_{chosen.measure if chosen.measure in measures.MEASURES else 'accuracy'}"
        whole = segment == ALL

        def line(expression: str) -> Any:  # noqa: ANN401 - a Line
            return only_line(self._lines(chosen, expression) if expression else [])

        estimated = f"max(model_estimated_{chosen.measure}{of_window})" if chosen.measure in ESTIMATED else ""
        reference = f"max({metric}_reference{matchers(**labels, segment=segment)})"
        reliable = only(self._ask(chosen, f"min(model_estimate_reliable{of_window})"))
        state = only(self._ask(chosen, f"max(model_performance_state{of_measure})")) if whole else None
        return Performance(
            measure=chosen.measure,
            segment=segment,
            real=line(f"max({metric}{of_segment})"),
            estimated=line(estimated if whole else ""),
            low=line(f"min(model_performance_low{of_measure})" if whole else ""),
            high=line(f"max(model_performance_high{of_measure})" if whole else ""),
            reference=only(self._ask(chosen, reference)),
            state=PERFORMANCE_STATES.get(-1.0 if state is None else state, "unknown"),
            reliable=None if reliable is None else reliable == 1,
            coverage=only(self._ask(chosen, f"min(model_outcome_coverage_ratio{of_window})")),
        )

    def ranking(self, chosen: Selection) -> Ranking:
        """All features by their share in the drift."""
        version, window = matchers(**chosen.labels()), matchers(**chosen.labels(), window=chosen.window)
        contributions = f"max by (feature_name) (model_drift_contribution{window})"
        states = f"max by (feature_name) (model_drift_state{version})"
        return ranking(
            by(self._ask(chosen, contributions), "feature_name"),
            self._ratios(chosen),
            by(self._ask(chosen, states), "feature_name"),
        )

    def alerts(self, chosen: Selection) -> tuple[Alert, ...]:
        """What Alertmanager has of the version now."""
        found = self.alertmanager.alerts(**chosen.labels())
        return self._made(lambda: alerting_views.alerts(found), self.alertmanager.place.name)

    def incidents(self, chosen: Selection) -> tuple[Incident, ...]:
        """What the bridge has of the model, now and before."""
        found = self.bridge.incidents()
        return self._made(lambda: alerting_views.incidents(found, chosen.model), self.bridge.place.name)

    def _versions(self, wanted: Selection) -> dict[str, list[str]]:
        """Versions by model: those that are served at the end of the range first, then by falling name."""
        by_version = "by (model_name, model_version)"
        served = self._ask(wanted, f"group {by_version} (model_info)")
        found = self._ask(wanted, f"group {by_version} (last_over_time(model_info[{wanted.seconds}s]))")
        pairs = [
            [
                (sample.labels.get("model_name", ""), sample.labels.get("model_version", ""))
                for sample in samples
            ]
            for samples in (served, found)
        ]
        versions: dict[str, list[str]] = {}
        for model, version in dict.fromkeys(pair for known in pairs for pair in sorted(known, reverse=True)):
            versions.setdefault(model, []).append(version)
        return versions

    def _damage(self, chosen: Selection, feature: str, offset: str) -> dict[str, float]:
        """Counts of damaged values in the range, by kind, and of all rows."""
        span = f"[{chosen.seconds}s]{offset}"
        found = by(
            self._ask(chosen, f"sum by (bin) (increase(model_feature_bin_total{feature}{span}))"), "bin"
        )
        counts = {"rows": sum(found.values()), "infinite": found.get("__inf__", 0.0)}
        for kind, metric in _COUNTED.items():
            counts[kind] = only(self._ask(chosen, f"sum(increase({metric}{feature}{span}))")) or 0.0
        return counts

    def _ratios(self, chosen: Selection) -> dict[str, float]:
        """Largest score over threshold by feature."""
        window = chosen.labels() | ({"window": chosen.window} if chosen.window else {})
        worst = f"max by (feature_name) ({_MULTIPLE.format(matchers(**window))})"
        return by(self._ask(chosen, worst), "feature_name")

    def _tests(self, chosen: Selection) -> tuple[str, ...]:
        """Tests of the feature in the range."""
        window = matchers(**chosen.feature_labels(), window=chosen.window)
        found = f"group by (test_type) (last_over_time(model_drift_score{window}[{chosen.seconds}s]))"
        return tuple(in_order({sample.labels["test_type"] for sample in self._ask(chosen, found)}))

    def _measures(self, chosen: Selection, window: str) -> tuple[str, ...]:
        """Measures that are known in the range, or estimated."""
        names = "|".join((*measures.MEASURES, *(f"estimated_{name}" for name in ESTIMATED)))
        labels = matchers(**chosen.labels(), window=window)
        selector = f'{{__name__=~"model_({names})",{labels[1:]}'
        found = self._ask(chosen, f"group by (__name__) (last_over_time({selector}[{chosen.seconds}s]))")
        known = [
            sample.labels["__name__"].removeprefix("model_").removeprefix("estimated_") for sample in found
        ]
        return tuple(measures.in_order(known))

    def _ask(self, chosen: Selection, expression: str) -> list[Sample]:
        return self.prometheus.query(expression, chosen.end(self.clock()))

    def _lines(self, chosen: Selection, expression: str) -> Any:  # noqa: ANN401 - lines
        end = chosen.end(self.clock())
        return self.prometheus.query_range(expression, end - chosen.seconds, end, chosen.step)

    def _made(self, make: Callable[[], T], name: str = "exporter") -> T:
        """A view model, or a sentence about an answer that it cannot be made of."""
        try:
            return make()
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            logger.warning("an answer of an unknown shape", exc_info=True)
            raise SourceError(f"{name}: found an answer of an unknown shape, need its HTTP API") from None
