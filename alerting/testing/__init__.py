"""A fake Slack for tests and demonstrations: a real HTTP server on this machine that checks, fails and shows.

It has chat.postMessage, chat.update, conversations.history and .replies with metadata, auth.test and an
incoming webhook; refuses what Slack refuses; keeps a pace with real 429s when asked; fails as scripted;
counts what was doubled and names what was lost. `python -m alerting.testing.inbox` runs it as a program
with a page.
"""

from __future__ import annotations

from .faults import Fault
from .payloads import alert, webhook
from .server import FakeSlack
from .workspace import Counters, Posted, Workspace

__all__ = ["Counters", "FakeSlack", "Fault", "Posted", "Workspace", "alert", "webhook"]
