"""What a message offers to its reader: links to the right place and time, and the first commands. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from . import markup
from .first_commands import first_commands
from .look import LinkPolicy
from .views import GroupView

BEFORE_SECONDS: Final = 3_600.0
"""Shown before the first alert: drift is judged over an hour at least, so that is where its cause lies."""
AFTER_SECONDS: Final = 1_800.0
COMMAND_LENGTH: Final = 300
WORDS_LENGTH: Final = 60


def links(view: GroupView, policy: LinkPolicy) -> list[str]:
    """Runbook, dashboard and Alertmanager, of the group or its first alert; one text if that fits."""
    texts = [text for label, url in places(view) if (text := policy.link(url, label))]
    joined = " · ".join(texts)
    return ([joined] if joined else []) if markup.length(joined) <= markup.MAX_SECTION else texts


def places(view: GroupView) -> tuple[tuple[str, str], ...]:
    """What each link is called and where it leads; not yet known to be an address, or an allowed one."""
    annotations = annotations_of(view)
    return (
        ("Runbook", annotations.get("runbook_url", "")),
        ("Dashboard", _at_its_time(annotations.get("dashboard_url", ""), view)),
        ("Alertmanager", view.external_url),
    )


def commands(view: GroupView) -> str:
    """The runbook's first commands, a line each; empty for a runbook without any, and for what is over."""
    if view.closed_at is not None:
        return ""
    lines = []
    for words, command in first_commands(view.labels, annotations_of(view)):
        named = f"{markup.escape(words, WORDS_LENGTH)}: " if markup.clean(words) else ""
        if shown := markup.code(command, COMMAND_LENGTH):
            lines.append(f"{named}{shown}")
    return "*First commands*\n" + "\n".join(lines) if lines else ""


def annotations_of(view: GroupView) -> Mapping[str, str]:
    """What all alerts of a group say, and where they differ, what the first one says."""
    return {**(view.alerts[0].annotations if view.alerts else {}), **view.annotations}


def _at_its_time(url: str, view: GroupView) -> str:
    """A Grafana dashboard's address with the time of the incident, unless it names one itself."""
    if not markup.safe_url(url):
        return url
    parts = urlsplit(url)
    if "/d/" not in parts.path or any(name == "from" for name, _ in parse_qsl(parts.query)):
        return url
    begins = int((view.opened_at - BEFORE_SECONDS) * 1_000)
    ends = "now" if view.closed_at is None else str(int((view.closed_at + AFTER_SECONDS) * 1_000))
    query = f"{parts.query}&" if parts.query else ""
    timed = parts._replace(query=f"{query}from={begins}&to={ends}").geturl()
    return timed if markup.safe_url(timed) else url
