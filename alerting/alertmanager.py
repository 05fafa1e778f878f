"""One call to Alertmanager's API v2 -> what became of it: silences made and ended, alerts asked for.

The API is older than this file and stable (https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml);
what is said here about its answers was tried with 0.25.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from . import web
from .secret import Secret

MAX_ANSWER_BYTES: Final = 16 << 20
"""10,000 alerts are about 9 MB; a longer list is refused rather than read into memory."""
_OK: Final = 200
_NOT_FOUND: Final = 404
_REFUSALS: Final = frozenset({400, 401, 403, 405, 422})


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerPolicy:
    """Where Alertmanager is, and whose alerts it holds.

    Attributes
    ----------
    url : str or None
        Its base, without /api; None does without silences and without asking.
    sources : tuple of str
        The sources of the bridge that it stands behind: alerts of others are not looked for in it.
    poll_seconds : float
        How often it is asked about open alerts. Prometheus sends every alert again each minute or oftener.
    """

    url: str | None = None
    sources: tuple[str, ...] = ("default",)
    poll_seconds: float = 60.0
    connect_timeout_seconds: float = 3.0
    read_timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A call that did not do what it should.

    Attributes
    ----------
    lasting : bool
        It would fail in the same way again.
    """

    reason: str
    lasting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How Alertmanager holds an alert: `active`, `silenced` or `inhibited`."""

    fingerprint: str
    state: str


class Alertmanager:
    """Alertmanager's API.

    Parameters
    ----------
    policy : AlertmanagerPolicy
        With a URL.
    token : Secret, optional
        Sent as bearer, for an Alertmanager behind a proxy that asks for one.
    """

    def __init__(self, policy: AlertmanagerPolicy, token: Secret | None = None) -> None:
        assert policy.url is not None
        self._base = policy.url.rstrip("/") + "/api/v2/"
        self._timeouts = web.Timeouts(
            connect=policy.connect_timeout_seconds, read=policy.read_timeout_seconds
        )
        self._token = token

    def silence(
        self,
        *,
        labels: Mapping[str, str],
        starts_at: float,
        ends_at: float,
        by: str,
        comment: str,
        replaces: str | None = None,
    ) -> str | Failed:
        """The id of a new silence, or of the changed one that `replaces` names."""
        body: dict[str, Any] = {
            "matchers": [
                {"name": name, "value": value, "isRegex": False, "isEqual": True}
                for name, value in sorted(labels.items())
            ],
            "startsAt": _time(starts_at),
            "endsAt": _time(ends_at),
            "createdBy": by,
            "comment": comment,
        }
        if replaces is not None:
            body["id"] = replaces
        answer = self._exchange("POST", "silences", body=body)
        if isinstance(answer, Failed):
            return answer
        made = (answer.document() or {}).get("silenceID")
        if answer.status == _OK and isinstance(made, str) and made:
            return made
        if answer.status == _NOT_FOUND and replaces is not None:
            return self.silence(labels=labels, starts_at=starts_at, ends_at=ends_at, by=by, comment=comment)
        return _failed(answer)

    def find_silence(self, mark: str) -> str | Failed | None:
        """The id of a silence that is not over and whose comment holds a mark, or None."""
        answer = self._exchange("GET", "silences")
        if isinstance(answer, Failed):
            return answer
        listed = _list(answer)
        if listed is None:
            return _failed(answer)
        for entry in listed:
            if not isinstance(entry, dict) or mark not in str(entry.get("comment", "")):
                continue
            status = entry.get("status")
            if isinstance(status, dict) and status.get("state") in ("active", "pending"):
                return str(entry.get("id", "")) or None
        return None

    def expire(self, silence_id: str) -> Failed | None:
        """End a silence; one that is over or unknown has ended already."""
        path = f"silence/{quote(silence_id, safe='')}"
        answer = self._exchange("DELETE", path)
        if isinstance(answer, Failed):
            return answer
        if answer.status in (_OK, _NOT_FOUND):
            return None
        # 0.25 answers 500 for a silence that is over: only its state tells that from trouble.
        found = self._exchange("GET", path)
        if isinstance(found, Failed):
            return found
        status = (found.document() or {}).get("status")
        over = isinstance(status, dict) and status.get("state") == "expired"
        return None if over or found.status == _NOT_FOUND else _failed(answer)

    def alerts(self) -> Sequence[Standing] | Failed:
        """All alerts that it holds, silenced and inhibited ones too."""
        answer = self._exchange("GET", "alerts")
        if isinstance(answer, Failed):
            return answer
        listed = _list(answer)
        if listed is None:
            return _failed(answer)
        return [standing for entry in listed if (standing := _standing(entry)) is not None]

    def _exchange(
        self, method: str, path: str, *, body: Mapping[str, object] | None = None
    ) -> web.Answer | Failed:
        answer = web.exchange(
            method,
            self._base + path,
            timeouts=self._timeouts,
            token=self._token,
            body=body,
            max_bytes=MAX_ANSWER_BYTES,
        )
        return answer if isinstance(answer, web.Answer) else Failed(reason=answer.detail or answer.reason)


def _standing(entry: object) -> Standing | None:
    """How an alert is held, or None for what is not an alert."""
    if not isinstance(entry, dict):
        return None
    fingerprint, status = entry.get("fingerprint"), entry.get("status")
    if not isinstance(fingerprint, str) or not isinstance(status, dict):
        return None
    if status.get("silencedBy"):
        state = "silenced"
    elif status.get("inhibitedBy"):
        state = "inhibited"
    else:
        state = "active"
    return Standing(fingerprint=fingerprint, state=state)


def _list(answer: web.Answer) -> list[object] | None:
    """The JSON list in a good answer, or None."""
    try:
        value = json.loads(answer.text) if answer.status == _OK else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def _failed(answer: web.Answer) -> Failed:
    """An answer that is not what was hoped for; its own words are not repeated anywhere."""
    return Failed(reason=f"Alertmanager answered {answer.status}", lasting=answer.status in _REFUSALS)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
