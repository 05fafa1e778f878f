"""What asks for a retraining: an incident, a person, a report of a check, a timer -> frozen values. Pure."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from ..errors import PayloadError

Origin = Literal["alert", "report", "manual", "age", "schedule"]
Strategy = Literal["full", "incremental", "feature_selection"]

STRATEGIES: Final[tuple[Strategy, ...]] = ("full", "incremental", "feature_selection")
SEVERITIES: Final = ("info", "warning", "critical")
"""From the least to the most urgent."""
VERSION: Final = 1
"""Of the bridge's requests (`alerting.document`)."""
MAX_KEY_LENGTH: Final = 200
MAX_TEXT: Final = 2_000
MAX_ALERTS: Final = 1_000
DRIFT_ALERT: Final = "ModelDriftDetected"
"""What a drifted feature of a report counts as, so that the same triggers match both."""
_REPORT_SEVERITIES: Final = {"low": "info", "medium": "warning", "high": "warning", "critical": "critical"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCause:
    """An alert that fires, or a finding that stands for one."""

    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One reason to retrain one model.

    Attributes
    ----------
    key : str
        The same for the same cause, however often it is told; with the model's name it starts one run.
    model_name, model_version : str
        The version that serves; empty if nobody said.
    origin : str
        Who asks.
    trigger_name : str
        Of a timer; empty where triggers are matched.
    by : str
        The person, or empty.
    words : str
        What they said.
    since : float
        When the change began, in seconds since 1970.
    severity : str
        One of `SEVERITIES`, or empty.
    strategy : str or None
        What a person chose.
    quality : str or None
        What the alerts say of the data: `ok`, something else for broken data, None for nothing.
    alerts : tuple of AlertCause
    """

    key: str
    model_name: str
    origin: Origin
    since: float
    model_version: str = ""
    trigger_name: str = ""
    by: str = ""
    words: str = ""
    severity: str = ""
    strategy: Strategy | None = None
    quality: str | None = None
    alerts: tuple[AlertCause, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """Features that the alerts name, in the order of the alphabet."""
        return tuple(sorted({alert.labels.get("feature_name", "") for alert in self.alerts} - {""}))

    @property
    def alert_names(self) -> tuple[str, ...]:
        """Names of the alerts, in the order of the alphabet."""
        return tuple(sorted({alert.name for alert in self.alerts} - {""}))

    def to_json(self) -> str:
        """The cause for a row of the state."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Cause:
        """The cause that `to_json` wrote."""
        values = json.loads(text)
        return cls(**{**values, "alerts": tuple(AlertCause(**alert) for alert in values["alerts"])})


def from_webhook(body: bytes, *, now: float) -> list[Cause]:
    """The causes in a request of the bridge, one for each model.

    Parameters
    ----------
    body : bytes
        As docs/bridge.md describes it; the signature has been checked.
    now : float
        Seconds since 1970, for a request that does not say since when.

    Raises
    ------
    PayloadError
        If it is no request for a retraining.
    """
    document = _document(body)
    if document.get("kind") != "retraining" or document.get("version") != VERSION:
        raise _unreadable("kind, version", f"need retraining and {VERSION}")
    cause = document.get("cause")
    if not isinstance(cause, dict) or cause.get("trigger") not in ("alert", "manual"):
        raise _unreadable("cause", "need an object with key and trigger")
    key = _text(cause.get("key"))
    if not 0 < len(key) <= MAX_KEY_LENGTH or document.get("id") != key:
        raise _unreadable("cause.key", f"need the id, at most {MAX_KEY_LENGTH} characters")
    alerts = _alerts(document)
    models = sorted({alert.labels.get("model_name", "") for alert in alerts} - {""})
    quality = document.get("quality")
    return [
        Cause(
            key=key,
            model_name=model,
            model_version=_version(alerts, model) or _text(document.get("model_version")),
            origin="manual" if cause["trigger"] == "manual" else "alert",
            by=_text(cause.get("by")),
            since=_seconds(cause.get("since"), now),
            severity=_severity(_text(document.get("severity"))),
            quality=_text(quality) or None,
            alerts=tuple(alert for alert in alerts if alert.labels.get("model_name", "") in ("", model)),
        )
        for model in models or [_text(document.get("model_name"))]
    ]


def from_report(report: Mapping[str, Any], *, model_name: str | None = None) -> Cause | None:
    """The cause in what `check --json` wrote (or `Report.to_dict()`), or None if it found no drift.

    The same report has the same key, so telling it again has no further effect.

    Parameters
    ----------
    report : mapping
    model_name : str, optional
        Default: the reference's.

    Raises
    ------
    PayloadError
        If it is no report of a check.
    """
    reference, window, features = (report.get(name) for name in ("reference", "window", "features"))
    if not (isinstance(reference, dict) and isinstance(window, dict) and isinstance(features, dict)):
        raise _unreadable(
            "report", "need reference, window and features, as `driftgauge check --json` writes"
        )
    drifted = {
        str(name): column
        for name, column in features.items()
        if isinstance(column, dict) and column.get("state") == "drift"
    }
    if not drifted:
        return None
    model = model_name or _text(reference.get("model_name"))
    version = _text(reference.get("version"))
    severities = [_REPORT_SEVERITIES.get(_text(column.get("severity")), "") for column in drifted.values()]
    told = json.dumps([model, version, report.get("checked_at"), window, sorted(drifted)], sort_keys=True)
    checked = _seconds(report.get("checked_at"), math.nan)
    since = _seconds(window.get("start"), checked)
    if math.isnan(since):
        raise _unreadable("report", "need checked_at or window.start, a time")
    return Cause(
        key=f"report-{hashlib.sha256(told.encode()).hexdigest()[:32]}",
        model_name=model,
        model_version=version,
        origin="report",
        since=since,
        severity=max(severities, key=lambda name: (*SEVERITIES, "").index(name) if name else -1),
        alerts=tuple(
            AlertCause(
                name=DRIFT_ALERT,
                labels={
                    "alertname": DRIFT_ALERT,
                    "model_name": model,
                    "model_version": version,
                    "feature_name": name,
                    "severity": severity,
                },
            )
            for (name, severity) in zip(drifted, severities, strict=True)
        ),
    )


def by_hand(body: bytes, *, key: str, now: float) -> Cause:
    """The wish of a person or a program: model_name and by, and perhaps reason, severity, strategy.

    Parameters
    ----------
    body : bytes
        JSON.
    key : str
        Of the wish; the same for the same wish.
    now : float
        Seconds since 1970.

    Raises
    ------
    PayloadError
        If something lacks or is not known.
    """
    wish = _document(body)
    unknown = sorted(set(wish) - {"model_name", "by", "reason", "severity", "strategy"})
    if unknown:
        raise _unreadable(unknown[0][:40], "need model_name, by, reason, severity, strategy")
    model, by, strategy = (_text(wish.get(name)) for name in ("model_name", "by", "strategy"))
    if not model or not by:
        raise _unreadable("model_name, by", "need both")
    severity = _text(wish.get("severity"))
    if severity and severity not in SEVERITIES:
        raise _unreadable("severity", f"need one of {', '.join(SEVERITIES)}")
    chosen = next((known for known in STRATEGIES if known == strategy), None)
    if strategy and chosen is None:
        raise _unreadable("strategy", f"need one of {', '.join(STRATEGIES)}")
    return Cause(
        key=key,
        model_name=model,
        origin="manual",
        by=by,
        words=_text(wish.get("reason")),
        since=now,
        severity=severity,
        strategy=chosen,
    )


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _unreadable("body", "need valid JSON") from None
    if not isinstance(document, dict):
        raise _unreadable("body", "need an object")
    return document


def _alerts(document: Mapping[str, Any]) -> list[AlertCause]:
    """The single alerts; where they were left out, what the request says of them together."""
    listed = document.get("alerts")
    labels = [
        {str(name): _text(value) for name, value in entry["labels"].items()}
        for entry in (listed if isinstance(listed, list) else [])[:MAX_ALERTS]
        if isinstance(entry, dict) and isinstance(entry.get("labels"), dict)
    ]
    if not labels:
        model, severity = _text(document.get("model_name")), _text(document.get("severity"))
        common = {"model_name": model, "severity": severity}
        features = _texts(document.get("features")) or [""]
        labels = [
            {**common, "alertname": name, **({"feature_name": feature} if feature else {})}
            for name in _texts(document.get("alert_names"))
            for feature in features
        ]
    return [AlertCause(name=entry.get("alertname", ""), labels=entry) for entry in labels]


def _version(alerts: Sequence[AlertCause], model: str) -> str:
    """The version that all alerts of a model name, or nothing."""
    of_model = [alert.labels for alert in alerts if alert.labels.get("model_name") == model]
    versions = {labels.get("model_version", "") for labels in of_model}
    return versions.pop() if len(versions) == 1 else ""


def _severity(text: str) -> str:
    return text if text in SEVERITIES else ""


def _text(value: object) -> str:
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    return [_text(entry) for entry in value if _text(entry)] if isinstance(value, list) else []


def _seconds(value: object, otherwise: float) -> float:
    """A time in ISO 8601; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None:
        return otherwise
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _unreadable(where: str, needed: str) -> PayloadError:
    return PayloadError("content", f"{where}: found something else, {needed}")
