"""`driftgauge stream` as a process."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.reference import Reference

if TYPE_CHECKING:
    from .conftest import Broker, Row

WAIT_SECONDS = 60.0


def write(folder: Path, address: str, security: str = "{}") -> Path:
    path = folder / "exporter.yaml"
    path.write_text(
        f"""
        model: {{name: m, version: "1", reference: reference.json}}
        server: {{port: 0}}
        store: {{type: sqlite, path: window.sqlite3}}
        stream:
          bootstrap_servers: {address}
          group: g
          observations: [rows]
          wait_seconds: 0.05
          security: {security}
        """,
        encoding="utf-8",
    )
    return path


def scrape(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def test_brokers_that_are_down_at_the_start_are_found_later(
    broker: Broker, reference: Reference, tmp_path: Path, row: Row
) -> None:
    """It starts, counts that they are away, and takes what they have once they are there; SIGTERM ends it."""
    reference.save(tmp_path / "reference.json")
    broker.send("rows", [row(number) for number in range(8)])
    broker.tell("down")
    command = [sys.executable, "-m", "driftgauge", "stream", "--config"]
    process = subprocess.Popen(
        [*command, str(write(tmp_path, broker.address))], stderr=subprocess.PIPE, text=True
    )
    try:
        port = port_of(process)
        model = 'model_name="m",model_version="1"'
        wait_for(port, f'driftgauge_stream_failures_total{{{model},reason="broker"}} ', "0.0")
        broker.tell("up")
        wait_for(port, f"model_predictions_total{{{model}}} 8.0")
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=WAIT_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0, log
    assert "Traceback" not in log


def port_of(process: subprocess.Popen[str]) -> int:
    """The free port that it has found for its metrics, as it says when it has it."""
    assert process.stderr is not None
    for line in process.stderr:
        found = re.search(r"metrics at http://\S+:(\d+)", line)
        if found:
            return int(found[1])
    raise AssertionError("it ended before it served anything")


def wait_for(port: int, start: str, but_not: str = "none") -> None:
    """Scrape until a line begins so, and does not end so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not any(
        line.startswith(start) and not line.endswith(but_not) for line in scrape(port).splitlines()
    ):
        assert time.monotonic() < deadline, start
        time.sleep(0.1)


def test_a_password_that_is_missing_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """Exit code 2 and one line that says what is needed."""
    path = write(tmp_path, "127.0.0.1:1", "{protocol: sasl_plaintext, username: u}")
    done = subprocess.run(
        [sys.executable, "-m", "driftgauge", "stream", "--config", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "stream.security.password: found nothing, need one for sasl_plaintext" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_store_without_transactions_is_refused_before_anything_is_read(
    reference: Reference, tmp_path: Path
) -> None:
    """InfluxDB cannot say which messages its rows came from; neither it nor a broker is asked."""
    reference.save(tmp_path / "reference.json")
    path = write(tmp_path, "127.0.0.1:1")
    text = path.read_text(encoding="utf-8")
    influx = "{type: influxdb, url: 'http://127.0.0.1:1/window'}"
    path.write_text(text.replace("{type: sqlite, path: window.sqlite3}", influx), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "driftgauge", "stream", "--config", str(path)],
        capture_output=True, text=True, check=False, timeout=WAIT_SECONDS,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "store.type: found influxdb, need sqlite, postgresql, redis or memory" in done.stderr


def test_a_configuration_without_a_stream_is_refused(tmp_path: Path) -> None:
    """The file may be that of `driftgauge serve`."""
    path = tmp_path / "exporter.yaml"
    path.write_text("{}")
    done = subprocess.run(
        [sys.executable, "-m", "driftgauge", "stream", "--config", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "stream: found nothing, need bootstrap_servers, group and observations" in done.stderr
