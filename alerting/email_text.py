"""An incident as an e-mail: subject, plain text, HTML. Pure.

The subject stays the same while the incident lasts, as some programs make a thread of equal subjects; what
has changed is in the first line, which they show beside it.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Final

from . import document, guidance, markup
from .calls import Letter
from .first_commands import first_commands
from .look import LinkPolicy
from .views import AlertView, GroupView

MAX_SUBJECT: Final = 150
"""Shown on one line by most programs; far below the 998 characters of RFC 5322."""

_COLOURS: Final = {"critical": "#D7263D", "warning": "#F2A33A", "info": "#3A7BD5"}
_OTHER_COLOUR: Final = "#7D8590"
_OVER_COLOUR: Final = "#2EB67D"


def subject(view: GroupView) -> str:
    """Which incident, in one line without anything that could end a header."""
    number = f" (incident {view.incident_id})"
    return document.cut(document.title(view), MAX_SUBJECT - len(number)) + number


def plain(letter: Letter, policy: LinkPolicy) -> str:
    """The text part."""
    view = letter.group
    parts = [_headline(letter), document.summary(view), *(f"- {line}" for line in _happened(letter))]
    parts += ["", *(f"{name}: {value}" for name, value in _facts(view))]
    alerts = [_alert(alert) for alert in view.alerts]
    if alerts:
        parts += ["", "Alerts", *(f"- {head}" + (f"\n  {words}" if words else "") for head, words in alerts)]
    commands = list(_commands(view))
    if commands:
        parts += ["", "First commands", *(f"- {words}\n  {command}" for words, command in commands)]
    shown = document.links(view, policy)
    parts += ["", *(f"{name.capitalize()}: {url}" for name, url in shown.items())]
    return "\n".join(parts).strip() + "\n"


def rich(letter: Letter, policy: LinkPolicy) -> str:
    """The HTML part: no image, no script, nothing fetched; every foreign text escaped."""
    view = letter.group
    colour = _OVER_COLOUR if view.closed_at is not None else _COLOURS.get(view.severity, _OTHER_COLOUR)
    rows = "".join(
        f'<tr><td style="padding-right:1em;color:#555">{html.escape(name)}</td>'
        f"<td>{html.escape(value)}</td></tr>"
        for name, value in _facts(view)
    )
    alerts = "".join(
        f"<li><b>{html.escape(head)}</b><br>{html.escape(words)}</li>"
        for head, words in (_alert(alert) for alert in view.alerts)
    )
    commands = "".join(
        f"<li>{html.escape(words)}<br><code>{html.escape(command)}</code></li>"
        for words, command in _commands(view)
    )
    links = " · ".join(
        f'<a href="{html.escape(url)}">{html.escape(name.capitalize())}</a>'
        for name, url in document.links(view, policy).items()
    )
    happened = "".join(f"<li>{html.escape(line)}</li>" for line in _happened(letter))
    parts = (
        f"<p><b>{html.escape(_headline(letter))}</b><br>{html.escape(document.summary(view))}</p>",
        f"<ul>{happened}</ul>" if happened else "",
        f"<table>{rows}</table>",
        f"<p>{links}</p>" if links else "",
        f"<p>Alerts</p><ul>{alerts}</ul>" if alerts else "",
        f"<p>First commands</p><ul>{commands}</ul>" if commands else "",
    )
    return (
        f'<!doctype html><html><body style="font-family:sans-serif"><div style="border-left:4px solid '
        f'{colour};padding-left:1em">{"".join(parts)}</div></body></html>\n'
    )


def _headline(letter: Letter) -> str:
    """How the incident stands, in one line."""
    view, state = letter.group, document.state_of(letter.group)
    if view.closed_at is not None:
        return f"{state.capitalize()} after {markup.duration(view.closed_at - view.opened_at)}"
    severity = document.cut(view.severity or "alert", document.MAX_NAME).capitalize()
    since = f"{document.counts(view)} since {markup.utc(view.opened_at)}"
    if view.acknowledged_by:
        since += f", acknowledged by {document.cut(view.acknowledged_by, document.MAX_NAME)}"
    return f"{severity}: {since}"


def _happened(letter: Letter) -> list[str]:
    """What is new since the last letter, with its time."""
    return [f"{markup.utc(line.at)} {document.happened(line)}" for line in letter.lines]


def _facts(view: GroupView) -> Iterator[tuple[str, str]]:
    """Model, version, features, score against threshold, where known."""
    annotations = guidance.annotations_of(view)
    labels = (("Model", "model_name"), ("Version", "model_version"), ("Test", "test_type"))
    for title, name in (*labels, ("Window", "window"), ("Segment", "segment")):
        if value := document.cut(view.labels.get(name, ""), document.MAX_NAME):
            yield title, value
    if view.features:
        yield "Features", ", ".join(document.cut(name, document.MAX_NAME) for name in view.features[:20])
    if score := document.cut(annotations.get("score", ""), document.MAX_NAME):
        threshold = document.cut(annotations.get("threshold", ""), document.MAX_NAME)
        yield "Score", score + (f", threshold {threshold}" if threshold else "")
    yield "Source", document.cut(view.source, document.MAX_NAME)


def _alert(alert: AlertView) -> tuple[str, str]:
    """One alert: how it stands, and its description."""
    entry = document.alerts([alert])[0]
    words = alert.annotations.get("description") or alert.annotations.get("summary", "")
    return f"{entry['name']}, {alert.state}", document.cut(words, document.MAX_WORDS)


def _commands(view: GroupView) -> Iterator[tuple[str, str]]:
    """The runbook's first commands, while they are of use."""
    if view.closed_at is None:
        for words, command in first_commands(view.labels, guidance.annotations_of(view)):
            yield document.cut(words, document.MAX_NAME), document.cut(command, document.MAX_WORDS)
