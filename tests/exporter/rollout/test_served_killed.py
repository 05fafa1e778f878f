"""Whole servers that are killed with -9 in each state of a rollout, under traffic, and started again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import requests
import yaml

from driftgauge import cli
from exporter.reference import Reference
from exporter.rollout import RolloutState, StateFile

from .conftest import LIMIT_SECONDS, Client

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent
WORKERS = 2
LAG = 20
"""Batches sent before the truth of one: what a worker has predicted the others find half a second later."""

STAGES: tuple[dict[str, Any], ...] = (
    {"kind": "shadow", "min_rows": 200, "min_seconds": 0},
    {"kind": "canary", "share": 0.2, "min_rows": 300, "min_seconds": 0},
    {"kind": "ab", "share": 0.5, "min_rows": 300, "min_seconds": 0},
)

Kind = Literal["serve", "gunicorn"]
Source = Literal["challenger", "candidate"]


class World:
    """The files of a service, and the service itself, which comes and goes."""

    def __init__(self, folder: Path, kind: Kind, source: Source) -> None:
        self.folder, self.kind, self.source = folder, kind, source
        self.starts = 0

    def configure(self, held: str = "") -> None:
        """Write the configuration, with a stage that does not end."""
        stages = [{**stage, "min_rows": 10**9} if stage["kind"] == held else stage for stage in STAGES]
        own: dict[str, Any] = {"candidate_file": "candidate.json", "loader": "served_models:load"}
        if self.source == "challenger":
            own = {"challenger": {"version": "2", "factory": "served_models:second", "reference": "two.json"}}
        document = {
            "model": {
                "name": "m", "version": "1", "factory": "served_models:first", "reference": "one.json",
            },
            "server": {"port": 0},
            "store": {"type": "sqlite", "path": "rows.sqlite3"},
            "rollout": {
                "state_file": "r.json", "stages": stages, "max_rows": 10**10, "sync_seconds": 0.02,
                "slow_seconds": 60, **own,
            },
        }  # fmt: skip
        (self.folder / "exporter.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")

    def offer(self) -> None:
        """Hand on the candidate."""
        (self.folder / "two.bin").write_text('{"column": 2}', encoding="utf-8")
        document = {
            "format": "driftgauge-candidate", "format_version": 1, "model_name": "m", "model_version": "2",
            "model_path": "two.bin", "reference_path": "two.json", "run_id": 1,
        }  # fmt: skip
        (self.folder / "candidate.json").write_text(json.dumps(document), encoding="utf-8")

    @property
    def state(self) -> RolloutState | None:
        """What the file says."""
        return StateFile(self.folder / "r.json").read()

    @contextmanager
    def running(self) -> Iterator[tuple[subprocess.Popen[bytes], Client]]:
        """The service in a session of its own, with all of its workers; killed at the end if not before."""
        self.starts += 1
        log, metrics = (self.folder / f"{name}-{self.starts}" for name in ("log", "metrics"))
        environ = {
            **os.environ, "PYTHONPATH": f"{ROOT}:{HERE}", "OMP_NUM_THREADS": "1",
            "SERVED_CONFIG": str(self.folder / "exporter.yaml"),
        }  # fmt: skip
        command = ["driftgauge", "serve", "--config", environ["SERVED_CONFIG"]]
        if self.kind == "gunicorn":
            metrics.mkdir()
            environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
            command = [
                "gunicorn", "-b", "127.0.0.1:0", "-w", str(WORKERS), "--timeout", "300",
                "-c", str(ROOT / "examples/serving/gunicorn.conf.py"), "served_app:app",
            ]  # fmt: skip
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], env=environ, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        try:
            yield process, Client(_address(process, log), lag=LAG if self.kind == "gunicorn" else 0)
        finally:
            kill(process)

    def champions(self, client: Client) -> set[tuple[str, str]]:
        """Version that each worker takes for its champion, and the one whose reference goes with it."""
        if self.kind == "serve":
            serving = str(client.get("rollout")["serving"])
            text = client.get("metrics")
            # Read one after the other, so that they may differ while it changes.
            shown = _versions(text, "model_traffic_ratio", 'role="champion"')
            profiled = _versions(text, "model_reference_samples", "")
            return {(serving, version) for version in shown if version in profiled}
        told: dict[int, tuple[str, str]] = {}
        end = time.monotonic() + LIMIT_SECONDS
        while len(told) < WORKERS:
            assert time.monotonic() < end, told
            found_by = client.get("who")
            told[found_by["worker"]] = (found_by["version"], found_by["reference"])
        return set(told.values())


def _versions(text: str, name: str, label: str) -> set[str]:
    """Versions of a metric's series with a label whose value is above zero."""
    lines = (line for line in text.splitlines() if line.startswith(f"{name}{{") and label in line)
    found = (re.search(r'model_version="([^"]*)".*} (\S+)', line) for line in lines)
    return {match[1] for match in found if match is not None and float(match[2]) > 0.0}


