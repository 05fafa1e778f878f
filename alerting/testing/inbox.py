"""The fake Slack as a program: `python -m alerting.testing.inbox --port 9110`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence

from ..errors import AlertingError
from . import clicks
from .server import FakeSlack
from .workspace import Posted

DEFAULT_PORT = 9110


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; 2 for a port that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m alerting.testing.inbox", description=__doc__)
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port to listen on (default: %(default)s)"
    )
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--bridge",
        metavar="URL",
        help="tell this bridge of pressed buttons, signed with SLACK_SIGNING_SECRET",
    )
    options = parser.parse_args(arguments)
    signing_secret = os.environ.get("SLACK_SIGNING_SECRET", "")
    if options.bridge and not signing_secret:
        print("SLACK_SIGNING_SECRET: found none, need the bridge's own for --bridge", file=sys.stderr)  # noqa: T201
        return 2
    try:
        slack = FakeSlack(options.port, address=options.address)
    except AlertingError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a program's own output
        return 2
    if options.bridge:

        def press(message: Posted, action_id: str) -> int:
            return clicks.press(
                slack,
                message,
                action_id,
                url=options.bridge,
                signing_secret=signing_secret,
                user="U0YOU",
                name="you",
            ).status_code

        slack.presser = press
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with slack:
        print(  # noqa: T201 - a program's own output
            f"inbox: {slack.url}/\n"
            f"for the bridge: SLACK_WEBHOOK_URL={slack.webhook_url}\n"
            f"or: SLACK_BOT_TOKEN=xoxb-demo SLACK_API_URL={slack.api_url}",
            flush=True,
        )
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
