"""What a group looks like now -> one Slack message. Pure: no clock, no database, no network.

The facts that decide (what, which model, since when, how far over the threshold, what to do) stand in the
blocks. The list of alerts stands below them in one attachment, which is Slack's only way to a bar of colour
and which Slack may fold away (https://docs.slack.dev/messaging/formatting-message-text calls it secondary
content). A link is a link in the text, not a button: a button of an app without an interactive endpoint
shows a warning sign, so only what can be done by a button has one.

Every message fits Slack: alerts are left out, then descriptions, until it does; plain text goes with it
always.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from . import buttons, guidance, markup, thread
from .look import Look
from .views import (
    DETAILS,
    NAME_LENGTH,
    AlertState,
    AlertView,
    GroupView,
    ThreadLine,
    describe_all,
    named_by,
)

Block = dict[str, Any]

MAX_TOTAL: Final = 12_000
"""Characters over everything, kept below Slack's own `markup.MAX_TOTAL`, which nobody has written down
exactly."""
ALERTS_SHOWN: Final = 10
"""Alerts listed one by one; a reader of a channel scans, and the history has them all."""
LATE_SECONDS: Final = 300.0
"""A message older than this says how late it is; Alertmanager's own default between two sendings of a
group."""
FEATURES_NAMED: Final = 5
DESCRIPTION_LENGTH: Final = 400
SHORT_DESCRIPTION_LENGTH: Final = 120
SUMMARY_LENGTH: Final = 600

_COLOURS: Final = {"critical": "#D7263D", "warning": "#F2A33A", "info": "#3A7BD5"}
_OTHER_COLOUR: Final = "#7D8590"
_RESOLVED_COLOUR: Final = "#2EB67D"
_CIRCLES: Final = {"critical": "🔴", "warning": "🟠", "info": "🔵"}
_OTHER_CIRCLE: Final = "⚪"
_RESOLVED_CIRCLE: Final = "🟢"
_STANDINGS: Final[Mapping[AlertState, str]] = {
    "silenced": "silenced in Alertmanager",
    "inhibited": "inhibited by another alert",
    "gone": "no longer in Alertmanager",
}
"""What Alertmanager says when it is asked about an alert that it does not send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message in Slack's terms, without channel and identity."""

    text: str
    blocks: tuple[Block, ...] = ()
    attachments: tuple[Block, ...] = ()

    def body(self) -> dict[str, Any]:
        """The JSON fields. Blocks and attachments are always there: chat.update keeps what is left out."""
        return {"text": self.text, "blocks": list(self.blocks), "attachments": list(self.attachments)}

    def plain(self) -> Message:
        """The same message as text alone, for when Slack refuses the blocks."""
        return Message(text=self.text)

    def size(self) -> int:
        """Characters over all blocks, as Slack may count them."""
        return sum(_size(block) for block in (*self.blocks, *self.attachments))


def root(view: GroupView, now: float, look: Look | None = None) -> Message:
    """The group's message as it should read now; always within Slack's limits.

    Parameters
    ----------
    view : GroupView
    now : float
        Seconds since 1970, for durations and to say how late the message is.
    look : Look, optional
        Default: links to any http(s) host, no mentions, no buttons.
    """
    look = look or Look()
    for shown, description in (
        (ALERTS_SHOWN, DESCRIPTION_LENGTH),
        (ALERTS_SHOWN, SHORT_DESCRIPTION_LENGTH),
        (ALERTS_SHOWN // 2, SHORT_DESCRIPTION_LENGTH),
        (2, 0),
    ):
        message = _compose(view, now, look, shown, description)
        if message.size() <= MAX_TOTAL:
            return message
    return message.plain()


def reply(lines: Sequence[ThreadLine], now: float) -> Message:
    """One reply in the thread that tells what happened, oldest first; many waiting lines become one reply."""
    text = thread.text(lines, now)
    return Message(text=text, blocks=(_section(text),))


def _compose(view: GroupView, now: float, look: Look, shown: int, description: int) -> Message:
    title = _title(view)
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": True}},
        _section(_summary(view, now, look)),
    ]
    fields = list(_fields(view))[: markup.MAX_FIELDS]
    if fields:
        blocks.append({"type": "section", "fields": fields})
    if text := guidance.commands(view):
        blocks.append(_section(text))
    blocks += [_section(text) for text in guidance.links(view, look.links)]
    if row := buttons.block(view, look, now):
        blocks.append(row)
    inner = [*_alert_sections(view, shown, description), _context(view, now)]
    attachment = {"color": _colour(view), "fallback": title, "blocks": inner}
    return Message(text=_plain_text(view, now, title, look), blocks=tuple(blocks), attachments=(attachment,))


