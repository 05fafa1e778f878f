"""Alertmanager's webhook, version 4, as frozen dataclasses.

A payload is a snapshot of a group, not an event, and its group-wide `status` lies when `max_alerts` cuts
the list: only the state of each alert is read. Parsing is lenient. Unknown fields are ignored, long texts
are cut, one alert that cannot be read is set aside and does not cost the others.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from .errors import PayloadError

REFUSALS: Final = ("not_json", "too_deep", "not_alertmanager", "version", "no_alerts", "unreadable_alerts")
"""Why a whole body is refused; a closed list, used as a metric label."""

MAX_ALERTS: Final = 50_000
"""Five times the largest storm measured in one group (10,000 alerts, 7.7 MB)."""
MAX_LABELS: Final = 64
MAX_NAME_LENGTH: Final = 256
MAX_VALUE_LENGTH: Final = 4_096
MAX_ANNOTATION_LENGTH: Final = 16_384
"""Prometheus limits none of these by default; Slack shows 3,000 characters of a text at most, so these lose
nothing."""
MAX_KEY_LENGTH: Final = 4_096
"""A longer group key or fingerprint is replaced by its digest, so that it stays an identity."""
MAX_INTEGER_DIGITS: Final = 20
"""A 64-bit number; CPython refuses integers of more than 4,300 digits with an error."""
EXCERPT_LENGTH: Final = 2_048
"""What is kept of something that could not be read."""

KEPT_FIRST: Final = (
    "alertname",
    "severity",
    "model_name",
    "model_version",
    "feature_name",
    "test_type",
    "window",
)
"""The labels that survive when there are more than `MAX_LABELS`."""

NANOSECONDS: Final = 1_000_000_000
_LATEST_NS: Final = 2**63 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert of a snapshot.

    Attributes
    ----------
    starts_at_ns : int
        Nanoseconds since 1970, exactly as sent: together with the fingerprint it names the episode.
    ends_at_ns : int or None
        None while the alert fires (Alertmanager then sends the year 1).
    """

    status: Literal["firing", "resolved"]
    fingerprint: str
    starts_at_ns: int
    ends_at_ns: int | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    generator_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An alert that was set aside: why, and the beginning of what was sent."""

    reason: str
    excerpt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One webhook body: the alerts that Alertmanager holds for a group at one moment."""

    group_key: str
    receiver: str
    group_labels: Mapping[str, str]
    external_url: str
    alerts: tuple[Alert, ...]
    truncated_alerts: int
    unreadable: tuple[Unreadable, ...]

    def common_labels(self) -> dict[str, str]:
        """The labels that all listed alerts share, with the same value."""
        return _common(alert.labels for alert in self.alerts)

    def common_annotations(self) -> dict[str, str]:
        """The annotations that all listed alerts share, with the same value."""
        return _common(alert.annotations for alert in self.alerts)


def parse(body: bytes) -> Notification:
    """The notification in a webhook body.

    Raises
    ------
    PayloadError
        If the body is not JSON, not Alertmanager's version 4, or holds no alert that can be read.
    """
    document = _load(body)
    if not isinstance(document, dict):
        raise PayloadError(
            "not_alertmanager", f"webhook body: found a JSON {_kind(document)}, need an object"
        )
    version = document.get("version", "4")
    if version not in ("4", 4):
        raise PayloadError("version", f"webhook body: version: found {_excerpt(version, 40)}, need 4")
    group_key = document.get("groupKey")
    if not isinstance(group_key, str) or not group_key:
        raise PayloadError(
            "not_alertmanager", f"webhook body: groupKey: found {_kind(group_key)}, need a string"
        )
    listed = document.get("alerts")
    if not isinstance(listed, list):
        raise PayloadError("not_alertmanager", f"webhook body: alerts: found {_kind(listed)}, need a list")
    if not listed:
        raise PayloadError("no_alerts", "webhook body: alerts: found an empty list, need at least one alert")
    alerts, unreadable = _alerts(listed[:MAX_ALERTS])
    if not alerts:
        raise PayloadError(
            "unreadable_alerts",
            f"webhook body: alerts: none of {len(listed)} can be read: {unreadable[0].reason}",
        )
    return Notification(
        group_key=_key(group_key),
        receiver=_text(document.get("receiver", ""), MAX_NAME_LENGTH),
        group_labels=_texts(document.get("groupLabels"), MAX_VALUE_LENGTH),
        external_url=_text(document.get("externalURL", ""), MAX_VALUE_LENGTH),
        alerts=alerts,
        truncated_alerts=_count(document.get("truncatedAlerts")) + max(0, len(listed) - MAX_ALERTS),
        unreadable=unreadable,
    )


def parse_time_ns(text: object) -> int | None:
    """Nanoseconds since 1970 of an RFC 3339 time, or None for what is not one or lies outside 1970 to 2262.

    Examples
    --------
    >>> parse_time_ns("1970-01-01T00:00:01.000000005Z")
    1000000005
    >>> parse_time_ns("0001-01-01T00:00:00Z") is None
    True
    """
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = match.groups()[6:]
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    offset = timedelta(hours=int(offset_hours or 0), minutes=int(offset_minutes or 0))
    elapsed = moment - _EPOCH + (offset if sign == "-" else -offset)
    seconds = elapsed.days * 86_400 + elapsed.seconds
    nanoseconds = seconds * NANOSECONDS + int((fraction or "").ljust(9, "0"))
    return nanoseconds if 0 <= nanoseconds <= _LATEST_NS else None


