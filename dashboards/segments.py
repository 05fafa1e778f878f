"""Drift within segments, where the reference is kept by the values of a feature."""

from __future__ import annotations

from .codes import STATES
from .lines import ONE_VERSION, WINDOW, own_threshold
from .page import Band, Section
from .panels import timeseries_panel
from .queries import Query
from .states import states_panel
from .tables import Column, table_panel


def segments() -> Section:
    """Of the drift page."""
    states = states_panel(
        "State of every segment",
        "Worst state of a feature or output within it. Empty unless the reference is kept by a feature "
        "(segment_by).",
        Query(f"max by (segment) (model_segment_drift_state{{{ONE_VERSION}}})", "{{segment}}"),
    )
    scores = timeseries_panel(
        "How far segments are",
        "Largest significant score within each segment in the chosen window, as a multiple of its threshold.",
        "none",
        Query(f"max by (segment) (model_segment_drift_score{{{ONE_VERSION}, {WINDOW}}})", "{{segment}}"),
        own_threshold(),
    )
    table = table_panel(
        "Segments",
        "Within each segment, in the chosen window. Own are columns that drifted there and not over all "
        "rows; /drift?segment=NAME of the exporter names them.",
        {"segment": "Segment"},
        [
            Column(
                title="State",
                unit="none",
                expr=f"max by (segment) (model_segment_drift_state{{{ONE_VERSION}}})",
                codes=STATES,
            ),
            Column(
                title="Own",
                unit="none",
                expr=f"max by (segment) (model_segment_own_drift{{{ONE_VERSION}}})",
                decimals=0,
            ),
            Column(
                title="Score / threshold",
                unit="none",
                expr=f"max by (segment) (model_segment_drift_score{{{ONE_VERSION}, {WINDOW}}})",
                decimals=2,
            ),
            Column(
                title="Drifted features",
                unit="percentunit",
                expr=f"max by (segment) (model_segment_drifted_ratio{{{ONE_VERSION}, {WINDOW}}})",
                decimals=0,
            ),
            Column(
                title="Rows",
                unit="short",
                expr=f"max by (segment) (model_segment_rows{{{ONE_VERSION}, {WINDOW}}})",
                decimals=0,
            ),
        ],
        sort_by="Score / threshold",
    )
    return Section("Within segments", [Band(8, [(14, states), (10, scores)]), Band(8, [(24, table)])])