def kill(process: subprocess.Popen[bytes]) -> None:
    """All of its processes at once."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where it listens, once it answers."""
    end = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < end and process.poll() is None:
        found = re.search(rb"(?:serving|Listening) at:? (http://\S+)", log.read_bytes())
        if found is not None:
            url = found[1].decode()
            try:
                requests.get(f"{url}/healthz", timeout=LIMIT_SECONDS)
            except requests.ConnectionError:
                pass
            else:
                return url
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@contextmanager
def traffic(client: Client) -> Iterator[None]:
    """Requests without a pause from another thread, also while the server is killed."""
    ended = threading.Event()

    def send() -> None:
        while not ended.is_set():
            try:
                client.send()
            except requests.RequestException:
                ended.wait(0.05)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def wait(reached: Callable[[], bool], what: object) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not reached():
        assert time.monotonic() < end, what
        time.sleep(0.002)


def at(state: RolloutState | None, wanted: str) -> bool:
    """Whether a rollout has come to a stage and learned something there, or to its end."""
    if state is None or state.status != "running":
        return state is not None and state.status == wanted
    return state.stages[-1].kind == wanted and state.stage_rows > 0


@pytest.mark.slow
@pytest.mark.parametrize("source", ["challenger", "candidate"])
@pytest.mark.parametrize("kind", ["serve", "gunicorn"])
def test_a_server_survives_kill_9_in_every_state(
    tmp_path: Path, references: tuple[Reference, Reference], kind: Kind, source: Source
) -> None:
    """It goes on from the file: one champion in all workers, with its own reference, and one rollout."""
    world = World(tmp_path, kind, source)
    for name, reference in zip(("one", "two"), references, strict=True):
        reference.save(tmp_path / f"{name}.json")
    world.offer()
    keys: set[str] = set()
    rows = 0
    for wanted in ("shadow", "canary", "ab", "promoted"):
        world.configure(held=wanted)
        with world.running() as (process, client):
            if wanted != "promoted":  # which may follow at once from what is known
                assert world.champions(client) == {("1", "1")}
            with traffic(client):
                wait(lambda wanted=wanted: at(world.state, wanted), wanted)  # type: ignore[misc]
                kill(process)
        state = world.state
        assert state is not None
        assert state.outcomes.rows >= rows, "what was learned before is lost"
        rows = state.outcomes.rows
        keys.add(state.key)
    assert len(keys) == 1
    with world.running() as (process, client):
        wait(lambda: world.champions(client) == {("2", "2")}, "all workers promoted")
        assert client.answers_of("2")
        assert cli.main(["rollout", "rollback", "--state", str(tmp_path / "r.json"), "--by", "ana"]) == 0
        wait(lambda: world.champions(client) == {("1", "1")}, "all workers rolled back")
        kill(process)
    with world.running() as (_, client):
        for _ in range(3):
            assert world.champions(client) == {("1", "1")}
            assert client.answers_of("1")
        assert client.get("rollout")["status"] == "rolled_back"
    state = world.state
    assert state is not None
    assert {state.key} == keys
    assert [event.what for event in state.events] == [
        "started", "advanced", "advanced", "promoted", "rolled_back",
    ]  # fmt: skip
