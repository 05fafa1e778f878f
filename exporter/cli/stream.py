"""`driftgauge stream`: predictions and outcomes from Kafka, measured and checked as a predictor's own."""

from __future__ import annotations

import argparse
import logging
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..config import ExporterConfig

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - its only name

logger = logging.getLogger("driftgauge.stream")

STOP_SECONDS = 5.0
"""How long a check that is under way may take to end."""


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "stream",
        help="measure and check predictions that come from Kafka",
        description="Consumes predictions and outcomes from topics; see docs/streams.md.",
    )
    parser.add_argument("--config", default="config/exporter.yaml", help="configuration file")
    parser.add_argument("--verbose", action="store_true", help="log more")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from ..config import load_config  # noqa: PLC0415 - a parser of options reads no files

    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    stream(load_config(arguments.config), Path(arguments.config))
    return 0


def stream(config: ExporterConfig, where: Path) -> None:
    """Consume until SIGTERM or SIGINT.

    Raises
    ------
    ConfigError
        If the configuration lacks the model, its reference or the stream, or brokers refuse us.
    ReferenceDataError
        If the reference is not the model's.
    """
    if config.stream is None:
        raise ConfigError(f"{where}: stream: found nothing, need bootstrap_servers, group and observations")
    if config.model is None or config.model.reference is None:
        raise ConfigError(f"{where}: model: found no reference, need name, version and reference")
    from ..parts import own_registry  # noqa: PLC0415 - after the options and the file
    from ..reference import Reference  # noqa: PLC0415 - same
    from ..server import MetricsServer  # noqa: PLC0415 - same
    from ..stores.settings import open_unbuffered_store  # noqa: PLC0415 - same
    from ..streams.consumer import StreamConsumer  # noqa: PLC0415 - the client of Kafka is an extra
    from ..streams.publisher import Announcer, Publisher  # noqa: PLC0415 - same
    from ..streams.sink import Sink  # noqa: PLC0415 - same

    model = (config.model.name, config.model.version)
    reference = Reference.load(config.model.reference, model_name=model[0], model_version=model[1])
    # No buffer in front: what Kafka keeps for us need not wait in memory.
    store = open_unbuffered_store(config.store, name=model[0], version=model[1])
    registry = own_registry()
    publisher = Publisher(config.stream)
    announcer = None if config.stream.alerts is None else Announcer(config.stream, publisher, model)
    sink = Sink(
        reference,
        store,
        registry,
        announcer=announcer,
        policy=config.policy,
        windows=config.windows,
        assessment=config.assessment,
        check_interval_seconds=config.schedule.interval_seconds,
        check_rows=config.stream.check_rows,
    )
    consumer = StreamConsumer(config.stream, sink, publisher)
    server = MetricsServer(registry, config.server, _pages(sink))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: consumer.stopping.set())
    logger.info("metrics at %s, group %s", server.url, config.stream.group)
    checks = sink.checks()
    checks.start()
    try:
        consumer.run()
    finally:
        checks.stop(STOP_SECONDS)
        server.close()


def _pages(sink: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a Sink, whose module is imported when needed
    from ..answers import QueriedPage  # noqa: PLC0415 - as above
    from ..pages import drift_answer, drift_page, performance_page  # noqa: PLC0415 - as above

    return {
        "drift": QueriedPage(
            lambda rest, query: drift_answer(drift_page(sink.monitor), sink.monitor, rest, query)
        ),
        "performance": lambda rest: None if rest else performance_page(sink.monitor),
    }
