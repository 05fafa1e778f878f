"""What stands behind the performance of one model version: estimates, outcomes, concept drift, segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .codes import ESTIMATE, STATES
from .lines import BY_MEASURE, OF_WINDOW, ONE_VERSION, alert_line
from .page import Band, Section
from .panels import timeseries_panel
from .queries import Query
from .states import states_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Panel


def estimates() -> Section:
    """What is expected of rows whose truth has not come."""
    light = states_panel(
        "Can estimates be believed",
        "For each window: whether the estimate agrees with the outcomes that have come.",
        Query(f"min by (window) (model_estimate_reliable{{{ONE_VERSION}}})", "{{window}}"),
        ESTIMATE,
    )
    gap = timeseries_panel(
        "How far estimates are off",
        "Real less estimated, on the rows of the chosen window whose truth is known; near zero is good.",
        "none",
        Query(f"max {BY_MEASURE} (model_estimate_gap{{{OF_WINDOW}}})", "{{measure}}"),
    )
    drop = timeseries_panel(
        "Expected drop",
        "How much worse than at training time the estimate expects a measure to be, while it is reliable.",
        "percentunit",
        Query(f"max {BY_MEASURE} (model_measure:estimated_drop_ratio:avg{{{OF_WINDOW}}})", "{{measure}}"),
        Query(f"max(model_performance_drop_threshold{{{ONE_VERSION}}})", "alert from", threshold=True),
    )
    return Section("Estimated without outcomes", [Band(7, [(8, light), (8, gap), (8, drop)])])


def outcomes() -> Section:
    """How many outcomes come, when, and how many cannot be used."""
    arrivals = timeseries_panel(
        "Outcomes",
        "Truths that arrived, by what became of them: joined to their prediction, or why not.",
        "cps",
        Query(
            f"sum by (outcome) (rate(model_outcomes_total{{{ONE_VERSION}}}[$__rate_interval]))", "{{outcome}}"
        ),
        stacked=True,
    )
    rejected = timeseries_panel(
        "Outcomes that cannot be used",
        "Share of the outcomes of an hour that contradict, are invalid, too late, or of an unknown row.",
        "percentunit",
        Query(
            "sum(rate(model_outcomes_total"
            f'{{{ONE_VERSION}, outcome=~"conflicting|invalid|late|unknown_id"}}[1h])) '
            f"/ (sum(rate(model_outcomes_total{{{ONE_VERSION}}}[1h])) > 0)",
            "not usable",
        ),
        alert_line("outcomes_rejected_ratio"),
    )
    lag = timeseries_panel(
        "Time until an outcome",
        "Of the outcomes that came in the day before each point: half and nine in ten were faster.",
        "s",
        *(
            Query(
                f"histogram_quantile({quantile}, sum by (le) "
                f"(increase(model_outcome_lag_seconds_bucket{{{ONE_VERSION}}}[1d])))",
                f"p{round(100 * quantile)}",
            )
            for quantile in (0.5, 0.9)
        ),
        Query(
            f"max(model:model_outcome_lag_seconds:quantile_increase1d{{{ONE_VERSION}}} offset 1d) "
            '* max(driftgauge:alert_threshold{model_name="$model_name", threshold="outcome_lag_factor"})',
            "alert from, for p50",
            threshold=True,
        ),
    )
    coverage = timeseries_panel(
        "Coverage by outcomes",
        "Share of each window's rows with an id whose outcome has come.",
        "percentunit",
        Query(f"min by (window) (model_outcome_coverage_ratio{{{ONE_VERSION}}})", "{{window}}"),
        Query(
            f"min(avg_over_time(model_outcome_coverage_ratio{{{OF_WINDOW}}}[1d] offset 1d)) "
            '* max(driftgauge:alert_threshold{model_name="$model_name", '
            'threshold="outcome_coverage_kept_ratio"})',
            "alert below, for $window",
            threshold=True,
        ),
    )
    return Section("Outcomes", [Band(8, [(6, arrivals), (6, rejected), (6, lag), (6, coverage)])])


def concept() -> Section:
    """Whether errors became more frequent or larger."""
    states = states_panel(
        "Detectors of concept drift",
        "State of each detector on the stream of errors; each forgets a detection after a day.",
        Query(f"max by (detector) (model_concept_drift_state{{{ONE_VERSION}}})", "{{detector}}"),
        STATES,
    )
    votes = timeseries_panel(
        "Votes for concept drift",
        "Detectors that find drift; one alone is often wrong, so that two warn and three are critical.",
        "none",
        Query(f"max(model:concept_drift_detectors:count{{{ONE_VERSION}}}) or vector(0)", "detectors"),
        alert_line("concept_detectors", "warning"),
        alert_line("concept_detectors", "critical"),
    )
    found = timeseries_panel(
        "Concept drifts in a day",
        "Drifts that each detector found in the 24 hours before each point.",
        "none",
        Query(
            f"sum by (detector) (increase(model_concept_drifts_total{{{ONE_VERSION}}}[1d]))", "{{detector}}"
        ),
    )
    return Section("Concept drift", [Band(8, [(10, states), (7, votes), (7, found)])])


def segments() -> Section:
    """Which rows the model is right about."""

    def by_segment(measure: str, title: str, unit: str) -> tuple[int, Panel]:
        return 8, timeseries_panel(
            title,
            "For each segment of the rows; all of them together as the segment all.",
            unit,
            Query(f"max by (segment) (model_{measure}{{{OF_WINDOW}}})", "{{segment}}"),
        )

    drop = timeseries_panel(
        "Where the drop comes from",
        "What each segment adds to the drop of the whole, for the measures that can be split so.",
        "none",
        Query(
            f'max by (measure, segment) (model_performance_drop_contribution{{{OF_WINDOW}, segment!="all"}})',
            "{{measure}} {{segment}}",
        ),
    )
    return Section(
        "Segments",
        [
            Band(
                8,
                [
                    by_segment("accuracy", "Accuracy of each segment", "percentunit"),
                    by_segment("mae", "Mean absolute error of each segment", "none"),
                    (8, drop),
                ],
            )
        ],
    )
