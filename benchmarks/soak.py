"""An hour of the demo's stack at 1,000 predictions a second: whether anything grows, gets lost, or gets slow.

    make soak                                           # an hour, writes docs/soak.md
    python -m benchmarks.soak --seconds 600 --warm-up 420

Model process, Prometheus, Alertmanager, bridge and inbox are the demo's, with its configuration; the model is
asked by `benchmarks/soak_model.py`. Exit code 1 when something that was promised did not hold.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import requests
import yaml
from numpy.typing import NDArray

from benchmarks.markdown import wrapped
from benchmarks.soak_model import CHECK_SECONDS, RETENTION, WINDOW
from driftgauge.demo.parts import (
    SCRAPE_SECONDS,
    Setup,
    bridge_parts,
    component_parts,
    find_components,
    model_part,
    write_configuration,
)
from driftgauge.demo.ports import (
    ALERTMANAGER,
    BRIDGE,
    HOST,
    INBOX,
    MODEL,
    PROMETHEUS,
    Listener,
    check_free,
    choose_ports,
)
from driftgauge.demo.processes import Part, StopRequest, Supervisor
from driftgauge.demo.status import answers, read_samples
from driftgauge.demo.train import MODEL_NAME, MODEL_VERSION
from driftgauge.stack_config import prometheus_config

PORT_OFFSET = 1_500
"""Beside a demo that runs."""
LOOK_SECONDS = 5.0
MEBIBYTE = 1 << 20
PARTS = (MODEL, BRIDGE, PROMETHEUS, ALERTMANAGER, INBOX)
MONITOR = Listener("monitor", "", 9111)
OURS = (MODEL, MONITOR, BRIDGE)

PLACES = {
    "inside": "in the model's process, rows in memory",
    "beside": "by `driftgauge monitor` in a process of its own, rows in SQLite",
}

MEMORY_GROWTH = 0.05
SCRAPE_P99_SECONDS = 0.1
CHECKING_RATIO = 1.2
"""What the hour must show, as promised."""


@dataclass
class Sizes:
    """Resident memory, threads and open files of a process, look by look."""

    memory: list[float] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def look(self, pid: int) -> None:
        """As Linux has them now."""
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        lines = dict(line.split(":", 1) for line in status.splitlines())
        self.memory.append(int(lines["VmRSS"].split()[0]) * 1024 / MEBIBYTE)
        self.threads.append(int(lines["Threads"]))
        self.files.append(len(os.listdir(f"/proc/{pid}/fd")))  # noqa: PTH208 - names alone, some are gone already


def main() -> int:
    """Run, write the page, and say whether all held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--seconds", type=float, default=2_700.0, help="after the warm-up (default: %(default)g)"
    )
    parser.add_argument("--warm-up", type=float, default=900.0)
    parser.add_argument("--rate", type=float, default=1_000.0, help="predictions a second")
    parser.add_argument(
        "--checks",
        choices=("inside", "beside"),
        default="beside",
        help="in the model's process, or in one of `driftgauge monitor` (default: %(default)s)",
    )
    parser.add_argument("--markdown", type=Path, help="page to write")
    options = parser.parse_args()
    ports = choose_ports({}, PORT_OFFSET)
    with tempfile.TemporaryDirectory(prefix="driftgauge-soak-") as folder, StopRequest() as stop:
        directory = Path(folder)
        setup = Setup(
            directory=directory,
            ports=ports,
            components=find_components(),
            speed=1.0,
            slack_channel="#soak",
            environment={},
        )
        check_free(ports, setup.listeners)
        write_configuration(setup)
        parts = PARTS if options.checks == "inside" else (*PARTS, MONITOR)
        if MONITOR in parts:
            configure_monitor(setup)
        with Supervisor(directory / "logs") as supervisor:
            start(supervisor, setup, options)
            sizes: dict[str, Sizes] = {part.name: Sizes() for part in parts}
            began = time.monotonic()
            while time.monotonic() - began < options.warm_up + options.seconds:
                if stop.wait(LOOK_SECONDS):
                    return 130
                supervisor.check()
                if time.monotonic() - began > options.warm_up:
                    for name, size in sizes.items():
                        size.look(supervisor.pid_of(name))
            numbers = asked(setup, options)
        calls = split(np.load(directory / "model" / "calls.npy"), np.load(directory / "model" / "checks.npy"))
    page, held = report(sizes, numbers, calls, options)
    print(page)
    if options.markdown:
        options.markdown.write_text(page, encoding="utf-8")
    return 0 if held else 1


