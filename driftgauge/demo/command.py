"""`driftgauge demo`: starts the parts, shows what happens, ends them, and says what happened."""

from __future__ import annotations

import argparse
import math
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from ..errors import DemoError, PartError
from .display import display_for, summary_of
from .loop import Loop
from .parts import (
    GET_COMPONENTS,
    RULE_TIME_SCALE,
    Setup,
    bridge_parts,
    component_parts,
    explorer_parts,
    find_components,
    model_part,
    write_configuration,
)
from .ports import BRIDGE, EXPLORER, INBOX, LISTENERS, MODEL, PROMETHEUS, check_free, choose_ports
from .processes import StopRequest, Supervisor
from .replay import DAY_SECONDS
from .retraining import alive, retraining_part
from .status import Tally, Watcher

LOOK_INTERVAL_SECONDS = 0.5
"""Between two looks at the parts; the model's numbers change about twenty times a second."""


@dataclass(slots=True)
class _Run:
    """One run of the demo, from its first line to its summary."""

    console: Console
    setup: Setup
    stop: StopRequest
    began: float
    ends: float
    loop: Loop | None = None
    tally: Tally = field(default_factory=Tally)

    @property
    def over(self) -> bool:
        """Whether time is up, a signal came, or a retraining has come to its end."""
        over = self.stop.requested or time.monotonic() >= self.ends
        return over or (self.loop is not None and self.loop.over(self.elapsed))

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    def say(self, line: str) -> None:
        """Print a line."""
        self.console.print(line, markup=False)

    def introduce(self) -> None:
        """Say what this is, what differs from a deployment, and what is missing."""
        setup = self.setup
        seconds = DAY_SECONDS / setup.speed
        self.say(f"driftgauge demo: the flights out of New York in 2013, a day in {seconds:.3g} s.")
        self.say(
            f"Alerts wait {RULE_TIME_SCALE:g} of the time that alerting/rules asks for: `for: 1m` is "
            f"{60 * RULE_TIME_SCALE:g} s here. State and logs: {setup.directory}"
        )
        if not setup.uses_inbox:
            self.say("Messages go to Slack, as the environment's SLACK_... variables say.")
        if setup.components.missing:
            self.say(
                f"Found no {' and no '.join(setup.components.missing)} on PATH, so no alert can become a "
                f"message; drift is shown here all the same. {GET_COMPONENTS}"
            )
        if PROMETHEUS in setup.listeners and EXPLORER not in setup.listeners:
            self.say("Found no dash in this Python, so no drift explorer: pip install 'driftgauge[explore]'")

    def start(self, supervisor: Supervisor) -> bool:
        """Start all parts; False when it was over before they were ready."""
        self.say("Loading the flights and training the model on January to March ...")
        first = [*bridge_parts(self.setup), model_part(self.setup)]
        if self.setup.retrain:
            first.append(retraining_part(self.setup))
        # Prometheus starts when the model answers: a target that is down at first would be an alert.
        for parts in (first, [*component_parts(self.setup), *explorer_parts(self.setup)]):
            for part in parts:
                supervisor.start(part)
            if not supervisor.wait_ready(*(part.name for part in parts), stopped=lambda: self.over):
                return False
        self.say(f"Everything runs after {self.elapsed:.1f} s. Ctrl-C ends it.")
        return True

    def watch(self, supervisor: Supervisor) -> None:
        """Show what happens until it is over."""
        setup = self.setup
        watcher = Watcher(
            model_url=setup.url(MODEL, "/metrics"),
            bridge_url=setup.url(BRIDGE, "/metrics"),
            prometheus_url=setup.url(PROMETHEUS) if PROMETHEUS in setup.listeners else None,
            inbox_url=setup.url(INBOX) if INBOX in setup.listeners else None,
        )
        shown = [part for part in supervisor.parts if part.name != INBOX.name]
        shown += [part for part in supervisor.parts if part.name == INBOX.name]
        with display_for(self.console, shown) as display:
            while True:
                status = watcher.look()
                self.tally.add(status, self.elapsed)
                display.show(status, time.monotonic())
                if self.loop is not None:
                    for line in self.loop.look(self.elapsed):
                        self.say(line)
                supervisor.check()
                if self.over:
                    return
                self.stop.wait(min(LOOK_INTERVAL_SECONDS, max(self.ends - time.monotonic(), 0.0)))


def run(arguments: argparse.Namespace) -> int:
    """Run the demo as the command line asks; 0 whether time, Ctrl-C or SIGTERM ended it.

    With `--retrain` it is 1 if the loop has not closed by then.

    Raises
    ------
    DemoError
        If a port is taken, the data cannot be used, or a part dies.
    """
    began = time.monotonic()
    ports = choose_ports(
        {
            listener: getattr(arguments, listener.option.strip("-").replace("-", "_"))
            for listener in LISTENERS
        },
        arguments.port_offset,
    )
    components = find_components()
    with StopRequest() as stop, _state_directory(arguments.directory) as directory:
        setup = Setup(
            directory=directory,
            ports=ports,
            components=components,
            speed=arguments.speed,
            data=arguments.data,
            slack_channel=arguments.slack_channel,
            retrain=arguments.retrain,
        )
        if setup.retrain and components.missing:
            found = f"found no {' and no '.join(components.missing)} on PATH"
            raise DemoError(f"--retrain: {found}, need both; {GET_COMPONENTS}")
        check_free(ports, setup.listeners)
        demo = _Run(
            console=Console(highlight=False, soft_wrap=True),
            setup=setup,
            stop=stop,
            began=began,
            ends=math.inf if arguments.exit_after is None else began + arguments.exit_after,
            loop=Loop(setup, stays=arguments.exit_after is None) if setup.retrain else None,
        )
        demo.introduce()
        with ExitStack() as held:
            if setup.retrain:
                held.enter_context(alive(setup))
            write_configuration(setup)
            with Supervisor(directory / "logs") as supervisor:
                if demo.start(supervisor):
                    demo.watch(supervisor)
    for line in summary_of(demo.tally, demo.elapsed, components.missing):
        demo.say(line)
    if demo.loop is None:
        return 0
    for line in demo.loop.conclusion(demo.elapsed):
        demo.say(line)
    return 0 if demo.loop.closed else 1


@contextmanager
def _state_directory(chosen: Path | None) -> Iterator[Path]:
    """The chosen folder, or a temporary one that is kept only when a part failed, for its logs."""
    if chosen is not None:
        try:
            chosen.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DemoError(
                f"--directory {chosen}: found {error.strerror}, need a folder to write to"
            ) from error
        yield chosen.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="driftgauge-demo-"))
    try:
        yield folder
    except PartError as error:
        raise PartError(f"{error}; its logs are in {folder / 'logs'}") from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
