"""The demo's model process: trains, serves /metrics, replays the year, and goes on serving.

`python -m driftgauge.demo.service --port 9108 --directory DIR`
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib
from prometheus_client import CollectorRegistry, Gauge
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from exporter import (
    AssessmentPolicy,
    ExporterError,
    InstrumentedPredictor,
    MemoryStore,
    MetricsServer,
    Reference,
)
from exporter.rollout import Candidate, Succession
from exporter.server import ServerOptions

from ..errors import DriftgaugeError
from .asking import RunWatcher
from .data import Flights, find_data, load_flights
from .learning import CANDIDATE_FILE, POLICY, STATE_FILE, Learning
from .options import DEFAULT_SPEED
from .pacing import Holding, Timetable
from .ports import HOST
from .processes import StopRequest
from .replay import WINDOW, Pace, SimulatedClock, replay
from .retraining import MINIMUM_LABELLED_ROWS, champion_path
from .status import CLOCK_METRIC, PROGRESS_METRIC
from .train import MODEL_NAME, train

YEAR_START = datetime(2013, 1, 1, 5, tzinfo=UTC).timestamp()
REPLAY_START = datetime(2013, 4, 1, 4, tzinfo=UTC).timestamp()
YEAR_END = datetime(2014, 1, 1, 5, tzinfo=UTC).timestamp()
"""Midnights in New York, written in UTC: it is five hours behind in winter and four in summer."""

RETRAIN_START = datetime(2013, 5, 1, 4, tzinfo=UTC).timestamp()
"""With a retraining the replay begins a month later: the drift of April adds nothing but half a minute."""

RETENTION_HOURS = WINDOW.seconds / 3600 + 48
"""The window, and two days in which outcomes may come."""

IDLE_CHECK_SECONDS = 5.0
"""Between checks once the replay has ended; Prometheus expects them to go on."""


def main(argv: list[str] | None = None) -> int:
    """Run until a signal ends it."""
    parser = argparse.ArgumentParser(prog="driftgauge-demo-model")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--addr", default=HOST, help="address to listen on (default: %(default)s)")
    parser.add_argument("--directory", type=Path, required=True, help="where the reference is written")
    parser.add_argument("--speed", type=float, default=DEFAULT_SPEED)
    parser.add_argument("--data", type=Path, help="folder of the flights' tables")
    parser.add_argument("--retraining", metavar="URL", help="take challengers from this retraining service")
    parser.add_argument("--handed-over", type=Path, metavar="FILE", help="where it names them")
    arguments = parser.parse_args(argv)
    began = time.monotonic()
    try:
        with threadpool_limits(limits=1):  # train.py has the measurement
            year, model, reference = prepare(arguments.data, arguments.directory / "reference.json", began)
            # Until here a signal ends the process at once; from here on it ends the replay.
            with StopRequest() as stop:
                run = serve if arguments.retraining is None else serve_and_learn
                run(year, model, reference, arguments, stop, began)
    except (DriftgaugeError, ExporterError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201  # the parent reads it
        return 2
    return 0


def prepare(data: Path | None, path: Path, began: float) -> tuple[Flights, Any, Reference]:
    """The flights to replay, the trained model, and the reference as it was written and read back."""
    flights = load_flights(find_data() if data is None else data)
    _say(f"loaded {len(flights):,} flights", began)
    model, reference = train(flights.between(YEAR_START, REPLAY_START))
    path.parent.mkdir(parents=True, exist_ok=True)
    reference.save(path)
    _say(f"trained on January to March, wrote {path}", began)
    return flights.between(REPLAY_START, YEAR_END), model, Reference.load(path)


def instrumented(
    model: Any,  # noqa: ANN401  # scikit-learn ships no types
    reference: Reference,
    clock: SimulatedClock,
    registry: CollectorRegistry | None = None,
) -> InstrumentedPredictor:
    """The model as the demo measures it."""
    return InstrumentedPredictor(
        model,
        name=MODEL_NAME,
        version=reference.model_version,
        reference=reference,
        registry=registry,
        store=MemoryStore(retention_hours=RETENTION_HOURS),
        windows=[WINDOW],
        clock=clock,
        assessment=AssessmentPolicy(segment="origin"),
        background=False,  # a check per simulated day, called by the replay; scrapes fold what is pending
    )


def serve(
    year: Flights,
    model: Any,  # noqa: ANN401  # scikit-learn ships no types
    reference: Reference,
    arguments: argparse.Namespace,
    stop: StopRequest,
    began: float,
) -> None:
    """Serve and replay until told to stop."""
    clock = SimulatedClock(REPLAY_START)
    with instrumented(model, reference, clock) as predictor:
        _show_clock(predictor.registry, clock, REPLAY_START)
        server = predictor.serve(port=arguments.port, addr=arguments.addr)
        _say(f"serving at {server.url}", began)
        # Time stops at midnight: later windows would lack a weekday. The last flights stay in the air.
        replay(predictor, year, clock, Pace(REPLAY_START, arguments.speed, stop.wait).hours(YEAR_END))
        if not stop.requested:
            _say("replayed to the end of the year, serving on", began)
        while not stop.wait(IDLE_CHECK_SECONDS):
            predictor.check_now()


def serve_and_learn(
    year: Flights,
    model: Any,  # noqa: ANN401  # scikit-learn ships no types
    reference: Reference,
    arguments: argparse.Namespace,
    stop: StopRequest,
    began: float,
) -> None:
    """As `serve`, with challengers from a retraining service, for which the replay waits."""
    folder = arguments.directory
    joblib.dump(model, champion_path(folder))
    clock = SimulatedClock(RETRAIN_START)
    watcher = RunWatcher(arguments.retraining)

    def build(candidate: Candidate | None, registry: CollectorRegistry) -> InstrumentedPredictor:
        if candidate is None:
            return instrumented(model, reference, clock, registry)
        loaded = joblib.load(candidate.model_path)
        return instrumented(loaded, Reference.load(candidate.reference_path), clock, registry)

    with Succession(
        build,
        name=MODEL_NAME,
        version=reference.model_version,
        state_path=folder / STATE_FILE,
        candidate_path=folder / CANDIDATE_FILE,
        policy=POLICY,
        clock=clock,
        background=False,  # `sync` once an hour of the replay
    ) as serving:
        _show_clock(serving.registry, clock, RETRAIN_START)
        learning = Learning(
            serving=serving,
            flights=year,
            clock=clock,
            run=lambda: watcher.run,
            timetable=Timetable(),
            handed_over=arguments.handed_over,
            folder=folder,
            enough=MINIMUM_LABELLED_ROWS,
        )
        options = ServerOptions(port=arguments.port, addr=arguments.addr)
        server = MetricsServer(serving.registry, options, learning.pages, serving.actions)
        _say(f"serving at {server.url}", began)
        holding = Holding(lambda: learning.awaits, stop.wait)
        pace = Pace(RETRAIN_START, arguments.speed, holding.wait, holding.monotonic)
        end_watch = watcher.start()
        later = year.between(RETRAIN_START, YEAR_END)
        replay(learning, later, clock, learning.hours(pace.hours(YEAR_END)))
        end_watch()
        while not stop.wait(IDLE_CHECK_SECONDS):
            learning.check_now()
        server.close()


def _show_clock(registry: CollectorRegistry, clock: SimulatedClock, start: float) -> None:
    """Metrics of the replay beside those of the model."""
    Gauge(CLOCK_METRIC, "Time in the replayed world.", registry=registry).set_function(clock)
    Gauge(PROGRESS_METRIC, "Share of the replay that is done, 0 to 1.", registry=registry).set_function(
        lambda: (clock.now - start) / (YEAR_END - start)
    )


def _say(what: str, began: float) -> None:
    print(f"{time.monotonic() - began:6.1f} s  {what}", flush=True)  # noqa: T201  # the log


if __name__ == "__main__":
    sys.exit(main())
