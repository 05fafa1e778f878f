"""From Alertmanager's webhook to people: durable state, readable messages, nothing lost and nothing doubled.

The names here are the pure part and the errors; the program is `driftgauge bridge` (`alerting.app`), and
the fake Slack for tests and demonstrations is `alerting.testing`.
"""

from __future__ import annotations

from .errors import (
    AlertingError,
    ConfigError,
    InstanceLockedError,
    OutboxError,
    PayloadError,
    PortTakenError,
)
from .payload import Alert, Notification, parse

__all__ = [
    "Alert",
    "AlertingError",
    "ConfigError",
    "InstanceLockedError",
    "Notification",
    "OutboxError",
    "PayloadError",
    "PortTakenError",
    "parse",
]
