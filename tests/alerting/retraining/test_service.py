"""The real service as a process: requests over HTTP, trainings as programs, kill -9 in every state."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from alerting import webhook_signature
from alerting.retraining.state import FILE_NAME
from alerting.retraining_request import RetrainingPolicy, RetrainingService
from alerting.secret import Secret
from alerting.testing.letters import NOW, letter
from alerting.webhook import WebhookPolicy

ROOT = Path(__file__).resolve().parents[3]
SECRET = "a-webhook-secret-for-tests"
KILLS = 12
SEED = 20130101
PATIENCE = 60.0

TRAIN = """
import hashlib, json, os, pathlib, sys, time
order = json.load(sys.stdin)
folder = pathlib.Path(order["output_directory"])
# Two trainings of one cause at the same time would find each other's mark.
mark = folder.parent / ("running-" + order["model_name"])
mark.touch(exist_ok=False)
with (folder.parent / "begun").open("a") as begun:
    begun.write(order["cause_key"] + "\\n")
time.sleep(float(order["parameters"]["seconds"]))
document = {"format": "driftgauge-reference", "format_version": 1, "model_name": order["model_name"],
            "model_version": "2", "features": {"dep_hour": {"kind": "numeric"}}}
canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
document["checksum"] = "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
(folder / "reference.json").write_text(json.dumps(document))
(folder / "model.bin").write_bytes(b"weights")
result = {"model_path": "model.bin", "reference_path": "reference.json", "metrics": {"auc": 0.8}}
pathlib.Path(order["result_file"]).write_text(json.dumps(result))
mark.unlink()
"""


class Service:
    """`python -m alerting retrain serve` in a folder of its own."""

    def __init__(self, folder: Path, port: int, **model: Any) -> None:
        (folder / "secret").write_text(SECRET)
        (folder / "train.py").write_text(TRAIN)
        (folder / "retraining.yaml").write_text(yaml.safe_dump(self.config(folder, port, model)))
        self.folder, self.url = folder, f"http://127.0.0.1:{port}"
        self.log = folder / "service.log"
        self.process: subprocess.Popen[bytes] | None = None

    def config(self, folder: Path, port: int, model: dict[str, Any]) -> dict[str, Any]:
        """One model, one program, no brakes of time."""
        return {
            "listen": {"port": port},
            "webhook": {"secret_files": ["secret"]},
            "runners": {"local": {"kind": "command", "command": [sys.executable, str(folder / "train.py")]}},
            "models": {
                "flight_delay": {
                    "runner": "local",
                    "features": ["dep_hour"],
                    "parameters": {"seconds": 0.3},
                    "triggers": {"drift": {"kind": "data_drift", "cooldown": "0s"}},
                    "brakes": {
                        "cooldown": "0s", "budget_runs": 1000, "unknown_quality": "run",
                        "minimum_labelled_rows": 0, "recheck": "1s",
                    },
                    "retries": {"attempts": 50, "backoff": "1s"},
                    **model,
                }
            },
        }  # fmt: skip

    def start(self) -> Service:
        """Start it and wait until it takes requests."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "alerting", "retrain", "serve", "--config", "retraining.yaml"],
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )
        self.until(self.ready)
        return self

    def ready(self) -> bool:
        """Whether it takes requests."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return requests.get(f"{self.url}/readyz", timeout=2).ok
        except requests.ConnectionError:
            return False

    def kill(self) -> None:
        """Kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def ask(self, key: str) -> int:
        """Send a signed request; its status, or 0 if nobody took it."""
        raw = json.dumps(
            {
                "version": 1, "kind": "retraining", "id": key, "model_name": "flight_delay",
                "cause": {"key": key, "trigger": "alert", "by": None, "since": "2026-01-01T00:00:00Z"},
                "severity": "warning", "alert_names": ["ModelDriftDetected"], "features": ["dep_hour"],
                "quality": "ok", "alerts": [],
            }
        ).encode()  # fmt: skip
        now = int(time.time())
        headers = {
            webhook_signature.KEY: key,
            webhook_signature.TIMESTAMP: str(now),
            webhook_signature.SIGNATURE: webhook_signature.sign(SECRET, now, raw),
        }
        try:
            return requests.post(f"{self.url}/retraining", data=raw, headers=headers, timeout=5).status_code
        except requests.RequestException:
            return 0

    def states(self) -> dict[str, str]:
        """Cause to state, from the file itself."""
        path = self.folder / ".driftgauge/retraining" / FILE_NAME
        connection = sqlite3.connect(path)
        try:
            return dict(connection.execute("SELECT cause_key, state FROM runs"))
        finally:
            connection.close()

    def begun(self) -> Counter[str]:
        """Cause to trainings that really began."""
        path = self.folder / ".driftgauge/retraining/attempts/begun"
        return Counter(path.read_text().split()) if path.exists() else Counter()

    def until(self, condition: Callable[[], Any]) -> Any:
        """What a condition gives once it is true."""
        deadline = time.monotonic() + PATIENCE
        while not (value := condition()):
            assert time.monotonic() < deadline, self.log.read_text()[-4_000:]
            time.sleep(0.05)
        return value

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the same folder."""
        return subprocess.run(
            [sys.executable, "-m", "alerting", "retrain", *words, "--config", "retraining.yaml"],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "USER": "ana"},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def other_port() -> int:
    """A second port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def service_of(tmp_path: Path, free_port: int) -> Iterator[Callable[..., Service]]:
    """Make a service; it is killed at the end, and its trainings with it."""
    made: list[Service] = []

    def make(*, port: int = free_port, **model: Any) -> Service:
        made.append(Service(tmp_path, port, **model))
        return made[-1]

    yield make
    for service in made:
        service.kill()
        for group in service.folder.glob(".driftgauge/retraining/attempts/*/group"):
            if not (group.parent / "outcome.json").exists():
                try:
                    os.killpg(int(group.read_text()), signal.SIGKILL)
                except ProcessLookupError:
                    continue


