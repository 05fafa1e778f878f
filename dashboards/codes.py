"""Names and colours of the states that the exporter publishes as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models import dashboard as models

from .queries import BLUE, GREEN, GREY, ORANGE, RED, YELLOW

if TYPE_CHECKING:
    from collections.abc import Mapping

    Codes = Mapping[str, models.ValueMappingResult]


def _codes(**named: tuple[int, str]) -> Codes:
    """Value mappings from names to codes and colours; an underscore in a name is a space."""
    return {
        str(code): models.ValueMappingResult(text=name.replace("_", " "), color=color, index=place)
        for place, (name, (code, color)) in enumerate(named.items())
    }


STATES = _codes(
    ok=(0, GREEN), warning=(1, YELLOW), drift=(2, RED), recovering=(3, ORANGE), unknown=(-1, GREY)
)
"""`model_drift_state`, and the states of predictions, labels and detectors of concept drift."""

PERFORMANCE = _codes(ok=(0, GREEN), warning=(1, YELLOW), declined=(2, RED), unknown=(-1, GREY))
"""`model_performance_state` and `model_performance_overall_state`."""

CALIBRATION = _codes(ok=(0, GREEN), warning=(1, YELLOW), off=(2, RED), unknown=(-1, GREY))
"""`model_calibration_state`."""

QUALITY = _codes(ok=(0, GREEN), broken=(2, RED), unknown=(-1, GREY))
"""`model_quality_state`."""

ESTIMATE = _codes(not_to_be_believed=(0, RED), reliable=(1, GREEN))
"""`model_estimate_reliable`: the light beside every estimate."""

TREND = _codes(declining=(-1, RED), stable=(0, GREEN), improving=(1, BLUE))
"""`model_performance_trend`."""

RISING = _codes(stable=(0, GREEN), rising=(1, ORANGE))
"""`model_drift_trend`."""

INDEPENDENCE = _codes(alike=(0, GREEN), hardly_for_one_decision=(1, RED), unknown=(-1, GREY))
"""`model_label_independence_state`."""

ROLLOUT = _codes(
    none=(0, GREY), shadow=(1, BLUE), canary=(2, YELLOW), A_B=(3, ORANGE), promoted=(4, GREEN),
    rolled_back=(5, RED),
)  # fmt: skip
"""`model_rollout_state`."""

SEVERITY = _codes(info=(1, BLUE), warning=(2, YELLOW), critical=(3, RED))
"""Severities of alerts, as the page of alerts counts them."""

SERVES = _codes(no=(0, GREY), yes=(1, GREEN))
"""Whether a version is scraped, or a receiver takes messages."""
