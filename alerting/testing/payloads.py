"""Alertmanager's webhook bodies, for tests of whatever receives them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

STARTS_AT: Final = "2025-12-31T23:59:00.123456789Z"
ENDS_AT: Final = "2026-01-01T00:30:00Z"
NO_END: Final = "0001-01-01T00:00:00Z"
"""What Alertmanager sends while an alert fires."""


def alert(
    feature: str = "dep_hour",
    status: str = "firing",
    *,
    starts_at: str = STARTS_AT,
    ends_at: str = ENDS_AT,
    severity: str = "warning",
    fingerprint: str | None = None,
    labels: Mapping[str, object] | None = None,
    annotations: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """One alert, of a feature that has drifted; its fingerprint is the feature's name unless given.

    Examples
    --------
    >>> alert("carrier")["labels"]["feature_name"]
    'carrier'
    """
    return {
        "status": status,
        "labels": {
            "alertname": "ModelDriftDetected",
            "severity": severity,
            "model_name": "flight_delay",
            "model_version": "1.2.0",
            "feature_name": feature,
            **(labels or {}),
        },
        "annotations": {
            "summary": f"{feature} of flight_delay 1.2.0 has drifted",
            "score": "0.34",
            "threshold": "0.2",
        }
        if annotations is None
        else dict(annotations),
        "startsAt": starts_at,
        "endsAt": ends_at if status == "resolved" else NO_END,
        "generatorURL": "http://prometheus:9090/graph?g0.expr=up",
        "fingerprint": feature if fingerprint is None else fingerprint,
    }


def webhook(*alerts: Mapping[str, object], group_key: str = "{}:{}", **fields: object) -> bytes:
    """A whole body as Alertmanager 0.25 sends it; any other field can be given or replaced."""
    firing = any(entry.get("status") == "firing" for entry in alerts)
    return json.dumps(
        {
            "receiver": "bridge",
            "status": "firing" if firing else "resolved",
            "alerts": alerts,
            "groupLabels": {"alertname": "ModelDriftDetected"},
            "commonLabels": {},
            "commonAnnotations": {},
            "externalURL": "http://alertmanager:9093",
            "version": "4",
            "groupKey": group_key,
            "truncatedAlerts": 0,
            **fields,
        }
    ).encode()