def test_the_bridges_own_request_becomes_a_candidate(service_of: Callable[..., Service]) -> None:
    """Signed by the bridge's receiver, trained by a program, shown by the command line."""
    service = service_of().start()
    asked = RetrainingService(
        policy=RetrainingPolicy(),
        place=WebhookPolicy(url=f"{service.url}/retraining"),
        secret=Secret(SECRET),
    )
    first = asked.send(letter())
    assert type(first).__name__ == "Delivered", first
    service.until(lambda: "succeeded" in service.states().values())
    asked.send(letter(version=2))
    assert list(service.states().values()) == ["succeeded"]
    told = json.loads(service.command("history", "--json").stdout)
    (run,) = told["runs"]
    assert run["cause"]["since"].startswith("2025-12-31T23:50") == (NOW > 0)
    assert Path(run["result"]["model_path"]).read_bytes() == b"weights"


@pytest.mark.slow
def test_kill_9_in_any_state_loses_no_cause_and_runs_none_twice(service_of: Callable[..., Service]) -> None:
    """Random kills during intake, training and judging: each cause has its end, and no two runs ever met."""
    rng = random.Random(SEED)
    service = service_of()
    taken: set[str] = set()
    for life in range(KILLS):
        service.start()
        for number in range(2):
            key = f"cause-{life}-{number}"
            if service.ask(key) in (200, 202):
                taken.add(key)
        time.sleep(rng.random() * 1.2)
        service.kill()
    service.start()
    service.until(lambda: all(state in ("succeeded", "refused") for state in service.states().values()))
    states, begun = service.states(), service.begun()
    assert taken <= set(states)
    assert "succeeded" in states.values()
    # A training is never killed with the service, so no cause needs a second one.
    assert set(begun.values()) == {1}
    assert {key for key, state in states.items() if state == "succeeded"} == set(begun)


def test_a_machine_that_stopped_costs_an_attempt_and_not_the_run(service_of: Callable[..., Service]) -> None:
    """Service, keeper and training killed together: the next service tries again."""
    service = service_of(parameters={"seconds": 1.0}).start()
    service.ask("cause")
    attempts = service.folder / ".driftgauge/retraining/attempts"
    service.until(lambda: list(attempts.glob("*/group")) and (attempts / "begun").exists())
    service.kill()
    (folder,) = attempts.glob("driftgauge-*")
    for pid in _running(str(folder)):
        os.kill(pid, signal.SIGKILL)
    os.killpg(int((folder / "group").read_text()), signal.SIGKILL)
    (attempts / "running-flight_delay").unlink()
    service.start()
    service.until(lambda: service.states() == {"cause": "succeeded"})
    assert service.begun() == {"cause": 2}
    (run,) = json.loads(service.command("history", "--json").stdout)["runs"]
    kinds = [event["kind"] for event in run["events"]]
    assert kinds == ["requested", "run", "attempt_failed", "run", "trained", "succeeded"]


def _running(argument: str) -> list[int]:
    """Processes that were started with an argument."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if argument.encode() in words:
            found.append(int(path.parent.name))
    return found


def test_replicas_on_one_state_run_a_cause_once_and_take_over(
    service_of: Callable[..., Service], other_port: int
) -> None:
    """Both take requests; one decides, and the other when the first is killed."""
    one = service_of(parameters={"seconds": 1.0}).start()
    two = service_of(port=other_port, parameters={"seconds": 1.0}).start()
    assert sorted([one.ask("cause"), two.ask("cause")]) == [200, 202]
    one.until(lambda: one.begun() == {"cause": 1})
    one.kill()
    two.ask("another")
    two.until(lambda: two.states().get("another") in ("succeeded", "refused"))
    assert two.states()["cause"] == "succeeded"
    assert set(two.begun().values()) == {1}


def test_the_command_line_asks_and_shows_without_a_service(service_of: Callable[..., Service]) -> None:
    """The state is enough; a service that starts later does the work."""
    service = service_of(triggers={"hand": {"kind": "manual"}})
    done = service.command("trigger", "flight_delay", "--reason", "new airport")
    assert (done.returncode, done.stdout) == (
        0, "run 1 of flight_delay: taken down; retrain history shows its fate\n",
    )  # fmt: skip
    assert "waiting: run 1 of flight_delay: requested, manual, by ana" in service.command("status").stdout
    wrong = service.command("trigger", "fligth_delay")
    assert wrong.returncode == 2
    assert wrong.stderr.endswith("model: found 'fligth_delay', need one of flight_delay\n")
    service.start()
    service.until(lambda: "succeeded" in service.states().values())
    assert "succeeded" in service.command("history", "--url", service.url).stdout
    by_http = service.command("trigger", "flight_delay", "--url", service.url, "--json")
    assert json.loads(by_http.stdout) == {"run_id": 2, "new": True}
    assert "in order" in service.command("check").stdout
