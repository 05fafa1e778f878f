"""A fake Slack for tests and demonstrations: a real HTTP server on this machine that checks, fails and shows.

It has chat.postMessage, chat.update, conversations.history and .replies with metadata, auth.test and an
incoming webhook; refuses what Slack refuses; keeps a pace with real 429s when asked; fails as scripted;
counts what was doubled and names what was lost. `python -m alerting.testing.inbox` runs it as a program
with a page. Beside it a fake PagerDuty, a fake mail server and a fake program that takes signed requests.
"""

from __future__ import annotations

from .faults import Fault
from .pagerduty import FakePagerDuty, PagerAlert, PagerCounters
from .payloads import alert, webhook
from .programs import FakeWebhook, WebhookCounters
from .server import FakeSlack
from .smtp import FakeSMTP, Mail, MailCounters
from .workspace import Counters, Posted, Workspace

__all__ = [
    "Counters",
    "FakePagerDuty",
    "FakeSMTP",
    "FakeSlack",
    "FakeWebhook",
    "Fault",
    "Mail",
    "MailCounters",
    "PagerAlert",
    "PagerCounters",
    "Posted",
    "WebhookCounters",
    "Workspace",
    "alert",
    "webhook",
]
