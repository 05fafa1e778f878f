"""Alerts that Alertmanager has, and incidents of the bridge that people take on. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

SHOWN: Final = 20
"""Alerts and incidents that are listed; the inbox and the history have all."""

_RANKS: Final = {"critical": 0, "error": 1, "warning": 2, "info": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert of Alertmanager; `state` is firing or suppressed."""

    fingerprint: str
    name: str
    severity: str
    state: str
    feature: str
    summary: str
    started_at: float | None
    runbook: str
    dashboard: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident of the bridge; `state` is firing, open, acknowledged, silenced or ended.

    Open is one of whose alerts none fires any more, and of which Alertmanager has not said that it ended.
    """

    number: int
    title: str
    severity: str
    state: str
    firing: int
    began_at: float | None
    ended_at: float | None
    acknowledged_by: str

    @property
    def can_be_acknowledged(self) -> bool:
        """Whether it waits for somebody."""
        return self.ended_at is None and not self.acknowledged_by


def alerts(found: Sequence[Mapping[str, Any]]) -> tuple[Alert, ...]:
    """Alerts, the most urgent and then the newest first.

    Raises
    ------
    KeyError, TypeError, ValueError, AttributeError
        If they are none of Alertmanager's.
    """
    listed = [
        Alert(
            fingerprint=str(one["fingerprint"]),
            name=str(one["labels"]["alertname"]),
            severity=str(one["labels"].get("severity", "")),
            state="firing" if one["status"]["state"] == "active" else str(one["status"]["state"]),
            feature=str(one["labels"].get("feature_name", "")),
            summary=str(one["annotations"].get("summary", "")),
            started_at=_seconds(one["startsAt"]),
            runbook=safe_link(one["annotations"].get("runbook_url", "")),
            dashboard=safe_link(one["annotations"].get("dashboard_url", "")),
        )
        for one in found
    ]
    listed.sort(key=lambda one: (_RANKS.get(one.severity, len(_RANKS)), -(one.started_at or 0.0), one.name))
    return tuple(listed[:SHOWN])


def incidents(found: Sequence[Mapping[str, Any]], model: str) -> tuple[Incident, ...]:
    """Incidents of a model and those of several models, open ones first, newest first.

    Raises
    ------
    KeyError, TypeError, ValueError
        If they are none of the bridge's.
    """
    listed = [
        Incident(
            number=int(one["id"]),
            title=str(one["title"]),
            severity=str(one["severity"]),
            state=_state(one),
            firing=int(one["firing"]),
            began_at=_seconds(one["began_at"]),
            ended_at=_seconds(one["ended_at"]),
            acknowledged_by=str(one["acknowledged_by"] or ""),
        )
        for one in found
        if one["model"] in (model, "")
    ]
    return tuple(listed[:SHOWN])


def safe_link(url: object) -> str:
    """A URL if it is one of http or https with a host, else nothing: no label may become a script.

    Examples
    --------
    >>> safe_link("javascript:alert(1)"), safe_link("https://docs.example/a")
    ('', 'https://docs.example/a')
    """
    if not isinstance(url, str):
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc else ""


def _state(incident: Mapping[str, Any]) -> str:
    if incident["ended_at"] is not None:
        return "ended"
    if incident["silenced_until"] is not None:
        return "silenced"
    if incident["acknowledged_at"] is not None:
        return "acknowledged"
    return "firing" if incident["firing"] else "open"


def _seconds(text: Any) -> float | None:  # noqa: ANN401 - an answer may be anything
    return None if text is None else datetime.fromisoformat(str(text)).timestamp()
