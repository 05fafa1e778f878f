"""`driftgauge monitor`: the checks of a model that is served elsewhere, on a store that its replicas share.

It needs the reference and the store, not the model: what asks the model itself (importances by permutation)
is left out, and so are calls, errors and latencies, which the replicas count. Exposures and business values
are theirs too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from .arrivals import Arrivals
from .checking import Checking
from .effects import Effects
from .errors import ConfigError
from .families import families_for
from .lifetime import live_with
from .monitor import Monitor
from .outcomes import classes_of
from .pages import pages_of
from .parts import error_stream_of, newest_of, own_registry
from .reference import Reference
from .server import MetricsServer
from .stores.settings import open_store

if TYPE_CHECKING:
    from .config import ExporterConfig

STOP_TIMEOUT_SECONDS = 5.0
"""How long `close` waits for a check that is under way."""


class StoreMonitor:
    """Checks what replicas have stored.

    Parameters
    ----------
    config : ExporterConfig
        With the model's name, version and reference, and a store that is shared. `checks.enabled` is for the
        replicas and means nothing here.
    clock : callable
        Seconds since 1970.
    background : bool
        Whether a thread checks; without it call `check_now`.

    Raises
    ------
    ConfigError
        If there is no reference, or the store is in memory.
    ReferenceDataError
        If the reference cannot be read, or is another model's.
    """

    def __init__(
        self, config: ExporterConfig, *, clock: Callable[[], float] = time.time, background: bool = True
    ) -> None:
        model = config.model
        if model is None or model.reference is None:
            raise ConfigError("model: found no reference, need name, version and reference of the model")
        if config.store.type == "memory":
            raise ConfigError("store.type: found memory, need one that the replicas share, such as sqlite")
        reference = Reference.load(model.reference, model_name=model.name, model_version=model.version)
        store = open_store(config.store, name=model.name, version=model.version)
        classes = classes_of(reference, None)
        self.registry = own_registry()
        families = families_for(self.registry)
        effects = Effects(
            families,
            model.name,
            model.version,
            business={},
            exposures=None,
            windows=config.windows,
            clock=clock,
        )
        self._monitor = Monitor(
            families,
            model.name,
            model.version,
            reference,
            store,
            policy=config.policy,
            windows=config.windows,
            clock=clock,
            classes=classes,
            assessment=config.assessment,
            errors=error_stream_of(reference, classes, config.windows),
            newest=newest_of(classes, config.assessment),
            effects=effects,
            state_path=config.state_path,
            one_of_many=families.workers is not None,
            arrivals=Arrivals(),
        )
        self._checking = Checking(
            self._monitor,
            effects,
            families,
            replace(config.schedule, enabled=True),
            clock=clock,
            before=lambda: None,  # the replicas have stored what there is
            serves=lambda: True,
        )
        self._effects = effects
        self._server: MetricsServer | None = None
        self._options = config.server
        if background:
            live_with(self, [self._checking], lambda: None, self._forked)

    def check_now(self) -> Mapping[str, Any]:
        """Run a check of every window now and publish it; its reports by window."""
        return self._monitor.run()

    def serve(self) -> MetricsServer:
        """Serve /metrics, /healthz, /drift and /performance as configured.

        Raises
        ------
        PortTakenError
            If something else listens there.
        ConfigError
            If the address or certificate cannot be used.
        """
        self._server = MetricsServer(
            self.registry, self._options, pages_of(self._monitor, self._effects, self._checking)
        )
        return self._server

    def close(self) -> None:
        """Stop the server and the checks."""
        if self._server is not None:
            self._server.close()
        self._checking.stop(STOP_TIMEOUT_SECONDS)
        self._monitor.keep()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _forked(self, child: bool) -> None:
        self._checking.forked(child=child)
        if child:
            self._checking.start()
