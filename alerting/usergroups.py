"""Who is in a Slack user group: asked for in the background, so that a press of a button never waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from . import web
from .actions import EVERYONE
from .secret import Secret
from .slack import SlackPolicy

REFRESH_SECONDS: Final = 300.0
"""Whoever joins or leaves a group may have to wait so long."""
RETRY_SECONDS: Final = 30.0
BELIEVED_SECONDS: Final = 3_600.0
"""How long an answer counts while Slack gives no newer one; after that nobody is known to be in the group."""

Fetch = Callable[[str], frozenset[str] | None]


class Usergroups:
    """The members of the groups that the configuration names.

    Parameters
    ----------
    groups : iterable of str
        Slack's ids (S...).
    fetch : callable
        The members of a group, or None if Slack does not say; see `slack_fetch`.
    clock : callable
        Seconds since 1970.
    """

    def __init__(self, groups: Iterable[str], fetch: Fetch, clock: Callable[[], float] = time.time) -> None:
        self._groups, self._fetch, self._clock = sorted(set(groups)), fetch, clock
        self._members: Mapping[str, tuple[float, frozenset[str]]] = {}
        self._lock = threading.Lock()

    def step(self) -> float:
        """Ask about every group; seconds until the next time."""
        pause = REFRESH_SECONDS
        for group in self._groups:
            members = self._fetch(group)
            if members is None:
                pause = RETRY_SECONDS
            else:
                with self._lock:
                    self._members = {**self._members, group: (self._clock(), members)}
        return pause

    def admits(self, user: str, listed: Iterable[str]) -> bool:
        """Whether a list of people and groups holds a person."""
        now = self._clock()
        members = self._members
        for name in listed:
            if name in (EVERYONE, user):
                return True
            at, known = members.get(name, (0.0, frozenset()))
            if user in known and now - at <= BELIEVED_SECONDS:
                return True
        return False


def slack_fetch(policy: SlackPolicy, token: Secret) -> Fetch:
    """A way to ask Slack for the members of a group; needs the scope usergroups:read."""

    def fetch(group: str) -> frozenset[str] | None:
        answer = web.exchange(
            "GET",
            policy.api_url + "usergroups.users.list",
            timeouts=policy.timeouts,
            token=token,
            query={"usergroup": group},
        )
        document = answer.document() if isinstance(answer, web.Answer) else None
        users = (document or {}).get("users")
        if not (document or {}).get("ok") or not isinstance(users, list):
            return None
        return frozenset(user for user in users if isinstance(user, str))

    return fetch
