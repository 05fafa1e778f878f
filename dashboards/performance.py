"""Performance of one model version: real, estimated and at training time, and what stands behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.performance import GREATER_IS_BETTER

from .codes import CALIBRATION, ESTIMATE, PERFORMANCE, TREND
from .evidence import concept, estimates, outcomes, segments
from .lines import BY_MEASURE, OF_WINDOW, ONE_VERSION, judged_drop, measure_panel, own_threshold
from .page import Band, Section, events, model_variables, page, query_variable
from .panels import categories_panel, stat_panel, timeseries_panel
from .queries import Query
from .states import states_panel
from .tables import Column, matrix_panel, table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

BY_BIN = "by (bin)"
BY_CLASS = "by (predicted_class)"

IN_THRESHOLDS = (
    f"max by (measure) {judged_drop(OF_WINDOW)} "
    f"/ on (measure) max by (measure) (model_performance_drop_threshold{{{ONE_VERSION}}})"
)
"""Drop of each measure that can be judged, as a multiple of the drop that counts for it."""

SHARES = (
    ("auc", "AUC", "How well rows are ordered: 0.5 is chance, 1 is perfect."),
    ("accuracy", "Accuracy", "Share of rows whose class was predicted right."),
    (
        "balanced_accuracy",
        "Balanced accuracy",
        "Mean over the classes of the share that was predicted right.",
    ),
    ("f1", "F1", "Harmonic mean of precision and recall."),
    ("precision", "Precision", "Share of the predicted positives that were."),
    ("recall", "Recall", "Share of the positives that were predicted."),
)
PROBABILITIES = (
    ("average_precision", "Average precision", "Area under the precision-recall curve."),
    ("brier_score", "Brier score", "Mean squared distance of probability and truth; less is better."),
    ("log_loss", "Log loss", "Mean of -log of the probability given to what happened; less is better."),
    ("calibration_error", "Calibration error", "Mean distance of probability and share; less is better."),
)
NUMBERS = (
    ("mae", "Mean absolute error", "In the unit of what is predicted; less is better."),
    ("rmse", "Root mean squared error", "As the mean absolute error, but large errors weigh more."),
    ("r2", "R²", "Share of the truth's variance that is explained; more is better."),
    ("mape", "Relative error", "Mean absolute error as a share of the true value; less is better."),
    ("bias", "Bias", "Mean of prediction less truth; good near zero."),
)
WITHOUT_UNIT = {"mae", "rmse", "bias", "log_loss"}
"""Measures that are no share: in the unit of what is predicted, or in nats."""


def build() -> Dashboard:
    """The page that performance alerts link to."""
    return page(
        "driftgauge-performance",
        "Is one version still right: measured by outcomes, estimated without them, beside its training time?",
        [
            _at_a_glance(),
            _against_reference(),
            _measures("Classes", SHARES, 8),
            _calibration(),
            _measures("Numbers", NUMBERS, 8),
            _classes(),
            estimates(),
            outcomes(),
            concept(),
            segments(),
        ],
        variables=[
            *model_variables(all_versions=False),
            query_variable(
                "window", "Window", f"label_values(model_performance_rows{{{ONE_VERSION}}}, window)"
            ),
            query_variable(
                "segment",
                "Segment",
                f'label_values({{__name__=~"model_(accuracy|mae)_reference", {ONE_VERSION}}}, segment)',
                chosen="all",
            ),
        ],
        annotations=events(ONE_VERSION),
        since="now-24h",
    )


def _at_a_glance() -> Section:
    numbers = [
        stat_panel(
            "Performance",
            "State of the measure that decides, in the chosen window.",
            "none",
            Query(f"max(model_performance_overall_state{{{OF_WINDOW}}})"),
            codes=PERFORMANCE,
        ),
        stat_panel(
            "Calibration",
            "Whether probabilities are what comes true, in the chosen window; no data where no class is "
            "predicted.",
            "none",
            Query(f"max(model_calibration_state{{{OF_WINDOW}}})"),
            codes=CALIBRATION,
        ),
        stat_panel(
            "Estimate",
            "Whether estimates of the chosen window agree with the outcomes that have come; no data "
            "without one.",
            "none",
            Query(f"min(model_estimate_reliable{{{OF_WINDOW}}})"),
            codes=ESTIMATE,
        ),
        stat_panel(
            "Rows with outcomes",
            "Rows of the chosen window whose truth is known: what every real measure rests on.",
            "short",
            Query(f"max(model_performance_rows{{{OF_WINDOW}}})"),
        ),
        stat_panel(
            "Coverage",
            "Share of the window's rows with an id whose outcome has come; no data for a window by rows.",
            "percentunit",
            Query(f"min(model_outcome_coverage_ratio{{{OF_WINDOW}}})"),
        ),
        stat_panel(
            "Detectors that find drift",
            "Detectors of concept drift that see more errors than before; the alert counts all but EDDM.",
            "none",
            Query(f"max(model:concept_drift_detectors:count{{{ONE_VERSION}}}) or vector(0)"),
            bad_from=2,
        ),
    ]
    return Section("$model_name $model_version", [Band(4, [(4, number) for number in numbers])])


def _against_reference() -> Section:
    states = states_panel(
        "State of every measure",
        "Beside the training time, in the chosen window: a decline is real (more than chance) and large.",
        Query(f"max {BY_MEASURE} (model_performance_state{{{OF_WINDOW}}})", "{{measure}}"),
        PERFORMANCE,
    )
    drop = timeseries_panel(
        "Drop of every measure",
        "How much worse than at training time, as a multiple of the drop that counts; below zero is better. "
        "Only while the window has enough rows to be judged.",
        "none",
        Query(IN_THRESHOLDS, "{{measure}}"),
        own_threshold(),
    )
    fall = timeseries_panel(
        "Worse than one hour ago",
        "As a share of what it was then; shown only where the two 95 % intervals do not touch.",
        "percentunit",
        Query(f"max {BY_MEASURE} (model_measure:performance_fall1h:ratio{{{OF_WINDOW}}})", "{{measure}}"),
        Query(f"max(model_performance_drop_threshold{{{ONE_VERSION}}})", "alert from", threshold=True),
    )
    trend = states_panel(
        "Trend of every measure",
        "Over windows that do not overlap; a measure appears once eight of them have passed.",
        Query(f"min {BY_MEASURE} (model_performance_trend{{{OF_WINDOW}}})", "{{measure}}"),
        TREND,
    )
    return Section(
        "Against the training time",
        [Band(9, [(24, _table())]), Band(8, [(12, states), (12, drop)]), Band(7, [(12, fall), (12, trend)])],
    )


def _table() -> Panel:
    def of(family: str) -> str:
        return f"max {BY_MEASURE} ({family}{{{OF_WINDOW}}})"

    def named(suffix: str, matchers: str) -> str:
        """One series for each measure, named by a label instead of by its metric."""
        return " or ".join(
            f'label_replace(max(model_{measure}{suffix}{{{matchers}, segment="all"}}), '
            f'"measure", "{measure}", "", "")'
            for measure in GREATER_IS_BETTER
        )

    return table_panel(
        "Measures",
        "All rows of the chosen window: value, 95 % interval, value at training time, drop and trend. No "
        "drop where the rows are too few to judge it.",
        {"measure": "Measure"},
        [
            Column(title="Now", unit="none", expr=named("", OF_WINDOW), decimals=3),
            Column(title="95 % from", unit="none", expr=of("model_performance_low"), decimals=3),
            Column(title="95 % to", unit="none", expr=of("model_performance_high"), decimals=3),
            Column(title="Training", unit="none", expr=named("_reference", ONE_VERSION), decimals=3),
            Column(
                title="Drop",
                unit="percentunit",
                expr=f"max {BY_MEASURE} {judged_drop(OF_WINDOW)}",
                decimals=1,
            ),
            Column(title="Drop / threshold", unit="none", expr=IN_THRESHOLDS, decimals=2, bad_from=1),
            Column(title="State", unit="none", expr=of("model_performance_state"), codes=PERFORMANCE),
            Column(title="Change a day", unit="none", expr=of("model_performance_slope"), decimals=4),
            Column(
                title="p of the trend", unit="none", expr=of("model_performance_trend_p_value"), decimals=3
            ),
            Column(
                title="Volatility",
                unit="percentunit",
                expr=of("model_performance_volatility_ratio"),
                decimals=1,
            ),
        ],
        sort_by="Drop / threshold",
    )


def _measures(title: str, measures: tuple[tuple[str, str, str], ...], width: int) -> Section:
    panels = [
        (
            width,
            measure_panel(measure, name, "none" if measure in WITHOUT_UNIT else "percentunit", description),
        )
        for measure, name, description in measures
    ]
    a_row = 24 // width
    return Section(title, [Band(8, panels[start : start + a_row]) for start in range(0, len(panels), a_row)])


def _calibration() -> Section:
    curve = categories_panel(
        "Calibration curve",
        "For each tenth of the probability: the share that was positive beside the mean probability. Bars of "
        "one height are well calibrated.",
        "percentunit",
        "bin",
        "Probability",
        [
            Query(f"max {BY_BIN} (model_calibration_curve{{{OF_WINDOW}}})", "came true"),
            Query(f"max {BY_BIN} (model_calibration_curve_predicted{{{OF_WINDOW}}})", "was predicted"),
        ],
    )
    rows = categories_panel(
        "Rows behind the calibration curve",
        "Labelled rows of the chosen window by tenth of the probability.",
        "short",
        "bin",
        "Probability",
        [Query(f"sum {BY_BIN} (model_calibration_curve_rows{{{OF_WINDOW}}})", "rows")],
    )
    measures = _measures("Probabilities", PROBABILITIES, 6)
    return Section(measures.title, [Band(8, [(16, curve), (8, rows)]), *measures.bands])


def _classes() -> Section:
    confusion = matrix_panel(
        "Confusion",
        "Labelled rows of the chosen window: one row for each true class, one column for each predicted one.",
        "short",
        f"sum by (actual, predicted) (model_confusion{{{OF_WINDOW}}})",
        row="actual",
        column="predicted",
    )
    classes = categories_panel(
        "Measures of each class",
        "Precision, recall and F1 of every class in the chosen window.",
        "percentunit",
        "predicted_class",
        "Class",
        [
            Query(f"max {BY_CLASS} (model_class_{name}{{{OF_WINDOW}}})", name)
            for name in ("precision", "recall", "f1")
        ],
    )
    recall = timeseries_panel(
        "Recall of each class",
        "Share of the rows of each class that were predicted as it. A class that the model forgets falls "
        "here.",
        "percentunit",
        Query(f"max {BY_CLASS} (model_class_recall{{{OF_WINDOW}}})", "{{predicted_class}}"),
    )
    return Section("Each class", [Band(8, [(8, confusion), (8, classes), (8, recall)])])
