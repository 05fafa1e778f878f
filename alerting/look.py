"""What the configuration adds to a message: where links may lead, whom to mention, which buttons to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from . import markup

PATH_LENGTH: Final = 120
"""Of a place in the repository that is named instead of a link."""

MENTION_PATTERN: Final = r"^([UWS][A-Z0-9]{2,20}|here|channel)$"
"""Slack's id of a person (U, W) or of a user group (S), or a word for all in the channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPolicy:
    """Where links may lead.

    Attributes
    ----------
    hosts : tuple of str
        Hosts that a link from an alert may have, bare and in any case; empty allows every http(s) host.
    """

    hosts: tuple[str, ...] = ()

    def allows(self, url: str) -> bool:
        """Whether a URL is plain http(s) and its host allowed."""
        if not markup.safe_url(url):
            return False
        # A parsed address has its host in small letters.
        return not self.hosts or urlsplit(url).hostname in {host.lower() for host in self.hosts}

    def link(self, url: str, label: str) -> str:
        """A link if the URL is http(s) and its host allowed, else a path as harmless text, else nothing."""
        if self.allows(url):
            return markup.link(url, label)
        # Without a base URL a runbook is named by its place in the repository; a script address is not
        # shown at all.
        return f"{label}: {markup.code(url, PATH_LENGTH)}" if url and ":" not in url else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How messages look, apart from what they say.

    Attributes
    ----------
    mentions : mapping of str to tuple of str
        Severity to ids of people and groups (`MENTION_PATTERN`); nothing in an alert can add to them.
    actions : frozenset of str
        What somebody may do by a button, and what can work: `acknowledge`, `silence`, `retrain`.
    silenceable : frozenset of str
        Sources whose Alertmanager is known.
    """

    links: LinkPolicy = field(default_factory=LinkPolicy)
    mentions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    actions: frozenset[str] = frozenset()
    silenceable: frozenset[str] = frozenset()

    def mention(self, severity: str) -> str:
        """Those who are called for a severity, as markup; empty if nobody is."""
        return " ".join(_mention(name) for name in self.mentions.get(severity, ()))


def _mention(name: str) -> str:
    """An id from the configuration as Slack's markup for it."""
    if name in ("here", "channel"):
        return f"<!{name}>"
    return f"<!subteam^{name}>" if name.startswith("S") else f"<@{name}>"
