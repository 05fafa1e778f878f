"""Rollout of a challenger beside its champion, and what led to a new version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .codes import ROLLOUT, SERVES
from .page import MODEL_NAME, Band, Section, events, page, query_variable
from .panels import stat_panel, timeseries_panel
from .queries import Query
from .states import states_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

OF_MODEL = 'model_name="$model_name"'
BY_VERSION = "by (model_version)"

GUARDS = (
    ("error_ratio", "Calls that fail"),
    ("slow_ratio", "Calls that are slow"),
    ("fallback_ratio", "Calls answered by a fallback"),
)


def build() -> Dashboard:
    """The page of rollouts: both versions of the chosen model side by side."""
    return page(
        "driftgauge-rollout",
        "Where does the rollout of a new version stand, is the new one better, and what was retrained?",
        [_at_a_glance(), _traffic(), _comparison(), _guards(), _course(), _retraining()],
        variables=[query_variable(MODEL_NAME, "Model", "label_values(model_info, model_name)")],
        annotations=events(OF_MODEL, retraining=True),
        since="now-24h",
    )


def _at_a_glance() -> Section:
    numbers = [
        stat_panel(
            "Rollout",
            "Where the newest challenger is on its way; no data for a model that has no rollout.",
            "none",
            Query(f"max(model_rollout_state{{{OF_MODEL}}})"),
            codes=ROLLOUT,
        ),
        stat_panel(
            "Stage",
            "Number of the challenger's stage from 1; 0 when the rollout has ended.",
            "none",
            Query(f"max(model_rollout_stage{{{OF_MODEL}}})"),
        ),
        stat_panel(
            "Challenger's traffic",
            "Share of the rows that the challenger answers; in shadow it answers none that anybody sees.",
            "percentunit",
            Query(f'max(model_traffic_ratio{{{OF_MODEL}, role="challenger"}})'),
        ),
        stat_panel(
            "Rows compared",
            "Rows with outcomes, of both versions together.",
            "short",
            Query(f"sum(max by (role) (model_rollout_rows{{{OF_MODEL}}}))"),
        ),
        stat_panel(
            "Promotions in a day",
            "Challengers that became champion in the last 24 hours.",
            "none",
            Query(f"sum(increase(model_promotions_total{{{OF_MODEL}}}[1d]))"),
        ),
        stat_panel(
            "Rollbacks in a day",
            "Challengers that were taken back in the last 24 hours.",
            "none",
            Query(f"sum(increase(model_rollbacks_total{{{OF_MODEL}}}[1d]))"),
            bad_from=1,
        ),
    ]
    return Section("$model_name", [Band(4, [(4, number) for number in numbers])])


def _traffic() -> Section:
    state = states_panel(
        "Way of the challenger",
        "Shadow, canary, A/B, and how it ended.",
        Query(f"max {BY_VERSION} (model_rollout_state{{{OF_MODEL}}})", "{{model_version}}"),
        ROLLOUT,
    )
    share = timeseries_panel(
        "Traffic as decided",
        "Share of the rows that each version answers, by its role.",
        "percentunit",
        Query(
            f"max by (model_version, role) (model_traffic_ratio{{{OF_MODEL}}})", "{{role}} {{model_version}}"
        ),
        stacked=True,
    )
    rows = timeseries_panel(
        "Traffic as served",
        "Rows that each version predicted, in shadow too.",
        "rowsps",
        Query(
            f"sum {BY_VERSION} (rate(model_predictions_total{{{OF_MODEL}}}[$__rate_interval]))",
            "{{model_version}}",
        ),
    )
    return Section("Traffic", [Band(8, [(8, state), (8, share), (8, rows)])])


def _comparison() -> Section:
    difference = timeseries_panel(
        "Challenger against champion",
        "Mean loss of the champion less the challenger's: above zero the challenger is better. The bounds "
        "hold "
        "however often one looks; it is promoted when the lower one passes zero, or the line where not "
        "worse is "
        "enough.",
        "none",
        Query(f"max {BY_VERSION} (model_rollout_difference{{{OF_MODEL}}})", "difference {{model_version}}"),
        Query(f"max {BY_VERSION} (model_rollout_difference_low{{{OF_MODEL}}})", "at least"),
        Query(f"max {BY_VERSION} (model_rollout_difference_high{{{OF_MODEL}}})", "at most"),
        Query(f"-max(model_rollout_margin{{{OF_MODEL}}})", "not worse above", threshold=True),
    )
    rows = timeseries_panel(
        "Rows of the comparison",
        "Rows with outcomes, by who answered them.",
        "short",
        Query(f"max by (role) (model_rollout_rows{{{OF_MODEL}}})", "{{role}}"),
    )

    def beside(title: str, description: str, family: str, unit: str) -> tuple[int, Panel]:
        return 8, timeseries_panel(
            title,
            description,
            unit,
            Query(
                f'max by (model_version, window) ({family}{{{OF_MODEL}, segment="all"}})',
                "{{model_version}} {{window}}",
            ),
        )

    errors = timeseries_panel(
        "Calls that fail, by version",
        "Share of calls that end in an exception of the model.",
        "percentunit",
        Query(f"max {BY_VERSION} (model:errors_per_call:ratio_rate5m{{{OF_MODEL}}})", "{{model_version}}"),
    )
    return Section(
        "Which is better",
        [
            Band(9, [(16, difference), (8, rows)]),
            Band(
                8,
                [
                    beside("AUC by version", "Each version by its own outcomes.", "model_auc", "percentunit"),
                    beside(
                        "Mean absolute error by version",
                        "Each version by its own outcomes.",
                        "model_mae",
                        "none",
                    ),
                    (8, errors),
                ],
            ),
        ],
    )


def _guards() -> Section:
    panels = [
        (
            8,
            timeseries_panel(
                title,
                "By how much more of its calls than the champion's; it is rolled back once the lower bound "
                "is above "
                "the line.",
                "percentunit",
                Query(
                    f'max(model_rollout_guard_excess{{{OF_MODEL}, guard="{guard}"}})',
                    "more than the champion",
                ),
                Query(f'max(model_rollout_guard_excess_low{{{OF_MODEL}, guard="{guard}"}})', "at least"),
                Query(
                    f'min(model_rollout_guard_tolerance{{{OF_MODEL}, guard="{guard}"}})',
                    "tolerated",
                    threshold=True,
                ),
            ),
        )
        for guard, title in GUARDS
    ]
    return Section("Guardrails", [Band(8, panels)])


def _course() -> Section:
    ended = timeseries_panel(
        "Promotions and rollbacks in a day",
        "In the 24 hours before each point; rollbacks by why.",
        "none",
        Query(
            f"sum {BY_VERSION} (increase(model_promotions_total{{{OF_MODEL}}}[1d]))",
            "promoted {{model_version}}",
        ),
        Query(
            f"sum by (model_version, reason) (increase(model_rollbacks_total{{{OF_MODEL}}}[1d])) > 0",
            "rolled back {{model_version}}: {{reason}}",
        ),
    )
    refused = timeseries_panel(
        "Candidates refused in a day",
        "In the 24 hours before each point, by why; each worker counts its own. The words are on /rollout.",
        "none",
        Query(
            f"sum by (reason) (increase(model_rollout_refusals_total{{{OF_MODEL}}}[1d])) > 0",
            "{{reason}}",
        ),
    )
    shadow = timeseries_panel(
        "Shadow",
        "Calls that the challenger answered unseen, and those it had no time for.",
        "cps",
        Query(f"sum(rate(model_rollout_shadow_calls_total{{{OF_MODEL}}}[$__rate_interval]))", "answered"),
        Query(f"sum(rate(model_rollout_shadow_dropped_total{{{OF_MODEL}}}[$__rate_interval]))", "left out"),
    )
    rescued = timeseries_panel(
        "Rescues and faults",
        "Calls that the challenger failed and the champion answered, and faults of the rollout itself.",
        "cps",
        Query(f"sum(rate(model_rollout_rescues_total{{{OF_MODEL}}}[$__rate_interval]))", "rescued"),
        Query(f"sum(rate(model_rollout_faults_total{{{OF_MODEL}}}[$__rate_interval]))", "faults"),
    )
    return Section("Course", [Band(8, [(6, ended), (6, refused), (6, shadow), (6, rescued)])])


def _retraining() -> Section:
    versions = states_panel(
        "Versions that serve",
        "A new line is a new version, whether it was retrained or rolled back to.",
        Query(
            f"max by (model_version, reference_version) (model_info{{{OF_MODEL}}})",
            "{{model_version}}, reference {{reference_version}}",
        ),
        SERVES,
    )
    asked = timeseries_panel(
        "Retraining asked for, in a day",
        "Requests of people in the 24 hours before each point, by what became of them, of all models.",
        "none",
        Query('sum by (outcome) (increase(bridge_actions_total{action="retrain"}[1d]))', "{{outcome}}"),
    )
    runs = timeseries_panel(
        "Retraining runs in a day",
        "Runs that ended in the 24 hours before each point: their candidate passed, was refused, or no "
        "attempt worked.",
        "none",
        Query(f"sum by (outcome) (increase(retraining_runs_total{{{OF_MODEL}}}[1d]))", "{{outcome}}"),
    )
    decisions = timeseries_panel(
        "Decisions about retraining in a day",
        "To run, to wait or to refuse in the 24 hours before each point, by the reason that counted.",
        "none",
        Query(
            f"sum by (verdict, reason) (increase(retraining_decisions_total{{{OF_MODEL}}}[1d])) > 0",
            "{{verdict}}: {{reason}}",
        ),
    )
    now = timeseries_panel(
        "Retraining now",
        "Causes that wait, a run under way, and newest runs that gave no candidate.",
        "none",
        Query(f"max(retraining_waiting{{{OF_MODEL}}})", "waiting"),
        Query(f"max(retraining_running{{{OF_MODEL}}})", "running"),
        Query(f"max(retraining_failures_in_a_row{{{OF_MODEL}}})", "failures in a row"),
    )
    return Section(
        "Versions and retraining",
        [Band(8, [(14, versions), (10, asked)]), Band(8, [(8, runs), (8, decisions), (8, now)])],
    )