def excerpt(body: bytes) -> str:
    """The beginning of a body that was refused, as text that can be stored."""
    return body[:EXCERPT_LENGTH].decode("utf-8", "replace")


def _load(body: bytes) -> Any:  # noqa: ANN401 - JSON is anything
    """The JSON document of a body; NaN and numbers of absurd length become null, broken UTF-8 is replaced."""
    try:
        # `parse_constant` sees NaN and Infinity, which json accepts and nothing after it expects.
        return json.loads(body.decode("utf-8", "replace"), parse_constant=lambda _: None, parse_int=_integer)
    except RecursionError:
        raise PayloadError(
            "too_deep", "webhook body: found deeply nested JSON, need Alertmanager's version 4"
        ) from None
    except ValueError as error:
        raise PayloadError(
            "not_json", f"webhook body: found no valid JSON ({str(error)[:80]}), need JSON"
        ) from None


def _alerts(listed: list[object]) -> tuple[tuple[Alert, ...], tuple[Unreadable, ...]]:
    """The alerts that can be read, once each, and the others; of two with one identity the last counts."""
    alerts: dict[tuple[str, int], Alert] = {}
    unreadable: list[Unreadable] = []
    for entry in listed:
        try:
            alert = _alert(entry)
        except PayloadError as error:
            unreadable.append(Unreadable(reason=str(error), excerpt=_excerpt(entry, EXCERPT_LENGTH)))
        else:
            alerts[alert.fingerprint, alert.starts_at_ns] = alert
    return tuple(alerts.values()), tuple(unreadable)


def _alert(entry: object) -> Alert:
    """One alert; a PayloadError names the field that is wrong."""
    if not isinstance(entry, dict):
        raise PayloadError("unreadable_alerts", f"alert: found {_kind(entry)}, need an object")
    status, fingerprint, labels = entry.get("status"), entry.get("fingerprint"), entry.get("labels")
    if status not in ("firing", "resolved"):
        raise PayloadError(
            "unreadable_alerts", f"alert: status: found {_excerpt(status, 40)}, need firing or resolved"
        )
    if not isinstance(fingerprint, str) or not fingerprint:
        raise PayloadError(
            "unreadable_alerts", f"alert: fingerprint: found {_kind(fingerprint)}, need a string"
        )
    if not isinstance(labels, dict):
        raise PayloadError("unreadable_alerts", f"alert: labels: found {_kind(labels)}, need an object")
    starts_at_ns = parse_time_ns(entry.get("startsAt"))
    if starts_at_ns is None:
        found = _excerpt(entry.get("startsAt"), 40)
        raise PayloadError(
            "unreadable_alerts", f"alert: startsAt: found {found}, need an RFC 3339 time from 1970 to 2262"
        )
    return Alert(
        status=status,
        fingerprint=_key(fingerprint),
        starts_at_ns=starts_at_ns,
        ends_at_ns=parse_time_ns(entry.get("endsAt")) if status == "resolved" else None,
        labels=_texts(labels, MAX_VALUE_LENGTH),
        annotations=_texts(entry.get("annotations"), MAX_ANNOTATION_LENGTH),
        generator_url=_text(entry.get("generatorURL", ""), MAX_VALUE_LENGTH),
    )


def _texts(mapping: object, value_length: int) -> dict[str, str]:
    """Names and values as clean texts of bounded length and number."""
    if not isinstance(mapping, dict):
        return {}
    if len(mapping) > MAX_LABELS:
        names = [name for name in KEPT_FIRST if name in mapping]
        names += [name for name in mapping if name not in KEPT_FIRST]
        mapping = {name: mapping[name] for name in names[:MAX_LABELS]}
    return {_text(name, MAX_NAME_LENGTH): _text(value, value_length) for name, value in mapping.items()}


def _text(value: object, length: int) -> str:
    """A string without lone surrogates, cut with an ellipsis; other JSON values as their JSON text."""
    text = value if isinstance(value, str) else _excerpt(value, length)
    if len(text) > length:
        text = text[: length - 1] + "…"
    # A lone surrogate passes through json and blows up at the first encoding, which may be SQLite's or
    # Slack's.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _key(text: str) -> str:
    """An identity as clean text; one that is too long to keep is replaced by its digest."""
    raw = text.encode("utf-8", "backslashreplace")
    return raw.decode("utf-8") if len(raw) <= MAX_KEY_LENGTH else f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _excerpt(value: object, length: int) -> str:
    """The beginning of a JSON value's text."""
    return json.dumps(value, ensure_ascii=True)[:length]


def _count(value: object) -> int:
    """A count, or 0 for what is not one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _integer(digits: str) -> int | None:
    """A number of sane length, or None."""
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else None


def _kind(value: object) -> str:
    """What a JSON value is, in words that give nothing of it away."""
    names = {dict: "object", list: "list", str: "string", bool: "boolean", int: "number", float: "number"}
    return "nothing" if value is None else names[type(value)]


def _common(mappings: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The entries that all mappings share."""
    rest = iter(mappings)
    shared = dict(next(rest, {}))
    for mapping in rest:
        if not shared:
            break
        if not shared.items() <= mapping.items():  # nearly always they are, and this is fast
            shared = {name: value for name, value in shared.items() if mapping.get(name) == value}
    return shared