def configure_monitor(setup: Setup) -> None:
    """What `driftgauge monitor` reads, and Prometheus told of it."""
    target = f"{HOST}:{MONITOR.default + PORT_OFFSET}"
    folder = setup.directory / "model"
    folder.mkdir(exist_ok=True)
    config = {
        "model": {"name": MODEL_NAME, "version": MODEL_VERSION, "reference": "reference.json"},
        "server": {"port": MONITOR.default + PORT_OFFSET},
        "store": {"type": "sqlite", "path": "rows.sqlite3", "retention_hours": RETENTION},
        "checks": {"interval_seconds": CHECK_SECONDS, "windows": {WINDOW.name: WINDOW.seconds}},
        "assessment": {"segment": "origin"},
    }
    (folder / "exporter.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    scrapes = prometheus_config(
        [setup.address(MODEL), target],
        setup.address(BRIDGE),
        setup.address(ALERTMANAGER),
        setup.directory / "prometheus" / "rules",
        scrape_interval=SCRAPE_SECONDS,
        evaluation_interval=SCRAPE_SECONDS,
        prometheus_target=setup.address(PROMETHEUS),
    )
    (setup.directory / "prometheus" / "prometheus.yaml").write_text(scrapes, encoding="utf-8")


def start(supervisor: Supervisor, setup: Setup, options: argparse.Namespace) -> None:
    """The demo's parts, the model's with another command."""
    demo = model_part(setup)
    folder = setup.directory / "model"
    model = Part(
        name=demo.name,
        command=[
            sys.executable, "-m", "benchmarks.soak_model",
            "--port", str(setup.ports[MODEL]), "--directory", str(folder),
            "--rate", str(options.rate), "--checks", options.checks,
        ],
        url=demo.url,
        is_ready=demo.is_ready,
        ready_within_seconds=demo.ready_within_seconds,
    )  # fmt: skip
    url = f"http://{HOST}:{MONITOR.default + PORT_OFFSET}/metrics"
    monitor = Part(
        name=MONITOR.name,
        command=[
            sys.executable, "-m", "benchmarks.soak_monitor",
            "--config", str(folder / "exporter.yaml"), "--checks", str(folder / "checks.npy"),
        ],
        url=url,
        is_ready=answers(url),
        ready_within_seconds=demo.ready_within_seconds,
    )  # fmt: skip
    groups = [[*bridge_parts(setup), model], component_parts(setup)]
    if options.checks == "beside":
        groups.insert(1, [monitor])
    for parts in groups:
        for part in parts:
            supervisor.start(part)
        supervisor.wait_ready(*(part.name for part in parts))


