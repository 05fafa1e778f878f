"""What a model version depends on, whether that changes, and which features carry the drift that matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .codes import STATES
from .lines import BY_FEATURE, FEATURE, ONE_VERSION, WINDOW, own_threshold
from .page import Band, Section, events, model_variables, page, query_variable
from .panels import categories_panel, timeseries_panel
from .queries import Query
from .tables import Column, table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

AT_TRAINING = f'max {BY_FEATURE} (model_feature_importance{{{ONE_VERSION}, source="reference"}})'
NOW = f'max {BY_FEATURE} (model_feature_importance{{{ONE_VERSION}, source="window"}})'
SHARE_AT_TRAINING = f"{AT_TRAINING} / on () group_left () (sum({AT_TRAINING}) > 0)"
SHARE_NOW = f"{NOW} / on () group_left () (sum({NOW}) > 0)"
CONTRIBUTION = f"max {BY_FEATURE} (model_drift_contribution{{{ONE_VERSION}, {WINDOW}}})"


def build() -> Dashboard:
    """The page of importances and contributions."""
    return page(
        "driftgauge-importance",
        "What does one version depend on, does that change, and which features carry the drift that matters?",
        [_over_time(), _ranking(), _one_feature()],
        variables=[
            *model_variables(all_versions=False),
            query_variable(
                "feature_name",
                "Feature",
                f"label_values(model_feature_importance{{{ONE_VERSION}}}, feature_name)",
            ),
            query_variable(
                "window", "Window", f"label_values(model_drift_contribution{{{ONE_VERSION}}}, window)"
            ),
        ],
        annotations=events(ONE_VERSION),
        since="now-7d",
    )


def _over_time() -> Section:
    importance = timeseries_panel(
        "Importance of every feature",
        "Share of each feature in all importance, by permutation of labelled rows at each check. The "
        "exporter "
        "computes it where assessment.importance_rows is above 0.",
        "percentunit",
        Query(SHARE_NOW, "{{feature_name}}"),
        stacked=True,
    )
    contribution = timeseries_panel(
        "What carries the drift",
        "Share of each feature in what drifted, weighted by its importance; nothing while nothing drifts.",
        "percentunit",
        Query(f"{CONTRIBUTION} > 0", "{{feature_name}}"),
        stacked=True,
    )
    moved = timeseries_panel(
        "Importance that moved",
        "Half of the sum of all changes of share since the training: 0 is the same ranking, 1 another model.",
        "percentunit",
        Query(f"sum(abs(({SHARE_NOW}) - on (feature_name) ({SHARE_AT_TRAINING}))) / 2", "moved"),
    )
    return Section("Over time", [Band(9, [(12, importance), (12, contribution)]), Band(6, [(24, moved)])])


def _ranking() -> Section:
    ranking = categories_panel(
        "Importance now and at training time",
        "Share of each feature in all importance, measured on labelled rows beside the reference's.",
        "percentunit",
        "feature_name",
        "Feature",
        [Query(SHARE_NOW, "now"), Query(SHARE_AT_TRAINING, "at training time")],
    )
    table = table_panel(
        "Features by what they matter",
        "A drift of what the model depends on is worth more than one of what it ignores.",
        {"feature_name": "Feature"},
        [
            Column(title="Contribution", unit="percentunit", expr=CONTRIBUTION, decimals=1),
            Column(title="Importance now", unit="none", expr=NOW, decimals=4),
            Column(title="At training time", unit="none", expr=AT_TRAINING, decimals=4),
            Column(
                title="Score / threshold",
                unit="none",
                expr=f"max {BY_FEATURE} (model_feature:drift_score_per_threshold:max{{{ONE_VERSION}}})",
                decimals=2,
                bad_from=1,
            ),
            Column(
                title="State",
                unit="none",
                expr=f"max {BY_FEATURE} (model_drift_state{{{ONE_VERSION}}})",
                codes=STATES,
            ),
        ],
        links={
            "Feature": "/d/driftgauge-drift?${__url_time_range}&${model_name:queryparam}"
            "&${model_version:queryparam}&var-feature_name=${__data.fields.Feature}"
        },
        sort_by="Contribution",
    )
    return Section("Ranking", [Band(9, [(24, ranking)]), Band(9, [(24, table)])])


def _one_feature() -> Section:
    importance = timeseries_panel(
        "Importance of $feature_name",
        "How much the model depends on it, in the unit of the loss that permutation adds.",
        "none",
        Query(f'max(model_feature_importance{{{FEATURE}, source="window"}})', "now"),
        Query(f'max(model_feature_importance{{{FEATURE}, source="reference"}})', "at training time"),
    )
    contribution = timeseries_panel(
        "Contribution of $feature_name",
        "Its share in what drifted, weighted by its importance, in each window.",
        "percentunit",
        Query(f"max by (window) (model_drift_contribution{{{FEATURE}}})", "{{window}}"),
    )
    score = timeseries_panel(
        "Drift of $feature_name",
        "Its largest score as a multiple of the threshold of its test.",
        "none",
        Query(f"max(model_feature:drift_score_per_threshold:max{{{FEATURE}}})", "score / threshold"),
        own_threshold(),
    )
    return Section("$feature_name", [Band(8, [(8, importance), (8, contribution), (8, score)])])
