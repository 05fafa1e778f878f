"""Several processes that count as one: prometheus_client's multiprocess mode, seen as a whole.

Each worker keeps its values in files of its own in `PROMETHEUS_MULTIPROC_DIR`; whichever is scraped adds them
all up. What prometheus_client leaves to its user is done here: gauges of workers that are dead are forgotten,
also where no server tells of their end, and a gauge that is not known any more is written as NaN and not
shown, since a series cannot be taken out of such a file.

A configuration of gunicorn needs one line: `from exporter.multiprocess import child_exit, on_starting`.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from prometheus_client import values
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from .errors import ConfigError
from .metrics import FAMILIES

DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable of prometheus_client, which `config` reads: here for messages."""

_OURS = {family.name.removesuffix("_total"): family for family in FAMILIES}
"""Families by the names that they have in the files; the host's own metrics lie there too."""


class WorkerFiles:
    """The files of all workers.

    Parameters
    ----------
    directory : Path
        Where they are; of one run of one server, on a local disk.

    Raises
    ------
    ConfigError
        If it is no directory that can be written to.
    """

    def __init__(self, directory: Path) -> None:
        if not (directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)):
            raise ConfigError(
                f"{DIRECTORY}: found {directory}, need a directory that can be written to,"
                " empty when the server starts"
            )
        self.directory = directory

    def metrics(self) -> Iterator[Metric]:
        """Our families over all workers, in the order of the table; gauges of those that live."""
        forget_dead(self.directory)
        merged = {metric.name: metric for metric in _merged(self._paths())}
        for name in _OURS:
            metric = merged.get(name)
            if metric is None:
                continue
            if metric.type == "gauge":
                metric.samples = [sample for sample in metric.samples if not math.isnan(sample.value)]
            yield metric

    def path(self, kind: str, name: str, version: str) -> Path:
        """A file of ours for a model version, which no pattern of prometheus_client's finds."""
        digest = hashlib.sha256(f"{name}\0{version}".encode()).hexdigest()[:16]
        return self.directory / f"driftgauge_{digest}.{kind}"

    def _paths(self) -> list[str]:
        """Files that hold anything; one that a killed worker had just made is empty, and an error to read."""
        return [str(path) for path in sorted(self.directory.glob("*.db")) if _size(path)]


def _merged(paths: Sequence[str]) -> list[Metric]:
    merge: Callable[[Sequence[str]], Iterable[Metric]] = MultiProcessCollector.merge
    return list(merge(paths))


def worker_files() -> WorkerFiles | None:
    """Files of the workers in multiprocess mode, else None.

    Raises
    ------
    ConfigError
        If the mode was chosen too late for prometheus_client, or its directory cannot be used.
    """
    directory = _configured()
    # prometheus_client chooses this class once, when it is imported; there is no public question for it.
    active = getattr(values.ValueClass, "_multiprocess", False)
    if directory is None:
        if active:
            raise ConfigError(
                f"{DIRECTORY}: found it empty, or unset since prometheus_client was imported, need a"
                " directory for as long as we run, or no such variable from the start"
            )
        return None
    if not active:
        raise ConfigError(
            f"{DIRECTORY}: found it set after prometheus_client was imported, need it in the"
            " environment that the server starts in"
        )
    return WorkerFiles(directory)


def forget_dead(directory: Path) -> None:
    """Remove what processes that are no more left in gauges of the living. Their counters stay."""
    for path in directory.glob("gauge_live*.db"):
        if not _lives(path):
            path.unlink(missing_ok=True)


def child_exit(server: Any, worker: Any) -> None:  # noqa: ANN401, ARG001 - gunicorn's hook
    """gunicorn's hook: forget the gauges of a worker at once, instead of at the next scrape."""  # noqa: D403 - its name
    directory = _configured()
    if directory is not None:
        for path in directory.glob(f"gauge_live*_{worker.pid}.db"):
            path.unlink(missing_ok=True)


def on_starting(server: Any) -> None:  # noqa: ANN401, ARG001 - gunicorn's hook
    """gunicorn's hook: remove what an earlier run left; its counters would be counted with ours."""  # noqa: D403 - its name
    directory = _configured()
    if directory is not None:
        clear(directory)


def clear(directory: Path) -> None:
    """Remove files of processes that are no more; those of a preloaded application are its master's."""
    left: Sequence[Path] = [path for path in directory.glob("*.db") if not _lives(path)]
    for path in left:
        path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # the gauges of a worker that has just died
        return 0


def _lives(path: Path) -> bool:
    """Whether the process whose file this is still runs; a file of another name is not ours to judge."""
    pid = path.stem.rpartition("_")[2]
    if not pid.isdigit():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, as somebody else's
        return True
    return not _ended(int(pid))


def _ended(pid: int) -> bool:
    """Whether Linux keeps a process only until its parent asks how it ended: a signal still reaches it.

    A server may take its time to ask, and in a container whose first process never asks it is for ever.
    """
    try:
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:  # no Linux, or it has gone since
        return False
    return state[:1] in (["Z"], ["X"])


def _configured() -> Path | None:
    from .config import multiprocess_directory  # noqa: PLC0415 - a parser of options reads no configuration

    return multiprocess_directory()
