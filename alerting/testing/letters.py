"""Letters as `delivery` gives them to a receiver, for tests of receivers."""

from __future__ import annotations

from typing import Any, Final

from ..calls import Letter
from ..views import AlertView, GroupView

NOW: Final = 1_767_225_600.0
"""2026-01-01 00:00 UTC."""


def alert_view(feature: str = "dep_hour", **fields: Any) -> AlertView:  # noqa: ANN401 - any field
    """A firing alert; any field can be given or replaced."""
    values: dict[str, Any] = {
        "state": "firing",
        "labels": {
            "alertname": "ModelDriftDetected",
            "severity": "warning",
            "model_name": "flight_delay",
            "model_version": "1.2.0",
            "feature_name": feature,
        },
        "annotations": {"description": f"{feature} moved", "score": "0.34", "threshold": "0.2"},
        "started_at": NOW - 600.0,
        "ended_at": None,
    }
    return AlertView(**{**values, **fields})


def group_view(**fields: Any) -> GroupView:  # noqa: ANN401 - any field
    """An open incident of one alert; any field can be given or replaced.

    Examples
    --------
    >>> group_view(severity="critical").severity
    'critical'
    """
    values: dict[str, Any] = {
        "incident_id": 7,
        "source": "default",
        "severity": "warning",
        "labels": {
            "alertname": "ModelDriftDetected",
            "model_name": "flight_delay",
            "model_version": "1.2.0",
            "feature_name": "dep_hour",
        },
        "annotations": {
            "summary": "dep_hour of flight_delay 1.2.0 has drifted",
            "runbook_url": "https://docs.example/runbooks#modeldriftdetected",
            "dashboard_url": "https://grafana.example/d/drift?a=1&b=2",
        },
        "features": ["dep_hour"],
        "alerts": [alert_view()],
        "firing": 1,
        "unheard": 0,
        "resolved": 0,
        "truncated": 0,
        "unreadable": 0,
        "opened_at": NOW - 600.0,
        "changed_at": NOW - 1.0,
        "closed_at": None,
        "close_reason": None,
        "external_url": "http://alertmanager:9093",
    }
    return GroupView(**{**values, **fields})


def resolved_view(**fields: Any) -> GroupView:  # noqa: ANN401 - any field
    """The same incident when it is over."""
    ended = {"closed_at": NOW, "close_reason": "resolved", "firing": 0, "resolved": 1}
    alerts = [alert_view(state="resolved", ended_at=NOW)]
    return group_view(**{**ended, "alerts": alerts, **fields})


def letter(**fields: Any) -> Letter:  # noqa: ANN401 - any field
    """A first letter about an open incident; any field can be given or replaced."""
    values: dict[str, Any] = {
        "kind": "post",
        "group": group_view(),
        "message_id": "id-1",
        "channel": "#alerts",
        "ts": None,
        "since": NOW,
        "at": NOW,
    }
    return Letter(**{**values, **fields})