def split(calls: NDArray[np.float64], checks: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    """How long calls took that ran while a check did, and the others.

    Parameters
    ----------
    calls : ndarray of shape (n_calls, 2)
        When each began, and how long it took.
    checks : ndarray of shape (n_checks, 2)
        When each began and ended, in order.
    """
    began, seconds = calls.T
    latest = np.searchsorted(checks[:, 0], began + seconds) - 1
    during = (latest >= 0) & (checks[latest, 1] > began)
    return {
        name: {"calls": len(part), "p50": float(np.median(part)), "p99": float(np.quantile(part, 0.99))}
        for name, part in {"checking": seconds[during], "idle": seconds[~during]}.items()
    }


def asked(setup: Setup, options: argparse.Namespace) -> dict[str, float]:
    """What the metrics of the parts say at the end."""

    def scraped(name: str, **labels: str) -> float:
        return sum(value for found, value in samples.get(name, []) if labels.items() <= found.items())

    pages = [setup.url(MODEL, "/metrics")]
    if options.checks == "beside":
        pages.append(f"http://{HOST}:{MONITOR.default + PORT_OFFSET}/metrics")
    samples = read_samples("".join(requests.get(page, timeout=30).text for page in pages))
    numbers = {
        "predictions": scraped("model_predictions_total"),
        "dropped": scraped("driftgauge_observations_dropped_total"),
        "errors": scraped("driftgauge_internal_errors_total"),
        "checks": scraped("driftgauge_checks_total"),
        "check_seconds": scraped("driftgauge_check_duration_seconds_sum")
        / max(scraped("driftgauge_check_duration_seconds_count"), 1.0),
        "joined": scraped("model_outcomes_total", outcome="joined"),
        "series": float(sum(len(found) for found in samples.values())),
    }
    samples = read_samples(requests.get(setup.url(BRIDGE, "/metrics"), timeout=30).text)
    numbers["notifications"] = scraped("bridge_deliveries_total")
    answer = requests.get(
        setup.url(PROMETHEUS, "/api/v1/query"),
        params={"query": f'scrape_duration_seconds{{job="model"}}[{int(options.seconds)}s]'},
        timeout=60,
    ).json()
    durations = [float(value) for series in answer["data"]["result"] for _, value in series["values"]]
    numbers["scrapes"] = len(durations)
    numbers["scrape_p50"], numbers["scrape_p99"] = np.quantile(durations, [0.5, 0.99]).tolist()
    return numbers


def told(part: dict[str, Any]) -> str:
    """How long the slowest of a hundred calls took, and the typical one."""
    return f"{part['p99'] * 1000:.1f} ms ({part['p50'] * 1000:.1f} ms half of {part['calls']:,})"


def report(
    sizes: dict[str, Sizes], numbers: dict[str, float], calls: dict[str, Any], options: argparse.Namespace
) -> tuple[str, bool]:
    """The page, and whether everything held."""
    lines = []
    growths = {}
    for name, size in sizes.items():
        tenth = max(len(size.memory) // 10, 1)
        first, last = float(np.median(size.memory[:tenth])), float(np.median(size.memory[-tenth:]))
        growths[name] = last / first - 1
        lines.append(
            f"| {name} | {first:.0f} MiB | {last:.0f} MiB | {growths[name]:+.1%}"
            f" | {max(size.memory):.0f} MiB | {size.threads[0]} to {size.threads[-1]}"
            f" | {np.median(size.files[:tenth]):.0f} to {np.median(size.files[-tenth:]):.0f} |"
        )
    ratio = calls["checking"]["p99"] / calls["idle"]["p99"]
    leaks = [
        name
        for name in (part.name for part in OURS if part.name in sizes)
        if np.median(sizes[name].threads[-20:]) > np.median(sizes[name].threads[:20])
        or np.median(sizes[name].files[-20:]) > np.median(sizes[name].files[:20]) + 1
    ]
    asked_for = options.rate * (options.warm_up + options.seconds)
    promises = [
        (
            f"memory of our processes grows by at most {MEMORY_GROWTH:.0%} after the warm-up",
            ", ".join(f"{part.name} {growths[part.name]:+.1%}" for part in OURS if part.name in sizes),
            all(growths[part.name] <= MEMORY_GROWTH for part in OURS if part.name in sizes),
        ),
        (
            "no observation dropped, no internal error",
            f"{numbers['dropped']:,.0f} and {numbers['errors']:,.0f} of {numbers['predictions']:,.0f}",
            numbers["dropped"] == 0 and numbers["errors"] == 0,
        ),
        (
            f"{options.rate:,.0f} predictions a second",
            f"{numbers['predictions'] / asked_for:.1%} of those due",
            numbers["predictions"] >= 0.99 * asked_for,
        ),
        (
            f"99 % of scrapes below {SCRAPE_P99_SECONDS * 1000:.0f} ms",
            f"{numbers['scrape_p99'] * 1000:.0f} ms, half below {numbers['scrape_p50'] * 1000:.0f} ms",
            numbers["scrape_p99"] <= SCRAPE_P99_SECONDS,
        ),
        ("no thread or file leaks", "none" if not leaks else ", ".join(leaks), not leaks),
        (
            f"99 % of calls while a check runs at most {CHECKING_RATIO:g} times as long as without",
            f"{ratio:.2f} times: {told(calls['checking'])}, {told(calls['idle'])}",
            ratio <= CHECKING_RATIO,
        ),
    ]
    table = "\n".join(
        f"| {what} | {found} | {'yes' if held else '**no**'} |" for what, found, held in promises
    )
    text = f"""# Soak

Written by `make soak` (`benchmarks/soak.py`): the demo's model process, Prometheus, Alertmanager, bridge and
inbox with the demo's configuration, on two cores that they share, a scrape and an evaluation of all rules
each second. {options.rate:,.0f} predictions a second in calls of ten flights, their outcomes a minute later,
for {options.warm_up / 60:.0f} min of warm-up and {options.seconds / 60:.0f} min that count;
{numbers["checks"]:,.0f} checks of a window of five minutes, {PLACES[options.checks]},
{numbers["check_seconds"]:.2f} s each on average;
{numbers["joined"]:,.0f} outcomes joined; {numbers["series"]:,.0f} series; {numbers["notifications"]:,.0f}
calls of the bridge's destinations; {numbers["scrapes"]:,.0f} scrapes.

| promised | found | held |
|---|---|---|
{table}

| process | memory, first tenth | last tenth | | highest | threads | open files |
|---|---:|---:|---:|---:|---:|---:|
{chr(10).join(lines)}

Memory is the median of resident sizes. Prometheus keeps what it scrapes for two hours in memory: it grows by
design. A call that is due while the one before still runs is made late, and its own time alone counts.
"""
    return wrapped(text), all(held for _, _, held in promises)


if __name__ == "__main__":
    sys.exit(main())
