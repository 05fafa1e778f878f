"""What the rules cost: the real Prometheus with a fleet's series, for a few minutes.

    python benchmarks/rule_cost.py [--models 10] [--features 100] [--bins 12] [--replicas 5] [--seconds 200]

The fleet is scraped every second instead of every 15, so that within four minutes every series has as many
samples in the hour's range as an hour gives at 15 s. The day's range has no such short cut: its hours are
recorded series, and one day of them for one model is written to disk before the start.

Prints the evaluation time of every group and of the slowest rules, and the memory of Prometheus.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from driftgauge.resources import rules_dir
from driftgauge.stack_config import seconds
from exporter.reference.kinds import SPECIAL_BINS

SCRAPE_SECONDS = 1
EVALUATION = "15s"
ROWS_A_SECOND = 50
REFERENCE_ROWS = 10_000
LONGEST_INTERVAL_SECONDS = 60.0
"""Groups that run more rarely are evaluated as often as this here, to be seen at all."""

DAY_STEP_SECONDS = 60
"""The short group's interval: how often an hour is recorded."""


class Replica:
    """The exposition of one replica; at a scrape only the numbers are put in."""

    def __init__(self, models: int, features: int, bins: int, seed: int) -> None:
        self._random = random.Random(seed)
        values = bins - len(SPECIAL_BINS) + 1
        names = [*(f"{i:02d}" for i in range(values)), *SPECIAL_BINS[:2]]
        self._counters: list[str] = []
        lines = []
        for model in range(models):
            labels = f'model_name="m{model}",model_version="1"'
            lines.append(f'model_info{{{labels},reference_version="r",framework="none"}} 1')
            for feature in range(features):
                own = f'{labels},feature_name="f{feature:03d}"'
                lines.append(f'model_feature_info{{{own},kind="numeric"}} 1')
                lines.append(f"model_reference_samples{{{own}}} {REFERENCE_ROWS}")
                for i, name in enumerate(names):
                    ratio = 1 / values if i < values else 0
                    lines.append(f'model_reference_bin_ratio{{{own},bin="{name}"}} {ratio!r}')
                    self._counters.append(f'model_feature_bin_total{{{own},bin="{name}"}} ')
        self._constant = "\n".join(lines) + "\n"
        self._counts = [0] * len(self._counters)

    def text(self) -> bytes:
        """Everything it exports, a second later than the last time."""
        step = [self._random.randrange(2 * ROWS_A_SECOND // 10) for _ in range(97)]
        self._counts = [count + step[i % 97] for i, count in enumerate(self._counts)]
        counters = "\n".join(map("%s%d".__mod__, zip(self._counters, self._counts, strict=True)))
        return (self._constant + counters + "\n").encode()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    for name, value in (("models", 10), ("features", 100), ("bins", 12), ("replicas", 5), ("seconds", 200)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="driftgauge-rule-cost-"))
    try:
        run(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(options: argparse.Namespace, folder: Path) -> None:
    """Start everything, wait, print, stop."""
    (folder / "rules").mkdir()
    intervals = copy_rules(folder / "rules")
    write_day(options, folder)
    servers = [
        serve(Replica(options.models, options.features, options.bins, i)) for i in range(options.replicas)
    ]
    address = f"127.0.0.1:{free_port()}"
    config = {
        "global": {"scrape_interval": f"{SCRAPE_SECONDS}s", "scrape_timeout": f"{SCRAPE_SECONDS}s",
                   "evaluation_interval": EVALUATION},
        "rule_files": [str(folder / "rules" / "*.yaml")],
        "scrape_configs": [
            {"job_name": "model",
             "static_configs": [{"targets": [f"127.0.0.1:{server.server_port}" for server in servers]}]},
        ],
    }  # fmt: skip
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = ["prometheus", f"--config.file={folder / 'prometheus.yaml'}", f"--web.listen-address={address}",
               f"--storage.tsdb.path={folder / 'data'}", "--log.level=error"]  # fmt: skip
    process = subprocess.Popen(command)
    try:
        time.sleep(options.seconds)
        report(f"http://{address}", process.pid, options, intervals)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        for server in servers:
            server.shutdown()


def copy_rules(target: Path) -> dict[str, float]:
    """Copy the shipped rules, none of them slower than a minute; the intervals that they are shipped with."""
    intervals = {}
    for path in rules_dir().glob("*.rules.yaml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for group in content["groups"]:
            intervals[group["name"]] = seconds(group.get("interval", EVALUATION))
            group["interval"] = f"{min(intervals[group['name']], LONGEST_INTERVAL_SECONDS):.0f}s"
        (target / path.name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return intervals


def serve(replica: Replica) -> ThreadingHTTPServer:
    """A replica on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = replica.text()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            with suppress(ConnectionError):  # a scrape that took too long is cut off
                self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Nothing: a scrape is no news."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def write_day(options: argparse.Namespace, folder: Path) -> None:
    """A day of recorded hours of one model, as a block on disk."""
    text, now = folder / "day.txt", int(time.time())
    name = "model_feature_bin:model_feature_bin:increase1h"
    with text.open("w", encoding="utf-8") as out:
        out.write(f"# TYPE {name} gauge\n")
        for feature in range(options.features):
            for i in range(options.bins):
                labels = f'model_name="day",model_version="1",feature_name="f{feature:03d}",bin="{i:02d}"'
                for at in range(now - 86_400, now - 60, DAY_STEP_SECONDS):
                    out.write(f"{name}{{{labels}}} {1000 + (at * (i + 7)) % 131} {at}\n")
        out.write("# EOF\n")
    command = [
        "promtool",
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "--quiet",
        str(text),
        str(folder / "data"),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    text.unlink()


def report(url: str, pid: int, options: argparse.Namespace, intervals: dict[str, float]) -> None:
    """Print how long groups and rules took, and what Prometheus holds in memory."""
    groups = ask(f"{url}/api/v1/rules")["groups"]
    print("| group | rules | interval | last evaluation | share of its interval |\n|---|---:|---:|---:|---:|")
    for group in groups:
        took, interval = group["evaluationTime"], intervals[group["name"]]
        row = f"| {group['name']} | {len(group['rules'])} | {interval:.0f} s |"
        print(f"{row} {took:.3f} s | {took / interval:.1%} |")
    print("\n| slowest rules | ms |\n|---|---:|")
    rules = [
        (rule["evaluationTime"], group["name"], rule["name"]) for group in groups for rule in group["rules"]
    ]
    for took, group_name, name in sorted(rules, reverse=True)[:12]:
        print(f"| {group_name} {name} | {took * 1e3:.0f} |")
    broken = [rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "err"]
    print(f"\nRules that failed: {broken or 'none'}")
    series = ask(f"{url}/api/v1/status/tsdb")["headStats"]["numSeries"]
    query = "sum(scrape_samples_scraped)"
    scraped = ask(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}")["result"][0]["value"][1]
    scores = ask(f"{url}/api/v1/query?query=count(model_feature:drift_psi:increase1h)")["result"]
    day = 'sum_over_time(model_feature_bin:model_feature_bin:increase1h{model_name="day"}[1d:5m])'
    began = time.perf_counter()
    ask(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': f'count({day})'})}")
    took = time.perf_counter() - began
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    memory = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in status.splitlines() if "kB" in line}
    judged = scores[0]["value"][1] if scores else 0
    print(f"Series: {scraped} scraped, {series} in the head; {judged} features judged")
    print(f"A day of recorded hours, one model of {options.features} features: {took:.3f} s")
    print(f"Memory: {memory['VmRSS']:.0f} MB now, {memory['VmHWM']:.0f} MB at most")


def ask(url: str) -> Any:
    """The data of an answer of Prometheus."""
    with urllib.request.urlopen(url, timeout=60) as response:
        return json.load(response)["data"]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
