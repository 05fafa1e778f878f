"""Parts of a predictor that are made from its arguments."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from .assessment import AssessmentPolicy
from .assessment.newest import NewestOutcomes
from .error_stream import ErrorStream
from .errors import ConfigError, ReferenceDataError
from .multiprocess import worker_files
from .reference import Reference
from .stores import MemoryStore, Store
from .windows import Window, checked_windows

logger = logging.getLogger("driftgauge.parts")


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
    name: str, version: str, reference: object, check_interval_seconds: float, max_pending_rows: int
) -> None:
    """Refuse arguments that no predictor could be made of."""
    for what, value in (("name", name), ("version", version)):
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{what}: found {value!r}, need a text that is not empty")
    if reference is not None and not isinstance(reference, Reference):
        raise ReferenceDataError(
            f"reference: found {type(reference).__name__}, need a Reference; see Reference.load"
        )
    if not check_interval_seconds > 0:
        raise ConfigError(f"check_interval_seconds: found {check_interval_seconds!r}, need a number above 0")
    if not isinstance(max_pending_rows, int) or max_pending_rows < 1:
        raise ConfigError(f"max_pending_rows: found {max_pending_rows!r}, need an integer of at least 1")


def warn_of_own_windows(name: str, store: Store) -> None:
    """Say what workers with a window each cannot do."""
    if isinstance(store, MemoryStore):
        logger.warning(
            "%s: each worker has a window in its own memory: checks see the rows of one worker, and outcomes"
            " find only rows of the worker that is told; need a store that workers share, such as sqlite",
            name,
        )