def _title(view: GroupView) -> str:
    """The headline: colour, severity word or Resolved, what, and which model."""
    if view.closed_at is not None:
        circle = _RESOLVED_CIRCLE
        word = "Resolved" if view.close_reason == "resolved" else "Closed"
    else:
        circle = _CIRCLES.get(view.severity, _OTHER_CIRCLE)
        word = markup.escape(view.severity or "alert", 20).capitalize()
    name = markup.escape(view.labels.get("alertname", ""), 60) or _nameless(view)
    model = markup.escape(_model(view.labels), 60)
    return f"{circle} {word}: {name}" + (f" · {model}" if model else "")


def _nameless(view: GroupView) -> str:
    """What a group is called whose alerts have no name, or none in common."""
    alone = view.firing + view.unheard + view.resolved + view.truncated <= 1
    return "Unnamed alert" if alone else "Several alerts"


def _model(labels: Mapping[str, str]) -> str:
    return f"{labels.get('model_name', '')} {labels.get('model_version', '')}".strip()


def _summary(view: GroupView, now: float, look: Look) -> str:
    """What is the matter in one sentence, how many alerts, and since when."""
    sentence = view.annotations.get("summary", "")
    if not sentence and len(view.alerts) == 1:
        sentence = view.alerts[0].annotations.get("summary", "")
    parts = (
        [f"*{markup.escape(sentence.replace('*', ''), SUMMARY_LENGTH)}*"] if markup.clean(sentence) else []
    )
    if view.closed_at is not None:
        length = markup.duration(view.closed_at - view.opened_at)
        parts.append(f"Lasted {length}: {markup.moment(view.opened_at)} to {markup.moment(view.closed_at)}")
        if view.close_reason != "resolved":
            parts.append(
                "Alertmanager stopped mentioning this group without saying that it ended (silenced, inhibited"
                " or routed elsewhere?), so it was closed here."
            )
    else:
        since = f"since {markup.moment(view.opened_at)} ({markup.duration(now - view.opened_at)})"
        parts.append(f"{_counts(view)} {since}")
    parts += _taken(view, now)
    if calls := _calls(view, now, look):
        parts.append(calls)
    if view.truncated and view.closed_at is None:
        parts.append(f"Alertmanager left out {view.truncated} more (set `max_alerts: 0` in its receiver).")
    if view.unreadable:
        parts.append(
            f"{view.unreadable} of the last notification's alerts could not be read; the history has them."
        )
    return "\n".join(parts)


def _taken(view: GroupView, now: float) -> Iterator[str]:
    """Who has taken it on, and until when it is silenced."""
    if view.acknowledged_at is not None:
        name = thread.who(view.acknowledged_by or "")
        yield f"👀 Acknowledged by {name} at {markup.clock_time(view.acknowledged_at)}"
    if view.closed_at is None and view.silenced_until is not None and view.silenced_until > now:
        yield f"🔕 Silenced until {markup.moment(view.silenced_until)}"


def _calls(view: GroupView, now: float, look: Look) -> str:
    """Those to call while nobody has taken it on."""
    silenced = view.silenced_until is not None and view.silenced_until > now
    taken = view.closed_at is not None or view.acknowledged_at is not None or silenced
    return "" if taken else look.mention(view.severity)


def _counts(view: GroupView) -> str:
    """How many alerts fire, and how many of the group have resolved or were not heard of."""
    firing = view.firing + view.unheard
    text = f"{firing} alert{'' if firing == 1 else 's'} firing"
    if view.resolved:
        text += f", {view.resolved} resolved"
    if view.unheard:
        text += f", {view.unheard} not in the latest notification"
    for state, words in _STANDINGS.items():
        if count := view.standings.get(state):
            text += f", {count} {words}"
    return text + ","


def _fields(view: GroupView) -> Iterator[Block]:
    """Model, version, feature, score against threshold, test and window, where known."""
    for title, name in (("Model", "model_name"), ("Version", "model_version")):
        if view.labels.get(name):
            yield _field(title, markup.code(view.labels[name], NAME_LENGTH))
    if view.features:
        named = ", ".join(markup.code(feature, NAME_LENGTH) for feature in view.features[:FEATURES_NAMED])
        rest = len(view.features) - FEATURES_NAMED
        yield _field(
            "Feature" if len(view.features) == 1 else "Features",
            named + (f" and {rest} more" if rest > 0 else ""),
        )
    common = view.alerts[0].annotations if len(view.alerts) == 1 else view.annotations
    if score := _score(common):
        yield _field("Score", score)
    if markup.clean(common.get("rows", "")):
        yield _field("Rows", markup.escape(markup.number(common["rows"]), NAME_LENGTH))
    if markup.clean(common.get("top_contributors", "")):
        yield _field("Top contributors", markup.escape(common["top_contributors"], SHORT_DESCRIPTION_LENGTH))
    for title, name in (("Test", "test_type"), ("Window", "window"), ("Segment", "segment")):
        if view.labels.get(name):
            yield _field(title, markup.code(view.labels[name], NAME_LENGTH))


