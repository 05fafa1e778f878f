"""The buttons of a message, and what a press of one means. Pure.

A button carries the incident's number and nothing else: what may be done about it is looked up when it is
pressed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from .look import Look
from .views import GroupView

Action = Literal["acknowledge", "silence", "unsilence", "retrain"]
ACTIONS: Final[tuple[Action, ...]] = ("acknowledge", "silence", "unsilence", "retrain")

HOUR: Final = 3_600.0
MAX_SILENCE_SECONDS: Final = 24 * HOUR
"""A longer silence is a decision about a rule, not about an incident; Alertmanager's own page makes one."""


@dataclass(frozen=True, slots=True)
class Button:
    """A button: its words, what it does, and for how long."""

    words: str
    action: Action
    seconds: float | None = None


BUTTONS: Final = {
    "acknowledge": Button("Acknowledge", "acknowledge"),
    "silence_1h": Button("Silence 1 h", "silence", HOUR),
    "silence_4h": Button("Silence 4 h", "silence", 4 * HOUR),
    "silence_1d": Button("Silence 1 d", "silence", 24 * HOUR),
    "unsilence": Button("End silence", "unsilence"),
    "retrain": Button("Retrain", "retrain"),
}
"""By `action_id`, in the order in which they are shown."""


def block(view: GroupView, look: Look, now: float) -> dict[str, Any] | None:
    """The row of buttons that fit an incident as it is now, or None without one."""
    elements = [_element(name, view.incident_id) for name in _offered(view, look, now)]
    return (
        {"type": "actions", "block_id": f"incident-{view.incident_id}", "elements": elements}
        if elements
        else None
    )


def _offered(view: GroupView, look: Look, now: float) -> Iterator[str]:
    """The buttons that would change something."""
    if view.closed_at is not None:
        return
    silenced = view.silenced_until is not None and view.silenced_until > now
    for name, button in BUTTONS.items():
        permission = "silence" if button.action == "unsilence" else button.action
        useful = {
            "acknowledge": view.acknowledged_at is None,
            "silence": view.source in look.silenceable and not silenced,
            "unsilence": view.source in look.silenceable and silenced,
            "retrain": bool(view.labels.get("model_name")),
        }[button.action]
        if useful and permission in look.actions:
            yield name


def _element(name: str, incident_id: int) -> dict[str, Any]:
    button = BUTTONS[name]
    element: dict[str, Any] = {
        "type": "button",
        "action_id": name,
        "text": {"type": "plain_text", "text": button.words},
        "value": str(incident_id),
    }
    if name == "acknowledge":
        element["style"] = "primary"
    if name == "retrain":
        element["confirm"] = {
            "title": {"type": "plain_text", "text": "Retrain the model?"},
            "text": {
                "type": "plain_text",
                "text": "Never on broken data, and never without labels since the change.",
            },
            "confirm": {"type": "plain_text", "text": "Retrain"},
            "deny": {"type": "plain_text", "text": "Cancel"},
        }
    return element
