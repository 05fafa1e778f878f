"""kill -9 at random moments, during intake and sending, with a Slack that fails in every way it can."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from alerting import database
from alerting.testing import FakeSlack, Fault, alert, webhook

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 20130101

CONFIG = """
state: {directory: state}
slack: {connect_timeout_seconds: 0.3, read_timeout_seconds: 0.4}
delivery: {posts_per_second: 1000, post_burst: 1000, updates_per_minute: 60000, reconcile_margin_seconds: 0.2}
storms: {backlog: 100000, missed: 100000}
destinations: {slack: {channel: "#alerts"}}
sources: {default: {destinations: [slack]}}
"""

NURSERY = """
import os, sys
from pathlib import Path
from alerting import app, config
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        app.run(config.load_config(Path(sys.argv[1])))
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""
"""Imports once and forks for each life, so that thirty lives take seconds."""

FAULTS = (
    Fault(status=429, error="ratelimited", retry_after="0.05", times=None, probability=0.10),
    Fault(status=500, when="before", times=None, probability=0.05),
    Fault(status=500, when="after", times=None, probability=0.04),
    Fault(drop=True, when="after", times=None, probability=0.05),
    Fault(delay_seconds=0.2, times=None, probability=0.05),
)


class Lives:
    """A bridge that is killed and started again and again."""

    def __init__(self, folder: Path, port: int, slack: FakeSlack) -> None:
        (folder / "bridge.yaml").write_text(CONFIG)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            "SLACK_BOT_TOKEN": "xoxb-test",
            "SLACK_API_URL": slack.api_url,
            "BRIDGE_LISTEN_PORT": str(port),
        }
        self.url = f"http://127.0.0.1:{port}"
        self.log = (folder / "bridge.log").open("wb")
        self.nursery = subprocess.Popen(
            [sys.executable, "-c", NURSERY, str(folder / "bridge.yaml")],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.child = 0

    def begin(self) -> None:
        """Start a life, and wait until it answers."""
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write("live\n")
        self.nursery.stdin.flush()
        self.child = int(self.nursery.stdout.readline())
        while not self._answers():
            time.sleep(0.005)

    def kill(self) -> None:
        """End a life without a word."""
        assert self.nursery.stdout is not None
        os.kill(self.child, signal.SIGKILL)
        assert self.nursery.stdout.readline() == "gone\n"

    def close(self) -> None:
        """End everything."""
        with self.nursery:
            self.nursery.kill()
        self.log.close()

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=1).ok
        except requests.RequestException:
            return False


class Sender:
    """Stands for Alertmanager: posts, and posts again until it is told 200."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.firing: list[str] = []
        self.resolved: list[str] = []
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(number,)) for number in range(2)]
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """End after what is under way."""
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def _run(self, worker: int) -> None:
        number = 0
        while not self.ended.is_set():
            number += 1
            name = f"f-{worker}-{number}"
            if not self._deliver(webhook(alert(name), group_key=name)):
                return
            self.firing.append(name)
            if number % 2 == 0:
                self.ended.wait(0.1)  # often long enough for its first message to be told
                if not self._deliver(webhook(alert(name, "resolved"), group_key=name)):
                    return
                self.resolved.append(name)
            self.ended.wait(0.03)

    def _deliver(self, raw: bytes) -> bool:
        while not self.ended.is_set():
            try:
                if requests.post(f"{self.url}/alertmanager", data=raw, timeout=10).status_code == 200:
                    return True
            except requests.RequestException:
                self.ended.wait(0.01)
        return False


@pytest.mark.slow
@pytest.mark.parametrize("kills", [30, pytest.param(500, marks=pytest.mark.stress)])
def test_kill_nine_loses_nothing_and_doubles_nothing(
    tmp_path: Path,
    free_port: int,
    eventually: Callable[..., Any],
    record_property: Callable[[str, object], None],
    kills: int,
) -> None:
    """So many kills under 429s, 500s, dropped and slow answers: what got 200 stands in Slack, right, once."""
    draw = random.Random(SEED)
    with FakeSlack(seed=SEED) as slack:
        for fault in FAULTS:
            slack.faults.add(fault)
        lives = Lives(tmp_path, free_port, slack)
        try:
            lives.begin()
            sender = Sender(lives.url)
            for _ in range(kills):
                time.sleep(draw.uniform(0.02, 0.25))  # the moment of the kill
                lives.kill()
                lives.begin()
            sender.stop()
            slack.faults.clear()

            def all_told() -> bool:
                answer = requests.get(f"{lives.url}/readyz", timeout=10).json()
                return bool(answer["receivers"]["slack"]["pending"] == 0)

            eventually(all_told, seconds=120)
            lives.kill()
        finally:
            lives.close()
        roots = slack.workspace.roots()
        state_of = {
            match[1]: root.body["text"][0]
            for root in roots
            for match in re.finditer(r"`(f-\d+-\d+)`", str(root.body))
        }
        copies = Counter(re.search(r"Incident (\d+) ", str(root.body))[1] for root in roots)  # type: ignore[index]
    counters = slack.workspace.counters()
    record_property(
        f"T4 {kills} times kill -9",
        f"{len(sender.firing)} groups acknowledged, {len(sender.resolved)} of them to their end;"
        f" {counters.posted} messages by {sum(slack.workspace.calls.values())} calls, 0 lost,"
        f" {counters.doubled} doubled",
    )
    assert len(sender.firing) > kills
    assert [name for name in sender.firing if name not in state_of] == [], "acknowledged and lost"
    assert [name for name in sender.resolved if state_of[name] != "🟢"] == [], "resolved and not told"
    assert {incident: number for incident, number in copies.items() if number > 1} == {}, "doubled"
    assert counters.doubled == 0
    check = sqlite3.connect(tmp_path / "state" / database.FILE_NAME)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()
