"""Parts of a predictor that are made from its arguments."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from .assessment import AssessmentPolicy
from .assessment.newest import NewestOutcomes
from .error_stream import ErrorStream
from .errors import ConfigError, ReferenceDataError
from .fallback import Fallback
from .multiprocess import worker_files
from .policy import Policy
from .reference import Reference
from .schedule import Schedule
from .stores import MemoryStore, Store
from .windows import Window, checked_windows

logger = logging.getLogger("driftgauge.parts")

_STORE_METHODS: Final = ("append", "outcomes", "window", "prune", "size")
"""Of `stores.Store`: any object that has them is one."""

_TYPES: Final[Mapping[str, tuple[Any, str]]] = {
    "policy": (Policy, "a Policy such as Policy.preset('balanced')"),
    "assessment": (AssessmentPolicy, "an AssessmentPolicy"),
    "fallback": (Fallback, "a Fallback"),
    "business": (Mapping, "a mapping of names to BusinessMeasure"),
    "schedule": (Schedule, "a Schedule"),
    "registry": (CollectorRegistry, "a CollectorRegistry of prometheus_client"),
    "clock": (Callable, "a function that gives seconds since 1970"),
    "state_path": ((str, os.PathLike), "the path of a file"),
}
"""Type of an argument, and what a message calls it."""


def error_stream_of(
    reference: Reference | None, classes: tuple[str, ...] | None, windows: Sequence[Window]
) -> ErrorStream | None:
    """Detectors on the errors of a model whose task is known; they are shown beside the longest window."""
    if reference is None or (classes is None and reference.task != "regression"):
        return None
    return ErrorStream(
        classification=classes is not None,
        scale=reference.performance.get("mae", 1.0),
        hold_seconds=checked_windows(windows)[-1].seconds,
    )


def newest_of(classes: tuple[str, ...] | None, policy: AssessmentPolicy) -> NewestOutcomes | None:
    """Newest outcomes of a model of two classes."""
    if classes is None or len(classes) != 2:
        return None
    return NewestOutcomes(policy.last_rows, (classes[0], classes[1]))


def own_registry() -> CollectorRegistry:
    """A registry with what prometheus_client says of the process; of many workers it could say only one's."""
    registry = CollectorRegistry(auto_describe=True)
    if worker_files() is not None:
        return registry
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


def reference_version(reference: Reference | None) -> str:
    """What tells one reference of a model version from another: when it was built."""
    if reference is None:
        return "none"
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(reference.created_at))


def require_arguments(
    name: object,
    version: object,
    reference: object,
    check_interval_seconds: object,
    max_pending_rows: object,
) -> None:
    """Refuse arguments that no predictor could be made of."""
    for what, value in (("name", name), ("version", version)):
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{what}: found {value!r}, need a text that is not empty")
    if reference is not None and not isinstance(reference, Reference):
        raise ReferenceDataError(
            f"reference: found {type(reference).__name__}, need a Reference; see Reference.load"
        )
    if not isinstance(check_interval_seconds, Real) or not float(check_interval_seconds) > 0:
        raise ConfigError(
            f"check_interval_seconds: found {check_interval_seconds!r:.60}, need a number above 0"
        )
    if not isinstance(max_pending_rows, int) or max_pending_rows < 1:
        raise ConfigError(f"max_pending_rows: found {max_pending_rows!r:.60}, need an integer of at least 1")


def require_parts(store: object, windows: object, **others: object) -> None:
    """Refuse parts of another type, which would else fail with the first row, check or outcome.

    Parameters
    ----------
    store, windows
        As in `InstrumentedPredictor`.
    **others
        Its other arguments by name, of `_TYPES`.

    Raises
    ------
    ConfigError
        If one is of another type than it must be.
    """
    if isinstance(windows, Window | str) or not isinstance(windows, Sequence):
        raise ConfigError(f"windows: found {windows!r:.60}, need a list of Window such as Window('1h', 3600)")
    for window in windows:
        if not isinstance(window, Window):
            raise ConfigError(
                f"windows: found {window!r:.60}, need each to be one such as Window('1h', 3600)"
            )
    useless = isinstance(store, type) or not all(
        callable(getattr(store, name, None)) for name in _STORE_METHODS
    )
    if store is not None and useless:
        raise ConfigError(
            f"store: found {store!r:.60}, need an object with {', '.join(_STORE_METHODS)}: a MemoryStore"
        )
    for name, value in others.items():
        types, needed = _TYPES[name]
        if value is not None and not isinstance(value, types):
            raise ConfigError(f"{name}: found {value!r:.60}, need {needed}")


def warn_of_own_windows(name: str, store: Store) -> None:
    """Say what workers with a window each cannot do."""
    if isinstance(store, MemoryStore):
        logger.warning(
            "%s: each worker has a window in its own memory: checks see the rows of one worker, and outcomes"
            " find only rows of the worker that is told; need a store that workers share, such as sqlite",
            name,
        )
