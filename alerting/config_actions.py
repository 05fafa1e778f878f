"""The sections `actions`, `mentions` and `alertmanager` of config/bridge.yaml."""

from __future__ import annotations

from typing import Annotated, Final

import pydantic
from pydantic import ConfigDict, Field, StringConstraints

from .actions import EVERYONE, ActionPolicy
from .alertmanager import AlertmanagerPolicy
from .look import MENTION_PATTERN

MAX_LISTED: Final = 100


class _Section(pydantic.BaseModel):
    """What all sections share: unknown keys and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


_Presser = Annotated[str, StringConstraints(pattern=rf"^([UWS][A-Z0-9]{{2,20}}|{EVERYONE})$")]
_Pressers = Annotated[list[_Presser], Field(max_length=MAX_LISTED)]
_Mentions = Annotated[list[Annotated[str, StringConstraints(pattern=MENTION_PATTERN)]], Field(max_length=20)]
_Seconds = Annotated[float, Field(gt=0, le=86_400)]
_ACTIONS, _ALERTMANAGER = ActionPolicy(), AlertmanagerPolicy()


class ActionsSection(_Section):
    """Who may do what by a button in Slack."""

    acknowledge: _Pressers = list(_ACTIONS.acknowledge)
    silence: _Pressers = list(_ACTIONS.silence)
    retrain: _Pressers = list(_ACTIONS.retrain)


class MentionsSection(_Section):
    """Who is called in a message, by severity."""

    critical: _Mentions = []
    warning: _Mentions = []
    info: _Mentions = []


class AlertmanagerSection(_Section):
    """Where silences are made and alerts are asked for."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")] | None = None
    sources: list[str] = list(_ALERTMANAGER.sources)
    poll_seconds: _Seconds = _ALERTMANAGER.poll_seconds
    connect_timeout_seconds: _Seconds = _ALERTMANAGER.connect_timeout_seconds
    read_timeout_seconds: _Seconds = _ALERTMANAGER.read_timeout_seconds