def _score(annotations: Mapping[str, str]) -> str:
    """The score against its threshold, such as `0.34, threshold 0.2 (1.7 times)`."""
    score, threshold = annotations.get("score", ""), annotations.get("threshold", "")
    if not markup.clean(score):
        return ""
    text = markup.escape(markup.number(score), NAME_LENGTH)
    if not markup.clean(threshold):
        return text
    text += f", threshold {markup.escape(markup.number(threshold), NAME_LENGTH)}"
    value, limit = markup.finite(score), markup.finite(threshold)
    return text + (f" ({value / limit:.1f} times)" if value and limit and value > 0 and limit > 0 else "")


def _alert_sections(view: GroupView, shown: int, description: int) -> Iterator[Block]:
    """A section per alert, then a line on those left out."""
    listed = view.alerts[:shown]
    for alert, name in zip(listed, describe_all(listed, view.labels), strict=True):
        yield _section(_alert_text(view, alert, name, description))
    rest = view.firing + view.unheard + view.resolved - len(listed)
    if rest > 0:
        yield _section(f"… and {rest} more in this group")


def _alert_text(view: GroupView, alert: AlertView, name: str, description: int) -> str:
    """One alert: what it is about, its score, since when, and its description."""
    circle = (
        _RESOLVED_CIRCLE
        if alert.state == "resolved"
        else _CIRCLES.get(alert.labels.get("severity", ""), _OTHER_CIRCLE)
    )
    parts = [f"{circle} {markup.code(name, NAME_LENGTH)}"]
    said = {*view.labels, *named_by(alert.labels)}
    parts += [
        markup.code(alert.labels[label], NAME_LENGTH)
        for label in DETAILS
        if alert.labels.get(label) and label not in said
    ]
    if score := _score(alert.annotations):
        parts.append(score)
    if alert.state == "resolved" and alert.ended_at is not None:
        parts.append(f"resolved {markup.moment(alert.ended_at)}")
    else:
        parts.append(f"since {markup.moment(alert.started_at)}")
    if alert.state == "unheard":
        parts.append("not in the latest notification (silenced or inhibited?)")
    elif alert.state in _STANDINGS:
        parts.append(_STANDINGS[alert.state])
    text = " · ".join(parts)
    words = alert.annotations.get("description") or alert.annotations.get("summary", "")
    # What is over needs no numbers of when it was not.
    told = alert.state == "resolved" or words == view.annotations.get("summary")
    if description and markup.clean(words) and not told:
        text += f"\n{markup.escape(words, description)}"
    return text


def _context(view: GroupView, now: float) -> Block:
    """The small print: which incident, where from, and how late."""
    text = f"Incident {view.incident_id} · source {markup.escape(view.source, NAME_LENGTH)}"
    late = now - view.changed_at
    if late > LATE_SECONDS:
        text += f" · told {markup.duration(late)} late"
    return {"type": "context", "elements": [_mrkdwn(text)]}


def _plain_text(view: GroupView, now: float, title: str, look: Look) -> str:
    """The message for notifications, screen readers and clients without blocks."""
    if view.closed_at is not None:
        state = f"lasted {markup.duration(view.closed_at - view.opened_at)}"
    else:
        state = f"{_counts(view)} since {markup.utc(view.opened_at)}"
    summary = view.annotations.get("summary", "")
    if not summary and view.alerts:
        summary = view.alerts[0].annotations.get("summary", "")
    if view.acknowledged_at is not None:
        state += f", acknowledged by {thread.who(view.acknowledged_by or '')}"
    parts = [title, markup.escape(summary, SUMMARY_LENGTH), state, _calls(view, now, look)]
    return ". ".join(part for part in parts if part)


def _colour(view: GroupView) -> str:
    return _RESOLVED_COLOUR if view.closed_at is not None else _COLOURS.get(view.severity, _OTHER_COLOUR)


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text)}


def _field(title: str, text: str) -> Block:
    return _mrkdwn(f"*{title}*\n{text}")


def _mrkdwn(text: str) -> Block:
    # verbatim: addresses, channels and people named in foreign text stay text.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _size(value: object) -> int:
    """Characters of all texts in a block."""
    if isinstance(value, str):
        return markup.length(value)
    if isinstance(value, dict):
        return sum(_size(entry) for entry in value.values())
    return sum(_size(entry) for entry in value) if isinstance(value, list) else 0
